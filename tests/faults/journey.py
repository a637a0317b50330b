"""A migration between real stores, the writes beside it, and what holds wherever it is stopped."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from hikma import routing
from hikma.applying import drain
from hikma.catalog import ledger, migrations, outbox, spaces, verifications
from hikma.catalog.migrations import REVERSED, Step
from hikma.catalog.schema import Catalog
from hikma.migration import backfilling, stepping, verifying
from hikma.migration.gates import Compared, Thresholds
from hikma.telemetry import silent
from hikma.vectors import lance_upkeep
from hikma.vectors.lance import LanceVectors
from hikma.vectors.sqlite import SqliteVectors
from moving import SPACE, World, vector

LANCE = replace(SPACE, backend="lancedb", state="")
OUT, BACK = "out", "back"
ENDS = {OUT: (SPACE, LANCE), BACK: (LANCE, SPACE)}
DOCUMENTS = 40
GOOD = Compared(400, 1.0, 0.0, 10.0, 11.0)
WAIT_S = 20.0
SMALL = (
    (backfilling, "CHUNK", 8),  # so that there is something between two of them
    (verifying, "ROWS", 8),
    (lance_upkeep, "MOST_FRAGMENTS", 10_000),  # an upkeep begins where a test wants it
)


@dataclass
class Journey(World):
    """A world whose stores are real; `written` counts the writes that were made beside it."""

    written: int = 0

    def store(self, space):
        if space.id not in self.stores:
            kind = SqliteVectors if spaces.is_inside(space) else LanceVectors
            self.stores[space.id] = kind(self.catalog, space)
        return self.stores[space.id]

    def held_migration(self):
        with self.catalog.read() as connection:
            return migrations.last(connection)

    def active(self):
        with self.catalog.read() as connection:
            return spaces.active(connection)

    def owed(self, number):
        with self.catalog.read() as connection:
            return set(outbox.pending(connection, number).tolist())

    def write(self):
        """Make the next write: two of three put rows, every third deletes some."""
        put, removed = changes(self.written)
        if removed:
            self.remove(removed)
        else:
            self.put(put)
        self.written += 1

    def drain(self):
        """Bring spaces what they are owed, in the file what was left of a backfill."""
        for space in self.active():
            drain(self.target(space.id), WAIT_S)

    def close(self):
        for store in self.stores.values():
            store.close()
        self.catalog.close()


def shrink(put):
    """Make the parts small in which things are done; `put` is setattr, or what undoes itself."""
    for place, name, value in SMALL:
        put(place, name, value)


@pytest.fixture(autouse=True)
def in_small_parts():
    """Do things in small parts, in every test of a module that imports this."""
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch.setattr)
        yield


def set_out(folder, direction=OUT, location=""):
    """Make a file whose migration has just begun."""
    source, target = (
        replace(one, location=location) if one is LANCE else one for one in ENDS[direction]
    )
    catalog = Catalog.open(folder / "index.db", create=True)
    with catalog.write() as connection:
        ledger.create_space(connection, replace(source, state=ledger.ANSWERING))
    made = Journey(folder / "index.db", catalog)
    made.put({one: one for one in range(1, DOCUMENTS + 1)})
    made.drain()
    made.begin(target, **replace(Thresholds(), hold_s=0.0, soak_s=0.0).asked())
    return made


def opened(folder, written=0):
    """Open the file as another process would."""
    made = Journey(folder / "index.db", Catalog.open(folder / "index.db"), written=written)
    made.right = state_after(written)
    return made


def changes(number):
    """Return what a write puts, by id and seed, and what it deletes."""
    if number % 3 == 2:
        return {}, [1 + (11 * number + 5 * one) % 50 for one in range(3)]
    return {1 + (7 * number + one) % 50: 1_000 + 10 * number + one for one in range(3)}, []


def state_after(count):
    """Return the vector of every live document after so many writes: the oracle."""
    held = {one: one for one in range(1, DOCUMENTS + 1)}
    for number in range(count):
        put, removed = changes(number)
        held |= put
        for one in removed:
            held.pop(one, None)
    return {one: vector(seed).tobytes() for one, seed in held.items()}


def move(journey):
    """Return the migration as its jobs are given it; the answers are good enough."""
    held = journey.held_migration()
    return stepping.Move(
        journey.catalog,
        journey.target(held.source),
        journey.target(held.target),
        lambda *_: None,
        lambda *_: GOOD,
        lambda _: None,
        silent,
    )


def go(journey, until, before=lambda _: None, acknowledged=lambda: None):
    """Take step after step, with writes before each."""
    while (held := journey.held_migration()).step is not until:
        before(held)
        for _ in range(3):
            journey.write()
            acknowledged()
        journey.drain()
        stepping.advance(move(journey))


def check(journey, acknowledged):
    """Assert I1 to I6 and I8 to I10 of a file as it was left, and go on writing."""
    with journey.catalog.read() as connection:
        live = ledger.vectors_of(connection, ledger.live_ids(connection))
    held = {one: row.tobytes() for one, row in zip(live.ids.tolist(), live.vectors, strict=True)}
    counts = [one for one in (acknowledged, acknowledged + 1) if held == state_after(one)]
    assert counts, "I1, I8, I9: the ledger is not as it was acknowledged"
    journey.written, journey.right = counts[0], held
    assert_answers(journey)
    assert_spaces(journey)
    journey.write()  # I10: nobody has repaired anything
    assert_answers(journey)
    journey.drain()
    assert_spaces(journey)
    assert not any(journey.owed(one.id) for one in journey.active())
    assert_audit(journey)


def assert_answers(journey, seeds=(3, 17, 1_003)):
    """I4, I5, I10: who answers has been verified, is right, and knows no deleted id."""
    for seed in seeds:
        with journey.catalog.read() as connection:
            found = routing.route(connection, str(seed))
            if found.proven is not None:
                assert verifications.latest(connection, found.space.id).is_clean(datetime.now(UTC))
            store = journey.store(found.space)
            if found.proven is not None:
                store = routing.Tried(store, journey.store(found.proven), lambda _: None)
            near = [one.id for one in store.nearest(vector(seed), 5)]
        assert near == journey.near(seed, 5), f"{found.space.backend} answers wrongly"


def assert_spaces(journey):
    """I2, I3, I9: each space differs from the ledger in what it is owed, and in nothing else."""
    held = journey.held_migration()
    for space in journey.active():
        batches = list(journey.store(space).scan(1_000))
        owed = journey.owed(space.id)  # asked later: to open a torn table is to owe it everything
        ids = [one for batch in batches for one in batch.ids.tolist()]
        assert len(ids) == len(set(ids)), "I3: an id twice"
        held_rows = [row.tobytes() for batch in batches for row in batch.vectors]
        holds = dict(zip(ids, held_rows, strict=True))
        filling = space.id == held.target and held.step in (Step.DUAL_WRITE, Step.BACKFILL)
        known = holds.keys() if filling else holds.keys() | journey.right.keys()
        wrong = [one for one in known - owed if holds.get(one) != journey.right.get(one)]
        assert wrong == [], f"I2, I9: {space.backend} at {held.step}"


def assert_audit(journey):
    """I6: legal edges only, each in the audit, and one space answers: that of the step."""
    held = journey.held_migration()
    with journey.catalog.read() as connection:
        taken = migrations.events(connection, held.id)
        answering = ledger.space(connection).id
    at = "off"
    for event in taken:
        assert event.source_state == at
        at = event.target_state
    assert at == held.step
    ahead = held.step in REVERSED or held.step is Step.FINALIZED
    assert answering == (held.target if ahead else held.source)


def end(journey, how):
    """End the migration either way; each end is right, and stays so: I7."""
    if how == "roll back":
        stepping.roll_back(journey.catalog, "test")
    else:
        go(journey, Step.SOAK)
        stepping.finalize(move(journey))
    assert_answers(journey)
    check(journey, journey.written)
    [last] = journey.active()
    assert journey.held(last.id) == journey.right
