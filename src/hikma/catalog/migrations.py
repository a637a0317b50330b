"""The durable state of a migration: which step it is at, what happened, who may move it.

Every step is one compare-and-set on (state, epoch) in a write transaction, together with what it
changes of the spaces: a process that reads the file sees all of it, or none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_bytes
from typing import Any

import apsw

from hikma.catalog import ledger, outbox, rows, spaces
from hikma.catalog.tables import MIGRATING
from hikma.domain import VectorSpace
from hikma.errors import MigrationError


class Step(StrEnum):
    """Where a migration stands."""

    DUAL_WRITE = "dual_write"
    BACKFILL = "backfill"
    VERIFY = "verify"
    SHADOW = "shadow"
    CANARY = "canary"
    CUTOVER = "cutover"
    SOAK = "soak"
    FINALIZED = "finalized"
    ROLLED_BACK = "rolled_back"


LINE = tuple(Step)[:-1]
"""The steps of a migration that goes well, in order."""
ENDED = frozenset({Step.FINALIZED, Step.ROLLED_BACK})
REVERSED = frozenset({Step.CUTOVER, Step.SOAK})
"""Where the target answers, and the source receives."""
FULL_PERCENT = 100.0

_COLUMNS = (
    "id, source, target, state, paused, epoch, read_percent, salt, cursor, high_water, gates, "
    "created_at, updated_at"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """A row of the table; `gates` is what the migration was asked for and has measured."""

    id: int
    source: int
    target: int
    step: Step
    paused: bool
    epoch: int
    read_percent: float
    salt: bytes
    cursor: int
    high_water: int
    gates: Mapping[str, Any] = field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""

    @property
    def entered_at(self) -> datetime:
        """When the present step, or the present percentage, was entered."""
        return datetime.fromisoformat(str(self.gates.get("entered_at", self.created_at)))

    def follows(self, step: Step) -> bool:
        """Whether a step is the next one of a migration that goes well."""
        return self.step not in ENDED and LINE[LINE.index(self.step) + 1] is step


@dataclass(frozen=True, slots=True)
class Event:
    """One step that was taken, and why."""

    epoch: int
    source_state: str
    target_state: str
    reason: str
    created_at: str


def running(connection: apsw.Connection) -> Migration | None:
    """Return the migration that has not ended, if there is one."""
    sql = f"SELECT {_COLUMNS} FROM migration WHERE {MIGRATING} ORDER BY id DESC LIMIT 1"  # noqa: S608 -- our own names
    row = rows.first(connection, sql)
    return None if row is None else _migration(row)


def last(connection: apsw.Connection) -> Migration:
    """Return what `latest` does; MigrationError when there never was a migration."""
    found = latest(connection)
    if found is None:
        raise MigrationError("No migration was ever begun; see `hikma migrate start`.")
    return found


def latest(connection: apsw.Connection) -> Migration | None:
    """Return the migration that runs, or the last one that ended."""
    sql = f"SELECT {_COLUMNS} FROM migration ORDER BY id DESC LIMIT 1"  # noqa: S608 -- our own columns
    row = rows.first(connection, sql)
    return None if row is None else _migration(row)


def is_fresh(connection: apsw.Connection, *, full: bool) -> bool:
    """Whether a run makes the file's first space.

    Raises MigrationError where a full run, which builds the file anew, would lose a migration.
    """
    held = running(connection)
    if full and held is not None:
        raise MigrationError(
            f"Migration {held.id} is at {held.step}, and a full run builds the file anew; end it "
            "with `hikma migrate advance` or `hikma migrate rollback` first."
        )
    return ledger.space(connection) is None


def required(connection: apsw.Connection) -> Migration:
    """Return the migration that runs; MigrationError when none does."""
    found = running(connection)
    if found is None:
        raise MigrationError("No migration is running; begin one with `hikma migrate start`.")
    return found


def refuse_second(connection: apsw.Connection) -> None:
    """Raise MigrationError while a migration runs."""
    held = running(connection)
    if held is not None:
        raise MigrationError(
            f"Migration {held.id} is at {held.step}; finish it with `hikma migrate advance` or "
            "`hikma migrate rollback` before another is begun."
        )


def begin(
    connection: apsw.Connection, source: VectorSpace, wanted: VectorSpace, gates: Mapping[str, Any]
) -> Migration:
    """Make the target space and the migration; from now on every write reaches both.

    The high-water mark is fixed in this transaction: no writer is on the former state.
    """
    refuse_second(connection)
    target = ledger.create_space(connection, replace(wanted, state=spaces.RECEIVING))
    now = _now()
    row = rows.first(
        connection,
        f"""
        INSERT INTO migration(source, target, state, salt, high_water, gates, created_at,
                              updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}
        """,  # noqa: S608 -- our own columns
        (
            source.id,
            target.id,
            Step.DUAL_WRITE,
            token_bytes(16),
            ledger.last_sequence(connection),
            json.dumps({**gates, "entered_at": now}),
            now,
            now,
        ),
    )
    made = _migration(row or ())
    _note(connection, made, "off", made.step, "started")
    return made


def step_to(
    connection: apsw.Connection,
    held: Migration,
    step: Step,
    reason: str,
    *,
    percent: float | None = None,
) -> Migration:
    """Take one edge, with what it changes of the spaces; one taken already changes nothing.

    Raises MigrationError for an edge that does not exist, or where the migration has moved on to
    another step than the caller saw.
    """
    now = required_by_id(connection, held.id)
    if (now.step, now.epoch) != (held.step, held.epoch):
        if now.step is step and (percent is None or now.read_percent == percent):
            return now
        raise MigrationError(
            f"Migration {held.id} is at {now.step} by now, no longer at {held.step}; look at "
            "`hikma migrate status` and repeat."
        )
    held = now  # what was measured meanwhile stays
    _refuse_edge(held, step)
    if step is Step.CUTOVER:
        percent = FULL_PERCENT
    _move_spaces(connection, held, step)
    read = held.read_percent if percent is None else percent
    return _set(connection, held, step, 0.0 if step is Step.ROLLED_BACK else read, reason)


def set_back(connection: apsw.Connection, held: Migration, reason: str) -> Migration:
    """Go back to the copying, because the target is owed every document again.

    The source answers meanwhile. No way to `step_to` leads here: it is for a file that has become
    another one, whose target is empty.
    """
    if held.step in REVERSED:
        spaces.put_state(connection, held.target, spaces.RECEIVING)
        spaces.put_state(connection, held.source, ledger.ANSWERING)
    connection.execute(
        "UPDATE migration SET high_water = ?, cursor = "
        "(SELECT coalesce(max(document_id), 0) FROM ledger) WHERE id = ?",
        (ledger.last_sequence(connection), held.id),
    )
    step = held.step if held.step is Step.DUAL_WRITE else Step.BACKFILL
    return _set(connection, held, step, 0.0, reason)


def set_paused(connection: apsw.Connection, held: Migration, reason: str, *, paused: bool) -> None:
    """Stop the migration's own work, or let it go on; reads and writes go on either way."""
    connection.execute(
        "UPDATE migration SET paused = ?, updated_at = ? WHERE id = ?", (paused, _now(), held.id)
    )
    verb = "paused" if paused else "resumed"
    if held.paused != paused:
        _note(connection, held, held.step, held.step, f"{verb}: {reason}" if reason else verb)


