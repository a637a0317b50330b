"""A store on trial that hangs keeps nobody who searches."""

import threading

import numpy as np
import pytest

from hikma.arrays import Neighbor
from hikma.errors import MissingVectorError, StoreError
from hikma.waiting import Awaited

QUERY = np.ones(4, np.float32) / 2
FOUND = [Neighbor(7, 0.25)]


class Slow:
    """A store that answers when a test lets it."""

    def __init__(self):
        self.go = threading.Event()
        self.error = None

    def nearest(self, _query, limit, within=None):
        assert self.go.wait(20)
        if self.error is not None:
            raise self.error
        return FOUND[:limit] if within is None else []


@pytest.fixture
def slow():
    store = Slow()
    yield store
    store.go.set()


def test_an_answer_in_time_is_the_store_s_own(slow):
    slow.go.set()
    asked = Awaited(slow)
    assert asked.nearest(QUERY, 10) == FOUND
    assert asked.nearest(QUERY, 10, np.array([1])) == []
    assert asked.close()


def test_an_error_is_the_store_s_own(slow):
    slow.go.set()
    slow.error = MissingVectorError("gone")
    with pytest.raises(MissingVectorError, match="gone"):
        Awaited(slow).nearest(QUERY, 10)


def test_who_waits_gives_up_in_time_and_may_ask_again(slow):
    asked = Awaited(slow, opening_s=0.05)
    with pytest.raises(StoreError, match=r"no answer in 0\.05 s"):
        asked.nearest(QUERY, 10)
    slow.go.set()
    assert Awaited(slow).nearest(QUERY, 10) == FOUND
    assert asked.close()


def test_later_answers_are_waited_for_less_long_than_the_first(slow):
    asked = Awaited(slow, opening_s=20.0, answering_s=0.05)
    slow.go.set()
    asked.nearest(QUERY, 10)
    slow.go.clear()
    with pytest.raises(StoreError, match=r"no answer in 0\.05 s"):
        asked.nearest(QUERY, 10)


def test_a_store_that_hangs_for_good_is_not_asked_more_and_more(slow):
    asked = Awaited(slow, opening_s=0.02)
    for _ in range(4):
        with pytest.raises(StoreError, match="no answer"):
            asked.nearest(QUERY, 10)
    before = threading.active_count()
    with pytest.raises(StoreError, match="still owe 4 answers"):
        asked.nearest(QUERY, 10)
    assert threading.active_count() == before
    assert not asked.close(0.01)
    slow.go.set()
    assert asked.close()


def test_several_who_search_at_once_get_each_their_own(slow):
    class Own:
        def nearest(self, query, _limit, within=None):
            assert within is None
            return [Neighbor(int(query[0]), 0.0)]

    asked = Awaited(Own())
    found = {}

    def search(one):
        found[one] = asked.nearest(np.full(4, one, np.float32), 1)[0].id

    searching = [threading.Thread(target=search, args=(one,)) for one in range(4)]
    for one in searching:
        one.start()
    for one in searching:
        one.join()
    assert found == {one: one for one in range(4)}
    assert asked.close()
