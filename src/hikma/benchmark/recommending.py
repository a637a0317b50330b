"""Which backend to take: one rule, stated, with what is not known about its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hikma.benchmark.backends import LANCEDB, SQLITE_VEC
from hikma.benchmark.figures import Recommendation
from hikma.resampling import draws, interval

MOST_RATIO = 1.2
RULE = (
    f"sqlite-vec when the median of its searches is at most {MOST_RATIO:g} x LanceDB's at the "
    "largest size and its recall no lower; of each, the fastest way that was measured"
)
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Run:
    """Searches of a backend at the largest size, round by round: milliseconds and recall."""

    ms: Sequence[float]
    recalls: Sequence[float]

    @property
    def recall(self) -> float:
        """Mean over the rounds."""
        return float(np.mean(self.recalls))


def recommend(
    size: int, runs: Mapping[str, Run], troubles: Mapping[str, str], seed: int = 0
) -> Recommendation:
    """Apply the rule; `troubles` say of backends that have no run why: such a one never wins."""
    ours, theirs = _fastest(runs, SQLITE_VEC), _fastest(runs, LANCEDB)
    if ours is None or theirs is None:
        lacking = SQLITE_VEC if ours is None else LANCEDB
        said = [f"{one}: {why}" for one, why in troubles.items() if one.startswith(lacking)]
        reason = f"nothing to compare: {'; '.join(said) or f'{lacking} was not measured'}"
        return Recommendation(RULE, None, sure=False, reason=reason, size=size)
    ratio, low, high = ratio_of_medians(runs[ours].ms, runs[theirs].ms, seed)
    less, more = recall_difference(runs[ours].recalls, runs[theirs].recalls, seed)
    enough = runs[ours].recall >= runs[theirs].recall
    chosen = SQLITE_VEC if ratio <= MOST_RATIO and enough else LANCEDB
    quick, slow = high <= MOST_RATIO and less >= 0, low > MOST_RATIO or more < 0
    sure = quick if chosen == SQLITE_VEC else slow
    reason = (
        f"{ours} takes {ratio:.2f} [{low:.2f}, {high:.2f}] x the time of {theirs}, at recall "
        f"{runs[ours].recall:.4f} against {runs[theirs].recall:.4f}, a difference of "
        f"[{less:+.4f}, {more:+.4f}]"
    )
    if not sure:
        reason += "; by these 95 % intervals another run may say otherwise"
    known = {one: why for one, why in troubles.items() if one.startswith((SQLITE_VEC, LANCEDB))}
    if known:
        reason += f"; without {', '.join(known)}"
    figures = {"ratio": round(ratio, 4), "low": round(low, 4), "high": round(high, 4)}
    return Recommendation(RULE, chosen, sure, reason, size, ours, theirs, **figures)


def ratio_of_medians(
    ours: Sequence[float], theirs: Sequence[float], seed: int
) -> tuple[float, float, float]:
    """Return a ratio of medians with its 95 % interval by bootstrap over rounds.

    A round's two times are drawn together: what slowed the machine then slowed both.
    """
    count = min(len(ours), len(theirs))
    pair = np.array([ours[:count], theirs[:count]], np.float64)
    first, second = np.median(pair[:, draws(count, RESAMPLES, seed)], axis=2)
    mine, other = np.median(pair, axis=1)
    return float(mine / other), *interval(first / second)


def recall_difference(
    ours: Sequence[float], theirs: Sequence[float], seed: int
) -> tuple[float, float]:
    """Return the 95 % interval of how much more recall ours have, by bootstrap over rounds."""
    count = min(len(ours), len(theirs))
    apart = np.array(ours[:count], np.float64) - np.array(theirs[:count], np.float64)
    return interval(apart[draws(count, RESAMPLES, seed)].mean(axis=1))


def _fastest(runs: Mapping[str, Run], start: str) -> str | None:
    able = [one for one in runs if one.startswith(start) and runs[one].ms]
    return min(able, key=lambda one: float(np.median(runs[one].ms)), default=None)
