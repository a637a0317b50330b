"""A migration goes on where its gates hold, and nowhere else."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hikma import routing
from hikma.catalog import ledger, migrations, outbox, trials, verifications
from hikma.catalog.migrations import ENDED, LINE, Migration, Step
from hikma.catalog.samples import LIVE
from hikma.catalog.schema import Catalog
from hikma.catalog.trials import Trial as Counted
from hikma.errors import LockedFileError, MigrationError
from hikma.migration import stepping
from hikma.migration.gates import Compared, Facts, Owed, Thresholds, failing, gates
from hikma.migration.stepping import Move
from hikma.migration.tallying import Tally
from hikma.telemetry import silent
from moving import vector

GOOD = Compared(400, 1.0, 0.0, 10.0, 11.0)
AT_ONCE = Thresholds(hold_s=0.0, soak_s=0.0)


class Trial:
    """A migration whose comparison a test decides."""

    def __init__(self, world, **asked):
        self.world = world
        self.compared = GOOD
        world.put({one: one for one in range(1, 31)})
        self.held = world.begin(**replace(AT_ONCE, **asked).asked())

    @property
    def move(self):
        return Move(
            self.world.catalog,
            self.world.target(self.held.source),
            self.world.target(self.held.target),
            lambda *_: None,
            lambda *_: self.compared,
            lambda _: None,
            silent,
        )

    def go(self, step):
        while self.now().step is not step:
            stepping.advance(self.move)

    def now(self):
        with self.world.catalog.read() as connection:
            return migrations.required_by_id(connection, self.held.id)

    def answering(self):
        with self.world.catalog.read() as connection:
            return ledger.space(connection).id


@pytest.fixture
def trial(world):
    return Trial(world)


def test_the_whole_line_is_gone_step_by_step(trial):
    seen = [trial.now().step]
    while seen[-1] is not Step.SOAK:
        seen.append(stepping.advance(trial.move).step)
    assert list(dict.fromkeys(seen)) == list(LINE[:-1])
    assert seen.count(Step.CANARY) == 3
    assert trial.answering() == trial.held.target
    assert stepping.finalize(trial.move).step is Step.FINALIZED
    assert trial.world.held(trial.held.target) == trial.world.right


@pytest.mark.parametrize("step", LINE[:-1])
def test_from_every_step_there_is_a_way_back(world, step):
    trial = Trial(world)
    trial.go(step)
    world.put({3: 300, 40: 40})
    world.remove([4])
    stepping.roll_back(world.catalog, "test")
    assert trial.answering() == trial.held.source
    assert world.held(trial.held.source) == world.right
    world.put({5: 500})
    assert world.held(trial.held.source) == world.right
    with pytest.raises(MigrationError, match="No migration is running"):
        stepping.roll_back(world.catalog, "again")


@pytest.mark.parametrize("held", LINE)
@pytest.mark.parametrize("step", list(Step))
def test_no_edge_exists_but_those_of_the_line_and_back(world, held, step):
    with world.catalog.write() as connection:
        world.begin()
        connection.execute("UPDATE migration SET state = ?", (held,))
        now = migrations.required_by_id(connection, 1)
        within = step is held is Step.CANARY
        legal = held not in ENDED and (now.follows(step) or step is Step.ROLLED_BACK or within)
        if legal:
            assert migrations.step_to(connection, now, step, "test").epoch == now.epoch + 1
        else:
            with pytest.raises(MigrationError, match=r"no way|has ended"):
                migrations.step_to(connection, now, step, "test")


def test_an_edge_taken_twice_changes_nothing_and_a_stale_one_is_refused(trial):
    with trial.world.catalog.write() as connection:
        seen = migrations.required(connection)
        first = migrations.step_to(connection, seen, Step.BACKFILL, "one")
        assert migrations.step_to(connection, seen, Step.BACKFILL, "again") == first
        assert len(migrations.events(connection, seen.id)) == 2
        migrations.step_to(connection, first, Step.VERIFY, "on")
        with pytest.raises(MigrationError, match="by now"):
            migrations.step_to(connection, seen, Step.BACKFILL, "late")


def test_of_two_who_step_at_once_one_does(trial):
    seen = trial.now()
    met = threading.Barrier(4)

    def step():
        catalog = Catalog.open(trial.world.path)
        met.wait()
        with catalog.write() as connection:
            migrations.step_to(connection, seen, Step.BACKFILL, "race")
        catalog.close()

    threads = [threading.Thread(target=step) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with trial.world.catalog.read() as connection:
        assert len(migrations.events(connection, seen.id)) == 2
    assert trial.now().epoch == seen.epoch + 1


def test_another_migration_waits_for_the_end_of_this_one(trial):
    with pytest.raises(MigrationError, match=r"migrate advance.*migrate rollback"):
        trial.world.begin()
    stepping.roll_back(trial.world.catalog, "test")
    assert trial.world.begin().id == trial.held.id + 1


@pytest.mark.parametrize(
    ("compared", "told"),
    [
        (
            Compared(399, 1.0, 0.0, 10.0, 10.0),
            "samples: 399 different questions replayed, wanted >= 400 (a small file gives no more",
        ),
        (Compared(400, 0.99, 0.0, 10.0, 10.0), "lower bound: 0.99, wanted >= 0.995"),
        (Compared(400, 1.0, 0.02, 10.0, 10.0), "errors: 2.00%, wanted < 1%"),
        (Compared(400, 1.0, 0.0, 10.0, 13.0), "p95 over the source's: 1.3, wanted <= 1.2"),
        (Compared(400, 1.0, 0.0, 2000.0, 2001.0), "p95 ms: 2001, wanted < 2000"),
        (Compared(0, None, 0.0, None, None), "samples: 0 different questions"),
        (Compared(9, 1.0, 0.0, 10.0, 10.0, kind=LIVE), "samples: 9 different questions that were"),
        (Compared(400, 1.0, 0.0, 10.0, 13.0, 1.1, 1.5), "source's: 1.3 (1.1 to 1.5), wanted"),
    ],
)
def test_a_shut_gate_is_named_with_what_it_saw(trial, compared, told):
    trial.go(Step.SHADOW)
    trial.compared = compared
    with pytest.raises(MigrationError) as refused:
        stepping.advance(trial.move)
    assert told in str(refused.value)
    assert trial.now().step is Step.SHADOW


def test_an_approximate_index_is_asked_for_less(trial):
    held = replace(trial.held, step=Step.SHADOW)
    seen = replace(GOOD, overlap_low=0.96)
    found = [gates(held, facts(compared=seen, approximate=one), AT_ONCE) for one in (True, False)]
    assert [bool(failing(one)) for one in found] == [False, True]


@pytest.mark.parametrize("step", [Step.CANARY, Step.SOAK])
def test_time_must_pass_on_trial_and_in_soak(step):
    now = datetime.now(UTC)
    entered = (now - timedelta(seconds=59)).isoformat()
    held = at(step, entered)
    asked = Thresholds(hold_s=60.0, soak_s=60.0)
    early = failing(gates(held, facts(now=now), asked))
    late = failing(gates(held, facts(now=now + timedelta(seconds=2)), asked))
    assert [one for one in early if one.is_hold]
    assert not [one for one in late if one.is_hold]


def test_finalizing_verifies_both_ends_and_refuses_what_is_wrong(trial):
    trial.go(Step.SOAK)
    target = trial.world.target(trial.held.target)
    target.store._rows.pop(7)
    with pytest.raises(MigrationError, match=r"target verified: 30 rows, 1 wrong"):
        stepping.finalize(trial.move)
    assert trial.now().step is Step.SOAK
    with trial.world.catalog.write() as connection:
        outbox.enqueue(connection, target.space.id, [7])
    assert stepping.finalize(trial.move).step is Step.FINALIZED


def test_a_verification_of_yesterday_or_of_another_step_does_not_count():
    now = datetime.now(UTC)
    old = verified(now - timedelta(hours=25))
    entered = (now - timedelta(hours=30)).isoformat()
    held = at(Step.VERIFY, entered)
    assert failing(gates(held, facts(now=now, target_verified=old), AT_ONCE))
    before = verified(now - timedelta(hours=31))
    assert failing(gates(held, facts(now=now, target_verified=before), AT_ONCE))
    fresh = verified(now - timedelta(hours=1))
    assert not failing(gates(held, facts(now=now, target_verified=fresh), AT_ONCE))


def test_what_is_wrong_is_repaired_on_the_way(trial):
    trial.go(Step.VERIFY)
    store = trial.world.target(trial.held.target).store
    store._rows.pop(7)
    store._rows[99] = store._rows[8]
    assert stepping.advance(trial.move).step is Step.SHADOW
    assert trial.world.held(trial.held.target) == trial.world.right


def test_a_paused_migration_does_nothing_and_blocks_nobody(trial):
    trial.go(Step.BACKFILL)
    with trial.world.catalog.write() as connection:
        migrations.set_paused(connection, trial.held, "lunch", paused=True)
    with pytest.raises(MigrationError, match="migrate resume"):
        stepping.advance(trial.move)
    trial.world.put({50: 50})
    assert trial.world.nearest(trial.held.source, 50, 1) == [50]


def test_by_itself_it_goes_up_to_the_last_step_and_leaves_only_consent(trial):
    assert stepping.auto(trial.move).step is Step.SOAK
    with trial.world.catalog.read() as connection:
        assert not failing(stepping.gates_now(trial.move, connection, trial.now()))
    with pytest.raises(MigrationError, match="migrate finalize"):
        stepping.advance(trial.move)


def test_by_itself_it_rolls_back_where_a_trial_goes_wrong(trial):
    trial.go(Step.CANARY)
    trial.compared = replace(GOOD, errors=0.5)
    assert stepping.auto(trial.move).step is Step.ROLLED_BACK
    assert trial.answering() == trial.held.source
    with trial.world.catalog.read() as connection:
        assert "errors: 50.00%" in migrations.events(connection, trial.held.id)[-1].reason


def failures(trial, asked, failed):
    """Have two processes tell what became of queries on trial."""
    for _ in range(2):
        tally = Tally(trial.world.catalog)
        for one in range(asked):
            tally.tell(trial.now(), "there is nobody" if one < failed else None)
        assert tally.close(60.0)


def test_by_itself_it_rolls_back_where_the_source_has_to_answer(trial):
    """Whichever process met that: its comparison with questions of the file's own is good."""
    trial.go(Step.CANARY)
    failures(trial, 40, 1)
    with trial.world.catalog.read() as connection:
        seen = trials.of(migrations.required(connection))
    assert seen == Counted(80, 2, "there is nobody")
    assert stepping.auto(trial.move).step is Step.ROLLED_BACK
    with trial.world.catalog.read() as connection:
        reason = migrations.events(connection, trial.held.id)[-1].reason
    assert "errors on trial: 2 of 80 (2.50%), last: there is nobody, wanted < 1%" in reason


