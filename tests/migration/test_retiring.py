"""What a migration has left is kept until somebody asks for the room, and then it is gone."""

import shutil

import pytest

from driver import engine_on
from hikma.applying import alone
from hikma.catalog import rows, spaces
from hikma.domain import Query
from hikma.errors import CopiedFileError, LockedFileError, MissingVectorError
from hikma.migration.gates import Thresholds
from hikma.moving import Wanted
from hikma.vectors.lance import LanceVectors

AT_ONCE = Thresholds(
    samples=5, overlap_flat=0.7, hold_s=0.0, soak_s=0.0, slowdown=1e6, longest_ms=1e6
)
ASKED = Query("one", limit=5)


@pytest.fixture
def engine(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("one", "two", "three", "four", "five", "six"):
        (folder / f"{name}.py").write_text(f"def {name}():\n    return '{name}'\n")
    with engine_on(folder, tmp_path / "there" / "index.db") as engine:
        engine.index()
        yield engine


def moved(engine, backend, *, whole=True):
    """Move the vectors and come back from the trial, or stay there."""
    mover = engine.migration
    mover.start(Wanted(backend, thresholds=AT_ONCE))
    while mover.status().state != ("soak" if whole else "canary"):
        mover.advance()
    return mover.finalize() if whole else mover.roll_back("a drill")


def states(engine):
    with engine.catalog.read() as connection:
        return [one.state for one in spaces.every(connection)]


def tables(engine):
    """Return what lies outside the file, and the names of the tables in it."""
    outside = sorted(one.name for one in engine.database.parent.glob("vectors.lance/*.lance"))
    with engine.catalog.read() as connection:
        sql = "SELECT name FROM sqlite_schema WHERE name LIKE 'vectors_%' ORDER BY name"
        return outside, rows.column(connection, sql)


def hits(engine):
    found = engine.search(ASKED)
    assert not found.degraded
    return [hit.id for hit in found.hits]


@pytest.mark.parametrize("whole", [True, False])
def test_a_space_in_the_file_or_outside_goes_with_all_that_is_its_own(engine, whole):
    before, alone = hits(engine), tables(engine)
    moved(engine, "lancedb", whole=whole)
    both = tables(engine)
    assert len(both[0]) == 1
    assert engine.collect().spaces == 0
    assert tables(engine) == both
    collected = engine.collect(retired=True)
    assert collected.spaces == 1
    assert (collected.bytes > 0) is whole
    assert tables(engine) == (([both[0][0]], []) if whole else ([], alone[1]))
    assert states(engine) == (["dropped", "answering"] if whole else ["answering", "dropped"])
    assert (hits(engine), engine.examine()) == (before, [])
    assert engine.collect(retired=True).spaces == 0
    assert engine.migration.status().state == ("finalized" if whole else "rolled_back")


def test_after_it_is_gone_one_can_move_there_again(engine):
    before = hits(engine)
    for backend in ("lancedb", "sqlite-vec", "lancedb"):
        moved(engine, backend)
        engine.collect(retired=True)
        assert hits(engine) == before
    assert states(engine) == ["dropped", "dropped", "dropped", "answering"]
    with engine.catalog.read() as connection:
        assert rows.column(connection, "SELECT table_name FROM vector_metadata") == []


def test_the_ends_of_a_running_migration_stay(engine):
    engine.migration.start(Wanted("lancedb", thresholds=AT_ONCE))
    engine.migration.advance()
    assert engine.collect(retired=True).spaces == 0
    assert states(engine) == ["answering", "receiving"]
    engine.migration.roll_back("a drill")
    assert engine.collect(retired=True).spaces == 1


def test_what_fails_on_the_way_is_kept_and_tried_again(engine, monkeypatch):
    moved(engine, "lancedb", whole=False)
    with monkeypatch.context() as broken:
        broken.setattr(LanceVectors, "drop", fail)
        with pytest.raises(MissingVectorError, match="away"):
            engine.collect(retired=True)
    assert states(engine) == ["answering", "retired"]
    with monkeypatch.context() as killed:  # the rows are gone, and nobody knows
        killed.setattr(spaces, "put_state", fail)
        with pytest.raises(MissingVectorError, match="away"):
            engine.collect(retired=True)
    assert (tables(engine)[0], states(engine)) == ([], ["answering", "retired"])
    assert engine.collect(retired=True).spaces == 1


def fail(*_):
    raise MissingVectorError("away")


def test_a_table_that_somebody_still_writes_to_is_kept(engine):
    moved(engine, "lancedb", whole=False)
    with alone(engine.database, 2), pytest.raises(LockedFileError, match="space 2"):
        engine.collect(retired=True)
    assert states(engine) == ["answering", "retired"]


def test_a_copy_does_not_drop_what_is_its_original_s(engine, tmp_path):
    moved(engine, "lancedb", whole=False)
    kept = tables(engine)
    engine.catalog.close()
    copy = engine.database.with_name("copy.db")
    shutil.copyfile(engine.database, copy)
    with engine_on(engine.root, copy) as other:
        with pytest.raises(CopiedFileError, match="repair --own"):
            other.collect(retired=True)
        other.migration.own()
        assert other.collect(retired=True).spaces == 1
    assert tables(engine) == kept
