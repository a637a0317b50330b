"""Several threads, or processes, that ask one backend at once: how many answers a second."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import numpy as np

from hikma.arrays import VectorRows
from hikma.benchmark import children
from hikma.benchmark.children import Room
from hikma.benchmark.machine import cores
from hikma.benchmark.stores import Searched
from hikma.benchmark.tally import Tally

THREADS = (1, 2, 4, 8)
_SLICES, _SLICE_S = 3, 0.15
"""Turns of each backend at each number of threads: a short one each, so that all share a noise."""


def threads(tally: Tally, size: int, stores: Mapping[str, Searched], queries: VectorRows) -> None:
    """Measure searches by 1 to 8 threads of this process."""
    for count in THREADS:
        took: dict[str, list[float]] = {name: [] for name in tally.alive}
        elapsed = dict.fromkeys(took, 0.0)
        random = np.random.default_rng(tally.plan.seed)
        for turn in range(_SLICES):
            names = [name for name in took if name in tally.alive]
            for at in random.permutation(len(names)):
                name = names[at]
                try:
                    ms, seconds = _slice(stores[name], queries, tally.plan.limit, count)
                except Exception as error:  # noqa: BLE001 -- whatever a backend raises is its failure
                    tally.fail(name, f"{count} threads at {size:,}, turn {turn + 1}", error)
                    continue
                took[name] += ms
                elapsed[name] += seconds
        kept = {name: ms for name, ms in took.items() if name in tally.alive}
        tally.keep(size, f"threads-{count}", kept, elapsed)


def processes(tally: Tally, size: int, rooms: Mapping[str, Room]) -> None:
    """Measure searches by as many processes as there are cores, two at least."""
    count = max(2, cores())
    for name in list(tally.alive):
        try:
            found = children.at_once(rooms[name], count, _SLICES * _SLICE_S)
        except Exception as error:  # noqa: BLE001 -- likewise
            tally.fail(name, f"{count} processes at {size:,}", error)
            continue
        ms = [one for each in found for one in each]
        # Each asks for the same time, and ends within the question that it has begun.
        elapsed = max(sum(each) for each in found) / 1e3
        tally.keep(size, f"processes-{count}", {name: ms}, {name: elapsed})


def _slice(
    store: Searched, queries: VectorRows, limit: int, count: int
) -> tuple[list[float], float]:
    """Ask from so many threads for a while; return what each query took in ms, and the seconds."""
    barrier = Barrier(count)

    def ask(first: int) -> tuple[list[float], float, float]:
        try:
            store.nearest(
                queries[first % len(queries)], limit
            )  # opens what a thread has of its own
        except BaseException:
            barrier.abort()
            raise
        barrier.wait()
        begun = time.perf_counter()
        took: list[float] = []
        while (start := time.perf_counter()) < begun + _SLICE_S:
            store.nearest(queries[(first + len(took)) % len(queries)], limit)
            took.append((time.perf_counter() - start) * 1e3)
        return took, begun, time.perf_counter()

    with ThreadPoolExecutor(count) as pool:
        asking = [pool.submit(ask, number * 7) for number in range(count)]
    errors = [one.exception() for one in asking if one.exception()]
    first = next((one for one in errors if not isinstance(one, BrokenBarrierError)), None)
    if first is not None:
        raise first
    done = [one.result() for one in asking]
    ends = max(end for *_, end in done) - min(begun for _, begun, _ in done)
    return [one for took, *_ in done for one in took], ends
