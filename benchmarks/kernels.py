"""The first look of the scan, by NumPy and by compiled kernels: which signs are like a query?

    pip install numkong faiss-cpu
    python benchmarks/kernels.py DATABASE [--sizes 100000 1000000]

Each is asked in turn for as many of the same vectors as pass the first look for the nearest 10.
Ours compares half of the signs at first, the others compare all. Rates are medians of turns by one
thread and by two; a kernel is given one thread of its own, as a search is. What is not installed is
left out, and said to be.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from answering import rate
from hikma.arrays import DocumentIds, Vector, VectorRows
from hikma.vectors import signs
from hikma.vectors.codes import loaded, whole
from hikma.vectors.resident import depth_of
from scan import perturbed, sized, vectors_of

QUERIES = 200
TURNS = 5
Look = Callable[[Vector], NDArray[np.int64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("database", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    asked = parser.parse_args()
    held = vectors_of(asked.database)
    for size in asked.sizes:
        print(f"\n## {size:,}")
        _compare(sized(held, size))


def _compare(vectors: VectorRows) -> None:
    codes = np.rint(vectors * 127).astype(np.int8)
    held = loaded(None, np.arange(1, len(codes) + 1), codes)
    wanted = depth_of(10, held).looks[0]
    random = np.random.default_rng(1)
    queries = perturbed(vectors[random.integers(len(vectors), size=QUERIES)], random)
    looks = dict(_looks(codes, held.signs, wanted))
    print(f"| {wanted:,} pass | ms | times ours | of ours found | /s by 1 | by 2 threads |")
    print("|---|" + "--:|" * 5)
    taken: dict[str, list[float]] = {name: [] for name in looks}
    shared: dict[str, list[float]] = {name: [] for name in looks}
    for query in queries:
        found = {name: _timed(look, query, taken[name]) for name, look in looks.items()}
        for name, slots in found.items():
            shared[name].append(float(np.isin(found["ours"], slots).mean()))
    for name, look in looks.items():
        ms = float(np.median(taken[name]))
        times = ms / float(np.median(taken["ours"]))
        rates = [_rate(look, queries, threads) for threads in (1, 2)]
        figures = f"{ms:.3f} | {times:.2f} | {np.mean(shared[name]):.3f}"
        print(f"| {name} | {figures} | {rates[0]:.0f} | {rates[1]:.0f} |")


def _looks(codes: Any, columns: signs.Words, wanted: int) -> Iterator[tuple[str, Look]]:
    yield "ours", lambda query: signs.alike(columns, whole(query), wanted, None)
    packed = np.packbits(codes >= 0, axis=1)
    try:
        yield "numkong", _of_numkong(packed, wanted)
    except ImportError:
        print("numkong is not installed")
    try:
        yield "faiss", _of_faiss(packed, wanted)
    except ImportError:
        print("faiss is not installed")


def _of_numkong(packed: NDArray[np.uint8], wanted: int) -> Look:
    """Packed Hamming distances, and our choice among them."""
    import numkong  # noqa: PLC0415 -- not a dependency

    held: Any = numkong.hammings_pack(packed, dtype="uint1")

    def look(query: Vector) -> NDArray[np.int64]:
        apart: Any = numkong.hammings_packed(np.packbits(query >= 0)[None], held)
        return signs.least(np.asarray(apart)[0], wanted)

    return look


def _of_faiss(packed: NDArray[np.uint8], wanted: int) -> Look:
    """All bits compared, and the least chosen by a heap, in one call."""
    import faiss  # noqa: PLC0415 -- not a dependency

    faiss.omp_set_num_threads(1)
    index: Any = faiss.IndexBinaryFlat(8 * packed.shape[1])
    index.add(packed)

    def look(query: Vector) -> NDArray[np.int64]:
        found: NDArray[np.int64] = index.search(np.packbits(query >= 0)[None], wanted)[1][0]
        return found

    return look


def _timed(look: Look, query: Vector, taken: list[float]) -> NDArray[np.int64]:
    start = time.perf_counter()
    found = look(query)
    taken.append(1_000 * (time.perf_counter() - start))
    return found


def _rate(look: Look, queries: VectorRows, threads: int) -> float:
    def ask(query: Vector, _: DocumentIds | None) -> list[int]:
        look(query)
        return []

    return float(np.median([rate(ask, queries, threads) for _ in range(TURNS)]))


if __name__ == "__main__":
    main()
