"""Exact vector search in one file against what else there is, interleaved in one process.

    python benchmarks/scan.py DATABASE [--sizes 10000 100000] [--queries 2000] [--json FILE]

The vectors are those of an index; a size beyond theirs is made of them by perturbation, and said
to be. The queries are stored vectors, perturbed. Each round asks everyone the same question: plain
sqlite-vec (float32), this file from disk, by codes in memory and by signs in memory, NumPy over all
vectors, and LanceDB where it is installed. Recall counts what is as near as the tenth as found.
Rates are medians of short turns by one, two and four threads, and by two processes, of which
neither waits for the other's Python.
Memory is what a fresh process grows by; the floor is what each look must read at the bandwidth that
the machine was measured to have. Quote ratios: a busy machine slows all alike.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from answering import NEAREST, Ask, answers_of, opened, rates
from hikma.arrays import DocumentIds, Vector, VectorBatch, VectorRows, among
from hikma.benchmark.plain import PlainTable, build_plain
from hikma.benchmark.stores import Stock
from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.vectors.exact import best, distances
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors

MODEL = "benchmark"
BATCH = 5_000
NOISE = 0.025
"""Standard deviation of what is added to each value of a unit vector: cosine .9 at 384 values."""
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""That filters leave; every second one is asked of those too who make no mask of them."""
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """Who answers: by ids, the nearest first; `filters` where it takes ids to choose among.

    Who holds codes `in_memory` makes a mask of them for all that it holds, and is fast enough to be
    asked every query.
    """

    name: str
    ask: Ask
    filters: bool = True
    in_memory: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("database", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--grown", choices=["nothing", "disk", "resident", "bits"])
    asked = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    if asked.grown:
        print(_grown(asked.database, asked.grown))
        return
    held = vectors_of(asked.database)
    print(f"{len(held):,} vectors of {asked.database}; {_bandwidth():.1f} GB/s")
    figures = {}
    for size in asked.sizes:
        vectors = sized(held, size)
        print(f"\n## {size:,}" + (" (beyond the file's: by perturbation)" * (size > len(held))))
        with tempfile.TemporaryDirectory() as folder:
            figures[str(size)] = _compared(Path(folder), vectors, asked)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


def _compared(folder: Path, vectors: VectorRows, asked: argparse.Namespace) -> Figures:
    random = np.random.default_rng(7)
    queries = perturbed(vectors[random.integers(len(vectors), size=asked.queries)], random)
    floor = _exact_tenth(vectors, queries)
    with _contenders(folder, vectors) as contenders:
        figures: Figures = {one.name: {} for one in contenders}
        os.sync()  # writing back what was just made would be timed beside the first questions
        _time(contenders, queries[: asked.rounds], figures)
        for one in contenders:
            some = slice(None) if one.in_memory else slice(None, asked.rounds)
            figures[one.name]["recall"] = _recall(one, vectors, queries[some], floor[some])
        _filter(contenders, queries[: asked.rounds], len(vectors), figures)
        for one in contenders:
            if one.in_memory:
                figures[one.name] |= rates(one.name, one.ask, queries, folder / "index.db")
    nothing = _child(folder / "index.db", "nothing")
    for name in ("disk", "resident", "bits"):
        grown = _child(folder / "index.db", name) - nothing
        figures[name]["bytes a vector"] = grown / len(vectors)
    _print(figures)
    print(_floors(len(vectors), vectors.shape[1]))
    return figures


@contextmanager
def _contenders(folder: Path, vectors: VectorRows) -> Iterator[list[Contender]]:
    """Yield everyone, with the same vectors under the ids from 1."""
    ids = np.arange(1, len(vectors) + 1)
    catalog, space = index_of(folder / "index.db", ids, vectors)
    disk = SqliteVectors(catalog, space)
    resident = ResidentVectors(catalog, SqliteVectors(catalog, space))
    bits = ResidentVectors(catalog, SqliteVectors(catalog, space), bits=True)
    for one in (resident, bits):
        one.load()
    build_plain(folder / "plain", Stock(folder, vectors))
    plain = PlainTable(folder / "plain")
    stores: dict[str, SqliteVectors | ResidentVectors] = {
        "disk": disk,
        "resident": resident,
        "bits": bits,
    }
    found = [
        Contender("plain vec0", answers_of(plain.nearest)),
        *(
            Contender(name, answers_of(one.nearest), in_memory=name != "disk")
            for name, one in stores.items()
        ),
        Contender("numpy exact", lambda *asked: _of_numpy(vectors, *asked)),
    ]
    with suppress(ImportError):
        found += _lance(folder / "lance", ids, vectors)
    yield found
    plain.close()
    resident.close()
    bits.close()
    catalog.close()


def index_of(path: Path, ids: DocumentIds, vectors: VectorRows) -> tuple[Catalog, VectorSpace]:
    """Make an index that holds nothing but vectors."""
    catalog = Catalog.open(path, create=True)
    width = vectors.shape[1]
    wanted = VectorSpace(0, "sqlite-vec", "", MODEL, MODEL, MODEL, width, "cosine", "flat", "")
    with catalog.write() as connection:
        space = ledger.create_space(connection, wanted)
    store = SqliteVectors(catalog, space)
    for start in range(0, len(ids), BATCH):
        write(catalog, store, ids[start : start + BATCH], vectors[start : start + BATCH])
    return catalog, space


def write(catalog: Catalog, store: SqliteVectors, ids: DocumentIds, vectors: VectorRows) -> None:
    """Insert or replace vectors, with all that an index keeps of them."""
    digests = [blake2b(row.tobytes(), digest_size=16).digest() for row in vectors]
    with catalog.write() as connection:
        ledger.put_embeddings(connection, MODEL, digests, vectors)
        ledger.record(connection, MODEL, list(zip(ids.tolist(), digests, strict=True)))
        store.upsert(VectorBatch(ids, vectors))


def _of_numpy(vectors: VectorRows, query: Vector, within: DocumentIds | None) -> list[int]:
    chosen = None if within is None else within - 1
    near = vectors @ query if chosen is None else vectors[chosen] @ query
    most = np.argpartition(near, -4 * NEAREST)[-4 * NEAREST :]
    slots = np.sort(most if chosen is None else chosen[most])
    return [one.id for one in best(slots + 1, distances(vectors[slots], query), NEAREST)]


def _lance(folder: Path, ids: DocumentIds, vectors: VectorRows) -> list[Contender]:
    """Return LanceDB without an index, and with its best one at two depths."""
    import lancedb  # noqa: PLC0415 -- an extra
    import pyarrow as pa  # noqa: PLC0415
    from lancedb.index import IvfRq  # noqa: PLC0415

    width = vectors.shape[1]
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width)
    table = lancedb.connect(folder).create_table("t", pa.table({"id": ids, "vector": column}))
    table.create_index("vector", config=IvfRq(distance_type="cosine", num_bits=1))

    def ask(prepare: Callable[[Any], Any]) -> Ask:
        def asked(query: Vector, _: DocumentIds | None) -> list[int]:
            search: Any = table.search(query, vector_column_name="vector")
            search = search.distance_type("cosine")
            found: list[int] = prepare(search).limit(NEAREST).to_arrow()["id"].to_pylist()
            return found

        return asked

    depths: Mapping[str, Callable[[Any], Any]] = {
        "lancedb flat": lambda one: one.bypass_vector_index(),
        "lancedb IVF_RQ": lambda one: one.nprobes(20),
        "lancedb IVF_RQ, refined": lambda one: one.nprobes(20).refine_factor(10),
    }
    return [Contender(name, ask(how), filters=False) for name, how in depths.items()]


