"""When is a table compacted and indexed, and by whom? A child process with limits of its own.

LanceDB compacts nothing by itself, and what it takes to do so is bounded by nothing.
"""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import IO, Any, Literal

from hikma.courtesy import give_way
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
MOST_UNINDEXED_FAR, BULK = 2_000, 1_000
"""Rows that may be outside an index in object storage, where every search fetches them; but not
after a commit of so many, for then more of them are on their way."""
MEMORY_BYTES = 4 << 30
"""Of private memory, for the child: LanceDB maps far more than it touches."""
TIME_S = 600
KEEP = timedelta(minutes=30)
"""How long an old version stays for those who still read it."""
_ATTEMPTS, _PATIENCE_S = 3, 60.0
_PREEMPTED = "commit conflict"

_log = logging.getLogger(__name__)


def is_due(table: Any, *, indexed: bool, commits: int, far: bool = False) -> bool:
    """Whether a table has many small files, or rows that an index should hold and does not.

    Of one that is `far` away every row outside its index is one that each search has to fetch.
    """
    if indexed and _is_index_due(table, far=far):
        return True
    if commits % COMMITS_BETWEEN != 1:
        return False
    return int(table.stats()["fragment_stats"]["num_fragments"]) > MOST_FRAGMENTS


class Upkeep:
    """The child process that keeps up one table: who writes goes on meanwhile."""

    def __init__(self, place: Place, applier: Path, *, indexed: bool) -> None:
        """Start nothing yet; `applier` is the lock of who writes the table."""
        self._place = place
        self._applier = applier
        self._kind = "ivf" if indexed else "flat"
        self._guard = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def begin(self) -> None:
        """Start it and return; one that works already sees what has come meanwhile."""
        with self._guard:
            if self._child is not None and self._child.poll() is None:
                return
            self._finish()
            self._start()

    def end(self) -> bool:
        """Wait for it, if it was begun; return whether it did what is due."""
        with self._guard:
            return self._finish()

    def _start(self) -> None:
        # The present folder may be a stranger's repository, with modules of its own.
        command = [sys.executable, "-P", "-m", "hikma.vectors.lance_upkeep"]
        place = self._place
        asked = [place.address, place.table, str(place.timeout_s), self._kind, str(self._applier)]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with the child
        try:
            self._child = subprocess.Popen(
                [*command, *asked],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
            )
        except OSError as error:
            self._failed(str(error))

    def _finish(self) -> bool:
        """Wait for the child and tell how it failed, for no row is lost by that."""
        child, said = self._child, self._said
        self._child = self._said = None
        if said is None:
            return True
        with said:
            if child is None:
                return False
            try:
                code = child.wait(TIME_S)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            if code:
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines()
                self._failed((lines or [f"exit {code}"])[-1][:300])
        return code == 0

    def _failed(self, reason: str) -> None:
        _log.warning("%s was not compacted: %s. Its rows are safe.", self._place, reason)


def unindexed(table: Any) -> int:
    """Return how many rows an index should hold and does not; 0 where there are too few for one."""
    count = int(table.count_rows())
    if count < INDEX_ROWS:
        return 0
    names = [one.name for one in table.list_indices()]
    return int(table.index_stats(names[0]).num_unindexed_rows) if names else count


def _is_index_due(table: Any, *, far: bool) -> bool:
    count, outside = int(table.count_rows()), unindexed(table)
    most = MOST_UNINDEXED_FAR if far else max(MOST_UNINDEXED * count, MOST_UNINDEXED_ROWS)
    return outside > most or outside == count > 0


def _limit() -> None:
    import resource  # noqa: PLC0415 -- not on every system

    signal.alarm(TIME_S)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def keep_up(place: Place, applier: Path, *, indexed: bool) -> None:
    """Compact, index and clear away old versions until nothing is due; one at a time.

    Who writes goes on, and LanceDB lets that one win: after some attempts in vain it has to wait.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 -- searching keeps nothing up

    lost = False
    with suppress(Timeout), FileLock(applier.with_suffix(".upkeep")).acquire(timeout=0):
        for _ in range(_ATTEMPTS):
            try:
                lost = False
                if not _improved(place, indexed=indexed):
                    return
            except RuntimeError as error:  # what LanceDB raises has no class of its own
                if _PREEMPTED not in str(error):
                    raise
                lost = True
        if lost:
            with FileLock(applier).acquire(timeout=_PATIENCE_S):
                _improved(place, indexed=indexed)


def _improved(place: Place, *, indexed: bool) -> bool:
    """Do once what is to be done, on disk before this returns; tell whether more has come."""
    table = open_table(open_database(place), place)
    if table is None:
        return False
    table.optimize(cleanup_older_than=KEEP)
    if indexed and table.count_rows() >= INDEX_ROWS and not table.list_indices():
        from lancedb.index import IvfRq  # noqa: PLC0415 -- an extra, slow to import

        table.create_index("vector", config=IvfRq(distance_type=METRIC, num_bits=_CODE_BITS))
    if place.is_local:
        Durability(place).settle()
    return is_due(table, indexed=indexed, commits=1)


if __name__ == "__main__":
    give_way()  # before LanceDB has threads: nobody waits for this, and everybody searches
    if os.name == "posix":
        _limit()
    address, name, timeout_s, kind, lock = sys.argv[1:]
    keep_up(Place(address, name, float(timeout_s)), Path(lock), indexed=kind == "ivf")
