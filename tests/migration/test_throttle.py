"""A migration rests where those who search have become slow, and never for good."""

import os
import shutil
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from hikma import moving
from hikma.catalog import migrations
from hikma.catalog.migrations import Step
from hikma.courtesy import STEPS
from hikma.errors import StorageFullError
from hikma.migration import status as reading
from hikma.migration import throttle
from hikma.migration.throttle import LEAST_PAUSE_S, MOST_PAUSE_S, MOST_SHARE, PROBES, Throttle
from hikma.probing import Prober
from hikma.settings import Settings
from hikma.wiring import Wiring

ROWS = 2_000
ON_DISK = Settings(vector_scan="disk")


class Searching:
    """Somebody whose searches take as long as a test says."""

    def __init__(self, *milliseconds):
        self.ms = list(milliseconds)

    def __call__(self):
        return [self.ms.pop(0)] if self.ms else []


@pytest.fixture
def held(world):
    world.put({one: one for one in range(1, 41)})
    begun = world.begin()
    with world.catalog.write() as connection:
        return migrations.step_to(connection, begun, Step.BACKFILL, "test")


@pytest.fixture
def throttled(world, held):
    def make(*milliseconds, **more):
        naps = []
        one = Throttle(world.catalog, held.id, Searching(*milliseconds), nap=naps.append, **more)
        return one, naps

    return make


def kept(world, held):
    with world.catalog.read() as connection:
        return migrations.required_by_id(connection, held.id).gates


def test_searches_as_fast_as_before_hold_nothing_back(throttled):
    one, naps = throttled(*[10.0] * (PROBES + 30), before_ms=10.0)
    for _ in range(30):
        one.wait(ROWS)
    assert naps == []


def test_slow_searches_make_each_rest_longer_up_to_a_bound(world, held, throttled):
    one, naps = throttled(*[40.0] * 40, before_ms=10.0)
    for _ in range(40):
        one.wait(ROWS)
    assert naps == sorted(naps)
    assert naps[-1] == MOST_PAUSE_S
    assert kept(world, held)["throttled"] == "queries take 4.0 times as long as before"


def test_rests_become_shorter_where_searches_are_fast_again(throttled):
    one, naps = throttled(*[40.0] * 20, *[10.0] * 40, before_ms=10.0)
    for _ in range(60):
        one.wait(ROWS)
    assert max(naps) > 1.0
    assert naps[-1] < max(naps) / 20
    before = len(naps)
    one.wait(ROWS)
    assert len(naps) == before


def test_questions_rest_longer_where_searches_stay_slow_and_only_so_long(throttled):
    one, naps = throttled(*[40.0] * 30, before_ms=10.0)
    for _ in range(30):
        one.rest(0.2)
    assert naps == sorted(naps)
    assert naps[0] < 0.2
    assert naps[-1] == pytest.approx(0.2 * MOST_SHARE)
    fast, naps = throttled(*[10.0] * 30, before_ms=10.0)
    for _ in range(30):
        fast.rest(0.2)
    assert naps == []


def test_what_is_usual_is_measured_once_before_any_work_and_kept(world, held, throttled):
    one, _ = throttled(*[20.0] * PROBES)
    one.wait(ROWS)
    assert kept(world, held)["before_ms"] == 20.0
    assert one.before_ms == 20.0


def test_a_move_too_small_to_be_noticed_times_nobody(world, held, throttled):
    one, naps = throttled(*[20.0] * PROBES)
    one.wait(40)
    assert naps == []
    assert "before_ms" not in kept(world, held)


def test_no_work_begins_before_its_process_hears_of_those_who_search(throttled):
    one, naps = throttled(before_ms=10.0)
    one.probes = iter([[], [], [10.0] * 5, [], [40.0]]).__next__
    one.wait(ROWS)
    assert naps == [throttle._NAP_S] * 2
    one.wait(ROWS)
    assert naps[2:] == [LEAST_PAUSE_S]


def test_nobody_is_timed_for_questions_where_it_is_unknown_what_is_usual(throttled):
    one, naps = throttled(40.0)
    one.rest(0.2)
    assert (one.probes.ms, naps) == ([40.0], [])


def test_nobody_to_be_timed_delays_a_migration_once(throttled, monkeypatch):
    monkeypatch.setattr(throttle, "_PATIENCE_S", 0.1)
    one, naps = throttled()
    one.wait(ROWS)
    many = len(naps)
    assert many
    one.wait(ROWS)
    assert len(naps) == many


