"""The command that judges retrieval; what it needs is loaded when it runs."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hikma.domain import Filter, Mode, Query
from hikma.engine import Engine
from hikma.errors import EvaluationError, IndexMissingError
from hikma.interfaces import filtering
from hikma.interfaces.progress import tracking
from hikma.interfaces.sessions import (
    json_option,
    open_engine,
    print_result,
    repository_option,
    revision_option,
    say,
)
from hikma.telemetry import Track

if TYPE_CHECKING:
    from hikma.evaluation import Evaluation, Judgement, Wanted

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where the topics come from."""

    source: str | None
    back: int
    most_files: int
    topics: Path | None
    qrels: Path | None


@click.command(name="eval")
@repository_option
@click.option(
    "--source",
    type=click.Choice(["commits", "docstrings"]),
    help="By commits' messages find what they changed, or by documentation its symbol where it "
    "is left out.  [default: commits]",
)
@click.option("--topics", type=_FILE, metavar="FILE", help="Your own: id, tab, text; or <top>s.")
@click.option(
    "--qrels", type=_FILE, metavar="FILE", help="Their answers: topic 0 id-or-path[:10-20] 1."
)
@click.option(
    "--back",
    type=int,
    default=300,
    metavar="COUNT",
    help="Index the tree of so many first parents ago, judge by the commits since.  [default: 300]",
)
@click.option(
    "--most-files",
    type=int,
    default=10,
    metavar="COUNT",
    help="Leave out commits that change more files.  [default: 10]",
)
@click.option(
    "--measures",
    default="nDCG@10,RR@10,R@100",
    metavar="NAMES",
    help="Of ir-measures, with commas.  [default: nDCG@10,RR@10,R@100]",
)
@click.option(
    "--min",
    "least",
    multiple=True,
    metavar="NAME=VALUE",
    help="Exit with 1 where a mean is lower: ndcg@10=0.5; repeatable.",
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.HYBRID.value,
    help="[default: hybrid]",
)
@click.option(
    "--limit", type=int, default=100, metavar="COUNT", help="Hits a topic.  [default: 100]"
)
@click.option("--kind", multiple=True, metavar="KIND", help="Only hits of this kind; repeatable.")
@click.option(
    "--topics-limit", type=int, metavar="COUNT", help="Draw so many topics.  [default: all]"
)
@click.option("--seed", type=int, default=0, metavar="N", help="Of every draw.  [default: 0]")
@click.option("--plot", type=_FILE, metavar="FILE", help="Write a picture: .svg or .html.")
@revision_option
@json_option
def evaluate(  # noqa: PLR0913 -- one parameter an option
    repo: Path,
    *,
    source: str | None,
    topics: Path | None,
    qrels: Path | None,
    back: int,
    most_files: int,
    measures: str,
    least: tuple[str, ...],
    mode: str,
    limit: int,
    kind: tuple[str, ...],
    topics_limit: int | None,
    seed: int,
    plot: Path | None,
    revision: str | None,
    as_json: bool,
) -> None:
    """Judge retrieval on your own repository, without labels or by your own topics."""
    from hikma import evaluation  # noqa: PLC0415 -- no other command pays for it

    asked = _Asked(source, back, most_files, topics, qrels)
    _check(asked)
    wanted = evaluation.Wanted(
        Query("", Filter(kinds=tuple(map(filtering.kind, kind))), limit, Mode(mode)),
        [name for name in measures.replace(" ", ",").split(",") if name],
        [evaluation.gate(one) for one in least],
        topics_limit,
        seed,
    )
    evaluation.check(wanted)
    if plot is not None:
        evaluation.check_plot(plot)
    with open_engine(repo, {}, revision) as engine, tracking() as track:
        found = _evaluated(engine, asked, wanted, track)
    if plot is not None:
        evaluation.plot(found, plot)
    print_result(found, render, as_json=as_json)
    for one in found.shortfalls:
        say(
            f"below the gate: {one.unit.value} {one.measure} is {one.mean:.3f}, "
            f"{one.least - one.mean:.3f} short of {one.least:g}"
        )
    if found.shortfalls:
        sys.exit(1)


def _check(asked: _Asked) -> None:
    if (asked.topics is None) != (asked.qrels is None):
        raise EvaluationError("--topics and --qrels belong together; give both, or neither.")
    if asked.topics and asked.source:
        raise EvaluationError(f"--source {asked.source} makes topics itself; leave out --topics.")


def _evaluated(engine: Engine, asked: _Asked, wanted: "Wanted", track: Track) -> "Evaluation":
    from hikma import evaluation  # noqa: PLC0415 -- no other command pays for it

    if asked.topics and asked.qrels:
        given = evaluation.GivenTopics.read(asked.topics, asked.qrels)
        _index_if_missing(engine, track)
        found = evaluation.given_topics(engine, given)
        return evaluation.evaluate(engine, found, wanted, track)
    if asked.source == "docstrings":
        with evaluation.docstring_topics(engine, track) as (copy, found):
            return evaluation.evaluate(copy, found, wanted, track)
    how = evaluation.CommitTopics(asked.back, asked.most_files)
    found = evaluation.commit_topics(engine, how, track)
    with engine.at(str(found.revision)) as older:
        return evaluation.evaluate(older, found, wanted, track)


def _index_if_missing(engine: Engine, track: Track) -> None:
    try:
        engine.catalog.reader()
    except IndexMissingError:
        say(f"no index yet; indexing {engine.root}")
        engine.index(track=track)


def render(found: "Evaluation") -> list[str]:
    """Render a table, a row a unit, and what was left out."""
    at = f" at {found.revision[:10]}" if found.revision else ""
    drawn = (
        "" if found.topics == found.drawn_from else f" of {found.drawn_from:,}, seed {found.seed}"
    )
    names = [one.measure for one in found.judged[0].figures]
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in found.left_out.items())
    return [
        f"{found.source}{at}: {found.topics:,} topics{drawn}; {found.mode}, {found.limit} hits, "
        f"model {found.model}",
        f"{'':8} {'topics':>7}" + "".join(f"  {name:<21}" for name in names),
        *(_row(part) for part in found.judged),
        "mean [95 % interval by bootstrap over topics]",
        *([f"left out: {left_out}"] if left_out else []),
    ]


def _row(part: "Judgement") -> str:
    cells = (f"{one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in part.figures)
    return f"{part.unit.value:8} {part.topics:>7,}" + "".join(f"  {cell:<21}" for cell in cells)
