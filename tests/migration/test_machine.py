"""The real machine, driven at random against a dictionary: writes, failures, crashes, steps back.

HIKMA_TEST_STEPS=100000 python -m pytest tests/migration/test_machine.py
"""

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hikma import applying, routing
from hikma.catalog import ledger, migrations, outbox, spaces, verifications
from hikma.catalog.migrations import ENDED, LINE, Step
from hikma.errors import MigrationError, StoreError
from hikma.migration import backfilling, verifying
from moving import OUTSIDE, SPACE, make_world, reopen, vector

STEPS = int(os.environ.get("HIKMA_TEST_STEPS", "2400"))
LENGTH = 60
IDS = st.integers(1, 12)
SEEDS = st.integers(1, 40)
CRASHES = (
    (applying, "_settle"),  # in the store, and still owed
    (applying, "_present"),  # owed, and nothing done
    (outbox, "done"),  # in the transaction that strikes it off
    (migrations, "move_cursor"),  # before the next chunk is owed
    (verifications, "put"),  # in the middle of a comparison
)


class Machine(RuleBasedStateMachine):
    """Everything that can happen to a file with a migration."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hikma-machine-"))
        self.world = make_world(self.folder)
        self.world.put({1: 1})

    def teardown(self):
        if hasattr(self, "world"):
            self.world.catalog.close()
            shutil.rmtree(self.folder)

    @property
    def held(self):
        with self.world.catalog.read() as connection:
            return migrations.running(connection)

    # What users do

    @rule(seeds=st.dictionaries(IDS, SEEDS, min_size=1, max_size=4))
    def write(self, seeds):
        self.world.put(seeds)

    @rule(ids=st.sets(IDS, min_size=1, max_size=4))
    def remove(self, ids):
        self.world.remove(sorted(ids))

    @rule(seed=SEEDS, key=st.text(max_size=3), limit=st.integers(1, 5))
    def search(self, seed, key, limit):
        """I4, I5, I7: whoever answers, the answer is exact; a deleted id never returns."""
        with self.world.catalog.read() as connection:
            found = routing.route(connection, key)
            if found.proven is not None:
                self.assert_verified(connection, found.space)
            store = self.world.store(found.space)
            if found.proven is not None:
                store = routing.Tried(store, self.world.store(found.proven), lambda _: None)
            try:
                near = [one.id for one in store.nearest(vector(seed), limit)]
            except StoreError:
                assert self.world.store(found.space).down
                return
        assert near == self.world.near(seed, limit)

    # What goes wrong

    @rule(down=st.booleans())
    def flap(self, down):
        for store in self.world.stores.values():
            if hasattr(store, "down"):
                store.down = down

    @rule(where=st.sampled_from(CRASHES))
    def crash(self, where):
        with mock.patch.object(*where, side_effect=KeyboardInterrupt), suppress(KeyboardInterrupt):
            self.work()
        reopen(self.world)

    @rule()
    def restart(self):
        reopen(self.world)

    # What a migration does

    @precondition(lambda self: self.held is None)
    @rule(wanted=st.sampled_from([OUTSIDE, SPACE]))
    def start(self, wanted):
        self.world.begin(wanted)

    @precondition(lambda self: self.held is not None)
    @rule()
    def start_another(self):
        with pytest.raises(MigrationError, match="finish it"):
            self.world.begin()

    @rule()
    def work(self):
        """Bring what is owed; copy and compare where that is the step."""
        for space in self.active():
            target = self.world.target(space.id)
            if not spaces.is_inside(space):
                applying.apply_once(target)
        held = self.held
        if held is None or held.paused:
            return
        target = self.world.target(held.target)
        if held.step is Step.BACKFILL and not getattr(target.store, "down", False):
            with suppress(StoreError):
                backfilling.backfill(target, held, lambda _: None)
        if held.step in (Step.VERIFY, Step.SOAK):
            verifying.verify(target, held.epoch)

    @precondition(lambda self: self.held is not None and not self.held.paused)
    @rule(percent=st.sampled_from([0.0, 1.0, 50.0]))
    def advance(self, percent):
        held = self.held
        if held.step is Step.VERIFY:
            verifying.verify(self.world.target(held.target), held.epoch)
        step = LINE[LINE.index(held.step) + 1]
        with self.world.catalog.write() as connection:
            if self.may_leave(connection, held):
                migrations.step_to(
                    connection, held, step, "test", percent=percent if step is Step.CANARY else None
                )

    @rule(steps=st.integers(2, 7))
    def go_on(self, steps):
        """Go several steps at once, so that runs come as far as the last ones."""
        for _ in range(steps):
            held = self.held
            if held is None or held.paused or held.step is Step.SOAK:
                return
            self.work()
            self.advance(50.0)

    @precondition(lambda self: self.held is not None)
    @rule(seeds=st.dictionaries(IDS, SEEDS, min_size=1, max_size=4))
    def there_and_back(self, seeds):
        """Go as far as it goes, write there, and roll back."""
        self.go_on(7)
        self.write(seeds)
        self.roll_back()

    @precondition(lambda self: self.held is not None and self.held.step is Step.CANARY)
    @rule(percent=st.floats(0, 100))
    def widen(self, percent):
        with self.world.catalog.write() as connection:
            migrations.step_to(connection, self.held, Step.CANARY, "test", percent=percent)

    @precondition(lambda self: self.held is not None)
    @rule(paused=st.booleans())
    def pause(self, paused):
        with self.world.catalog.write() as connection:
            migrations.set_paused(connection, self.held, "test", paused=paused)

    @precondition(lambda self: self.held is not None)
    @rule()
    def roll_back(self):
        held = self.held
        with self.world.catalog.write() as connection:
            migrations.step_to(connection, held, Step.ROLLED_BACK, "test")
            assert ledger.space(connection).id == held.source

    @precondition(lambda self: self.held is not None)
    @rule(step=st.sampled_from(list(Step)))
    def jump(self, step):
        """I6: only the edges of the line exist, and back."""
        held = self.held
        within = step is held.step is Step.CANARY
        if held.follows(step) or step is Step.ROLLED_BACK or within:
            return
        with (
            pytest.raises(MigrationError, match="there is no way"),
            self.world.catalog.write() as connection,
        ):
            migrations.step_to(connection, held, step, "test")

    # What always holds

    @invariant()
    def the_ledger_is_right(self):
        """I1, I9: what was acknowledged is there, bit for bit."""
        if not hasattr(self, "world"):
            return
        with self.world.catalog.read() as connection:
            live = ledger.vectors_of(connection, range(1, 13))
        found = {
            one: row.tobytes() for one, row in zip(live.ids.tolist(), live.vectors, strict=True)
        }
        assert found == self.world.right

    @invariant()
    def spaces_hold_what_they_are_not_owed(self):
        """I2, I3: content and ledger differ in what is owed, and in nothing else."""
        if not hasattr(self, "world"):
            return
        held = self.held
        for space in self.active():
            copying = held is not None and held.target == space.id
            copying &= held is not None and held.step in (Step.DUAL_WRITE, Step.BACKFILL)
            with self.world.catalog.read() as connection:
                owed = set(outbox.pending(connection, space.id).tolist())
            holds = self.world.held(space.id)
            ids = holds.keys() if copying else holds.keys() | self.world.right.keys()
            for one in ids - owed:
                assert holds.get(one) == self.world.right.get(one), (space, one)

    @invariant()
    def one_space_answers_and_the_audit_is_whole(self):
        """I6: every step that was taken stands in the audit, and leads to where it stands."""
        if not hasattr(self, "world"):
            return
        with self.world.catalog.read() as connection:
            answering = [one for one in spaces.active(connection) if one.state == ledger.ANSWERING]
            assert len(answering) == 1
            last = migrations.latest(connection)
            if last is None:
                return
            taken = migrations.events(connection, last.id)
        at = "off"
        for event in taken:
            assert event.source_state == at
            at = event.target_state
        assert at == last.step
        expected = last.target if last.step in (*migrations.REVERSED, Step.FINALIZED) else None
        assert answering[0].id == (expected or last.source)

    def active(self):
        with self.world.catalog.read() as connection:
            return spaces.active(connection)

    def may_leave(self, connection, held):
        """The gates that keep data safe; the others are of quality and time."""
        if held.step is Step.BACKFILL:
            return migrations.is_copied(connection, held)
        if held.step in (Step.VERIFY, Step.SOAK):
            found = verifications.latest(connection, held.target)
            clean = found is not None and found.is_clean(datetime.now(UTC))
            return clean and found.finished_at >= held.updated_at
        return True

    def assert_verified(self, connection, space):
        found = verifications.latest(connection, space.id)
        assert found is not None
        assert found.is_clean(datetime.now(UTC))


def run(steps, phases=tuple(Phase)):
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=-(-steps // LENGTH),
            stateful_step_count=LENGTH,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )


@pytest.mark.timeout(3_000)
def test_nothing_that_happens_loses_a_row():
    run(STEPS)


# Broken variants: each must be caught by the same run


def struck_off_first(target, limit=applying.GROUP):
    """Strike off what is owed, then bring it."""
    with target.catalog.write() as connection:
        owed = outbox.due(connection, target.space.id, datetime.now(UTC), limit)
        batch, gone = applying._present(connection, target.space, owed)
        applying._settle(connection, target.space, owed, batch, gone)
    target.store.delete(gone)
    target.store.upsert(batch)
    return len(owed)


def cursor_alone(connection, held, count):
    """Move past documents that nobody is owed."""
    found = migrations.rows.ids(
        connection,
        "SELECT document_id FROM ledger WHERE document_id > ? ORDER BY document_id LIMIT ?",
        (held.cursor, count),
    )
    if len(found):
        sql = "UPDATE migration SET cursor = ? WHERE id = ?"
        connection.execute(sql, (int(found[-1]), held.id))
    return len(found)


def without_deletions(connection, store, written, removed):
    """Tell spaces what was written, and of what was removed nothing."""
    return TELL(connection, store, written, [])


def back_in_name_only(connection, held, step):
    """Roll back without giving the source its place."""
    if step is not Step.ROLLED_BACK:
        MOVE(connection, held, step)


def without_reverse(connection, held, step):
    """Cut over, and let the source fall behind."""
    MOVE(connection, held, step)
    if step is Step.CUTOVER:
        spaces.put_state(connection, held.source, spaces.RETIRED)


MOVE = migrations._move_spaces
TELL = __import__("moving").tell_spaces
BROKEN = {
    "struck off before it is brought": ("hikma.applying._apply_outside", struck_off_first),
    "cursor moves without owing": ("hikma.catalog.migrations.move_cursor", cursor_alone),
    "deletions are not told": ("moving.tell_spaces", without_deletions),
    "rollback changes the name alone": (
        "hikma.catalog.migrations._move_spaces",
        back_in_name_only,
    ),
    "no reverse dual write": ("hikma.catalog.migrations._move_spaces", without_reverse),
}


@contextmanager
def broken(name):
    with mock.patch(*BROKEN[name]):
        yield


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_variant_is_caught(name):
    with broken(name), pytest.raises(BaseException) as caught:  # noqa: PT011 -- a group, or the first failure
        run(6_000, [Phase.generate])  # to make it small would take minutes
    assert not isinstance(caught.value, KeyboardInterrupt)
    assert ENDED
