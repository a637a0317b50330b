"""Imports of Go: modules, workspaces, replaced modules, packages of several files, programs."""

import pytest

from relating import targets_of

MODULE = {
    "go.mod": "module example.org/own // ours\n\ngo 1.22\n",
    "main.go": "package main",
    "store/a.go": "package store",
    "store/b.go": "// +build linux\n\npackage store",
    "store/a_test.go": "package store",
    "store/x_test.go": "package store_test",
    "store/gen.go": "//go:build ignore\n\npackage main",
    "cmd/tool/main.go": "package main",
    "notes/README.md": "# no code",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ('import "example.org/own/store"', "store/a.go store/b.go"),
        ('import s "example.org/own/store"', "store/a.go store/b.go"),
        ('import . "example.org/own/store"', "store/a.go store/b.go"),
        ('import _ "example.org/own/store"', "store/a.go store/b.go"),
        ("import `example.org/own/store`", "store/a.go store/b.go"),
        ('import "./store"', "store/a.go store/b.go"),
        ('import "example.org/own/gone"', "missing"),
        ('import "example.org/own/notes"', "missing"),
        ('import "example.org/own/cmd/tool"', "missing"),
        ('import "example.org/owner/store"', "outside"),
        ('import "store"', "outside"),
        ('import "fmt"', "outside"),
        ('import "C"', "outside"),
        ('import "../../etc"', "outside"),
    ],
)
def test_an_import_means_the_files_of_its_package(line, meant):
    files = {**MODULE, "x.go": f"package main\n\n{line}\n"}
    assert targets_of(files, "x.go") == [meant]


def test_a_block_is_each_of_its_lines():
    text = 'package main\nimport (\n\t"fmt"\n\n\t"example.org/own/store"\n)\n'
    assert targets_of({**MODULE, "x.go": text}, "x.go") == ["outside", "store/a.go store/b.go"]


def test_a_program_is_a_package_to_its_own_tests_only():
    text = 'package main_test\nimport "example.org/own/cmd/tool"\n'
    inside = "cmd/tool/x_test.go"
    assert targets_of({**MODULE, inside: text}, inside) == ["cmd/tool/main.go"]
    assert targets_of({**MODULE, "store/y_test.go": text}, "store/y_test.go") == ["missing"]


NESTED = {
    **MODULE,
    "tools/go.mod": "module example.org/own/tools\n",
    "tools/t/t.go": "package t",
    "x.go": 'package main\nimport "example.org/own/tools/t"\n',
    "tools/y.go": 'package y\nimport "example.org/own/store"\n',
}


def test_a_module_inside_of_another_is_no_part_of_it():
    assert targets_of(NESTED, "x.go") == ["outside"]
    assert targets_of(NESTED, "tools/y.go") == ["outside"]


def test_a_workspace_joins_its_modules():
    files = {**NESTED, "go.work": "go 1.22\n\nuse (\n\t.\n\t./tools // both\n)\n"}
    assert targets_of(files, "x.go") == ["tools/t/t.go"]
    assert targets_of(files, "tools/y.go") == ["store/a.go store/b.go"]
    assert targets_of({**files, "go.work": "use ./tools\n"}, "x.go") == ["outside"]


@pytest.mark.parametrize(
    "line",
    [
        "replace example.org/far => ./near",
        "replace example.org/far v1.2.3 => ./near",
        "replace (\n\texample.org/far => ./near\n)",
    ],
)
def test_a_module_replaced_by_a_folder_is_that_folder(line):
    files = {
        "go.mod": f"module example.org/own\n{line}\n",
        "near/go.mod": "module example.org/far\n",
        "near/p/p.go": "package p",
        "x.go": 'package main\nimport "example.org/far/p"\n',
    }
    assert targets_of(files, "x.go") == ["near/p/p.go"]
    other = {**files, "go.mod": "module example.org/own\nreplace example.org/far => host/x v1\n"}
    assert targets_of(other, "x.go") == ["outside"]


def test_two_packages_in_one_folder_are_ambiguous():
    files = {**MODULE, "store/other.go": "package other"}
    files["x.go"] = 'package main\nimport "example.org/own/store"\n'
    assert targets_of(files, "x.go") == ["ambiguous"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "module",
        "module (\n" * 50,
        "module example.org/own\nreplace a => ../../..\nreplace b =>\nuse /etc\n",
        'module "example.org/own',
        "\0module x\n)",
        "module example.org/own\n" + "replace (" * 5_000,
    ],
)
def test_a_broken_go_mod_gives_an_answer(text):
    files = {**MODULE, "go.mod": text, "go.work": text}
    files["x.go"] = 'package main\nimport "example.org/own/store"\nimport "fmt"\n'
    assert targets_of(files, "x.go")[1] == "outside"
