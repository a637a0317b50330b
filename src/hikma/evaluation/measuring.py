"""From topics and an engine to figures: search, count each target once, measure, resample.

The measures are those of ir-measures, by whose names they go: nDCG@10, RR@10, R@100, P@5, AP, …
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hikma.domain import HISTORY_KINDS, Query
from hikma.engine import Engine
from hikma.errors import EvaluationError
from hikma.evaluation.topics import PLACE, Qrels, Topic, Unit
from hikma.ranking import Weights
from hikma.resampling import interval
from hikma.results import Hit
from hikma.retrieval import FAILED
from hikma.telemetry import Track, silent

if TYPE_CHECKING:
    from ir_measures import Measure

MEASURES = ("nDCG@10", "RR@10", "R@100")
RESAMPLES = 10_000
_AT_ONCE = 200
_NAME = re.compile(r"\s*([A-Za-z_]\w*)(?:@([1-9]\d{0,5}))?\s*")

Run: TypeAlias = Mapping[str, Sequence[Hit]]
"""What was found, best first, by topic."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure's mean over topics with its 95 % interval by bootstrap."""

    measure: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures in one unit; `by_topic` has each topic's value of each measure."""

    unit: Unit
    topics: int
    figures: Sequence[Figure]
    by_topic: Mapping[str, Mapping[str, float]]


def run(
    engine: Engine,
    topics: Sequence[Topic],
    query: Query,
    weights: Weights | None = None,
    track: Track = silent,
) -> Run:
    """Search for every topic as `query` says, whose text is put in its place.

    `weights` are those of the ranking; None means the engine's own.
    """
    found: dict[str, Sequence[Hit]] = {}
    for done, topic in enumerate(topics, 1):
        result = engine.search(replace(query, text=topic.text), weights=weights)
        if failed := next((one for one in result.degraded if one.startswith(FAILED)), None):
            raise EvaluationError(
                f"An answer lacks a retriever, no measure of it is fair: {failed}"
            )
        found[topic.id] = result.hits
        track("judge", done, len(topics))
    return found


def measures(names: Iterable[str], limit: int | None = None) -> "list[Measure]":
    """Return the measures of these names, whatever their case, each once.

    Raises EvaluationError for one that is unknown, or that looks further than `limit` hits.
    """
    found = list(dict.fromkeys(map(_measure, names)))
    for one in found:
        cutoff = one.params.get("cutoff", 0)
        if limit is not None and cutoff > limit:
            raise EvaluationError(
                f"{one} looks at {cutoff} hits and only {limit} are asked for; raise --limit."
            )
    return found


def canonical(name: str) -> str:
    """Return a measure's name as ir-measures writes it; EvaluationError for an unknown one."""
    return str(_measure(name))


def judge(
    topics: Sequence[Topic], found: Run, unit: Unit, wanted: "Sequence[Measure]", seed: int = 0
) -> Judgement:
    """Measure a run in one unit, over the topics that have something relevant in it."""
    asked = [one for one in topics if any(rel > 0 for rel in one.qrels.get(unit, {}).values())]
    values = np.array([_values(one, found[one.id], unit, wanted) for one in asked])
    lows, highs = _intervals(values, seed)
    names = [str(one) for one in wanted]
    means = values.mean(axis=0)
    figures = [
        Figure(*one)
        for one in zip(names, *(side.tolist() for side in (means, lows, highs)), strict=True)
    ]
    by_topic = {
        topic.id: dict(zip(names, row, strict=True))
        for topic, row in zip(asked, values.tolist(), strict=True)
    }
    return Judgement(unit, len(asked), figures, by_topic)


def ranked(hits: Sequence[Hit], qrels: Qrels, unit: Unit) -> list[str]:
    """Return the targets that hits stand for, best first, each once.

    Commits and pull requests are passed over unless one is judged: they answer another question.
    """
    history = any(one.startswith(tuple(f"{kind}:" for kind in HISTORY_KINDS)) for one in qrels)
    counted = [hit for hit in hits if history or hit.kind not in HISTORY_KINDS]
    if unit is Unit.FILES:
        return list(dict.fromkeys(hit.path for hit in counted))
    if unit is Unit.SYMBOLS:
        return list(dict.fromkeys(hit.id for hit in counted))
    return list(_places(counted, qrels))


