"""Imports of Java, Kotlin and Scala: packages over source roots, members, relative names."""

import pytest

from relating import meaning_of, targets_of

MAIN, TEST = "src/main/java", "src/test/java"
JAVA = {
    f"{MAIN}/a/b/C.java": "package a.b; public class C { public static class In {} public static int m() { return 1; } }",
    f"{MAIN}/a/b/D.java": "package a.b; public class D {} class Hidden {}",
    f"{TEST}/a/b/CTest.java": "package a.b; public class CTest {}",
    f"{MAIN}/x/List.java": "package x; public class List {}",
}


def of(path, text, files=JAVA, **more):
    return targets_of({**files, **more, path: text}, path)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import a.b.C;", f"{MAIN}/a/b/C.java#C"),
        ("import a.b.C.In;", f"{MAIN}/a/b/C.java#C.In"),
        ("import static a.b.C.m;", f"{MAIN}/a/b/C.java#C.m"),
        ("import static a.b.C.inherited;", f"{MAIN}/a/b/C.java#C"),
        ("import static a.b.C.*;", f"{MAIN}/a/b/C.java#C"),
        ("import a.b.Hidden;", f"{MAIN}/a/b/D.java#Hidden"),
        ("import a.b.*;", f"{MAIN}/a/b/C.java {MAIN}/a/b/D.java"),
        ("import a.b.Gone;", "missing"),
        ("import a.other.C;", "outside"),
        ("import java.util.List;", "outside"),
        ("import java.util.*;", "outside"),
        ("import List;", "outside"),
    ],
)
def test_java_resolves_by_package_and_never_by_the_name_of_a_file(line, meant):
    assert of("other/src/main/java/z/Z.java", f"package z;\n{line}\nclass Z {{}}") == [meant]


def test_a_wildcard_means_no_tests_and_a_test_still_sees_its_own_kind():
    """`import a.b.*` brings a package's main files; a class of the tests is found by its name."""
    assert of(f"{TEST}/z/ZTest.java", "package z; import a.b.CTest; import a.b.*;") == [
        f"{TEST}/a/b/CTest.java#CTest",
        f"{MAIN}/a/b/C.java {MAIN}/a/b/D.java",
    ]


def test_of_two_modules_that_declare_a_class_the_own_one_is_meant_and_a_third_cannot_tell():
    files = {
        f"one/{MAIN}/a/T.java": "package a; class T {}",
        f"two/{MAIN}/a/T.java": "package a; class T {}",
    }
    text = "package z; import a.T;"
    assert of(f"two/{MAIN}/z/Z.java", text, files) == [f"two/{MAIN}/a/T.java#T"]
    assert of(f"three/{MAIN}/z/Z.java", text, files) == ["ambiguous"]


def test_main_does_not_see_what_tests_declare_again():
    files = {
        f"{MAIN}/a/T.java": "package a; class T {}",
        f"{TEST}/a/T.java": "package a; class T {}",
    }
    assert of(f"{MAIN}/z/Z.java", "package z; import a.T;", files) == [f"{MAIN}/a/T.java#T"]
    assert of(f"{TEST}/z/Z.java", "package z; import a.T;", files) == [f"{TEST}/a/T.java#T"]


def test_a_module_declaration_is_no_class_of_the_default_package():
    files = {"src/main/java/module-info.java": "module a.b { }"}
    assert of(f"{MAIN}/z/Z.java", "package z; import a.b.Gone;", files) == ["outside"]


KOTLIN = {
    "core/src/main/kotlin/a/Things.kt": """
        package a
        class Box {
            companion object {
                fun of() = Box()
            }
        }
        fun build() = 1
        fun String.shout() = this
        fun Box.open() = this
        """,
    "core/src/main/kotlin/a/More.kt": "package a\nfun build(x: Int) = x",
    "core/src/main/java/a/Plain.java": "package a; public class Plain {}",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import a.Box", "core/src/main/kotlin/a/Things.kt#Box"),
        ("import a.Box as Crate", "core/src/main/kotlin/a/Things.kt#Box"),
        ("import a.Box.Companion.of", "core/src/main/kotlin/a/Things.kt#Box.of"),
        ("import a.build", "core/src/main/kotlin/a/More.kt core/src/main/kotlin/a/Things.kt#build"),
        ("import a.shout", "core/src/main/kotlin/a/Things.kt#shout"),
        ("import a.Plain", "core/src/main/java/a/Plain.java#Plain"),
        ("import a.gone", "missing"),
        ("import kotlin.collections.List", "outside"),
        (
            "import a.*",
            "core/src/main/java/a/Plain.java core/src/main/kotlin/a/More.kt core/src/main/kotlin/a/Things.kt",
        ),
    ],
)
def test_kotlin_imports_types_functions_and_extensions_wherever_their_file_is(line, meant):
    assert of("app/src/main/kotlin/z/Z.kt", f"package z\n{line}\n", KOTLIN) == [meant]


