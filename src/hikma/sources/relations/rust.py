"""Which file does a Rust `use` or `mod` mean? The module trees of the crates in the repository."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from hikma.domain import Import
from hikma.sources.relations.paths import folder_of, joined
from hikma.sources.relations.rust_modules import Crate, Crates, Place, crates_of, declared, parted
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_STANDARD = frozenset({"std", "core", "alloc", "proc_macro", "test"})
_FILES = frozenset({"include", "include_str", "include_bytes"})
_MOST_PLACES = 16
_MOST_DEEP = 60
_Key: TypeAlias = tuple[str, tuple[str, ...], str]
"""The root of a crate, a module of it, a name."""


class _End(NamedTuple):
    """Where a path leads: the module that is asked for its last part, and what that is."""

    holder: Place
    name: str
    place: Place | None
    """None where the module has it by a macro, or not at all."""


@dataclass(frozen=True, slots=True)
class _Uses:
    """The crates of a tree, the names that their files take by `use`, and what these mean."""

    crates: Crates
    taken: dict[str, dict[tuple[tuple[str, ...], str], list[Import]]] = field(default_factory=dict)
    members: dict[_Key, Place | None] = field(default_factory=dict)
    open: list[_Key] = field(default_factory=list)
    tried: set[_Key] = field(default_factory=set)
    known: dict[tuple[str, str, str], Resolution] = field(default_factory=dict)


def rust(tree: Tree) -> Resolve:
    """Resolve the imports of Rust files."""
    uses = _Uses(crates_of(tree))

    def resolve(path: str, asked: Import) -> Resolution:
        if asked.keyword == "mod":
            found = declared(uses.crates, path, asked)
            return Target((found,)) if found else Unresolved.MISSING
        if asked.keyword in _FILES:
            return _included(tree, path, asked.module.strip('"'))
        key = (path, asked.module, asked.name)
        if key not in uses.known:
            uses.known[key] = _everywhere(uses, path, asked)
        return uses.known[key]

    return resolve


def _included(tree: Tree, path: str, written: str) -> Resolution:
    place = joined(folder_of(path), written)
    if place is None:
        return Unresolved.OUTSIDE
    return Target((place,)) if place in tree.languages else Unresolved.MISSING


def _everywhere(uses: _Uses, path: str, asked: Import) -> Resolution:
    """Resolve in each crate that a file is part of; they must agree."""
    places = uses.crates.places.get(path, ())[:_MOST_PLACES]
    ends = [_follow(uses, _inner(place, asked), _written(asked)) for place in places]
    found = {_target(uses, one) for one in ends if isinstance(one, _End)}
    if len(found) == 1:
        return found.pop()
    if found:
        return Unresolved.AMBIGUOUS
    return Unresolved.MISSING if Unresolved.MISSING in ends else Unresolved.OUTSIDE


def _target(uses: _Uses, end: _End) -> Target:
    holders, around = _files(end.holder)
    if end.place is None:
        return Target(tuple(holders), ".".join((*around, end.name)))
    paths, inside = _files(end.place)
    if not inside:
        return Target(tuple(paths))
    symbol = ".".join(inside)
    definers = [one for one in paths if symbol in uses.crates.tree.symbols(one)]
    return Target(tuple(holders), symbol, () if paths == holders else tuple(definers))


def _inner(place: Place, asked: Import) -> Place:
    """Return the module that an import stands in: one of the file's, or a module inside of it."""
    within, _ = parted(asked)
    return Place(place.crate, (*place.module, *within)) if within else place


def _written(asked: Import) -> tuple[str, ...]:
    _, path = parted(asked)
    return path if asked.name in {"", "*"} else (*path, asked.name)


