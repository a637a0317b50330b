"""Rows, orders and clocks that are not as they should be, in the middle of a migration."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from journey import (
    BACK,
    OUT,
    assert_answers,
    check,
    end,
    go,
    in_small_parts,  # noqa: F401 -- a fixture
    move,
    set_out,
)

from hikma import applying, routing
from hikma.arrays import VectorBatch
from hikma.catalog import ledger, migrations, outbox, verifications
from hikma.catalog.migrations import Step
from hikma.errors import InvalidVectorError, MigrationError, StoreError
from hikma.foreign_rows import ForeignRow, wrong
from hikma.migration import backfilling, stepping
from hikma.vectors import lance_rows
from moving import DIMENSION, MODEL, vector

pytestmark = pytest.mark.faults

POISON = {
    "nan": np.full(DIMENSION, np.nan, np.float32),
    "infinite": np.full(DIMENSION, np.inf, np.float32),
    "zero norm": np.zeros(DIMENSION, np.float32),
}


@pytest.fixture(params=[OUT, BACK])
def journey(tmp_path, request):
    made = set_out(tmp_path, request.param)
    yield made
    made.close()


def test_poison_rows_reach_neither_ledger_nor_store(journey):
    """The whole write is refused, the row is named, and what was there before stays."""
    go(journey, Step.BACKFILL)
    for row in POISON.values():
        with pytest.raises(InvalidVectorError), journey.catalog.write() as connection:
            ledger.put_embeddings(connection, MODEL, [b"poison"], row[None])
    short = VectorBatch(np.array([1]), np.ones((1, DIMENSION - 1), np.float32), np.array([99]))
    for space in journey.active():
        with pytest.raises(InvalidVectorError):
            journey.store(space).upsert(short)
    check(journey, journey.written)
    end(journey, "go on")


def test_a_row_that_the_target_refuses_is_parked_alone_and_holds_the_gate(tmp_path, monkeypatch):
    journey = set_out(tmp_path)
    go(journey, Step.BACKFILL)
    plain = lance_rows.merge
    poisoned = journey.right[7]

    def merge(table, batch):
        if any(row.tobytes() == poisoned for row in batch.vectors):
            raise InvalidVectorError(["7: refused"])
        plain(table, batch)

    with monkeypatch.context() as patch:
        patch.setattr(lance_rows, "merge", merge)
        patch.setattr(outbox, "_wait", lambda _: timedelta(0))
        with pytest.raises((StoreError, MigrationError), match="1 parked"):
            go(journey, Step.VERIFY)
        assert journey.owed(journey.held_migration().target) == {7}
        assert_answers(journey)
    with journey.catalog.write() as connection:
        assert outbox.unpark(connection, journey.held_migration().target) == 1
    end(journey, "go on")
    journey.close()


def test_batches_that_come_twice_and_out_of_order_change_nothing(tmp_path, monkeypatch):
    """As from a process that was held up: whatever was written is written again, oldest last."""
    journey = set_out(tmp_path)
    written = []
    plain = lance_rows.merge

    def merge(table, batch):
        written.append(batch)
        plain(table, batch)

    monkeypatch.setattr(lance_rows, "merge", merge)
    go(journey, Step.VERIFY)
    assert len(written) > 5
    live = set(journey.right)
    store = journey.target(journey.held_migration().target).store
    for batch in [*reversed(written), *written[::2]]:
        kept = np.isin(batch.ids, sorted(live))
        store.upsert(VectorBatch(batch.ids[kept], batch.vectors[kept], batch.sequences[kept]))
    assert journey.held(journey.held_migration().target) == journey.right
    end(journey, "go on")
    journey.close()


def test_what_is_deleted_and_added_again_while_it_is_copied_is_the_latter(journey, monkeypatch):
    """Behind the cursor, ahead of it, and in the very chunk that is on its way."""
    monkeypatch.setattr(backfilling, "CHUNK", 10)
    go(journey, Step.BACKFILL)
    seeds = iter(range(5_000, 6_000))

    def beside(_rows):
        cursor = journey.held_migration().cursor
        ids = [one for one in (cursor - 3, cursor + 2, cursor + 15) if one > 0]
        journey.remove(ids)
        journey.put({one: next(seeds) for one in ids[:2]})
        journey.remove(ids[:1])

    held = journey.held_migration()
    target = journey.target(held.target)
    while not backfilled(journey):
        backfilling.backfill(target, held, beside)
    journey.drain()
    assert journey.held(held.target) == journey.right
    stepping.advance(move(journey))
    stepping.advance(move(journey))
    assert_answers(journey)
    stepping.roll_back(journey.catalog, "test")
    assert_answers(journey)
    assert journey.held(held.source) == journey.right


def backfilled(journey):
    with journey.catalog.read() as connection:
        return migrations.is_copied(connection, journey.held_migration())


@contextmanager
def clock(monkeypatch, ahead):
    """Let the clock of every job go so far ahead, or behind."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=UTC):
            return datetime.now(tz) + ahead

    with monkeypatch.context() as patch:
        for module in (applying, stepping, migrations, verifications):
            patch.setattr(module, "datetime", Clock)
        patch.setattr("journey.datetime", Clock)
        yield


