"""How costs grow with size: a power law a backend, who wins where, and where two laws cross."""

from collections.abc import Container, Iterable, Mapping, Sequence

import numpy as np

from hikma.benchmark.figures import Crossing, Figure, Footprint, Law, Win

LEAST_POINTS, LEAST_SIZE = 3, 1_000
"""Through two sizes a law goes exactly, and its residual says nothing; of few vectors, what a query
costs in any case hides what each vector costs."""
ENOUGH_RECALL = 0.99
"""Who finds less does not win."""
_MB = 1e6
TIME, MEMORY, DISK, LOAD = "search_ms", "memory_mb", "disk_mb", "cold_open_ms"
SAID = {TIME: "search, ms", MEMORY: "memory, MB", DISK: "disk, MB", LOAD: "cold open, ms"}

Costs = Mapping[str, Mapping[str, Mapping[int, float]]]
"""By cost, backend and size."""


def costs(figures: Iterable[Figure], footprints: Iterable[Footprint]) -> Costs:
    """Return what was measured, as far as it is more than nothing."""
    found: dict[str, dict[str, dict[int, float]]] = {}

    def put(cost: str, backend: str, size: int, value: float) -> None:
        if value > 0:
            found.setdefault(cost, {}).setdefault(backend, {})[size] = value

    for one in figures:
        cost = {"search": TIME, "cold": LOAD}.get(one.operation)
        if cost is not None:
            put(cost, one.backend, one.size, one.p50_ms)
    for foot in footprints:
        put(MEMORY, foot.backend, foot.size, (foot.steady_bytes or 0) / _MB)
        put(DISK, foot.backend, foot.size, foot.disk_bytes / _MB)
    return found


def laws(found: Costs) -> list[Law]:
    """Fit a law to every cost of every backend that has enough sizes."""
    return [
        fit(backend, cost, large)
        for cost, backends in found.items()
        for backend, by_size in backends.items()
        if len(large := {n: cost for n, cost in by_size.items() if n >= LEAST_SIZE}) >= LEAST_POINTS
    ]


def fit(backend: str, cost: str, by_size: Mapping[int, float]) -> Law:
    """Fit `a * n ** b` by least squares of the logarithms."""
    sizes, values = np.log(list(by_size.keys())), np.log(list(by_size.values()))
    power, start = np.polyfit(sizes, values, 1)
    off = values - (start + power * sizes)
    residual = float(np.exp(np.sqrt(np.mean(off**2))))
    rounded = float(f"{np.exp(start):.6g}"), round(float(power), 4), round(residual, 4)
    return Law(backend, cost, *rounded, len(by_size))


def wins(
    found: Costs, recalls: Mapping[tuple[str, int], float], stored: Container[str]
) -> list[Win]:
    """Return which of those `stored` has the least of each cost at each size.

    `recalls` are by backend and size.
    """
    won = []
    for cost, backends in found.items():
        for size in sorted({size for by_size in backends.values() for size in by_size}):
            able = {
                backend: by_size[size]
                for backend, by_size in backends.items()
                if backend in stored
                and size in by_size
                and recalls.get((backend, size), 1.0) >= ENOUGH_RECALL
            }
            if able:
                best = min(able, key=lambda one: able[one])
                won.append(Win(cost, size, best, able[best]))
    return won


def crossings(found: Sequence[Law], sizes: Sequence[int]) -> list[Crossing]:
    """Return where a law of sqlite-vec and one of LanceDB cross, between the sizes of the laws."""
    crossed = []
    for ours in found:
        for theirs in found:
            pair = ours.backend.startswith("sqlite-vec") and theirs.backend.startswith("lancedb")
            if pair and ours.cost == theirs.cost and ours.b != theirs.b:
                crossed += _crossing(ours, theirs, sizes)
    return crossed


def _crossing(ours: Law, theirs: Law, sizes: Sequence[int]) -> list[Crossing]:
    power = np.log(ours.a / theirs.a) / (theirs.b - ours.b)
    if not np.log(max(LEAST_SIZE, min(sizes))) <= power <= np.log(max(sizes)):
        return []
    below, above = sorted((ours, theirs), key=lambda one: -one.b)
    return [Crossing(ours.cost, below.backend, above.backend, round(float(np.exp(power))))]
