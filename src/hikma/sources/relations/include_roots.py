"""In which folders does a C or C++ compiler look? What a repository's build files say about it."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hikma.sources.relations.configuration import MAX_CHARACTERS
from hikma.sources.relations.paths import folder_of, joined, upwards
from hikma.sources.relations.tree import Tree

_CMAKE = "CMakeLists.txt"
_COMMAND = re.compile(
    r"\b(target_include_directories|include_directories|set)\s*\(([^()]*)\)", re.IGNORECASE
)
_PROJECT = re.compile(r"^[ \t]*project\s*\(", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*+")
_GENERATED = re.compile(r"\$<BUILD_INTERFACE:([^<>]*)>|\$<[^<>]*>")
_KEYWORDS = frozenset({"PUBLIC", "PRIVATE", "INTERFACE", "SYSTEM", "BEFORE", "AFTER"})
_WORDS = re.compile(r'"[^"]*"|[^\s"]+')
_FLAG = re.compile(r"(?<![\w-])-I[ \t]*(\$[({]\w+[)}][^\s\"';,)\\]*|[^\s\"';,)\\]+|\"[^\"\n]*\")")
_MESON = re.compile(r"include_directories\s*\(([^()]*)\)")
_BAZEL = re.compile(r"\bincludes\s*=\s*\[([^\]]*)\]")
_QUOTED = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$\((\w+)\)")
_HERE = frozenset({"CMAKE_CURRENT_SOURCE_DIR", "CMAKE_CURRENT_LIST_DIR", "srcdir", "CURDIR"})
_TOP = frozenset({"CMAKE_SOURCE_DIR", "CMAKE_HOME_DIRECTORY", "top_srcdir", "abs_top_srcdir"})
_MOST_VALUES = 64


class _Place(NamedTuple):
    """Where a build file lies, and where the build and the project that it belongs to start."""

    folder: str
    top: str
    project: str


def include_roots(tree: Tree) -> dict[str, list[str]]:
    """Return the folders that build files name, by the folder of the build file."""
    projects = {
        folder_of(path): bool(_PROJECT.search(_text(tree, path)))
        for path in tree.languages
        if path.rpartition("/")[2] == _CMAKE
    }
    roots: dict[str, list[str]] = {}
    for path, language in tree.languages.items():
        read = _reader(path.rpartition("/")[2], language)
        if read is not None:
            place = _place(folder_of(path), projects)
            found = (_placed(place, written) for written in read(_text(tree, path)))
            listed = roots.setdefault(place.folder, [])
            listed += dict.fromkeys(one for one in found if one is not None and one not in listed)
    return roots


def _text(tree: Tree, path: str) -> str:
    text = tree.read(path) or ""
    return text if len(text) <= MAX_CHARACTERS else ""


def _reader(name: str, language: str | None) -> Callable[[str], Iterator[str]] | None:
    if name == _CMAKE:
        return _of_cmake
    if language == "make":
        return _of_make
    if name == "meson.build":
        return _of_meson
    return _of_bazel if name in {"BUILD", "BUILD.bazel"} else None


def _of_cmake(text: str) -> Iterator[str]:
    values: dict[str, list[str]] = {}
    for command, written in _COMMAND.findall(_COMMENT.sub("", _GENERATED.sub(r"\1", text))):
        words = [word.strip('"') for word in _WORDS.findall(written)]
        kind = command.lower()
        if kind == "set":
            values |= {words[0]: words[1 : 1 + _MOST_VALUES]} if words else {}
            continue
        for word in words[kind.startswith("target") :]:
            named = _VARIABLE.fullmatch(word)
            held = values.get(named[1] or "") if named else None
            yield from (one for one in held or [word] if one not in _KEYWORDS)


def _of_make(text: str) -> Iterator[str]:
    yield from (flag.strip('"') for flag in _FLAG.findall(text))


def _of_meson(text: str) -> Iterator[str]:
    yield from _listed(_MESON.findall(text))


def _of_bazel(text: str) -> Iterator[str]:
    yield from _listed(_BAZEL.findall(text))


def _listed(lists: list[str]) -> Iterator[str]:
    for one in lists:
        yield from (single or double for single, double in _QUOTED.findall(one))


def _place(folder: str, projects: Mapping[str, bool]) -> _Place:
    around = [one for one in upwards(folder) if one in projects]
    project = next((one for one in around if projects[one]), "")
    return _Place(folder, around[-1] if around else "", project)


def _placed(place: _Place, written: str) -> str | None:
    """Return the folder that is written, where it lies in the repository as it stands."""
    variable = _VARIABLE.match(written)
    rest = written[variable.end() :].lstrip("/") if variable else written
    if "$" in rest:
        return None
    name = (variable[1] or variable[2]) if variable else ""
    if not name or name in _HERE:
        return joined(place.folder, rest)
    if name in _TOP:
        return joined(place.top, rest)
    return joined(place.project, rest) if name.endswith("_SOURCE_DIR") else None
