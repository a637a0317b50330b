"""What spaces outside the file are owed: ids, not payloads; the latest of each pair counts.

A row says that a document's present state must be brought to a space. It goes when that state,
or a later one, is safely there. Backfill, replay, repair and re-sync all are rows put here.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds
from hikma.catalog import rows

MOST_ATTEMPTS = 8
"""After so many failures a row is parked: kept, shown, tried again only when asked for."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 60.0
_LAST = 2**63 - 1
_PAUSED = f"attempts < {MOST_ATTEMPTS}"


@dataclass(frozen=True, slots=True)
class Owed:
    """A document whose state as of `sequence`, or later, a space has not got yet."""

    document: int
    sequence: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much a space is owed; `oldest` is the lowest sequence, `error` the latest failure's."""

    pending: int
    parked: int
    oldest: int | None
    error: str | None

    @property
    def reason(self) -> str:
        """Why rows are left: the latest failure, or that there was no time for them."""
        return self.error or "nothing failed, but time ran out before they were brought"


def enqueue(
    connection: apsw.Connection, space: int, ids: Sequence[int] | NDArray[np.int64]
) -> None:
    """Owe a space the present state of documents of the ledger, deleted ones too."""
    if not len(ids):
        return
    connection.execute(
        """
        INSERT INTO outbox(space, document_id, sequence)
        SELECT ?, document_id, sequence FROM ledger
         WHERE document_id IN (SELECT value FROM carray(?))
        ON CONFLICT(space, document_id) DO UPDATE SET sequence = excluded.sequence,
          attempts = 0, next_attempt_at = NULL, last_error = NULL
        """,
        (space, rows.numbers(ids)),
    )


def enqueue_all(connection: apsw.Connection, space: int) -> int:
    """Owe a space everything that the ledger knows, deleted ones too; return how much that is."""
    every = rows.ids(connection, "SELECT document_id FROM ledger")
    enqueue(connection, space, every)
    return len(every)


def due(connection: apsw.Connection, space: int, now: datetime, limit: int) -> list[Owed]:
    """Return the first rows whose time has come, by document.

    One that is put off for longer than anything ever is was so before the clock went back.
    """
    found = rows.every(
        connection,
        f"""
        SELECT document_id, sequence, attempts FROM outbox
         WHERE space = ? AND {_PAUSED}
           AND (next_attempt_at IS NULL OR next_attempt_at <= ? OR next_attempt_at > ?)
         ORDER BY document_id LIMIT ?
        """,  # noqa: S608 -- our own figure
        (space, _text(now), _text(now + timedelta(seconds=_LONGEST_WAIT_S)), limit),
    )
    return [Owed(*row) for row in found]


def done(connection: apsw.Connection, space: int, applied: Iterable[tuple[int, int]]) -> None:
    """Drop what was brought, by document up to a sequence; what is owed since then stays."""
    connection.executemany(
        "DELETE FROM outbox WHERE space = ? AND document_id = ? AND sequence <= ?",
        ((space, document, sequence) for document, sequence in applied),
    )


def forget(connection: apsw.Connection, space: int, ids: Sequence[int]) -> None:
    """Drop what a space is owed of documents whose present state this transaction brings."""
    if len(ids):
        sql = "DELETE FROM outbox WHERE space = ? AND document_id IN (SELECT value FROM carray(?))"
        connection.execute(sql, (space, rows.numbers(ids)))


def failed(
    connection: apsw.Connection, space: int, owed: Iterable[Owed], error: str, now: datetime
) -> None:
    """Put off what could not be brought, each failure for longer, with jitter; or park it."""
    _put_off(connection, space, [(one, one.attempts + 1) for one in owed], error, now)


def unreachable(
    connection: apsw.Connection, space: int, owed: Iterable[Owed], error: str, now: datetime
) -> None:
    """Put off what a store refused as a whole: no row is at fault, so none is parked for it."""
    waiting = [(one, min(one.attempts + 1, MOST_ATTEMPTS - 1)) for one in owed]
    _put_off(connection, space, waiting, error, now)


def park(
    connection: apsw.Connection, space: int, owed: Iterable[Owed], error: str, now: datetime
) -> None:
    """Put off until asked for what no further attempt would bring."""
    _put_off(connection, space, [(one, MOST_ATTEMPTS) for one in owed], error, now)


def _put_off(
    connection: apsw.Connection,
    space: int,
    waiting: Iterable[tuple[Owed, int]],
    error: str,
    now: datetime,
) -> None:
    connection.executemany(
        """
        UPDATE outbox SET attempts = ?, next_attempt_at = ?, last_error = ?
         WHERE space = ? AND document_id = ? AND sequence = ?
        """,
        (
            (
                attempts,
                _text(now + _wait(one.attempts)),
                error[:500],
                space,
                one.document,
                one.sequence,
            )
            for one, attempts in waiting
        ),
    )


def unpark(connection: apsw.Connection, space: int) -> int:
    """Make every row of a space due at once; return how many were parked."""
    sql = f"SELECT count(*) FROM outbox WHERE space = ? AND NOT {_PAUSED}"  # noqa: S608 -- our own figure
    parked = int(rows.value(connection, sql, (space,)))
    connection.execute(
        "UPDATE outbox SET attempts = 0, next_attempt_at = NULL WHERE space = ?", (space,)
    )
    return parked


def unpark_embedded(connection: apsw.Connection, digests: Sequence[bytes]) -> None:
    """Make due what is parked of documents whose texts, by their digests, have a vector now."""
    if rows.first(connection, f"SELECT 1 FROM outbox WHERE NOT {_PAUSED} LIMIT 1") is None:  # noqa: S608 -- our own figure
        return
    connection.execute(
        f"""
        UPDATE outbox SET attempts = 0, next_attempt_at = NULL
         WHERE NOT {_PAUSED} AND document_id IN (
           SELECT document_id FROM ledger
            WHERE NOT deleted AND digest IN (SELECT value FROM carray(?)))
        """,  # noqa: S608 -- likewise
        (rows.blobs(digests),),
    )


def pending(connection: apsw.Connection, space: int) -> DocumentIds:
    """Return the ids of all documents that a space is owed, parked ones too, sorted."""
    sql = "SELECT document_id FROM outbox WHERE space = ? ORDER BY document_id"
    return rows.ids(connection, sql, (space,))


def clear(connection: apsw.Connection, space: int) -> None:
    """Owe a space nothing any more."""
    connection.execute("DELETE FROM outbox WHERE space = ?", (space,))


def backlog(connection: apsw.Connection, space: int, until: int = _LAST) -> Backlog:
    """Return how much a space is owed, of what was written up to a sequence."""
    row = rows.first(
        connection,
        f"""
        SELECT count(*), count(*) FILTER (WHERE NOT {_PAUSED}), min(sequence), max(last_error)
          FROM outbox WHERE space = ? AND sequence <= ?
        """,  # noqa: S608 -- our own figure
        (space, until),
    )
    return Backlog(*(row or (0, 0, None, None)))


def _wait(attempts: int) -> timedelta:
    """Return how long to wait after so many failures before: doubled, and spread by half."""
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempts)
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
