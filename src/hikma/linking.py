"""The job of turning imports into edges: each language's rules over the files that are indexed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import apsw

from hikma.catalog import imports
from hikma.catalog.imports import FilePlace
from hikma.domain import Import
from hikma.sources.relations.resolvers import resolver
from hikma.sources.relations.tree import Target, Tree, Unresolved

RESOLVED = "resolved"


@dataclass(slots=True)
class _Symbols:
    """The symbols of files, read when first asked for."""

    connection: apsw.Connection
    files: Mapping[str, FilePlace]
    known: dict[str, dict[str, int]] = field(default_factory=dict)

    def of(self, path: str) -> dict[str, int]:
        """Return a file's symbols by qualified name."""
        if path not in self.known:
            self.known[path] = imports.symbols(self.connection, self.files[path].id)
        return self.known[path]


def link_imports(connection: apsw.Connection, read: Callable[[str], str | None]) -> None:
    """Make the `imports` edges fit the indexed files, and count what became no edge.

    `read` returns the text of an indexed configuration file. Idempotent.
    """
    files = {file.path: file for file in imports.files(connection)}
    symbols = _Symbols(connection, files)
    asked = _asked(connection, files)
    tree = Tree(
        languages={path: file.language for path, file in files.items()},
        packages={path: file.packages for path, file in files.items()},
        symbols=lambda path: symbols.of(path).keys(),
        read=lambda path: read(path) if path in files else None,
        imports=lambda path: asked.get(path, ()),
    )
    counts: Counter[str] = Counter()
    wanted = list(_edges(tree, asked, symbols, counts))
    imports.link(connection, wanted)
    imports.put_counts(connection, counts)


def _asked(connection: apsw.Connection, files: Mapping[str, FilePlace]) -> dict[str, list[Import]]:
    """Return what each file asks for, by path."""
    paths = {file.id: path for path, file in files.items()}
    asked: dict[str, list[Import]] = defaultdict(list)
    for file, one in imports.every(connection):
        asked[paths[file]].append(one)
    return asked


def _edges(
    tree: Tree, asked: Mapping[str, Sequence[Import]], symbols: _Symbols, counts: Counter[str]
) -> Iterator[tuple[int, int]]:
    resolve = resolver(tree)
    for path, wanted in asked.items():
        for one in wanted:
            answer = resolve(path, one)
            if isinstance(answer, Unresolved):
                counts[answer.value] += 1
            elif answer is not None:
                counts[RESOLVED] += 1
                yield from _targets(symbols.files[path].id, answer, symbols)


def _targets(source: int, target: Target, symbols: _Symbols) -> Iterator[tuple[int, int]]:
    for path in target.paths:
        if symbols.files[path].id != source:
            yield source, symbols.files[path].id
    for path in (*target.paths, *target.definers) if target.symbol else ():
        symbol = symbols.of(path).get(target.symbol)
        if symbol is not None and symbols.files[path].id != source:
            yield source, symbol
