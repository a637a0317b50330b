"""Functions and first sentences of comments, read from the sources installed on this machine.

Nothing that Hikma is measured on may teach it: the repositories of the retrieval topics and the
packages that `benchmarks/models.py` asks about are left out by name, wherever they are vendored.
"""

import ast
import hashlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MEASURED = frozenset(
    """
    flask model2vec starlette axios gin cobra commons-lang jackson-databind guzzle laravel
    laravel-framework sinatra rails tokio trpc ktor cats click zod newtonsoft-json dapper
    exposed http4s snapkit ecto absl abseil-cpp curl uv libuv bats bats-core pandoc mini.nvim
    zls lang3 semble typer
    """.split()  # noqa: SIM905 -- a list literal would be forty lines
)
HELD_OUT = frozenset(["hypothesis", "mypy", "rich", "pip", "pydantic", "_pytest", "setuptools"])
TESTS = frozenset(["test", "tests", "testing", "testdata", "idlelib", "lib2to3", "__pycache__"])
SKIPPED = MEASURED | HELD_OUT | TESTS

SUFFIXES = {
    "python": (".py",),
    "c": (".h", ".c", ".hpp"),
    "javascript": (".js", ".mjs", ".cjs", ".ts", ".mts"),
    "go": (".go",),
    "rust": (".rs",),
    "java": (".java",),
}
LARGEST_FILE = 1_000_000
LONGEST_TEXT = 1_500

_BLOCK = re.compile(
    r"^[ \t]*(?P<note>/\*.*?\*/|(?://[^\n]*\n[ \t]*)+)\s*\n?(?P<head>[^\n]*[({][^\n]*)$",
    re.DOTALL | re.MULTILINE,
)
_MARKS = re.compile(r"^[ \t]*(?:/\*+!?|\*+/|\*|//[/!]?)[ \t]?|\*+/[ \t]*$", re.MULTILINE)
_TAGS = re.compile(
    r"^\s*[@\\](?:param|return|throws|see|since|type|private|public|override)\b.*", re.MULTILINE
)
_NAME = re.compile(r"([A-Za-z_$][\w$:.]*)\s*(?:<[^<>]*>)?\s*[({=:]")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)
_KEYWORDS = frozenset(
    "if for while switch return catch else new function match loop do try".split()  # noqa: SIM905 -- a list would be 13 lines
)


@dataclass(frozen=True, slots=True)
class Function:
    """A documented definition, its code without the documentation."""

    language: str
    path: str
    name: str
    documentation: str
    code: str

    @property
    def words(self) -> str:
        """The parts of the qualified name: `Reader.readLine` is `Reader read Line`."""
        return " ".join(_PARTS.findall(self.name))

    @property
    def sentence(self) -> str:
        """The first sentence of the documentation, on one line."""
        found = _SENTENCE.match(self.documentation)
        return " ".join((found[1] if found else self.documentation).split())[:300]

    def text(self, *, documented: bool) -> str:
        """Return the form that documents are embedded in."""
        parts = [self.words, self.documentation if documented else "", self.code]
        return "\n".join(part for part in parts if part)[:LONGEST_TEXT]


def functions(language: str, root: Path) -> Iterator[Function]:
    """Yield the documented definitions under a folder, in order of path."""
    read = python_functions if language == "python" else braced_functions
    for path in sorted(root.rglob("*")):
        if path.suffix in SUFFIXES[language] and wanted(path, root):
            try:
                source = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # an older encoding: enough sources remain
            yield from read(language, str(path.relative_to(root)), source)


def wanted(path: Path, root: Path) -> bool:
    parts = {part.lower().removesuffix(path.suffix) for part in path.relative_to(root).parts}
    small = path.is_file() and path.stat().st_size <= LARGEST_FILE
    return small and not parts & SKIPPED and not path.stem.lower().endswith(("_test", ".min"))


def python_functions(language: str, path: str, source: str) -> Iterator[Function]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # sources of another Python version
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    lines = source.splitlines()
    while waiting:
        prefix, parent = waiting.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                waiting.append((f"{prefix}{node.name}.", node))
                if note := ast.get_docstring(node):
                    name = prefix + node.name
                    yield Function(language, path, name, note, python_code(lines, node))


def python_code(
    lines: list[str], node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> str:
    """Return the lines of a definition without those of its docstring."""
    note = node.body[0]
    kept = lines[node.lineno - 1 : note.lineno - 1] + lines[note.end_lineno : node.end_lineno]
    return "\n".join(kept)


def braced_functions(language: str, path: str, source: str) -> Iterator[Function]:
    """Yield what follows a comment and looks like a definition, in languages with braces."""
    for block in _BLOCK.finditer(source):
        named = _NAME.search(block["head"])
        note = _TAGS.sub("", _MARKS.sub("", block["note"])).strip()
        if not named or named[1] in _KEYWORDS or not plausible(note):
            continue
        code = braced_code(source, block.start("head"))
        owner = Path(path).stem
        yield Function(language, path, f"{owner}.{named[1]}", note, code)


def plausible(note: str) -> bool:
    """Whether a comment explains something: not a licence, not a ruler, not disabled code."""
    start = note[:300].lower()
    explains = " " in note and ";" not in start and "copyright" not in start
    return explains and 15 <= len(note) <= 3_000


def braced_code(source: str, start: int) -> str:
    """Return from `start` to the brace that closes the first one, or to the first bare `;`."""
    depth = 0
    end = min(len(source), start + 4_000)
    for place in range(start, end):
        char = source[place]
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth <= 0:
                return source[start : place + 1]
        elif char == ";" and depth == 0:
            return source[start : place + 1]
    return source[start:end]


def chosen(found: Iterator[Function], limit: int) -> list[Function]:
    """Return `limit` distinct functions, picked by the hash of what they are."""
    keyed = {
        hashlib.blake2b(f"{one.name}\n{one.code}".encode(), digest_size=8).digest(): one
        for one in found
    }
    return [keyed[key] for key in sorted(keyed)[:limit]]
