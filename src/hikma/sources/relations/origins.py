"""Who defines what a file only hands on? Follow its own imports to the definition."""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from hikma.domain import Import
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree

MOST_FILES = 64
"""Files looked at for one name; chains of real code are shorter, hostile ones have no end."""


@dataclass(frozen=True, slots=True)
class _Origins:
    tree: Tree
    resolve: Resolve
    asked: dict[str, dict[str, list[Import]]] = field(default_factory=dict)
    """Path → name → the imports that take this name."""
    known: dict[tuple[tuple[str, ...], str], tuple[str, ...]] = field(default_factory=dict)


def with_origins(tree: Tree, resolve: Resolve) -> Resolve:
    """Add to what a resolver answers the files that define a symbol which its target hands on."""
    origins = _Origins(tree, resolve)

    def resolve_whole(path: str, asked: Import) -> Resolution:
        answer = resolve(path, asked)
        if not isinstance(answer, Target) or not answer.symbol:
            return answer
        if any(answer.symbol in tree.symbols(one) for one in answer.paths):
            return answer
        return replace(answer, definers=_definers(origins, answer.paths, answer.symbol))

    return resolve_whole


def _definers(origins: _Origins, paths: tuple[str, ...], name: str) -> tuple[str, ...]:
    key = (paths, name)
    if key not in origins.known:
        origins.known[key] = _search(origins, paths, name)
    return origins.known[key]


def _search(origins: _Origins, paths: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Walk from file to file, breadth first, until one defines the name."""
    seen = dict.fromkeys(paths)
    waiting = list(paths)
    for here in waiting:
        for path in _given_by(origins, here, name):
            if path in seen:
                continue
            if name in origins.tree.symbols(path):
                return (path,)
            if len(seen) < MOST_FILES:
                seen[path] = None
                waiting.append(path)
    return ()


def _given_by(origins: _Origins, path: str, name: str) -> list[str]:
    """Return the files from which a file takes a name; only without such, all it takes whole."""
    if path not in origins.asked:
        named: dict[str, list[Import]] = defaultdict(list)
        for one in origins.tree.imports(path):
            named[one.name].append(one)
        origins.asked[path] = named
    asked = origins.asked[path]
    private = name.startswith("_")
    found: list[str] = []
    for one in asked.get(name) or ([] if private else asked.get("*", [])):
        answer = origins.resolve(path, one)
        if isinstance(answer, Target):
            found += answer.paths
    return found
