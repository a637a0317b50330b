"""The public API: opening, revisions, models, and what bad files and bad vectors come to."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from conftest import CORPUS, Repository
from fakes import HashingEmbedder
from hikma import engine as engine_module
from hikma.catalog import collecting
from hikma.catalog.tables import SCHEMA_VERSION
from hikma.domain import Mode, NodeKind, Query
from hikma.engine import Engine
from hikma.errors import (
    CatalogError,
    ConfigurationError,
    CorruptFileError,
    IndexMissingError,
    InvalidVectorError,
    LockedFileError,
    ModelError,
    NewerSchemaError,
    NodeNotFoundError,
    NotHikmaFileError,
    SpaceMismatchError,
    UsageError,
)
from hikma.interfaces import rendering
from hikma.settings import Settings
from hikma.vectors import resident
from hikma.vectors.sqlite import SqliteVectors

SYMBOL = "symbol:store/vectors.py#VectorStore.validate"
TEST = "test:server/cache_test.go#TestOldestAnswerIsEvicted"
DIMENSION = 384


def engine_on(root, revision=None, model=HashingEmbedder, **wanted):
    return Engine(root, Settings(**wanted), revision, models=lambda _name: model())


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return an indexed repository that tests copy."""
    repository = Repository(tmp_path_factory.mktemp("engine") / "tidepool")
    shutil.copytree(CORPUS, repository.root, ignore=shutil.ignore_patterns("__pycache__", ".hikma"))
    repository.git("init", "--quiet")
    repository.commit("First")
    with engine_on(repository.root) as engine:
        engine.index()
    return repository.root


@pytest.fixture
def root(original, tmp_path):
    """Return a repository with an index of its own, free to be damaged."""
    return Path(shutil.copytree(original, tmp_path / "tidepool", symlinks=True))


@pytest.fixture
def database(root):
    return root / ".hikma" / "index.db"


def vectors_in(root):
    """Return every canonical vector by digest, and what the store hands out."""
    with engine_on(root) as engine:
        with engine.catalog.read() as connection:
            canonical = dict(connection.execute("SELECT digest, vector FROM embedding"))
        store = engine._answer().store
        handed = {
            number: row.tobytes()
            for batch in store.scan(100)
            for number, row in zip(batch.ids.tolist(), batch.vectors, strict=True)
        }
    return canonical, handed


# Opening


def test_open_finds_the_repository_from_a_folder_inside(root):
    with Engine.open(root / "store") as engine:
        assert engine.root == root
        assert engine.database == root / ".hikma" / "index.db"


def test_without_an_index_every_reading_call_says_so(make_repository):
    """And none of them makes a folder or a file."""
    repository = make_repository({"a.py": "x = 1\n"})
    with engine_on(repository.root) as engine:
        for call in (
            lambda: engine.search(Query("x")),
            engine.status,
            lambda: engine.show("file:a.py"),
            engine.vector_stats,
            engine.rebuild_vectors,
            engine.collect,
            engine.examine,
        ):
            with pytest.raises(IndexMissingError, match="run `hikma index`"):
                call()
    assert not (repository.root / ".hikma").exists()


def test_a_dry_run_without_an_index_writes_nothing(make_repository):
    repository = make_repository({"a.py": "x = 1\n"})
    before = sorted(repository.root.rglob("*"))
    with engine_on(repository.root) as engine:
        report = engine.index(dry_run=True)
    assert (report.dry_run, report.added, report.kinds) == (True, 1, {})
    assert sorted(repository.root.rglob("*")) == before


def test_a_dry_run_over_an_index_says_what_the_next_run_does(root, database):
    (root / "picture.dat").write_bytes(b"\0" * 100)
    with engine_on(root) as engine:
        engine.index()
    (root / "store" / "vectors.py").write_text("CHANGED = 1\n")
    (root / "README.md").unlink()
    (root / "added.py").write_text("ADDED = 1\n")
    before = database.read_bytes()
    with engine_on(root) as engine:
        said = engine.index(dry_run=True)
        assert database.read_bytes() == before
        done = engine.index()
    assert (said.added, said.modified, said.removed) == (1, 1, 1)
    assert (done.added, done.modified, done.removed) == (1, 1, 1)
    assert [skip.path for skip in said.skips] == ["picture.dat"]
    assert said.skips == done.skips


