"""The ledger: what a vector must be, which document has which, and what can go."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest

from catalog_rows import EMBEDDER, MODEL, SPACE, file_node, put_whole, symbol
from hikma.catalog import checks, collecting, graph, ledger, state
from hikma.catalog.schema import Catalog
from hikma.domain import NodeKind
from hikma.errors import (
    CorruptFileError,
    InvalidVectorError,
    MissingVectorError,
    SpaceMismatchError,
)
from hikma.results import SpaceStats
from hikma.vectors.sqlite import SqliteVectors


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path / "index.db", create=True)
    yield opened
    opened.close()


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[apsw.Connection]:
    with catalog.write() as opened:
        ledger.create_space(opened, SPACE)
        yield opened


@pytest.fixture
def store(catalog: Catalog, connection: apsw.Connection) -> SqliteVectors:
    space = ledger.space(connection)
    assert space is not None
    return SqliteVectors(catalog, space)


def unit(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, EMBEDDER.dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_unit_vectors_pass_bit_for_bit_and_others_are_scaled():
    rows = unit(5)
    assert ledger.validate_vectors(range(5), rows, 32).tobytes() == rows.tobytes()
    for factor in (3.0, 1e-30, 1e30, 1e-200, 1e200):
        scaled = ledger.validate_vectors(range(5), rows.astype(np.float64) * factor, 32)
        assert np.allclose(scaled, rows, atol=1e-6)
        assert scaled.dtype == np.float32
    assert ledger.validate_vectors([], [], 32).shape == (0, 32)


def test_every_unfit_vector_is_listed_with_its_reason():
    good = [1.0] * 32
    given = {
        "short": [1.0] * 31,
        "fine": good,
        "nan": [float("nan"), *good[1:]],
        "inf": [float("inf"), *good[1:]],
        "zero": [0.0] * 32,
        "words": ["a"] * 32,
        "nested": [good],
        "none": None,
    }
    with pytest.raises(InvalidVectorError) as caught:
        ledger.validate_vectors(list(given), list(given.values()), 32)
    told = dict(line.split(": ", 1) for line in caught.value.failures)
    assert told.keys() == given.keys() - {"fine"}
    assert "31" in told["short"]
    assert "finite" in told["nan"]
    assert "finite" in told["inf"]
    assert "zero" in told["zero"]
    assert "numbers" in told["words"]


def test_an_id_given_twice_or_a_missing_vector_is_refused():
    with pytest.raises(InvalidVectorError, match="twice"):
        ledger.validate_vectors(["a", "a"], unit(2), 32)
    with pytest.raises(InvalidVectorError, match="2 ids"):
        ledger.validate_vectors(["a", "b"], unit(1), 32)


def test_the_first_space_answers_and_there_is_only_one(connection):
    answering = ledger.space(connection)
    assert answering == replace(SPACE, id=1, state="answering")
    with pytest.raises(SpaceMismatchError, match="hikma migrate"):
        ledger.create_space(connection, replace(SPACE, state="answering"))
    assert ledger.create_space(connection, replace(SPACE, state="target")).id == 2
    assert ledger.space(connection) == answering


def test_only_digests_without_an_embedding_of_this_model_are_missing(connection):
    assert ledger.missing(connection, MODEL, [b"a", b"b"]) == {b"a", b"b"}
    ledger.put_embeddings(connection, MODEL, [b"a"], unit(1))
    ledger.put_embeddings(connection, "another", [b"b"], unit(1))
    assert ledger.missing(connection, MODEL, [b"a", b"b", b"b"]) == {b"b"}
    assert ledger.missing(connection, MODEL, []) == set()


def test_recorded_documents_get_their_vectors_back_by_ascending_id(connection):
    rows = unit(2)
    ledger.put_embeddings(connection, MODEL, [b"a", b"b"], rows)
    ledger.record(connection, MODEL, [(9, b"a"), (3, b"b"), (5, b"a")])
    batch = ledger.vectors_of(connection, [9, 5, 3, 9, 77])
    assert batch.ids.tolist() == [3, 5, 9]
    assert batch.vectors.tobytes() == rows[[1, 0, 0]].tobytes()
    assert ledger.live(connection) == 3
    empty = ledger.vectors_of(connection, [])
    assert empty.vectors.shape == (0, 32)


@pytest.mark.parametrize("length", [3, 4])
def test_a_vector_of_another_length_is_told_as_damage(connection, length):
    ledger.put_embeddings(connection, MODEL, [b"a", b"b"], unit(2))
    ledger.record(connection, MODEL, [(1, b"a"), (2, b"b")])
    connection.execute("UPDATE embedding SET vector = zeroblob(?) WHERE id = 2", (length,))
    with pytest.raises(CorruptFileError, match=r"is no vector .*`hikma doctor`"):
        ledger.vectors_of(connection, [1, 2])


def test_a_vector_that_is_a_text_is_told_as_damage(connection):
    ledger.put_embeddings(connection, MODEL, [b"a", b"b"], unit(2))
    ledger.record(connection, MODEL, [(1, b"a"), (2, b"b")])
    connection.execute("UPDATE embedding SET vector = printf('%.128c', 'x') WHERE id = 2")
    with pytest.raises(CorruptFileError, match="1 of another type"):
        ledger.vectors_of(connection, [1, 2])


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_vectors_that_are_read_in_parts_are_the_same(connection, monkeypatch, at_once):
    rows = unit(5)
    ledger.put_embeddings(connection, MODEL, [b"%d" % one for one in range(5)], rows)
    ledger.record(connection, MODEL, [(10 * one, b"%d" % one) for one in range(5)])
    monkeypatch.setattr(ledger, "_AT_ONCE", at_once)
    batch = ledger.vectors_of(connection, [40, 3, 4, 5, 6, 0, 20, 10])
    assert batch.ids.tolist() == [0, 10, 20, 40]
    assert batch.vectors.tobytes() == rows[[0, 1, 2, 4]].tobytes()
    assert ledger.vectors_of(connection, [7, 8, 9, 11]).vectors.shape[0] == 0


def test_recording_without_an_embedding_is_refused(connection):
    with pytest.raises(MissingVectorError, match="embed them first"):
        ledger.record(connection, MODEL, [(1, b"none")])
    assert ledger.live(connection) == 0


def test_a_vector_that_is_not_finite_or_not_unit_is_never_stored(connection):
    for bad in (np.full((1, 32), np.nan), np.zeros((1, 32)), 2 * unit(1)):
        with pytest.raises(InvalidVectorError):
            ledger.put_embeddings(connection, MODEL, [b"a"], bad.astype(np.float32))
    assert ledger.missing(connection, MODEL, [b"a"]) == {b"a"}


def test_every_change_gets_a_sequence_that_nothing_had(connection):
    def sequences() -> list[int]:
        return [row[0] for row in connection.execute("SELECT sequence FROM ledger")]

    ledger.put_embeddings(connection, MODEL, [b"a"], unit(1))
    ledger.record(connection, MODEL, [(1, b"a"), (2, b"a")])
    first = max(sequences())
    ledger.tombstone(connection, [2])
    assert max(sequences()) > first
    second = max(sequences())
    collecting.sweep(connection)
    ledger.record(connection, MODEL, [(3, b"a")])
    assert max(sequences()) > second


def test_tombstoned_documents_have_no_vector_until_recorded_again(connection):
    ledger.put_embeddings(connection, MODEL, [b"a"], unit(1))
    ledger.record(connection, MODEL, [(1, b"a"), (2, b"a")])
    ledger.tombstone(connection, [1, 88])
    assert ledger.vectors_of(connection, [1, 2]).ids.tolist() == [2]
    assert ledger.live(connection) == 1
    ledger.record(connection, MODEL, [(1, b"a")])
    assert ledger.vectors_of(connection, [1, 2]).ids.tolist() == [1, 2]


def test_replacing_an_embedding_names_every_document_that_shares_it(connection):
    rows = unit(3)
    ledger.put_embeddings(connection, MODEL, [b"a", b"b"], rows[:2])
    ledger.record(connection, MODEL, [(1, b"a"), (2, b"b"), (3, b"a")])
    assert ledger.put_embeddings(connection, MODEL, [b"a", b"b"], rows[:2]) == []
    assert ledger.put_embeddings(connection, MODEL, [b"a"], rows[2:]) == [1, 3]
    assert ledger.vectors_of(connection, [3]).vectors.tobytes() == rows[2:].tobytes()


def test_stats_count_missing_and_stale_documents_by_kind(connection, store):
    nodes = [file_node("a.py"), symbol("a.py", "f"), symbol("a.py", "g"), symbol("a.py", "h")]
    written = put_whole(connection, store, nodes).written
    ledger.tombstone(connection, [written[1][0]])
    ledger.record(connection, MODEL, [(written[2][0], written[3][1])])
    assert ledger.stats(connection) == [
        SpaceStats(NodeKind.FILE, 1, 0, 0, 32, 128),
        SpaceStats(NodeKind.SYMBOL, 3, 1, 1, 32, 256),
    ]


def test_collecting_keeps_what_is_in_use(connection, store):
    for number in range(40):
        names = [f"f{one}" for one in range(10)]
        path = f"a{number}.py"
        put_whole(connection, store, [file_node(path), *(symbol(path, name) for name in names)])
    for number in range(1, 40):
        removed = graph.remove_files(connection, [f"a{number}.py"])
        ledger.tombstone(connection, removed)
        store.delete(removed)
    assert collecting.orphans(connection) == 39 * 11
    assert collecting.sweep(connection) == (39 * 11, 39 * 11)
    assert collecting.sweep(connection) == (0, 0)
    assert ledger.live(connection) == 11
    assert checks.examine(connection) == []


def test_tombstones_stay_while_a_migration_runs(connection):
    ledger.put_embeddings(connection, MODEL, [b"a"], unit(1))
    ledger.record(connection, MODEL, [(1, b"a")])
    ledger.tombstone(connection, [1])
    target = ledger.create_space(connection, replace(SPACE, state="target"))
    connection.execute(
        "INSERT INTO migration(source, target, state, salt, created_at, updated_at) "
        "VALUES (1, ?, 'backfill', x'00', '', '')",
        (target.id,),
    )
    assert collecting.sweep(connection)[1] == 0


def test_a_sound_file_has_no_finding(connection, store):
    put_whole(connection, store, [file_node("a.py"), symbol("a.py", "f")])
    assert checks.examine(connection) == []
    state.put(connection, "complete", "0")
    assert [one.name for one in checks.examine(connection)] == ["head"]
    state.put(connection, "complete", "1")
    state.put(connection, "head", "abc")
    assert checks.examine(connection) == []


@pytest.mark.parametrize(
    ("damage", "name", "fact"),
    [
        ("UPDATE embedding SET vector = zeroblob(128)", "embedding", "altered"),
        ("UPDATE embedding SET vector_hash = zeroblob(16)", "embedding", "altered"),
        ("DELETE FROM embedding", "ledger", "no vector"),
        ("DELETE FROM ledger WHERE document_id = 1", "ledger", "no vector of their present text"),
        ("DELETE FROM ledger WHERE document_id = 1", "vectors", "no live documents"),
        ("DELETE FROM document WHERE id = 2", "ledger", "no document"),
        ("DELETE FROM document WHERE id = 2", "fulltext", "words are not"),
        ("DELETE FROM fulltext WHERE rowid = 2", "fulltext", "cannot be found"),
        ("DELETE FROM vectors_1 WHERE rowid = 2", "vectors", "not in the store"),
        ("DROP TABLE vectors_1", "vectors", "missing"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM node", "foreign_keys", "refer to nothing"),
    ],
)
def test_each_damage_is_found_with_a_remedy(tmp_path, damage, name, fact):
    catalog = Catalog.open(tmp_path / "damaged.db", create=True)
    with catalog.write() as connection:
        store = SqliteVectors(catalog, ledger.create_space(connection, SPACE))
        put_whole(connection, store, [file_node("a.py"), symbol("a.py", "f")])
    catalog._open_writer().execute(damage)
    with catalog.read() as connection:
        findings = checks.examine(connection)
    assert any(one.name == name and fact in one.fact for one in findings), findings
    assert all("hikma" in one.remedy for one in findings)
    catalog.close()
