"""Tables of LanceDB that Hikma did not make become index files: whole and bit for bit, or not."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from lancedb.index import BTree, IvfFlat

from fakes import HashingEmbedder
from hikma import adopting, taking_over
from hikma.adopting import Consent
from hikma.catalog import adopted, ledger
from hikma.catalog.schema import Catalog
from hikma.domain import Filter, Mode, NodeKind, Query, VectorSpace
from hikma.engine import Engine
from hikma.errors import NotFoundError, SpaceMismatchError, StoreError, UsageError
from hikma.foreign_rows import Columns, ForeignRow, Keys, node_of, unit, wrong
from hikma.interfaces.adopting import adopt as command
from hikma.settings import Settings
from hikma.storing import Sink
from hikma.taking_over import Wanted
from hikma.vectors.foreign import ForeignTable
from hikma.vectors.sqlite import SqliteVectors

DIMENSION = 32
WORDS = [
    "parse",
    "render",
    "socket",
    "vector",
    "ledger",
    "commit",
    "branch",
    "token",
    "query",
    "index",
    "cache",
    "stream",
]
MODEL = HashingEmbedder(DIMENSION)
SPACE = VectorSpace(
    0,
    "sqlite-vec",
    "",
    "hashing",
    MODEL.document_identity,
    MODEL.query_identity,
    DIMENSION,
    "cosine",
    "flat",
    "answering",
)


def models(_name):
    """Stand in for the models that settings name."""
    return HashingEmbedder(DIMENSION)


def text_of(number):
    """Return a text that a number decides."""
    chosen = np.random.default_rng(number).choice(WORDS, 4)
    return f"def row{number}(): {' '.join(chosen)}"


def columns_of(count):
    """Return the columns of sound rows: ids, texts, unit vectors."""
    texts = [text_of(one) for one in range(count)]
    return {
        "id": [f"row-{one}" for one in range(count)],
        "text": texts,
        "vector": list(MODEL.embed_documents(texts)),
    }


def put(folder, columns, kind=None, vector="vector"):
    """Make a table; return where its database is."""
    vectors = [None if one is None else list(map(float, one)) for one in columns["vector"]]
    kind = kind or pa.list_(pa.float32(), DIMENSION)
    arrays = {name: pa.array(values) for name, values in columns.items() if name != "vector"}
    if kind.value_type == pa.float16():
        vectors = [np.array(one, np.float16) for one in vectors]
    arrays[vector] = pa.array(vectors, kind)
    database = lancedb.connect(folder / "lance")
    database.create_table("docs", pa.table(arrays))
    return folder / "lance"


def take(folder, location, **wanted):
    """Take a table over; return what was done."""
    table, columns = wanted.pop("table", "docs"), wanted.pop("columns", Columns())
    asked = Wanted(str(location), table, "hashing", columns, Consent(**wanted))
    return taking_over.adopt(folder / "made" / "index.db", Settings(), asked, models)


def held(path):
    """Return every row that a file holds, by its own id."""
    catalog = Catalog.open(path)
    try:
        with catalog.read() as connection:
            found = list(adopted.held_rows(connection, MODEL.document_identity))
    finally:
        catalog.close()
    assert len({one.row_id for one in found}) == len(found)
    return {one.row_id: one for one in found}


def opened(folder):
    """Return the engine of the file that `take` makes, in a folder that is no repository."""
    settings = Settings(database=folder / "made" / "index.db")
    return Engine(folder, settings, models=models)


def files(folder):
    """Return the bytes of every file below a folder."""
    return {one: one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def left(folder):
    """Return what lies where the file is made, but the lock and our own .gitignore."""
    made = folder / "made"
    names = [one.name for one in made.iterdir()] if made.exists() else []
    return [one for one in names if not one.endswith(".lock") and one != ".gitignore"]


def test_every_row_is_there_bit_for_bit_and_the_source_is_untouched(tmp_path):
    columns = columns_of(2_300)  # more than two batches
    location = put(tmp_path, columns)
    before = files(location)
    done = take(tmp_path, location)
    assert files(location) == before
    assert (done.rows, done.normalised, done.rounded, done.skipped) == (2_300, 0, 0, ())
    assert done.compared == adopting.Comparison(2_300, 0, 0, 0, 0)
    assert left(tmp_path) == ["index.db"]
    rows = held(tmp_path / "made" / "index.db")
    assert rows.keys() == set(columns["id"])
    for own, text, vector in zip(*columns.values(), strict=True):
        assert rows[own].vector == vector.astype("<f4").tobytes()
        assert rows[own].text == text


def test_search_answers_with_the_exact_nearest_and_doctor_is_content(tmp_path):
    columns = columns_of(300)
    take(tmp_path, put(tmp_path, columns))
    matrix = np.stack(columns["vector"]).astype(np.float64)
    with opened(tmp_path) as engine:
        query = MODEL.embed_query("parse the socket")
        order = np.argsort(1 - matrix @ query.astype(np.float64), kind="stable")[:10]
        with engine.catalog.read():
            found = engine.sources().store.nearest(query, 10)
        rows = {one.document: one.row_id for one in held(engine.database).values()}
        assert [rows[one.id] for one in found] == [columns["id"][at] for at in order]
        for mode in Mode:
            least = None if mode is Mode.LEXICAL else -1.0
            hits = engine.search(Query("row17 parse", mode=mode, min_similarity=least)).hits
            assert len(hits) == 10
            assert all(one.fresh for one in hits)
        lexical = engine.search(Query("row17", mode=Mode.LEXICAL)).hits
        assert lexical[0].properties["adopted_id"] == "row-17"
        assert engine.show(lexical[0].id).fresh
        assert not engine.examine()
        assert engine.status().documents == 300


@pytest.mark.parametrize("full", [False, True])
def test_indexing_refuses_to_throw_the_rows_away(tmp_path, full):
    take(tmp_path, put(tmp_path, columns_of(5)))
    with opened(tmp_path) as engine:
        with pytest.raises(UsageError, match="HIKMA_DATABASE"):
            engine.index(full=full)
        assert engine.status().documents == 5


def test_filters_on_places_keep_named_rows_too(tmp_path):
    columns = columns_of(6)
    columns["path"] = ["src/a.py", "src/a.py", "docs/b.md", "docs/b.md", "src/c.py", None]
    columns["name"] = ["run", None, "Title", None, "stop", "loose"]
    columns["language"] = ["python", "python", "markdown", "markdown", "python", None]
    take(tmp_path, put(tmp_path, columns))

    def kept(engine, **asked):
        query = Query("parse row", mode=Mode.SEMANTIC, filter=Filter(**asked), min_similarity=-1.0)
        return {hit.properties["adopted_id"] for hit in engine.search(query).hits}

    with opened(tmp_path) as engine:
        assert kept(engine, extensions=("py",)) == {"row-0", "row-1", "row-4"}
        assert kept(engine, paths=("docs/",)) == {"row-2", "row-3"}
        assert kept(engine, paths=("src/c.py",)) == {"row-4"}
        assert kept(engine, languages=("python",)) == {"row-0", "row-1", "row-4"}
        assert kept(engine, extensions=("py",), kinds=(NodeKind.SYMBOL,)) == {"row-0", "row-4"}


def test_a_repository_around_the_file_is_none_of_its_business(tmp_path, make_repository):
    columns = columns_of(3)
    columns["path"] = ["src/a.py", "gone.py", "b.py"]
    take(tmp_path, put(tmp_path, columns))
    settings = Settings(database=tmp_path / "made" / "index.db")
    root = make_repository({"b.py": "b = 1\n", "new.py": "n = 1\n"}).root
    with Engine(root, settings, models=models) as engine:
        found = engine.status()
        assert (found.changed, found.documents, found.index.stale) == (0, 3, False)
        with pytest.raises(UsageError, match="HIKMA_DATABASE"):
            engine.index(dry_run=True)
        assert engine.status().documents == 3


def test_a_file_that_is_there_is_left_alone(tmp_path):
    location = put(tmp_path, columns_of(3))
    take(tmp_path, location)
    before = (tmp_path / "made" / "index.db").read_bytes()
    with pytest.raises(UsageError, match="--database"):
        take(tmp_path, location)
    assert (tmp_path / "made" / "index.db").read_bytes() == before


WRONG = {
    "no id": ("id", None, "it has no id"),
    "twice": ("id", "row-1", "its id is given twice"),
    "no text": ("text", None, "it has no text"),
    "control": ("text", "a\x00b", "its text has characters"),
    "no vector": ("vector", None, "it has no vector"),
    "nan": ("vector", [float("nan")] * DIMENSION, "not finite"),
    "infinite": ("vector", [float("inf")] * DIMENSION, "not finite"),
    "zero": ("vector", [0.0] * DIMENSION, "norm of its vector is zero"),
    "short": ("vector", [1.0] * 3, "has 3 dimensions, not 32"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_row_stops_all_or_is_left_out(tmp_path, case):
    column, value, reason = WRONG[case]
    columns = columns_of(8)
    columns[column][4] = value
    # LanceDB itself refuses such vectors, under the name that it expects and no other.
    location = put(tmp_path, columns, pa.list_(pa.float32()), "numbers")
    asked = Columns(vector="numbers")
    with pytest.raises(UsageError, match=reason):
        take(tmp_path, location, columns=asked)
    assert left(tmp_path) == []
    done = take(tmp_path, location, columns=asked, skip_wrong=True)
    lost = {"row-1", "row-4"} if case == "twice" else {"row-4"}
    assert held(tmp_path / "made" / "index.db").keys() == set(columns_of(8)["id"]) - lost
    assert all(reason in one.reason for one in done.skipped)
    assert len(done.skipped) == len(lost)


def test_wrong_rows_are_counted_and_the_first_twenty_named(tmp_path):
    columns = columns_of(40)
    columns["text"][:30] = [None] * 30
    with pytest.raises(UsageError, match=r"30 of 40 rows.*row-19: .*\(\+10 more\)"):
        take(tmp_path, put(tmp_path, columns))


def test_equal_texts_with_other_vectors_are_rows_of_their_own(tmp_path):
    columns = columns_of(6)
    columns["text"] = ["the same"] * 6
    columns["vector"][5] = columns["vector"][4]
    take(tmp_path, put(tmp_path, columns))
    rows = held(tmp_path / "made" / "index.db")
    assert [rows[f"row-{one}"].vector for one in range(6)] == [
        one.tobytes() for one in columns["vector"]
    ]


def test_vectors_of_another_norm_are_scaled_and_counted(tmp_path):
    columns = columns_of(4)
    columns["vector"][2] = columns["vector"][2] * np.float32(3)
    columns["vector"][3] = columns["vector"][3] * np.float32(1.00005)
    done = take(tmp_path, put(tmp_path, columns))
    rows = held(tmp_path / "made" / "index.db")
    assert done.normalised == 1
    scaled = np.frombuffer(rows["row-2"].vector, "<f4")
    assert abs(np.linalg.norm(scaled.astype(np.float64)) - 1) < 1e-6
    assert rows["row-3"].vector == columns["vector"][3].tobytes()


@pytest.mark.parametrize(("kind", "rounded"), [("float16", 0), ("float64", 4)])
def test_other_floats_are_converted_and_what_changed_is_counted(tmp_path, kind, rounded):
    columns = columns_of(4)
    columns["vector"] = [
        (one.astype(np.float64) / np.linalg.norm(one.astype(np.float64))).astype(kind)
        for one in columns["vector"]
    ]
    element = pa.float16() if kind == "float16" else pa.float64()
    location = put(tmp_path, columns, pa.list_(element, DIMENSION))
    if rounded:
        with pytest.raises(UsageError, match=r"4 of 4 vectors .* float64 .*--round"):
            take(tmp_path, location)
        assert left(tmp_path) == []
    done = take(tmp_path, location, rounding=bool(rounded))
    assert (done.element, done.rounded) == (kind, rounded)
    rows = held(tmp_path / "made" / "index.db")
    for own, vector in zip(columns["id"], columns["vector"], strict=True):
        assert rows[own].vector == unit(vector).vector.tobytes()


def test_an_index_that_orders_otherwise_needs_consent(tmp_path):
    columns = columns_of(20)
    columns["vector"][0] = columns["vector"][0] * np.float32(2)
    location = put(tmp_path, columns)
    table = lancedb.connect(location).open_table("docs")
    table.create_index("vector", config=IvfFlat(distance_type="l2", num_partitions=1))
    table.create_index("id", config=BTree())
    with pytest.raises(UsageError, match=r"orders by l2.*--distance cosine"):
        take(tmp_path, location)
    assert left(tmp_path) == []
    assert take(tmp_path, location, distance="cosine").normalised == 1


def test_an_index_by_l2_over_unit_vectors_orders_alike(tmp_path):
    location = put(tmp_path, columns_of(20))
    table = lancedb.connect(location).open_table("docs")
    table.create_index("vector", config=IvfFlat(distance_type="l2", num_partitions=1))
    assert take(tmp_path, location).rows == 20


def test_what_is_not_there_is_told_with_what_is(tmp_path):
    location = put(tmp_path, columns_of(3))
    with pytest.raises(NotFoundError, match="the tables there are: docs"):
        take(tmp_path, location, table="absent")
    with pytest.raises(NotFoundError, match="no folder"):
        take(tmp_path, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    with pytest.raises(UsageError, match=r"text \('body'\).*id, text, vector"):
        take(tmp_path, location, columns=Columns(text="body"))
    with pytest.raises(UsageError, match="'text' is of type string"):
        take(tmp_path, location, columns=Columns(vector="text"))


def test_every_part_of_a_row_may_have_a_column_of_another_name(tmp_path):
    columns = columns_of(1) | {"file": ["a.py"], "called": ["run"], "tongue": ["python"]}
    columns |= {"from": [3], "to": [9]}
    asked = Columns("id", "vector", "text", "file", "called", "tongue", "from", "to")
    take(tmp_path, put(tmp_path, columns), columns=asked)
    with opened(tmp_path) as engine:
        shown = engine.show("symbol:a.py#run").node
    assert (shown.path, shown.language, shown.span.start_line, shown.span.end_line) == (
        "a.py",
        "python",
        3,
        9,
    )


def test_a_model_of_another_dimension_is_refused(tmp_path):
    columns = columns_of(3)
    columns["vector"] = [one[:16] for one in columns["vector"]]
    location = put(tmp_path, columns, pa.list_(pa.float32(), 16))
    with pytest.raises(SpaceMismatchError, match=r"docs have 16 .* 'hashing' 32"):
        take(tmp_path, location)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "a\x1bb"}, "its name has characters"),
        ({"path": 7}, "its path is int"),
        ({"start_line": 0}, "its lines are 0 to 0"),
        ({"start_line": 5, "end_line": 4}, "its lines are 5 to 4"),
        ({"start_line": "5"}, "one of its lines is str"),
        ({"start_line": 5, "end_line": 5}, None),
    ],
)
def test_where_a_row_stands_must_make_sense(given, reason):
    row = ForeignRow(0, "a", MODEL.embed_query("parse"), "text")._replace(**given)
    assert (wrong(row, DIMENSION) or "").startswith(reason or "")
    assert (wrong(row, DIMENSION) is None) is (reason is None)


def test_keys_are_readable_and_never_shared():
    keys = Keys()
    rows = [
        ForeignRow(0, 1, None, "", "a.py"),
        ForeignRow(1, 2, None, "", "a.py"),
        ForeignRow(2, 3, None, "", "a.py~2"),
        ForeignRow(3, 4, None, "", "a.py", "run", "python", 3, 9),
        ForeignRow(4, 5, None, ""),
    ]
    nodes = [node_of(one, keys) for one in rows]
    assert [one.id for one in nodes] == [
        "file:a.py",
        "file:a.py~2",
        "file:a.py~2~2",
        "symbol:a.py#run",
        "symbol:#5",
    ]
    assert nodes[3].span.end_line == 9


@given(st.integers(0, 29), st.integers(0, 4 * DIMENSION - 1), st.integers(1, 255))
def test_one_altered_byte_is_caught(tmp_path_factory, at, place, mask):
    folder = tmp_path_factory.mktemp("altered")
    columns = columns_of(30)
    with_table = ForeignTable(str(put(folder, columns)), "docs", Columns())
    catalog = Catalog.open(folder / "draft.db", create=True)
    try:
        with catalog.write() as connection:
            space = ledger.create_space(connection, SPACE)
        store = SqliteVectors(catalog, space)
        sink = Sink(catalog, lambda _space: MODEL, lambda _space: store, 100)
        seen = adopting.survey(with_table, lambda *_: None)
        adopting.write(sink, with_table, seen, lambda *_: None)
        assert adopting.compare(catalog, space, with_table, seen).is_equal
        vector = bytearray(columns["vector"][at].tobytes())
        vector[place] ^= mask
        with catalog.write() as connection:
            connection.execute(
                "UPDATE embedding SET vector = ? WHERE vector = ?",
                (bytes(vector), columns["vector"][at].tobytes()),
            )
        found = adopting.compare(catalog, space, with_table, seen)
        assert found == adopting.Comparison(30, 0, 0, 1, 0)
    finally:
        catalog.close()
        with_table.close()


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE embedding SET vector = zeroblob(128) WHERE id = 1",
        "DELETE FROM document WHERE id = 2",
        'UPDATE node SET properties = \'{"adopted_id": "row-0"}\' WHERE id = 2',
        'UPDATE node SET properties = \'{"adopted_id": "other"}\' WHERE id = 2',
        "UPDATE document SET text = 'another' WHERE id = 2",
    ],
)
def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch, harm):
    write = adopting.write

    def harmed(sink, *rest):
        write(sink, *rest)
        with sink.catalog.write() as connection:
            connection.execute(harm)

    monkeypatch.setattr(adopting, "write", harmed)
    with pytest.raises(StoreError, match="nothing was kept"):
        take(tmp_path, put(tmp_path, columns_of(5)))
    assert left(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from fakes import HashingEmbedder
from hikma import adopting, taking_over
from hikma.settings import Settings
compare = adopting.compare
def die(*given):
    compare(*given)
    os.kill(os.getpid(), signal.SIGKILL)
adopting.compare = die
asked = taking_over.Wanted(sys.argv[1], "docs", "hashing")
taking_over.adopt(Path(sys.argv[2]), Settings(), asked, lambda _: HashingEmbedder(32))
"""


