"""A few pieces of waiting work side by side, in order, until the first failure."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def abreast(
    work: Callable[[Piece, threading.Event], Result], pieces: Sequence[Piece], width: int
) -> list[Result]:
    """Return the result of each piece; raises the first failure, after which none is begun.

    `work` is handed an event that says that its result is not wanted any more. The threads are
    daemons: an interrupt is not held up by one that waits for a server.
    """
    stopped = threading.Event()
    todo: SimpleQueue[int] = SimpleQueue()
    results: dict[int, Result] = {}
    failures: list[BaseException] = []
    for place in range(len(pieces)):
        todo.put(place)

    def pull() -> None:
        while not stopped.is_set():
            try:
                place = todo.get_nowait()
            except Empty:
                return
            try:
                results[place] = work(pieces[place], stopped)
            except BaseException as error:  # noqa: BLE001 -- raised again by the caller's thread
                failures.append(error)
                stopped.set()

    threads = [threading.Thread(target=pull, daemon=True) for _ in pieces[:width]]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stopped.set()
    if failures:
        raise failures[0]  # the others came of stopping
    return [results[place] for place in range(len(pieces))]
