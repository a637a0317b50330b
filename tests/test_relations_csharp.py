"""Imports of C#: namespaces over many files, types, aliases, and projects that see each other."""

import pytest

from relating import targets_of

PROJECT = '<Project Sdk="Microsoft.NET.Sdk"><ItemGroup>{}</ItemGroup></Project>'
FILES = {
    "Core/Core.csproj": PROJECT.format(""),
    "Core/Box.cs": "namespace Acme.Core;\npublic class Box<T> { public class Lid { } }",
    "Core/Box.Part.cs": "namespace Acme.Core\n{\n    public partial class Tin { }\n}",
    "Core/Tin.cs": "namespace Acme.Core { public partial class Tin { } }",
    "Core.Tests/Core.Tests.csproj": PROJECT.format(
        '<ProjectReference Include="..\\Core\\Core.csproj" />'
    ),
    "Core.Tests/Checks.cs": "namespace Acme.Core { public class Checks { } }",
}
CORE = "Core/Box.Part.cs Core/Box.cs Core/Tin.cs"


def of(line, path="App/Use.cs", **more):
    text = f"{line}\nnamespace App;\nclass Use {{ }}\n"
    return targets_of({**FILES, **more, path: text}, path)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("using Acme.Core;", CORE),
        ("global using Acme.Core;", CORE),
        ("using static Acme.Core.Tin;", "Core/Box.Part.cs Core/Tin.cs#Acme.Core.Tin"),
        ("using B = Acme.Core.Box<int>;", "Core/Box.cs#Box"),
        ("using L = global::Acme.Core.Box<int>.Lid;", "Core/Box.cs#Box.Lid"),
        ("using A = Acme.Core;", CORE),
        ("using static Acme.Core.Gone;", "missing"),
        ("using Acme;", "outside"),
        ("using System.Linq;", "outside"),
        ("using Box;", "outside"),
    ],
)
def test_a_namespace_means_its_files_and_a_type_those_that_declare_a_part_of_it(line, meant):
    assert of(line) == [meant]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("namespace Acme.App\n{\n    using Core;\n    class Use { }\n}\n", CORE),
        ("namespace Acme.App;\nusing System;\nusing Core;\nclass Use { }\n", CORE),
        ("using Core;\nnamespace Acme.App\n{\n    class Use { }\n}\n", "outside"),
        ("using Core;\nnamespace Acme.App;\nclass Use { }\n", "outside"),
    ],
)
def test_only_inside_a_namespace_do_names_count_from_it(text, meant):
    said = targets_of({**FILES, "App/Use.cs": text}, "App/Use.cs")
    assert [one for one in said if one != "outside" or meant == one] == [meant]


def test_a_project_sees_itself_and_what_it_refers_to():
    """Two samples declare one namespace: each means its own; one that refers to Core means that."""
    more = {
        "S1/S1.csproj": PROJECT.format(""),
        "S1/Shop.cs": "namespace Shop; class Cart { }",
        "S2/S2.csproj": PROJECT.format('<ProjectReference Include="../S1/S1.csproj"/>'),
        "S3/S3.csproj": PROJECT.format(""),
        "S3/Shop.cs": "namespace Shop; class Cart { }",
        "S4/S4.csproj": PROJECT.format(""),
    }
    assert of("using C = Shop.Cart;", "S1/Use.cs", **more) == ["S1/Shop.cs#Cart"]
    assert of("using C = Shop.Cart;", "S2/Use.cs", **more) == ["S1/Shop.cs#Cart"]
    assert of("using C = Shop.Cart;", "S4/Use.cs", **more) == ["ambiguous"]


def test_references_that_lead_out_of_the_repository_or_in_a_circle_are_survived():
    more = {
        "A/A.csproj": PROJECT.format(
            '<ProjectReference Include="..\\..\\..\\x.csproj"/><ProjectReference Include="..\\B\\B.csproj"/>'
        ),
        "B/B.csproj": PROJECT.format('<ProjectReference Include="..\\A\\A.csproj"/><Broken'),
        "B/T.cs": "namespace T; class T { }",
    }
    assert of("using T;", "A/Use.cs", **more) == ["B/T.cs"]


def test_a_namespace_is_seen_where_branches_of_conditionals_cut_through_it():
    torn = """
        namespace Torn
        {
        #if A
            class One {
        #else
            class Two {
        #endif
            }
        }
        """
    assert of("using Torn;", **{"Torn.cs": torn}) == ["Torn.cs"]
