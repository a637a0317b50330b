"""How far is a migration? Everything from the file, so that any process can tell."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from hikma.catalog import embeddings, migrations, outbox, spaces
from hikma.catalog.migrations import Event, Migration, Step
from hikma.catalog.outbox import Backlog
from hikma.domain import VectorSpace
from hikma.migration import judging
from hikma.migration.gates import Gate, Quality

TRAIL = "trail"
"""Under which name a migration keeps when its last chunks were begun, each with its rows."""


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Where a migration stands; `rate` is in rows a second, `eta_s` in seconds.

    `copied` of `total` ledger entries are brought; `lag` is how many rows the space that does not
    answer is behind. `gates` must hold to go on; `throttled` is the last reason to wait. Where the
    model changes, `embedded` documents have a vector by the target's, and come before any copy, and
    `quality` is what both ends were judged to be; else both are None.
    """

    id: int
    state: str
    paused: bool
    percent: float
    epoch: int
    source: VectorSpace
    target: VectorSpace
    copied: int
    total: int
    rate: float | None
    eta_s: float | None
    source_backlog: Backlog
    target_backlog: Backlog
    lag: int
    gates: Sequence[Gate]
    throttled: str
    embedded: int | None
    quality: Quality | None
    events: Sequence[Event]


def status(connection: apsw.Connection, held: Migration, gates: Sequence[Gate]) -> MigrationStatus:
    """Return where a migration stands in one state of the file."""
    total, passed = migrations.documents(connection), migrations.copied(connection, held.id)
    ends = {end: outbox.backlog(connection, end) for end in (held.source, held.target)}
    copied = max(0, passed - ends[held.target].pending) if held.step is Step.BACKFILL else passed
    source, target = (spaces.of(connection, end) for end in (held.source, held.target))
    changes = source.documents != target.documents
    embedded = embeddings.embedded(connection, target.documents) if changes else None
    left = total - copied + (embeddings.lacking(connection, target.documents) if changes else 0)
    rate = _rate(held, copied + (embedded or 0))
    behind = held.source if held.step in migrations.REVERSED else held.target
    return MigrationStatus(
        id=held.id,
        state=held.step,
        paused=held.paused,
        percent=held.read_percent,
        epoch=held.epoch,
        source=source,
        target=target,
        copied=copied,
        total=total,
        rate=rate,
        eta_s=round(left / rate, 1) if rate else None,
        source_backlog=ends[held.source],
        target_backlog=ends[held.target],
        lag=ends[behind].pending,
        gates=gates,
        throttled=str(held.gates.get("throttled", "")),
        embedded=embedded,
        quality=judging.quality(connection, held) if changes else None,
        events=migrations.events(connection, held.id),
    )


def _rate(held: Migration, made: int) -> float | None:
    """Return rows a second over the last chunks; None where nothing is being made or copied."""
    trail = held.gates.get(TRAIL, [])
    if held.step is not Step.BACKFILL or not made or not trail:
        return None
    # The last chunk may be on its way: it counts when the next one begins.
    brought = sum(int(rows) for _, rows in trail[:-1]) or int(trail[-1][1])
    return round(brought / max(time.time() - float(trail[0][0]), 1e-3), 1)
