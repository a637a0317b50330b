"""Which files are the package that a Go import names? What go.mod and go.work make of it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hikma.domain import Import
from hikma.sources.relations.configuration import MAX_CHARACTERS
from hikma.sources.relations.paths import below, folder_of, joined, upwards
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|=>|//.*|[^\s"`]+')
_NOT_BUILT = ("_", ".")


class _Module(NamedTuple):
    """What a go.mod or go.work says: its path, the folders it uses, what it replaces by folders."""

    path: str
    uses: tuple[str, ...]
    replaced: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Modules:
    """The modules and the Go files of a tree, by folder."""

    modules: Mapping[str, _Module]
    workspaces: Mapping[str, _Module]
    files: Mapping[str, Sequence[str]]
    """Folder → its Go files that are no tests."""
    packages: Mapping[str, tuple[str, ...]]
    seen: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Folder of a module → (import path, folder) of the modules that it sees, the longest first."""
    homes: dict[str, str | None] = field(default_factory=dict)
    known: dict[tuple[str | None, str, bool], Resolution] = field(default_factory=dict)


def go(tree: Tree) -> Resolve:
    """Resolve the imports of Go files."""
    modules = _modules(tree)

    def resolve(path: str, asked: Import) -> Resolution:
        written, folder = asked.module.strip('"`'), folder_of(path)
        if written.startswith(("./", "../")):
            place = joined(folder, written)
            return _package(modules, place, inside=False) if place is not None else _LEAVES
        home = _home(modules, folder)
        inside = path.endswith("_test.go") and _leads_to(modules, home, written) == folder
        key = (home, written, inside)
        if key not in modules.known:
            place = _leads_to(modules, home, written)
            modules.known[key] = (
                Unresolved.OUTSIDE if place is None else _package(modules, place, inside=inside)
            )
        return modules.known[key]

    return resolve


_LEAVES = Unresolved.OUTSIDE


def _modules(tree: Tree) -> _Modules:
    files: dict[str, list[str]] = defaultdict(list)
    for path, language in tree.languages.items():
        name = path.rpartition("/")[2]
        if language == "go" and not name.endswith("_test.go") and not name.startswith(_NOT_BUILT):
            files[folder_of(path)].append(path)
    return _Modules(_read(tree, "go.mod"), _read(tree, "go.work"), files, tree.packages)


def _read(tree: Tree, name: str) -> dict[str, _Module]:
    paths = [path for path in tree.languages if path.rpartition("/")[2] == name]
    return {folder_of(path): _module(folder_of(path), tree.read(path) or "") for path in paths}


def _module(folder: str, text: str) -> _Module:
    path, uses, replaced = "", [], []
    for keyword, *words in _directives(text[:MAX_CHARACTERS]):
        match keyword, words:
            case "module", [name, *_]:
                path = name
            case "use", [place, *_]:
                uses.append(joined(folder, place))
            case "replace", [old, *_, "=>", place] if place.startswith((".", "/")):
                found = joined(folder, place)
                if found is not None:
                    replaced.append((old, found))
    return _Module(path, tuple(one for one in uses if one is not None), tuple(replaced))


def _directives(text: str) -> Iterator[list[str]]:
    """Yield the directives of a go.mod as words; those of a block each with its keyword."""
    block: list[str] = []
    for line in text.splitlines():
        words = [one.strip('"`') for one in _WORD.findall(line) if not one.startswith("//")]
        if words[:1] == [")"]:
            block = []
        elif words[-1:] == ["("]:
            block = words[:1]
        elif words:
            yield [*block, *words]


def _home(modules: _Modules, folder: str) -> str | None:
    """Return the folder of the module that a folder belongs to."""
    if folder not in modules.homes:
        modules.homes[folder] = next(
            (one for one in upwards(folder) if one in modules.modules), None
        )
    return modules.homes[folder]


def _leads_to(modules: _Modules, home: str | None, written: str) -> str | None:
    """Return the folder that an import path means to a module's files."""
    if home is None:
        return None
    if home not in modules.seen:
        modules.seen[home] = _visible(modules, home)
    for path, folder in modules.seen[home]:
        if written == path:
            return folder
        if written.startswith(path + "/"):
            place = below(folder, written[len(path) + 1 :])
            # A module inside of another is not part of it.
            return place if _home(modules, place) == _home(modules, folder) else None
    return None


def _visible(modules: _Modules, home: str) -> list[tuple[str, str]]:
    """Return the modules that one sees: itself, its workspace's, and folders put in their place."""
    found = dict(modules.modules[home].replaced)
    for one in upwards(home):
        workspace = modules.workspaces.get(one)
        if workspace and home in workspace.uses:
            for use in workspace.uses:
                if use in modules.modules:
                    found |= dict(modules.modules[use].replaced)
                    found[modules.modules[use].path] = use
            found |= dict(workspace.replaced)
            break
    found[modules.modules[home].path] = home
    return sorted(
        ((path, folder) for path, folder in found.items() if path),
        key=lambda one: (-len(one[0]), one),
    )


def _package(modules: _Modules, folder: str, *, inside: bool) -> Resolution:
    """Return the files of a folder's package; a program is one only for its own tests."""
    files = modules.files.get(folder, ())
    names = Counter(name for path in files for name in modules.packages.get(path, ()))
    names.pop("documentation", None)  # what go itself leaves out
    if len(names) > 1:
        names.pop("main", None)  # a program beside the package, kept out of it by a build tag
    if not names or (set(names) == {"main"} and not inside):
        return Unresolved.MISSING
    if len(names) > 1:
        return Unresolved.AMBIGUOUS
    name = next(iter(names))
    return Target(tuple(path for path in files if name in modules.packages[path]))
