"""Backups under load, on full disks and under kill -9: the drill that a disaster will be."""

import json
import os
import random
import shutil
import time
from contextlib import suppress

import pytest
from scene import index, make_scene
from test_disks import _fill as fill
from test_disks import disk  # noqa: F401 -- a fixture

from driver import engine_on, in_process
from hikma import history, indexing
from hikma.domain import Query
from hikma.errors import IndexMissingError, StorageFullError
from processes import Driver
from rows import differences, rows_of

pytestmark = pytest.mark.faults

QUERY = Query("move the value on")
KILLS = int(os.environ.get("HIKMA_TEST_KILLS", "12"))
SEED = 20_240_301
_NEEDED = {"index.db", "index.db.lock", "index.db-wal", "index.db-shm"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Index without worker processes: only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


def made(root, database, copy):
    """Back up; return the copy."""
    with engine_on(root, database) as engine:
        engine.backup(copy)
    return copy


def answers(root, database):
    with engine_on(root, database) as engine:
        assert {one.name for one in engine.examine()} <= {"head"}
        result = engine.search(QUERY)
        return [(one.id, one.score) for one in result.hits]


def test_the_drill(scene, tmp_path):
    """Back up while another process writes, lose the file, restore, look, search, index."""
    root = shutil.copytree(scene.before, tmp_path / "work" / "sample")
    database, copy, stop = scene.copy(tmp_path), tmp_path / "copy", tmp_path / "stop"
    with Driver() as driver:
        child = driver.start("churn", root, database, stop=str(stop))
        made_of = []
        with engine_on(root, database) as engine:
            for _ in range(8):
                made_of.append(engine.backup(copy, force=True))
                time.sleep(0.05)
        stop.touch()
        assert driver.finish(child) == 0
    assert len({one.documents for one in made_of}) > 1, "the writer did not write meanwhile"
    for one in tmp_path.glob("index.db*"):
        one.unlink()
    with engine_on(root, database) as engine:
        engine.restore(copy)
    right = answers(root, copy)
    assert right
    assert answers(root, database) == right
    (root / "churned.py").unlink()
    index(root, database)
    assert differences(rows_of(database), scene.rows_before) == []


def test_a_process_that_reads_sees_the_old_index_or_the_restored_one(scene, tmp_path):
    database = scene.copy(tmp_path)
    copy = made(scene.before, database, tmp_path / "copy")
    index(scene.after, database)
    stop, found = tmp_path / "stop", tmp_path / "found"
    job = {"query": QUERY.text, "stop": str(stop), "found": str(found)}
    with Driver() as driver:
        child = driver.start("search", scene.after, database, **job)
        with engine_on(scene.after, database) as engine:
            for _ in range(3):
                engine.restore(copy)
                time.sleep(0.1)
                engine.index()
                time.sleep(0.1)
            engine.restore(copy)
        time.sleep(0.3)
        stop.touch()
        assert driver.finish(child) == 0
    heads = {head for _, head, _, _ in json.loads(found.read_text())}
    assert {one["state"]["head"] for one in (scene.rows_before, scene.rows_after)} <= heads
    assert all(hits and not degraded for hits, _, _, degraded in json.loads(found.read_text()))


@pytest.mark.parametrize("share", [0, 0.05, 0.5, 1.0])
def test_a_backup_to_a_full_disk_is_told_and_leaves_nothing(scene, disk, tmp_path, share):  # noqa: F811 -- the fixture
    """The shares are of what the index takes: with all of it the log of the last step has none."""
    database = scene.copy(tmp_path)
    former = disk / "former"
    former.write_text("kept", encoding="utf-8")
    filler = fill(disk, int(share * database.stat().st_size))
    with engine_on(scene.before, database) as engine:
        for target in (disk / "copy", former):
            with pytest.raises(StorageFullError, match=f"where {target} lies"):
                engine.backup(target, force=True)
    assert sorted(one.name for one in disk.iterdir()) == ["filler", "former"]
    assert former.read_text(encoding="utf-8") == "kept"
    filler.unlink()
    assert (
        differences(rows_of(made(scene.before, database, disk / "copy")), rows_of(database)) == []
    )


@pytest.mark.parametrize("share", [0, 0.2, 0.9, 1.5])
def test_a_restore_on_a_full_disk_is_told_and_changes_nothing(scene, disk, tmp_path, share):  # noqa: F811 -- the fixture
    """Also where the draft has room, and the log of the transaction has none."""
    copy = made(scene.before, scene.copy(tmp_path), tmp_path / "copy")
    database = scene.copy(disk)
    index(scene.after, database)
    filler = fill(disk, int(share * copy.stat().st_size))
    with (
        engine_on(scene.after, database) as engine,
        pytest.raises(StorageFullError, match="Free some space"),
    ):
        engine.restore(copy)
    assert answers(scene.after, database)
    filler.unlink()
    assert differences(rows_of(database), scene.rows_after) == []
    assert {one.name for one in disk.iterdir()} <= _NEEDED
    with engine_on(scene.after, database) as engine:
        engine.restore(copy)
    assert differences(rows_of(database), scene.rows_before) == []


def test_a_first_restore_on_a_full_disk_leaves_no_ruin(scene, disk, tmp_path):  # noqa: F811 -- the fixture
    copy = made(scene.before, scene.copy(tmp_path), tmp_path / "copy")
    fill(disk, 163_840)
    with engine_on(scene.before, disk / "index.db") as engine:
        with pytest.raises(StorageFullError):
            engine.restore(copy)
        with pytest.raises(IndexMissingError):
            engine.search(QUERY)


@pytest.mark.parametrize("job", ["backup", "restore", "first restore"])
def test_kill_9_leaves_the_former_state_or_the_other_one_whole(scene, tmp_path, job):
    """Moments are uniform over the measured time of each job."""
    moments = random.Random(SEED)  # noqa: S311 -- moments, not secrets
    former = made(scene.before, scene.copy(tmp_path), tmp_path / "former")
    index(scene.after, tmp_path / "index.db")
    other = made(scene.after, tmp_path / "index.db", tmp_path / "other")
    with Driver() as driver:
        took = driver.time(*_prepared(job, scene, former, tmp_path / "timed"), copy=str(other))
        killed = 0
        for n in range(KILLS):
            folder = tmp_path / str(n)
            work = _prepared(job, scene, former, folder)
            copy = shutil.copy(former, folder / "copy") if job == "backup" else other
            moment = moments.uniform(0, took)
            killed += driver.kill_after(moment, *work, copy=str(copy))
            told = f"kill {n} of {job} after {moment:.3f} of {took:.3f} s"
            _check_whole(scene, job, work[2], copy, told)
            assert driver.time(*work, copy=str(copy)) > 0
            end = rows_of(copy if job == "backup" else work[2])
            assert differences(end, scene.rows_after) == [], told
            assert _left_behind(folder) == [], told
            shutil.rmtree(folder)
    assert killed > KILLS // 3, "most kills came too late"


def _prepared(job, scene, former, folder):
    """Return what the driver is to do in a folder: a job, on a work tree and an index."""
    folder.mkdir()
    database = folder / "index.db"
    if job == "backup":
        shutil.copy(former.with_name("index.db"), database)
    if job == "restore":
        shutil.copy(former, database)
    return job.removeprefix("first "), scene.after, database


def _check_whole(scene, job, database, copy, told):
    """Every file that there is is of one state."""
    first = job == "first restore"
    with suppress(*[IndexMissingError] if first else []):
        assert answers(scene.after, database), told
        found = rows_of(copy if job == "backup" else database)
        ends = [scene.rows_before, scene.rows_after]
        assert [] in [differences(found, rows) for rows in ends[first:]], told


def _left_behind(folder):
    """Return what no living process needs; a log beside the copy is of its reader here."""
    needed = {*_NEEDED, "copy", "copy-wal", "copy-shm"}
    return sorted(one.name for one in folder.iterdir() if one.name not in needed)
