"""The command line: one function a command; arguments are parsed here and trusted inside."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from hikma.domain import Filter, Mode, NodeKind, Query
from hikma.engine import Engine
from hikma.errors import FilterError, HikmaError, IndexMissingError, NotFoundError, UsageError
from hikma.interfaces import rendering
from hikma.interfaces.progress import tracking
from hikma.telemetry import set_up_logging

EXIT_CODES: tuple[tuple[type[HikmaError], int], ...] = (
    (UsageError, 2),
    (NotFoundError, 3),
    (HikmaError, 1),
)
"""The one place where an error becomes an exit code; the first match counts."""

app = typer.Typer(
    name="hikma",
    help="A git repository as one SQLite file: searched by meaning, name and structure.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
vectors_app = typer.Typer(
    name="vectors", help="Look after the vectors in the file.", no_args_is_help=True
)
app.add_typer(vectors_app)

Repository = Annotated[
    Path, typer.Option("--repo", metavar="PATH", help="The repository or folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
HERE = Path()


@app.command()
def index(  # noqa: PLR0913 -- one parameter an option
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="The repository or folder.")
    ] = None,
    repo: Repository = HERE,
    *,
    full: Annotated[bool, typer.Option("--full", help="Build the file anew.")] = False,
    revision: Annotated[
        str | None,
        typer.Option("--rev", metavar="REV", help="Index a commit's tree, in a file of its own."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="static, mixed or minilm (with --full).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Index a repository, or bring its index up to date."""
    with _engine(path or repo, {"embedding_model": model}, revision) as engine, tracking() as track:
        report = engine.index(full=full, dry_run=dry_run, track=track)
    _print(report, rendering.index_report, as_json=as_json)


@app.command()
def search(  # noqa: PLR0913 -- one parameter an option
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Words, a name or a sentence.")],
    repo: Repository = HERE,
    *,
    mode: Annotated[Mode, typer.Option(help="Which retrievers answer.")] = Mode.HYBRID,
    limit: Annotated[int, typer.Option(help="Hits at most.")] = 10,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind: file, symbol, test. Repeatable.")
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language.")] = None,
    extension: Annotated[list[str] | None, typer.Option(help="Only this file extension.")] = None,
    glob: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="GLOB", help="Only this path, folder or glob."),
    ] = None,
    min_similarity: Annotated[
        float | None, typer.Option(help="Only hits of at least this cosine similarity.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="Search the file of a commit.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each retriever's rank and each rule's share.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search by words and by meaning; indexes first when there is no index."""
    asked = Query(
        text=query,
        filter=Filter(
            kinds=tuple(_kind(one) for one in kind or ()),
            languages=tuple(language or ()),
            extensions=tuple(extension or ()),
            paths=tuple(glob or ()),
        ),
        limit=limit,
        mode=mode,
        min_similarity=min_similarity,
        explain=explain,
    )
    with _engine(repo, {}, revision) as engine:
        _index_if_missing(engine, asked)
        result = engine.search(asked)
    _print(result, rendering.search_result, as_json=as_json)


@app.command()
def status(
    repo: Repository = HERE,
    *,
    revision: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="The file of a commit.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what is indexed, how fresh it is, and which space answers."""
    with _engine(repo, {}, revision) as engine:
        _print(engine.status(), rendering.status, as_json=as_json)


@app.command()
def show(
    node_id: Annotated[str, typer.Argument(metavar="ID", help="As printed by a search.")],
    repo: Repository = HERE,
    *,
    revision: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="From the file of a commit.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a node: its text as indexed, and its neighbours."""
    with _engine(repo, {}, revision) as engine:
        _print(engine.show(node_id), rendering.shown, as_json=as_json)


@app.command()
def gc(repo: Repository = HERE, *, as_json: Json = False) -> None:
    """Drop what nothing refers to: vectors of vanished texts, old tombstones."""
    with _engine(repo, {}) as engine:
        _print(engine.collect(), rendering.collected, as_json=as_json)


@app.command()
def doctor(repo: Repository = HERE, *, as_json: Json = False) -> None:
    """Check the file's integrity and invariants; exits with 1 when something is wrong."""
    with _engine(repo, {}) as engine:
        findings = engine.examine()
    _print({"findings": list(findings)}, rendering.findings, as_json=as_json)
    if findings:
        raise typer.Exit(1)


@vectors_app.command("stats")
def vector_stats(repo: Repository = HERE, *, as_json: Json = False) -> None:
    """Count vectors by kind: total, missing, stale, dimension, bytes."""
    with _engine(repo, {}) as engine:
        _print({"kinds": engine.vector_stats()}, rendering.vector_stats, as_json=as_json)


@vectors_app.command("rebuild")
def vector_rebuild(repo: Repository = HERE, *, as_json: Json = False) -> None:
    """Build the search structure anew from the canonical vectors; needs no model."""
    with _engine(repo, {}) as engine:
        count = engine.rebuild_vectors()
    _print({"rebuilt": count}, rendering.counted("vectors rebuilt"), as_json=as_json)


@vectors_app.command("insert")
def vector_insert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl or .npz file.")],
    repo: Repository = HERE,
    *,
    as_json: Json = False,
) -> None:
    """Bring vectors for existing ids: all of them, or none and every failure listed."""
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


@contextmanager
def _engine(repo: Path, flags: dict[str, Any], revision: str | None = None) -> Iterator[Engine]:
    set_up_logging("warning")
    try:
        with Engine.open(repo, flags=flags, revision=revision) as engine:
            set_up_logging(engine.settings.log_level)
            yield engine
    except KeyboardInterrupt:
        _say("interrupted; what was committed stays, run the command again")
        raise


def _kind(text: str) -> NodeKind:
    try:
        return NodeKind(text.lower().replace("-", "_"))
    except ValueError:
        choices = ", ".join(NodeKind)
        raise FilterError(f"--kind {text!r} is unknown; choose one of: {choices}.") from None


def _index_if_missing(engine: Engine, query: Query) -> None:
    from hikma.search import check  # noqa: PLC0415 -- a wrong query must not start an index

    check(query)
    try:
        engine.catalog.reader()
    except IndexMissingError:
        _say(f"no index yet; indexing {engine.root}")
        with tracking() as track:
            engine.index(track=track)


def _print(result: Any, render: Callable[[Any], Sequence[str]], *, as_json: bool) -> None:
    """Write a result; every line passes the one gate that no control character passes."""
    lines = [rendering.as_json(result)] if as_json else map(rendering.printable, render(result))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()  # a reader that went away must be noticed here, where it is no failure


def _say(text: str) -> None:
    """Write a diagnostic; results alone go to standard output."""
    sys.stderr.write(f"{rendering.printable(text)}\n")


if __name__ == "__main__":
    main()
