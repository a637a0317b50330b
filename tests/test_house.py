"""The rules of the house that no linter knows: sizes, names, documents."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
BANNED = {
    *("manager", "service", "helper", "util", "common", "base", "handler", "processor"),
    *("enhanced", "new", "data", "info"),
}
MOST_LINES = 400
MOST_STATEMENTS = 40
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def relative(path):
    return str(path.relative_to(ROOT))


def functions(tree):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def statements(function):
    """Count statements as a reader meets them; the docstring is none."""
    inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
    return len(inside) - 1 - (ast.get_docstring(function) is not None)


def names(tree):
    """Yield the names that a file gives to things: not those it takes from elsewhere."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.arg():
                yield node.arg
            case ast.Attribute(value=ast.Name("self"), attr=name, ctx=ast.Store()):
                yield name
            case ast.alias(asname=str()):
                yield node.asname


def words(name):
    """Yield the words of a name, and each without its plural's ending."""
    for part in _PART.findall(name):
        yield part.lower()
        yield part.lower().removesuffix("s")


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_has_at_most_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_function_has_at_most_40_statements(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = {one.name: statements(one) for one in functions(tree)}
    assert {name: size for name, size in long.items() if size > MOST_STATEMENTS} == {}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_name_has_a_banned_word(path):
    """Words such as `manager` say nothing about what a thing is; see the house's vocabulary."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {*names(tree), path.stem, path.parent.name}
    assert sorted(name for name in named if BANNED.intersection(words(name))) == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_opens_with_one_sentence(path):
    note = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert note, "a module says first what it holds"
    first = note.split("\n\n")[0]
    assert first[-1] in ".?:", "its first paragraph is a sentence"


def test_the_rules_above_can_fail():
    """The checks see a long function and a banned word where there is one."""
    tree = ast.parse("def load_data():\n" + "    x = 1\n" * 41)
    assert statements(functions(tree)[0]) == 41
    assert any(BANNED.intersection(words(name)) for name in names(tree))
    assert not BANNED.intersection(words("database_newest_based"))


def test_the_command_reference_is_what_the_commands_say():
    """Regenerate with `make docs`."""
    script = [sys.executable, str(ROOT / "scripts" / "cli_reference.py")]
    done = subprocess.run(script, check=True, capture_output=True, text=True)
    assert done.stdout == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_command_reference_holds_every_command():
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## hikma ?(.*)$", text, re.MULTILINE)
    plain = ["eval", "index", "search", "status", "show", "gc", "doctor", "vectors"]
    plain += ["backup", "restore", "migrate", "bench"]
    nested = ["vectors stats", "vectors rebuild", "vectors insert"]
    steps = ["start", "status", "pause", "resume", "advance", "rollback", "verify", "repair"]
    nested += [f"migrate {step}" for step in (*steps, "finalize", "report", "adopt")]
    assert sorted(sections) == sorted(["", *plain, *nested])


def test_the_readme_names_exactly_the_two_set_up_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bmake [a-z]+", text)) == {"make demo", "make test"}


def test_both_set_up_commands_are_targets_of_the_makefile():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"demo", "test"} <= set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


def test_every_dependency_has_its_line_in_the_architecture():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.match(r"[\w-]+", one)[0] for one in project["dependencies"]}
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([\w, -]+) \|", text, re.MULTILINE)
    told = {name for cell in cells for name in cell.split(", ")}
    assert wanted - told == set()


@pytest.mark.parametrize(
    ("document", "budget"),
    [("README.md", 150), ("ARCHITECTURE.md", 200), ("CONTRIBUTING.md", 100)],
)
def test_a_document_keeps_to_its_budget_of_lines(document, budget):
    assert len((ROOT / document).read_text(encoding="utf-8").splitlines()) <= budget


def promises():
    """Return the tests that the table of faults names, file and function."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)))


@pytest.mark.parametrize(("path", "name"), promises())
def test_a_promise_has_its_test(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {one.name for one in functions(tree)}


def test_each_fault_of_the_table_names_a_test():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [
        line for line in text.splitlines() if line.startswith("| ") and "| promise |" not in line
    ]
    assert len(rows) > 40
    assert [row for row in rows if "::test_" not in row] == []
