"""What the resident store promises beyond the contract: always in step, and not by much memory."""

import subprocess
import sys
from pathlib import Path
from threading import Barrier, get_ident

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sqlite import DIMENSION, MODEL, clustered, nearest_exactly, put

from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError
from hikma.vectors import codes, resident, signs
from hikma.vectors.codes import Depth, loaded, whole
from hikma.vectors.exact import over_fetch
from hikma.vectors.resident import ResidentVectors, open_store
from hikma.vectors.sqlite import SqliteVectors

DELETE_5 = """
import sys
from pathlib import Path
from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.vectors.sqlite import SqliteVectors
catalog = Catalog.open(Path(sys.argv[1]))
with catalog.write() as connection:
    SqliteVectors(catalog, ledger.space(connection)).delete([5])
catalog.close()
"""


@pytest.fixture
def catalog(tmp_path: Path):
    opened = Catalog.open(tmp_path / "index.db", create=True)
    yield opened
    opened.close()


@pytest.fixture
def kept(catalog):
    wanted = VectorSpace(0, "sqlite-vec", "", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "")
    with catalog.write() as connection:
        return SqliteVectors(catalog, ledger.create_space(connection, wanted))


@pytest.fixture
def store(catalog, kept):
    return ResidentVectors(catalog, kept)


def ids_of(found):
    return [one.id for one in found]


def test_three_looks_find_999_of_1000_true_neighbours(catalog, store):
    made = clustered(9_040, seed=1)
    vectors, queries = made[:9_000], made[9_000:]
    put(catalog, store, list(range(1, 9_001)), vectors)
    for limit in (10, 150):
        found = sum(
            len(set(ids_of(store.nearest(one, limit))) & nearest_exactly(vectors, one, limit))
            for one in queries
        )
        assert found / (limit * len(queries)) >= 0.999


def test_half_of_the_signs_at_first_finds_as_many(catalog, store, monkeypatch):
    """Where vectors are many; with a filter too, and among vectors that are all equal."""
    made = clustered(9_040, seed=1)
    vectors, queries = made[:9_000], made[9_000:]
    put(catalog, store, list(range(1, 9_001)), vectors)
    monkeypatch.setattr(signs, "_FEW", 1)
    monkeypatch.setattr(signs, "_ROUGH", 3)
    compared = []
    at = signs._at
    monkeypatch.setattr(signs, "_at", lambda *given: compared.append(given[2]) or at(*given))
    odd = np.arange(1, 9_001, 2)
    found = 0
    for query in queries:
        found += len(set(ids_of(store.nearest(query, 10))) & nearest_exactly(vectors, query, 10))
        near = nearest_exactly(vectors[::2], query, 10)
        found += len(set(ids_of(store.nearest(query, 10, odd))) & {2 * one - 1 for one in near})
    assert found / 800 >= 0.999
    assert {len(words) for words in compared} == {3}
    assert len(compared) == 80, "where a filter leaves half, all are compared"


def test_rows_that_are_surely_farther_are_not_read(catalog, store, monkeypatch):
    """The order of two products may be wrong by the rounding of two codes, by no more."""
    made = clustered(3_020, seed=2)
    put(catalog, store, list(range(1, 3_001)), made[:3_000])
    read = []
    rescored = SqliteVectors.rescored

    def watched(self, connection, candidates, query):
        read.append(len(candidates))
        return rescored(self, connection, candidates, query)

    monkeypatch.setattr(SqliteVectors, "rescored", watched)
    few = [store.nearest(query, 10) for query in made[3_000:]]
    assert min(read) >= 10
    assert sum(read) < 20 * over_fetch(10)
    monkeypatch.setattr(codes, "_APART", np.inf)
    read.clear()
    assert few == [store.nearest(query, 10) for query in made[3_000:]]
    assert read == [over_fetch(10)] * 20


def test_where_codes_may_be_clipped_all_rows_are_read():
    for width, least in ((384, 10), (385, 30)):
        held = loaded("g", np.arange(1, 4), np.ones((3, width), np.int8))
        assert resident.depth_of(10, held).least == least


@pytest.mark.parametrize(("bits", "most"), [(False, 500), (True, 70)])
def test_a_vector_takes_few_bytes_of_memory(catalog, kept, bits, most):
    store = ResidentVectors(catalog, kept, bits=bits)
    put(catalog, store, list(range(1, 3_001)), clustered(3_000))
    assert store.nbytes == 0
    store.nearest(clustered(1)[0], 1)
    assert 0 < store.nbytes <= most * 3_000


def test_two_threads_find_what_one_finds_where_a_core_is_free(catalog, store, monkeypatch):
    made = clustered(9_010, seed=3)
    put(catalog, store, list(range(1, 9_001)), made[:9_000])
    plain = [store.nearest(query, 10) for query in made[9_000:]]
    monkeypatch.setattr(codes, "_WORTH_TWO", 1_000)
    monkeypatch.setattr(signs, "_BLOCK", 1_000)
    differ = signs._differ
    for cores in (2, 1):
        together, seen = Barrier(cores), set()

        def meeting(*given, together=together, seen=seen):
            together.wait(60)
            seen.add(get_ident())
            differ(*given)

        monkeypatch.setattr(resident, "_searching", resident.Cores(cores))
        monkeypatch.setattr(signs, "_differ", meeting)
        assert [store.nearest(query, 10) for query in made[9_000:]] == plain
        assert len(seen) == cores


