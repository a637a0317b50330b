"""The command that takes over a table of LanceDB that Hikma did not make."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hikma.interfaces.progress import tracking
from hikma.interfaces.sessions import json_option, open_engine, print_result, repository_option

if TYPE_CHECKING:
    from hikma.taking_over import Adopted

_SHOWN = 20


@click.command()
@click.argument("location")
@click.argument("table")
@click.option("--model", required=True, metavar="NAME", help="The model that made the vectors.")
@repository_option
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file to make.  [default: that of the repository]",
)
@click.option("--id-column", default="id", metavar="NAME", help="[default: id]")
@click.option("--vector-column", default="vector", metavar="NAME", help="[default: vector]")
@click.option("--text-column", default="text", metavar="NAME", help="[default: text]")
@click.option("--path-column", metavar="NAME", help="[default: path, where there is one]")
@click.option("--name-column", metavar="NAME", help="[default: name, where there is one]")
@click.option("--language-column", metavar="NAME", help="[default: language, where there is one]")
@click.option("--start-line-column", metavar="NAME", help="[default: start_line, likewise]")
@click.option("--end-line-column", metavar="NAME", help="[default: end_line, likewise]")
@click.option("--skip-wrong", is_flag=True, help="Leave out rows that cannot be taken over.")
@click.option(
    "--round",
    "rounding",
    is_flag=True,
    help="Round numbers that float32 has not; they are counted.",
)
@click.option(
    "--distance",
    type=click.Choice(["cosine"]),
    help="Order by cosine although the table's index orders otherwise.",
)
@json_option
def adopt(  # noqa: PLR0913 -- one parameter an option
    location: str,
    table: str,
    repo: Path,
    *,
    model: str,
    database: Path | None,
    id_column: str,
    vector_column: str,
    text_column: str,
    path_column: str | None,
    name_column: str | None,
    language_column: str | None,
    start_line_column: str | None,
    end_line_column: str | None,
    skip_wrong: bool,
    rounding: bool,
    distance: str | None,
    as_json: bool,
) -> None:
    """Make an index file of TABLE at LOCATION, a folder or s3:// address of LanceDB.

    The table is only read. The file gets its name when every row in it has been compared with the
    table bit for bit; else nothing is left of it.
    """
    from hikma import taking_over  # noqa: PLC0415 -- rarely used
    from hikma.adopting import Consent  # noqa: PLC0415 -- likewise
    from hikma.foreign_rows import Columns  # noqa: PLC0415 -- likewise

    own = (id_column, vector_column, text_column, path_column, name_column, language_column)
    columns = Columns(*own, start_line_column, end_line_column)
    consent = Consent(skip_wrong, rounding, distance)
    asked = taking_over.Wanted(location, table, model, columns, consent)
    flags = {"embedding_model": model, "database": database and str(database.absolute())}
    with open_engine(repo, flags) as engine, tracking() as track:
        found = taking_over.adopt(engine.database, engine.settings, asked, track=track)
    print_result(found, _lines, as_json=as_json)


def _lines(found: "Adopted") -> list[str]:
    same = found.rows - max(found.normalised, found.rounded)
    lines = [
        f"{found.rows:,} rows of {found.table} (version {found.version}) are in {found.database} "
        f"({found.bytes / 1e6:.2f} MB, {found.seconds:.2f} s)",
        f"model {found.model}, {found.dimension} dimensions, compared bit for bit: 0 missing, "
        "0 extra, 0 mismatched, 0 duplicate",
    ]
    if found.normalised:
        lines.append(f"{found.normalised:,} vectors were scaled to norm 1; their order is the same")
    if found.rounded:
        lines.append(f"{found.rounded:,} vectors of {found.element} were rounded to float32")
    if same < found.rows:
        lines.append(f"bit-equal to the table's own: {same:,} at most")
    lines += [f"left out {one.id}: {one.reason}" for one in found.skipped[:_SHOWN]]
    if len(found.skipped) > _SHOWN:
        lines.append(f"left out {len(found.skipped) - _SHOWN:,} more (all with --json)")
    return lines
