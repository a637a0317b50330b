"""What the sqlite store promises beyond the contract."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hikma.arrays import VectorBatch, VectorRows
from hikma.catalog import checks, ledger, rows
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import MissingVectorError
from hikma.vectors import chunks, sqlite
from hikma.vectors.sqlite import SqliteVectors

DIMENSION = 384
MODEL = "model"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path / "index.db", create=True)
    yield opened
    opened.close()


@pytest.fixture
def store(catalog: Catalog) -> SqliteVectors:
    wanted = VectorSpace(0, "sqlite-vec", "", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "")
    with catalog.write() as connection:
        return SqliteVectors(catalog, ledger.create_space(connection, wanted))


def clustered(count: int, seed: int = 0) -> VectorRows:
    random = np.random.default_rng(seed)
    made = random.standard_normal((40, DIMENSION))[random.integers(40, size=count)]
    made = made + random.standard_normal((count, DIMENSION)) * random.uniform(0.4, 1.2, (count, 1))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def put(catalog: Catalog, store: SqliteVectors, ids: list[int], vectors: VectorRows) -> None:
    with catalog.write() as connection:
        digests = [f"{one}".encode() for one in ids]
        ledger.put_embeddings(connection, MODEL, digests, vectors)
        ledger.record(connection, MODEL, list(zip(ids, digests, strict=True)))
        store.upsert(VectorBatch(np.array(ids), vectors))


def nearest_exactly(vectors: VectorRows, query, limit: int) -> set[int]:
    return set((np.argsort(-(vectors.astype(np.float64) @ query))[:limit] + 1).tolist())


def test_codes_with_exact_rescoring_find_999_of_1000_true_neighbours(catalog, store):
    made = clustered(6_040, seed=1)
    vectors, queries = made[:6_000], made[6_000:]
    put(catalog, store, list(range(1, 6_001)), vectors)
    for limit in (10, 150):
        found = sum(
            len(
                {one.id for one in store.nearest(query, limit)}
                & nearest_exactly(vectors, query, limit)
            )
            for query in queries
        )
        assert found / (limit * len(queries)) >= 0.999


def test_a_limit_above_what_sqlite_vec_allows_is_answered_exactly(catalog, store):
    vectors = clustered(5_000, seed=2)
    put(catalog, store, list(range(1, 5_001)), vectors)
    found = store.nearest(vectors[0], 4_500)
    assert len(found) == 4_500
    assert {one.id for one in found} == nearest_exactly(vectors, vectors[0], 4_500)
    within = np.arange(1, 4_801, dtype=np.int64)
    assert len(store.nearest(vectors[0], 4_500, within)) == 4_500


def test_a_vector_without_its_canonical_row_is_refused(catalog, store):
    vectors = clustered(3)
    put(catalog, store, [1, 2], vectors[:2])
    with pytest.raises(MissingVectorError):
        store.upsert(VectorBatch(np.array([1, 3]), vectors[[0, 2]]))
    with pytest.raises(MissingVectorError):
        store.upsert(VectorBatch(np.array([1]), vectors[[1]]))
    assert len(store) == 2


def test_a_failed_write_leaves_the_store_as_it_was(catalog, store):
    vectors = clustered(4)
    put(catalog, store, [1, 2], vectors[:2])

    def fail_after_writing() -> None:
        with catalog.write():
            put(catalog, store, [3, 4], vectors[2:])
            store.delete([1])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_writing()
    assert store.nearest(vectors[0], 9)[0].id == 1
    assert len(store) == 2


def test_a_nested_write_that_fails_and_is_caught_undoes_itself_only(catalog, store):
    vectors = clustered(4)
    with catalog.write():
        put(catalog, store, [1, 2], vectors[:2])
        with pytest.raises(MissingVectorError):
            store.upsert(VectorBatch(np.array([2, 9]), vectors[1:3]))
    assert len(store) == 2


def test_neighbours_are_those_of_the_live_ledger(catalog, store):
    """A document that was tombstoned is not returned even where its code is still held."""
    vectors = clustered(3)
    put(catalog, store, [1, 2, 3], vectors)
    with catalog.write() as connection:
        ledger.tombstone(connection, [1])
    assert 1 not in [one.id for one in store.nearest(vectors[0], 3)]
    with pytest.raises(MissingVectorError, match="rebuild"):
        list(store.scan(10))
    assert store.rebuild() == 2
    assert [int(one) for batch in store.scan(10) for one in batch.ids] == [2, 3]


def test_a_rebuild_restores_a_lost_table_from_the_canonical_rows(catalog, store):
    vectors = clustered(2_500)
    put(catalog, store, list(range(1, 2_501)), vectors)
    before = store.nearest(vectors[5], 20)
    with catalog.write() as connection:
        connection.execute("DROP TABLE vectors_1")
        assert any(one.name == "vectors" for one in checks.examine(connection))
    assert store.rebuild() == 2_500
    assert store.nearest(vectors[5], 20) == before


def test_a_reader_keeps_the_old_table_while_another_is_built(catalog, store):
    vectors = clustered(30)
    put(catalog, store, list(range(1, 31)), vectors)
    with catalog.read() as connection:
        rows.value(connection, "SELECT count(*) FROM vectors_1_rowids")
        reader = catalog.reader()
        thread = threading.Thread(target=store.rebuild)
        thread.start()
        thread.join()
        assert rows.value(reader, "SELECT count(*) FROM vectors_1_rowids") == 30
        assert len(store.nearest(vectors[0], 30)) == 30
    assert len(store.nearest(vectors[0], 30)) == 30


def test_churn_does_not_let_the_table_grow_without_bound(catalog, store, monkeypatch):
    """One survivor in each chunk would keep every chunk alive."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 32)
    put(catalog, store, list(range(960)), clustered(960))
    store.delete([one for one in range(960) if one % 32])
    with catalog.read() as connection:
        assert chunks.chunk_count(connection, "vectors_1") <= 8
    assert [int(one) for batch in store.scan(50) for one in batch.ids] == list(range(0, 960, 32))