def test_a_rate_that_was_asked_for_is_told_and_held(world, held, throttled):
    one, naps = throttled(rate=1_000.0)
    one.wait(1_000)
    one.wait(1_000)
    assert 0.5 < sum(naps) <= 1.0
    assert kept(world, held)["throttled"] == "1000 rows a second were asked for"


def test_a_full_disk_pauses_the_migration_and_says_so(world, held, throttled, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    one, _ = throttled(before_ms=10.0)
    with pytest.raises(StorageFullError, match="hikma migrate resume"):
        one.wait(ROWS)
    with world.catalog.read() as connection:
        now = migrations.required_by_id(connection, held.id)
    assert now.paused
    assert now.gates["throttled"] == "5 MB are free beside the file"


def test_the_rate_is_that_of_the_last_chunks(world, held):
    with world.catalog.write() as connection:
        now = time.time()
        trail = [[now - 4.0, 10], [now - 2.0, 10], [now, 10]]
        migrations.put_gates(connection, held.id, {reading.TRAIL: trail})
        migrations.move_cursor(connection, held, 30)
        connection.execute("DELETE FROM outbox")
    with world.catalog.read() as connection:
        found = reading.status(connection, migrations.required_by_id(connection, held.id), [])
    assert found.state == Step.BACKFILL
    assert found.rate == pytest.approx(5.0, abs=0.2)
    assert found.eta_s == pytest.approx((found.total - found.copied) / 5.0, abs=0.3)


def test_a_child_times_searches_in_the_space_that_answers(world, held):
    with Prober(world.catalog.path, ON_DISK) as prober:
        times = []
        end = time.monotonic() + 30.0
        while len(times) < 3 and time.monotonic() < end:
            times += prober.times()
            time.sleep(0.05)
        child = prober._child
    assert len(times) >= 3
    assert min(times) > 0.0
    assert child.poll() is not None


def test_who_migrates_gives_way_once_to_the_child_as_to_all_who_search(world, held):
    script = (
        "import os, sys; from pathlib import Path; from hikma import moving\n"
        "from hikma.catalog.schema import Catalog; from hikma.settings import Settings\n"
        "from hikma.wiring import Wiring; moving.FEW_ROWS = 1\n"
        "catalog = Catalog.open(Path(sys.argv[1]))\n"
        "mover = moving.Mover(catalog, Wiring(catalog, Settings()), Path('.'), None)\n"
        "for _ in range(2):\n"
        "    with mover.gently():\n"
        "        child = mover._prober._child\n"
        "        print(os.getpriority(os.PRIO_PROCESS, child.pid))\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0))\n"
    )
    command = [sys.executable, "-c", script, str(world.catalog.path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    child, _, ours = map(int, found.stdout.split())
    assert ours == min(child + STEPS, 19)


def test_who_times_is_gone_after_work_that_failed(world, monkeypatch):
    monkeypatch.setattr(moving, "give_way", lambda: None)
    mover = moving.Mover(
        world.catalog, Wiring(world.catalog, Settings()), world.catalog.path.parent, None
    )
    with pytest.raises(ValueError, match="lost"), mover.gently():
        raise ValueError("lost")
    with mover._timed() as prober:
        assert prober is not mover._prober


def test_a_child_ends_in_silence_with_whoever_asked(world, held):
    command = Prober(world.catalog.path, ON_DISK)._command
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as child:
        assert float(child.stdout.readline()) > 0.0
        child.stdout.close()  # as when that process is killed
        assert child.wait(30) == 0
        assert child.stderr.read() == b""


def test_a_child_waits_for_object_storage_as_long_as_the_settings_say(world, monkeypatch):
    """A server that never answers is asked again after each time-out: so often, so short it is."""
    pytest.importorskip("lancedb") if "CI" not in os.environ else None
    world.put({1: 1})
    with world.catalog.write() as connection:
        connection.execute("UPDATE vector_space SET backend = 'lancedb', location = 's3://b/p'")
    open_ones = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with Prober(world.catalog.path, Settings(vector_timeout_s=0.2)) as prober:
            assert prober.times() == []
            for patience_s in (30, 5):  # for the child to start, then half of the default
                server.settimeout(patience_s)
                open_ones.append(server.accept()[0])
    for one in open_ones:
        one.close()


def test_a_child_of_no_file_times_nothing_and_harms_nothing(tmp_path):
    with Prober(tmp_path / "absent.db", ON_DISK) as prober:
        prober.times()
        prober._child.wait(30)
        assert prober.times() == []