def _follow(uses: _Uses, place: Place, path: Sequence[str]) -> _End | Unresolved:
    """Follow a path as a `use` in a module writes it."""
    crate, (first, *rest) = place.crate, path
    if first in {"self", "super"}:
        return _walk(uses, place, path)
    if first == "crate":
        return _walk(uses, Place(crate, ()), rest)
    if first == "" and rest:
        first, *rest = rest
    elif first in _STANDARD:
        return Unresolved.OUTSIDE
    else:
        top = Place(crate, ()) if crate.package.old else place
        for start in (place, top):
            if _has(uses, start, first):
                return _walk(uses, start, (first, *rest))
    other = _library(uses, crate, first)
    if other is not None:
        return _walk(uses, Place(other, ()), rest)
    found = _member(uses, place, first)
    if found is None:
        return Unresolved.OUTSIDE
    return _walk(uses, found, rest) if rest else _End(place, first, found)


def _library(uses: _Uses, crate: Crate, name: str) -> Crate | None:
    """Return the crate that a name means to a crate: a dependency's library, or its package's."""
    package = crate.package
    folder = package.dependencies.get(name)
    if folder is None and name == package.name and crate.root != package.library:
        folder = package.folder
    return uses.crates.libraries.get(folder) if folder is not None else None


def _walk(uses: _Uses, place: Place, path: Sequence[str]) -> _End | Unresolved:
    """Follow a path from a module down to a module or an item."""
    end = _End(place, "", place)
    for index, part in enumerate(path):
        if part == "super":
            if not place.module:
                return Unresolved.MISSING
            end = _End(place, "", Place(place.crate, place.module[:-1]))
        elif part != "self":
            end = _End(place, part, _member(uses, place, part))
        if end.place is None:
            return end if index == len(path) - 1 else Unresolved.MISSING
        place = end.place
    return end


def _member(uses: _Uses, place: Place, name: str) -> Place | None:
    """Return what a module has under a name: its own, or what it takes by `use`, globs last."""
    if _has(uses, place, name):
        return Place(place.crate, (*place.module, name))
    key = (place.crate.root, place.module, name)
    if key in uses.members:
        return uses.members[key]
    if key in uses.tried or len(uses.open) >= _MOST_DEEP:
        return None
    uses.tried.add(key)
    uses.open.append(key)
    found = _handed(uses, place, name)
    uses.open.pop()
    if found is not None or not uses.open:  # what is open may still be found on another way
        uses.members[key] = found
    if not uses.open:
        uses.tried.clear()
    return found


def _handed(uses: _Uses, place: Place, name: str) -> Place | None:
    """Return what a module takes under a name from elsewhere: by that name, else by a glob.

    None where builds set up in different ways take different things under it.
    """
    paths, inside = _files(place)
    named, globs = [], []
    for path in paths:
        taken = _taken(uses, path)
        named += [_written(one) for one in taken.get((inside, name), ())]
        globs += [(*_written(one), name) for one in taken.get((inside, "*"), ())]
    ends = [_follow(uses, place, written) for written in named]
    found = {one.place for one in ends if isinstance(one, _End) and one.place is not None}
    if named:
        return found.pop() if len(found) == 1 else None
    for written in globs:
        end = _follow(uses, place, written)
        if isinstance(end, _End) and end.place is not None:
            return end.place
    return None


def _taken(uses: _Uses, path: str) -> dict[tuple[tuple[str, ...], str], list[Import]]:
    """Return the `use`s of a file by the module inside of it and the name that they give."""
    if path not in uses.taken:
        named = defaultdict(list)
        for one in uses.crates.tree.imports(path):
            how, _, alias = one.keyword.partition(" as ")
            if how == "use":
                within, module = parted(one)
                named[within, alias or one.name or module[-1]].append(one)
        uses.taken[path] = named
    return uses.taken[path]


def _has(uses: _Uses, place: Place, name: str) -> bool:
    """Whether a module has a module or an item of this name of its own."""
    if (*place.module, name) in place.crate.files:
        return True
    paths, inside = _files(place)
    symbol = ".".join((*inside, name))
    return any(symbol in uses.crates.tree.symbols(one) for one in paths)


def _files(place: Place) -> tuple[list[str], tuple[str, ...]]:
    """Return the files of a module, and what leads to it inside of them."""
    files, module = place.crate.files, place.module
    length = next(size for size in range(len(module), -1, -1) if module[:size] in files)
    return files[module[:length]], module[length:]
