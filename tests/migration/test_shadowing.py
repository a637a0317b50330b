"""What a request was answered is asked of the target too, and the request never notices."""

import threading
from dataclasses import replace
from queue import SimpleQueue

import numpy as np
import pytest

from hikma.catalog import samples
from hikma.catalog.samples import LIVE
from hikma.errors import LockedFileError, StoreError
from hikma.migration import comparing, shadowing
from hikma.migration.shadowing import Answered, Counts, Shadow, Shadowed
from moving import vector

LONG_S = 60.0
"""More than any step here takes: no test waits for it."""


class Hung:
    """A store that hangs until it is let go, then answers by another."""

    def __init__(self, store):
        self.store = store
        self.entered, self.go = threading.Event(), threading.Event()
        self.calls = 0

    def nearest(self, query, limit, within=None):
        """Answer when let go."""
        self.calls += 1
        self.entered.set()
        assert self.go.wait(LONG_S)
        return self.store.nearest(query, limit, within)


class Failing:
    """A store that fails at every second question."""

    def __init__(self, store, every=2):
        self.store, self.every, self.calls = store, every, 0

    def nearest(self, query, limit, within=None):
        """Answer, or fail."""
        self.calls += 1
        if self.calls % self.every == 0:
            raise StoreError("there is nobody")
        return self.store.nearest(query, limit, within)


class Trial:
    """A migration, its source, and a shadow that is closed at the end."""

    def __init__(self, world):
        self.world = world
        world.put({one: one for one in range(1, 31)})
        self.held = world.begin()
        self.source = world.target(self.held.source).store
        self.shadows = []

    def shadow(self, timeout_s=LONG_S, share=1.0):
        self.shadows.append(Shadow(self.world.catalog, timeout_s, share))
        return self.shadows[-1]

    def ask(self, shadow, target=None, seed=5, within=None, **how):
        """Answer one request by the source."""
        target = target or self.source
        told = Shadowed(self.source, lambda one: shadow.observe(self.held, one, target, **how))
        return told.nearest(vector(seed), 10, within)

    def samples(self):
        with self.world.catalog.read() as connection:
            return samples.of(connection, self.held.id, LIVE)


@pytest.fixture
def trial(world):
    made = Trial(world)
    yield made
    assert all(one.close(LONG_S) for one in made.shadows)


def test_a_request_gets_what_the_source_answers_and_the_samples_follow(trial):
    shadow = trial.shadow()
    found = [trial.ask(shadow, seed=seed) for seed in range(20)]
    assert found == [trial.source.nearest(vector(seed), 10) for seed in range(20)]
    assert shadow.close(LONG_S)
    assert shadow.counts == Counts(written=20)
    kept = trial.samples()
    assert [(one.overlap, one.agreement, one.drift) for one in kept] == [(1.0, 1.0, 0.0)] * 20
    assert {(one.depth, one.epoch) for one in kept} == {(10, trial.held.epoch)}


def test_the_target_is_asked_the_same(trial):
    told = SimpleQueue()

    class Target:
        def nearest(self, query, limit, within=None):
            told.put((query.tobytes(), limit, within.tolist()))
            return []

    shadow = trial.shadow()
    trial.ask(shadow, Target(), 7, np.array([2, 3, 5]), exact=False)
    assert shadow.close(LONG_S)
    assert told.get() == (vector(7).tobytes(), 10, [2, 3, 5])
    assert [(one.overlap, one.exact) for one in trial.samples()] == [(0.0, False)]


def test_whatever_fails_is_a_sample_and_the_next_question_is_asked(trial, monkeypatch):
    """Not only the store: what is done with its answer too."""
    measured, calls = comparing.measured, []

    def broken(*given):
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("by nothing")
        return measured(*given)

    monkeypatch.setattr(comparing, "measured", broken)
    shadow = trial.shadow(timeout_s=5.0)
    for seed in range(3):
        trial.ask(shadow, seed=seed)
    assert shadow.close(LONG_S)
    assert [one.error for one in trial.samples()] == ["ZeroDivisionError: by nothing", None, None]
    assert shadow.counts == Counts(written=3)


def test_live_questions_are_told_apart_by_what_is_asked_and_where(trial):
    shadow = trial.shadow()
    within = np.array([2, 3, 5])
    for seed, chosen in ((1, None), (1, None), (2, None), (1, within)):
        trial.ask(shadow, seed=seed, within=chosen)
    assert shadow.close(LONG_S)
    kept = trial.samples()
    assert kept[0].question == kept[1].question
    assert len({one.question for one in kept}) == 3
    assert [one.filtered for one in kept] == [False, False, False, True]
    assert [one.answers for one in kept] == [10, 10, 10, 3]


def test_the_path_of_a_request_writes_nothing_and_asks_no_target(trial):
    """Until the target answers nothing is written, and a request has its answer all the same."""
    hung, shadow = Hung(trial.source), trial.shadow()
    assert trial.ask(shadow, hung)
    assert hung.entered.wait(LONG_S)
    assert trial.samples() == []
    hung.go.set()


def test_a_target_that_hangs_keeps_one_thread_and_every_sample_says_so(trial, monkeypatch):
    monkeypatch.setattr(shadowing, "_PAUSE_S", 0.01)
    before = threading.active_count()
    hung, shadow = Hung(trial.source), trial.shadow(timeout_s=0.01)
    for _ in range(30):
        trial.ask(shadow, hung)
    assert hung.entered.wait(LONG_S)
    assert threading.active_count() <= before + 2
    until_written(shadow, 30)
    assert (hung.calls, shadow.counts) == (1, Counts(written=30, timed_out=30))
    assert {one.error for one in trial.samples()} == {"timed out after 0.01 s"}
    hung.go.set()