def _time(contenders: Sequence[Contender], queries: VectorRows, figures: Figures) -> None:
    """Ask everyone in turn; milliseconds by the clock."""
    taken: dict[str, list[float]] = {one.name: [] for one in contenders}
    for one in contenders:
        one.ask(queries[0], None)
    for query in queries:
        for one in contenders:
            taken[one.name].append(_ms(one, query, None))
    for name, values in taken.items():
        figures[name] |= {"p50": np.percentile(values, 50), "p95": np.percentile(values, 95)}


def _ms(one: Contender, query: Vector, within: DocumentIds | None) -> float:
    start = time.perf_counter()
    one.ask(query, within)
    return 1_000 * (time.perf_counter() - start)


def _filter(contenders: Sequence[Contender], queries: VectorRows, count: int, to: Figures) -> None:
    """Time filtered queries against the same ones without, in turn, and what the filter's mask is.

    Codes in memory are filtered by a mask that the search makes of ids. Making it is timed beside
    and taken off: its milliseconds stand apart.
    """
    random = np.random.default_rng(11)
    every = np.arange(1, count + 1)
    for share in SHARES:
        within = np.sort(random.choice(count, int(count * share), replace=False)) + 1
        for one in contenders:
            rare = share not in SHARES[::2] and not one.in_memory
            if rare or not one.filters or len(within) < 4 * NEAREST:
                continue
            mask_ms = _mask_ms if one.in_memory else lambda *_: 0.0
            turns = [
                (_ms(one, query, None), _ms(one, query, within), mask_ms(every, within))
                for query in queries
            ]
            plain, narrowed, mask = np.median(turns, axis=0)
            to[one.name][f"{share:.0%} / all"] = (narrowed - mask) / plain
            if one.in_memory:
                to[one.name][f"mask of {share:.0%}"] = mask


