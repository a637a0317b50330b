"""The commands of a migration: vectors move from one space to another while they are searched."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hikma.courtesy import give_way
from hikma.interfaces.adopting import adopt
from hikma.interfaces.progress import tracking
from hikma.interfaces.rendering import counted
from hikma.interfaces.reporting import report
from hikma.interfaces.sessions import json_option, open_engine, print_result, repository_option

if TYPE_CHECKING:
    from hikma.catalog.verifications import Verification
    from hikma.domain import VectorSpace
    from hikma.engine import Engine
    from hikma.migration.gates import Quality
    from hikma.migration.status import MigrationStatus
    from hikma.moving import Judge, Wanted
    from hikma.telemetry import Track

_WATCH_S = 2.0
_SHOWN_EVENTS = 5

_auto = click.option(
    "--auto",
    is_flag=True,
    help="Go on while gates hold, wait out what asks for time, roll back what goes wrong.",
)
_rate = click.option("--rate", type=float, metavar="ROWS", help="Rows a second at most.")
_topics = click.option(
    "--topics",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge another model by these, as in `hikma eval`.  [default: the index's commits]",
)
_qrels = click.option(
    "--qrels", type=click.Path(path_type=Path), metavar="FILE", help="The answers to the topics."
)
_reason = click.option("--reason", default="", metavar="TEXT", help="Kept in the audit.")
_source = click.option("--source", is_flag=True, help="The space that is moved from.")


@click.group(
    name="migrate",
    help="Move the vectors to another backend, place or model while they are searched.",
)
def migrate() -> None:
    """Hold the commands about migrations."""


@migrate.command()
@repository_option
@click.option(
    "--to",
    "backend",
    type=click.Choice(["lancedb", "sqlite-vec"]),
    help="The backend that the vectors move to.  [default with --model: where they are]",
)
@click.option("--location", default="", metavar="PLACE", help="LanceDB's folder or s3:// address.")
@click.option("--index-type", type=click.Choice(["flat", "ivf"]), help="[default: flat]")
@click.option("--model", metavar="NAME", help="Another embedding model; every text is read again.")
@click.option("--samples", type=int, metavar="COUNT", help="Answers compared.  [default: 400]")
@click.option(
    "--min-overlap",
    type=float,
    metavar="SHARE",
    help="Of ten answers that both ends give, its lower bound; 0.7 at least.  [default: 0.995, of "
    "an ivf index 0.95]",
)
@click.option("--hold", type=float, metavar="SECONDS", help="Of each share on trial and of soak.")
@click.option("--slowdown", type=float, metavar="TIMES", help="Of the p95.  [default: 1.2]")
@_auto
@_rate
@json_option
def start(  # noqa: PLR0913 -- one parameter an option
    repo: Path,
    *,
    backend: str | None,
    location: str,
    index_type: str | None,
    model: str | None,
    samples: int | None,
    min_overlap: float | None,
    hold: float | None,
    slowdown: float | None,
    auto: bool,
    rate: float | None,
    as_json: bool,
) -> None:
    """Begin: every write reaches both ends from now on; `advance` copies and goes on."""
    if backend is None and model is None:
        raise click.UsageError("say where the vectors move: --to, --model or both.")
    from hikma.migration.gates import Thresholds  # noqa: PLC0415 -- no other command needs it
    from hikma.moving import Wanted  # noqa: PLC0415 -- likewise

    given = {
        "samples": samples,
        "overlap_flat": min_overlap,
        "overlap_approximate": min_overlap,
        "hold_s": hold,
        "soak_s": hold,
        "slowdown": slowdown,
    }
    asked = Thresholds.of({name: value for name, value in given.items() if value is not None})
    with open_engine(repo, {}) as engine:
        wanted = Wanted(backend, location, index_type, asked, model)
        found = _go_on(engine, rate, wanted) if auto else engine.migration.start(wanted)
    print_result(found, _lines, as_json=as_json)


@migrate.command()
@repository_option
@click.option("--watch", is_flag=True, help="Show it anew every two seconds, until it has ended.")
@json_option
def status(repo: Path, *, watch: bool, as_json: bool) -> None:
    """Tell how far the migration is, and which gate keeps it."""
    with open_engine(repo, {}) as engine:
        while True:
            found = engine.migration.status()
            print_result(found, _lines, as_json=as_json)
            if not watch or found.state in ("finalized", "rolled_back"):
                return
            time.sleep(_WATCH_S)


@migrate.command()
@repository_option
@_reason
@json_option
def pause(repo: Path, *, reason: str, as_json: bool) -> None:
    """Stop the migration's own work; reads and writes go on."""
    with open_engine(repo, {}) as engine:
        print_result(engine.migration.pause(reason), _lines, as_json=as_json)


@migrate.command()
@repository_option
@json_option
def resume(repo: Path, *, as_json: bool) -> None:
    """Let the migration work again, and try again what was parked."""
    with open_engine(repo, {}) as engine:
        print_result(engine.migration.resume(), _lines, as_json=as_json)


@migrate.command()
@repository_option
@click.option("--percent", type=float, metavar="SHARE", help="Of the queries on trial, 0 to 100.")
@_auto
@_rate
@_topics
@_qrels
@json_option
def advance(  # noqa: PLR0913 -- one parameter an option
    repo: Path,
    *,
    percent: float | None,
    auto: bool,
    rate: float | None,
    topics: Path | None,
    qrels: Path | None,
    as_json: bool,
) -> None:
    """Do the present step's work, and go one step on if its gates hold."""
    with open_engine(repo, {}) as engine:
        _judge(engine, topics, qrels)
        if auto:
            found = _go_on(engine, rate)
        else:
            with tracking() as track, engine.migration.gently() as mover:
                judge = _judge_by_commits(engine, track)
                found = mover.advance(percent, rate, track, judge)
    print_result(found, _lines, as_json=as_json)


