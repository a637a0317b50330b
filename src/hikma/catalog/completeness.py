"""How far is the history? Apart from its rows, because every search asks this and nothing else."""

import apsw

from hikma.catalog import rows, state
from hikma.results import HISTORY_COMPLETE, HISTORY_NONE, HISTORY_PARTIAL

HEAD, COMPLETE = "history_head", "history_complete"
"""Keys of the state: the commit that the history leads to, and whether all of it is there."""


def gap_counts(connection: apsw.Connection) -> dict[str, int]:
    """Return how many commits could not be read whole, by reason."""
    sql = "SELECT gap, count(*) FROM history WHERE gap <> '' GROUP BY gap ORDER BY gap"
    return dict(rows.every(connection, sql))


def completeness(connection: apsw.Connection, head: str | None) -> str:
    """Return how the history stands to the indexed head; see `Freshness`."""
    held = state.get(connection, HEAD)
    if not held and rows.first(connection, "SELECT 1 FROM history LIMIT 1") is None:
        return HISTORY_NONE
    whole = state.get(connection, COMPLETE) == "1" and held == head
    return HISTORY_COMPLETE if whole else HISTORY_PARTIAL
