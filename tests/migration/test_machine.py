"""The real machine, driven at random against a dictionary: writes, failures, crashes, steps back.

Vectors move between stores and between two models; a model's server may be away.

The store outside the file is a double, for thousands of steps, and a table of LanceDB, for some.

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

from hikma import applying, routing, storing
from hikma.catalog import ledger, migrations, outbox, spaces, verifications
from hikma.catalog.migrations import ENDED, LINE, Step
from hikma.errors import MigrationError, ModelError, StoreError
from hikma.migration import backfilling, embedding, verifying
from hikma.migration.embedding import Making
from moving import (
    MODEL,
    OTHER,
    OUTSIDE,
    SPACE,
    TABLE,
    Outside,
    Table,
    Text,
    by,
    make_world,
    near,
    reopen,
)

STEPS = int(os.environ.get("HIKMA_TEST_STEPS", "2400"))
LENGTH = 60
IDS = st.integers(1, 12)
SEEDS = st.integers(1, 40)
MODELS = st.sampled_from([MODEL, OTHER])
CRASHES = (
    (applying, "_settle"),  # in the store, and still owed
    (applying, "_present"),  # owed, and nothing done
    (outbox, "done"),  # in the transaction that strikes it off
    (migrations, "move_cursor"),  # before the next chunk is owed
    (verifications, "put"),  # in the middle of a comparison
    (embedding, "_store"),  # before a batch of vectors is kept
    (outbox, "unpark_embedded"),  # in the transaction that keeps vectors
)


class Machine(RuleBasedStateMachine):
    """Everything that can happen to a file with a migration."""

    outside = OUTSIDE, Outside

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hikma-machine-"))
        self.world = make_world(self.folder)
        self.world.outside = self.outside[1]
        self.seeds = {}
        self.write({1: 1})

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
        """I1: what the model that answers could not embed is refused, and nothing is kept of it."""
        try:
            self.world.put(seeds)
        except ModelError:
            assert self.world.embedder(self.active()[0]).fails
            return
        self.seeds |= seeds

    @rule(ids=st.sets(IDS, min_size=1, max_size=4))
    def remove(self, ids):
        self.world.remove(sorted(ids))
        for one in ids:
            self.seeds.pop(one, None)

    @rule(seed=SEEDS, key=st.text(max_size=3), limit=st.integers(1, 5))
    def search(self, seed, key, limit):
        """I4, I5, I7: whoever answers, the answer is exact; a deleted id never returns."""
        with self.world.catalog.read() as connection:
            found = routing.route(connection, key)
            if found.proven is not None:
                self.assert_verified(connection, found.space)
            for space, store in self.asked(found):
                model = self.world.embedder(space)
                try:
                    query = model.embed_query(Text(seed).meaning)
                    given = [one.id for one in store.nearest(query, limit)]
                except (StoreError, ModelError):
                    assert model.fails or self.world.store(space).down
                else:
                    assert given == near(self.known(connection, space), query, limit)
                    return

    def asked(self, found):
        """Return whom a search asks, in turn: of another model who is proven comes last."""
        store = self.world.store(found.space)
        if found.proven is None:
            return [(found.space, store)]
        proven = self.world.store(found.proven)
        if found.proven.documents == found.space.documents:
            return [(found.space, routing.Tried(store, proven, lambda _: None))]
        return [(found.space, store), (found.proven, proven)]

    def known(self, connection, space):
        """Return what a space can answer with: all that is right but for what a model still owes."""
        absent = self.lacking(connection, space.documents)
        if spaces.is_inside(space):
            absent |= set(outbox.pending(connection, space.id).tolist())
        right = self.right(space)
        return {one: right[one] for one in right.keys() - absent}

    # What goes wrong

    @rule(down=st.booleans())
    def flap(self, down):
        for store in self.world.stores.values():
            if hasattr(store, "down"):
                store.down = down

    @rule(model=MODELS, fails=st.booleans())
    def away(self, model, fails):
        """I10: the server of a model is away; what another model answers goes on."""
        self.world.models[model].fails = fails

    @rule()
    def heal(self):
        """I2: once everything can be reached, all that is owed is brought, and nobody must ask."""
        self.flap(down=False)
        for model in self.world.models.values():
            model.fails = False
        if self.held is not None:
            self.pause(paused=False)
        for _ in range(2):
            self.work()
        with self.world.catalog.read() as connection:
            for space in spaces.active(connection):
                assert not outbox.backlog(connection, space.id).pending

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
    @rule(outside=st.booleans(), model=MODELS)
    def start(self, outside, model):
        """Move to another store, to another model, or to both."""
        self.world.begin(by(self.outside[0] if outside else SPACE, model))

    @precondition(lambda self: self.held is not None)
    @rule()
    def start_another(self):
        with pytest.raises(MigrationError, match="finish it"):
            self.world.begin()

    @rule()
    def work(self):
        """Embed what lacks a vector, bring what is owed; copy and compare where that is the step."""
        held = self.held
        rests = held is not None and held.paused
        for space in self.active():
            if not rests:
                self.embed(space)
            applying.apply_once(self.world.target(space.id))
        if held is None or rests:
            return
        target = self.world.target(held.target)
        if held.step is Step.BACKFILL and not getattr(target.store, "down", False):
            with suppress(StoreError):
                backfilling.backfill(target, held, lambda _: None)
        if held.step in (Step.VERIFY, Step.SOAK):
            verifying.verify(target, held.epoch)

    def embed(self, space):
        """Give documents the vectors that they lack by a space's model, as `repair` does too."""
        making = Making(
            self.world.embedder(space),
            lambda lacking: ((one.digest, one.digest.decode()) for one in lacking),
            lambda *_: None,
            lambda: True,
        )
        with suppress(ModelError):
            embedding.embed(self.world.target(space.id), making)

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

    @precondition(lambda self: self.held is not None)
    @rule(seed=SEEDS, key=st.text(max_size=3), fails=st.booleans())
    def try_out(self, seed, key, fails):
        """Go as far as the trial, whose model may then be away, and search there."""
        while (held := self.held).step in LINE[: LINE.index(Step.CANARY)]:
            self.go_on(1)
            if self.held.step is held.step:
                return
        self.world.models[self.world.target(held.target).space.documents].fails |= fails
        self.search(seed, key, 3)

    @precondition(lambda self: self.held is not None)
    @rule(seeds=st.dictionaries(IDS, SEEDS, min_size=1, max_size=4), down=st.booleans())
    def write_while_away(self, seeds, down):
        """Go as far as it goes, and write while who only receives is down, or its model away."""
        self.go_on(7)
        for space in self.active()[1:]:
            self.world.embedder(space).fails |= not down
        self.flap(down)
        self.write(seeds)
        self.work()

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
            assert set(ledger.live_ids(connection).tolist()) == self.seeds.keys()
            for space in spaces.active(connection):
                self.assert_canonical(connection, space)

    def assert_canonical(self, connection, space):
        """What a model could not embed is owed; each vector that is there is its own, unaltered."""
        lacking = self.lacking(connection, space.documents)
        live = ledger.vectors_of(connection, sorted(self.seeds), space.documents)
        found = zip(live.ids.tolist(), live.vectors, strict=True)
        right = self.right(space)
        assert {one: row.tobytes() for one, row in found} == {
            one: right[one] for one in right.keys() - lacking
        }
        if not migrations.is_filling(connection, space.id):
            assert lacking <= set(outbox.pending(connection, space.id).tolist())

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
            holds, right = self.world.held(space.id), self.right(space)
            ids = holds.keys() if copying else holds.keys() | right.keys()
            for one in ids - owed:
                assert holds.get(one) == right.get(one), (space, one)

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

    def right(self, space):
        """Return what a space should hold: every live document's vector by its model."""
        model = self.world.embedder(space)
        return {one: model.vector(seed).tobytes() for one, seed in self.seeds.items()}

    def lacking(self, connection, model):
        """Return which live documents have no vector by a model."""
        found = ledger.vectors_of(connection, sorted(self.seeds), model)
        return self.seeds.keys() - set(found.ids.tolist())

    def may_leave(self, connection, held):
        """The gates that keep data safe; the others are of quality and time."""
        target = spaces.of(connection, held.target)
        if held.step is Step.BACKFILL:
            lacking = self.lacking(connection, target.documents)
            return not lacking and migrations.is_copied(connection, held)
        if held.step in (Step.SHADOW, Step.CANARY):
            # What is owed to a space outside is answered from the canonical rows.
            owed = spaces.is_inside(target) and outbox.backlog(connection, target.id).pending
            return not owed and not self.lacking(connection, target.documents)
        if held.step in (Step.VERIFY, Step.SOAK):
            found = verifications.latest(connection, held.target)
            clean = found is not None and found.is_clean(datetime.now(UTC))
            return clean and found.finished_at >= held.updated_at
        return True

    def assert_verified(self, connection, space):
        found = verifications.latest(connection, space.id)
        assert found is not None
        assert found.is_clean(datetime.now(UTC))


