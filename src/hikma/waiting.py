"""How long is a store waited for? One on trial must keep nobody who searches."""

from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple, TypeAlias

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.errors import StoreError
from hikma.protocols import Nearest

OPENING_S, ANSWERING_S = 10.0, 2.0
"""For the first answer, which opens the store, and for each later one."""
_MOST = 4
"""Questions that may hang at once; what comes meanwhile is not asked."""

_Answer: TypeAlias = list[Neighbor] | Exception


class _Question(NamedTuple):
    """What a thread asks, and where it leaves what came of it."""

    query: Vector
    limit: int
    within: DocumentIds | None
    answer: "SimpleQueue[_Answer]"


class Awaited:
    """A store asked in threads of its own, so that who waits can give up in time."""

    def __init__(
        self, store: Nearest, opening_s: float = OPENING_S, answering_s: float = ANSWERING_S
    ) -> None:
        """Start no thread yet."""
        self.store = store
        self._timeout_s = opening_s
        self._answering_s = answering_s
        self._asked: SimpleQueue[_Question | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._guard = Lock()
        self._open = 0

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest; StoreError where the store does not answer in time."""
        asked = _Question(query, limit, within, SimpleQueue())
        self._ask(asked)
        try:
            found = asked.answer.get(timeout=self._timeout_s)
        except Empty:
            raise StoreError(
                f"The vectors on trial gave no answer in {self._timeout_s:g} s; check that their "
                "place can be reached, or `hikma migrate rollback`."
            ) from None
        if isinstance(found, Exception):
            raise found
        self._timeout_s = self._answering_s
        return found

    def close(self, wait_s: float = 2.0) -> bool:
        """Let the threads end; tell whether all have, for one that hangs cannot be stopped."""
        for _ in self._threads:
            self._asked.put(None)
        for one in self._threads:
            one.join(wait_s)
        return not any(one.is_alive() for one in self._threads)

    def _ask(self, asked: _Question) -> None:
        with self._guard:
            if self._open >= _MOST:
                raise StoreError(
                    f"The vectors on trial still owe {_MOST} answers; check that their place can "
                    "be reached, or `hikma migrate rollback`."
                )
            self._open += 1
            if len(self._threads) < self._open:
                self._threads.append(Thread(target=self._run, name="hikma-trial", daemon=True))
                self._threads[-1].start()
        self._asked.put(asked)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            asked.answer.put(self._answer(asked))

    def _answer(self, asked: _Question) -> _Answer:
        try:
            return self.store.nearest(asked.query, asked.limit, asked.within)
        except Exception as error:  # noqa: BLE001 -- who waits raises it
            return error
        finally:
            with self._guard:
                self._open -= 1