def test_the_index_folder_keeps_itself_out_of_git(make_repository):
    repository = make_repository({"a.py": "x = 1\n"})
    with engine_on(repository.root) as engine:
        engine.index()
    assert repository.git("status", "--porcelain", "--untracked-files=all") == ""


# Revisions


def test_a_revision_has_a_file_of_its_own_named_after_its_commit(corpus_repository):
    first = corpus_repository.git("rev-parse", "HEAD~1")
    with engine_on(corpus_repository.root) as engine:
        engine.index()
    bytes_before = engine.database.read_bytes()
    with Engine.open(corpus_repository.root, revision="HEAD~1") as old:
        assert old.database.name == f"revision-{first}.db"
    with engine_on(corpus_repository.root, first) as old:
        report = old.index()
        assert report.head == first
        found = old.search(Query("cache", limit=100))
        assert not found.index.stale
        assert not {hit.path for hit in found.hits if hit.path.startswith("server/")}
        assert all(hit.fresh for hit in found.hits)
    assert engine.database.read_bytes() == bytes_before


def test_a_revision_never_goes_into_the_file_that_follows_the_work_tree(
    corpus_repository, tmp_path
):
    engine = engine_on(corpus_repository.root, "abc", database=tmp_path / "mine.db")
    assert engine.database == tmp_path / "revision-abc.db"


def test_an_unknown_revision_is_wrong_usage(root):
    with pytest.raises(UsageError, match=r"'nope'.*give a branch, a tag or a commit"):
        Engine.open(root, revision="nope")


# Models, dimensions, backends


@pytest.mark.parametrize(
    "wanted",
    [
        {"embedding_model": "minilm"},
        {"vector_dimensions": 12},
        {"vector_backend": "lancedb"},
        {"vector_index_type": "ivf"},
    ],
)
def test_a_file_answers_only_with_what_it_was_built_with(root, database, wanted):
    before = database.read_bytes()
    with engine_on(root, **wanted) as engine:
        for call in (lambda: engine.search(Query("vector")), engine.index):
            with pytest.raises(
                SpaceMismatchError, match=r"has .*, not .*`hikma migrate start`.*index --full"
            ):
                call()
    assert database.read_bytes() == before


def test_a_model_of_the_same_name_and_other_weights_is_refused(root):
    class Retrained(HashingEmbedder):
        document_identity = "another"

    with (
        engine_on(root, model=Retrained) as engine,
        pytest.raises(SpaceMismatchError, match=r"another version of the model 'hashing'.*--full"),
    ):
        engine.search(Query("vector"))


def test_a_dimension_that_the_model_does_not_have_makes_no_file_that_answers(make_repository):
    repository = make_repository({"a.py": "x = 1\n"})
    with engine_on(repository.root, vector_dimensions=12) as engine:
        with pytest.raises(ConfigurationError, match=r"HIKMA_VECTOR_DIMENSIONS = 12.* has 384"):
            engine.index()
        with pytest.raises(IndexMissingError):
            engine.search(Query("x"))


def test_full_keeps_the_model_of_the_file_unless_another_is_asked_for(root):
    """`index --full` without `--model` must not change the model by the way."""
    asked = []

    def models(name):
        asked.append(name)
        return HashingEmbedder(name=name)

    with Engine(root, Settings(embedding_model="minilm"), models=models) as engine:
        engine.index(full=True)
        assert engine.status().space.model == "minilm"
    with Engine(root, Settings(), models=models) as engine:
        engine.index(full=True)
        assert engine.status().space.model == "minilm"
    assert set(asked) == {"minilm"}


def test_rebuilding_needs_no_model(root):
    def no_model(name):
        raise ModelError(f"{name} is missing")

    with Engine(root, Settings(), models=no_model) as engine:
        assert engine.rebuild_vectors() > 0


# Show and status


def test_show_tells_a_symbol_its_text_and_its_neighbours(root):
    with engine_on(root) as engine:
        shown = engine.show(SYMBOL)
    assert shown.node.kind is NodeKind.SYMBOL
    assert "def validate(self, vector):" in shown.text
    assert shown.fresh
    assert ("defines", "in", "symbol:store/vectors.py#VectorStore") in {
        (one.kind.value, one.direction, one.id) for one in shown.relations
    }


def test_show_of_a_changed_file_says_so(root):
    (root / "store" / "vectors.py").write_text("pass\n")
    with engine_on(root) as engine:
        assert not engine.show(SYMBOL).fresh


