"""One evaluation from topics to a report, and the gate that it must pass."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hikma import search as searching
from hikma.catalog import ledger
from hikma.domain import HISTORY_KINDS, NodeKind, Query
from hikma.engine import Engine
from hikma.errors import EvaluationError
from hikma.evaluation.measuring import MEASURES, Judgement, canonical, judge, measures, run
from hikma.evaluation.topics import Qrels, Topic, TopicSet, Unit
from hikma.ranking import Weights
from hikma.telemetry import Track, silent

_GATE = re.compile(r"\s*([^=\s]+)\s*=\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Gate:
    """The least mean that a measure must have, in every unit that is judged."""

    measure: str
    least: float


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A measure that stayed below its gate."""

    unit: Unit
    measure: str
    mean: float
    least: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is judged and how. `query` has the mode, the limit and the filter of each search.

    `count` topics are drawn by `seed`; None means all.
    """

    query: Query
    measures: Sequence[str] = MEASURES
    gates: Sequence[Gate] = ()
    count: int | None = None
    seed: int = 0
    weights: Weights | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found, with what a reader needs to repeat it.

    `drawn_from` is how many topics there were before `topics` of them were drawn.
    """

    source: str
    revision: str | None
    database: str
    model: str
    mode: str
    limit: int | None
    seed: int
    topics: int
    drawn_from: int
    left_out: Mapping[str, int]
    judged: Sequence[Judgement]
    shortfalls: Sequence[Shortfall] = field(default=())


def gate(text: str) -> Gate:
    """Read `ndcg@10=0.5`; EvaluationError for anything else."""
    found = _GATE.fullmatch(text)
    try:
        least = float(found[2]) if found else math.nan
    except ValueError:
        least = math.nan
    if found is None or not 0 <= least <= 1:
        raise EvaluationError(
            f"--min {text!r}: write a measure and a figure of 0 to 1: ndcg@10=0.5"
        )
    return Gate(found[1], least)


def check(wanted: Wanted) -> None:
    """Raise what `evaluate` would raise of wrong measures, limits and filters, before any work."""
    if not measures(_names(wanted), wanted.query.limit):
        raise EvaluationError("--measures names none; choose of nDCG@10, RR@10, R@100 and others.")
    searching.check(replace(wanted.query, text="x"))
    if wanted.count is not None and wanted.count < 1:
        raise EvaluationError(f"--topics-limit {wanted.count}: nothing is judged by no topic.")
    if wanted.seed < 0:
        raise EvaluationError(f"--seed {wanted.seed}: give 0 or more.")


def _names(wanted: Wanted) -> list[str]:
    return [*wanted.measures, *(one.measure for one in wanted.gates)]


def evaluate(engine: Engine, asked: TopicSet, wanted: Wanted, track: Track = silent) -> Evaluation:
    """Ask every topic, judge the answers in each unit and hold them to the gates.

    The engine's index must be there. Raises EvaluationError where no topic is left.
    """
    check(wanted)
    made = measures(_names(wanted))
    drawn = _of_kinds(asked, wanted.query.filter.kinds).sampled(wanted.count, wanted.seed)
    found = run(engine, drawn.topics, wanted.query, wanted.weights, track)
    judged = [judge(drawn.topics, found, unit, made, wanted.seed) for unit in drawn.units()]
    with engine.catalog.read() as connection:
        space = ledger.space(connection)
    return Evaluation(
        source=asked.source,
        revision=asked.revision,
        database=str(engine.database),
        model=space.model if space else "",
        mode=wanted.query.mode.value,
        limit=wanted.query.limit,
        seed=wanted.seed,
        topics=len(drawn.topics),
        drawn_from=len(asked.topics),
        left_out=drawn.left_out,
        judged=judged,
        shortfalls=[one for part in judged for one in _shortfalls(part, wanted.gates)],
    )


def _shortfalls(part: Judgement, gates: Sequence[Gate]) -> Iterator[Shortfall]:
    means = {one.measure.lower(): one for one in part.figures}
    for wanted in gates:
        figure = means[canonical(wanted.measure).lower()]
        if figure.mean < wanted.least:
            yield Shortfall(part.unit, figure.measure, figure.mean, wanted.least)


def _of_kinds(asked: TopicSet, kinds: Sequence[NodeKind]) -> TopicSet:
    """Judge by what hits of these kinds can be, where the query asks for some kinds only."""
    if not kinds:
        return asked
    topics = [replace(one, qrels=dict(_kept(one, kinds))) for one in asked.topics]
    left = [one for one in topics if any(one.qrels.values())]
    reason = {"topics with nothing of the asked kinds": len(topics) - len(left)}
    return replace(asked, topics=left, left_out={**asked.left_out, **reason})


def _kept(topic: Topic, kinds: Sequence[NodeKind]) -> Iterator[tuple[Unit, Qrels]]:
    wanted = tuple(f"{kind}:" for kind in kinds)
    of_node = tuple(f"{kind}:" for kind in NodeKind)
    in_files = not HISTORY_KINDS.issuperset(kinds)
    for unit, qrels in topic.qrels.items():
        yield (
            unit,
            {
                target: relevance
                for target, relevance in qrels.items()
                if (target.startswith(wanted) if target.startswith(of_node) else in_files)
            },
        )
