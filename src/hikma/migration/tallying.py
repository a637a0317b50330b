"""What becomes of queries on trial, in one process: counted at once, and written off their path."""

from contextlib import suppress
from threading import Event, Lock, Thread

import apsw

from hikma.catalog import trials
from hikma.catalog.migrations import Migration
from hikma.catalog.schema import Catalog
from hikma.catalog.trials import Trial
from hikma.errors import HikmaError

_PAUSE_S = 0.25
"""So long counts are gathered before they are written: a kill loses no more of them."""
_ERROR_SIGNS = 300


class Tally:
    """Counts of one process that a thread brings to the file; `close` it, or lose the last ones."""

    def __init__(self, catalog: Catalog) -> None:
        """Start nothing yet."""
        self._catalog = catalog
        self._counts: dict[tuple[int, int], Trial] = {}
        self._guard = Lock()
        self._due, self._ended = Event(), Event()
        self._thread: Thread | None = None

    def tell(self, held: Migration, error: str | None) -> None:
        """Count a query that the target answered, or why it did not; return at once."""
        more = Trial(1, 0) if error is None else Trial(1, 1, error[:_ERROR_SIGNS])
        with self._guard:
            self._add((held.id, held.epoch), more)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="hikma-tally", daemon=True)
                self._thread.start()
        self._due.set()

    def close(self, wait_s: float = 2.0) -> bool:
        """Write what is left; return whether that was done in time."""
        self._ended.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join(wait_s)
        return self._thread is None or not self._thread.is_alive()

    def _add(self, key: tuple[int, int], more: Trial) -> None:
        self._counts[key] = self._counts.get(key, Trial()).plus(more)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._due.wait()
            self._ended.wait(_PAUSE_S)
            self._due.clear()
            if not self._write():
                self._due.set()
        self._write()

    def _write(self) -> bool:
        """Write what is counted; where the file cannot be written, keep it and try later."""
        with self._guard:
            counts, self._counts = self._counts, {}
        with suppress(HikmaError, apsw.Error, OSError):
            if counts:
                with self._catalog.write() as connection:
                    for (number, epoch), one in counts.items():
                        trials.add(connection, number, epoch, one)
            return True
        with self._guard:
            for key, one in counts.items():
                self._counts[key] = one.plus(self._counts.get(key, Trial()))
        return False
