"""A migration begins on a target that is empty, while others write."""

import numpy as np
import pytest

from driver import DIMENSION, engine_on
from hikma.arrays import VectorBatch
from hikma.catalog import outbox
from hikma.catalog.migrations import Step
from hikma.domain import Query
from hikma.errors import MigrationError
from hikma.moving import Wanted
from hikma.wiring import Wiring


@pytest.fixture
def engine(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text("def one():\n    return 1\n")
    with engine_on(folder, tmp_path / "there" / "index.db") as engine:
        engine.index()
        yield engine


def meanwhile(monkeypatch, act):
    """Let something happen between a target's making and the look at what it holds."""
    plain = Wiring.prepare

    def prepare(self, space):
        plain(self, space)
        act(self, space)
        return plain(self, space)

    monkeypatch.setattr(Wiring, "prepare", prepare)


def test_a_writer_that_brings_what_it_owes_is_not_taken_for_a_stranger(engine, monkeypatch):
    left = []

    def write(wiring, space):
        with engine.catalog.write() as connection:
            outbox.enqueue_all(connection, space.id)
        left.append(wiring.drain(0.0))

    meanwhile(monkeypatch, write)
    assert engine.migration.start(Wanted("lancedb")).state == Step.BACKFILL
    assert left[0] > 0  # it waits until the target is known to be empty
    assert engine._wired(engine.catalog).drain(20.0) == 0


def test_a_target_with_rows_of_others_is_refused_and_the_source_answers(engine, monkeypatch):
    def fill(wiring, space):
        row = np.eye(1, DIMENSION, dtype=np.float32)
        wiring.store(space).upsert(VectorBatch(np.array([7]), row, np.array([1])))

    meanwhile(monkeypatch, fill)
    with pytest.raises(MigrationError, match="The target holds 1 rows already"):
        engine.migration.start(Wanted("lancedb"))
    assert engine.migration.status().state == Step.ROLLED_BACK
    assert engine.search(Query("one")).hits


@pytest.mark.parametrize(("backend", "locks"), [("sqlite-vec", 0), ("lancedb", 1)])
def test_only_a_space_outside_the_file_has_a_lock_of_who_brings_vectors(engine, backend, locks):
    assert engine.migration.start(Wanted(backend, model="minilm")).state == Step.BACKFILL
    assert engine.migration.advance().state == Step.VERIFY
    engine.index()
    assert len(list(engine.database.parent.glob("*.space-*.lock"))) == locks
