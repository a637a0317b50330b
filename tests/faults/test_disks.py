"""A disk that is full or read-only: a clear error, and the last good index goes on answering."""

import shutil
import subprocess
from contextlib import suppress

import pytest
from scene import index, make_scene

from driver import engine_on, in_process
from hikma import history, indexing
from hikma.domain import Query
from hikma.errors import IndexMissingError, ReadOnlyFileError, StorageFullError
from processes import Driver
from rows import differences, rows_of

pytestmark = pytest.mark.faults

DISK_BYTES = 24 << 20
"""Room for the file and for its log, which reaches 8 MiB before it is moved into the file."""
QUERY = Query("move the value on")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.getbasetemp())


@pytest.fixture
def in_this_process(monkeypatch):
    """Index without worker processes: only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


@pytest.fixture
def disk(tmp_path):
    """Return a small disk of its own, where the machine lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    refused = _run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place))
    if refused:
        pytest.skip(f"a small disk cannot be mounted here: {refused}")
    yield place
    _run("umount", "--lazy", str(place))


def _run(*command):
    """Run a command; return what it complained about, nothing if it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or ("it failed" if done.returncode else "")


def _fill(disk, left):
    """Leave so many bytes free."""
    filler = disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - left))
    return filler


def _make_read_only(disk):
    assert not _run("mount", "-o", "remount,ro", str(disk))


def _answers(root, database):
    """Look at a file as the next command would: it is sound, or partial, and answers."""
    with engine_on(root, database) as engine:
        assert {one.name for one in engine.examine()} <= {"head"}
        return engine.search(QUERY).hits


@pytest.mark.parametrize("left", [0, 4_096, 40_960, 163_840, 327_680])
@pytest.mark.parametrize("job", ["changed", "full"])
def test_a_full_disk_is_told_and_the_last_good_index_answers(
    scene, disk, in_this_process, job, left
):
    """And once there is space the index is completed."""
    database = scene.copy(disk)
    index(scene.before, database)
    filler = _fill(disk, left)
    with (
        engine_on(scene.after, database) as engine,
        pytest.raises(StorageFullError, match="Free some space"),
    ):
        engine.index(full=job == "full")
    assert _answers(scene.after, database)
    if job == "full":
        assert differences(rows_of(database), scene.rows_before) == []
    filler.unlink()
    index(scene.after, database)
    assert differences(rows_of(database), scene.rows_after) == []


def test_an_open_engine_outlives_a_full_disk(scene, disk, in_this_process):
    """A server answers while the disk is full, and sees what is written once it is not."""
    database = scene.copy(disk)
    with engine_on(scene.before, database) as writer:
        writer.index()
    filler = _fill(disk, 0)
    with engine_on(scene.before, database) as engine:
        assert engine.search(QUERY).hits
        filler.unlink()
        index(scene.after, database)
        head = engine.search(QUERY).index.head
    assert head == scene.rows_after["state"]["head"]


@pytest.mark.parametrize("left", [0, 8_192, 163_840])
def test_a_first_index_on_a_full_disk_is_told_and_leaves_no_ruin(
    scene, disk, in_this_process, left
):
    filler = _fill(disk, left)
    database = disk / "index.db"
    with engine_on(scene.after, database) as engine, pytest.raises(StorageFullError):
        engine.index()
    with suppress(IndexMissingError):  # either may be
        _answers(scene.after, database)
    filler.unlink()
    index(scene.after, database)
    assert differences(rows_of(database), scene.rows_after) == []


def test_looking_after_vectors_on_a_full_disk_is_told_and_changes_nothing(
    scene, disk, in_this_process
):
    database = scene.copy(disk)
    _fill(disk, 40_960)
    with engine_on(scene.before, database) as engine, pytest.raises(StorageFullError):
        engine.rebuild_vectors()
    with engine_on(scene.before, database) as engine, suppress(StorageFullError):
        engine.collect()
    assert _answers(scene.before, database)
    assert differences(rows_of(database), scene.rows_before) == []


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_a_read_only_folder_answers_and_says_why_it_cannot_be_written(
    scene, disk, in_this_process, killed
):
    """Also where the last writer was killed and its log must be read."""
    database = scene.copy(disk)
    if killed:
        with Driver() as driver:
            took = driver.time("index", scene.after, scene.copy(disk))
            scene.copy(disk)
            assert driver.kill_after(took / 2, "index", scene.after, database)
    _make_read_only(disk)
    assert _answers(scene.before, database)
    with engine_on(scene.after, database) as engine:
        for writing in (engine.index, engine.collect, engine.rebuild_vectors):
            with pytest.raises(ReadOnlyFileError, match="HIKMA_DATABASE"):
                writing()


def test_a_first_index_in_a_read_only_folder_says_why(scene, disk):
    _make_read_only(disk)
    with engine_on(scene.after, disk / "deep" / "index.db") as engine:
        with pytest.raises(ReadOnlyFileError, match="HIKMA_DATABASE"):
            engine.index()
        with pytest.raises(IndexMissingError):
            engine.search(QUERY)
