"""The job of bringing a target all that was there before it: chunks of ids that are owed to it."""

import time
from collections.abc import Callable

import apsw

from hikma.applying import Target, drain
from hikma.catalog import migrations, outbox
from hikma.catalog.migrations import Migration, Step
from hikma.errors import StoreError
from hikma.migration.status import TRAIL
from hikma.telemetry import Track, silent

CHUNK = 2_000
"""Documents that are owed in one transaction, together with the cursor that moves past them."""
_WAIT_S = 30.0
_TRAIL = 8
"""Chunks by which the present rate is reckoned."""


def backfill(
    target: Target, held: Migration, wait: Callable[[int], None], track: Track = silent
) -> Migration:
    """Copy until the target has what was there, or the migration is paused or has moved on.

    `wait` is called before each chunk with its rows, to hold it back. Raises StoreError where the
    target takes nothing any more; what is owed stays owed, and the next call goes on.
    """
    with target.catalog.read() as connection:
        total = migrations.documents(connection)
    while True:
        with target.catalog.read() as connection:
            held = migrations.required_by_id(connection, held.id)
            copied = migrations.is_copied(connection, held)
        if held.step is not Step.BACKFILL or held.paused or copied:
            return held
        wait(min(CHUNK, total))
        with target.catalog.write() as connection:
            moved = migrations.move_cursor(connection, held, CHUNK)
            leave_trail(connection, held.id, moved)
            owed = outbox.backlog(connection, target.space.id).pending
        left = drain(target, _WAIT_S)
        stuck = left.error is not None and left.pending >= owed  # nothing was taken of a chunk
        if left.pending and (stuck or not moved):
            raise StoreError(
                f"Space {target.space.id} still lacks {left.pending} documents ({left.parked} "
                f"parked): {left.reason}. They stay owed; repeat when it can be written."
            )
        with target.catalog.read() as connection:
            track("backfill", migrations.copied(connection, held.id), total)


def leave_trail(connection: apsw.Connection, number: int, rows: int) -> None:
    """Keep when the last chunks were begun, and how many rows each has."""
    held = migrations.required_by_id(connection, number)
    trail = [*held.gates.get(TRAIL, []), [time.time(), rows]]
    migrations.put_gates(connection, number, {TRAIL: trail[-_TRAIL:]})
