"""Imports of Python: packages, relative imports, roots that the set-up names, stubs, notebooks."""

import pytest

from relating import targets_of

PACKAGE = {
    "src/pkg/__init__.py": "from .core import Engine\nfrom .parts import *\n",
    "src/pkg/core.py": "class Engine: pass\nLIMIT = 1\n",
    "src/pkg/parts.py": "def part(): pass\ndef _hidden(): pass\n",
    "src/pkg/sub/__init__.py": "",
    "src/pkg/sub/deep.py": "def dig(): pass\n",
    "pyproject.toml": "[project]\nname = 'pkg'\n",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import pkg", "src/pkg/__init__.py"),
        ("import pkg.sub.deep as d", "src/pkg/sub/deep.py"),
        ("from pkg import core", "src/pkg/core.py"),
        ("from pkg.core import Engine", "src/pkg/core.py#Engine"),
        ("from pkg import Engine as E", "src/pkg/__init__.py#Engine by src/pkg/core.py"),
        ("from pkg import part", "src/pkg/__init__.py#part by src/pkg/parts.py"),
        ("from pkg import _hidden", "src/pkg/__init__.py#_hidden"),
        ("from pkg.core import *", "src/pkg/core.py"),
        ("from pkg.gone import x", "missing"),
        ("import pkg.core.Engine", "missing"),
        ("import json", "outside"),
        ("import requests", "outside"),
        ("import core", "outside"),
        ("importlib.import_module('pkg.core')", "src/pkg/core.py"),
        ("importlib.import_module(name)", "computed"),
        ("importlib.import_module('.core', package=here)", "computed"),
        ("from .other import x", "missing"),
        ("from ... import x", "outside"),
    ],
)
def test_an_import_from_a_script_beside_the_project(line, meant):
    assert targets_of({**PACKAGE, "tools/run.py": line}, "tools/run.py") == [meant]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("from . import deep", "src/pkg/sub/deep.py"),
        ("from .deep import dig", "src/pkg/sub/deep.py#dig"),
        ("from ..core import LIMIT", "src/pkg/core.py#LIMIT"),
        ("from .. import core, sub", "src/pkg/core.py"),
        ("from ..gone import x", "missing"),
        ("import core", "outside"),
        ("import pkg.core", "src/pkg/core.py"),
        ("import deep", "outside"),
    ],
)
def test_inside_of_a_package_only_dots_are_relative(line, meant):
    assert targets_of({**PACKAGE, "src/pkg/sub/x.py": line}, "src/pkg/sub/x.py")[0] == meant


def test_a_name_of_the_standard_library_is_outside_even_with_a_file_of_that_name():
    files = {"logging.py": "", "pkg/__init__.py": "", "pkg/types.py": "", "pkg/a.py": ""}
    asking = {**files, "pkg/a.py": "import types\nimport logging\n"}
    assert targets_of(asking, "pkg/a.py") == ["outside", "outside"]


def test_a_script_finds_what_lies_beside_it():
    files = {"tools/run.py": "import part\nimport other", "tools/part.py": "", "lib/other.py": ""}
    assert targets_of(files, "tools/run.py") == ["tools/part.py", "outside"]


def test_a_test_finds_what_lies_beside_a_conftest_above_it():
    files = {
        "tests/conftest.py": "def make(): pass",
        "tests/shapes.py": "",
        "tests/deep/test_x.py": "from conftest import make\nimport shapes",
    }
    assert targets_of(files, "tests/deep/test_x.py") == [
        "tests/conftest.py#make",
        "tests/shapes.py",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "[tool.setuptools.package-dir]\n'' = 'python'"),
        ("pyproject.toml", "[tool.setuptools.packages.find]\nwhere = ['python']"),
        ("pyproject.toml", "[[tool.poetry.packages]]\ninclude = 'own'\nfrom = 'python'"),
        ("pyproject.toml", "[tool.hatch.build.targets.wheel]\npackages = ['python/own']"),
        ("pyproject.toml", "[tool.maturin]\npython-source = 'python'"),
        ("pyproject.toml", "[tool.pytest.ini_options]\npythonpath = 'python'"),
        ("setup.cfg", "[options]\npackage_dir =\n    = python\n"),
        ("setup.cfg", "[options.packages.find]\nwhere = python\n"),
        ("setup.py", "setup(package_dir={'': 'python'})"),
        ("setup.py", "setup(packages=find_packages('python'))"),
    ],
)
def test_the_set_up_of_a_project_names_its_roots(path, text):
    files = {"python/own/__init__.py": "", "bin/x.py": "import own", "README.md": ""}
    assert targets_of(files, "bin/x.py") == ["outside"]
    assert targets_of({**files, path: text}, "bin/x.py") == ["python/own/__init__.py"]


