"""How codes in memory keep step: with every write, by whomever, and without reading all again."""

import logging
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_sqlite import DIMENSION, MODEL, clustered, put

from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError
from hikma.vectors import changes, codes, resident
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors

VECTORS = clustered(400, seed=3)


def opened(folder, dimension=DIMENSION):
    catalog = Catalog.open(folder / "index.db", create=True)
    wanted = VectorSpace(0, "sqlite-vec", "", MODEL, MODEL, MODEL, dimension, "cosine", "flat", "")
    with catalog.write() as connection:
        return catalog, SqliteVectors(catalog, ledger.create_space(connection, wanted))


@pytest.fixture
def catalog(tmp_path):
    catalog, _ = opened(tmp_path)
    yield catalog
    catalog.close()


@pytest.fixture
def kept(catalog):
    with catalog.read() as connection:
        return SqliteVectors(catalog, ledger.space(connection))


@pytest.fixture
def loads(monkeypatch):
    """Whole loads, by the thread that made them."""
    made = []
    plain = SqliteVectors.codes

    def counted(self, *given):
        made.append(threading.current_thread().name)
        return plain(self, *given)

    monkeypatch.setattr(SqliteVectors, "codes", counted)
    return made


def ids_of(found):
    return [one.id for one in found]


def test_writes_are_brought_in_without_a_whole_load(catalog, kept, loads):
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, list(range(1, 201)), VECTORS[:200])
    store.nearest(VECTORS[0], 1)
    put(catalog, kept, [201], VECTORS[200:201])
    assert ids_of(store.nearest(VECTORS[200], 1)) == [201]
    put(catalog, kept, [7], VECTORS[300:301])
    assert ids_of(store.nearest(VECTORS[300], 1)) == [7]
    kept.delete([201, 8, 9])
    assert not {201, 8, 9} & set(ids_of(store.nearest(VECTORS[200], 300)))
    assert len(loads) == 1


def test_a_store_too_far_behind_is_loaded_anew(catalog, kept, loads, monkeypatch):
    monkeypatch.setattr(changes, "_KEPT", 3)
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, [1, 2], VECTORS[:2])
    store.nearest(VECTORS[0], 1)
    for one in range(3, 9):
        put(catalog, kept, [one], VECTORS[one - 1 : one])
    assert len(store.nearest(VECTORS[0], 9)) == 8
    assert len(loads) == 2


def test_a_great_write_is_no_list_of_ids(catalog, kept, loads, monkeypatch):
    monkeypatch.setattr(changes, "_MOST_IDS", 2)
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, [1, 2], VECTORS[:2])
    store.nearest(VECTORS[0], 1)
    put(catalog, kept, [3, 4, 5], VECTORS[2:5])
    assert len(store.nearest(VECTORS[0], 9)) == 5
    assert len(loads) == 2


def test_a_write_by_a_program_that_keeps_no_changes_is_seen(catalog, kept):
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, [1, 2], VECTORS[:2])
    store.nearest(VECTORS[0], 1)
    put(catalog, kept, [3], VECTORS[2:3])
    with catalog.write() as connection:
        connection.execute("DELETE FROM vectors_1_changes WHERE number = 2")
    assert len(store.nearest(VECTORS[0], 9)) == 3
    with catalog.write() as connection:
        connection.execute("DROP TABLE vectors_1_changes")
        kept.delete([1])
    assert ids_of(store.nearest(VECTORS[0], 9)) == ids_of(kept.nearest(VECTORS[0], 9))


def test_a_reader_of_an_older_state_is_answered_from_it(catalog, kept):
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, [1, 2, 3], VECTORS[:3])
    with catalog.read():
        assert len(store.nearest(VECTORS[0], 9)) == 3
        other = threading.Thread(
            target=lambda: (put(catalog, kept, [4], VECTORS[3:4]), store.nearest(VECTORS[0], 9))
        )
        other.start()
        other.join()
        assert len(store.nearest(VECTORS[0], 9)) == 3
    assert len(store.nearest(VECTORS[0], 9)) == 4