def _places(hits: Iterable[Hit], qrels: Qrels) -> Iterator[str]:
    """Yield for each hit the best judged target that it meets and that none before it met.

    A hit that meets only what was met before is passed over; one that meets nothing is its own.
    """
    targets = sorted(qrels, key=lambda one: -qrels[one])
    met: set[str] = set()
    for hit in hits:
        meets = [one for one in targets if _meets(hit, one)]
        fresh = next((one for one in meets if one not in met), None)
        if fresh is not None:
            met.add(fresh)
            yield fresh
        elif not meets:
            yield f"{hit.id} {hit.rank}"


def _meets(hit: Hit, target: str) -> bool:
    if target in {hit.id, hit.path}:
        return True
    place = PLACE.fullmatch(target)
    if place is None or place[1] != hit.path or hit.start_line is None or hit.end_line is None:
        return False
    return hit.start_line <= int(place[3]) and int(place[2]) <= hit.end_line


def _measure(name: str) -> "Measure":
    registry = _library().measures.registry
    known = {one.lower(): made for one, made in registry.items()}
    found = _NAME.fullmatch(name)
    made = known.get(found[1].lower()) if found else None
    if found and made:
        measure: Measure = made(**({made.AT_PARAM: int(found[2])} if found[2] else {}))
        if _is_sound(measure):
            return measure
    raise EvaluationError(
        f"The measure {name!r} is unknown; choose of nDCG@10, RR@10, R@100, P@5, AP, Success@1, "
        "Rprec and others of ir-measures, with any cut-off."
    )


def _is_sound(measure: "Measure") -> bool:
    """Whether the parameters are right and a provider that starts no program measures it."""
    try:
        return any(one.supports(measure) for one in _providers())
    except AssertionError:  # so ir-measures says that a parameter is wrong or lacks
        return False


def _values(
    topic: Topic, hits: Sequence[Hit], unit: Unit, wanted: "Sequence[Measure]"
) -> list[float]:
    """Return one topic's value of each measure; 0 where nothing was found."""
    qrels = topic.qrels[unit]
    # Scores only say the order here, and names without spaces are safe in every provider.
    found = ranked(hits, qrels, unit)
    names = {one: str(number) for number, one in enumerate(dict.fromkeys((*found, *qrels)))}
    judged = {"0": {names[one]: relevance for one, relevance in qrels.items()}}
    run_ = {"0": {names[one]: float(len(found) - at) for at, one in enumerate(found)}}
    pipeline = _library().providers.FallbackProvider(_providers())
    values = {one.measure: float(one.value) for one in pipeline.iter_calc(wanted, judged, run_)}
    return [values[measure] for measure in wanted]


def _intervals(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the ends, shape (2, measures), of each measure's mean over resampled topics.

    `values` has a row a topic, a column a measure.
    """
    draw = np.random.default_rng(seed)
    count = len(values)
    means = [
        values[draw.integers(0, count, (_AT_ONCE, count))].mean(axis=1)
        for _ in range(RESAMPLES // _AT_ONCE)
    ]
    return np.array([interval(each) for each in np.concatenate(means).T]).T


def _library() -> Any:
    try:
        import ir_measures  # noqa: PLC0415 -- an extra, for this alone
    except ImportError as error:
        raise EvaluationError(
            f"Judging needs ir-measures ({error}); install it with: pip install 'hikma[eval]'"
        ) from error
    return ir_measures


def _providers() -> list[Any]:
    """Return what measures in this process; others of ir-measures start perl or need more."""
    ir = _library()
    return [ir.pytrec_eval, ir.msmarco, ir.judged, ir.accuracy]
