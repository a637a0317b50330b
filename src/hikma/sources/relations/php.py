"""PHP: classes as Composer's autoloader finds them, functions as declared, includes by path."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.configuration import at, json_of, strings, table
from hikma.sources.relations.paths import existing, folder_of, joined, upwards
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_PIECE = re.compile(
    r"""\s*(?:'(?P<single>[^'\\]*)'|"(?P<double>[^"\\$]*)"
    |(?P<here>__DIR__|dirname\(\s*__FILE__\s*\))
    |dirname\(\s*(?:__DIR__|dirname\(\s*__FILE__\s*\))\s*(?:,\s*(?P<levels>\d))?\s*\)(?P<up>))
    \s*(?:\.|$)""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Loader:
    """One `composer.json`: its folder and where it says that classes lie."""

    folder: str
    prefixes: tuple[tuple[str, str], ...]
    """PSR-4 prefix → folder, the longest prefix first."""
    older: tuple[tuple[str, str], ...]
    """PSR-0 prefix → folder, likewise."""
    listed: tuple[str, ...]
    """Files and folders that are searched for classes or always loaded."""

    def places(self) -> tuple[str, ...]:
        """Return every folder and file that it loads from."""
        return (*(place for _, place in (*self.prefixes, *self.older)), *self.listed)


@dataclass(frozen=True, slots=True)
class _Maps:
    """PSR-4 and PSR-0: prefix → the number of a `composer.json` and the folder that it names."""

    newer: Mapping[str, Sequence[tuple[int, str]]]
    older: Mapping[str, Sequence[tuple[int, str]]]


def php(tree: Tree) -> Resolve:
    """Return what resolves `use`, and `require` and `include` of literal paths."""
    loaders = [
        _loader(tree, path) for path in tree.languages if f"/{path}".endswith("/composer.json")
    ]
    searched = {place for loader in loaders for place in loader.listed}
    places = {place for loader in loaders for place in loader.places()}
    folders = {loader.folder for loader in loaders}
    maps = _maps(loaders)
    namespaces, declared = _declarations(tree)

    @cache
    def named(keyword: str, name: str) -> tuple[str, ...]:
        found = () if keyword else tuple(dict.fromkeys(_by_loader(tree, maps, name)))
        namespace, _, own = name.rpartition("\\")
        return found or tuple(
            path
            for path in (declared(namespace).get(own, ()) if namespace in namespaces else ())
            if not loaders or _lies_in(path, places if keyword else searched)
        )

    def resolve(path: str, asked: Import) -> Resolution:
        if asked.keyword.lower().startswith(("require", "include")):
            return _included(tree, path, asked.module)
        found = _nearest(path, named(asked.keyword, asked.module), folders)
        if found:
            if len(found) > 1:
                return Unresolved.AMBIGUOUS
            return Target(found, _symbol(tree, found[0], asked.module))
        alias = asked.module in namespaces and not asked.keyword
        return Unresolved.AMBIGUOUS if alias else Unresolved.OUTSIDE

    return resolve


def _symbol(tree: Tree, path: str, name: str) -> str:
    """Return how a file calls what it defines: a namespace with braces is part of the name."""
    full = name.replace("\\", ".")
    return full if full in tree.symbols(path) else full.rpartition(".")[2]


def _nearest(path: str, found: tuple[str, ...], folders: Collection[str]) -> tuple[str, ...]:
    """Choose what the asker's own package declares, where several do."""
    if len(found) < 2:  # noqa: PLR2004 -- one needs no choice
        return found
    if path in found:
        return (path,)
    own = next((one for one in upwards(folder_of(path)) if one in folders), "")
    return tuple(one for one in found if not own or one.startswith(f"{own}/")) or found


def _maps(loaders: Sequence[_Loader]) -> _Maps:
    newer: dict[str, list[tuple[int, str]]] = {}
    older: dict[str, list[tuple[int, str]]] = {}
    for number, loader in enumerate(loaders):
        for written, found in ((loader.prefixes, newer), (loader.older, older)):
            for prefix, folder in written:
                found.setdefault(prefix, []).append((number, folder))
    return _Maps(newer, older)


def _by_loader(tree: Tree, maps: _Maps, name: str) -> Iterator[str]:
    """Yield the file that each `composer.json` would load a class from: its longest prefix's."""
    done: set[int] = set()
    for folders, file in _mapped(maps, name):
        for number, folder in folders:
            place = existing(tree.languages, folder, file)
            if place is not None and number not in done:
                done.add(number)
                yield place