def test_a_package_of_two_projects_is_ambiguous_and_of_the_own_project_is_not():
    files = {
        "a/pyproject.toml": "",
        "a/src/core/__init__.py": "",
        "b/pyproject.toml": "",
        "x.py": "import core",
        "b/y.py": "import core",
    }
    assert targets_of(files, "x.py") == ["a/src/core/__init__.py"]
    more = {**files, "b/src/core/__init__.py": ""}
    assert targets_of(more, "x.py") == ["ambiguous"]
    assert targets_of(more, "b/y.py") == ["b/src/core/__init__.py"]


def test_a_package_that_only_tests_supply_is_not_meant_from_elsewhere():
    files = {
        "tests/projects/requests/setup.py": "",
        "tests/projects/requests/requests/__init__.py": "",
    }
    assert targets_of({**files, "x.py": "import requests"}, "x.py") == ["outside"]


def test_a_folder_without_init_is_a_namespace_and_a_package_wins_over_a_module():
    files = {"ns/mod.py": "x = 1", "both.py": "", "both/__init__.py": "", "a.py": ""}
    asking = {
        **files,
        "a.py": "import ns.mod\nfrom ns import mod\nfrom ns import gone\nimport both",
    }
    meant = ["ns/mod.py", "ns/mod.py", "outside", "both/__init__.py"]
    assert targets_of(asking, "a.py") == meant


def test_a_stub_is_given_stubs_and_a_module_the_module():
    files = {
        "p/__init__.py": "",
        "p/a.py": "def f(): ...",
        "p/a.pyi": "def f(): ...",
        "p/only.pyi": "",
    }
    assert targets_of({**files, "p/x.pyi": "from .a import f"}, "p/x.pyi") == ["p/a.pyi#f"]
    lines = "from .a import f\nfrom . import only"
    assert targets_of({**files, "p/x.py": lines}, "p/x.py") == ["p/a.py#f", "p/only.pyi"]


def test_files_that_hand_a_name_to_each_other_end_nowhere():
    files = {
        "p/__init__.py": "from .a import thing",
        "p/a.py": "from .b import thing\nfrom .b import *",
        "p/b.py": "from .a import *",
        "x.py": "from p import thing",
    }
    assert targets_of(files, "x.py") == ["p/__init__.py#thing"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "[tool.setuptools\n"),
        ("pyproject.toml", "tool = 3"),
        ("pyproject.toml", "[tool]\nsetuptools = [1, {x = 2}]\npoetry.packages = 'x'"),
        ("pyproject.toml", "a = " + "[" * 3000 + "]" * 3000),
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\npythonpath = ['/etc', '../../..', 'a/../..', 7]",
        ),
        ("setup.cfg", "[options\npackage_dir = ="),
        ("setup.cfg", "no section\n" * 3),
        ("setup.cfg", "[options]\npackage_dir =\n = /abs\n = ../..\n"),
        ("setup.py", "find_packages(" * 2000),
    ],
)
def test_a_broken_or_hostile_set_up_changes_nothing(path, text):
    files = {**PACKAGE, "tools/run.py": "import pkg\nimport json", path: text}
    assert targets_of(files, "tools/run.py") == ["src/pkg/__init__.py", "outside"]
