"""Kill -9 in the middle of a migration, at every point that has a name: nothing is lost."""

import json
import os
import signal
import time
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory

import points
import pytest
from journey import (
    BACK,
    OUT,
    assert_answers,
    check,
    end,
    in_small_parts,  # noqa: F401 -- a fixture
    opened,
    set_out,
    state_after,
)
from test_moving_objects import proxy, server  # noqa: F401 -- fixtures

from hikma.applying import apply_once
from hikma.errors import LockedFileError
from processes import Driver

pytestmark = pytest.mark.faults

APPLYING = list(points.POINTS)[:5]
EDGE = ("in the edge's transaction", "after the edge")
MARCHES = {
    OUT: [
        *(("dual_write", "travel", name, 1) for name in (*APPLYING, points.WRITTEN, *EDGE)),
        ("backfill", "travel", "chunk owed, not committed", 1),
        ("backfill", "travel", "chunk owed, not brought", 1),
        ("backfill", "travel", points.WRITTEN, 1),
        ("backfill", "travel", "between two chunks", 1),
        ("backfill", "travel", "committed by LanceDB, not synced", 2),
        *(("backfill", "travel", name, 1) for name in EDGE),
        ("verify", "keep up", points.WRITTEN, 1),
        ("verify", "keep up", "committed by LanceDB, not synced", 1),
        ("verify", "travel", "compared, not counted", 2),
        ("verify", "travel", "between two ranges", 2),
        *((step, "travel", name, 1) for step in ("verify", "shadow", "canary") for name in EDGE),
        ("canary", "rebuild", "in the rebuild of vec0", 1),
        *(("canary", "checkpoint", points.CHECKPOINT, nth) for nth in (1, 4)),
        ("canary", "travel", "after the edge", 1),
        ("canary", "travel", "after the edge", 1),
        *(("cutover", "travel", name, 1) for name in EDGE),
        ("soak", "finalize", EDGE[0], 1),
        ("soak", "finalize", "after the last edge", 1),
    ],
    BACK: [
        ("dual_write", "travel", "after the edge", 1),
        ("backfill", "travel", "struck off, not committed", 2),
        ("backfill", "travel", "after the edge", 1),
        ("verify", "travel", "between two ranges", 2),
        *(("cutover", "travel", name, 1) for name in (*APPLYING, points.WRITTEN, *EDGE)),
        ("soak", "drain", "brought, still owed", 1),
        ("soak", "finalize", EDGE[0], 1),
    ],
}
BACKWARDS = [
    ("backfill", "travel", "chunk owed, not brought", 1),
    ("canary", "roll back", "in the edge's transaction", 1),
    ("canary", "roll back", "after the rollback", 1),
    ("soak", "roll back", "in the edge's transaction", 1),
    ("soak", "roll back", "after the rollback", 1),
]


@pytest.fixture
def folder(tmp_path):
    """Return a folder in memory where there is one: a kill is no loss of power."""
    memory = Path("/dev/shm")  # noqa: S108 -- a folder of its own in it
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as made:
        yield Path(made)


@pytest.fixture(scope="module")
def driver():
    with Driver(Path(points.__file__)) as started:
        yield started


def kill(driver, folder, case, written=0, **more):
    """Let a process travel until it dies; return the file as the next one finds it, checked."""
    at, do, point, nth = case
    log = folder / "acknowledged"
    log.unlink(missing_ok=True)
    job = {"at": at, "point": point, "nth": nth, "written": written, **more}
    status = driver.finish(driver.start(do, folder, folder / "index.db", **job))
    assert os.WTERMSIG(status) == signal.SIGKILL, f"{case} was not passed: {status}"
    journey = opened(folder, written)
    try:
        check(journey, written + log.stat().st_size)
    except BaseException as error:
        error.add_note(f"after {case}")
        raise
    return journey


@pytest.mark.parametrize("direction", MARCHES)
def test_a_migration_that_dies_at_every_named_point_arrives_whole(driver, folder, direction):
    """One file goes the whole way; each process dies at the next point, and all that is checked."""
    journey = set_out(folder, direction)
    for case in MARCHES[direction]:
        journey.close()
        journey = kill(driver, folder, case, journey.written)
        if case[1] == "keep up":
            points.keep_up(journey)
            check(journey, journey.written)
    if journey.held_migration().step != "finalized":
        end(journey, "go on")
    journey.close()


