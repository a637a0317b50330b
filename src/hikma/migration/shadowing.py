"""Shadow reads: what was asked of the source is asked of the target too, off the request's path.

A request hands over what it got, and goes on. Two daemon threads do the rest: one asks the target,
the other waits for it no longer than it may take, compares, and writes samples in batches. A store
that hangs keeps the first thread and no other; what comes meanwhile counts as timed out at once.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue, SimpleQueue
from threading import Event, Lock, Thread

import apsw

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.catalog import ledger, samples
from hikma.catalog.migrations import Migration
from hikma.catalog.samples import LIVE, Sample
from hikma.catalog.schema import Catalog
from hikma.errors import HikmaError
from hikma.migration import comparing
from hikma.migration.asking import question_of
from hikma.protocols import Nearest

QUEUED = 64
"""Requests that wait to be asked again; of more, none is kept."""
KEPT = 1_000
"""Samples that wait for the file's writer; of more, the oldest go."""
_BATCH = 50
_PAUSE_S = 1.0
_UNWRITABLE = (HikmaError, apsw.Error, OSError)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request asked, and what the source gave it in how many milliseconds."""

    vector: Vector
    limit: int
    within: DocumentIds | None
    found: list[Neighbor]
    source_ms: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of requests so far.

    `dropped` found the queue full or could not be written, `outdated` met documents that had
    changed since, `timed_out` are written too, as failures of the target.
    """

    written: int = 0
    dropped: int = 0
    outdated: int = 0
    timed_out: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    held: Migration
    answered: Answered
    target: Nearest
    exact: bool
    sequence: int

    def sample(self, error: str | None) -> Sample:
        """Return the sample of a target that gave no answer."""
        asked = self.answered
        blank = comparing.unmeasured(LIVE, asked.source_ms, error, exact=self.exact)
        question = question_of(asked.vector.tobytes(), asked.within)
        filtered = asked.within is not None
        blank = replace(blank, question=question, filtered=filtered)
        return replace(blank, depth=asked.limit, epoch=self.held.epoch)


