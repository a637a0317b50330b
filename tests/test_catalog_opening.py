"""What opening accepts, what it refuses with which error, and what a failure leaves behind."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from hikma.catalog import checks, opening, schema, state
from hikma.catalog.opening import check_library
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import SCHEMA_VERSION, STEPS
from hikma.errors import (
    CatalogError,
    CorruptFileError,
    IndexMissingError,
    LockedFileError,
    NewerSchemaError,
    NotHikmaFileError,
    StorageFullError,
    UnsafeLibraryError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(path, create=True)
    yield opened
    opened.close()


def fill(catalog: Catalog, count: int = 200) -> None:
    with catalog.write() as connection:
        for number in range(count):
            state.put(connection, f"key {number}", "x" * 500)


def pragma(connection: apsw.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchall()[0][0]


def test_a_new_file_has_our_layout(catalog: Catalog):
    with catalog.write() as connection:
        assert pragma(connection, "page_size") == 8192
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "synchronous") == 2
        assert pragma(connection, "auto_vacuum") == 2
        assert pragma(connection, "foreign_keys") == 1
        assert pragma(connection, "trusted_schema") == 0
        assert pragma(connection, "mmap_size") == 0
        assert pragma(connection, "user_version") == SCHEMA_VERSION
        assert pragma(connection, "application_id") == 0x48494B4D


def test_creating_leaves_one_file_and_reopening_finds_what_was_written(path: Path):
    catalog = Catalog.open(path, create=True)
    fill(catalog, 1)
    catalog.close()
    assert [one.name for one in path.parent.iterdir()] == ["index.db"]
    reopened = Catalog.open(path)
    assert state.get(reopened.reader(), "key 0") == "x" * 500
    reopened.close()


def test_creating_twice_at_once_gives_one_file(path: Path):
    opened: list[Catalog] = []
    threads = [
        threading.Thread(target=lambda: opened.append(Catalog.open(path, create=True)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 6
    fill(opened[0], 1)
    assert all(state.get(one.reader(), "key 0") for one in opened)
    for one in opened:
        one.close()
    assert not list(path.parent.glob("*.creating.*"))


def test_without_a_file_the_error_names_the_command(path: Path):
    with pytest.raises(IndexMissingError, match="hikma index"):
        Catalog.open(path)
    assert not path.exists()


def test_a_file_without_a_byte_is_new(path: Path):
    path.touch()
    with pytest.raises(IndexMissingError):
        Catalog.open(path)
    catalog = Catalog.open(path, create=True)
    fill(catalog, 1)
    catalog.close()


def test_what_is_not_ours_is_refused_and_untouched(path: Path):
    path.write_text("a diary, not a database " * 50)
    before = path.read_bytes()
    with pytest.raises(NotHikmaFileError):
        Catalog.open(path)
    with pytest.raises(NotHikmaFileError):
        Catalog.open(path, create=True)
    assert path.read_bytes() == before
    with pytest.raises(NotHikmaFileError):
        Catalog.open(path.parent)


def test_another_applications_database_is_refused_and_untouched(path: Path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs(x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(NotHikmaFileError, match="another program"):
        Catalog.open(path, create=True)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(catalog: Catalog, path: Path):
    with catalog.write() as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(NewerSchemaError, match="upgrade"):
        Catalog.open(path)


def test_an_older_schema_is_brought_up_in_one_transaction(path: Path, monkeypatch):
    Catalog.open(path, create=True).close()
    monkeypatch.setattr(opening, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(opening, "STEPS", (*STEPS, "CREATE TABLE later(x); CREATE nonsense"))
    with pytest.raises(apsw.SQLError):
        Catalog.open(path)
    monkeypatch.setattr(opening, "STEPS", (*STEPS, "CREATE TABLE later(x)"))
    catalog = Catalog.open(path)
    assert catalog.reader().execute("SELECT count(*) FROM later").fetchall() == [(0,)]
    assert pragma(catalog.reader(), "user_version") == SCHEMA_VERSION + 1
    catalog.close()


def test_a_truncated_file_is_refused_at_opening(path: Path):
    catalog = Catalog.open(path, create=True)
    fill(catalog)
    catalog.close()
    size = path.stat().st_size
    for kept in (size - 1, size // 2, 8192, 100):
        os.truncate(path, kept)
        with pytest.raises(CorruptFileError, match="hikma doctor"):
            Catalog.open(path)


def test_flipped_bytes_end_in_our_errors_or_a_finding(path: Path):
    """Whatever byte is damaged, no error of SQLite escapes; many damages are told."""
    catalog = Catalog.open(path, create=True)
    fill(catalog)
    catalog.close()
    sound = path.read_bytes()
    told = 0
    for seed in range(40):
        damaged = bytearray(sound)
        for place in np.random.default_rng(seed).integers(len(damaged), size=60):
            damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        told += _is_told(path)
    assert told >= 20
    path.write_bytes(sound)
    assert not _is_told(path)


def _is_told(path: Path) -> bool:
    try:
        catalog = Catalog.open(path)
    except CatalogError:
        return True
    try:
        with catalog.read() as connection:
            for key in range(200):
                state.get(connection, f"key {key}")
            return bool(checks.examine(connection))
    except CatalogError:
        return True
    finally:
        catalog.close()


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2"])
def test_a_library_with_the_wal_reset_bug_is_refused(version: str):
    with pytest.raises(UnsafeLibraryError, match="apsw"):
        check_library(version)


def test_a_safe_library_is_accepted():
    for version in ("3.6.23", "3.51.3", "3.54.1", "4.0"):
        assert check_library(version) is None


def test_a_full_disk_is_told_and_costs_only_the_last_write(catalog: Catalog):
    fill(catalog, 20)
    writer = catalog._open_writer()
    writer.execute(f"PRAGMA max_page_count = {pragma(writer, 'page_count')}")
    with pytest.raises(StorageFullError, match="space"):
        fill(catalog, 5_000)
    assert state.get(catalog.reader(), "key 19") is not None
    assert state.get(catalog.reader(), "key 20") is None
    with catalog.read() as connection:
        assert checks.examine(connection) == []
    writer.execute("PRAGMA max_page_count = 1000000")
    fill(catalog, 300)


def test_a_locked_file_is_told(catalog: Catalog, path: Path, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_MS", 50)
    second = Catalog.open(path)
    with catalog.write(), pytest.raises(LockedFileError):
        fill(second, 1)
    fill(second, 1)
    second.close()


# Drops the right of the superuser to ignore permissions, then runs the rest in a fresh program.
UNPRIVILEGED = """
import ctypes, os, sys
if os.geteuid() == 0:
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
"""
LOOK = """
import json, sys
from pathlib import Path
from hikma.catalog import state
from hikma.catalog.schema import Catalog
from hikma.errors import HikmaError
def attempt(action):
    try:
        return action()
    except HikmaError as error:
        return type(error).__name__