@pytest.mark.parametrize(
    "wrong", ["", "symbol:", "symbol:store/vectors.py#VectorStore.validat", "\udcff", "'; --"]
)
def test_show_of_an_unknown_id_names_near_ones(root, wrong):
    with (
        engine_on(root) as engine,
        pytest.raises(NodeNotFoundError, match="No node has the id") as failure,
    ):
        engine.show(wrong)
    assert "hikma search" in str(failure.value) or "Near: " in str(failure.value)
    assert ("validat" not in wrong) or SYMBOL in str(failure.value)


def test_status_counts_what_the_next_run_would_do(root):
    (root / "store" / "vectors.py").write_text("pass\n")
    (root / "added.py").write_text("pass\n")
    (root / "README.md").unlink()
    with engine_on(root) as engine:
        status = engine.status()
    assert status.changed == 3
    assert status.kinds["symbol"] > 10
    assert set(status.languages) == {"python", "go", "typescript", "c"}
    assert (status.space.backend, status.space.dimension) == ("sqlite-vec", DIMENSION)
    assert status.writer is None
    assert status.unloaded is None


def test_status_says_why_codes_are_not_in_memory(root, monkeypatch):
    """The answers are right, so they say nothing of it; they are slower, so status does."""

    def fail(*_):
        raise MemoryError("no room for 46 MB")

    monkeypatch.setattr(resident, "_AT_ONCE", 0)
    monkeypatch.setattr(SqliteVectors, "codes", fail)
    with engine_on(root, vector_scan="resident") as engine:
        assert engine.status().unloaded is None, "nobody has asked yet"
        answer = engine.search(Query("validate a vector"))
        assert not engine._answer().store.load(10.0)
        found = engine.status()
    assert answer.degraded == ()
    assert found.unloaded == "no room for 46 MB"
    assert any("no room for 46 MB" in line for line in rendering.status(found))


# Vectors brought from a file


def unit(position=0):
    row = [0.0] * DIMENSION
    row[position] = 1.0
    return row


def write_lines(path, *lines):
    path.write_text(
        "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
    )
    return path


@pytest.mark.parametrize("ending", ["jsonl", "npz"])
def test_a_given_vector_answers_for_its_document(root, tmp_path, ending):
    """Stored in every place, found by meaning, and scaled to norm one."""
    path = tmp_path / f"given.{ending}"
    query = HashingEmbedder().embed_query("zebra")
    if ending == "npz":
        np.savez(path, ids=[SYMBOL], vectors=(query * 5)[None])
    else:
        write_lines(path, {"id": SYMBOL, "vector": (query * 5).tolist()})
    with engine_on(root) as engine:
        assert engine.insert_vectors(path) == 1
        hit = engine.search(Query("zebra", mode=Mode.SEMANTIC)).hits[0]
        assert (hit.id, hit.similarity) == (SYMBOL, pytest.approx(1.0, abs=1e-4))
        assert engine.examine() == []


def test_a_vector_given_again_changes_nothing(root, tmp_path):
    path = write_lines(tmp_path / "given.jsonl", {"id": SYMBOL, "vector": unit()})
    with engine_on(root) as engine:
        engine.insert_vectors(path)
    before = vectors_in(root)
    with engine_on(root) as engine:
        engine.insert_vectors(path)
    assert vectors_in(root) == before


