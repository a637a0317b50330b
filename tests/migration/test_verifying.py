"""A verification finds every row that is wrong, and none that is only on its way."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hikma.applying import drain
from hikma.arrays import VectorBatch
from hikma.catalog import migrations, outbox, verifications
from hikma.catalog.migrations import Step
from hikma.errors import StoreError
from hikma.migration import backfilling, verifying
from moving import OUTSIDE, SPACE, make_world, vector


def fill(world, wanted=OUTSIDE):
    """Bring a target everything."""
    world.migration = world.begin(wanted)
    with world.catalog.write() as connection:
        world.migration = migrations.step_to(connection, world.migration, Step.BACKFILL, "test")
    target = world.target(world.migration.target)
    backfilling.backfill(target, world.migration, lambda _: None)
    return target


def counts(found):
    return (found.checked, found.missing, found.extra, found.mismatched, found.duplicate)


@pytest.mark.parametrize("wanted", [OUTSIDE, SPACE], ids=["outside", "inside"])
def test_a_filled_target_is_clean(world, monkeypatch, wanted):
    monkeypatch.setattr(backfilling, "CHUNK", 7)
    monkeypatch.setattr(verifying, "ROWS", 4)
    world.put({one: one for one in range(1, 31)})
    world.remove([3, 30])
    target = fill(world, wanted)
    found = verifying.verify(target, 0)
    assert counts(found) == (28, 0, 0, 0, 0)
    assert world.held(target.space.id) == world.right


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    missing=st.sets(st.integers(1, 30), max_size=5),
    altered=st.sets(st.integers(1, 30), max_size=5),
    extra=st.sets(st.integers(31, 60), max_size=5),
    rows=st.integers(1, 12),
)
def test_what_is_wrong_is_counted_and_repaired(
    tmp_path_factory, monkeypatch, missing, altered, extra, rows
):
    monkeypatch.setattr(verifying, "ROWS", rows)
    world = make_world(tmp_path_factory.mktemp("verify"))
    world.put({one: one for one in range(1, 31)})
    target = fill(world)
    altered -= missing
    target.store.delete(sorted(missing))
    for one in sorted(altered | extra):
        target.store._rows[one] = vector(one + 500)
    found = verifying.verify(target, 0)
    assert (found.missing, found.mismatched, found.extra) == (
        len(missing),
        len(altered),
        len(extra),
    )
    assert verifying.repair(target) == len(missing | altered | extra)
    drain(target, 5.0)
    assert verifying.verify(target, 1).wrong == 0
    assert world.held(target.space.id) == world.right
    world.catalog.close()


def test_an_id_that_is_held_twice_is_a_duplicate_and_repaired(world, monkeypatch):
    world.put({one: one for one in range(1, 6)})
    target = fill(world)
    plain = target.store.scan
    twice = [3]

    def scan(size, after=-1):
        for batch in plain(1, after):
            yield batch
            if batch.ids[0] in twice:
                yield VectorBatch(batch.ids, batch.vectors)

    monkeypatch.setattr(target.store, "scan", scan)
    assert counts(verifying.verify(target, 0)) == (5, 0, 0, 0, 1)
    assert verifying.repair(target) == 1
    twice.clear()
    drain(target, 5.0)
    assert verifying.verify(target, 1).wrong == 0


def test_what_is_on_its_way_is_not_wrong(world, monkeypatch):
    """Writers go on beside the walk: before it begins, and between its rows."""
    monkeypatch.setattr(verifying, "ROWS", 3)
    world.put({one: one for one in range(1, 21)})
    target = fill(world)
    world.put({5: 55})
    world.remove([6])
    plain = target.store.scan

    def scan(size, after=-1):
        for batch in plain(2, after):
            if batch.ids[0] == 9:
                world.put({10: 100, 15: 150, 21: 21})
                world.remove([16])
            yield batch

    monkeypatch.setattr(target.store, "scan", scan)
    assert verifying.verify(target, 0).wrong == 0
    drain(target, 5.0)
    monkeypatch.setattr(target.store, "scan", plain)
    assert counts(verifying.verify(target, 1)) == (19, 0, 0, 0, 0)


def test_one_that_was_stopped_goes_on_where_it_was(world, monkeypatch):
    monkeypatch.setattr(verifying, "ROWS", 5)
    world.put({one: one for one in range(1, 21)})
    target = fill(world)
    target.store.delete([2, 18])
    asked = []
    plain = target.store.scan

    def scan(size, after=-1):
        asked.append(after)
        for batch in plain(size, after):
            if len(asked) == 1 and batch.ids[0] > 10:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(target.store, "scan", scan)
    with pytest.raises(KeyboardInterrupt):
        verifying.verify(target, 0)
    found = verifying.verify(target, 0)
    assert asked[1] > 0
    assert counts(found) == (20, 2, 0, 0, 0)
    with world.catalog.read() as connection:
        assert verifications.latest(connection, target.space.id).finished_at


def test_a_backfill_stops_where_it_is_paused_and_goes_on(world, monkeypatch):
    monkeypatch.setattr(backfilling, "CHUNK", 4)
    world.put({one: one for one in range(1, 21)})
    world.migration = world.begin()
    with world.catalog.write() as connection:
        held = migrations.step_to(connection, world.migration, Step.BACKFILL, "test")
    target = world.target(held.target)
    chunks = []

    def wait(rows):
        chunks.append(rows)
        if len(chunks) == 3:
            with world.catalog.write() as connection:
                migrations.set_paused(connection, held, "", paused=True)

    backfilling.backfill(target, held, wait)
    assert len(target.store) == 8
    with world.catalog.write() as connection:
        held = migrations.required(connection)
        migrations.set_paused(connection, held, "", paused=False)
    backfilling.backfill(target, held, lambda _: None)
    assert world.held(target.space.id) == world.right
    with world.catalog.read() as connection:
        assert outbox.backlog(connection, target.space.id).pending == 0


def test_a_backfill_stops_at_the_first_chunk_that_is_not_taken(world, monkeypatch):
    monkeypatch.setattr(backfilling, "CHUNK", 4)
    monkeypatch.setattr(backfilling, "_WAIT_S", 0.0)
    world.put({one: one for one in range(1, 21)})
    world.migration = world.begin()
    with world.catalog.write() as connection:
        held = migrations.step_to(connection, world.migration, Step.BACKFILL, "test")
    target = world.target(held.target)
    target.store.down = True
    chunks = []
    with pytest.raises(StoreError, match=r"still lacks 4 documents .*They stay owed"):
        backfilling.backfill(target, held, chunks.append)
    assert len(chunks) == 1
    target.store.down = False
    with world.catalog.write() as connection:
        outbox.unpark(connection, target.space.id)
    backfilling.backfill(target, held, chunks.append)
    assert world.held(target.space.id) == world.right