def test_java_takes_a_function_of_a_kotlin_file_from_the_class_named_after_it():
    text = "package z; import static a.ThingsKt.build;"
    assert of("app/src/main/java/z/Z.java", text, KOTLIN) == [
        "core/src/main/kotlin/a/Things.kt#ThingsKt"
    ]


def test_of_expect_and_actual_common_code_means_its_own_and_a_platform_its_own():
    files = {
        f"net/{platform}/src/a/Socket.kt": "package a\nclass Socket"
        for platform in ("common", "jvm", "js")
    }
    text = "package z\nimport a.Socket\n"
    for asker, meant in [
        ("net/common/src/z/Z.kt", "common"),
        ("net/jvm/src/z/Z.kt", "jvm"),
        ("app/jvm/src/z/Z.kt", "common"),
    ]:
        assert of(asker, text, files) == [f"net/{meant}/src/a/Socket.kt#Socket"]


SCALA = {
    "core/src/main/scala/a/data/Nel.scala": "package a\npackage data\nclass Nel\nobject Nel { val one = 1 }",
    "core/src/main/scala/a/data/package.scala": "package a\npackage object data { type Id[A] = A }",
    "core/src/main/scala/a/syntax/all.scala": "package a.syntax\nobject all",
    "core/src/main/scala/a/Show.scala": "package a\ntrait Show",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import a.data.Nel", ["core/src/main/scala/a/data/Nel.scala#Nel"]),
        ("import a.data.{Nel => N, Id}", ["core/src/main/scala/a/data/Nel.scala#Nel", "core/src/main/scala/a/data/package.scala#data.Id"]),
        ("import a.data.{Nel => _}", []),
        ("import a.syntax.all._", ["core/src/main/scala/a/syntax/all.scala#all"]),
        ("import a.data.Nel.given", ["core/src/main/scala/a/data/Nel.scala#Nel"]),
        ("import _root_.a.Show", ["core/src/main/scala/a/Show.scala#Show"]),
        ("import scala.util.Try, java.util.{List, Map}", ["outside"] * 3),
        ("import data.Nel", ["outside"]),
        ("import a.syntax.Gone", ["missing"]),
        ("import a.data.other.Thing", ["outside"]),
        ("import a.data.FromAboveTheObject", ["core/src/main/scala/a/data/package.scala#data"]),
        ("import a.data.Nel\nimport Nel.one", ["core/src/main/scala/a/data/Nel.scala#Nel", "core/src/main/scala/a/data/Nel.scala#Nel.one"]),
        ("import a.data._", ["core/src/main/scala/a/data/Nel.scala core/src/main/scala/a/data/package.scala"]),
        ("import a._\nimport data.Nel", ["core/src/main/scala/a/Show.scala core/src/main/scala/a/data/package.scala", "core/src/main/scala/a/data/Nel.scala#Nel"]),
    ],
)  # fmt: skip
def test_scala_takes_apart_selectors_and_knows_package_objects(line, meant):
    assert of("app/src/main/scala/z/Z.scala", f"package z\n{line}\n", SCALA) == meant


def test_a_scala_name_counts_from_the_packages_that_its_clauses_open():
    """`package a` + `package laws` sees `a.data` as `data`; `package a.laws` does not."""
    open_twice = of("x/src/main/scala/L.scala", "package a\npackage laws\nimport data.Nel", SCALA)
    open_once = of("x/src/main/scala/L.scala", "package a.laws\nimport data.Nel", SCALA)
    assert (open_twice, open_once) == (["core/src/main/scala/a/data/Nel.scala#Nel"], ["outside"])


def test_what_a_module_declares_for_each_version_of_scala_is_meant_in_each():
    files = {
        f"m/src/main/scala-{version}/a/Compat.scala": "package a\nobject Compat"
        for version in ("2.12", "3")
    }
    text = "package z\nimport a.Compat._"
    both = "m/src/main/scala-2.12/a/Compat.scala m/src/main/scala-3/a/Compat.scala#Compat"
    assert of("m/src/main/scala/Z.scala", text, files) == [both]
    assert of("m/src/main/scala-3/Z.scala", text, files) == [both.split()[1]]


def test_imports_that_name_each_other_in_a_circle_come_to_an_end():
    text = "package z\nimport q.p\nimport p.q\nimport p.q.r._\n"
    assert of("app/src/main/scala/Z.scala", text, SCALA) == ["outside"] * 3


def test_a_package_of_very_many_files_says_nothing_about_any_of_them():
    files = {f"src/main/java/a/C{n}.java": f"package a; class C{n} {{}}" for n in range(501)}
    assert of("src/main/java/z/Z.java", "package z; import a.*; import a.C7;", files) == [
        "ambiguous",
        "src/main/java/a/C7.java#C7",
    ]


def test_the_words_of_an_import_are_kept_as_written():
    text = "package z\nimport a.`in`.b\nimport a.Box as Crate\n"
    assert meaning_of({**KOTLIN, "Z.kt": text}, "Z.kt")[0] == "a.`in`.b -> outside"