BAD = {
    "unknown id": (
        {"id": "symbol:no#where", "vector": unit()},
        "symbol:no#where[0]: no such document",
    ),
    "unknown ordinal": (
        {"id": TEST, "ordinal": 7, "vector": unit()},
        f"{TEST}[7]: no such document",
    ),
    "unencodable id": ({"id": "\ud800", "vector": unit()}, "no such document"),
    "short": (
        {"id": TEST, "vector": [1.0, 2.0]},
        f"{TEST}[0]: it has shape (2,), not ({DIMENSION},)",
    ),
    "nested": ({"id": TEST, "vector": [unit()]}, f"{TEST}[0]: it has shape (1, {DIMENSION})"),
    "zero": ({"id": TEST, "vector": [0.0] * DIMENSION}, f"{TEST}[0]: its norm is zero"),
    "NaN": (
        {"id": TEST, "vector": [float("nan"), *unit()[1:]]},
        f"{TEST}[0]: it has a value that is not finite",
    ),
    "infinite": (
        {"id": TEST, "vector": [float("inf"), *unit()[1:]]},
        f"{TEST}[0]: it has a value that is not finite",
    ),
    "huge": (
        {"id": TEST, "vector": [10**400, *unit()[1:]]},
        f"{TEST}[0]: it is not a list of numbers",
    ),
    "words": ({"id": TEST, "vector": "abc"}, f"{TEST}[0]: it is not a list of numbers"),
    "none": ({"id": TEST, "vector": None}, f"{TEST}[0]: "),
    "given twice": (
        {"id": SYMBOL, "vector": unit(1)},
        f"{SYMBOL}[0]: same text as {SYMBOL}, given twice",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_bad_vector_refuses_the_whole_file(root, tmp_path, case):
    """Nothing is written, neither the bad row nor the good one before it."""
    row, reason = BAD[case]
    path = write_lines(tmp_path / "given.jsonl", {"id": SYMBOL, "vector": unit()}, row)
    before = vectors_in(root)
    with engine_on(root) as engine, pytest.raises(InvalidVectorError) as failure:
        engine.insert_vectors(path)
    assert len(failure.value.failures) == 1
    assert reason in failure.value.failures[0]
    assert "nothing written" in str(failure.value)
    assert vectors_in(root) == before


def test_every_failure_of_a_file_is_listed(root, tmp_path):
    rows = [row for row, _ in BAD.values()]
    path = write_lines(tmp_path / "given.jsonl", {"id": SYMBOL, "vector": unit()}, *rows)
    with engine_on(root) as engine, pytest.raises(InvalidVectorError) as failure:
        engine.insert_vectors(path)
    reasons = "\n".join(failure.value.failures)
    assert reasons.count("no such document") == 3
    assert reasons.count("given twice") >= 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: "),
        ("[1, 2]", "line 2: it is not an object with an id and a vector"),
        ("null", "line 2: it is not an object"),
        ('{"id": "x"}', "line 2: it is not an object"),
        ('{"id": 5, "vector": [1]}', "line 2: it is not an object"),
        ('{"id": "x", "vector": [1], "ordinal": "first"}', "line 2: 'first' is not an ordinal"),
        ('{"id": "x", "vector": [1], "ordinal": -1}', "line 2: -1 is not an ordinal"),
        ('{"id": "x", "vector": [1], "ordinal": 1e99}', "line 2: 1e+99 is not an ordinal"),
        ("[" * 100_000, "line 2: "),
        ("\0", "line 2: "),
    ],
)
def test_a_malformed_line_is_named_by_its_number(root, tmp_path, line, reason):
    path = write_lines(tmp_path / "given.jsonl", {"id": SYMBOL, "vector": unit()}, line)
    before = vectors_in(root)
    with engine_on(root) as engine, pytest.raises(InvalidVectorError) as failure:
        engine.insert_vectors(path)
    assert failure.value.failures[0].startswith(reason)
    assert vectors_in(root) == before


class Marker:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        """Run when unpickled."""
        return (Path.touch, (Path(self.path),))


def test_a_pickled_array_is_refused_and_never_run(root, tmp_path):
    marker = tmp_path / "was-run"
    path = tmp_path / "given.npz"
    np.savez(path, ids=np.array([Marker(marker)], dtype=object), vectors=np.zeros((1, 3)))
    with engine_on(root) as engine, pytest.raises(UsageError, match=r"write it with numpy.savez"):
        engine.insert_vectors(path)
    assert not marker.exists()


def _text(path):
    path.write_text("no archive")


def _empty(path):
    path.write_bytes(b"")


def _other_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")


def _cut_short(path):
    np.savez_compressed(path, ids=["a"] * 100, vectors=np.ones((100, DIMENSION)))
    path.write_bytes(path.read_bytes()[:-200])


def _one_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def _unequal(path):
    np.savez(path, ids=["a", "b"], vectors=np.ones((1, DIMENSION)))


def _no_axis(path):
    np.savez(path, ids="a", vectors=np.ones(DIMENSION))


@pytest.mark.parametrize(
    "make", [_text, _empty, _other_archive, _cut_short, _one_array, _unequal, _no_axis]
)
def test_an_archive_without_the_arrays_is_wrong_usage(root, tmp_path, make):
    path = tmp_path / "given.npz"
    make(path)
    with engine_on(root) as engine, pytest.raises(UsageError, match=r"given\.npz "):
        engine.insert_vectors(path)