def test_few_failures_of_many_are_borne_and_a_wider_share_begins_anew(trial):
    trial.go(Step.CANARY)
    failures(trial, 200, 1)
    before = trial.now()
    assert stepping.advance(trial.move).read_percent == 10.0
    assert trials.of(trial.now()) == Counted()
    tally = Tally(trial.world.catalog)
    tally.tell(before, "told too late")
    assert tally.close(60.0)
    assert trials.of(trial.now()) == Counted()


def test_what_is_counted_while_the_file_cannot_be_written_is_written_later(trial, monkeypatch):
    trial.go(Step.CANARY)
    tally, held, tries = Tally(trial.world.catalog), trial.now(), []

    def add(*given):
        tries.append(1)
        if len(tries) == 1:
            raise LockedFileError("another writes; wait")
        real(*given)

    real = trials.add
    monkeypatch.setattr(trials, "add", add)
    tally.tell(held, None)
    while not tries:
        time.sleep(0.01)
    tally.tell(held, "gone")
    assert tally.close(60.0)
    assert trials.of(trial.now()) == Counted(2, 1, "gone")


def test_what_is_measured_meanwhile_outlives_a_step(trial):
    seen = trial.now()
    with trial.world.catalog.write() as connection:
        migrations.put_gates(connection, seen.id, {"throttled": "told"})
        migrations.step_to(connection, seen, Step.BACKFILL, "test")
    assert trial.now().gates["throttled"] == "told"