def test_the_file_answers_until_codes_are_loaded_beside(catalog, kept, monkeypatch):
    monkeypatch.setattr(resident, "_AT_ONCE", 0)
    go = threading.Event()
    plain = SqliteVectors.codes
    monkeypatch.setattr(
        SqliteVectors, "codes", lambda self, *given: (go.wait(), plain(self, *given))[1]
    )
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, list(range(1, 101)), VECTORS[:100])
    assert store.nearest(VECTORS[5], 9) == kept.nearest(VECTORS[5], 9)
    put(catalog, kept, [101], VECTORS[100:101])  # while they are loaded
    assert ids_of(store.nearest(VECTORS[100], 1)) == [101]
    assert store.nbytes == 0
    go.set()
    assert store.load()
    kept.delete([101])
    assert store.nearest(VECTORS[100], 9) == kept.nearest(VECTORS[100], 9)
    store.close()


@pytest.mark.parametrize("fault", [MemoryError(), CorruptFileError("torn"), RuntimeError("killed")])
def test_a_loader_that_dies_costs_no_answer_and_is_told_once(
    catalog, kept, monkeypatch, caplog, fault
):
    monkeypatch.setattr(resident, "_AT_ONCE", 0)

    def fail(*_):
        raise fault

    store = ResidentVectors(catalog, kept)
    put(catalog, kept, list(range(1, 101)), VECTORS[:100])
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(SqliteVectors, "codes", fail)
        for _ in range(4):
            assert store.nearest(VECTORS[5], 9) == kept.nearest(VECTORS[5], 9)
            if store._loader is not None:
                store._loader.join()
    assert len(caplog.records) == 1
    assert store.unloaded == (str(fault) or "MemoryError")
    put(catalog, kept, [101], VECTORS[100:101])  # another state is another try
    assert ids_of(store.nearest(VECTORS[100], 1)) == [101]
    assert store.load()
    assert store.unloaded is None
    store.close()


def test_closing_ends_a_loader(catalog, kept, monkeypatch):
    monkeypatch.setattr(resident, "_AT_ONCE", 0)
    store = ResidentVectors(catalog, kept)
    put(catalog, kept, list(range(1, 101)), VECTORS[:100])
    store.nearest(VECTORS[0], 1)
    store.close()
    assert store._loader is None
    assert store.nbytes == 0


WRITES = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"), st.lists(st.integers(1, 60), min_size=1, max_size=9, unique=True)
        ),
        st.tuples(st.just("delete"), st.lists(st.integers(1, 60), max_size=9, unique=True)),
        st.tuples(
            st.just("undone"), st.lists(st.integers(1, 60), min_size=1, max_size=9, unique=True)
        ),
        st.tuples(st.just("rebuild"), st.just([])),
    ),
    max_size=14,
)


def undo(catalog, store, ids, rows):
    with catalog.write():
        put(catalog, store, ids, rows)
        assert ids[0] in ids_of(store.nearest(rows[0], 5))
        raise ZeroDivisionError


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(writes=WRITES, bits=st.booleans())
def test_after_any_writes_memory_holds_what_the_file_does(
    tmp_path_factory, monkeypatch, writes, bits
):
    monkeypatch.setattr(codes, "_LATER", 12)
    catalog, kept = opened(tmp_path_factory.mktemp("steps"))
    store = ResidentVectors(catalog, kept, bits=bits)
    put(catalog, kept, list(range(1, 31)), VECTORS[:30])
    for number, (verb, ids) in enumerate(writes):
        rows = VECTORS[number * 9 + 30 :][: len(ids)]
        if verb == "put":
            put(catalog, kept, ids, rows)
        elif verb == "delete":
            with catalog.write() as connection:
                ledger.tombstone(connection, ids)
                kept.delete(ids)
        elif verb == "undone":
            with pytest.raises(ZeroDivisionError):
                undo(catalog, store, ids, rows)
        else:
            kept.rebuild()
        query = VECTORS[399 - number]
        within = np.arange(5, 40)
        assert store.nearest(query, 70) == kept.nearest(query, 70)
        assert store.nearest(query, 7, within) == kept.nearest(query, 7, within)
    catalog.close()
