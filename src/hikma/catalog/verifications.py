"""What comparing a space with the ledger has found: how far it is, what was wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import apsw

from hikma.catalog import rows

_COLUMNS = (
    "id, space, epoch, cursor, checked, missing, extra, mismatched, duplicate, started_at, "
    "finished_at"
)
FRESH = timedelta(hours=24)
"""A verification that ended longer ago says nothing of today."""


@dataclass(frozen=True, slots=True)
class Verification:
    """One comparison; `cursor` is the last id that was compared, `finished_at` empty until then."""

    id: int
    space: int
    epoch: int
    cursor: int
    checked: int
    missing: int
    extra: int
    mismatched: int
    duplicate: int
    started_at: str
    finished_at: str | None

    @property
    def wrong(self) -> int:
        """How many rows are not as the ledger says."""
        return self.missing + self.extra + self.mismatched + self.duplicate

    def is_clean(self, now: datetime) -> bool:
        """Whether it ended not long ago, and nothing was wrong."""
        if self.finished_at is None or self.wrong:
            return False
        return timedelta(0) <= now - datetime.fromisoformat(self.finished_at) < FRESH


def latest(connection: apsw.Connection, space: int) -> Verification | None:
    """Return the latest verification of a space, finished or not."""
    sql = f"SELECT {_COLUMNS} FROM verification WHERE space = ? ORDER BY id DESC LIMIT 1"  # noqa: S608 -- our own columns
    row = rows.first(connection, sql, (space,))
    return None if row is None else Verification(*row)


def begin(connection: apsw.Connection, space: int, epoch: int) -> Verification:
    """Return a verification of this epoch that was not finished, else a fresh one."""
    held = latest(connection, space)
    if held is not None and held.finished_at is None and held.epoch == epoch:
        return held
    row = rows.first(
        connection,
        f"INSERT INTO verification(space, epoch, started_at) VALUES (?, ?, ?) RETURNING {_COLUMNS}",  # noqa: S608 -- our own columns
        (space, epoch, _now()),
    )
    return Verification(*(row or ()))


def put(connection: apsw.Connection, found: Verification, *, finished: bool) -> Verification:
    """Keep how far a verification is; resumed, it goes on after its cursor."""
    row = rows.first(
        connection,
        f"""
        UPDATE verification SET cursor = ?, checked = ?, missing = ?, extra = ?, mismatched = ?,
               duplicate = ?, finished_at = ? WHERE id = ? RETURNING {_COLUMNS}
        """,  # noqa: S608 -- our own columns
        (
            found.cursor,
            found.checked,
            found.missing,
            found.extra,
            found.mismatched,
            found.duplicate,
            _now() if finished else None,
            found.id,
        ),
    )
    return Verification(*(row or ()))


def forget(connection: apsw.Connection, space: int) -> None:
    """Drop what was found of a space: its vectors lie in another table now."""
    connection.execute("DELETE FROM verification WHERE space = ?", (space,))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def changed_since(connection: apsw.Connection, sequence: int) -> frozenset[int]:
    """Return the documents that the ledger has written to, or deleted, after a sequence."""
    sql = "SELECT document_id FROM ledger WHERE sequence > ?"
    return frozenset(rows.ids(connection, sql, (sequence,)).tolist())
