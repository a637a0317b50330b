"""Which file is which module of which crate? Follow `mod` from the root of each crate."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hikma.domain import Import
from hikma.sources.relations.paths import below, folder_of, joined
from hikma.sources.relations.rust_crates import Package, packages_of
from hikma.sources.relations.tree import Tree

INSIDE = "|"
"""Stands between the modules of the file around an import and what the import says."""

_OWNERS = frozenset({"mod.rs", "lib.rs", "main.rs"})
_MOST_DEEP = 64


@dataclass(frozen=True, slots=True, eq=False)
class Crate:
    """One crate: its root file, its package, and the file of each of its modules."""

    root: str
    package: Package
    files: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    """Several where the set-up of a build chooses among declarations of one module."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file stands: a module of a crate."""

    crate: Crate
    module: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Crates:
    """The crates of a tree."""

    tree: Tree
    libraries: Mapping[str, Crate]
    """Folder of a package → the crate of its library."""
    places: dict[str, list[Place]]
    owners: set[str]
    """Files whose modules lie beside them, not in a folder of their name."""


def crates_of(tree: Tree) -> Crates:
    """Build the module trees of every crate."""
    packages = packages_of(tree)
    crates = Crates(tree, {}, defaultdict(list), set())
    libraries = {}
    for folder, package in sorted(packages.items()):
        roots = ([package.library] if package.library else []) + list(package.programs)
        crates.owners.update(roots)
        for root in roots:
            crate = _grow(crates, Crate(root, package))
            if root == package.library:
                libraries[folder] = crate
    _place_by_layout(crates, libraries)
    return Crates(tree, libraries, crates.places, crates.owners)


def parted(asked: Import) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modules of the file that an import stands in, and the parts of its path.

    An empty first part says that the path starts with the name of a crate.
    """
    within, _, module = asked.module.rpartition(INSIDE)
    return tuple(within.split("::")) if within else (), tuple(module.split("::"))


def declared(crates: Crates, path: str, asked: Import) -> str | None:
    """Return the file of a module that another file declares: `mod name;`."""
    within, (name, *_) = parted(asked)
    own = path in crates.owners or path.rpartition("/")[2] in _OWNERS
    beside = folder_of(path)
    start = beside if own else path.removesuffix(".rs")
    if asked.name:
        place = joined("/".join((start, *within)) if within else beside, asked.name)
        return place if place in crates.tree.languages else None
    start = "/".join((start, *within)) if start else "/".join(within)
    choices = (below(start, f"{name}.rs"), below(start, f"{name}/mod.rs"))
    return next((one for one in choices if one in crates.tree.languages), None)


def _grow(crates: Crates, crate: Crate) -> Crate:
    """Visit every file of a crate once, from its root along its `mod` declarations."""
    waiting: list[tuple[str, tuple[str, ...]]] = [(crate.root, ())]
    seen = {crate.root}
    for path, module in waiting:
        crate.files.setdefault(module, []).append(path)
        crates.places[path].append(Place(crate, module))
        for asked in crates.tree.imports(path):
            if asked.keyword != "mod" or len(module) > _MOST_DEEP:
                continue
            found = declared(crates, path, asked)
            if found is not None and found not in seen:
                seen.add(found)
                if asked.name:
                    crates.owners.add(found)
                within, name = parted(asked)
                waiting.append((found, (*module, *within, *name)))
    return crate


def _place_by_layout(crates: Crates, libraries: Mapping[str, Crate]) -> None:
    """Place what no declaration leads to, as where a macro declares it, by where it lies."""
    starts = {folder_of(crate.root): crate for crate in libraries.values()}
    for path, language in crates.tree.languages.items():
        if language != "rust" or path in crates.places:
            continue
        folder = folder_of(path)
        while folder and folder not in starts:
            folder = folder_of(folder)
        if folder in starts and folder_of(path).startswith(folder):
            rest = path[len(folder) :].strip("/").removesuffix(".rs").removesuffix("/mod")
            module = tuple(rest.split("/"))
            crates.places[path].append(Place(starts[folder], module))
            starts[folder].files.setdefault(module, []).append(path)