@pytest.mark.parametrize("direction", MARCHES)
@pytest.mark.parametrize("case", BACKWARDS, ids=lambda case: ", ".join(map(str, case)))
def test_what_dies_on_the_way_back_is_back(driver, folder, direction, case):
    set_out(folder, direction).close()
    journey = kill(driver, folder, case)
    if journey.held_migration().step != "rolled_back":
        end(journey, "roll back")
    journey.close()


def test_what_was_not_synced_may_be_lost_and_nothing_acknowledged_was_not(driver, folder):
    """A disk that forgets what was not synced when the process dies, at points of each kind."""
    journey = set_out(folder)
    for case in [one for one in MARCHES[OUT] if one[1] == "travel"][::4]:
        journey.close()
        journey = kill(driver, folder, case, journey.written, forgetful=True)
    end(journey, "go on")
    journey.close()


def test_that_disk_does_forget(driver, folder, monkeypatch):
    set_out(folder).close()
    case = ("backfill", "travel", "between two chunks", 1)
    with pytest.raises(AssertionError, match="I1"):
        kill(driver, folder, case, forgetful=True, careless=True)


@pytest.mark.parametrize("every", [{"write": 97}, {"sync": 13}])
def test_a_disk_that_fails_now_and_then_delays_and_loses_nothing(driver, folder, every):
    set_out(folder).close()
    child = driver.start("persist", folder, folder / "index.db", every=every)
    assert driver.finish(child) == 0
    failures, errors = json.loads((folder / "errors").read_text())
    assert failures > 5
    assert len(errors) > 5
    assert {"check the disk" in one for one in errors} == {True}


def test_of_two_appliers_the_other_takes_over_from_one_that_is_killed(driver, folder):
    """And neither writes nor answers wait for the one that holds the space and does not move."""
    journey = set_out(folder)
    job = {"at": "dual_write", "until": "dual_write", "written": 0}
    job["point"] = "committed by LanceDB, not synced"
    held = driver.start("drain", folder, folder / "index.db", nth=1, stops=True, **job)
    while Path(f"/proc/{held}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.01)
    journey.written, journey.right = 3, state_after(3)
    target = journey.target(journey.held_migration().target)
    with pytest.raises(LockedFileError, match="Another process is bringing vectors"):
        apply_once(target)
    journey.write()
    assert_answers(journey)
    job["written"] = journey.written
    other = driver.start("drain", folder, folder / "index.db", nth=9, **job)
    os.kill(held, signal.SIGKILL)
    assert driver.finish(other) == 0
    assert os.WIFSIGNALED(driver.finish(held))
    check(journey, 7)
    end(journey, "go on")
    journey.close()


@pytest.mark.parametrize("handed_on", [False, True], ids=["before", "after"])
def test_a_kill_around_the_commit_on_object_storage(driver, proxy, folder, handed_on):  # noqa: F811 -- the fixture
    """The rows are there and the version is not; or it is, and who wrote it never knew."""
    set_out(folder, OUT, f"s3://journeys/{os.urandom(4).hex()}").close()
    child, commits = Future(), []

    def sees(piece):
        if piece.startswith(b"PUT ") and b"/_versions/" in piece.partition(b"\r\n")[0]:
            commits.append(piece)
            if len(commits) == 3:
                os.kill(child.result(), signal.SIGKILL)
                if not handed_on:
                    raise OSError

    proxy.sees = sees
    names = [name for name in os.environ if name.startswith("AWS_")]
    job = {"at": "", "point": "", "nth": 0, "written": 0}
    job["environment"] = {name: os.environ[name] for name in names}
    child.set_result(driver.start("travel", folder, folder / "index.db", **job))
    assert os.WTERMSIG(driver.finish(child.result())) == signal.SIGKILL
    proxy.heal()
    journey = opened(folder)
    check(journey, (folder / "acknowledged").stat().st_size)
    journey.close()


def test_a_process_without_free_handles_says_so_and_the_next_one_goes_on(driver, folder):
    set_out(folder).close()
    child = driver.start("starve", folder, folder / "index.db")
    assert driver.finish(child) == 0
    assert len(json.loads((folder / "errors").read_text())) >= 2
    journey = opened(folder)
    assert journey.held_migration().step == "soak"
    journey.close()
