"""The job of comparing a space with the ledger, row by row, and of owing it what is wrong.

Both are walked by ascending id while writers go on. What was owed when the walk began, or has
changed since, is in motion: the outbox answers for it, and it is not judged.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

import apsw
import numpy as np

from hikma.applying import Target
from hikma.catalog import ledger, outbox, rows, verifications
from hikma.catalog.verifications import Verification
from hikma.telemetry import Track, silent

ROWS = 5_000
"""Rows that are compared, and counted durably, at a time."""


class Wrong(StrEnum):
    """In which way a row is not as the ledger says."""

    MISSING = "missing"
    EXTRA = "extra"
    MISMATCHED = "mismatched"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class _Moment:
    """What is settled when a walk begins: nothing later, and nothing that was still owed."""

    sequence: int
    owed: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Range:
    """What was found up to an id: how many rows were compared, which were wrong."""

    last: int
    checked: int
    wrong: tuple[tuple[int, Wrong], ...]


def verify(
    target: Target,
    epoch: int,
    track: Track = silent,
    rest: Callable[[float], None] = lambda _: None,
) -> Verification:
    """Compare a space with the ledger; one that was stopped goes on where it was.

    After each part `rest` is told how many seconds it took.
    """
    with target.catalog.write() as connection:
        found = verifications.begin(connection, target.space.id, epoch)
    with target.catalog.read() as connection:
        total = ledger.live(connection)
    start = time.perf_counter()
    for part in _ranges(target, found.cursor or -1):
        counts = Counter(kind for _, kind in part.wrong)
        found = replace(
            found,
            cursor=part.last,
            checked=found.checked + part.checked,
            missing=found.missing + counts[Wrong.MISSING],
            extra=found.extra + counts[Wrong.EXTRA],
            mismatched=found.mismatched + counts[Wrong.MISMATCHED],
            duplicate=found.duplicate + counts[Wrong.DUPLICATE],
        )
        with target.catalog.write() as connection:
            verifications.put(connection, found, finished=False)
        track("verify", found.checked, total)
        rest(time.perf_counter() - start)
        start = time.perf_counter()
    with target.catalog.write() as connection:
        return verifications.put(connection, found, finished=True)


def repair(target: Target) -> int:
    """Owe a space every row that is wrong, and drop what it should not hold; return how many."""
    count = 0
    for part in _ranges(target, -1):
        wrong = dict(part.wrong)
        count += len(wrong)
        spare = [one for one, kind in wrong.items() if kind in (Wrong.EXTRA, Wrong.DUPLICATE)]
        if not wrong:
            continue
        with target.catalog.write() as connection:
            outbox.enqueue(connection, target.space.id, sorted(wrong))
        # After the rows are owed: one that is dropped here and dies before is brought again.
        target.store.delete(spare)
    return count


def _ranges(target: Target, after: int) -> Iterator[_Range]:
    """Walk ledger and store side by side, from the first id above `after`."""
    with target.catalog.read() as connection:
        moment = _Moment(
            ledger.last_sequence(connection),
            frozenset(outbox.pending(connection, target.space.id).tolist()),
        )
    held = _held(target, after)
    waiting = next(held, None)
    while True:
        with target.catalog.read() as connection:
            expected = _expected(connection, target, after)
        # The last range is open: whatever the store holds beyond the ledger belongs to it.
        last = max(expected, default=after) if len(expected) == ROWS else None
        stored: dict[int, list[bytes]] = {}
        while waiting is not None and (last is None or waiting[0] <= last):
            stored[waiting[0]] = waiting[1]
            waiting = next(held, None)
        ids = sorted({*expected, *stored})
        with target.catalog.read() as connection:  # once more: writers were not waiting
            moving = moment.owed | verifications.changed_since(connection, moment.sequence)
        wrong = tuple(
            (one, kind)
            for one in ids
            if (kind := _judge(expected.get(one), stored.get(one, []))) and one not in moving
        )
        if ids:
            after = ids[-1]
            yield _Range(after, len(ids), wrong)
        if last is None:
            return


def _held(target: Target, after: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield each id of a store with the hashes of all rows that it has of it."""
    pairs = (
        (one, ledger.hash_of(vector.tobytes()))
        for batch in target.store.scan(ROWS, after)
        for one, vector in zip(
            batch.ids.tolist(), np.ascontiguousarray(batch.vectors, "<f4"), strict=True
        )
    )
    for one, some in groupby(pairs, key=itemgetter(0)):
        yield one, [vector_hash for _, vector_hash in some]


def _expected(connection: apsw.Connection, target: Target, after: int) -> dict[int, bytes]:
    """Return the hashes that the next live documents should have in the space, by id."""
    found = rows.every(
        connection,
        """
        SELECT ledger.document_id, embedding.vector_hash FROM ledger
          LEFT JOIN embedding ON embedding.digest = ledger.digest
           AND embedding.model = (SELECT id FROM model WHERE identity = ?)
         WHERE ledger.document_id > ? AND NOT ledger.deleted
         ORDER BY ledger.document_id LIMIT ?
        """,
        (target.space.documents, after, ROWS),
    )
    return {one: vector_hash or b"" for one, vector_hash in found}


def _judge(expected: bytes | None, stored: list[bytes]) -> Wrong | None:
    if expected is None:
        return Wrong.EXTRA if stored else None
    if not stored:
        return Wrong.MISSING
    if len(stored) > 1:
        return Wrong.DUPLICATE
    return None if stored[0] == expected else Wrong.MISMATCHED
