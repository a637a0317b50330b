"""How fast may a migration work? Never so fast that those who search wait for it."""

import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hikma.catalog import migrations
from hikma.catalog.schema import Catalog
from hikma.errors import StorageFullError

MOST_SLOWDOWN = 1.5
"""Of the live p95 over the one before; above it the migration's own work waits."""
LEAST_FREE_BYTES = 256 << 20
_PROBES, _PATIENCE_S, _NAP_S = 20, 30.0, 0.25


@dataclass(slots=True)
class Throttle:
    """Holds a migration's work back; `probe` answers one query and returns its milliseconds."""

    catalog: Catalog
    migration: int
    probe: Callable[[], float]
    rate: float | None = None
    """Rows a second at most; None for no bound of its own."""
    before_ms: float | None = None
    """The p95 of probes before the migration's first work; measured once, and kept with it."""
    told: str = ""
    _next: float = 0.0
    _live: deque[float] = field(default_factory=lambda: deque(maxlen=_PROBES))

    def wait(self, rows: int) -> None:
        """Return when `rows` more may be brought; StorageFullError where there is no room."""
        free = shutil.disk_usage(self.catalog.path.parent).free
        if free < LEAST_FREE_BYTES:
            self._tell(f"{free >> 20} MB are free beside the file")
            raise StorageFullError(
                f"{free >> 20} MB are free beside {self.catalog.path}, and a migration leaves "
                f"{LEAST_FREE_BYTES >> 20}; free some space, then `hikma migrate advance`."
            )
        self._wait_for_rate(rows)
        self._wait_for_readers()

    def _wait_for_rate(self, rows: int) -> None:
        now = time.monotonic()
        if self.rate and now < self._next:
            self._tell(f"{self.rate:g} rows a second were asked for")
            time.sleep(self._next - now)
        if self.rate:
            self._next = max(now, self._next) + rows / self.rate

    def _wait_for_readers(self) -> None:
        """Wait while queries take longer than before, for a while: then they do for good."""
        if self.before_ms is None:
            self.before_ms = _p95([self.probe() for _ in range(_PROBES)])
            self._keep({"before_ms": round(self.before_ms, 3)})
        end = time.monotonic() + _PATIENCE_S
        self._live.append(self.probe())
        while time.monotonic() < end and len(self._live) == _PROBES:
            slow = _p95(list(self._live)) / max(self.before_ms, 1e-6)
            if slow <= MOST_SLOWDOWN:
                break
            self._tell(f"queries take {slow:.1f} times as long as before")
            time.sleep(_NAP_S)
            self._live.append(self.probe())

    def _tell(self, reason: str) -> None:
        """Keep the reason where any process sees it; each once."""
        if reason == self.told:
            return
        self.told = reason
        self._keep({"throttled": reason})

    def _keep(self, facts: dict[str, Any]) -> None:
        with self.catalog.write() as connection:
            migrations.put_gates(connection, self.migration, facts)


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))
