"""One size: every backend is built, opened beside the others and measured, then closed."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from hikma.arrays import DocumentIds, VectorRows
from hikma.benchmark import children, concurrency, writing
from hikma.benchmark.children import Room
from hikma.benchmark.figures import Footprint, Operation
from hikma.benchmark.material import Drawn
from hikma.benchmark.rounds import Timed, interleaved, truth
from hikma.benchmark.stores import INDEX, ROWS, Searched, Stock, make_stock
from hikma.benchmark.tally import Tally
from hikma.telemetry import Track

PERCENTS = (1, 10, 50)
_WARM_ROUNDS = 10
_COLD_ROUNDS = 3
_STEPS = 6
_WRITING = {Operation.INSERT, Operation.UPDATE, Operation.DELETE}

Stores = Mapping[str, Searched]


def measure(tally: Tally, drawn: Drawn, size: int, folder: Path, track: Track) -> None:
    """Measure all that is asked for at a size; its files are in a folder of its own."""
    stage = partial(track, f"{size:,} vectors")
    tally.runs.clear()
    stage(0, _STEPS)
    stock = make_stock(folder, drawn.vectors[:size])
    np.save(folder / "queries.npy", drawn.queries)
    for name in list(tally.alive):
        _build(tally, name, stock)
    wanted = set(tally.plan.operations)
    with opened(tally, folder) as stores:
        stage(1, _STEPS)
        _search(tally, stores, stock, drawn.queries)
        stage(2, _STEPS)
        if Operation.FILTERED in wanted:
            _filtered(tally, stores, stock, drawn.queries)
        stage(3, _STEPS)
        if Operation.CONCURRENT in wanted:
            concurrency.threads(tally, size, stores, drawn.queries)
    stage(4, _STEPS)
    _afresh(tally, size, folder, wanted)
    stage(5, _STEPS)
    if wanted & _WRITING:
        with opened(tally, folder) as stores:
            writing.measure(tally, size, stores, drawn.spare)
    stage(_STEPS, _STEPS)


@contextmanager
def opened(tally: Tally, folder: Path) -> Iterator[dict[str, Searched]]:
    """Yield the backends that can be opened, and close them."""
    stores: dict[str, Searched] = {}
    try:
        for name in list(tally.alive):
            try:
                stores[name] = tally.backends[name].open(folder / name)
            except Exception as error:  # noqa: BLE001 -- whatever a backend raises is its failure
                tally.fail(name, "opening", error)
        yield stores
    finally:
        for store in stores.values():
            store.close()


def _build(tally: Tally, name: str, stock: Stock) -> None:
    backend, size = tally.backends[name], len(stock.vectors)
    start = time.perf_counter()
    try:
        backend.build(stock.folder / name, stock)
    except Exception as error:  # noqa: BLE001 -- likewise
        tally.fail(name, f"building {size:,}", error)
        return
    took = time.perf_counter() - start
    folder = stock.folder / name
    rows = (stock.folder / ROWS).stat().st_size if (folder / INDEX).exists() else 0
    held = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    read = backend.reads(*stock.vectors.shape)
    floor = None if read is None else round(read / tally.machine.read_gb_s / 1e6, 6)
    if backend.index_folder and not any(folder.rglob(backend.index_folder)):
        tally.unindexed.setdefault(name, []).append(size)
    tally.footprints.append(Footprint(name, size, round(took, 4), max(held - rows, 0), read, floor))


def _search(tally: Tally, stores: Stores, stock: Stock, queries: VectorRows) -> None:
    """Measure searches; these warm up all that comes after, so they are made in any case."""
    timed = _asked(tally, stores, queries, None)
    right = truth(stock.vectors, queries, tally.plan.limit)
    tally.add(len(stock.vectors), "search", timed, right)


def _filtered(tally: Tally, stores: Stores, stock: Stock, queries: VectorRows) -> None:
    """Measure searches among a random share of the documents, whose ids are given."""
    size, limit = len(stock.vectors), tally.plan.limit
    able = {name: one for name, one in stores.items() if tally.backends[name].filters}
    for percent in PERCENTS:
        random = np.random.default_rng([tally.plan.seed, percent])
        count = max(1, size * percent // 100)
        within: DocumentIds = np.sort(random.permutation(stock.ids)[:count])
        timed = _asked(tally, able, queries, within)
        right = truth(stock.vectors, queries, limit, within)
        tally.add(size, f"filtered-{percent}", timed, right)


def _asked(
    tally: Tally, stores: Stores, queries: VectorRows, within: DocumentIds | None
) -> dict[str, Timed]:
    """Ask all backends in turn after warming up; a failure while warming up is one."""

    def ask(store: Searched, number: int) -> object:
        return store.nearest(queries[number % len(queries)], tally.plan.limit, within)

    plan = tally.plan
    actions: dict[str, Callable[[int], object]] = {
        name: partial(ask, store) for name, store in stores.items() if name in tally.alive
    }
    warm = interleaved(actions, _WARM_ROUNDS, plan.timeout_s, plan.seed)
    failed = {name: one for name, one in warm.items() if one.error is not None}
    able = {name: action for name, action in actions.items() if name not in failed}
    return {**failed, **interleaved(able, len(queries), plan.timeout_s, plan.seed)}


def _afresh(tally: Tally, size: int, folder: Path, wanted: set[Operation]) -> None:
    """Measure what only fresh processes can tell: memory, opening, several processes at once."""
    plan = tally.plan
    rooms = {
        name: Room(name, folder / name, folder / "queries.npy", plan.limit, plan.timeout_s)
        for name in tally.alive
    }
    if Operation.MEMORY in wanted:
        _memory(tally, size, rooms)
    if Operation.COLD in wanted:
        tries = {name: partial(_cold, rooms[name]) for name in tally.alive}
        timed = interleaved(tries, _COLD_ROUNDS, 2 * plan.timeout_s, plan.seed)
        for one in timed.values():
            one.ms, one.cpu_ms = list(one.answers), []
        tally.add(size, "cold", timed)
    if Operation.CONCURRENT in wanted:
        concurrency.processes(tally, size, rooms)


def _cold(room: Room, _: int) -> float:
    return float(children.ask(room, "cold")["ms"])


def _grown(room: Room, _: int) -> dict[str, int]:
    return children.ask(room, "memory")


def _memory(tally: Tally, size: int, rooms: Mapping[str, Room]) -> None:
    grown = interleaved(
        {name: partial(_grown, room) for name, room in rooms.items()},
        1,
        tally.plan.timeout_s,
    )
    for name, one in grown.items():
        if one.error is not None:
            tally.fail(name, f"memory at {size:,}", one.error)
    tally.footprints = [
        foot
        if foot.size != size or not grown.get(foot.backend, Timed()).answers
        else foot.with_memory(**grown[foot.backend].answers[0])
        for foot in tally.footprints
    ]