@migrate.command()
@repository_option
@_reason
@json_option
def rollback(repo: Path, *, reason: str, as_json: bool) -> None:
    """Give the former space its place back; the next query of any process sees it."""
    with open_engine(repo, {}) as engine:
        found = engine.migration.roll_back(reason or "asked for")
    print_result(found, _lines, as_json=as_json)


@migrate.command()
@repository_option
@_source
@_topics
@_qrels
@json_option
def verify(
    repo: Path, *, source: bool, topics: Path | None, qrels: Path | None, as_json: bool
) -> None:
    """Compare a space with the ledger, row by row; exits with 1 when a row is wrong."""
    give_way()
    with open_engine(repo, {}) as engine, tracking() as track:
        _judge(engine, topics, qrels)
        found = engine.migration.verify(source=source, track=track)
    print_result(found, _verification, as_json=as_json)
    if found.wrong:
        sys.exit(1)


@migrate.command()
@repository_option
@_source
@click.option("--own", is_flag=True, help="Make a copied file independent of its original first.")
@json_option
def repair(repo: Path, *, source: bool, own: bool, as_json: bool) -> None:
    """Bring what a space lacks, and what it was refused before; drop what it should not hold."""
    give_way()
    with open_engine(repo, {}) as engine:
        if own:
            engine.migration.own()
        count = engine.migration.repair(source=source)
    print_result({"repaired": count}, counted("rows repaired"), as_json=as_json)


@migrate.command()
@repository_option
@click.option("--yes", is_flag=True, help="There is no way back from here.")
@json_option
def finalize(repo: Path, *, yes: bool, as_json: bool) -> None:
    """End the migration: both ends are verified, then the former space receives nothing more.

    Its rows are kept until `hikma gc --retired`.
    """
    if not yes:
        raise click.UsageError("there is no way back from here; say --yes.")
    give_way()
    with open_engine(repo, {}) as engine, tracking() as track:
        print_result(engine.migration.finalize(track), _lines, as_json=as_json)


for command in (report, adopt):
    migrate.add_command(command)


def _go_on(
    engine: "Engine", rate: float | None, wanted: "Wanted | None" = None
) -> "MigrationStatus":
    """Go on by itself, from the start where that is still to be made."""
    with tracking() as track, engine.migration.gently() as mover:
        if wanted is not None:
            mover.start(wanted)
        return mover.auto(rate, track, _judge_by_commits(engine, track))


def _judge_by_commits(engine: "Engine", track: "Track") -> "Judge":
    """Return what judges another model, which no migration to another backend pays for."""

    def judge(source: "VectorSpace", target: "VectorSpace") -> "Quality":
        from hikma import evaluation  # noqa: PLC0415 -- only where the model changes

        topics = partial(evaluation.indexed_topics, engine)
        return evaluation.judged_by(engine, topics, track)(source, target)

    return judge


def _judge(engine: "Engine", topics: Path | None, qrels: Path | None) -> None:
    """Judge another model by the user's topics, where some are given."""
    if (topics is None) != (qrels is None):
        raise click.UsageError("--topics and --qrels belong together; give both, or neither.")
    if topics is None or qrels is None:
        return
    from hikma import evaluation  # noqa: PLC0415 -- no other command pays for it

    given = evaluation.GivenTopics.read(topics, qrels)
    with tracking() as track:
        asked = partial(evaluation.given_topics, engine, given)
        engine.migration.judge(evaluation.judged_by(engine, asked, track))


def _lines(found: "MigrationStatus") -> list[str]:
    """Render where a migration stands."""
    percent = f", {found.percent:g} % of the queries on trial" if found.state == "canary" else ""
    held = ", paused" if found.paused else ""
    lines = [
        f"migration {found.id}: {found.state}{percent}{held}",
        f"from {found.source.title} to {found.target.title}",
        f"copied {found.copied:,} of {found.total:,}{_speed(found)}; {found.lag:,} rows behind",
    ]
    if found.embedded is not None:
        lines.append(f"{found.embedded:,} documents have a vector by {found.target.model}")
    if found.quality is not None:
        lines.append(_quality(found.quality))
    for name, left in (("source", found.source_backlog), ("target", found.target_backlog)):
        if left.pending:
            lines.append(
                f"{name} is owed {left.pending:,} rows, {left.parked:,} parked: {left.error or ''}"
            )
    for gate in found.gates:
        mark = "holds" if gate.holds else "SHUT "
        lines.append(f"gate {mark}  {gate.name}: {gate.value}, wanted {gate.wanted}")
    lines += [f"throttled: {found.throttled}"] if found.throttled else []
    if found.state == "soak" and all(gate.holds for gate in found.gates):
        lines.append("only your consent is left: `hikma migrate finalize --yes`")
    return [*lines, *map(_event, found.events[-_SHOWN_EVENTS:])]


def _quality(found: "Quality") -> str:
    return (
        f"quality by {found.topics:,} topics ({found.origin}), {found.measure}: source "
        f"{found.source:.3f}, target {found.target:.3f}"
    )


def _speed(found: "MigrationStatus") -> str:
    if found.rate is None:
        return ""
    left = f", {found.eta_s:,.0f} s left" if found.eta_s is not None else ""
    return f" ({found.rate:,.0f} a second{left})"


def _event(event: Any) -> str:
    return f"{event.created_at}  {event.source_state} -> {event.target_state}: {event.reason}"


def _verification(found: "Verification") -> Sequence[str]:
    return [
        f"space {found.space}: {found.checked:,} rows compared; {found.missing:,} missing, "
        f"{found.extra:,} extra, {found.mismatched:,} mismatched, {found.duplicate:,} duplicate"
    ]
