"""The tables of a run, as Markdown, and what is kept of it, as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from measures import MEASURES, NDCG
from spread import (
    ALL,
    Estimate,
    Figures,
    Strata,
    by_repository,
    estimate,
    groups,
    mean,
    over_repositories,
    short,
)
from topics import Topic

Scores: TypeAlias = Mapping[str, Mapping[str, Figures]]
"""By system and measure, a figure for each topic."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run's figures of systems, and of variants of Hikma; differences are to `against`."""

    topics: Sequence[Topic]
    systems: Scores
    variants: Scores
    against: str


def tables(outcome: Outcome, *, brief: bool) -> Iterator[Iterator[str]]:
    """Yield each table as lines: overall, differences, by category and language, ablation."""
    topics = outcome.topics
    yield overall(outcome.systems, topics)
    if len(outcome.systems) > 1:
        yield paired(outcome.systems, outcome.against, topics)
    if not brief:
        for name, measured in outcome.systems.items():
            yield in_parts(name, measured, topics)
    if outcome.variants:
        yield ablated(outcome.variants, topics)


def overall(scores: Scores, topics: Sequence[Topic]) -> Iterator[str]:
    """Yield the table of systems by measures over all topics."""
    everything = groups(topics)[ALL]
    yield from _head("system", *MEASURES)
    for name, measured in scores.items():
        yield _line(name, *(estimate(measured[one], everything) for one in MEASURES))


def in_parts(name: str, measured: Mapping[str, Figures], topics: Sequence[Topic]) -> Iterator[str]:
    """Yield the table of one system: all topics, categories, languages."""
    yield from _head(f"{name}, over", "topics", *MEASURES)
    for part, chosen in groups(topics).items():
        count = sum(map(len, chosen))
        yield _line(part, count, *(estimate(measured[one], chosen) for one in MEASURES))


def paired(scores: Scores, against: str, topics: Sequence[Topic]) -> Iterator[str]:
    """Yield the table of differences to one system, over the same queries."""
    everything = groups(topics)[ALL]
    yield from _head(
        f"{NDCG}, less {against}", "over queries", "over repositories", "better", "worse", "even"
    )
    for name, measured in scores.items():
        if name != against:
            more = measured[NDCG] - scores[against][NDCG]
            estimates = (estimate(more, everything), over_repositories(more, everything))
            yield _line(name, *estimates, *_signs(more))


def ablated(scores: Scores, topics: Sequence[Topic]) -> Iterator[str]:
    """Yield the table of variants: the first as it is, then what each part earns."""
    everything = groups(topics)[ALL]
    whole, *parts = scores
    yield f"{whole}: {NDCG} {estimate(scores[whole][NDCG], everything)}"
    yield ""
    yield from _head("off", NDCG, "loss without it", "better with it", "worse with it")
    for name in parts:
        loss = scores[whole][NDCG] - scores[name][NDCG]
        better, worse, _ = _signs(loss)
        own = short(mean(scores[name][NDCG], everything))
        yield _line(name, own, estimate(loss, everything), better, worse)


def kept(outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of a run: estimates by part, means by repository, differences."""
    topics, parts = outcome.topics, groups(outcome.topics)
    figures: dict[str, Any] = {"queries": len(topics), "measures": MEASURES}
    figures["systems"] = {
        name: {
            "parts": {part: _estimates(measured, chosen) for part, chosen in parts.items()},
            "repositories": _by_repository(measured, topics),
        }
        for name, measured in outcome.systems.items()
    }
    figures["less"] = {outcome.against: differences(outcome.systems, outcome.against, topics)}
    if outcome.variants:
        whole = next(iter(outcome.variants))
        figures["ablation"] = differences(outcome.variants, whole, topics)
    return figures


def differences(scores: Scores, against: str, topics: Sequence[Topic]) -> dict[str, list[float]]:
    """Return the paired differences of every system, or variant, to one of them."""
    everything = groups(topics)[ALL]
    return {
        name: _rounded(estimate(measured[NDCG] - scores[against][NDCG], everything))
        for name, measured in scores.items()
        if name != against
    }


def _estimates(measured: Mapping[str, Figures], chosen: Strata) -> dict[str, list[float]]:
    return {one: _rounded(estimate(measured[one], chosen)) for one in MEASURES}


def _by_repository(
    measured: Mapping[str, Figures], topics: Sequence[Topic]
) -> dict[str, list[float]]:
    columns = [by_repository(measured[one], topics) for one in MEASURES]
    return {name: [round(column[name], 4) for column in columns] for name in columns[0]}


def _rounded(one: Estimate) -> list[float]:
    return [round(figure, 4) for figure in (one.mean, one.low, one.high)]


def _signs(differences: Figures) -> tuple[int, int, int]:
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    return better, worse, len(differences) - better - worse


def _head(*titles: str) -> Iterator[str]:
    yield _line(*titles)
    yield _line("---", *("--:" for _ in titles[1:]))


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