def _mask_ms(every: DocumentIds, within: DocumentIds) -> float:
    start = time.perf_counter()
    among(every, within)
    return 1_000 * (time.perf_counter() - start)


def _recall(
    one: Contender, vectors: VectorRows, queries: VectorRows, floor: NDArray[np.float32]
) -> float:
    found = 0
    for query, least in zip(queries, floor, strict=True):
        slots = np.array(one.ask(query, None), dtype=np.int64) - 1
        found += int(np.count_nonzero(vectors[slots] @ query >= least - 1e-6))
    return found / (NEAREST * len(queries))


def _exact_tenth(vectors: VectorRows, queries: VectorRows) -> NDArray[np.float32]:
    """Return each query's cosine to the last of its true nearest."""
    found = np.empty(len(queries), np.float32)
    for start in range(0, len(queries), 50):
        near = queries[start : start + 50] @ vectors.T
        found[start : start + 50] = np.partition(near, -NEAREST, axis=1)[:, -NEAREST]
    return found


def vectors_of(database: Path) -> VectorRows:
    catalog = Catalog.open(database)
    with catalog.read() as connection:
        ids = ledger.live_ids(connection)
        parts = [
            ledger.vectors_of(connection, ids[at : at + BATCH]).vectors
            for at in range(0, len(ids), BATCH)
        ]
    catalog.close()
    return np.concatenate(parts)


def sized(held: VectorRows, size: int) -> VectorRows:
    """Return so many vectors: some of those held, or all of them and perturbed ones."""
    random = np.random.default_rng(3)
    if size <= len(held):
        return held[np.sort(random.choice(len(held), size, replace=False))]
    again = held[random.integers(len(held), size=size - len(held))]
    return np.concatenate([held, perturbed(again, random)])


def perturbed(vectors: VectorRows, random: np.random.Generator) -> VectorRows:
    made = vectors + NOISE * random.standard_normal(vectors.shape, dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float32)


def _child(database: Path, name: str) -> int:
    """Return by how many bytes a fresh process grows when it asks a store, or nobody."""
    command = [sys.executable, __file__, str(database), "--grown", name]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _grown(database: Path, name: str) -> int:
    """Return by how many bytes this process grew; what a load takes for a while is not counted."""
    catalog, kept, dimension = opened(database)
    query = np.random.default_rng(1).standard_normal(dimension).astype(np.float32)
    before = _resident_bytes()
    if name == "disk":
        kept.nearest(query, NEAREST)
    elif name != "nothing":
        store = ResidentVectors(catalog, kept, bits=name == "bits")
        store.load()
        store.nearest(query, NEAREST)
    return _resident_bytes() - before


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _bandwidth() -> float:
    """Return the gigabytes a second that this machine reads, on one core."""
    block = np.ones(32 << 20, np.uint64)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        np.bitwise_or.reduce(block)
        taken.append(time.perf_counter() - start)
    return block.nbytes / min(taken) / 1e9


def _floors(count: int, dimension: int) -> str:
    """Say how long it takes to read what each look compares."""
    speed = _bandwidth() * 1e6
    signs, codes = count * dimension / 8 / speed, count * dimension / speed
    return (
        f"floor: signs {signs:.2f} ms, all codes {codes:.2f} ms, float32 {4 * codes:.2f} ms; "
        f"600 codes {600 * dimension / speed:.3f} ms, 30 rows {120 * dimension / speed:.3f} ms"
    )


def _print(figures: Figures) -> None:
    columns = list(dict.fromkeys(name for one in figures.values() for name in one))
    print("| |", " | ".join(columns), "| vec0 / it | IVF_RQ, refined / it |")
    print("|---|" + "--:|" * (len(columns) + 2))
    plain = figures["plain vec0"]["p50"]
    rival = figures.get("lancedb IVF_RQ, refined", {}).get("p50", float("nan"))
    for name, one in figures.items():
        cells = [f"{one[column]:.4g}" if column in one else "" for column in columns]
        ratios = f"{plain / one['p50']:.1f} | {rival / one['p50']:.1f}"
        print(f"| {name} |", " | ".join(cells), f"| {ratios} |")


if __name__ == "__main__":
    main()