def test_rows_are_moved_together_some_at_each_write(catalog, store, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 32)
    monkeypatch.setattr(sqlite, "_REFILL_ROWS", 40)
    vectors = clustered(960)
    put(catalog, store, list(range(960)), vectors)
    counts = []
    for turn in range(1, 30):
        store.delete(list(range(turn, 960, 32)))
        with catalog.read() as connection:
            counts.append(chunks.chunk_count(connection, "vectors_1"))
            assert store.altered() == []
    assert counts[-1] <= 2 * (90 // 32 + 1) + 4
    left = [one for one in range(960) if one % 32 in (0, 30, 31)]
    assert [int(one) for batch in store.scan(500) for one in batch.ids] == left


def test_rows_are_moved_together_however_many_are_deleted_at_a_time(catalog, store, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 32)
    monkeypatch.setattr(sqlite, "_REFILL_ROWS", 10)
    put(catalog, store, list(range(3_200)), clustered(3_200))
    order = np.random.default_rng(1).permutation(3_200).tolist()
    for end in range(160, 3_200, 160):
        store.delete(order[end - 160 : end])
        with catalog.read() as connection:
            needed = -(-(3_200 - end) // 32)
            assert chunks.chunk_count(connection, "vectors_1") <= 3 * needed + sqlite._SPARSE_CHUNKS
    assert len(store) == 160
    assert store.altered() == []


def test_a_rebuild_is_many_short_transactions_on_a_sound_table(catalog, store, monkeypatch):
    """Who waits to write gets in between, and what he writes is not undone."""
    monkeypatch.setattr(sqlite, "_REFILL_ROWS", 10)
    vectors = clustered(100)
    put(catalog, store, list(range(1, 101)), vectors)
    with catalog.write() as connection:
        ledger.tombstone(connection, [4, 100])
        connection.execute("DELETE FROM vectors_1 WHERE rowid = 50")
    plain, seen = store._insert, []

    def between(connection, ids, codes):
        plain(connection, ids, codes)
        seen.append(len(ids))

    monkeypatch.setattr(store, "_insert", between)
    assert store.rebuild() == 98
    assert max(seen) == 10
    assert store.altered() == []
    held = [int(one) for batch in store.scan(500) for one in batch.ids]
    assert held == [one for one in range(1, 100) if one != 4]


def test_a_rebuild_of_whole_pages_and_of_nothing(catalog, store, monkeypatch):
    monkeypatch.setattr(sqlite, "_REFILL_ROWS", 10)
    assert store.rebuild() == 0
    assert store.rebuild() == 0
    put(catalog, store, list(range(1, 21)), clustered(20))
    assert store.rebuild() == 20
    with catalog.write() as connection:
        ledger.tombstone(connection, list(range(1, 21)))
    assert store.rebuild() == 0
    assert len(store) == 0


def test_a_document_costs_at_most_2500_bytes_of_vectors(catalog, store):
    put(catalog, store, list(range(1, 4_097)), clustered(4_096))
    with catalog.read() as connection:
        size = rows.value(
            connection,
            "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'vectors_1%' OR name IN "
            "('embedding', 'ledger', 'sqlite_autoindex_embedding_1', 'sqlite_autoindex_ledger_1')",
        )
    assert size / 4_096 <= 2_500