@pytest.mark.parametrize("hold", ["hold_s", "soak_s"])
def test_by_itself_it_waits_out_a_hold(world, hold):
    trial = Trial(world, **{hold: 0.2})
    assert stepping.auto(trial.move, nap_s=0.05).step is Step.SOAK
    with world.catalog.read() as connection:
        assert not failing(stepping.gates_now(trial.move, connection, trial.now()))


def test_by_itself_it_tells_what_is_wrong_in_soak_and_takes_nothing_back(trial):
    trial.go(Step.SOAK)
    trial.world.target(trial.held.source).store.delete([7])
    with pytest.raises(MigrationError, match="source verified: 30 rows, 1 wrong"):
        stepping.auto(trial.move)
    assert trial.now().step is Step.SOAK


def test_a_migration_may_ask_for_less_overlap_and_never_for_too_little(world):
    trial = Trial(world, overlap_flat=0.8, overlap_approximate=0.8)
    trial.compared = replace(GOOD, overlap_low=0.85)
    trial.go(Step.CANARY)
    trial.compared = replace(GOOD, overlap_low=0.79)
    with pytest.raises(MigrationError, match=r"lower bound: 0.79, wanted >= 0.8"):
        stepping.advance(trial.move)
    for least in (0.69, 1.01, float("nan")):
        with pytest.raises(MigrationError, match="--min-overlap"):
            Thresholds(overlap_flat=least)


@pytest.mark.parametrize("percent", [-1.0, 101.0, float("nan")])
def test_no_share_but_a_percentage(trial, percent):
    trial.go(Step.SHADOW)
    with pytest.raises(MigrationError, match="choose 0 to 100"):
        stepping.advance(trial.move, percent)


# Routing


