"""How many searches a second do threads of one process answer, and two processes beside each other?

    python benchmarks/answering.py DATABASE resident|bits

is one of two processes: it answers for a while each time that it is told to, and says how often.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorRows
from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors

NEAREST = 10
TURNS = 5
"""Of each count of threads, to take the median of."""
_ROWS = 5_000
Ask = Callable[[Vector, DocumentIds | None], Sequence[int]]


def answers_of(nearest: Callable[[Vector, int, DocumentIds | None], list[Neighbor]]) -> Ask:
    return lambda query, within: [one.id for one in nearest(query, NEAREST, within)]


def opened(database: Path) -> tuple[Catalog, SqliteVectors, int]:
    """Open an index: its catalog, its vectors from disk, and how long each is."""
    catalog = Catalog.open(database)
    with catalog.read() as connection:
        space = ledger.space(connection)
    if space is None:
        sys.exit(f"{database} has no vectors")
    return catalog, SqliteVectors(catalog, space), space.dimension


def rates(name: str, ask: Ask, queries: VectorRows, database: Path) -> dict[str, float]:
    """Return answers a second of so many threads, and of two processes, in turn."""
    taken: dict[str, list[float]] = {}
    command = [sys.executable, __file__, str(database), name]
    pipe = subprocess.PIPE
    with ExitStack() as kept:
        pair = [
            kept.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
            for _ in range(2)
        ]
        for child in pair:
            line_of(child)
        for _ in range(TURNS):
            for threads in (1, 2, 4):
                taken.setdefault(f"/s by {threads}", []).append(rate(ask, queries, threads))
            for child in pair:
                _tell(child, "go")
            both = sum(float(line_of(child)) for child in pair)
            taken.setdefault("/s by 2 processes", []).append(both)
        for child in pair:
            _tell(child, "end")
    return {name: float(np.median(rates)) for name, rates in taken.items()}


def _tell(child: "subprocess.Popen[str]", word: str) -> None:
    if child.stdin is not None:
        child.stdin.write(f"{word}\n")
        child.stdin.flush()


def line_of(child: "subprocess.Popen[str]") -> str:
    return child.stdout.readline() if child.stdout is not None else ""


def _answer(database: Path, name: str) -> None:
    """Be one of two processes: each time that it is told to, say how many answers a second."""
    catalog, kept, _ = opened(database)
    store = ResidentVectors(catalog, kept, bits=name == "bits")
    store.load()
    queries = np.concatenate([one.vectors for one in islice(kept.scan(_ROWS), 1)])
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        print(rate(answers_of(store.nearest), queries, 1), flush=True)
    store.close()


def rate(ask: Ask, queries: VectorRows, threads: int, seconds: float = 0.8) -> float:
    """Return answers a second of so many threads."""
    counts = [0] * threads
    begin = threading.Barrier(threads)

    def answer(number: int) -> None:
        ask(queries[number], None)
        begin.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            ask(queries[counts[number] % len(queries)], None)
            counts[number] += 1

    running = [threading.Thread(target=answer, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) / seconds


if __name__ == "__main__":
    _answer(Path(sys.argv[1]), sys.argv[2])
