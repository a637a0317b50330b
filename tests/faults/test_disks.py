"""A disk that is full or read-only: a clear error, and the last good index goes on answering."""

import subprocess
from pathlib import Path

import pytest
from driver import engine_on, in_process
from processes import Driver
from rows import differences, rows_of
from scene import index, make_scene

from hikma import indexing
from hikma.domain import Query
from hikma.errors import IndexMissingError, ReadOnlyFileError, StorageFullError

pytestmark = pytest.mark.faults

DISK_BYTES = 3 << 20


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.getbasetemp())


@pytest.fixture
def in_this_process(monkeypatch):
    """Index without worker processes: only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)


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
    free = _free(disk)
    with filler.open("wb") as file:
        file.write(b"x" * (free - left))
    return filler


def _free(disk):
    import shutil

    return shutil.disk_usage(disk).free


def _answers(root, database):
    with engine_on(root, database) as engine:
        assert engine.examine() in ([], [one for one in engine.examine() if one.name == "head"])
        return engine.search(Query("move the value on")).hits


@pytest.mark.parametrize("left", [0, 4096, 40_960, 81_920, 163_840, 327_680])
@pytest.mark.parametrize("job", ["changed", "full"])
def test_a_full_disk_is_told_and_the_last_good_index_answers(
    scene, disk, in_this_process, job, left
):
    database = scene.copy(disk)
    index(scene.before, database)
    filler = _fill(disk, left)
    with engine_on(scene.after, database) as engine, pytest.raises(StorageFullError, match="[Ff]ree"):
        engine.index(full=job == "full")
    assert _answers(scene.after, database)
    filler.unlink()
    index(scene.after, database)
    assert differences(rows_of(database), scene.rows_after) == []
