"""Progress bars on a terminal, silence in a pipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hikma.telemetry import Track, silent


@contextmanager
def tracking() -> Iterator[Track]:
    """Yield a Track that draws one bar a stage on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # noqa: PLC0415 -- 50 ms that a pipe does not pay
    from rich.progress import Progress, TaskID  # noqa: PLC0415 -- likewise

    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as bars:

        def track(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield track
