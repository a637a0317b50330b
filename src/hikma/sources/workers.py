"""How is hostile input read without harm? In processes that may die, each item on its own.

Whatever a file or commit does to its worker (crash it, hang it, fill its memory), it alone is
reported as failed, its worker is replaced, and every other one comes through, in order.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Self, TypeVar

from hikma.domain import SourceFile
from hikma.errors import TaskFailedError, WorkerError
from hikma.sources import worker_main
from hikma.sources.worker_process import Lost, WorkerProcess, import_path

Item = TypeVar("Item")
T = TypeVar("T")

_BATCH_BYTES = 256 * 1024
_BATCH_FILES = 64
_PATIENCE = 6
"""So many times its time of the processor a file may take by the clock: others work beside it."""
_BATCHES_AHEAD = 4
"""Batches in flight for each worker: enough to outlast a slow consumer, few enough to be small."""


class _Outcome(NamedTuple):
    """A task's result, or why there is none."""

    result: Any
    failure: str | None


def run(
    task: Callable[[Item], T],
    items: Iterable[Item],
    *,
    workers: int,
    on_failure: Callable[[Item, str], T],
    timeout_s: float = 10,
    memory_bytes: int = 2 * 1024**3,
) -> Iterator[T]:
    """Yield `task(item)` for each item (a file, a commit, texts), in the order of the items.

    `task` is a function at the top level of a module that workers can import. An item whose
    worker raises, dies, takes more than `timeout_s` seconds of the processor, six times as many by
    the clock, or more than `memory_bytes` of address space yields `on_failure(item, reason)`
    instead. `items` is read only a little ahead, in the caller's thread.
    Raises WorkerError where no worker can be started.
    """
    setup = _setup(task, timeout_s, _PATIENCE * timeout_s, memory_bytes)
    with _Pool(setup, workers) as pool:
        pending: deque[tuple[list[Item], Future[list[_Outcome]]]] = deque()
        for batch in _batches(items):
            pending.append((batch, pool.submit(batch)))
            if len(pending) >= workers * _BATCHES_AHEAD:
                yield from _results(*pending.popleft(), on_failure)
        while pending:
            yield from _results(*pending.popleft(), on_failure)


def until_failure(
    task: Callable[[Item], T], items: Iterable[Item], *, timeout_s: float, memory_bytes: int
) -> Iterator[T]:
    """Yield `task(item)` for each item, one after the other in one process.

    The first that raises, or takes more time or memory than it may, ends it: raises
    TaskFailedError. Raises WorkerError where no worker can be started.
    """
    process = WorkerProcess(_setup(task, timeout_s, timeout_s, memory_bytes))
    try:
        process.await_ready()
        for item in items:
            for status, value in process.answers([item]):
                if status != worker_main.DONE:
                    raise TaskFailedError(str(value))
                yield value
    except Lost as lost:
        raise TaskFailedError(lost.reason) from lost
    finally:
        process.close()


def _results(
    batch: list[Item],
    future: "Future[list[_Outcome]]",
    on_failure: Callable[[Item, str], T],
) -> Iterator[T]:
    for item, outcome in zip(batch, future.result(), strict=True):
        if outcome.failure is None:
            yield outcome.result
        else:
            yield on_failure(item, outcome.failure)


def _setup(
    task: Callable[[Item], T], timeout_s: float, longest_s: float, memory_bytes: int
) -> worker_main.Setup:
    module, name = task.__module__, task.__qualname__
    if module == "__main__" or "<" in name:
        raise WorkerError(
            f"{module}.{name} cannot be imported by a worker; pass a module's own function"
        )
    search_path = import_path(sys.path)
    return worker_main.Setup(search_path, module, name, timeout_s, longest_s, memory_bytes)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Group items, so that a pipe's costs are paid once for many small ones."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += _size(item)
        if size >= _BATCH_BYTES or len(batch) == _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(item: object) -> int:
    if isinstance(item, SourceFile):
        return len(item.content)
    return sum(map(len, item)) if isinstance(item, list) else 0


class _Pool:
    """Worker processes, each driven by a thread that does nothing but wait for it."""

    def __init__(self, setup: worker_main.Setup, workers: int) -> None:
        self._setup = setup
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="hikma-worker")
        self._idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        self._alive: set[WorkerProcess] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stopped = True
            alive = list(self._alive)
        for process in alive:
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in list(self._alive):
            process.close()

    def submit(self, batch: list[Any]) -> "Future[list[_Outcome]]":
        """Start a batch; its outcomes come in the order of its files."""
        return self._threads.submit(self._work, batch)

    def _work(self, batch: list[Any]) -> list[_Outcome]:
        """Carry a batch through, over as many workers as it takes.

        A file that a used worker dies on gets a second chance alone in a fresh one: what earlier
        files left in memory must not decide its fate.
        """
        outcomes: list[_Outcome] = []
        fresh = False
        while len(outcomes) < len(batch):
            done, lost = self._attempt(batch[len(outcomes) :], fresh=fresh)
            outcomes += done
            if lost is None:
                break
            if lost.final or (fresh and not done):
                outcomes.append(_Outcome(None, lost.reason))
                fresh = False
            else:
                fresh = True
        return outcomes

    def _attempt(self, items: list[Any], *, fresh: bool) -> tuple[list[_Outcome], Lost | None]:
        """Run items through one worker until they end or it does."""
        process = self._start() if fresh else self._take()
        done: list[_Outcome] = []
        try:
            for status, value in process.answers(items):
                if status == worker_main.DONE:
                    done.append(_Outcome(value, None))
                else:
                    done.append(_Outcome(None, str(value)))
        except Lost as lost:
            self._drop(process)
            return done, lost
        self._idle.put(process)
        return done, None

    def _take(self) -> WorkerProcess:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._start()

    def _start(self) -> WorkerProcess:
        with self._lock:
            if self._stopped:
                raise WorkerError("the workers were stopped; start the run anew")
            process = WorkerProcess(self._setup)
            self._alive.add(process)
        try:
            process.await_ready()
        except WorkerError:
            self._drop(process)
            raise
        return process

    def _drop(self, process: WorkerProcess) -> None:
        process.close()
        with self._lock:
            self._alive.discard(process)
