"""What two spaces answered to the same questions: one row a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import apsw

from hikma.catalog import rows

CONTROL, REPLAY, LIVE = "control", "replay", "live"
"""The source against itself; a question of the file's own; one that somebody asked."""
MOST = 20_000
"""Samples that are kept of one migration: the latest."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question: shares of 1, milliseconds, a difference of distances; None after an error."""

    kind: str
    exact: bool
    overlap: float | None
    agreement: float | None
    drift: float | None
    source_ms: float
    target_ms: float | None
    error: str | None = None


def put(connection: apsw.Connection, migration: int, found: Sequence[Sample]) -> None:
    """Add samples to those of a migration; the oldest beyond the most go."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    connection.executemany(
        """
        INSERT INTO shadow_sample(migration, kind, exact, overlap, agreement, drift, source_ms,
                                  target_ms, error, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            (
                migration,
                one.kind,
                one.exact,
                one.overlap,
                one.agreement,
                one.drift,
                one.source_ms,
                one.target_ms,
                one.error,
                now,
            )
            for one in found
        ),
    )
    connection.execute(
        "DELETE FROM shadow_sample WHERE migration = ? AND id <= ("
        "SELECT max(id) FROM shadow_sample WHERE migration = ?) - ?",
        (migration, migration, MOST),
    )


def of(connection: apsw.Connection, migration: int) -> list[Sample]:
    """Return the samples of a migration, oldest first."""
    found = rows.every(
        connection,
        "SELECT kind, exact, overlap, agreement, drift, source_ms, target_ms, error "
        "FROM shadow_sample WHERE migration = ? ORDER BY id",
        (migration,),
    )
    return [Sample(kind, bool(exact), *rest) for kind, exact, *rest in found]
