"""What two spaces answered to the same questions: one row a question."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime

import apsw

from hikma.catalog import rows

CONTROL, REPLAY, LIVE = "control", "replay", "live"
"""The source against itself; a question of the file's own; one that somebody asked."""
MOST = 20_000
"""Samples that are kept of each kind of one migration: the latest."""

_COLUMNS = (
    "kind, exact, overlap, agreement, drift, source_ms, target_ms, error, depth, epoch, question, "
    "answers, filtered"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question: shares of 1, milliseconds, a difference of distances; None after an error.

    `depth` is how many answers each end was asked for, `answers` how many the longer answer has;
    where it has none there is nothing to compare. `exact` is whether the target's index is,
    `filtered` whether both ends were to choose among some documents. Equal questions have the same
    number.
    """

    kind: str
    exact: bool
    overlap: float | None
    agreement: float | None
    drift: float | None
    source_ms: float
    target_ms: float | None
    error: str | None = None
    depth: int = 10
    epoch: int = 0
    question: int = 0
    answers: int = 0
    filtered: bool = False


def put(connection: apsw.Connection, migration: int, found: Sequence[Sample]) -> None:
    """Add samples to those of a migration; of each kind the oldest beyond the most go."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    connection.executemany(
        f"""
        INSERT INTO shadow_sample(migration, created_at, {_COLUMNS})
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,  # noqa: S608 -- our own columns
        ((migration, now, *astuple(one)) for one in found),
    )
    for kind in sorted({one.kind for one in found}):
        _prune(connection, migration, kind)


def of(
    connection: apsw.Connection, migration: int, kind: str | None = None, epoch_from: int = 0
) -> list[Sample]:
    """Return the samples of a migration since an epoch, of one kind or of all, oldest first."""
    found = rows.every(
        connection,
        f"""
        SELECT {_COLUMNS} FROM shadow_sample
         WHERE migration = ? AND epoch >= ? AND kind = ifnull(?, kind) ORDER BY id
        """,  # noqa: S608 -- our own columns
        (migration, epoch_from, kind),
    )
    made = [Sample(one, bool(exact), *rest) for one, exact, *rest in found]
    return [replace(one, filtered=bool(one.filtered)) for one in made]


def questions(connection: apsw.Connection, migration: int, kind: str, epoch_from: int) -> set[int]:
    """Return the numbers of the questions that were asked since an epoch."""
    sql = "SELECT DISTINCT question FROM shadow_sample WHERE migration = ? AND kind = ?"
    return set(rows.column(connection, f"{sql} AND epoch >= ?", (migration, kind, epoch_from)))


def counts(connection: apsw.Connection, migration: int) -> dict[str, int]:
    """Return how many samples of each kind a migration has."""
    sql = "SELECT kind, count(*) FROM shadow_sample WHERE migration = ? GROUP BY kind ORDER BY kind"
    return dict(rows.every(connection, sql, (migration,)))


def _prune(connection: apsw.Connection, migration: int, kind: str) -> None:
    connection.execute(
        """
        DELETE FROM shadow_sample WHERE migration = ?1 AND kind = ?2 AND id <= (
          SELECT id FROM shadow_sample WHERE migration = ?1 AND kind = ?2
           ORDER BY id DESC LIMIT 1 OFFSET ?3)
        """,
        (migration, kind, MOST),
    )