class OfLance(Machine):
    """The same with a table of LanceDB outside the file."""

    outside = TABLE, Table


def run(steps, phases=tuple(Phase), machine=Machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=-(-steps // LENGTH),
            stateful_step_count=LENGTH,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )


@pytest.fixture(autouse=True)
def without_waits(monkeypatch):
    """Try again at once what was put off, and make vectors in parts smaller than the file."""
    monkeypatch.setattr(outbox, "_LONGEST_WAIT_S", 0.001)
    monkeypatch.setattr(backfilling, "_WAIT_S", 0.1)
    monkeypatch.setattr(embedding, "BATCH", 4)


@pytest.mark.timeout(3_000)
def test_nothing_that_happens_loses_a_row():
    run(STEPS)


@pytest.mark.timeout(3_000)
def test_nothing_that_happens_loses_a_row_of_lancedb():
    run(STEPS, machine=OfLance)


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


def by_the_answering_model(connection, space, owed):
    """Bring a space the vectors of the model that answers."""
    return PRESENT(connection, by(space, ledger.space(connection).documents), owed)


def without_what_lacks(connection, store, written, removed):
    """Tell spaces what has a vector, and owe them nothing for what has none yet."""
    for space in spaces.active(connection):
        batch = ledger.vectors_of(connection, sorted(written), space.documents)
        if spaces.is_inside(space):
            store(space).delete([*removed, *written])
            store(space).upsert(batch)
        else:
            outbox.enqueue(connection, space.id, [*batch.ids.tolist(), *removed])


PRESENT = applying._present
MOVE = migrations._move_spaces
TELL = storing.tell_spaces
BROKEN = {
    "struck off before it is brought": ("hikma.applying._apply_outside", struck_off_first),
    "cursor moves without owing": ("hikma.catalog.migrations.move_cursor", cursor_alone),
    "deletions are not told": ("hikma.storing.tell_spaces", without_deletions),
    "rollback changes the name alone": (
        "hikma.catalog.migrations._move_spaces",
        back_in_name_only,
    ),
    "one model's vectors for the other": ("hikma.applying._present", by_the_answering_model),
    "nothing is owed without a vector": ("hikma.storing.tell_spaces", without_what_lacks),
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
        run(12_000, [Phase.generate])  # to make it small would take minutes
    assert not isinstance(caught.value, KeyboardInterrupt)
    assert ENDED
