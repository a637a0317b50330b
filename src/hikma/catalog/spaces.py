"""Which spaces hold vectors, and what is each for: one answers, others receive or are kept."""

from datetime import UTC, datetime
from pathlib import Path

import apsw

from hikma.catalog import ledger, rows
from hikma.catalog.ledger import ANSWERING
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError, IndexMissingError

RECEIVING = "receiving"
"""The state of a space that every write reaches and that does not answer: the other end."""
RETIRED = "retired"
"""The state of a space that nothing is written to any more; its rows are kept for a while."""
DROPPED = "dropped"
"""The state of a space whose rows are gone; its row stays, for the migrations that name it."""
INSIDE, OUTSIDE = "sqlite-vec", "lancedb"
"""The backends: vectors in the index file itself, and vectors elsewhere."""

_COLUMNS = "id, backend, location, model, documents, queries, dimension, metric, index_type, state"


def is_inside(space: VectorSpace) -> bool:
    """Whether a space is written in the very transaction of the rows that it belongs to."""
    return space.backend == INSIDE


def lock_of(path: Path, number: int) -> Path:
    """Return the lock of who brings a space what it is owed, of an index file's path."""
    return path.with_name(f"{path.name}.space-{number}.lock")


def answering(connection: apsw.Connection, path: Path) -> VectorSpace:
    """Return the space that answers; IndexMissingError for a file that has none yet."""
    found = ledger.space(connection)
    if found is None:
        raise IndexMissingError(f"{path} is empty; run `hikma index` first.")
    return found


def of(connection: apsw.Connection, number: int) -> VectorSpace:
    """Return a space by its id; CorruptFileError when a row refers to none."""
    sql = f"SELECT {_COLUMNS} FROM vector_space WHERE id = ?"  # noqa: S608 -- our own columns
    row = rows.first(connection, sql, (number,))
    if row is None:
        raise CorruptFileError(f"vector space {number} is missing; run `hikma doctor`.")
    return VectorSpace(*row)


def active(connection: apsw.Connection) -> list[VectorSpace]:
    """Return the spaces that every write must reach: the answering one first."""
    sql = f"""
        SELECT {_COLUMNS} FROM vector_space WHERE state IN (?, ?) ORDER BY state <> ?, id
    """  # noqa: S608 -- our own columns
    found = rows.every(connection, sql, (ANSWERING, RECEIVING, ANSWERING))
    return [VectorSpace(*row) for row in found]


def retired(connection: apsw.Connection) -> list[VectorSpace]:
    """Return the spaces whose rows are kept though nothing is written to them any more, by id."""
    return [one for one in every(connection) if one.state == RETIRED]


def every(connection: apsw.Connection) -> list[VectorSpace]:
    """Return all spaces that the file knows, by id."""
    sql = f"SELECT {_COLUMNS} FROM vector_space ORDER BY id"  # noqa: S608 -- our own columns
    return [VectorSpace(*row) for row in rows.every(connection, sql)]


def put_state(connection: apsw.Connection, number: int, state: str) -> None:
    """Set what a space is for; of two that change places, first the one that answered."""
    connection.execute(
        "UPDATE vector_space SET state = ?, updated_at = ? WHERE id = ?",
        (state, datetime.now(UTC).isoformat(timespec="seconds"), number),
    )