class Shadowed:
    """A store whose answers are told to `observe`, with what each took."""

    def __init__(self, source: Nearest, observe: Callable[[Answered], None]) -> None:
        """Answer by `source`; `observe` must not raise, and returns at once."""
        self._source = source
        self._observe = observe

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return what the source says is near."""
        start = time.perf_counter()
        found = self._source.nearest(query, limit, within)
        took = 1_000 * (time.perf_counter() - start)
        self._observe(Answered(query, limit, within, list(found), took))
        return found


class Shadow:
    """The shadow reads of one file; `close` it, or lose the samples that are not written yet."""

    def __init__(self, catalog: Catalog, timeout_s: float = 2.0, share: float = 1.0) -> None:
        """Ask so large a share of the requests again, each for so long; nothing is started yet."""
        self._catalog = catalog
        self._timeout_s = timeout_s
        self._share = share
        self._due = 0.0
        self._queue: Queue[_Job | None] = Queue(QUEUED)
        self._asker = _Asker()
        self._kept: list[tuple[int, Sample]] = []
        self._write_at = 0.0
        self._guard = Lock()
        self._counts = Counts()
        self._ended = Event()
        self._thread: Thread | None = None

    @property
    def counts(self) -> Counts:
        """What became of requests so far."""
        with self._guard:
            return self._counts

    def observe(
        self, held: Migration, answered: Answered, target: Nearest, *, exact: bool = True
    ) -> None:
        """Have the target asked what the source has answered; return at once, and never raise."""
        if not self._is_due():
            return
        try:
            sequence = self._sequence()
            self._start()
            self._queue.put_nowait(_Job(held, answered, target, exact, sequence))
        except (Full, RuntimeError, *_UNWRITABLE):  # RuntimeError: no thread can be started
            self._count(dropped=1)

    def close(self, wait_s: float = 5.0) -> bool:
        """Write what has been compared, and stop; return whether all was done in time.

        If not, the target may still be reading the file: leave that open until the process ends.
        """
        thread, until = self._thread, time.monotonic() + wait_s
        if thread is None:
            self._ended.set()
            return True
        with suppress(Full):
            self._queue.put(None, timeout=wait_s)
        thread.join(max(0.0, until - time.monotonic()))
        self._ended.set()
        is_free = self._asker.join(max(0.0, until - time.monotonic()))
        return is_free and not thread.is_alive() and not self._kept

    def _is_due(self) -> bool:
        """Take a share of the requests in equal steps, none after the end."""
        with self._guard:
            self._due += self._share
            if self._due < 1 or self._ended.is_set():
                return False
            self._due -= 1
            return True

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="hikma-shadow", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                job = self._queue.get(timeout=_PAUSE_S if self._kept else None)
            except Empty:
                self._write()
                continue
            if job is None:
                self._write(at_once=True)
                break
            self._take(job)
            if len(self._kept) >= _BATCH:
                self._write()
        self._asker.end()

    def _take(self, job: _Job) -> None:
        """Compare what the target answers in time, and keep that."""
        try:
            found = self._asker.ask(lambda: self._look(job), self._timeout_s)
        except TimeoutError:
            self._count(timed_out=1)
            found = job.sample(f"timed out after {self._timeout_s:g} s")
        if isinstance(found, Exception):  # however it fails, that is the target's answer
            found = job.sample(f"{type(found).__name__}: {found}")
        if found is None:
            self._count(outdated=1)
            return
        self._kept.append((job.held.id, found))
        if len(self._kept) > KEPT:
            del self._kept[0]
            self._count(dropped=1)

    def _look(self, job: _Job) -> Sample | None:
        """Return how the target answers; None where documents have changed since the source did.

        No transaction is held meanwhile: a store that hangs must not keep the log from shrinking.
        """
        asked = job.answered
        try:
            if self._sequence() != job.sequence:
                return None
            theirs, took, error = comparing.tried(
                job.target, asked.vector, asked.limit, asked.within
            )
            if self._ended.is_set() or self._sequence() != job.sequence:
                return None
        except _UNWRITABLE as failure:
            return job.sample(str(failure))
        blank = job.sample(error)
        return blank if error else comparing.measured(blank, asked.found, theirs, took)

    def _write(self, *, at_once: bool = False) -> None:
        """Write what is kept; where the file cannot be written, keep it and try later."""
        if not self._kept or (time.monotonic() < self._write_at and not at_once):
            return
        try:
            with self._catalog.write() as connection:
                for number in {migration for migration, _ in self._kept}:
                    found = [one for migration, one in self._kept if migration == number]
                    samples.put(connection, number, found)
        except _UNWRITABLE:
            self._write_at = time.monotonic() + _PAUSE_S
            return
        self._count(written=len(self._kept))
        self._kept.clear()

    def _sequence(self) -> int:
        """Return what changes with every document that is written or deleted."""
        with self._catalog.read() as connection:
            return ledger.last_sequence(connection)

    def _count(self, **more: int) -> None:
        with self._guard:
            held = self._counts
            summed = {name: getattr(held, name) + count for name, count in more.items()}
            self._counts = replace(held, **summed)


class _Asker:
    """One daemon thread that asks; who waits for it gives up in time, and it stays one."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], Sample | None] | None] = SimpleQueue()
        self._done: SimpleQueue[Sample | Exception | None] = SimpleQueue()
        self._is_late = False
        self._thread: Thread | None = None

    def ask(self, work: Callable[[], Sample | None], timeout_s: float) -> Sample | Exception | None:
        """Return what `work` returns or raises; TimeoutError after so long, or while it hangs."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="hikma-shadow-target", daemon=True)
            self._thread.start()
        try:
            if self._is_late:
                self._done.get_nowait()
                self._is_late = False
            self._work.put(work)
            return self._done.get(timeout=timeout_s)
        except Empty:
            self._is_late = True
            raise TimeoutError from None

    def end(self) -> None:
        """Let the thread end once it can."""
        self._work.put(None)

    def join(self, wait_s: float) -> bool:
        """Wait until the thread has ended; return whether it has."""
        if self._thread is not None:
            self._thread.join(wait_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._done.put(work())
            except Exception as error:  # noqa: BLE001 -- who waits is told, and asks again
                self._done.put(error)
