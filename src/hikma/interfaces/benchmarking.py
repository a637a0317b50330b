"""The command that measures how fast vectors are found; what it needs is loaded when it runs."""

import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from hikma.errors import BenchmarkError
from hikma.interfaces import rendering
from hikma.interfaces.progress import tracking
from hikma.interfaces.sessions import open_engine, print_result, repository_option, say

if TYPE_CHECKING:
    from hikma.benchmark import Plan, Report
    from hikma.benchmark.tables import Table
    from hikma.engine import Engine

_FILE = click.Path(path_type=Path)
_STDOUT = Path("-")


@click.command()
@click.argument("path", type=_FILE, required=False)
@repository_option
@click.option(
    "--sizes",
    metavar="COUNTS",
    help="Vectors to measure with, with commas.  [default: 100,1000,5000,10000]",
)
@click.option(
    "--backends",
    metavar="NAMES",
    help="Of sqlite-vec-disk, sqlite-vec-resident, sqlite-vec-bits, vec0, lancedb-flat, "
    "lancedb-ivf, numpy, faiss, usearch, with commas.  [default: all that are installed]",
)
@click.option(
    "--operations",
    metavar="NAMES",
    help="Beside search, of filtered, hybrid, insert, update, delete, concurrent, cold, memory.  "
    "[default: all]",
)
@click.option(
    "--queries", type=int, default=100, metavar="COUNT", help="Queries a size.  [default: 100]"
)
@click.option(
    "--limit", type=int, default=10, metavar="COUNT", help="Neighbours a query.  [default: 10]"
)
@click.option("--seed", type=int, default=0, metavar="N", help="Of every draw.  [default: 0]")
@click.option(
    "--timeout",
    type=float,
    default=60.0,
    metavar="SECONDS",
    help="A measurement ends after so long with what it has; a process that takes longer fails.  "
    "[default: 60]",
)
@click.option(
    "--json",
    "json_file",
    type=_FILE,
    is_flag=False,
    flag_value=_STDOUT,
    metavar="[FILE]",
    help="Write one JSON object to FILE, or print it where no FILE is named.",
)
@click.option("--html", type=_FILE, metavar="FILE", help="Write a page with plots: .html.")
@click.option(
    "--compare",
    type=_FILE,
    metavar="FILE",
    help="Set beside a former --json FILE; exit with 1 where something became worse.",
)
def bench(  # noqa: PLR0913 -- one parameter an option
    path: Path | None,
    repo: Path,
    *,
    sizes: str | None,
    backends: str | None,
    operations: str | None,
    queries: int,
    limit: int,
    seed: int,
    timeout: float,
    json_file: Path | None,
    html: Path | None,
    compare: Path | None,
) -> None:
    """Measure every vector backend side by side, on vectors of your own code.

    The index is only read; everything is built in a temporary folder, which is removed.
    """
    from hikma import benchmark  # noqa: PLC0415 -- no other command pays for it

    asked = benchmark.Asked(sizes, backends, operations, queries, limit, seed, timeout)
    plan = benchmark.plan_of(asked)
    before = None if compare is None else benchmark.read(compare)
    for file, suffix, option in ((json_file, "", "--json"), (html, ".html", "--html")):
        if file not in {None, _STDOUT}:
            benchmark.check_written(Path(str(file)), suffix, option)
    signal.signal(signal.SIGTERM, _end)  # so that the temporary folder goes as on an interruption
    with open_engine(path or repo, {}) as engine:
        found = _measured(engine, plan)
    if before is not None and compare is not None:
        found = replace(found, comparison=benchmark.compare(before, found, compare))
    _write(found, json_file, html)
    print_result(found, lines, as_json=json_file == _STDOUT)
    _judge(found)


def lines(found: "Report") -> list[str]:
    """Render what was found: what it rests on, tables, the recommendation."""
    from hikma.benchmark import picturing, tables  # noqa: PLC0415 -- likewise

    said = [f"{name + ':':10} {fact}" for name, fact in tables.facts(found)]
    every = list(tables.tables(found))
    if found.comparison is not None:
        every.append(tables.compared(found.comparison))
        said += [f"{'doubt:':10} {one}" for one in found.comparison.doubts]
    for one in every:
        said += ["", *aligned(one)]
    return [*said, "", *picturing.advice(found.recommendation)]


def aligned(table: "Table") -> Iterator[str]:
    """Yield a table as lines of text, columns of figures to the right."""
    every = [list(table.head), *map(list, table.lines)]
    widths = [max(len(line[at]) for line in every) for at in range(len(table.head))]
    right = [all(_is_figure(line[at]) for line in table.lines) for at in range(len(table.head))]
    yield table.title
    for line in every:
        cells = (
            cell.rjust(width) if figures else cell.ljust(width)
            for cell, width, figures in zip(line, widths, right, strict=True)
        )
        yield f"  {'  '.join(cells)}".rstrip()
    if table.note:
        yield f"  ({table.note})"


def _is_figure(text: str) -> bool:
    return text == "-" or text.replace(",", "").replace(".", "").isdecimal()


def _measured(engine: "Engine", plan: "Plan") -> "Report":
    from hikma import benchmark  # noqa: PLC0415 -- likewise

    with tracking() as track:
        return benchmark.run(engine, plan, track)


def _write(found: "Report", json_file: Path | None, html: Path | None) -> None:
    from hikma.benchmark import picturing  # noqa: PLC0415 -- likewise

    if json_file not in {None, _STDOUT}:
        _put(Path(str(json_file)), f"{rendering.as_json(found)}\n")
    if html is not None:
        _put(html, picturing.to_html(found))


def _put(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written ({error.strerror}).") from error


def _judge(found: "Report") -> None:
    """End with 1 where a backend failed, or became worse."""
    for one in found.failures:
        say(f"failed: {one.backend}: {one.reason}")
    worse: list[Any] = found.comparison.regressions if found.comparison else []
    for one in worse:
        say(
            f"worse: {one.backend} {one.operation} at {one.size:,}: {one.what} was "
            f"{one.before:.4g}, is {one.now:.4g}"
        )
    if found.failures or worse:
        sys.exit(1)


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)
