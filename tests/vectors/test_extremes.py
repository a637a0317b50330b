"""Spaces as nobody would make them: what a query of one finds is defined all the same."""

import threading

import numpy as np
import pytest
from test_resident_stepping import ids_of, opened
from test_sqlite import DIMENSION, MODEL, clustered

from hikma.arrays import VectorBatch
from hikma.catalog import ledger
from hikma.errors import CorruptFileError
from hikma.vectors import chunks, codes
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors


@pytest.fixture
def kept(tmp_path):
    catalog, store = opened(tmp_path)
    yield store
    catalog.close()


@pytest.fixture(params=["disk", "resident", "bits"])
def store(request, kept):
    if request.param == "disk":
        return kept
    return ResidentVectors(kept._catalog, kept, bits=request.param == "bits")


def put(store, ids, vectors):
    kept = store if isinstance(store, SqliteVectors) else store._kept
    with kept._catalog.write() as connection:
        digests = [f"{one}".encode() for one in ids]
        ledger.put_embeddings(connection, MODEL, digests, vectors)
        ledger.record(connection, MODEL, list(zip(ids, digests, strict=True)))
        store.upsert(VectorBatch(np.array(ids), vectors))


def test_equal_vectors_are_all_equally_near(store):
    one = clustered(1)
    put(store, list(range(1, 4_001)), np.repeat(one, 4_000, axis=0))
    assert ids_of(store.nearest(one[0], 10)) == list(range(1, 11))
    assert ids_of(store.nearest(-one[0], 5_000)) == list(range(1, 4_001))
    within = np.arange(3_001, 9_000)
    assert ids_of(store.nearest(one[0], 10, within)) == list(range(3_001, 3_011))


def test_a_vector_along_an_axis_is_found_among_many(store):
    """Its code is the greatest that there is; by its signs it is like half of the axes."""
    axes = np.concatenate([np.eye(DIMENSION), -np.eye(DIMENSION)]).astype(np.float32)
    put(store, list(range(1, 769)), axes)
    put(store, list(range(1_001, 4_001)), clustered(3_000))
    for axis in (0, 63, 383, 384, 767):
        assert ids_of(store.nearest(axes[axis], 1)) == [axis + 1]


@pytest.mark.parametrize("bits", [False, True])
def test_a_clipped_code_does_not_hide_its_vector(tmp_path, bits):
    """In a long vector a value near 1 is beyond the greatest code."""
    catalog, kept = opened(tmp_path, dimension=1_536)
    random = np.random.default_rng(1)
    vectors = random.standard_normal((2_000, 1_536))
    vectors[:50, 7] = 60.0
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    store = ResidentVectors(catalog, kept, bits=bits)
    put(store, list(range(1, 2_001)), vectors)
    for number in (0, 20, 49):
        for one in (kept, store):
            found = ids_of(one.nearest(vectors[number], 50))
            assert found[0] == number + 1
            assert sorted(found) == list(range(1, 51))
    assert ids_of(store.nearest(vectors[1_999], 1)) == [2_000]
    catalog.close()


def test_a_limit_beyond_everything_gives_everything(store):
    vectors = clustered(6_000)
    put(store, list(range(1, 6_001)), vectors)
    found = store.nearest(vectors[0], 1_000_000)
    assert sorted(ids_of(found)) == list(range(1, 6_001))
    assert ids_of(store.nearest(vectors[0], 4_097)) == ids_of(found)[:4_097]


def test_a_filter_that_leaves_nothing_finds_nothing(store):
    put(store, list(range(1, 3_001)), clustered(3_000))
    for within in (np.empty(0, np.int64), np.arange(5_000, 9_000), np.array([2**62])):
        assert store.nearest(clustered(1)[0], 10, within) == []


