"""Whatever dies at whatever moment: the file is sound, answers, and the next run completes it."""

import os
import random
import shutil
from contextlib import suppress

import pytest
from scene import index, make_scene

from driver import engine_on, in_process
from hikma import history, indexing
from hikma.domain import Query
from hikma.errors import IndexMissingError
from hikma.results import HISTORY_COMPLETE
from processes import Driver
from rows import differences, rows_of

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("HIKMA_TEST_KILLS", "25"))
JOBS = ("cold", "changed", "full", "gc", "rebuild")
SEED = 20_240_301
WITH_WORKERS = 6
"""Every so many kills the files are read by worker processes, whose start is most of the time."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def driver():
    with Driver() as started:
        yield started


@pytest.fixture
def in_this_process(monkeypatch):
    """Complete what was killed without worker processes: only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


def test_kill_9_at_any_moment_loses_nothing(scene, driver, in_this_process, tmp_path):
    """Moments are uniform over the measured time of each job."""
    moments = random.Random(SEED)  # noqa: S311 -- moments, not secrets
    took = {job: _time(scene, driver, job, tmp_path / job) for job in JOBS}
    killed = attempts = 0
    while killed < KILLS:
        job = JOBS[killed % len(JOBS)]
        folder = tmp_path / str(attempts)
        database = _prepare(scene, job, folder)
        root, do = _work(scene, job)
        workers = killed % WITH_WORKERS == WITH_WORKERS - 1
        moment = moments.uniform(0, took[job])
        hit = driver.kill_after(moment, do, root, database, workers=workers)
        told = f"kill {killed} of {job} after {moment:.3f} of {took[job]:.3f} s"
        _check_sound(scene, job, root, database, told)
        index(root, database)
        assert differences(rows_of(database), _end(scene, job)) == [], told
        assert _left_behind(folder) == [], told
        shutil.rmtree(folder)
        killed += hit
        attempts += 1
        took[job] *= 1 if hit else 0.9  # the machine is faster than when the job was timed
        assert attempts < 4 * KILLS, "most kills came too late: the jobs are too short to be hit"


def _work(scene, job):
    """Return the work tree that a job indexes, and what the driver is told to do."""
    root = scene.after if job in ("cold", "changed") else scene.before
    return root, "index" if job in ("cold", "changed") else job


def _prepare(scene, job, folder):
    folder.mkdir()
    return folder / "index.db" if job == "cold" else scene.copy(folder)


def _time(scene, driver, job, folder):
    """Measure a job once undisturbed; a cold run is timed on its second try."""
    root, do = _work(scene, job)
    return driver.time(do, root, _prepare(scene, job, folder))


def _check_sound(scene, job, root, database, told):
    """Reopen: clean or partial, answering or saying that there is no index."""
    with engine_on(root, database) as engine, suppress(*_may_be_missing(job)):
        findings = engine.examine()
        assert [one for one in findings if one.name not in {"head", "history"}] == [], told
        result = engine.search(Query("move the value on"))
        # Of a first run that was killed early there may be no word yet, and that alone is said.
        wordless = job == "cold" and [one[:7] for one in result.degraded] == ["words: "]
        assert result.degraded == () or wordless, told
        assert result.index.partial == (engine.status().index.partial), told
        if job != "cold":
            assert result.hits, told
        if result.index.partial or result.index.history != HISTORY_COMPLETE:
            assert job in ("cold", "changed"), told
        else:
            whole = [differences(rows_of(database), rows) for rows in _ends(scene, job)]
            assert [] in whole, told


def _ends(scene, job):
    """Return the rows of an index that does not say that it is partial."""
    return (scene.rows_before, scene.rows_after) if job == "changed" else (_end(scene, job),)


def _end(scene, job):
    return scene.rows_after if job in ("cold", "changed") else scene.rows_before


def _may_be_missing(job):
    return (IndexMissingError,) if job == "cold" else ()


def _left_behind(folder):
    """Return the files beside an index that no living process needs."""
    needed = {"index.db", "index.db.lock", "index.db-wal", "index.db-shm"}
    return sorted(one.name for one in folder.iterdir() if one.name not in needed)
