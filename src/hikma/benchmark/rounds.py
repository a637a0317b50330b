"""Timing several backends side by side: each round asks all of them, in an order drawn anew."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorRows
from hikma.benchmark.figures import Figure
from hikma.resampling import draws, interval, percentile

RESAMPLES = 1_000
_TIE = 1e-9
_BESIDE = 20
"""Nearest by float32 that are looked at in float64 beyond those wanted."""


@dataclass(slots=True)
class Timed:
    """What one backend took, round by round, and what it answered; `error` ended it."""

    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    error: Exception | None = None


def interleaved(
    actions: Mapping[str, Callable[[int], Any]], rounds: int, timeout_s: float, seed: int = 0
) -> dict[str, Timed]:
    """Do each action once a round, with the round's number; one that fails is asked no more.

    Stops after the round in which `timeout_s` have passed.
    """
    timed = {name: Timed() for name in actions}
    random = np.random.default_rng(seed)
    end = time.monotonic() + timeout_s
    for number in range(rounds):
        names = [name for name in actions if timed[name].error is None]
        for at in random.permutation(len(names)):
            _once(timed[names[at]], actions[names[at]], number)
        if time.monotonic() > end:
            break
    return timed


def _once(timed: Timed, action: Callable[[int], Any], number: int) -> None:
    cpu, start = time.process_time(), time.perf_counter()
    try:
        answer = action(number)
    except Exception as error:  # noqa: BLE001 -- whatever a backend raises is its failure
        timed.error = error
        return
    timed.ms.append((time.perf_counter() - start) * 1e3)
    timed.cpu_ms.append((time.process_time() - cpu) * 1e3)
    timed.answers.append(answer)


def figure(key: tuple[str, int, str], timed: Timed, each: int = 1) -> Figure:
    """Return the figures of what was timed; each action counts as so many in the rate."""
    ms = np.array(timed.ms)
    low, high = median_interval(ms)
    p50, p95, p99 = (percentile(timed.ms, share) for share in (50, 95, 99))
    return Figure(
        *key,
        count=len(ms),
        p50_ms=_rounded(p50),
        low_ms=_rounded(low),
        high_ms=_rounded(high),
        p95_ms=_rounded(p95),
        p99_ms=_rounded(p99),
        per_second=round(each * len(ms) / max(float(ms.sum()) / 1e3, 1e-9), 3),
        cpu_ms=_rounded(np.mean(timed.cpu_ms)) if timed.cpu_ms else None,
    )


def _rounded(ms: Any) -> float:
    return round(float(ms), 5)


def median_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the median by bootstrap."""
    return interval(np.median(values[draws(len(values), RESAMPLES, 0)], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The exact answers: for each query how far its last neighbour is, shape (queries,)."""

    vectors: VectorRows
    queries: VectorRows
    farthest: Sequence[float]
    wanted: int

    def recall(self, answers: Sequence[Sequence[Neighbor]]) -> float:
        """Return the mean share of exact neighbours among answers."""
        return round(float(np.mean(self.recalls(answers))), 5)

    def recalls(self, answers: Sequence[Sequence[Neighbor]]) -> list[float]:
        """Return the share of exact neighbours in each answer; one as near counts as well."""
        return [self._hits(number, found) / self.wanted for number, found in enumerate(answers)]

    def _hits(self, number: int, found: Sequence[Neighbor]) -> int:
        at = number % len(self.queries)
        ids = np.array(sorted({one.id for one in found}), np.int64)
        apart = _apart(self.vectors[ids - 1], self.queries[at])
        return int((apart <= self.farthest[at] + _TIE).sum())


def truth(
    vectors: VectorRows, queries: VectorRows, limit: int, within: DocumentIds | None = None
) -> Truth:
    """Compare every query with every vector, or with those within."""
    rows = vectors if within is None else vectors[within - 1]
    wanted = min(limit, len(rows))
    farthest = [_farthest(rows, one, wanted) for one in queries]
    return Truth(vectors, queries, farthest, wanted)


def _farthest(rows: VectorRows, query: Vector, wanted: int) -> float:
    beyond = min(len(rows), wanted + _BESIDE)
    near = np.argpartition(-(rows @ query), beyond - 1)[:beyond]
    return float(np.sort(_apart(rows[near], query))[wanted - 1])


def _apart(rows: VectorRows, query: Vector) -> NDArray[np.float64]:
    apart: NDArray[np.float64] = 1.0 - (rows.astype(np.float64) * query.astype(np.float64)).sum(1)
    return apart
