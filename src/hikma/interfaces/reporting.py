"""The command that writes a migration's report as a page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hikma.errors import MigrationError
from hikma.interfaces.sessions import json_option, open_engine, print_result, repository_option, say

if TYPE_CHECKING:
    from hikma.engine import Engine
    from hikma.migration.reporting import Report

_DEFAULT = Path("migration-report.html")


@click.command()
@repository_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Where the page is written.  [default: {_DEFAULT}, none with --json]",
)
@json_option
def report(repo: Path, *, out: Path | None, as_json: bool) -> None:
    """Write what is known of the latest migration as one page with plots."""
    from hikma.migration import reporting  # noqa: PLC0415 -- no other command needs it

    with open_engine(repo, {}) as engine:
        found = _report(engine)
    place = out or (None if as_json else _DEFAULT)
    if place is not None:
        _write(place, reporting.to_html(found))
    if as_json:
        print_result(found, lambda _: [], as_json=True)
    if place is not None:
        say(f"the report is in {place.absolute()}")


def _report(engine: "Engine") -> "Report":
    from hikma.catalog import migrations  # noqa: PLC0415 -- no other command needs it
    from hikma.migration import reporting  # noqa: PLC0415 -- likewise

    with engine.catalog.read() as connection:
        return reporting.report(engine.catalog, migrations.last(connection).id)


def _write(place: Path, text: str) -> None:
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MigrationError(
            f"{place} cannot be written ({error.strerror}); give another --out."
        ) from error
