"""From figures of queries to figures of systems: means over repositories, bootstrap intervals.

A repository's figure is the mean over its queries, a language's and the overall figure the mean
over repositories, a category's the mean over repositories of the mean over their queries in it.
Intervals are percentiles of the same statistic over queries drawn anew, with replacement, within
each repository (a stratified bootstrap: Efron and Tibshirani 1993, chapters 8 and 13).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from topics import Topic

Figures: TypeAlias = NDArray[np.float64]
"""One figure for each topic, in the order of the topics."""
DRAWS = 5_000
SEED = 4
LOW, HIGH = 2.5, 97.5
"""Percentiles: the ends of an interval of 95 %."""
ALL = "all"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval of 95 %."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it as `.864 [.851, .877]`."""
        return f"{short(self.mean)} [{short(self.low)}, {short(self.high)}]"


Strata: TypeAlias = Sequence[NDArray[np.intp]]
"""For each repository, the places of its topics."""


def strata(topics: Sequence[Topic], chosen: Sequence[int] | None = None) -> Strata:
    """Return the places of topics by repository, or of the `chosen` places alone."""
    places: dict[str, list[int]] = {}
    for place in range(len(topics)) if chosen is None else chosen:
        places.setdefault(topics[place].repository, []).append(place)
    return [np.array(places[name]) for name in sorted(places)]


def groups(topics: Sequence[Topic]) -> dict[str, Strata]:
    """Return the strata of all topics, of each category and of each language, in that order."""
    by_category: dict[str, list[int]] = {}
    by_language: dict[str, list[int]] = {}
    for place, topic in enumerate(topics):
        by_category.setdefault(topic.category, []).append(place)
        by_language.setdefault(topic.language, []).append(place)
    named = {ALL: list(range(len(topics)))}
    named |= {name: by_category[name] for name in sorted(by_category)}
    named |= {name: by_language[name] for name in sorted(by_language)}
    return {name: strata(topics, chosen) for name, chosen in named.items()}


def mean(figures: Figures, parts: Strata) -> float:
    """Return the mean over repositories of the mean over their queries."""
    return float(np.mean([figures[part].mean() for part in parts]))


def estimate(figures: Figures, parts: Strata) -> Estimate:
    """Return the mean and its interval; of differences between two systems, a paired one."""
    generator = np.random.default_rng(SEED)
    drawn = np.zeros(DRAWS)
    for part in parts:
        own = figures[part]
        drawn += own[generator.integers(0, len(own), (DRAWS, len(own)))].mean(axis=1)
    low, high = np.percentile(drawn / len(parts), (LOW, HIGH))
    return Estimate(mean(figures, parts), float(low), float(high))


def over_repositories(figures: Figures, parts: Strata) -> Estimate:
    """Return the mean and the interval over repositories drawn anew: how other ones may differ."""
    generator = np.random.default_rng(SEED)
    means = np.array([figures[part].mean() for part in parts])
    drawn = means[generator.integers(0, len(means), (DRAWS, len(means)))].mean(axis=1)
    low, high = np.percentile(drawn, (LOW, HIGH))
    return Estimate(float(means.mean()), float(low), float(high))


def by_repository(figures: Figures, topics: Sequence[Topic]) -> Mapping[str, float]:
    """Return the mean over the queries of each repository."""
    names = sorted({topic.repository for topic in topics})
    return {
        name: float(figures[part].mean()) for name, part in zip(names, strata(topics), strict=True)
    }


def short(figure: float) -> str:
    """Write a figure with three digits and without the zero before the point."""
    return f"{figure:.3f}".replace("0.", ".", 1)