def test_a_search_takes_two_cores_only_while_nobody_else_searches():
    cores = resident.Cores(2)
    with cores.taken(two=True) as alone:
        pass
    with cores.taken(two=False) as one, cores.taken(two=True) as beside:
        pass
    with cores.taken(two=True) as again:
        pass
    assert (alone, one, beside, again) == (2, 1, 1, 2)


def test_signs_alone_find_999_of_1000_true_neighbours(catalog, kept):
    store = ResidentVectors(catalog, kept, bits=True)
    made = clustered(9_040, seed=1)
    vectors, queries = made[:9_000], made[9_000:]
    put(catalog, store, list(range(1, 9_001)), vectors)
    near = [
        set(ids_of(store.nearest(one, 10))) & nearest_exactly(vectors, one, 10) for one in queries
    ]
    assert sum(map(len, near)) / 400 >= 0.999


def test_a_write_of_another_process_is_seen_by_the_next_query(catalog, store):
    vectors = clustered(30)
    put(catalog, store, list(range(1, 31)), vectors)
    assert ids_of(store.nearest(vectors[4], 1)) == [5]
    subprocess.run([sys.executable, "-c", DELETE_5, str(catalog.path)], check=True)
    assert 5 not in ids_of(store.nearest(vectors[4], 30))


def test_what_was_rolled_back_is_forgotten(catalog, store):
    """The write after it must not be taken for the one that was undone."""
    vectors = clustered(4)
    put(catalog, store, [1, 2], vectors[:2])

    def fail() -> None:
        with catalog.write():
            put(catalog, store, [3], vectors[2:3])
            assert ids_of(store.nearest(vectors[2], 1)) == [3]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert 3 not in ids_of(store.nearest(vectors[2], 9))
    put(catalog, store, [4], vectors[3:])
    assert sorted(ids_of(store.nearest(vectors[3], 9))) == [1, 2, 4]


def test_a_rebuild_by_another_store_is_seen(catalog, kept, store):
    vectors = clustered(60)
    put(catalog, store, list(range(1, 61)), vectors)
    kept.delete([7])
    assert 7 not in ids_of(store.nearest(vectors[6], 60))
    assert kept.rebuild() == 60
    assert ids_of(store.nearest(vectors[6], 1)) == [7]


def test_tombstones_do_not_take_the_places_of_the_living(catalog, store):
    vectors = np.repeat(clustered(1), 400, axis=0)
    put(catalog, store, list(range(1, 401)), vectors)
    with catalog.write() as connection:
        ledger.tombstone(connection, list(range(1, 301)))
    assert ids_of(store.nearest(vectors[0], 10)) == list(range(301, 311))


def test_codes_that_the_table_does_not_count_are_damage(catalog, store):
    put(catalog, store, list(range(1, 21)), clustered(20))
    with catalog.write() as connection:
        connection.config(1010, 0)  # SQLITE_DBCONFIG_DEFENSIVE: write to an inner table
        connection.execute("DELETE FROM vectors_1_rowids WHERE rowid = 3")
    with pytest.raises(CorruptFileError, match="rebuild"):
        store.nearest(clustered(1)[0], 3)


def test_auto_answers_from_disk_at_first_and_disk_always(catalog, kept):
    vectors = clustered(50)
    put(catalog, kept, list(range(1, 51)), vectors)
    with catalog.read() as connection:
        space = ledger.space(connection)
    auto = open_store(catalog, space, "auto")
    answers = []
    loaded = []
    for _ in range(3):
        answers.append(auto.nearest(vectors[0], 20))
        loaded.append(auto.nbytes > 0)
    assert loaded == [False, False, True]
    assert answers == [kept.nearest(vectors[0], 20)] * 3
    assert isinstance(open_store(catalog, space, "disk"), SqliteVectors)
    signs = open_store(catalog, space, "bits")
    assert signs.nearest(vectors[0], 20) == answers[0]
    assert 0 < signs.nbytes <= 70 * 50


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5_000), st.integers(1, 300), st.integers(0, 2**32 - 1), st.booleans())
def test_few_or_filtered_codes_are_those_of_brute_force(count, wanted, seed, narrow):
    random = np.random.default_rng(seed)
    codes = random.integers(-3, 4, (count, 16)).astype(np.int8)
    ids = np.sort(random.choice(20_000, count, replace=False))
    query = random.standard_normal(16).astype(np.float32)
    within = np.unique(random.choice(20_000, 4_000)) if narrow else None
    slots = np.flatnonzero(np.isin(ids, within)) if narrow else np.arange(count)
    fits = codes[slots].astype(int) @ whole(query).astype(int)
    best = ids[slots[np.lexsort((slots, -fits))[:wanted]]]
    found = loaded("g", ids, codes).nearest(query, Depth((count, count), wanted, wanted), within)
    assert sorted(found.tolist()) == sorted(best.tolist())
    few = loaded("g", ids, codes).nearest(query, Depth((500, 300), wanted, wanted), within)
    assert len(few) == len(best)