def test_a_target_that_answers_again_is_asked_again(trial):
    """The answer that came late is dropped: it belongs to a question that is over."""
    hung, asker = Hung(trial.source), shadowing._Asker()
    with pytest.raises(TimeoutError):
        asker.ask(lambda: hung.nearest(vector(1), 1), 0.01)
    with pytest.raises(TimeoutError):
        asker.ask(lambda: "never asked", LONG_S)
    hung.go.set()
    late = asker._done.get(timeout=LONG_S)
    asker._done.put(late)
    assert asker.ask(lambda: "asked", LONG_S) == "asked"
    asker.end()


def test_a_target_that_flaps_is_counted_by_what_it_does(trial):
    shadow, target = trial.shadow(), Failing(trial.source)
    for _ in range(10):
        trial.ask(shadow, target)
    assert shadow.close(LONG_S)
    assert [one.error for one in trial.samples()] == [None, "there is nobody"] * 5
    assert [one.overlap for one in trial.samples()] == [1.0, None] * 5


def test_a_full_queue_drops_and_counts(trial, monkeypatch):
    monkeypatch.setattr(shadowing, "QUEUED", 3)
    hung, shadow = Hung(trial.source), trial.shadow()
    trial.ask(shadow, hung)
    assert hung.entered.wait(LONG_S)
    for _ in range(8):
        assert trial.ask(shadow, hung)
    assert shadow.counts == Counts(dropped=5)
    hung.go.set()
    assert shadow.close(LONG_S)
    assert shadow.counts == Counts(written=4, dropped=5)


def test_a_share_of_the_requests_is_asked_again(trial):
    shadow = trial.shadow(share=0.25)
    for _ in range(40):
        trial.ask(shadow)
    assert shadow.close(LONG_S)
    assert shadow.counts == Counts(written=10)


def test_an_answer_of_another_state_is_no_sample(trial):
    """What was written meanwhile is no fault of the target."""
    hung, shadow = Hung(trial.source), trial.shadow()
    trial.ask(shadow, hung)
    assert hung.entered.wait(LONG_S)
    trial.world.put({31: 31})
    hung.go.set()
    assert shadow.close(LONG_S)
    assert (shadow.counts, trial.samples()) == (Counts(outdated=1), [])


class Locked:
    """A catalog whose writer is held by another process so many times."""

    def __init__(self, catalog, times):
        self._catalog, self.times = catalog, times

    def read(self):
        """Read as ever."""
        return self._catalog.read()

    def write(self):
        """Write, once it is free."""
        if self.times:
            self.times -= 1
            raise LockedFileError("it is locked; wait")
        return self._catalog.write()


def test_a_locked_file_gets_its_samples_later(trial, monkeypatch):
    monkeypatch.setattr(shadowing, "_BATCH", 2)
    monkeypatch.setattr(shadowing, "_PAUSE_S", 0.01)
    shadow = trial.shadow()
    shadow._catalog = Locked(trial.world.catalog, 3)
    for _ in range(10):
        trial.ask(shadow)
    until_written(shadow, 10)
    assert len(trial.samples()) == 10


def until_written(shadow, count):
    """Wait until so many samples are written."""
    for _ in range(6_000):
        if shadow.counts.written == count:
            return
        threading.Event().wait(0.01)
    pytest.fail(f"{shadow.counts}")


def test_a_file_that_stays_locked_costs_samples_and_no_memory(trial, monkeypatch):
    monkeypatch.setattr(shadowing, "KEPT", 4)
    shadow = Shadow(Locked(trial.world.catalog, 1_000))
    for _ in range(10):
        trial.ask(shadow)
    assert not shadow.close(LONG_S)
    assert (shadow.counts, trial.samples()) == (Counts(dropped=6), [])


def test_a_file_that_cannot_be_read_does_not_fail_the_request(trial):
    class Unreadable:
        def read(self):
            raise LockedFileError("it is locked; wait")

    shadow = Shadow(Unreadable())
    answered = Answered(vector(1), 1, None, [], 1.0)
    shadow.observe(trial.held, answered, trial.source)
    assert shadow.counts == Counts(dropped=1)
    assert shadow.close(0.0)


def test_closing_does_not_wait_for_a_target_that_hangs(trial):
    hung, shadow = Hung(trial.source), Shadow(trial.world.catalog, LONG_S)
    trial.ask(shadow, hung)
    assert hung.entered.wait(LONG_S)
    assert not shadow.close(0.01)
    trial.ask(shadow, hung)
    hung.go.set()
    assert shadow.close(LONG_S)
    assert (hung.calls, trial.samples()) == (1, [])


def test_samples_belong_to_their_migration(trial):
    shadow = trial.shadow()
    answered = Answered(vector(1), 3, None, trial.source.nearest(vector(1), 3), 1.0)
    for epoch in (4, 5):
        shadow.observe(replace(trial.held, epoch=epoch), answered, trial.source)
    assert shadow.close(LONG_S)
    assert [(one.epoch, one.depth) for one in trial.samples()] == [(4, 3), (5, 3)]
