"""The job of bringing a target all that was there before it: chunks of ids that are owed to it."""

from collections.abc import Callable

from hikma.applying import Target, drain
from hikma.catalog import migrations
from hikma.catalog.migrations import Migration, Step
from hikma.errors import StoreError
from hikma.telemetry import Track, silent

CHUNK = 2_000
"""Documents that are owed in one transaction, together with the cursor that moves past them."""
_WAIT_S = 30.0


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
        wait(CHUNK)
        with target.catalog.write() as connection:
            moved = migrations.move_cursor(connection, held, CHUNK)
        left = drain(target, _WAIT_S)
        if left.pending and not moved:
            raise StoreError(
                f"Space {target.space.id} still lacks {left.pending} documents ({left.parked} "
                f"parked): {left.error}. They stay owed; repeat when it can be written."
            )
        with target.catalog.read() as connection:
            track("backfill", migrations.copied(connection, held.id), total)
