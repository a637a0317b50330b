"""What files ask for from elsewhere, in their own words, and the edges that these words became."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import apsw

from hikma.catalog import rows, state
from hikma.catalog.linking import replace_edges
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import EdgeKind, Import

_COUNTS = "imports"
_IMPORTS = EDGE_CODES[EdgeKind.IMPORTS]


class FilePlace(NamedTuple):
    """A file's node, path, language and the packages that it declares itself part of."""

    id: int
    path: str
    language: str | None
    packages: tuple[str, ...]


def put(connection: apsw.Connection, file: int, imports: Iterable[Import]) -> None:
    """Make the imports of one file what is given."""
    connection.execute("DELETE FROM import WHERE file = ?", (file,))
    connection.executemany(
        "INSERT OR IGNORE INTO import VALUES (?, ?, ?, ?)",
        ((file, one.module, one.name, one.keyword) for one in imports),
    )


def every(connection: apsw.Connection) -> list[tuple[int, Import]]:
    """Return the imports of all files with the file's node."""
    found = rows.every(connection, "SELECT file, module, name, keyword FROM import")
    return [(file, Import(module, name, keyword)) for file, module, name, keyword in found]


def files(connection: apsw.Connection) -> list[FilePlace]:
    """Return all files, by path."""
    found = rows.every(
        connection,
        "SELECT id, path, language, coalesce(properties ->> 'package', '') FROM node "
        "WHERE file IS NULL AND kind = 'file' ORDER BY path",
    )
    return [
        FilePlace(number, path, language, tuple(package.split()))
        for number, path, language, package in found
    ]


def symbols(connection: apsw.Connection, file: int) -> dict[str, int]:
    """Return the symbols of a file by qualified name; of overloads the first."""
    found = rows.every(
        connection,
        "SELECT qualified_name, id FROM node WHERE file = ? AND kind = 'symbol' "
        "ORDER BY start_line, id",
        (file,),
    )
    return dict(reversed(found))


def link(connection: apsw.Connection, wanted: Sequence[tuple[int, int]]) -> None:
    """Make the `imports` edges exactly these (file, file or symbol)."""
    sql = "SELECT source, target, confidence FROM edge WHERE kind = ?"
    present = {
        (source, target): sure for source, target, sure in rows.every(connection, sql, (_IMPORTS,))
    }
    replace_edges(connection, _IMPORTS, present, dict.fromkeys(wanted, 1.0))


def put_counts(connection: apsw.Connection, counts: Mapping[str, int]) -> None:
    """Remember how many imports became edges, and how many did not, by reason."""
    listed = " ".join(f"{name}:{count}" for name, count in sorted(counts.items()))
    state.put(connection, _COUNTS, listed)


def counts(connection: apsw.Connection) -> dict[str, int]:
    """Return what `put_counts` remembered."""
    listed = (state.get(connection, _COUNTS) or "").split()
    return {name: int(count) for name, _, count in (one.partition(":") for one in listed)}
