"""How far is the history? Apart from its rows, because every search asks this and nothing else."""

import apsw

from hikma.catalog import rows, state
from hikma.results import HISTORY_COMPLETE, HISTORY_NONE, HISTORY_PARTIAL

HEAD, COMPLETE, CREDITED = "history_head", "history_complete", "history_credited"
"""Keys of the state: the commit that the history leads to, whether all of it is there, and whether
today's files have been followed through it since one of them changed."""


def gap_counts(connection: apsw.Connection) -> dict[str, int]:
    """Return how many commits could not be read whole, by reason."""
    sql = "SELECT gap, count(*) FROM history WHERE gap <> '' GROUP BY gap ORDER BY gap"
    return dict(rows.every(connection, sql))


def has_commits(connection: apsw.Connection) -> bool:
    """Whether there is any commit in the index."""
    return rows.first(connection, "SELECT 1 FROM history LIMIT 1") is not None


def completeness(connection: apsw.Connection, head: str | None) -> str:
    """Return how the history stands to the indexed head; see `Freshness`."""
    held = state.get(connection, HEAD)
    if not held and not has_commits(connection):
        return HISTORY_NONE
    done = all(state.get(connection, key) == "1" for key in (COMPLETE, CREDITED))
    return HISTORY_COMPLETE if done and held == head else HISTORY_PARTIAL
