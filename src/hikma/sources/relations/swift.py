"""Swift: a module is a target of a package in this repository; its folder holds its files."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.paths import below, folder_of, folders_of, joined
from hikma.sources.relations.tree import MAX_FILES, Resolution, Resolve, Target, Tree, Unresolved

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
_TARGET = re.compile(
    r"\.(?P<kind>target|testTarget|executableTarget|macro|plugin|systemLibrary)\s*\(\s*"
    r"name\s*:\s*\"(?P<name>[^\"\n]+)\"(?P<rest>(?:[^()]|\([^()]*+\))*+)\)"
)
_PATH = re.compile(r"\bpath\s*:\s*\"([^\"\n]*)\"")
_FOLDERS = {"testTarget": ("Tests", "Sources", "Source", "src", "srcs")}
_SOURCES = ("Sources", "Source", "src", "srcs")


@dataclass(frozen=True, slots=True)
class _Module:
    """A target: the package that declares it and the folder of its sources."""

    package: str
    folder: str


def swift(tree: Tree) -> Resolve:
    """Return what resolves `import NAME`: to the files of the only target of that name."""
    modules: dict[str, dict[_Module, None]] = {}
    folders = folders_of(tree.languages)
    sources = sorted(
        path
        for path, language in tree.languages.items()
        if language == "swift" and not f"/{path}".endswith("/Package.swift")
    )
    for path in tree.languages:
        if path.rpartition("/")[2] == "Package.swift":
            for name, module in _modules(tree, path, folders):
                modules.setdefault(name, {})[module] = None

    @cache
    def files(folder: str) -> tuple[str, ...]:
        if not folder:
            return tuple(sources)
        return tuple(
            sources[bisect_left(sources, f"{folder}/") : bisect_left(sources, f"{folder}0")]
        )

    def resolve(path: str, asked: Import) -> Resolution:
        name, _, symbol = asked.module.partition(".")
        found = _nearest(path, modules.get(name, ()))
        if not found:
            return Unresolved.OUTSIDE
        if len(found) > 1:
            return Unresolved.AMBIGUOUS
        held = files(found[0].folder)
        if symbol and asked.keyword:
            held = tuple(one for one in held if symbol in tree.symbols(one)) or held
        if not held:
            return Unresolved.MISSING
        return Target(held, symbol) if len(held) <= MAX_FILES else Unresolved.AMBIGUOUS

    return resolve


def _nearest(path: str, modules: Collection[_Module]) -> list[_Module]:
    """Return the modules of the asker's own package, else all."""
    around = [one for one in modules if f"{path}".startswith(below(one.package, ""))]
    deepest = max((len(one.package) for one in around), default=0)
    return [one for one in around if len(one.package) == deepest] or list(modules)


def _modules(tree: Tree, manifest: str, folders: Collection[str]) -> Iterator[tuple[str, _Module]]:
    package = folder_of(manifest)
    text = _COMMENT.sub("", tree.read(manifest) or "")
    for found in _TARGET.finditer(text):
        written = _PATH.search(found["rest"])
        if written:
            folder = joined(package, written[1])
        else:
            folder = _default(folders, package, found["kind"], found["name"])
        if folder is not None:
            yield found["name"], _Module(package, folder)


def _default(folders: Collection[str], package: str, kind: str, name: str) -> str | None:
    for place in _FOLDERS.get(kind, _SOURCES):
        folder = below(package, f"{place}/{name}")
        if folder in folders:
            return folder
    return below(package, f"Sources/{name}")
