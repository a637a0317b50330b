"""How sure is a figure? Percentiles, and 95 % intervals by bootstrap (Efron 1979)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_ENDS = (2.5, 97.5)


def percentile(values: Iterable[float], share: float) -> float:
    """Return a percentile of some values, of which there must be one."""
    return float(np.percentile(np.fromiter(values, np.float64), share))


def draws(count: int, times: int, seed: int) -> NDArray[np.int64]:
    """Return places in a sample, drawn with repeats: as many as it has, shape (times, count)."""
    return np.random.default_rng(seed).integers(0, count, (times, count))


def interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of a figure's interval, given what it was of each sample drawn anew."""
    low, high = np.percentile(drawn, _ENDS)
    return float(low), float(high)