def write():
    with catalog.write() as connection:
        state.put(connection, "a", "b")
def hold():
    with catalog.exclusive("index", 1):
        return "held"
path = Path(sys.argv[1])
catalog = Catalog.open(path)
print(json.dumps([
    state.get(catalog.reader(), "key 0") is not None,
    attempt(write),
    attempt(hold),
    attempt(lambda: Catalog.open(path.with_name("other.db"), create=True)),
    attempt(lambda: Catalog.open(path.parent / "deep" / "er" / "other.db", create=True)),
]))
"""


def test_a_read_only_folder_can_be_read_and_says_why_it_cannot_be_written(tmp_path: Path):
    folder = tmp_path / "sealed"
    catalog = Catalog.open(folder / "index.db", create=True)
    fill(catalog, 1)
    catalog.close()
    (folder / "index.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        found = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, LOOK, str(folder / "index.db")],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        folder.chmod(0o755)
    assert json.loads(found.stdout) == [True, *["ReadOnlyFileError"] * 4]
    assert [one.name for one in folder.iterdir()] == ["index.db"]


def test_a_failed_creation_leaves_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(opening, "STEPS", (*STEPS, "CREATE nonsense"))
    with pytest.raises(apsw.SQLError):
        Catalog.open(tmp_path / "deep" / "er" / "index.db", create=True)
    assert list(tmp_path.iterdir()) == []


def test_the_draft_of_a_killed_creator_is_swept(path: Path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    left = path.with_name(f"index.db.creating.{child.pid}.ab")
    kept = path.with_name(f"index.db.creating.{os.getpid()}.ab")
    left.touch()
    kept.touch()
    Catalog.open(path, create=True).close()
    assert not left.exists()
    assert kept.exists()