@pytest.mark.faults
def test_a_kill_leaves_no_file_that_answers_and_the_next_run_sweeps(tmp_path):
    location = put(tmp_path, columns_of(50))
    target = tmp_path / "made" / "index.db"
    tests = os.path.dirname(__file__)  # noqa: PTH120 -- handed on as text
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(location), str(target), tests],
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not target.exists()
    assert any(".creating." in one for one in left(tmp_path))
    assert take(tmp_path, location).rows == 50
    assert left(tmp_path) == ["index.db"]


def test_the_command_works_in_a_folder_without_git(tmp_path):
    columns = columns_of(4)
    columns["vector"] = [
        np.random.default_rng(at).standard_normal(384).astype(np.float32) for at in range(4)
    ]
    columns["text"][3] = None
    location = put(tmp_path, columns, pa.list_(pa.float32(), 384))
    plain = tmp_path / "plain"
    plain.mkdir()
    asked = [str(location), "docs", "--model", "static", "--repo", str(plain), "--skip-wrong"]
    done = CliRunner().invoke(command, [*asked, "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert (found["rows"], found["normalised"], len(found["skipped"])) == (3, 3, 1)
    assert (plain / ".hikma" / "index.db").exists()
    other = [*asked, "--database", str(tmp_path / "other.db")]
    shown = CliRunner().invoke(command, other, catch_exceptions=False).stdout
    assert "3 rows of docs" in shown
    assert "3 vectors were scaled to norm 1" in shown
    assert "left out row-3: it has no text" in shown
