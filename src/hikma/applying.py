"""The job of bringing to a space what it is owed: the ledger's present state, not the event.

Applying is idempotent, so a run that dies anywhere is repeated by the next one. One process on a
machine applies to a space at a time.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw
import numpy as np

from hikma.arrays import VectorBatch
from hikma.catalog import drafts, identity, ledger, outbox, spaces
from hikma.catalog.outbox import Backlog, Owed
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import InvalidVectorError, LockedFileError, StoreError
from hikma.protocols import VectorStore
from hikma.telemetry import Track, silent

GROUP = 2_000
"""Rows that are brought at once: object storage takes some eight commits a second."""
_NAP_S = 0.05


@dataclass(frozen=True, slots=True)
class Target:
    """A space with its store, in the file that owes it."""

    catalog: Catalog
    space: VectorSpace
    store: VectorStore


def apply_once(target: Target, limit: int = GROUP) -> int:
    """Bring what is due, `limit` rows at most; return how many rows were looked at.

    What cannot be brought is put off, and parked after some attempts; nothing is dropped. Raises
    LockedFileError where another process is applying.
    """
    if spaces.is_inside(target.space):
        return _apply_inside(target, limit)
    with alone(target.catalog.path, target.space.id):
        return _apply_outside(target, limit)


@contextmanager
def alone(path: Path, space: int) -> Iterator[None]:
    """Be the one process on this machine that brings anything to a space of the file at `path`."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 -- searching never applies

    lock = FileLock(spaces.lock_of(path, space))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedFileError(
            f"Another process is bringing vectors to space {space}; wait until it is done, then "
            "repeat."
        ) from None
    except OSError as error:
        raise drafts.failed(Path(lock.lock_file), error) from error
    try:
        yield
    finally:
        lock.release()


def drain(target: Target, wait_s: float, track: Track = silent) -> Backlog:
    """Apply until nothing that is owed now is left but what is parked, or `wait_s` have passed.

    Returns the rest of it. What others write meanwhile is brought too, and not waited for: where a
    store takes a second for a commit, there is always some.
    """
    end = time.monotonic() + wait_s
    with target.catalog.read() as connection:
        until = ledger.last_sequence(connection)
        total = outbox.backlog(connection, target.space.id, until).pending
    while True:
        looked = 0
        with suppress(LockedFileError):  # the other process drains the same rows
            looked = apply_once(target)
        with target.catalog.read() as connection:
            left = outbox.backlog(connection, target.space.id, until)
        track("apply", total - left.pending, total)
        if left.pending == left.parked or time.monotonic() >= end:
            return left
        if not looked:
            time.sleep(_NAP_S)


def _apply_inside(target: Target, limit: int) -> int:
    """Write a space in the file and strike off what it was owed, in one transaction."""
    with target.catalog.write() as connection:
        owed = outbox.due(connection, target.space.id, datetime.now(UTC), limit)
        batch, gone = _present(connection, target.space, owed)
        target.store.delete(gone)
        target.store.upsert(batch)
        _settle(connection, target.space, owed, batch, gone)
    return len(owed)


def _apply_outside(target: Target, limit: int) -> int:
    """Write a store outside the file; strike off only what it has made durable."""
    with target.catalog.read() as connection:
        identity.check(connection, target.catalog.path)
        owed = outbox.due(connection, target.space.id, datetime.now(UTC), limit)
        batch, gone = _present(connection, target.space, owed)
    if not owed:
        return 0
    try:
        target.store.delete(gone)
        target.store.upsert(batch)
    except StoreError as error:
        with target.catalog.write() as connection:
            now = datetime.now(UTC)
            outbox.unreachable(connection, target.space.id, owed, str(error), now)
        return len(owed)
    except InvalidVectorError:
        return _apart(target, owed)
    with target.catalog.write() as connection:
        _settle(connection, target.space, owed, batch, gone)
    return len(owed)


def _apart(target: Target, owed: Sequence[Owed]) -> int:
    """Bring rows one by one where some of them are refused, so that only those are put off."""
    for one in owed:
        try:
            with target.catalog.read() as connection:
                batch, gone = _present(connection, target.space, [one])
            target.store.delete(gone)
            target.store.upsert(batch)
        except InvalidVectorError as refused:
            with target.catalog.write() as connection:
                now = datetime.now(UTC)
                outbox.failed(connection, target.space.id, [one], str(refused), now)
        else:
            with target.catalog.write() as connection:
                _settle(connection, target.space, [one], batch, gone)
    return len(owed)


def _present(
    connection: apsw.Connection, space: VectorSpace, owed: Sequence[Owed]
) -> tuple[VectorBatch, list[int]]:
    """Return what the ledger says now of the documents owed: vectors to hold, ids to drop."""
    ids = [one.document for one in owed]
    entries = ledger.entries_of(connection, ids)
    found = ledger.vectors_of(connection, ids, space.documents)
    sequences = np.array([entries[one].sequence for one in found.ids.tolist()], dtype=np.int64)
    gone = [one for one in ids if one not in entries or entries[one].deleted]
    return VectorBatch(found.ids, found.vectors, sequences), gone


def _settle(
    connection: apsw.Connection,
    space: VectorSpace,
    owed: Sequence[Owed],
    batch: VectorBatch,
    gone: Sequence[int],
) -> None:
    """Strike off what was brought, up to the sequence that was seen; park what has no vector."""
    brought = {*batch.ids.tolist(), *gone}
    struck = [(one.document, one.sequence) for one in owed if one.document in brought]
    outbox.done(connection, space.id, struck)
    lacking = [one for one in owed if one.document not in brought]
    if lacking:
        reason = f"no vector by the model {space.model} yet"
        outbox.park(connection, space.id, lacking, reason, datetime.now(UTC))
