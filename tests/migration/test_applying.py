"""What a space is owed reaches it: once, in the end, and never the wrong way round."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from filelock import FileLock

from hikma import applying
from hikma.arrays import VectorBatch
from hikma.catalog import outbox
from hikma.errors import LockedFileError
from moving import OTHER, OUTSIDE, SPACE, by, vector

LATER = timedelta(hours=1)


@pytest.fixture
def begun(world):
    """Return a world with ten documents and a migration to a space outside the file."""
    world.put({one: one for one in range(1, 11)})
    world.migration = world.begin()
    return world


def owed(world):
    with world.catalog.read() as connection:
        return outbox.backlog(connection, world.migration.target)


def apply(world, **options):
    return applying.drain(world.target(world.migration.target), 5.0, **options)


def test_every_write_since_the_beginning_is_owed_and_none_before(begun):
    assert owed(begun).pending == 0
    begun.put({3: 30, 11: 11})
    begun.remove([4])
    assert owed(begun).pending == 3
    assert apply(begun).pending == 0
    assert begun.held(begun.migration.target) == {one: begun.right[one] for one in (3, 11)}


def test_what_others_write_meanwhile_is_not_waited_for(begun, monkeypatch):
    store = begun.target(begun.migration.target).store
    plain, others = store.upsert, iter(range(100, 10_000))

    def upsert(batch):
        plain(batch)
        begun.put({next(others): 7})

    begun.put({1: 51, 2: 52})
    monkeypatch.setattr(store, "upsert", upsert)
    left = apply(begun)
    assert (left.pending, owed(begun).pending) == (0, 1)
    assert next(others) < 200  # that many are written in a moment; the wait is five seconds
    assert {begun.held(begun.migration.target)[one] for one in (1, 2)} == {
        begun.right[1],
        begun.right[2],
    }


def test_the_present_state_is_brought_not_the_event(begun):
    for seed in range(20, 25):
        begun.put({3: seed})
    begun.remove([3])
    begun.put({3: 99})
    assert owed(begun).pending == 1
    apply(begun)
    assert begun.held(begun.migration.target) == {3: vector(99).tobytes()}
    assert begun.target(begun.migration.target).store.writes == 1


def test_a_store_that_is_down_loses_nothing_and_parks_nothing(begun, monkeypatch):
    begun.put({one: one + 50 for one in range(1, 6)})
    target = begun.target(begun.migration.target)
    target.store.down = True
    for _ in range(20):
        applying.apply_once(target)
        monkeypatch.setattr(applying, "datetime", Clock)
        Clock.ahead += LATER
    left = owed(begun)
    assert (left.pending, left.parked) == (5, 0)
    assert "cannot be reached" in left.error
    target.store.down = False
    assert applying.drain(target, 5.0).pending == 0
    assert begun.held(target.space.id) == {one: begun.right[one] for one in range(1, 6)}


def test_a_refused_row_is_parked_alone_and_tried_again_when_asked(begun, monkeypatch):
    monkeypatch.setattr(applying, "datetime", Clock)
    begun.put({1: 51, 2: 52, 3: 53})
    target = begun.target(begun.migration.target)
    target.store.refused = {2}
    for _ in range(outbox.MOST_ATTEMPTS):
        applying.apply_once(target)
        Clock.ahead += LATER
    left = owed(begun)
    assert (left.pending, left.parked) == (1, 1)
    assert begun.held(target.space.id) == {one: begun.right[one] for one in (1, 3)}
    assert applying.apply_once(target) == 0
    target.store.refused = set()
    with begun.catalog.write() as connection:
        assert outbox.unpark(connection, target.space.id) == 1
    assert apply(begun).pending == 0
    assert begun.held(target.space.id)[2] == begun.right[2]


def test_a_run_that_dies_between_store_and_outbox_is_repeated_without_harm(begun, monkeypatch):
    begun.put({1: 51})
    begun.remove([2])
    with monkeypatch.context() as patch:
        patch.setattr(applying, "_settle", dies)
        with pytest.raises(KeyboardInterrupt):
            apply(begun)
    assert owed(begun).pending == 2
    begun.put({1: 52})
    assert apply(begun).pending == 0
    assert begun.held(begun.migration.target) == {1: vector(52).tobytes()}


def test_what_changed_while_it_was_brought_stays_owed(begun, monkeypatch):
    begun.put({1: 51})
    target = begun.target(begun.migration.target)
    plain = target.store.upsert

    def beside(batch):
        monkeypatch.setattr(target.store, "upsert", plain)
        plain(batch)
        begun.put({1: 52})

    monkeypatch.setattr(target.store, "upsert", beside)
    applying.apply_once(target)
    assert owed(begun).pending == 1
    applying.apply_once(target)
    assert begun.held(target.space.id) == {1: vector(52).tobytes()}


def test_a_late_write_of_an_older_state_changes_nothing(begun):
    begun.put({1: 51})
    apply(begun)
    store = begun.target(begun.migration.target).store
    late = VectorBatch(np.array([1]), vector(7)[None], np.array([0]))
    store.upsert(late)
    assert begun.held(begun.migration.target) == {1: vector(51).tobytes()}


def test_one_process_applies_to_a_space_at_a_time(begun):
    begun.put({1: 51})
    number = begun.migration.target
    with FileLock(f"{begun.path}.space-{number}.lock"):
        with pytest.raises(LockedFileError, match=f"space {number}"):
            applying.apply_once(begun.target(number))
        assert applying.drain(begun.target(number), 0.0).pending == 1
    assert apply(begun).pending == 0


def test_a_space_in_the_file_is_written_at_once(world):
    world.put({1: 1, 2: 2})
    world.migration = world.begin(SPACE)
    world.put({2: 22, 3: 3})
    world.remove([1])
    assert owed(world).pending == 0
    assert world.held(world.migration.target) == {one: world.right[one] for one in (2, 3)}


class Clock(datetime):
    """A clock that a test sets ahead."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, tz=UTC):
        return datetime.now(tz) + cls.ahead


def dies(*_given):
    raise KeyboardInterrupt


def test_what_is_written_or_deleted_in_the_file_is_owed_to_a_space_in_it_no_more(world):
    world.put({1: 1, 2: 2})
    number = world.begin(by(SPACE, OTHER)).target
    world.models[OTHER].fails = True
    world.put({1: 3, 2: 4})
    assert applying.drain(world.target(number), 0.0).parked == 2
    world.models[OTHER].fails = False
    world.put({1: 5})
    world.remove([2])
    with world.catalog.read() as connection:
        assert outbox.backlog(connection, number).pending == 0


def test_what_is_parked_for_want_of_a_vector_is_due_once_its_text_has_one(world):
    world.put({1: 1})
    number = world.begin(by(OUTSIDE, OTHER)).target
    world.models[OTHER].fails = True
    world.put({1: 3})
    assert applying.drain(world.target(number), 0.0).parked == 1
    world.models[OTHER].fails = False
    world.put({2: 3})  # the same text
    assert applying.drain(world.target(number), 0.0).pending == 0