@given(
    salt=st.binary(min_size=16, max_size=16),
    key=st.text(),
    shares=st.lists(st.floats(0, 100), min_size=2),
)
def test_widening_a_trial_keeps_every_key_that_was_in_it(salt, key, shares):
    held = replace(at(Step.CANARY, ""), salt=salt)
    tried = [routing.is_tried(replace(held, read_percent=one), key) for one in sorted(shares)]
    assert tried == sorted(tried)
    assert not routing.is_tried(replace(held, read_percent=0.0), key)
    assert routing.is_tried(replace(held, read_percent=100.0), key)


def test_a_trial_takes_about_its_share(trial):
    held = replace(trial.held, read_percent=10.0)
    tried = sum(routing.is_tried(held, f"query {one}") for one in range(5_000))
    assert 400 < tried < 600


def test_who_follows_the_file_sees_each_step_at_its_next_query(trial):
    """Another process holds nothing of the migration from one query to the next."""
    other = Catalog.open(trial.world.path)

    def asked(key):
        with other.read() as connection:
            return routing.route(connection, key)

    trial.go(Step.CANARY)
    stepping.advance(trial.move, 99.99)
    assert asked("q").space.id == trial.held.target
    assert asked("q").proven.id == trial.held.source
    stepping.advance(trial.move, 0.0)
    assert asked("q").space.id == trial.held.source
    stepping.advance(trial.move, 100.0)
    assert (asked("q").space.id, asked("q").proven) == (trial.held.target, None)
    stepping.roll_back(trial.world.catalog, "test")
    assert asked("q").space.id == trial.held.source
    other.close()


def test_a_store_on_trial_that_fails_is_replaced_at_once(trial):
    trial.go(Step.CANARY)
    target, source = (trial.world.target(end) for end in (trial.held.target, trial.held.source))
    target.store.down = True
    told = []
    tried = routing.Tried(target.store, source.store, told.append)
    assert [one.id for one in tried.nearest(vector(3), 3)] == trial.world.near(3, 3)
    assert told == ["there cannot be reached; repeat when it can"]
    target.store.down = False
    assert [one.id for one in tried.nearest(vector(3), 3)] == trial.world.near(3, 3)
    assert told[1:] == [None]


def facts(**more):
    now = more.get("now", datetime.now(UTC))
    given = {
        "now": now,
        "copied": True,
        "source": Owed(0, 0),
        "target": Owed(0, 0),
        "source_verified": None,
        "target_verified": None,
        "compared": GOOD,
        "approximate": False,
    }
    return Facts(**{**given, **more})


def verified(at):
    text = at.isoformat()
    return verifications.Verification(1, 2, 1, 30, 30, 0, 0, 0, 0, text, text)


def at(step, entered):
    gates_known = {"entered_at": entered} if entered else {}
    return Migration(
        1,
        1,
        2,
        step,
        paused=False,
        epoch=1,
        read_percent=1.0,
        salt=b"",
        cursor=0,
        high_water=0,
        gates=gates_known,
        created_at=entered,
    )


# Two who drive one migration


def test_a_pause_beside_it_is_no_reason_to_roll_back(trial, monkeypatch):
    trial.go(Step.CANARY)
    plain, seen = stepping._held, []

    def held(move):
        found = plain(move)
        seen.append(found)
        if len(seen) == 1:  # another process pauses between the look of `auto` and of `advance`
            with trial.world.catalog.write() as connection:
                migrations.set_paused(connection, found, "another", paused=True)
        return found

    monkeypatch.setattr(stepping, "_held", held)
    assert stepping.auto(trial.move).step is Step.CANARY


@pytest.mark.parametrize("step", [Step.SHADOW, Step.CANARY])
def test_a_rollback_during_the_work_is_told(trial, monkeypatch, step):
    trial.go(step)
    monkeypatch.setattr(
        stepping, "_work", lambda *_: stepping.roll_back(trial.world.catalog, "another")
    )
    with pytest.raises(MigrationError, match="to rolled_back meanwhile"):
        stepping.advance(trial.move)


def test_one_advance_takes_one_edge_whoever_else_takes_one(trial, monkeypatch):
    trial.go(Step.SHADOW)

    def work(_move, held):
        with trial.world.catalog.write() as connection:
            migrations.step_to(connection, held, Step.CANARY, "another", percent=1.0)

    monkeypatch.setattr(stepping, "_work", work)
    with pytest.raises(MigrationError, match="from shadow to canary meanwhile"):
        stepping.advance(trial.move)
    assert trial.now().read_percent == 1.0


def test_a_failing_trial_can_be_narrowed(trial):
    trial.go(Step.CANARY)
    trial.compared = replace(GOOD, errors=0.5)
    assert stepping.advance(trial.move, 0.0).read_percent == 0.0
    with pytest.raises(MigrationError, match="errors"):
        stepping.advance(trial.move, 5.0)
