"""How long does a search take while something else works? A child process asks, and says.

A thread of the process that works would time its own lock, not those who search elsewhere.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Self, cast

from hikma.catalog import ledger, spaces
from hikma.catalog.schema import Catalog
from hikma.errors import HikmaError
from hikma.settings import Scan, Settings
from hikma.wiring import Wiring

_DEPTH = 10
_SHARE, _FIRST_SHARE = 0.1, 0.5
"""Of the time, at most, that the child may spend on its searches: they cost others something."""
_OFTEN_S = 0.02
_OPENING = 3
"""Searches that are not told: the first ones open the store, and `auto` loads its codes."""
_FIRST = 14
"""Searches by which later ones are judged, and for which the work waits."""


class Prober:
    """Times of searches in the space that answers, made by a child that starts when first asked."""

    def __init__(self, database: Path, settings: Settings) -> None:
        """Start nothing yet; the child opens stores by these settings, as this process does."""
        # The present folder may be a stranger's repository, with modules of its own.
        command = [sys.executable, "-P", "-m", "hikma.probing", str(database)]
        self._command = [*command, settings.vector_scan, str(settings.vector_timeout_s)]
        self._child: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Start the child, with the priority that this process has now."""
        if self._child is None:
            pipe = subprocess.PIPE
            self._child = subprocess.Popen(self._command, stdin=pipe, stdout=pipe)
            os.set_blocking(self._pipe, False)

    def times(self) -> list[float]:
        """Return the milliseconds of the searches made since the last call; of a lost child none.

        A migration goes on without: that it cannot be timed harms nobody's rows.
        """
        self.begin()
        try:
            read = os.read(self._pipe, 1 << 16)
        except BlockingIOError:
            return []
        *lines, self._rest = (self._rest + read).split(b"\n")
        return [float(line) for line in lines if line]

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    @property
    def _pipe(self) -> int:
        if self._child is None or self._child.stdout is None:
            raise RuntimeError("the child has not started")
        return self._child.stdout.fileno()


def _main(database: str, scan: str, timeout_s: str) -> None:
    """Print a search's milliseconds, line by line, until whoever asked is gone."""
    catalog = Catalog.open(Path(database))
    settings = Settings(vector_scan=cast("Scan", scan), vector_timeout_s=float(timeout_s))
    wiring = Wiring(catalog, settings)
    turn, pause_s = 0, 0.0
    while not select.select([sys.stdin], [], [], pause_s)[0]:
        turn += 1
        start = time.perf_counter()
        took = _probed(catalog, wiring, turn)
        if took is not None and turn > _OPENING:
            try:
                os.write(sys.stdout.fileno(), f"{took:.3f}\n".encode())
            except BrokenPipeError:  # whoever asked was killed
                return
        spent = time.perf_counter() - start
        share = _SHARE if turn > _FIRST else _FIRST_SHARE
        pause_s = max(_OFTEN_S, spent * (1 / share - 1))


def _probed(catalog: Catalog, wiring: Wiring, turn: int) -> float | None:
    """Time one look at the space that answers, by a vector of its own.

    None where it is empty, or fails: the gates of the migration see to that.
    """
    try:
        with catalog.read() as connection:
            space = spaces.answering(connection, catalog.path)
            some = ledger.some(connection, turn)
            found = ledger.vectors_of(connection, [] if some is None else [some], space.documents)
        if not len(found.ids):
            return None
        start = time.perf_counter()
        wiring.store(space).nearest(found.vectors[0], _DEPTH)
    except HikmaError:
        return None
    return 1_000 * (time.perf_counter() - start)


if __name__ == "__main__":
    _main(*sys.argv[1:])
