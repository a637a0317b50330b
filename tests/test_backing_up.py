"""A backup is the index as it was; restored it is the index whole, or nothing has changed."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from driver import engine_on, in_process
from hikma import backing_up, history, indexing
from hikma import engine as engines
from hikma.catalog import identity, ledger, migrations, opening, outbox, owning, verifications
from hikma.catalog.migrations import Step
from hikma.catalog.schema import Catalog
from hikma.domain import Query
from hikma.errors import (
    CopiedFileError,
    CorruptFileError,
    IndexMissingError,
    LockedFileError,
    NewerSchemaError,
    NotHikmaFileError,
    UsageError,
)
from rows import differences, rows_of
from test_interfaces import hikma, refused

QUERY = Query("store vectors on the disk")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Index without worker processes: only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


@pytest.fixture
def root(corpus_repository):
    return corpus_repository.root


@pytest.fixture
def database(root, tmp_path):
    """Return an index of the corpus, in a folder of its own."""
    place = tmp_path / "place" / "index.db"
    with engine_on(root, place) as engine:
        engine.index()
    return place


@pytest.fixture
def copy(root, database, tmp_path):
    """Return a backup of that index."""
    target = tmp_path / "copies" / "index.backup"
    target.parent.mkdir()
    with engine_on(root, database) as engine:
        engine.backup(target)
    return target


def beside(path):
    return sorted(one.name for one in path.parent.iterdir())


def move_on(root, database):
    """Change a file, and bring the index to it."""
    (root / "store" / "more.py").write_text("def more():\n    return 1\n", encoding="utf-8")
    with engine_on(root, database) as engine:
        engine.index()


def hits(root, database):
    with engine_on(root, database) as engine:
        assert engine.examine() == []
        return engine.search(QUERY).hits


def test_a_backup_is_the_index_and_one_file(root, database, tmp_path):
    target = tmp_path / "copies" / "index.backup"
    target.parent.mkdir()
    with engine_on(root, database) as engine:
        made = engine.backup(target)
        status = engine.status()
    assert (made.head, made.documents) == (status.index.head, status.documents)
    assert (made.path, made.bytes, made.partial) == (str(target), target.stat().st_size, False)
    assert beside(target) == ["index.backup"]
    assert differences(rows_of(database), rows_of(target)) == []


def test_a_restored_backup_is_the_index_again(root, database, copy):
    before, right = rows_of(database), hits(root, database)
    move_on(root, database)
    assert differences(rows_of(database), before) != []
    with engine_on(root, database) as engine:
        assert engine.search(QUERY).hits
        made = engine.restore(copy)
        assert not engine.search(QUERY).index.partial
    assert (made.database, made.source, made.owed) == (str(database), str(copy), 0)
    assert differences(rows_of(database), before) == []
    assert [one.id for one in hits(root, database)] == [one.id for one in right]
    assert beside(copy) == ["index.backup"]


def test_a_backup_is_restored_where_there_is_no_index(root, database, copy):
    """Also where the log of a deleted one was left behind, which would be played into it."""
    before = rows_of(database)
    log = database.with_name("index.db-wal")
    with engine_on(root, database) as reader:
        assert reader.search(QUERY).hits
        move_on(root, database)
        left = log.read_bytes()
    for one in database.parent.iterdir():
        one.unlink()
    log.write_bytes(left)
    with engine_on(root, database) as engine:
        engine.restore(copy)
    assert left
    assert differences(rows_of(database), before) == []
    assert hits(root, database)


def test_a_damaged_index_is_replaced_by_its_backup(root, database, copy):
    before = rows_of(copy)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP INDEX node_name")  # the schema is not the one that was written
    with engine_on(root, database) as engine, pytest.raises(CorruptFileError):
        engine.search(QUERY)
    with engine_on(root, database) as engine:
        engine.restore(copy)
    assert differences(rows_of(database), before) == []


def test_a_backup_in_the_middle_of_an_indexing_run_is_partial_and_can_be_finished(root, tmp_path):
    database, target = tmp_path / "index.db", tmp_path / "half.db"
    made = []

    def back_up(_job, done, total):
        if not made and 0 < done < total and database.exists():
            with engine_on(root, database) as reader:
                made.append(reader.backup(target))

    with engine_on(root, database) as engine:
        engine.index(track=back_up)
    assert made[0].partial
    other = tmp_path / "other.db"
    with engine_on(root, other) as engine:
        assert engine.restore(target).partial
        assert engine.status().index.partial
        assert engine.search(QUERY).index.partial
        engine.index()
        assert not engine.status().index.partial
    assert differences(rows_of(other), rows_of(database)) == []


def test_a_backup_is_of_one_state_however_much_is_written_meanwhile(
    root, database, tmp_path, monkeypatch
):
    """And so it never begins anew: a steady writer cannot hold it up, nor does it wait."""
    former, copied = rows_of(database), backing_up._copy

    def write_and_copy(connection, *rest):
        move_on(root, database)
        copied(connection, *rest)

    monkeypatch.setattr(backing_up, "_copy", write_and_copy)
    target = tmp_path / "copy"
    with engine_on(root, database) as engine:
        engine.backup(target)
    assert differences(rows_of(target), former) == []
    assert differences(rows_of(database), former) != []


def test_an_existing_file_is_replaced_only_by_force(root, database, tmp_path):
    target = tmp_path / "kept"
    target.write_text("of somebody", encoding="utf-8")
    with engine_on(root, database) as engine:
        with pytest.raises(UsageError, match="--force"):
            engine.backup(target)
        assert target.read_text(encoding="utf-8") == "of somebody"
        engine.backup(target, force=True)
        with closing(opening.open_reader(target)):  # it leaves an empty log behind
            pass
        engine.backup(target, force=True)
    assert differences(rows_of(target), rows_of(database)) == []


def test_a_file_that_appears_while_it_is_copied_is_kept(root, database, tmp_path, monkeypatch):
    target = tmp_path / "kept"
    examine = engines.checks.examine

    def appear(connection):
        target.write_text("of somebody", encoding="utf-8")
        return examine(connection)

    monkeypatch.setattr(engines.checks, "examine", appear)
    with engine_on(root, database) as engine, pytest.raises(UsageError, match="--force"):
        engine.backup(target)
    assert target.read_text(encoding="utf-8") == "of somebody"
    assert [one for one in beside(target) if "kept" in one] == ["kept"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("place/index.db", "is the index itself"),
        ("place/index.db-wal", "belongs to it"),
        ("place/../place/index.db", "is the index itself"),
        ("link", "is the index itself"),
        ("place", "is a folder"),
        ("nowhere/index.backup", "There is no folder"),
    ],
)
def test_a_target_that_cannot_be_is_refused(root, database, tmp_path, name, said):
    (tmp_path / "link").symlink_to(database)
    before = rows_of(database)
    with engine_on(root, database) as engine, pytest.raises(UsageError, match=said):
        engine.backup(tmp_path / name, force=True)
    assert differences(rows_of(database), before) == []


def test_a_database_in_use_is_no_target(root, database, copy):
    """Its log would be played into the file that took its name."""
    with closing(opening.open_writer(copy)) as connection:
        connection.execute("CREATE TABLE mine(x)")
        with engine_on(root, database) as engine, pytest.raises(UsageError, match="in use"):
            engine.backup(copy, force=True)
        assert connection.execute("SELECT count(*) FROM mine").fetchall() == [(0,)]


def test_a_damaged_index_is_not_backed_up(root, database, tmp_path):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE embedding SET vector_hash = x'00' WHERE id = 1")
    target = tmp_path / "copy"
    with engine_on(root, database) as engine, pytest.raises(CorruptFileError, match="altered"):
        engine.backup(target)
    assert not [one for one in beside(target) if one.startswith("copy")]


def _flip(path):
    """Damage a row that nothing but a check of hashes would notice."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE embedding SET vector_hash = x'00' WHERE id = 1")


