"""What has changed in a space, write by write: so that whoever holds its codes need not read all.

The states of a space bear random names, for a count would come again after a write rolled back.
Each write is kept with the state that it led to; only the last ones are.
"""

from collections.abc import Sequence
from secrets import token_hex

import apsw
import numpy as np

from hikma.arrays import DocumentIds
from hikma.catalog import rows, state

_KEPT = 128
_MOST_IDS = 4_096
"""Ids of one write that are kept; of a greater one it is only known that it was."""


def generation(connection: apsw.Connection, table: str) -> str | None:
    """Return the name of a space's state, None before the first write."""
    return state.get(connection, f"{table}_generation")


def put(connection: apsw.Connection, table: str, ids: Sequence[int] | None) -> None:
    """Give the state another name: that of a write to some ids, or to all."""
    name = token_hex(8)
    state.put(connection, f"{table}_generation", name)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {table}_changes("
        "number INTEGER PRIMARY KEY, generation TEXT NOT NULL, ids BLOB)"
    )
    known = ids is not None and len(ids) <= _MOST_IDS
    packed = np.array(ids, "<i8").tobytes() if known else None
    connection.execute(
        f"INSERT INTO {table}_changes(generation, ids) VALUES (?, ?)",  # noqa: S608 -- our table
        (name, packed),
    )
    connection.execute(
        f"DELETE FROM {table}_changes "  # noqa: S608 -- our table
        f"WHERE number <= (SELECT max(number) FROM {table}_changes) - ?",
        (_KEPT,),
    )


def drop(connection: apsw.Connection, table: str) -> None:
    """Forget the states of a space that is given up."""
    state.remove(connection, f"{table}_generation")
    connection.execute(f"DROP TABLE IF EXISTS {table}_changes")


def since(connection: apsw.Connection, table: str, held: str) -> DocumentIds | None:
    """Return the ids written to since a state, sorted; None where that is not known.

    It is not known where the state was undone, lies too far back, or was left by a program that
    keeps no changes.
    """
    sql = "SELECT 1 FROM sqlite_schema WHERE name = ?"
    if rows.first(connection, sql, (f"{table}_changes",)) is None:
        return None
    found = rows.every(
        connection,
        f"SELECT generation, ids FROM {table}_changes WHERE number > ("  # noqa: S608 -- our table
        f"SELECT number FROM {table}_changes WHERE generation = ?) ORDER BY number",
        (held,),
    )
    if not found or found[-1][0] != generation(connection, table):
        return None
    if any(ids is None for _, ids in found):
        return None
    written = np.frombuffer(b"".join(ids for _, ids in found), "<i8")
    return np.array(sorted(set(written.tolist())), np.int64)