def test_bad_vectors_of_an_archive_are_listed_too(root, tmp_path):
    path = tmp_path / "given.npz"
    np.savez(path, ids=[SYMBOL, "nothing"], vectors=np.array([[np.nan] * DIMENSION, unit()]))
    with engine_on(root) as engine, pytest.raises(InvalidVectorError) as failure:
        engine.insert_vectors(path)
    assert len(failure.value.failures) == 2


@pytest.mark.parametrize("name", ["absent.jsonl", "given.csv", "folder.jsonl"])
def test_a_file_of_another_form_is_wrong_usage(root, tmp_path, name):
    (tmp_path / "given.csv").write_text("id,vector\n")
    (tmp_path / "folder.jsonl").mkdir()
    with (
        engine_on(root) as engine,
        pytest.raises(UsageError, match=r"give a \.jsonl or \.npz file"),
    ):
        engine.insert_vectors(tmp_path / name)


# Files that cannot be used


def _calls(engine):
    return (lambda: engine.search(Query("vector")), engine.index, engine.status, engine.examine)


@pytest.mark.parametrize("content", [b"hello, this is no database\n" * 100, b"x", os.urandom(5000)])
def test_a_file_that_is_no_database_is_left_alone(root, database, content):
    database.write_bytes(content)
    for position in range(4):
        with (
            engine_on(root) as engine,
            pytest.raises(NotHikmaFileError, match=r"not a Hikma index.*HIKMA_DATABASE"),
        ):
            _calls(engine)[position]()
    assert database.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(root, database):
    database.unlink()
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE theirs(x)")
        connection.execute("INSERT INTO theirs VALUES (42)")
    connection.close()
    before = database.read_bytes()
    for position in range(4):
        with engine_on(root) as engine, pytest.raises(NotHikmaFileError, match="another program"):
            _calls(engine)[position]()
    assert database.read_bytes() == before


def test_a_folder_in_place_of_the_file_is_refused(root, database):
    database.unlink()
    database.mkdir()
    with engine_on(root) as engine, pytest.raises(NotHikmaFileError, match="it is a folder"):
        engine.index()


def test_a_pipe_in_place_of_the_file_is_refused_and_not_waited_for(root, database):
    database.unlink()
    os.mkfifo(database)
    with engine_on(root) as engine, pytest.raises(NotHikmaFileError, match="no regular file"):
        engine.index()


def _outcome(root):
    """Return the error of a damaged file, None when it still answers; a bug would come through."""
    with engine_on(root) as engine:
        try:
            engine.search(Query("validate a vector", limit=50))
            engine.examine()
            engine.status()
        except CatalogError as error:
            return str(error)
    return None


def test_flipped_bits_are_answered_or_reported_and_never_a_bug(root, database):
    content = database.read_bytes()
    chance = random.Random(5)  # noqa: S311 -- which bits does not matter, that they repeat does
    outcomes = []
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        database.write_bytes(damaged)
        outcomes.append(_outcome(root))
    refusals = [one for one in outcomes if one is not None]
    assert 0 < len(refusals) < 40
    assert all("; " in one for one in refusals), "a remedy follows the fact"


def test_a_file_of_a_newer_hikma_is_refused_and_left_alone(root, database):
    with sqlite3.connect(database) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = database.read_bytes()
    for position in range(4):
        with (
            engine_on(root) as engine,
            pytest.raises(NewerSchemaError, match=f"schema {SCHEMA_VERSION + 1}.*upgrade Hikma"),
        ):
            _calls(engine)[position]()
    assert database.read_bytes() == before


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.05])
def test_a_truncated_file_is_damaged_and_says_what_to_do(root, database, kept):
    content = database.read_bytes()
    database.write_bytes(content[: int(len(content) * kept)])
    for position in range(4):
        with (
            engine_on(root) as engine,
            pytest.raises(
                CorruptFileError, match=r"is damaged: .*delete the file and run `hikma index`"
            ),
        ):
            _calls(engine)[position]()


