"""The file as a resource: what transactions keep, who may write, what survives a kill."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hikma.catalog import checks, state
from hikma.catalog.schema import Catalog
from hikma.errors import (
    LockedFileError,
    ReadOnlyFileError,
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


def test_no_extension_can_be_loaded_and_no_inner_table_written(catalog: Catalog):
    for connection in (catalog.reader(), catalog._open_writer()):
        with pytest.raises(apsw.Error):
            connection.load_extension("anything")
        with pytest.raises(apsw.Error):
            connection.execute("SELECT load_extension('anything')")
    with pytest.raises(apsw.SQLError, match="may not be modified"), catalog.write() as connection:
        connection.execute("DELETE FROM fulltext_docsize")
    with catalog.write() as connection:
        connection.execute("PRAGMA writable_schema = 1")
        with pytest.raises(apsw.SQLError):
            connection.execute("UPDATE sqlite_schema SET sql = ''")


def test_readers_cannot_write(catalog: Catalog):
    with pytest.raises(ReadOnlyFileError), catalog.read() as connection:
        state.put(connection, "key", "value")


def test_a_failed_write_is_undone_whole(catalog: Catalog):
    def write() -> None:
        with catalog.write() as connection:
            state.put(connection, "a", "1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert state.get(catalog.reader(), "a") is None
    fill(catalog, 1)


def test_a_nested_write_joins_the_outer_one(catalog: Catalog):
    with catalog.write() as outer:
        with catalog.write() as inner:
            assert inner is outer
            state.put(inner, "a", "1")
        assert state.get(catalog.reader(), "a") is None
        with catalog.read() as connection:
            assert state.get(connection, "a") == "1"
    assert state.get(catalog.reader(), "a") == "1"


def test_reading_is_one_consistent_state(catalog: Catalog):
    fill(catalog, 1)
    with catalog.read() as connection:
        assert state.get(connection, "key 0") is not None
        writer = threading.Thread(target=fill, args=(catalog, 3))
        writer.start()
        writer.join()
        with catalog.read() as again:
            assert again is connection
            assert state.get(again, "key 2") is None
        assert state.get(connection, "key 2") is None
    with catalog.read() as connection:
        assert state.get(connection, "key 2") is not None


def test_each_thread_has_its_own_reader_and_writers_take_turns(catalog: Catalog):
    readers = {id(catalog.reader()): catalog.reader()}

    def work(number: int) -> None:
        readers[id(catalog.reader())] = catalog.reader()
        for turn in range(20):
            with catalog.write() as connection:
                before = int(state.get(connection, "count") or 0)
                state.put(connection, "count", str(before + 1))
            with catalog.read() as connection:
                assert int(state.get(connection, "count") or 0) > 0, (number, turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.get(catalog.reader(), "count") == "80"
    assert len(readers) == 5


HOLD = """
import sys, time
from pathlib import Path
from hikma.catalog.schema import Catalog
catalog = Catalog.open(Path(sys.argv[1]))
with catalog.exclusive("index", 5):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_writers_lock_names_its_holder_and_dies_with_it(catalog: Catalog, path: Path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    holder = catalog.holder()
    assert holder is not None
    assert (holder.pid, holder.purpose) == (child.pid, "index")
    with pytest.raises(LockedFileError, match=f"process {child.pid}"), catalog.exclusive("gc", 0.1):
        pass
    fill(catalog, 1)  # readers and short writes are not kept out
    child.kill()
    child.wait()
    child.stdout.close()
    assert catalog.holder() is None
    with catalog.exclusive("gc", 1), catalog.exclusive("gc", 1):
        found = catalog.holder()
        assert found is not None
        assert found.pid == os.getpid()
    assert catalog.holder() is None


def test_a_draft_replaces_the_file_while_a_reader_keeps_the_old_state(catalog: Catalog, path: Path):
    fill(catalog, 2)
    draft = Catalog.open(path.with_name("draft.db"), create=True)
    with draft.write() as connection:
        state.put(connection, "fresh", "1")
    draft.close()
    with catalog.read() as connection:
        assert state.get(connection, "key 0") is not None
        thread = threading.Thread(target=catalog.replace_by, args=(path.with_name("draft.db"),))
        thread.start()
        thread.join()
        assert state.get(connection, "key 1") is not None
        assert state.get(connection, "fresh") is None
    with catalog.read() as connection:
        assert state.get(connection, "key 0") is None
        assert state.get(connection, "fresh") == "1"
        assert checks.examine(connection) == []
    fill(catalog, 1)


WRITE = """
import sys
from pathlib import Path
from hikma.catalog import state
from hikma.catalog.schema import Catalog
catalog = Catalog.open(Path(sys.argv[1]))
number = int(state.get(catalog.reader(), "count") or 0)
while True:
    number += 1
    with catalog.write() as connection:
        state.put(connection, "count", str(number))
        state.put(connection, f"key {number}", "x" * 5000)
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(catalog: Catalog, path: Path):
    catalog.close()
    for turn in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(5 + turn):
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        reopened = Catalog.open(path)
        with reopened.read() as connection:
            count = int(state.get(connection, "count") or 0)
            assert count >= last
            assert all(state.get(connection, f"key {one}") for one in range(1, count + 1))
            assert checks.examine(connection) == []
        reopened.close()
