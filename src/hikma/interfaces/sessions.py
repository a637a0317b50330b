"""What every command shares: its repository opened, its result printed, its diagnostics said."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from hikma.engine import Engine
from hikma.interfaces import rendering
from hikma.telemetry import set_up_logging

repository_option = click.option(
    "--repo",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="PATH",
    help="The repository or folder.  [default: .]",
)
revision_option = click.option(
    "--rev", "revision", metavar="REV", help="A commit's tree, in a file of its own."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@contextmanager
def open_engine(repo: Path, flags: dict[str, Any], revision: str | None = None) -> Iterator[Engine]:
    """Yield the engine of a repository; an interruption ends the process as a shell expects."""
    set_up_logging("warning")
    try:
        with Engine.open(repo, flags=flags, revision=revision) as engine:
            set_up_logging(engine.settings.log_level)
            yield engine
    except KeyboardInterrupt:
        say("interrupted; what was committed stays, run the command again")
        sys.exit(128 + signal.SIGINT)


def print_result(result: Any, render: Callable[[Any], Sequence[str]], *, as_json: bool) -> None:
    """Write a result; every line passes the one gate that no control character passes."""
    lines = [rendering.as_json(result)] if as_json else map(rendering.printable, render(result))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()  # a reader that went away must be noticed here, where it is no failure


def say(text: str) -> None:
    """Write a diagnostic; results alone go to standard output."""
    sys.stderr.write(f"{rendering.printable(text)}\n")
