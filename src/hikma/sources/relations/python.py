"""Which file does a Python import mean? The module search of the interpreter over its own roots."""

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from hikma.domain import Import
from hikma.sources.relations.origins import with_origins
from hikma.sources.relations.paths import below, folder_of, in_tests, upwards
from hikma.sources.relations.python_roots import PROJECT_FILES, project_roots
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_SUFFIXES = (".py", ".pyi", ".pyx", ".pyw")
_STUB_FIRST = (".pyi", ".py", ".pyx", ".pyw")
_MODULES = re.compile(r"(?:/__init__)?\.py[ixw]?$")
_NAME = re.compile(r"(\.*)([^\W\d]\w*(?:\.[^\W\d]\w*)*)?")
_LITERAL = re.compile(r"[rRuU]?(?:'([\w.]+)'|\"([\w.]+)\")")
_DYNAMIC = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class _Layout:
    """The Python files of a tree, and the roots that were found so far."""

    tree: Tree
    folders: frozenset[str]
    projects: frozenset[str]
    suppliers: dict[str, list[str]]
    """Top-level name → the roots of projects that supply it as a package."""
    roots: dict[str, list[str]] = field(default_factory=dict)
    known: dict["_Asked", Resolution] = field(default_factory=dict)


class _Asked(NamedTuple):
    """What is asked for from the files of one folder; a stub is given stubs first."""

    folder: str
    module: str
    name: str
    stub: bool


def python(tree: Tree) -> Resolve:
    """Resolve the imports of Python files, stubs and notebooks."""
    layout = _layout(tree)

    def resolve(path: str, asked: Import) -> Resolution:
        module = asked.module
        if asked.keyword in _DYNAMIC:
            literal = _LITERAL.fullmatch(module)
            module = (literal[1] or literal[2]) if literal else "."
            if module.startswith("."):
                return Unresolved.COMPUTED
        key = _Asked(folder_of(path), module, asked.name, path.endswith(".pyi"))
        if key not in layout.known:
            layout.known[key] = _resolve(layout, key)
        return layout.known[key]

    return with_origins(tree, resolve)


def _layout(tree: Tree) -> _Layout:
    modules = [path for path in tree.languages if _MODULES.search(path)]
    folders = frozenset(one for path in modules for one in upwards(folder_of(path)))
    projects = frozenset(
        folder_of(path) for path in tree.languages if path.rpartition("/")[2] in PROJECT_FILES
    )
    suppliers: dict[str, list[str]] = defaultdict(list)
    layout = _Layout(tree, folders, projects | {""}, suppliers)
    tops = defaultdict(list)
    for folder in sorted(folders):
        if folder and _is_package(layout, folder) and not in_tests(f"{folder}/"):
            tops[folder_of(folder)].append(folder.rpartition("/")[2])
    for project in sorted(projects):
        for root in project_roots(tree, project, folders):
            for name in tops.get(root, ()):
                if root not in suppliers[name]:
                    suppliers[name].append(root)
    return layout


def _is_package(layout: _Layout, folder: str) -> bool:
    languages = layout.tree.languages
    return f"{folder}/__init__.py" in languages or f"{folder}/__init__.pyi" in languages


def _resolve(layout: _Layout, asked: _Asked) -> Resolution:
    written = _NAME.fullmatch("".join(asked.module.split()))
    if written is None:
        return Unresolved.COMPUTED
    dots, dotted = len(written[1]), (written[2] or "").replace(".", "/")
    if not dots:
        return _absolute(layout, asked, dotted)
    place = asked.folder
    for _ in range(dots - 1):
        if not place:
            return Unresolved.OUTSIDE
        place = folder_of(place)
    place = below(place, dotted) if dotted else place
    return _taken(layout, place, asked) or Unresolved.MISSING


def _absolute(layout: _Layout, asked: _Asked, dotted: str) -> Resolution:
    top = dotted.partition("/")[0]
    if top in sys.stdlib_module_names:
        return Unresolved.OUTSIDE
    for root in _roots(layout, asked.folder):
        found = _taken(layout, below(root, dotted), asked)
        if found:
            return found
        if _module(layout, below(root, top), stub=asked.stub):
            return Unresolved.MISSING
    others = layout.suppliers.get(top, ())
    if len(others) != 1:
        return Unresolved.AMBIGUOUS if others else Unresolved.OUTSIDE
    return _taken(layout, below(others[0], dotted), asked) or Unresolved.MISSING


def _roots(layout: _Layout, folder: str) -> list[str]:
    """Return where modules are searched from a file of this folder, in order.

    First where a script of it starts, then where pytest starts for the `conftest.py` above it,
    then the roots of the projects around it, the innermost first.
    """
    if folder not in layout.roots:
        found = {_start(layout, folder): None}
        around = list(upwards(folder))
        for one in around:
            if below(one, "conftest.py") in layout.tree.languages:
                found[_start(layout, one)] = None
        for one in around:
            if one in layout.projects:
                found |= dict.fromkeys(project_roots(layout.tree, one, layout.folders))
        layout.roots[folder] = list(found)
    return layout.roots[folder]


def _start(layout: _Layout, folder: str) -> str:
    """Return the first folder upwards that is no package: the top of what this folder is in."""
    return next((one for one in upwards(folder) if not one or not _is_package(layout, one)), "")


def _taken(layout: _Layout, stem: str, asked: _Asked) -> Target | None:
    """Return what a name taken out of the module at a place means: a symbol or a module in it."""
    name = asked.name
    found = _module(layout, stem, stub=asked.stub)
    if not name or name == "*":
        return Target((found,)) if found else None
    package = found is None or found.rpartition("/")[2].startswith("__init__.")
    if package and not (found and name in layout.tree.symbols(found)):
        inner = _module(layout, below(stem, name), stub=asked.stub)
        if inner:
            return Target((inner,))
    return Target((found,), name) if found else None


def _module(layout: _Layout, stem: str, *, stub: bool) -> str | None:
    """Return the file of the module at a place, a package before a module."""
    suffixes = _STUB_FIRST if stub else _SUFFIXES
    for part in ("/__init__", ""):
        for suffix in suffixes:
            path = f"{stem}{part}{suffix}" if stem else f"{part[1:]}{suffix}"
            if path in layout.tree.languages:
                return path
    return None
