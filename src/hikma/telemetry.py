"""Logging set-up, the progress callable, and how long each stage of a job took."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

_FORMAT = "%(levelname)s %(name)s: %(message)s"


class Track(Protocol):
    """Told how far a stage is; an interface draws a bar from it, a library call ignores it."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Report that `done` of `total` units (None: unknown) of `stage` are finished."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Track nothing."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in each named stage; stages may be entered many times."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def set_up_logging(level: str) -> None:
    """Send this package's log to standard error; standard output belongs to results."""
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger("hikma")
    root.handlers = [output]
    root.setLevel(level.upper())
    root.propagate = False
