"""The command line: one function a command; arguments are parsed here and trusted inside."""

import sys
from pathlib import Path

import click

from hikma.domain import Filter, Mode, Query
from hikma.engine import Engine
from hikma.errors import HikmaError, IndexMissingError, NotFoundError, UsageError
from hikma.interfaces import filtering, rendering
from hikma.interfaces.backing_up import backup, restore
from hikma.interfaces.benchmarking import bench
from hikma.interfaces.evaluating import evaluate
from hikma.interfaces.migrating import migrate
from hikma.interfaces.progress import tracking
from hikma.interfaces.sessions import json_option as _json
from hikma.interfaces.sessions import open_engine as _engine
from hikma.interfaces.sessions import print_result as _print
from hikma.interfaces.sessions import repository_option as _repository
from hikma.interfaces.sessions import revision_option as _revision
from hikma.interfaces.sessions import say as _say

EXIT_CODES: tuple[tuple[type[HikmaError], int], ...] = (
    (UsageError, 2),
    (NotFoundError, 3),
    (HikmaError, 1),
)
"""The one place where an error becomes an exit code; the first match counts."""

_MODES = click.Choice([mode.value for mode in Mode])


@click.group(
    name="hikma",
    help="A git repository as one SQLite file: searched by meaning, name and structure.",
    context_settings={"max_content_width": 96},
)
def app() -> None:
    """Hold the commands."""


for command in (evaluate, bench, backup, restore, migrate):
    app.add_command(command)


@app.group(name="vectors", help="Look after the vectors in the file.")
def vectors_app() -> None:
    """Hold the commands about vectors."""


