"""Writes, durable when they return: one vector, a batch, a replacement, a deletion."""

from collections.abc import Callable, Mapping
from functools import partial

from hikma.arrays import VectorRows
from hikma.benchmark.figures import Operation
from hikma.benchmark.material import BATCH, BATCHES, SINGLES
from hikma.benchmark.rounds import interleaved
from hikma.benchmark.stores import Searched, Written
from hikma.benchmark.tally import Tally
from hikma.errors import StoreError

_Act = Callable[[Written, int], None]


def measure(tally: Tally, size: int, stores: Mapping[str, Searched], spare: VectorRows) -> None:
    """Measure the writes asked for of the backends that keep what is written."""
    able = {name: one for name, one in stores.items() if isinstance(one, Written)}
    wanted, few = set(tally.plan.operations), min(SINGLES, max(1, size // 2))

    def timed(operation: str, act: _Act, rounds: int, each: int = 1) -> None:
        acts = {name: partial(act, one) for name, one in able.items() if name in tally.alive}
        found = interleaved(acts, rounds, tally.plan.timeout_s, tally.plan.seed)
        tally.add(size, operation, found, each=each)

    if Operation.INSERT in wanted:
        timed("insert", lambda store, at: store.write([size + 1 + at], spare[at : at + 1]), SINGLES)
        timed("insert-batch", lambda store, at: _batch(store, size, spare, at), BATCHES, BATCH)
        _refuse_unseen(tally, size, able, spare)
    if Operation.UPDATE in wanted:
        last = len(spare) - 1
        timed("update", lambda store, at: store.write([1 + at], spare[[last - at]]), few)
    if Operation.DELETE in wanted:
        timed("delete", lambda store, at: store.remove([size - at]), few)


def _batch(store: Written, size: int, spare: VectorRows, number: int) -> None:
    first = SINGLES + number * BATCH
    ids = range(size + 1 + first, size + 1 + first + BATCH)
    store.write(list(ids), spare[first : first + BATCH])


def _refuse_unseen(
    tally: Tally, size: int, stores: Mapping[str, Written], spare: VectorRows
) -> None:
    """Fail a backend that does not find what was just written."""
    for name, store in stores.items():
        if name not in tally.alive:
            continue
        found = [one.id for one in store.nearest(spare[0], 3)]
        if size + 1 not in found:
            tally.fail(name, "insert", StoreError(f"what was written is not found at {size:,}"))
