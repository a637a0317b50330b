"""A migration whose places are full, read-only or out of handles: told, and gone on with."""

import pytest
from journey import (
    OUT,
    assert_answers,
    check,
    end,
    go,
    in_small_parts,  # noqa: F401 -- a fixture
    move,
    opened,
    set_out,
)
from test_disks import _fill as fill
from test_disks import _run, disk  # noqa: F401 -- a fixture

from hikma.catalog.migrations import Step
from hikma.errors import MigrationError, StorageFullError, StoreError
from hikma.migration import backfilling, stepping

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(backfilling, "_WAIT_S", 0.0)
    monkeypatch.setattr(stepping, "_DRAIN_S", 0.0)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_target_that_cannot_be_written_waits_and_the_source_serves(disk, tmp_path, fault):  # noqa: F811 -- the fixture
    journey = set_out(tmp_path, OUT, str(disk / "vectors"))
    go(journey, Step.BACKFILL)
    filler = fill(disk, 0) if fault == "full" else None
    if fault == "read-only":
        assert not _run("mount", "-o", "remount,ro", str(disk))
    for _ in range(2):
        journey.write()
        with pytest.raises(StoreError, match=r"They stay owed; repeat when it can be written"):
            stepping.advance(move(journey))
        assert_answers(journey)
    if fault == "full":
        filler.unlink()
    else:
        assert not _run("mount", "-o", "remount,rw", str(disk))
    check(journey, journey.written)
    end(journey, "go on")
    journey.close()


def test_a_target_that_answers_and_can_no_longer_be_written_is_right_and_can_be_left(
    disk,  # noqa: F811 -- the fixture
    tmp_path,
):
    journey = set_out(tmp_path, OUT, str(disk / "vectors"))
    go(journey, Step.SOAK)
    assert not _run("mount", "-o", "remount,ro", str(disk))
    journey.write()
    assert_answers(journey)
    with pytest.raises(MigrationError, match="still owed"):
        stepping.finalize(move(journey))
    end(journey, "roll back")
    journey.close()


@pytest.mark.parametrize("left", [0, 40_960])
def test_a_full_disk_under_the_file_stops_the_migration_and_nothing_is_lost(disk, tmp_path, left):  # noqa: F811 -- the fixture
    journey = set_out(disk, OUT, str(tmp_path / "vectors"))
    go(journey, Step.BACKFILL)
    filler = fill(disk, left)
    told = 0
    for _ in range(60):
        try:
            journey.write()
        except StorageFullError:
            told += 1
            break
    with pytest.raises(StorageFullError, match="Free some space"):
        go(journey, Step.SOAK)
    assert told
    assert_answers(journey)
    filler.unlink()
    written = journey.written
    journey.close()
    journey = opened(disk, written)
    check(journey, written)
    end(journey, "go on")
    journey.close()
