"""How long may a query wait for object storage? As long as one request, whatever LanceDB repeats.

It asks six times before it says that a store is silent, and no option of it bounds all of them. A
call cannot be stopped either: who waits leaves it behind in a thread, where it ends by itself.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TypeVar

_SOON = 0.5
"""Share of the wait after which a store is asked why it does not answer: it may have refused."""
_MOST = 4
"""Calls that may be left behind at once; until one of them ends nothing more is asked."""

T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """What queries may wait for; None for a folder of this machine, which is asked at once.

    `refusal` asks the store plainly, no longer than it is told, and returns why it answers nobody:
    LanceDB repeats what was refused for three seconds before it says so.
    """

    timeout_s: float | None
    refusal: Callable[[float], str] = lambda _: ""
    _guard: Lock = field(default_factory=Lock)
    _running: dict[int, float] = field(default_factory=dict)

    def begin(self) -> "Wait":
        """Return the wait of one query, which has begun."""
        return Wait(self, 0.0 if self.timeout_s is None else time.monotonic() + self.timeout_s)

    def call(self, ask: Callable[[], T], end: float) -> T:
        """Return what a call returns, or raise what it raises; TimeoutError once `end` is past."""
        if self.timeout_s is None:
            return ask()
        answer: Future[T] = Future()
        self._admit(id(answer), end)
        self._begin(self._run, ask, answer)
        if not wait([answer], _SOON * _left(end)).done:
            refused: Future[str] = Future()
            self._begin(_ask_why, self.refusal, _left(end), refused)
            if not wait([answer], _left(end)).done:
                raise TimeoutError(f"no answer in {self.timeout_s:g} s{_said(refused)}")
        return answer.result()

    @staticmethod
    def _begin(work: Callable[..., None], *given: object) -> None:
        Thread(target=work, args=given, name="hikma-objects", daemon=True).start()

    def _admit(self, call: int, end: float) -> None:
        with self._guard:
            late = sum(one < time.monotonic() for one in self._running.values())
            if late >= _MOST:
                raise TimeoutError(f"{late} questions are still without an answer")
            self._running[call] = end

    def _run(self, ask: Callable[[], T], answer: "Future[T]") -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # noqa: BLE001 -- who waits raises it
            answer.set_exception(error)
        finally:
            with self._guard:
                del self._running[id(answer)]


@dataclass(frozen=True, slots=True)
class Wait:
    """What one query may wait for, over all its calls."""

    patience: Patience
    end: float

    def call(self, ask: Callable[[], T]) -> T:
        """Return what a call returns, or raise what it raises; TimeoutError where that is late."""
        return self.patience.call(ask, self.end)


def _left(end: float) -> float:
    return max(0.0, end - time.monotonic())


def _ask_why(refusal: Callable[[float], str], wait_s: float, answer: "Future[str]") -> None:
    try:
        answer.set_result(refusal(wait_s))
    except Exception:  # noqa: BLE001 -- it is away, and that is told already
        answer.set_result("")


def _said(refused: "Future[str]") -> str:
    """Return what the store said in time of why it does not answer."""
    said = refused.result() if refused.done() else ""
    return f", and asked plainly the store says {said}" if said else ""
