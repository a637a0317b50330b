"""The commands that copy an index while it is in use, and put a copy in its place."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hikma.interfaces.sessions import json_option, open_engine, print_result, repository_option

if TYPE_CHECKING:
    from hikma.backing_up import Backup, Restored

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@repository_option
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@json_option
def backup(file: Path, repo: Path, *, force: bool, as_json: bool) -> None:
    """Copy the index to FILE while others read and write it; the copy is checked."""
    with open_engine(repo, {}) as engine:
        made = engine.backup(file, force=force)
    print_result(made, render_backup, as_json=as_json)


@click.command()
@click.argument("file", type=_FILE)
@repository_option
@json_option
def restore(file: Path, repo: Path, *, as_json: bool) -> None:
    """Make FILE, a copy by `hikma backup`, the index; it replaces the present one whole."""
    with open_engine(repo, {}) as engine:
        made = engine.restore(file)
    print_result(made, render_restored, as_json=as_json)


def render_backup(made: "Backup") -> list[str]:
    """Render what was copied."""
    return [f"{made.path}: {_holds(made)}", *_doubts(made)]


def render_restored(made: "Restored") -> list[str]:
    """Render what was restored, and what is still to be brought elsewhere."""
    owed = [f"{made.owed:,} vectors are owed to spaces outside the file"] if made.owed else []
    return [f"{made.database} is {made.source} now: {_holds(made)}", *_doubts(made), *owed]


def _holds(made: "Backup | Restored") -> str:
    at = f"at {made.head[:10]}" if made.head else "of no commit"
    return f"{made.documents:,} documents {at}, {made.bytes:,} bytes, {made.seconds:.1f} s"


def _doubts(made: "Backup | Restored") -> list[str]:
    return ["partial: `hikma index` finishes it"] if made.partial else []