def test_ids_far_apart_are_filtered_like_others(store):
    vectors = clustered(3_000)
    ids = (np.arange(3_000) * 10**12 + 5).tolist()
    put(store, ids, vectors)
    within = np.array([*ids[1::2], 7])
    within.sort()
    assert ids_of(store.nearest(vectors[3], 1, within)) == [ids[3]]
    assert ids[2] not in ids_of(store.nearest(vectors[2], 40, within))


def test_a_table_emptied_under_a_reader_is_full_for_it_alone(store, kept):
    vectors = clustered(50)
    put(store, list(range(1, 51)), vectors)
    with kept._catalog.read():
        before = store.nearest(vectors[0], 50)
        other = threading.Thread(target=kept.delete, args=(list(range(1, 51)),))
        other.start()
        other.join()
        assert store.nearest(vectors[0], 50) == before
    assert store.nearest(vectors[0], 50) == []


def test_a_table_of_another_sqlite_vec_is_refused_until_it_is_rebuilt(store, kept):
    vectors = clustered(50)
    put(store, list(range(1, 51)), vectors)
    with kept._catalog.write() as connection:
        connection.config(1010, 0)  # SQLITE_DBCONFIG_DEFENSIVE: write to an inner table
        connection.execute("UPDATE vectors_1_info SET value = 2 WHERE key LIKE '%MINOR'")
    with pytest.raises(CorruptFileError, match="rebuild"):
        store.nearest(vectors[0], 5)
    assert kept.rebuild() == 50
    assert ids_of(store.nearest(vectors[0], 1)) == [1]


def test_codes_that_were_deleted_are_let_go(kept):
    """However many: what memory holds is in proportion to what lives."""
    store = ResidentVectors(kept._catalog, kept)
    put(store, list(range(1, 4_001)), clustered(4_000))
    store.nearest(clustered(1)[0], 1)
    for start in range(1, 3_901, 300):
        kept.delete(list(range(start, start + 300)))
        assert min(ids_of(store.nearest(clustered(1)[0], 20))) >= start + 300
    assert len(store) == 100
    assert store.nbytes <= 500 * 300


def test_a_million_deletions_leave_what_lives_and_room_for_little_more(tmp_path):
    many, batch = 1_000_064, 50_000
    vectors = np.random.default_rng(1).standard_normal((many, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalog, kept = opened(tmp_path, dimension=8)
    store = ResidentVectors(catalog, kept)
    for start in range(0, many, batch):
        ids = range(start + 1, min(start + batch, many) + 1)
        put(kept, list(ids), vectors[start : start + batch])
    order = np.random.default_rng(2).permutation(many) + 1
    for end in range(batch, 1_000_001, batch):
        kept.delete(order[end - batch : end].tolist())
        assert order[end - 1] not in ids_of(kept.nearest(vectors[order[end - 1] - 1], 3))
        with catalog.read() as connection:
            assert kept.room(connection) <= 3 * (many - end) + 8 * chunks.CHUNK_ROWS
    left = sorted(order[1_000_000:].tolist())
    assert store.load(60)
    for one in (kept, store):
        assert len(one) == 64
        assert sorted(ids_of(one.nearest(vectors[left[0] - 1], 1_000))) == left
        assert ids_of(one.nearest(vectors[left[5] - 1], 1)) == [left[5]]
    assert store.nbytes <= 500 * 64
    catalog.close()


def test_a_state_brought_forward_is_that_of_a_whole_load(kept, monkeypatch):
    monkeypatch.setattr(codes, "_LATER", 50)
    store = ResidentVectors(kept._catalog, kept)
    vectors = clustered(5_000)
    put(store, list(range(1, 4_001)), vectors[:4_000])
    store.nearest(vectors[0], 1)
    for start in range(4_000, 4_990, 30):
        put(store, [start // 3, *range(start + 1, start + 30)], vectors[start : start + 30])
        kept.delete([start // 2])
        store.nearest(vectors[0], 1)
    loaded = ResidentVectors(kept._catalog, kept)
    for query in vectors[::100]:
        assert store.nearest(query, 30) == loaded.nearest(query, 30)
