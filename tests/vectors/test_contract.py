"""One contract that every vector store keeps, over every backend."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hikma.arrays import VectorBatch, VectorRows
from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import InvalidVectorError
from hikma.protocols import VectorStore
from hikma.vectors.lance import LanceVectors
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors
from reference import ReferenceVectors

BACKENDS = ("reference", "sqlite", "resident", "lancedb")
SHARED = ("sqlite", "resident", "lancedb")
"""Those that several threads and processes use at once."""
DIMENSION = 48
MODEL = "model"


@dataclass
class Bench:
    """A store with the canonical rows that its contract asks of the caller."""

    store: VectorStore
    reopen: Callable[[], VectorStore]
    catalog: Catalog | None = None
    buries: bool = False

    def put(self, ids: list[int], vectors: VectorRows) -> None:
        """Write the canonical rows, then the store, as indexing does."""
        batch = VectorBatch(np.array(ids, dtype=np.int64), vectors)
        if self.catalog is None:
            self.store.upsert(batch)
            return
        with self.catalog.write() as connection:
            digests = [f"{one}".encode() for one in ids]
            ledger.put_embeddings(connection, MODEL, digests, vectors)
            ledger.record(connection, MODEL, list(zip(ids, digests, strict=True)))
            self.store.upsert(batch)

    def drop(self, ids: list[int]) -> None:
        """Delete from the store, and before from the ledger where that alone decides who lives."""
        if self.catalog is not None and self.buries:
            with self.catalog.write() as connection:
                ledger.tombstone(connection, ids)
        self.store.delete(ids)

    def held(self, batch_size: int = 7) -> dict[int, bytes]:
        """Return everything that a scan yields."""
        return {
            int(one): vector.tobytes()
            for batch in self.store.scan(batch_size)
            for one, vector in zip(batch.ids, batch.vectors, strict=True)
        }


def on_disk(catalog: Catalog, space: VectorSpace) -> VectorStore:
    return SqliteVectors(catalog, space)


def in_memory(catalog: Catalog, space: VectorSpace) -> VectorStore:
    return ResidentVectors(catalog, SqliteVectors(catalog, space))


def open_in_file(
    path: Path, dimension: int, store: Callable[[Catalog, VectorSpace], VectorStore]
) -> Bench:
    catalog = Catalog.open(path, create=True)
    wanted = VectorSpace(
        0, "sqlite-vec", "", MODEL, MODEL, MODEL, dimension, "cosine", "flat", "answering"
    )
    with catalog.write() as connection:
        space = ledger.create_space(connection, wanted)
    bench = Bench(store(catalog, space), lambda: bench.store, catalog, store is LanceVectors)

    def reopen() -> VectorStore:
        assert bench.catalog is not None
        bench.catalog.close()
        bench.catalog = Catalog.open(path)
        with bench.catalog.read() as connection:
            found = ledger.space(connection)
        assert found is not None
        bench.store = store(bench.catalog, found)
        return bench.store

    bench.reopen = reopen
    return bench


def open_bench(backend: str, folder: Path, dimension: int = DIMENSION) -> Bench:
    if backend == "reference":
        store = ReferenceVectors(dimension)
        return Bench(store, lambda: store)
    chosen = {"sqlite": on_disk, "resident": in_memory, "lancedb": LanceVectors}[backend]
    return open_in_file(folder / "index.db", dimension, chosen)


@pytest.fixture(params=BACKENDS)
def bench(request, tmp_path: Path) -> Iterator[Bench]:
    made = open_bench(request.param, tmp_path)
    yield made
    made.store.close()
    if made.catalog is not None:
        made.catalog.close()


def unit(count: int, seed: int = 0, dimension: int = DIMENSION) -> VectorRows:
    rows = np.random.default_rng(seed).standard_normal((count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def exact(ids: list[int], vectors: VectorRows, query, limit: int) -> list[int]:
    apart = 1.0 - (vectors.astype(np.float64) * query).sum(axis=1)
    return [ids[one] for one in np.lexsort((ids, apart))[:limit]]


def ids_of(found) -> list[int]:
    return [one.id for one in found]


def test_an_empty_store_answers_with_nothing(bench: Bench):
    assert len(bench.store) == 0
    assert bench.store.nearest(unit(1)[0], 5) == []
    assert list(bench.store.scan(10)) == []
    bench.drop([1, 2])
    assert bench.store.dimension == DIMENSION


def test_what_is_inserted_comes_back_bit_for_bit_in_order_of_id(bench: Bench):
    vectors = unit(50)
    ids = [int(one) for one in np.random.default_rng(1).permutation(np.arange(1, 500))[:50]]
    bench.put(ids, vectors)
    assert len(bench.store) == 50
    assert bench.held() == {one: v.tobytes() for one, v in zip(ids, vectors, strict=True)}
    scanned = [int(one) for batch in bench.store.scan(7) for one in batch.ids]
    assert scanned == sorted(ids)


@pytest.mark.parametrize("batch_size", [1, 10, 49, 50, 1_000])
def test_a_scan_yields_batches_of_the_size_asked(bench: Bench, batch_size: int):
    bench.put(list(range(1, 51)), unit(50))
    sizes = [len(batch.ids) for batch in bench.store.scan(batch_size)]
    assert sum(sizes) == 50
    assert set(sizes[:-1]) <= {batch_size}
    assert sizes[-1] <= batch_size
    assert all(batch.vectors.dtype == np.float32 for batch in bench.store.scan(batch_size))


def test_replacing_leaves_one_row_with_the_later_vector(bench: Bench):
    bench.put([1, 2, 3], unit(3))
    later = unit(1, seed=9)
    bench.put([2], later)
    assert len(bench.store) == 3
    assert bench.held()[2] == later[0].tobytes()
    nearest = bench.store.nearest(later[0], 1)[0]
    assert nearest.id == 2
    assert nearest.distance == pytest.approx(0, abs=1e-6)


def test_inserting_twice_is_inserting_once(bench: Bench):
    vectors = unit(20)
    bench.put(list(range(20)), vectors)
    before = bench.held()
    bench.put(list(range(20)), vectors)
    assert bench.held() == before
    assert len(bench.store) == 20


def test_a_deleted_id_never_returns(bench: Bench):
    vectors = unit(10)
    bench.put(list(range(1, 11)), vectors)
    bench.drop([3, 4])
    assert 3 not in ids_of(bench.store.nearest(vectors[2], 10))
    assert len(bench.store) == 8
    assert bench.held().keys() == {1, 2, 5, 6, 7, 8, 9, 10}


def test_deleting_what_is_absent_is_no_error(bench: Bench):
    bench.put([1], unit(1))
    bench.drop([7, 8])
    bench.drop([])
    bench.drop([7])
    assert len(bench.store) == 1


def test_a_deleted_id_can_be_added_again(bench: Bench):
    bench.put([1, 2], unit(2))
    bench.drop([1])
    again = unit(1, seed=5)
    bench.put([1], again)
    assert bench.held()[1] == again[0].tobytes()
    assert ids_of(bench.store.nearest(again[0], 1)) == [1]


@pytest.mark.parametrize("limit", [1, 10, 100])
def test_the_nearest_are_the_exact_nearest(bench: Bench, limit: int):
    vectors = unit(1_500, seed=2)
    ids = list(range(10, 1_510))
    bench.put(ids, vectors)
    for query in unit(10, seed=3):
        found = bench.store.nearest(query, limit)
        assert ids_of(found) == exact(ids, vectors, query, limit)
        cosines = vectors[[one.id - 10 for one in found]].astype(np.float64) @ query
        assert [one.distance for one in found] == pytest.approx(1 - cosines, abs=1e-9)


def test_equal_vectors_are_ordered_by_id(bench: Bench):
    one = unit(1)
    ids = [9, 3, 7, 1, 100, 4]
    bench.put(ids, np.repeat(one, 6, axis=0))
    assert ids_of(bench.store.nearest(one[0], 4)) == [1, 3, 4, 7]
    assert len({found.distance for found in bench.store.nearest(one[0], 6)}) == 1


def test_limits_of_zero_and_beyond_the_count(bench: Bench):
    bench.put(list(range(5)), unit(5))
    assert bench.store.nearest(unit(1)[0], 0) == []
    assert sorted(ids_of(bench.store.nearest(unit(1)[0], 10_000))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_within_gives_the_exact_nearest_of_the_ids_asked(bench: Bench, share: float):
    vectors = unit(3_000, seed=4)
    ids = list(range(1, 3_001))
    bench.put(ids, vectors)
    chosen = np.sort(np.random.default_rng(5).permutation(ids)[: int(3_000 * share)])
    for query in unit(5, seed=6):
        found = bench.store.nearest(query, 10, chosen.astype(np.int64))
        assert ids_of(found) == exact(chosen.tolist(), vectors[chosen - 1], query, 10)


def test_within_ignores_unknown_ids(bench: Bench):
    vectors = unit(5)
    bench.put([1, 2, 3, 4, 5], vectors)
    within = np.array([2, 77, 78_000], dtype=np.int64)
    assert ids_of(bench.store.nearest(vectors[0], 5, within)) == [2]
    assert bench.store.nearest(vectors[0], 5, np.array([99], dtype=np.int64)) == []
    bench.drop([2])
    assert bench.store.nearest(vectors[0], 5, within) == []


def test_a_wrong_dimension_is_refused_and_nothing_is_written(bench: Bench):
    bench.put([1], unit(1))
    with pytest.raises(InvalidVectorError):
        bench.store.upsert(VectorBatch(np.array([2]), unit(1, dimension=DIMENSION + 1)))
    with pytest.raises(InvalidVectorError):
        bench.store.nearest(unit(1, dimension=DIMENSION - 1)[0], 3)
    assert bench.held().keys() == {1}


def test_what_was_written_survives_reopening(bench: Bench):
    vectors = unit(30)
    bench.put(list(range(30)), vectors)
    bench.drop([4])
    before = bench.held()
    answer = bench.store.nearest(vectors[7], 5)
    bench.reopen()
    assert bench.held() == before
    assert bench.store.nearest(vectors[7], 5) == answer


@pytest.mark.parametrize("bench", SHARED, indirect=True)
def test_readers_beside_a_writer_always_see_whole_batches(bench: Bench):
    """Each id of a batch carries the batch's one vector: a mixture would be a torn read."""
    rows = unit(12, seed=8)
    bench.put(list(range(100)), np.repeat(rows[:1], 100, axis=0))
    failures: list[str] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                found = bench.store.nearest(rows[0], 100)
                if len(found) != 100 or len({one.distance for one in found}) != 1:
                    failures.append(f"torn: {len(found)}")
        except Exception as error:  # noqa: BLE001 -- whatever a thread raises must fail the test
            failures.append(repr(error))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for row in rows[1:]:
        bench.put(list(range(100)), np.repeat(row[None], 100, axis=0))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


