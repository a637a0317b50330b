"""How fast may a migration work? Never so fast that those who search wait for it."""

import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hikma.catalog import migrations
from hikma.catalog.schema import Catalog
from hikma.errors import StorageFullError
from hikma.resampling import percentile

MOST_SLOWDOWN = 1.5
"""Of the live p95 over the one before; above it the migration rests longer after each chunk."""
LEAST_FREE_BYTES = 256 << 20
PROBES = 10
"""Times of queries that a p95 is taken of."""
FEW_ROWS = 2_000
"""Fewer are brought before anybody could wait for them."""
LEAST_PAUSE_S, MOST_PAUSE_S = 0.05, 5.0
"""Bounds of a rest: with the longest one a migration still goes on, as slowly as it must."""
MOST_SHARE = 4.0
"""Of the time that a question took, as a rest after it: each may want every core."""
_FEWEST = 5
_PATIENCE_S, _NAP_S = 20.0, 0.05


@dataclass(slots=True)
class Throttle:
    """Holds a migration's work back.

    `probes` returns the milliseconds of the queries timed since it was last called, which are
    those of somebody who searches while the migration works.
    """

    catalog: Catalog
    migration: int
    probes: Callable[[], Sequence[float]]
    rate: float | None = None
    """Rows a second at most; None for no bound of its own."""
    before_ms: float | None = None
    """The p95 of probes before the migration's first work; measured once, and kept with it."""
    nap: Callable[[float], None] = time.sleep
    told: str = ""
    _pause_s: float = 0.0
    _next: float = 0.0
    _has_listened: bool = False
    _live: deque[float] = field(default_factory=lambda: deque(maxlen=PROBES))

    def wait(self, rows: int, of: int | None = None) -> None:
        """Return when `rows` more may be brought, of so many that are to come.

        Raises StorageFullError where there is no room, and pauses the migration.
        """
        self._refuse_full()
        self._wait_for_rate(rows)
        if (of or rows) < FEW_ROWS:
            return
        if self.before_ms is None:
            self._measure()
        self._listen(_FEWEST)
        self._look()
        if self._pause_s:
            self.nap(self._pause_s)

    def rest(self, worked_s: float) -> None:
        """Rest up to some times as long as work took, where the searches of others stay slow.

        What they took before is known, or nobody is timed: it was too small to be noticed.
        """
        if self.before_ms is None:
            return
        self._listen(_FEWEST)
        self._look()
        if self._pause_s:
            self.nap(min(self._pause_s, MOST_SHARE * worked_s))

    def _refuse_full(self) -> None:
        free = shutil.disk_usage(self.catalog.path.parent).free
        if free >= LEAST_FREE_BYTES:
            return
        fact = f"{free >> 20} MB are free beside the file"
        self._tell(fact)
        with self.catalog.write() as connection:
            held = migrations.required_by_id(connection, self.migration)
            migrations.set_paused(connection, held, fact, paused=True)
        raise StorageFullError(
            f"{free >> 20} MB are free beside {self.catalog.path}, and a migration leaves "
            f"{LEAST_FREE_BYTES >> 20}; it is paused. Free some space, then `hikma migrate resume`."
        )

    def _wait_for_rate(self, rows: int) -> None:
        now = time.monotonic()
        if self.rate and now < self._next:
            self._tell(f"{self.rate:g} rows a second were asked for")
            self.nap(self._next - now)
        if self.rate:
            self._next = max(now, self._next) + rows / self.rate

    def _measure(self) -> None:
        """Learn how long queries take while the migration does nothing."""
        self._listen(PROBES)
        if not self._live:
            return
        self.before_ms = percentile(self._live, 95)
        self._live.clear()
        self._keep({"before_ms": round(self.before_ms, 3)})

    def _listen(self, count: int) -> None:
        """Wait for the first times, once and not for ever: no work begins that nobody watches."""
        if self._has_listened:
            return
        self._has_listened = True
        end = time.monotonic() + _PATIENCE_S
        while len(self._live) < count and time.monotonic() < end:
            added = self.probes()
            self._live.extend(added)
            if not added:
                self.nap(_NAP_S)

    def _look(self) -> None:
        """Rest twice as long where queries have become slow, half as long where they have not."""
        added = self.probes()
        self._live.extend(added)
        if self.before_ms is None or not added or len(self._live) < _FEWEST:
            return
        slow = percentile(self._live, 95) / max(self.before_ms, 1e-6)
        if slow > MOST_SLOWDOWN:
            self._pause_s = min(max(2 * self._pause_s, LEAST_PAUSE_S), MOST_PAUSE_S)
            self._tell(f"queries take {slow:.1f} times as long as before")
        else:
            self._pause_s = self._pause_s / 2 if self._pause_s > LEAST_PAUSE_S else 0.0

    def _tell(self, reason: str) -> None:
        """Keep the reason where any process sees it; each once."""
        if reason == self.told:
            return
        self.told = reason
        self._keep({"throttled": reason})

    def _keep(self, facts: dict[str, Any]) -> None:
        with self.catalog.write() as connection:
            migrations.put_gates(connection, self.migration, facts)
