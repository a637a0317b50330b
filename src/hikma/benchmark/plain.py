"""A table of sqlite-vec as its manual makes one: float32, compared by its own query.

What a store of ours is measured against: it is the file and nothing beside it.
"""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import apsw
import numpy as np
import sqlite_vec

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorRows
from hikma.benchmark.stores import Stock
from hikma.catalog import rows

FILE = "plain.db"
_NEAREST = "SELECT rowid, distance FROM plain WHERE vector MATCH ? AND k = ?"
_AMONG = """
SELECT rowid, distance FROM plain
 WHERE vector MATCH ? AND k = ? AND rowid IN (SELECT value FROM carray(?))
"""
_WAIT_MS = 10_000


class PlainTable:
    """The table in a file of its own, by a connection for each thread."""

    def __init__(self, folder: Path) -> None:
        """Open the file; its threads open it again."""
        self._path = folder / FILE
        self._own = threading.local()
        self._opened: list[apsw.Connection] = []
        self._connection()

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Ask sqlite-vec, which measures unit vectors by Euclid: half of the square is 1 - cosine.

        It has code for that which is faster than what it has for cosines.
        """
        asked = query.tobytes(), limit
        if within is None:
            found = rows.every(self._connection(), _NEAREST, asked)
        elif len(within):
            found = rows.every(self._connection(), _AMONG, (*asked, rows.numbers(within)))
        else:
            return []
        return [Neighbor(one, apart * apart / 2) for one, apart in found]

    def write(self, ids: Sequence[int], vectors: VectorRows) -> None:
        """Insert or replace: sqlite-vec has no statement for the latter."""
        with self._connection() as connection:
            _delete(connection, ids)
            _insert(connection, ids, vectors)

    def remove(self, ids: Sequence[int]) -> None:
        """Delete."""
        with self._connection() as connection:
            _delete(connection, ids)

    def close(self) -> None:
        """Close the file in every thread."""
        for one in self._opened:
            one.close()

    def _connection(self) -> apsw.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = _opened(self._path)
            self._opened.append(self._own.connection)
        held: apsw.Connection = self._own.connection
        return held


def build_plain(folder: Path, stock: Stock) -> None:
    """Make the table and fill it, in one transaction."""
    folder.mkdir()
    connection = _opened(folder / FILE)
    width = stock.vectors.shape[1]
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.execute(f"CREATE VIRTUAL TABLE plain USING vec0(vector float[{width}])")
            _insert(connection, stock.ids.tolist(), stock.vectors)
    finally:
        connection.close()


def _opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(_WAIT_MS)
    connection.enable_load_extension(True)  # noqa: FBT003 -- APSW's own signature
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _insert(connection: apsw.Connection, ids: Iterable[int], vectors: VectorRows) -> None:
    given = np.ascontiguousarray(vectors, dtype="<f4")
    connection.executemany(
        "INSERT INTO plain(rowid, vector) VALUES (?, ?)",
        ((int(one), row.tobytes()) for one, row in zip(ids, given, strict=True)),
    )


def _delete(connection: apsw.Connection, ids: Iterable[int]) -> None:
    connection.executemany("DELETE FROM plain WHERE rowid = ?", ((int(one),) for one in ids))