IDS = st.integers(0, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(IDS, min_size=1, max_size=4, unique=True)),
        st.tuples(st.just("delete"), st.lists(IDS, max_size=4)),
        st.tuples(st.just("reopen"), st.just([])),
    ),
    max_size=10,
)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_any_sequence_of_writes_equals_a_dictionary(backend, tmp_path_factory, steps):
    bench = open_bench(backend, tmp_path_factory.mktemp("contract"), dimension=8)
    wanted: dict[int, np.ndarray] = {}
    for number, (verb, ids) in enumerate(steps):
        if verb == "put":
            vectors = unit(len(ids), seed=number, dimension=8)
            bench.put(ids, vectors)
            wanted |= dict(zip(ids, vectors, strict=True))
        elif verb == "delete":
            bench.drop(ids)
            wanted = {one: row for one, row in wanted.items() if one not in ids}
        else:
            bench.reopen()
    assert bench.held(3) == {one: row.tobytes() for one, row in wanted.items()}
    assert len(bench.store) == len(wanted)
    query = unit(1, seed=99, dimension=8)[0]
    if wanted:
        kept = sorted(wanted)
        rows = np.stack([wanted[one] for one in kept])
        assert ids_of(bench.store.nearest(query, 5)) == exact(kept, rows, query, 5)
    if bench.catalog is not None:
        bench.catalog.close()
