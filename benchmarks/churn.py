"""What churn does to a table of vectors: sqlite-vec by itself, and this file, which looks after it.

    python benchmarks/churn.py DATABASE [--size 100000] [--batch 500] [--turns 2] [--json FILE]

Both hold the same vectors of an index. As many are replaced as there are, `turns` times, a batch of
them at random at a time; then nine of ten are deleted, in batches ten times as great; then the
table is rebuilt, which sqlite-vec by itself does not offer. After each it is said how much room the
chunks have for each vector held, and how long a search of the file takes when nobody writes; and of
the writes, how long a vector took and what a reader in another process waited meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from answering import NEAREST, line_of, opened
from hikma.arrays import DocumentIds, VectorRows
from hikma.benchmark.plain import FILE, PlainTable, build_plain
from hikma.benchmark.stores import Stock
from hikma.catalog import ledger, rows
from hikma.vectors import chunks
from hikma.vectors.sqlite import SqliteVectors
from scan import index_of, perturbed, sized, vectors_of, write

QUERIES = 30
QUIET_S = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """What one stage left: room a vector, ms of a search of ours and of sqlite-vec by itself.

    And what it took: microseconds a vector written, and ms that a reader of ours waited.
    """

    stage: str
    held: int
    room: float
    plain_room: float
    search: float
    plain_search: float
    write_us: float = float("nan")
    plain_write_us: float = float("nan")
    read_p50: float = float("nan")
    read_most: float = float("nan")


class Both:
    """A file of ours and a table of sqlite-vec, and the vectors that both hold."""

    def __init__(self, folder: Path, vectors: VectorRows) -> None:
        """Make both; ids are counted from 1."""
        self.path, self._plain_path = folder / "index.db", folder / "plain" / FILE
        ids = np.arange(1, len(vectors) + 1)
        self.catalog, space = index_of(self.path, ids, vectors)
        self.store = SqliteVectors(self.catalog, space)
        build_plain(folder / "plain", Stock(folder, vectors))
        self.plain = PlainTable(folder / "plain")
        self.queries = vectors[:: max(1, len(vectors) // QUERIES)][:QUERIES]

    def write(self, ids: DocumentIds, vectors: VectorRows) -> None:
        """Replace vectors of ours, with what the ledger knows of them."""
        write(self.catalog, self.store, ids, vectors)

    def remove(self, ids: list[int]) -> None:
        """Delete documents of ours, with what the ledger knows of them."""
        with self.catalog.write() as connection:
            ledger.tombstone(connection, ids)
            self.store.delete(ids)

    def row(self, stage: str, took: dict[str, float]) -> Row:
        """Look at both when nobody writes."""
        held = len(self.store)
        with self.catalog.read() as connection:
            room = self.store.room(connection) / held
        with closing(apsw.Connection(str(self._plain_path))) as plain:
            count = rows.value(plain, "SELECT count(*) FROM plain_chunks")
        ours, theirs = [], []
        for query in self.queries:  # in turn, for the machine is not always as fast
            ours.append(_each_ms(self.store.nearest, [(query, NEAREST)]))
            theirs.append(_each_ms(self.plain.nearest, [(query, NEAREST)]))
        searches = float(np.median(ours)), float(np.median(theirs))
        return Row(stage, held, room, count * chunks.CHUNK_ROWS / held, *searches, **took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("database", type=Path)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--reads", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.reads:
        _read(asked.database)
        return
    with tempfile.TemporaryDirectory() as folder:
        both = Both(Path(folder), sized(vectors_of(asked.database), asked.size))
        found = list(_stages(both, asked))
        both.plain.close()
        both.catalog.close()
    _print(found)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


def _stages(both: Both, asked: argparse.Namespace) -> Iterator[Row]:
    random = np.random.default_rng(5)
    with _reading(both.path) as told:
        time.sleep(QUIET_S)
    yield both.row("as made", told)
    for turn in range(asked.turns):
        took = _written(both, asked, random)
        yield both.row(f"replaced, {turn + 1} times as many as there are", took)
    gone = random.permutation(np.arange(1, asked.size + 1))[: asked.size * 9 // 10]
    yield both.row("nine of ten deleted", _deleted(both, gone, 10 * asked.batch))
    with _reading(both.path) as told:
        start = time.perf_counter()
        count = both.store.rebuild()
        told["write_us"] = 1e6 * (time.perf_counter() - start) / count
    yield both.row("rebuilt", told)


def _written(
    both: Both, asked: argparse.Namespace, random: np.random.Generator
) -> dict[str, float]:
    """Replace as many vectors as there are, the same in both."""
    given = []
    for _ in range(asked.size // asked.batch):
        ids = np.sort(random.choice(asked.size, asked.batch, replace=False)) + 1
        given.append((ids, _drawn(asked.batch, both.store.dimension, random)))
    with _reading(both.path) as told:
        ours = _each_ms(both.write, given)
    theirs = _each_ms(both.plain.write, ((ids.tolist(), made) for ids, made in given))
    return told | _a_vector(ours, theirs, asked.batch * len(given))


def _deleted(both: Both, gone: DocumentIds, batch: int) -> dict[str, float]:
    parts = [(gone[at : at + batch].tolist(),) for at in range(0, len(gone), batch)]
    with _reading(both.path) as told:
        ours = _each_ms(both.remove, parts)
    theirs = _each_ms(both.plain.remove, parts)
    return told | _a_vector(ours, theirs, len(gone))


def _a_vector(ours: float, theirs: float, count: int) -> dict[str, float]:
    return {"write_us": 1e3 * ours / count, "plain_write_us": 1e3 * theirs / count}


@contextmanager
def _reading(path: Path) -> Iterator[dict[str, float]]:
    """Let another process ask the file all the time; its figures are there in the end."""
    command = [sys.executable, __file__, str(path), "--reads"]
    told: dict[str, float] = {}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        line_of(child)
        yield told
        told |= json.loads(child.communicate("end\n")[0])


def _read(database: Path) -> None:
    """Be who reads, until a line comes."""
    catalog, store, dimension = opened(database)
    ending = threading.Thread(target=sys.stdin.readline, daemon=True)
    ending.start()
    query = _drawn(1, dimension, np.random.default_rng(1))[0]
    print("ready", flush=True)
    taken = []
    while ending.is_alive():
        taken.append(_each_ms(store.nearest, [(query, NEAREST)]))
    print(json.dumps({"read_p50": float(np.median(taken)), "read_most": max(taken)}))
    catalog.close()


def _drawn(count: int, dimension: int, random: np.random.Generator) -> VectorRows:
    """Return unit vectors of any direction."""
    return perturbed(np.zeros((count, dimension), np.float32), random)


def _each_ms(do: Callable[..., object], given: Iterable[tuple[Any, ...]]) -> float:
    start = time.perf_counter()
    for one in given:
        do(*one)
    return 1_000 * (time.perf_counter() - start)


def _print(found: list[Row]) -> None:
    rival = "sqlite-vec"
    columns = ["held", "room a vector", rival, "search, ms", rival, "times", "µs a vector", rival]
    print("| |", " | ".join([*columns, "a reader's p50, most, ms"]), "|")
    print("|---|" + "--:|" * (len(columns) + 1))
    for one in found:
        rooms = f"{one.room:.2f} | {one.plain_room:.2f}"
        searches = (
            f"{one.search:.2f} | {one.plain_search:.2f} | {one.plain_search / one.search:.1f}"
        )
        writes = f"{one.write_us:.0f} | {one.plain_write_us:.0f}".replace("nan", "")
        reads = f"{one.read_p50:.1f}, {one.read_most:.0f}"
        print(f"| {one.stage} | {one.held:,} | {rooms} | {searches} | {writes} | {reads} |")


if __name__ == "__main__":
    main()
