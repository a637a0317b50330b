"""When is a table compacted and indexed, and by whom? A child process with limits of its own.

LanceDB compacts nothing by itself, and what it takes to do so is bounded by nothing.
"""

import logging
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any, Literal

from hikma.vectors.lance_durability import Durability
from hikma.vectors.lance_places import Place, open_database, open_table

METRIC: Literal["dot"] = "dot"
"""Of unit vectors the same order as by cosine; the rows here are unit vectors."""
MOST_FRAGMENTS = 48
"""So many files of rows a table may have before they are made fewer."""
COMMITS_BETWEEN = 16
"""Commits of one process between two looks at the files."""
INDEX_ROWS = 4_096
"""Fewer rows are compared one by one, whatever the index type: an index would not pay."""
_CODE_BITS = 4
"""Of each value, in an index: with one, four times the candidates found as many of the nearest."""
MOST_UNINDEXED, MOST_UNINDEXED_ROWS = 0.2, 20_000
"""Share and count of rows, both, that may be outside the index before they are brought in:
so many are compared one by one in some 20 ms, and an index takes seconds to make."""
MEMORY_BYTES = 4 << 30
"""Of private memory, for the child: LanceDB maps far more than it touches."""
TIME_S = 600
KEEP = timedelta(minutes=30)
"""How long an old version stays for those who still read it."""

_log = logging.getLogger(__name__)


def is_due(table: Any, *, indexed: bool, commits: int) -> bool:
    """Whether a table has many small files, or rows that an index should hold and does not."""
    if indexed and _is_index_due(table):
        return True
    if commits % COMMITS_BETWEEN != 1:
        return False
    return int(table.stats()["fragment_stats"]["num_fragments"]) > MOST_FRAGMENTS


def optimize(place: Place, *, indexed: bool) -> bool:
    """Compact a table in a child process; a child that fails is a warning, for no row is lost."""
    command = [
        sys.executable,
        "-m",
        "hikma.vectors.lance_upkeep",
        place.address,
        place.table,
        "ivf" if indexed else "flat",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s was not compacted: %s. Its rows are safe.", place, error)
        return False
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        _log.warning("%s was not compacted: %s. Its rows are safe.", place, reason[:300])
    return done.returncode == 0


def _is_index_due(table: Any) -> bool:
    count = table.count_rows()
    if count < INDEX_ROWS:
        return False
    names = [one.name for one in table.list_indices()]
    if not names:
        return True
    outside = table.index_stats(names[0]).num_unindexed_rows
    return bool(outside > max(MOST_UNINDEXED * count, MOST_UNINDEXED_ROWS))


def _limit_memory() -> None:
    import resource  # noqa: PLC0415 -- not on every system

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def _keep_up(place: Place, *, indexed: bool) -> None:
    """Compact, index and clear away old versions; on disk before it returns."""
    table = open_table(open_database(place), place)
    if table is None:
        return
    table.optimize(cleanup_older_than=KEEP)
    if indexed and table.count_rows() >= INDEX_ROWS and not table.list_indices():
        from lancedb.index import IvfRq  # noqa: PLC0415 -- an extra, slow to import

        table.create_index("vector", config=IvfRq(distance_type=METRIC, num_bits=_CODE_BITS))
    if place.is_local:
        Durability(place).settle()


if __name__ == "__main__":
    if os.name == "posix":
        _limit_memory()
    address, name, kind = sys.argv[1:]
    _keep_up(Place(address, name), indexed=kind == "ivf")