def _mapped(maps: _Maps, name: str) -> Iterator[tuple[Sequence[tuple[int, str]], str]]:
    """Yield the folders of each prefix that a class has and its file there, the longest first."""
    ends = [at for at in range(len(name), 0, -1) if {*name[at - 1 : at + 1]} & {"\\", "_"}]
    prefixes = [*(name[:end] for end in ends), ""]
    for prefix in prefixes:
        yield maps.newer.get(prefix, ()), name[len(prefix) :].replace("\\", "/") + ".php"
    for prefix in (name, *prefixes):
        yield maps.older.get(prefix, ()), _file_of(name)


def _file_of(name: str) -> str:
    """Return the file of a class under PSR-0, where `_` in the class parts folders as well."""
    namespace, mark, own = name.rpartition("\\")
    return f"{namespace}{mark}{own.replace('_', '/')}.php".replace("\\", "/")


def _lies_in(path: str, places: Collection[str]) -> bool:
    return path in places or any(one in places for one in upwards(folder_of(path)))


def _loader(tree: Tree, path: str) -> _Loader:
    folder = folder_of(path)
    content = json_of(tree.read(path))
    parts = [table(content.get(key)) for key in ("autoload", "autoload-dev")]
    listed = [
        place
        for part in parts
        for key in ("classmap", "files")
        for one in strings(at(part, key))
        if (place := joined(folder, one)) is not None
    ]
    return _Loader(
        folder,
        _prefixes(folder, parts, "psr-4"),
        _prefixes(folder, parts, "psr-0"),
        tuple(listed),
    )


def _prefixes(
    folder: str, parts: Iterable[Mapping[str, object]], standard: str
) -> tuple[tuple[str, str], ...]:
    found = [
        (prefix, place)
        for part in parts
        for prefix, written in table(part.get(standard)).items()
        for one in strings(written)
        if (place := joined(folder, one)) is not None
    ]
    return tuple(sorted(found, key=lambda pair: -len(pair[0])))


def _declarations(
    tree: Tree,
) -> tuple[Mapping[str, Sequence[str]], Callable[[str], Mapping[str, Sequence[str]]]]:
    """Return namespace → files, and namespace → name → the files that define it."""
    namespaces: dict[str, list[str]] = {}
    for path, language in tree.languages.items():
        if language == "php":
            for namespace in tree.packages.get(path, ()) or ("",):
                namespaces.setdefault(namespace, []).append(path)

    @cache
    def declared(namespace: str) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        inside = namespace.replace("\\", ".") + "."
        for path in namespaces[namespace]:
            for name in {one.removeprefix(inside) for one in tree.symbols(path)}:
                found.setdefault(name, []).append(path)
        return found

    return namespaces, declared


def _included(tree: Tree, path: str, written: str) -> Resolution:
    """Return the file that `require` names; from `__DIR__`, or where PHP looks for a bare name."""
    found = _literal(path, written)
    if found is None:
        return Unresolved.COMPUTED
    place, settled = found
    if settled:
        target = joined("", place)
        if target is None:
            return Unresolved.OUTSIDE
        return Target((target,)) if target in tree.languages else Unresolved.MISSING
    if place.startswith("/"):
        return Unresolved.OUTSIDE
    near = [joined("", place)] if place.startswith(".") else []
    near += [joined(folder_of(path), place), joined("", place)]
    present = tuple({one for one in near if one in tree.languages and one})
    if len(present) > 1:
        return Unresolved.AMBIGUOUS
    return Target(present) if present else Unresolved.OUTSIDE


def _literal(path: str, written: str) -> tuple[str, bool] | None:
    """Return a path made of literal pieces, and whether it starts at the asking file."""
    text = written.strip().removeprefix("(").removesuffix(")").strip()
    if text.count("(") != text.count(")"):
        text = written.strip()
    result, settled, position = "", False, 0
    while position < len(text):
        found = _PIECE.match(text, position)
        if not found:
            return None
        position = found.end()
        if found["here"] or found["up"] is not None:
            if result:
                return None
            ups = 0 if found["here"] else int(found["levels"] or 1)
            folder = joined(folder_of(path), "../" * ups)
            result, settled = f"{folder}/" if folder else "", True
            if folder is None:
                return None
        else:
            result += found["single"] or found["double"] or ""
    return (result.lstrip("/") if settled else result), settled