def test_a_clock_that_jumps_back_delays_gates_and_loses_nothing(tmp_path, monkeypatch):
    """What was put off is tried all the same; no gate takes a verification of the future."""
    journey = set_out(tmp_path)
    with clock(monkeypatch, timedelta(days=2)):
        go(journey, Step.VERIFY)
        journey.write()
        [space] = [one for one in journey.active() if one.backend == "lancedb"]
        with journey.catalog.write() as connection:
            now = applying.datetime.now(UTC)
            owed = outbox.due(connection, space.id, now, 10)
            outbox.unreachable(connection, space.id, owed, "down", now)
        assert owed
    journey.drain()
    assert journey.owed(space.id) == set()
    check(journey, journey.written)
    with pytest.raises(MigrationError, match="verified"):
        stepping.advance(move(journey))
    assert journey.held_migration().step is Step.VERIFY
    with clock(monkeypatch, timedelta(days=2, hours=1)):
        go(journey, Step.CANARY)
        stepping.advance(move(journey), 99.0)
        assert_answers(journey)
    end(journey, "roll back")
    journey.close()


def test_a_long_reader_holds_up_no_write_and_no_step_and_the_log_shrinks_after_it(tmp_path):
    journey = set_out(tmp_path)
    log = tmp_path / "index.db-wal"
    with journey.catalog.read() as connection:
        before = ledger.live(connection)
        writer = journey.catalog._open_writer()
        other = type(journey)(journey.path, type(journey.catalog).open(journey.path))
        other.right, other.written = journey.right, journey.written
        go(other, Step.SOAK)
        stuck, _, _ = next(writer.execute("PRAGMA wal_checkpoint(PASSIVE)"))
        grown = log.stat().st_size
        assert ledger.live(connection) == before
    busy, _, _ = next(writer.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    assert (stuck, busy) == (0, 0)
    assert log.stat().st_size < grown
    check(other, other.written)
    end(other, "go on")
    other.close()
    journey.close()


def test_vectors_of_documents_that_are_gone_are_not_brought_back_by_a_late_write(tmp_path):
    """A deleted id may be in a store that was written late; it is no answer, and is cleared."""
    journey = set_out(tmp_path)
    go(journey, Step.CANARY)
    stepping.advance(move(journey), 99.0)
    target = journey.target(journey.held_migration().target)
    journey.remove([5])
    journey.drain()
    target.store.upsert(VectorBatch(np.array([5]), vector(5)[None], np.array([1])))
    assert_answers(journey)
    assert 5 not in [one.id for one in target.store.nearest(vector(5), 3)]
    assert stepping.repair(target) == 1
    assert journey.held(target.space.id) == journey.right
    journey.close()


@pytest.mark.parametrize("one", ["a\x00b", "a\ud800b"])
def test_an_id_with_nul_or_half_a_character_is_named_and_never_taken_over(one):
    row = ForeignRow(0, one, vector(1), "text")
    assert wrong(row, DIMENSION) == "its id has characters that cannot be printed"
    assert 0 <= routing.bucket(b"salt", one) < routing.BUCKETS
