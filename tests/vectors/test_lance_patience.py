"""A query waits for object storage once, whatever LanceDB repeats; what is late keeps nobody."""

import time
from threading import Event

import pytest

from hikma.vectors.lance_patience import _MOST, Patience


def test_what_is_answered_or_raised_in_time_is_handed_on():
    wait = Patience(5.0).begin()
    assert wait.call(lambda: 7) == 7
    with pytest.raises(ValueError, match="refused"):
        wait.call(lambda: int("refused"))


def test_the_calls_of_a_query_share_one_time():
    wait = Patience(0.3).begin()
    wait.call(lambda: time.sleep(0.2))
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer in 0\.3 s"):
        wait.call(lambda: time.sleep(0.4))
    assert time.monotonic() - started < 0.25


def test_what_a_store_says_when_it_is_asked_plainly_is_told_and_nobody_waits_longer():
    told = []
    patience = Patience(0.3, lambda wait_s: told.append(wait_s) or "ExpiredToken: it has expired")
    with pytest.raises(TimeoutError, match=r"no answer in 0\.3 s, and .* ExpiredToken"):
        patience.begin().call(lambda: time.sleep(0.5))
    assert 0.0 < told[0] <= 0.15
    for silent in (lambda _: "", lambda _: int("away"), lambda _: time.sleep(0.5)):
        with pytest.raises(TimeoutError, match=r"no answer in 0\.3 s$"):
            Patience(0.3, silent).begin().call(lambda: time.sleep(0.5))


def test_who_is_answered_soon_asks_nothing_more():
    patience = Patience(5.0, lambda _: pytest.fail("asked"))
    assert patience.begin().call(lambda: 7) == 7


def test_what_is_late_is_asked_no_more_until_it_ends():
    patience, answers = Patience(0.05), Event()
    for _ in range(_MOST):
        with pytest.raises(TimeoutError, match="no answer"):
            patience.begin().call(lambda: answers.wait(30))
    with pytest.raises(TimeoutError, match="4 questions are still without an answer"):
        patience.begin().call(lambda: 7)
    answers.set()
    end = time.monotonic() + 10
    while patience._running and time.monotonic() < end:
        time.sleep(0.01)
    assert patience.begin().call(lambda: 7) == 7


def test_a_folder_is_asked_by_the_thread_that_wants_it():
    assert Patience(None).begin().call(lambda: 7) == 7