def put_gates(connection: apsw.Connection, number: int, measured: Mapping[str, Any]) -> None:
    """Add what was measured to what a migration knows of itself."""
    held = required_by_id(connection, number)
    text = json.dumps({**held.gates, **measured})
    connection.execute("UPDATE migration SET gates = ? WHERE id = ?", (text, number))


def move_cursor(connection: apsw.Connection, held: Migration, count: int) -> int:
    """Owe the target the next documents, by id, and move past them; return how many there were.

    Backfill is this and nothing else, in one transaction.
    """
    now = required_by_id(connection, held.id)
    if now.step is not Step.BACKFILL or now.paused:
        return 0
    ids = rows.ids(
        connection,
        "SELECT document_id FROM ledger WHERE document_id > ? ORDER BY document_id LIMIT ?",
        (now.cursor, count),
    )
    if len(ids):
        outbox.enqueue(connection, now.target, ids)
        connection.execute("UPDATE migration SET cursor = ? WHERE id = ?", (int(ids[-1]), held.id))
    return len(ids)


def documents(connection: apsw.Connection) -> int:
    """Return how many entries a backfill walks, deleted ones too."""
    return int(rows.value(connection, "SELECT count(*) FROM ledger"))


def copied(connection: apsw.Connection, number: int) -> int:
    """Return how many entries the cursor of a migration has passed."""
    held = required_by_id(connection, number)
    sql = "SELECT count(*) FROM ledger WHERE document_id <= ?"
    return int(rows.value(connection, sql, (held.cursor,)))