def _version(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")


def _foreign(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs(x)")


def _other_pages(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("VACUUM")


def _folder(path):
    path.unlink()
    path.mkdir()


SPOILT = {
    "altered": (_flip, CorruptFileError, "altered"),
    "truncated": (lambda path: os.truncate(path, 100_000), CorruptFileError, "damaged"),
    "newer": (_version, NewerSchemaError, "upgrade Hikma"),
    "foreign": (_foreign, NotHikmaFileError, "another program"),
    "text": (lambda path: path.write_text("no database" * 99), NotHikmaFileError, "not a SQLite"),
    "empty": (lambda path: os.truncate(path, 0), NotHikmaFileError, "no byte"),
    "pages": (_other_pages, NotHikmaFileError, "pages of another size"),
    "folder": (_folder, NotHikmaFileError, "is no file"),
    "missing": (lambda path: path.unlink(), IndexMissingError, "no file"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("indexed", [True, False])
def test_a_source_that_cannot_be_used_changes_nothing(root, database, copy, spoilt, indexed):
    spoil, error, said = SPOILT[spoilt]
    spoil(copy)
    place = database if indexed else database.parent / "none" / "index.db"
    before = rows_of(database)
    with engine_on(root, place) as engine, pytest.raises(error, match=said):
        engine.restore(copy)
    left = beside(place) if place.parent.exists() else []
    assert {one for one in left if not one.endswith((".lock", "-wal", "-shm"))} == (
        {"index.db"} if indexed else set()
    )
    assert differences(rows_of(database), before) == []


def test_the_index_is_no_source_for_itself(root, database):
    with engine_on(root, database) as engine, pytest.raises(UsageError, match="index itself"):
        engine.restore(database)


def test_a_restore_waits_for_a_writer_and_then_says_who_it_is(root, database, copy, monkeypatch):
    monkeypatch.setattr(engines, "WRITER_WAIT_S", 0.1)
    move_on(root, database)
    before = rows_of(database)
    with (
        closing(Catalog.open(database)) as writer,
        writer.exclusive("hikma index", 0),
        engine_on(root, database) as engine,
        pytest.raises(LockedFileError, match=f"process {os.getpid()} .hikma index"),
    ):
        engine.restore(copy)
    assert differences(rows_of(database), before) == []


def begin_outside(database, step):
    """Begin a migration to a space outside the file and bring it to a step; all is copied."""
    with closing(Catalog.open(database)) as catalog, catalog.write() as connection:
        source = ledger.space(connection)
        wanted = replace(source, backend="lancedb", location="there")
        held = migrations.begin(connection, source, wanted, {})
        for each in migrations.LINE[1 : migrations.LINE.index(step) + 1]:
            held = migrations.step_to(connection, held, each, "as planned")
        found = verifications.begin(connection, held.target, held.epoch)
        verifications.put(connection, found, finished=True)
        return held


@pytest.mark.parametrize("step", migrations.LINE[:-1])
def test_a_migration_in_a_restored_file_copies_anew(root, database, tmp_path, step):
    """What it had copied lies in a table that belongs to the other file."""
    right = [one.id for one in hits(root, database)]
    held = begin_outside(database, step)
    target = tmp_path / "copy"
    with engine_on(root, database) as engine:
        engine.backup(target)
        made = engine.restore(target)
    with closing(Catalog.open(database)) as catalog, catalog.read() as connection:
        now = migrations.required(connection)
        name = identity.of(connection)
        everything = ledger.rows.column(connection, "SELECT document_id FROM ledger ORDER BY 1")
        assert now.step is (Step.DUAL_WRITE if step is Step.DUAL_WRITE else Step.BACKFILL)
        assert (now.epoch, now.read_percent) == (held.epoch + 1, 0)
        assert outbox.pending(connection, held.target).tolist() == everything
        assert not migrations.is_copied(connection, now)
        assert ledger.space(connection).id == held.source
        assert verifications.latest(connection, held.target) is None
        assert "own" in migrations.events(connection, held.id)[-1].reason
        identity.check(connection, database)
    with closing(Catalog.open(target)) as catalog, catalog.read() as connection:
        assert identity.of(connection) != name
    assert made.owed == len(everything)
    assert [one.id for one in hits(root, database)] == right


def test_a_space_outside_that_answers_is_owed_everything(root, database, tmp_path):
    """And a target in the file keeps its step: it has lost nothing."""
    with closing(Catalog.open(database)) as catalog, catalog.write() as connection:
        connection.execute("UPDATE vector_space SET backend = 'lancedb'")
        source = ledger.space(connection)
        wanted = replace(source, backend="sqlite-vec", index_type="other")
        held = migrations.begin(connection, source, wanted, {})
        held = migrations.step_to(connection, held, Step.BACKFILL, "as planned")
        held = migrations.step_to(connection, held, Step.VERIFY, "as planned")
    target = tmp_path / "copy"
    with engine_on(root, database) as engine:
        engine.backup(target)
        engine.restore(target)
    with closing(Catalog.open(database)) as catalog, catalog.read() as connection:
        assert migrations.required(connection) == held
        everything = ledger.rows.column(connection, "SELECT document_id FROM ledger ORDER BY 1")
        assert outbox.pending(connection, held.source).tolist() == everything
        assert outbox.pending(connection, held.target).tolist() == []


def checked(path):
    with closing(Catalog.open(path)) as catalog, catalog.read() as connection:
        identity.check(connection, path)
        return identity.of(connection)


def test_a_copy_of_a_file_with_vectors_elsewhere_is_refused(database, tmp_path):
    begin_outside(database, Step.BACKFILL)
    name = checked(database)
    copied = shutil.copy(database, tmp_path / "copied.db")
    with pytest.raises(CopiedFileError, match=r"is a copy of .*index\.db.*hikma restore"):
        checked(copied)
    with closing(Catalog.open(copied)) as catalog, catalog.write() as connection:
        owning.own(connection, copied)
    assert checked(copied) != name
    assert checked(database) == name


def test_a_backup_that_is_used_as_it_is_counts_as_a_copy(root, database, tmp_path):
    """Even where its inode is the one that a deleted index had."""
    begin_outside(database, Step.BACKFILL)
    target = tmp_path / "copy"
    with engine_on(root, database) as engine:
        engine.backup(target)
    database.write_bytes(target.read_bytes())
    with pytest.raises(CopiedFileError, match="copy of another index"):
        checked(database)


def test_a_file_that_was_moved_is_the_same_file(database, tmp_path):
    begin_outside(database, Step.BACKFILL)
    name = checked(database)
    assert checked(database.rename(tmp_path / "moved.db")) == name


def test_a_plain_file_may_be_copied_and_each_copy_gets_a_name_before_it_needs_one(
    database, tmp_path
):
    copied = shutil.copy(database, tmp_path / "copied.db")
    checked(copied)
    for path in (database, copied):
        begin_outside(path, Step.DUAL_WRITE)
    assert checked(copied) != checked(database)


def test_the_commands_back_up_and_restore(root, tmp_path):
    assert hikma(root, "index", "--json").result
    target = str(tmp_path / "copy")
    made = hikma(root, "backup", target, "--json").result
    assert made["path"] == target
    assert made["documents"] > 0
    refused(hikma(root, "backup", target), 2, "exists already")
    assert "documents at" in hikma(root, "backup", target, "--force").out
    (root / ".hikma" / "index.db").unlink()
    assert f"is {target} now" in hikma(root, "restore", target).out
    assert hikma(root, "restore", target, "--json").result["owed"] == 0
    assert hikma(root, "doctor").code == 0
    refused(hikma(root, "restore", str(tmp_path / "none")), 3, "no file")
