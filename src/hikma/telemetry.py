"""Logging set-up, the progress callable, and how long each stage of a job took."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

_FORMAT = "%(levelname)s %(name)s: %(message)s"

Item = TypeVar("Item")


class Track(Protocol):
    """Told how far a stage is; an interface draws a bar from it, a library call ignores it."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Report that `done` of `total` units (None: unknown) of `stage` are finished."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Track nothing."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in each named stage; stages may be entered many times, and in one another.

    What is spent in an inner stage counts there alone.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _inside: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to `name`."""
        start, before, self._inside = time.perf_counter(), self._inside, 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inside
            self._inside = before + spent

    def awaited(self, name: str, items: Iterator[Item]) -> Iterator[Item]:
        """Yield items; the time until each comes is that of a stage."""
        while True:
            with self.stage(name):
                found = next(items, None)
            if found is None:
                return
            yield found


def set_up_logging(level: str) -> None:
    """Send this package's log to standard error; standard output belongs to results."""
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger("hikma")
    root.handlers = [output]
    root.setLevel(level.upper())
    root.propagate = False