def is_filling(connection: apsw.Connection, space: int) -> bool:
    """Whether a space is a target that has not got everything yet."""
    held = running(connection)
    filling = (Step.DUAL_WRITE, Step.BACKFILL)
    return held is not None and held.target == space and held.step in filling


def is_copied(connection: apsw.Connection, held: Migration) -> bool:
    """Whether the cursor is at the end and the target has all that was there at the beginning."""
    left = rows.first(
        connection,
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM ledger WHERE document_id > ?) "
        "OR EXISTS (SELECT 1 FROM outbox WHERE space = ? AND sequence <= ?)",
        (held.cursor, held.target, held.high_water),
    )
    return left is None


def events(connection: apsw.Connection, number: int) -> Sequence[Event]:
    """Return the audit of a migration, oldest first."""
    sql = (
        "SELECT epoch, source_state, target_state, reason, created_at FROM migration_event "
        "WHERE migration = ? ORDER BY id"
    )
    return [Event(*row) for row in rows.every(connection, sql, (number,))]


def epoch_of(connection: apsw.Connection, number: int, step: Step) -> int:
    """Return the epoch at which a step was entered last; that of the beginning where never."""
    sql = (
        "SELECT ifnull(max(epoch), 0) FROM migration_event WHERE migration = ? AND target_state = ?"
    )
    return int(rows.value(connection, f"{sql} AND source_state <> target_state", (number, step)))


def required_by_id(connection: apsw.Connection, number: int) -> Migration:
    """Return a migration by its id; MigrationError when it is gone."""
    sql = f"SELECT {_COLUMNS} FROM migration WHERE id = ?"  # noqa: S608 -- our own columns
    row = rows.first(connection, sql, (number,))
    if row is None:
        raise MigrationError(f"Migration {number} is not in the file; see `hikma migrate status`.")
    return _migration(row)


def _refuse_edge(held: Migration, step: Step) -> None:
    if held.step in ENDED:
        raise MigrationError(f"Migration {held.id} has ended ({held.step}); begin another one.")
    within = held.step is step is Step.CANARY
    if step is not Step.ROLLED_BACK and not within and not held.follows(step):
        after = LINE[LINE.index(held.step) + 1]
        raise MigrationError(f"From {held.step} there is no way to {step}; next is {after}.")


def _move_spaces(connection: apsw.Connection, held: Migration, step: Step) -> None:
    """Change what the two spaces are for; first who answered stops, for one space answers."""
    if step is Step.CUTOVER:
        spaces.put_state(connection, held.source, spaces.RECEIVING)
        spaces.put_state(connection, held.target, ledger.ANSWERING)
    elif step is Step.ROLLED_BACK:
        spaces.put_state(connection, held.target, spaces.RETIRED)
        spaces.put_state(connection, held.source, ledger.ANSWERING)
        outbox.clear(connection, held.target)
    elif step is Step.FINALIZED:
        spaces.put_state(connection, held.source, spaces.RETIRED)
        outbox.clear(connection, held.source)


def _set(
    connection: apsw.Connection, held: Migration, step: Step, percent: float, reason: str
) -> Migration:
    now = _now()
    row = rows.first(
        connection,
        f"""
        UPDATE migration SET state = ?, epoch = epoch + 1, read_percent = ?, gates = ?,
               updated_at = ?
         WHERE id = ? AND state = ? AND epoch = ? RETURNING {_COLUMNS}
        """,  # noqa: S608 -- our own columns
        (
            step,
            percent,
            json.dumps({**held.gates, "entered_at": now}),
            now,
            held.id,
            held.step,
            held.epoch,
        ),
    )
    moved = _migration(row or ())
    _note(connection, moved, held.step, step, reason)
    return moved


def _note(
    connection: apsw.Connection, held: Migration, source: str, target: str, reason: str
) -> None:
    connection.execute(
        "INSERT INTO migration_event(migration, epoch, source_state, target_state, reason, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (held.id, held.epoch, source, target, reason, _now()),
    )


def _migration(row: Sequence[Any]) -> Migration:
    number, source, target, step, paused, epoch, percent, salt, *rest = row
    cursor, high_water, gates, created, updated = rest
    return Migration(
        number,
        source,
        target,
        Step(step),
        bool(paused),
        epoch,
        percent,
        bytes(salt),
        cursor,
        high_water,
        json.loads(gates),
        created,
        updated,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