@app.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@_repository
@click.option("--full", is_flag=True, help="Build the file anew.")
@_revision
@click.option("--model", metavar="NAME", help="static, minilm or openai:MODEL.")
@click.option("--no-history", is_flag=True, help="Only the tree; leave commits as they are.")
@click.option(
    "--pull-requests",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON with pull requests' titles, descriptions, labels, authors, dates, states.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@_json
def index(  # noqa: PLR0913 -- one parameter an option
    path: Path | None,
    repo: Path,
    *,
    full: bool,
    revision: str | None,
    model: str | None,
    no_history: bool,
    pull_requests: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Index a repository, or bring its index up to date: the tree first, then its history."""
    with _engine(path or repo, {"embedding_model": model}, revision) as engine, tracking() as track:
        report = engine.index(
            full=full,
            dry_run=dry_run,
            history=not no_history,
            pull_requests=pull_requests,
            track=track,
        )
    _print(report, rendering.index_report, as_json=as_json)


@app.command()
@click.argument("query")
@_repository
@click.option(
    "--regex",
    is_flag=True,
    help="QUERY is a regular expression, searched in each line; (?i) makes it case-blind.",
)
@click.option("--mode", type=_MODES, default=Mode.HYBRID.value, help="[default: hybrid]")
@click.option(
    "--limit",
    type=int,
    metavar="COUNT",
    help="Hits at most.  [default: 10, with a budget as many as fit]",
)
@click.option(
    "--budget",
    type=int,
    metavar="TOKENS",
    help="Answer within so many tokens: the best lines of the best hits, signatures first.",
)
@click.option(
    "--kind",
    multiple=True,
    metavar="KIND",
    help="Only file, symbol, test, commit or pull_request; repeatable.",
)
@click.option("--language", multiple=True, metavar="NAME", help="Only this language; repeatable.")
@click.option("--extension", multiple=True, metavar="EXT", help="Only this extension; repeatable.")
@click.option(
    "--path",
    "glob",
    multiple=True,
    metavar="GLOB",
    help="Only this path, folder or glob (* within a segment, ** across); repeatable.",
)
@click.option(
    "--author",
    multiple=True,
    metavar="WHO",
    help="Only what this person wrote or changed: name, e-mail, words of them, glob; repeatable.",
)
@click.option(
    "--since",
    metavar="DATE",
    help="Only what was written or changed from this date on: 2024-03-31, or with a time; "
    "UTC where it has no zone.",
)
@click.option(
    "--until", metavar="DATE", help="The same up to this date; a day without a time counts whole."
)
@click.option(
    "--min-similarity", type=float, metavar="COSINE", help="Only hits of at least this similarity."
)
@_revision
@click.option("--explain", is_flag=True, help="Show each retriever's rank and each rule's share.")
@_json
def search(  # noqa: PLR0913 -- one parameter an option
    query: str,
    repo: Path,
    *,
    regex: bool,
    mode: str,
    limit: int | None,
    budget: int | None,
    kind: tuple[str, ...],
    language: tuple[str, ...],
    extension: tuple[str, ...],
    glob: tuple[str, ...],
    author: tuple[str, ...],
    since: str | None,
    until: str | None,
    min_similarity: float | None,
    revision: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Search by words and by meaning; indexes first when there is no index.

    A text in double quotes must stand so; Foo.bar, foo_bar, a path, path:line and an error message
    as it was printed are found as what they are.
    """
    asked = Query(
        text=query,
        filter=Filter(
            kinds=tuple(map(filtering.kind, kind)),
            languages=language,
            extensions=extension,
            paths=glob,
            authors=author,
            since=filtering.since(since),
            until=filtering.until(until),
        ),
        limit=limit,
        mode=Mode(mode),
        min_similarity=min_similarity,
        explain=explain,
        budget=budget,
        regex=regex,
    )
    with _engine(repo, {}, revision) as engine:
        _index_if_missing(engine, asked)
        result = engine.search(asked, rendering.AS_JSON if as_json else rendering.AS_TEXT)
    _print(result, rendering.search_result, as_json=as_json)


@app.command()
@_repository
@_revision
@_json
def status(repo: Path, *, revision: str | None, as_json: bool) -> None:
    """Tell what is indexed, how fresh it is, and which space answers."""
    with _engine(repo, {}, revision) as engine:
        _print(engine.status(), rendering.status, as_json=as_json)


@app.command()
@click.argument("node_id", metavar="ID")
@_repository
@_revision
@_json
def show(node_id: str, repo: Path, *, revision: str | None, as_json: bool) -> None:
    """Show a node: its text as indexed, and its neighbours."""
    with _engine(repo, {}, revision) as engine:
        _print(engine.show(node_id), rendering.shown, as_json=as_json)


@app.command()
@click.option(
    "--retired", is_flag=True, help="Also vectors that a migration has left; no way back then."
)
@_repository
@_json
def gc(repo: Path, *, retired: bool, as_json: bool) -> None:
    """Drop what nothing refers to: vectors of vanished texts, old tombstones."""
    with _engine(repo, {}) as engine:
        _print(engine.collect(retired=retired), rendering.collected, as_json=as_json)


@app.command()
@_repository
@_json
def doctor(repo: Path, *, as_json: bool) -> None:
    """Check the file's integrity and invariants; exits with 1 when something is wrong."""
    with _engine(repo, {}) as engine:
        findings = engine.examine()
    _print({"findings": list(findings)}, rendering.findings, as_json=as_json)
    if findings:
        sys.exit(1)


@vectors_app.command("stats")
@_repository
@_json
def vector_stats(repo: Path, *, as_json: bool) -> None:
    """Count vectors by kind; compare an approximate index with the exact nearest."""
    with _engine(repo, {}) as engine:
        _print(engine.vector_stats(), rendering.vector_stats, as_json=as_json)


@vectors_app.command("rebuild")
@_repository
@_json
def vector_rebuild(repo: Path, *, as_json: bool) -> None:
    """Build the search structure anew from the canonical vectors; needs no model."""
    with _engine(repo, {}) as engine:
        count = engine.rebuild_vectors()
    _print({"rebuilt": count}, rendering.counted("vectors rebuilt"), as_json=as_json)


@vectors_app.command("insert")
@click.argument("file", type=click.Path(path_type=Path))
@_repository
@_json
def vector_insert(file: Path, repo: Path, *, as_json: bool) -> None:
    """Bring vectors from FILE (.jsonl or .npz) for existing ids: all of them, or none."""
    with _engine(repo, {}) as engine:
        count = engine.insert_vectors(file)
    _print({"inserted": count}, rendering.counted("documents changed"), as_json=as_json)


def main() -> None:
    """Run a command; errors go to standard error and become exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except HikmaError as error:
        _say(f"error: {error}")
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))


def _index_if_missing(engine: Engine, query: Query) -> None:
    from hikma.search import check  # noqa: PLC0415 -- a wrong query must not start an index

    check(query)
    try:
        engine.catalog.reader()
    except IndexMissingError:
        _say(f"no index yet; indexing {engine.root} without its history (`hikma index` adds it)")
        with tracking() as track:
            engine.index(history=False, track=track)


if __name__ == "__main__":
    main()