HOLD = """
import sys, time
from pathlib import Path
from hikma.catalog.schema import Catalog
catalog = Catalog.open(Path(sys.argv[1]))
with catalog.exclusive("hikma index", 5):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(database):
    """Start a process that holds the writer's lock until the test ends."""
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_file_that_another_process_writes_is_read_and_waited_for(root, holder, monkeypatch):
    """Writing names the process that holds it; searching is never blocked."""
    monkeypatch.setattr(engine_module, "WRITER_WAIT_S", 0.1)
    with engine_on(root) as engine:
        for call in (engine.index, engine.rebuild_vectors, engine.collect):
            with pytest.raises(
                LockedFileError, match=rf"written by process {holder.pid} \(hikma index.*repeat"
            ):
                call()
        assert engine.search(Query("vector")).hits
        assert str(holder.pid) in engine.status().writer


# Content that is hard to read


def test_a_repository_of_hard_files_is_indexed_and_every_skip_reported(make_repository):
    """A line of 5 MB, nesting 20,000 deep, 200 MB, no UTF-8, odd paths, a loop of links."""
    odd = "odd \"quoted\"\nand 'broken'.py"
    repository = make_repository(
        {
            "long.py": "x = '" + "a" * 5_000_000 + "'\n",
            "deep.py": "x = " + "(" * 20_000 + ")" * 20_000 + "\n",
            "deep.c": "int x = " + "{" * 20_000 + "}" * 20_000 + ";\n",
            "latin.py": b"# caf\xe9 \xff\xfe\ndef broken_bytes():\n    return 1\n",
            odd: "def oddly_placed():\n    return 1\n",
            "good.py": "def found_anyway():\n    return 1\n",
        },
        committed=False,
    )
    (repository.root / "loop").symlink_to("loop")
    (repository.root / "around").symlink_to(".")
    with (repository.root / "sparse.py").open("wb") as file:
        file.truncate(200_000_000)
    with engine_on(repository.root) as engine:
        report = engine.index()
        reasons = {skip.path: skip.reason for skip in report.skips}
        assert {"long.py", "sparse.py", "loop", "around"} <= reasons.keys()
        assert all(reasons.values())
        limited = {one.path: one.reason for one in report.limitations}
        assert {"deep.py", "deep.c"} <= limited.keys() | reasons.keys()
        names = {"found_anyway", "oddly_placed", "broken_bytes"}
        found = {name: engine.search(Query(name, limit=1)).hits[0] for name in names}
        assert {hit.name for hit in found.values()} == names
        assert found["oddly_placed"].path == odd
        assert all(hit.fresh for hit in found.values())
        assert engine.show(f"symbol:{odd}#oddly_placed").fresh
        assert engine.examine() == []
        again = engine.index()
        assert (again.added, again.modified, again.embedded) == (0, 0, 0)
        assert again.skips == report.skips


def test_a_missing_object_is_a_reported_skip(make_repository):
    """Every other file of the commit is there; `git fetch` brings the one back."""
    repository = make_repository(
        {"a.py": "def kept():\n    return 1\n", "b.py": "def lost():\n    return 2\n"}
    )
    blob = repository.git("rev-parse", "HEAD:b.py")
    (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with engine_on(repository.root, "HEAD") as engine:
        report = engine.index()
        assert [(skip.path, "missing" in skip.reason) for skip in report.skips] == [("b.py", True)]
        assert [hit.name for hit in engine.search(Query("kept", limit=1)).hits] == ["kept"]


@pytest.mark.parametrize("unborn", [True, False])
def test_a_repository_without_a_file_is_indexed_and_answers_with_nothing(make_repository, unborn):
    repository = make_repository(committed=not unborn)
    with engine_on(repository.root) as engine:
        report = engine.index()
        result = engine.search(Query("anything"))
    assert report.documents == (0 if unborn else 1)
    assert {hit.kind for hit in result.hits} <= {"commit"}
    assert "no text holds it" in result.degraded[0]
    assert not result.index.stale


def test_a_name_that_steers_a_terminal_is_kept_as_it_is_in_the_index(make_repository):
    """Only what is written to a terminal is made harmless; ids and paths stay true."""
    name = "evil\x1b[31m.py"
    repository = make_repository({name: "def painted():\n    return 1\n"})
    with engine_on(repository.root) as engine:
        engine.index()
        assert engine.search(Query("painted", limit=1)).hits[0].path == name


def test_the_ledger_holds_every_vector_after_all_of_this(root):
    with engine_on(root) as engine:
        assert {one.missing + one.stale for one in engine.vector_stats().kinds} == {0}
        with engine.catalog.read() as connection:
            assert collecting.orphans(connection) == 0
