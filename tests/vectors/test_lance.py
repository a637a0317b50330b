"""What LanceDB alone asks for: sequences, durability, mending, a place that fails."""

import logging
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock, Timeout

from hikma.arrays import VectorBatch
from hikma.catalog import ledger, outbox, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import (
    ExtraMissingError,
    InvalidVectorError,
    MissingVectorError,
    StoreError,
)
from hikma.vectors import lance_durability, lance_upkeep
from hikma.vectors.lance import LanceVectors
from hikma.vectors.lance_places import Place
from hikma.vectors.recalling import recall
from hikma.vectors.sqlite import SqliteVectors

DIMENSION = 16
MODEL = "model"


@dataclass
class World:
    """An index file with one space in LanceDB."""

    catalog: Catalog
    space: VectorSpace
    store: LanceVectors

    def enter(self, ids, vectors):
        """Write the canonical rows alone."""
        digests = [f"{one}".encode() for one in ids]
        with self.catalog.write() as connection:
            ledger.put_embeddings(connection, MODEL, digests, vectors)
            ledger.record(connection, MODEL, list(zip(ids, digests, strict=True)))

    def put(self, ids, vectors, sequences=None):
        self.enter(ids, vectors)
        self.store.upsert(batch(ids, vectors, sequences))

    def opened(self):
        """Open the space as another process would."""
        self.store.close()
        self.store = LanceVectors(self.catalog, self.space)
        return self.store

    def owed(self):
        with self.catalog.read() as connection:
            return outbox.pending(connection, self.space.id).tolist()

    def manifests(self):
        return sorted((self.store.place.folder / "_versions").glob("*.manifest"))


def batch(ids, vectors, sequences=None):
    numbers = None if sequences is None else np.array(sequences, np.int64)
    return VectorBatch(np.array(ids, np.int64), vectors, numbers)


def unit(count, seed=0, dimension=DIMENSION):
    rows = np.random.default_rng(seed).standard_normal((count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(count, dimension, seed=0):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((40, dimension))
    rows = centres[random.integers(0, 40, count)] + 0.7 * random.standard_normal((count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make(path, location="", dimension=DIMENSION, index_type="flat"):
    catalog = Catalog.open(path, create=True)
    wanted = VectorSpace(
        0, "lancedb", location, MODEL, MODEL, MODEL, dimension, "cosine", index_type, "answering"
    )
    with catalog.write() as connection:
        space = ledger.create_space(connection, wanted)
    return World(catalog, space, LanceVectors(catalog, space))


@pytest.fixture
def world(tmp_path):
    made = make(tmp_path / "index.db")
    yield made
    made.store.close()
    made.catalog.close()


def held(store):
    return {
        int(one): vector.tobytes()
        for part in store.scan(7)
        for one, vector in zip(part.ids, part.vectors, strict=True)
    }


def test_a_lower_sequence_changes_nothing_and_the_same_one_repairs(world):
    first, second = unit(3), unit(3, seed=1)
    world.put([1, 2, 3], first, [5, 5, 5])
    world.store.upsert(batch([1, 2, 3], second, [4, 5, 6]))
    assert held(world.store) == {
        1: first[0].tobytes(),
        2: second[1].tobytes(),
        3: second[2].tobytes(),
    }
    assert [part.sequences.tolist() for part in world.store.scan(9)] == [[5, 5, 6]]


def test_a_vector_that_is_not_finite_is_refused_and_nothing_is_written(world):
    rows = unit(3)
    rows[1, 4] = np.nan
    with pytest.raises(InvalidVectorError, match="8: not finite"):
        world.store.upsert(batch([7, 8, 9], rows))
    assert len(world.store) == 0


def test_every_file_of_a_commit_is_synced_before_a_write_returns(world, monkeypatch):
    synced = set()

    def recorded(number):
        synced.add(str(Path(f"/proc/self/fd/{number}").readlink()))

    monkeypatch.setattr(os, "fsync", recorded)
    for write in (
        lambda: world.store.upsert(batch([1, 2, 3], unit(3))),
        lambda: world.store.delete([2]),
        lambda: world.store.upsert(batch([1, 5], unit(2, seed=4))),
    ):
        before = {path for path in world.store.place.folder.rglob("*") if path.is_file()}
        synced.clear()
        write()
        after = {path for path in world.store.place.folder.rglob("*") if path.is_file()}
        assert after - before
        wanted = {str(path) for made in after - before for path in (made, made.parent)}
        assert wanted <= synced
    assert any("_deletions" in path for path in map(str, after))


@pytest.mark.parametrize("kept", [0, 100, -3])
def test_a_torn_manifest_is_moved_aside_and_everything_is_owed_again(world, kept, caplog):
    vectors = unit(20)
    world.put(list(range(10)), vectors[:10])
    world.put(list(range(10, 20)), vectors[10:])
    with world.catalog.write() as connection:
        ledger.tombstone(connection, [3])
    torn = world.manifests()[0]
    torn.write_bytes(torn.read_bytes()[:kept])
    with caplog.at_level(logging.WARNING):
        found = world.opened().nearest(vectors[15], 2)
    assert found[0].id == 15
    assert "cut short" in caplog.text
    assert world.owed() == list(range(20))
    assert torn.with_name(torn.name + ".damaged").exists()
    assert held(world.store).keys() == set(range(10))
    assert [one.id for one in world.opened().nearest(vectors[15], 2)] == [one.id for one in found]
    world.store.upsert(batch(list(range(20)), vectors))
    assert len(world.store) == 20


def test_a_query_that_mends_within_an_older_state_misses_nothing(world):
    vectors = unit(20)
    world.put(list(range(10)), vectors[:10])
    world.put(list(range(10, 20)), vectors[10:])
    world.manifests()[0].write_bytes(b"")
    store = world.opened()
    with world.catalog.read() as connection:
        assert ledger.live(connection) == 20
        assert store.nearest(vectors[15], 1)[0].id == 15


def test_a_table_without_a_whole_manifest_begins_anew(world):
    vectors = unit(5)
    world.put(list(range(5)), vectors)
    for one in world.manifests():
        one.write_bytes(b"")
    assert [one.id for one in world.opened().nearest(vectors[2], 1)] == [2]
    assert world.owed() == list(range(5))
    world.store.upsert(batch(list(range(5)), vectors))
    assert len(world.store) == 5


@pytest.mark.parametrize("part", ["data", "_deletions"])
def test_torn_rows_behind_a_whole_manifest_are_found(world, part):
    vectors = unit(20)
    world.put(list(range(10)), vectors[:10])
    files = world.store.place.folder / part
    before = set(files.glob("*"))
    if part == "data":
        world.put(list(range(10, 20)), vectors[10:])
    else:
        world.enter(list(range(10, 20)), vectors[10:])
        world.store.delete([3])
    torn = set(files.glob("*")) - before
    assert torn
    for path in torn:
        path.write_bytes(b"")
    assert world.opened().nearest(vectors[12], 1)[0].id == 12
    assert world.owed() == list(range(20))
    assert held(world.store).keys() == set(range(10))


def test_a_table_that_is_gone_is_told_and_made_again_only_with_everything_owed(world):
    vectors = unit(5)
    world.put(list(range(5)), vectors)
    world.store.close()
    world.store.place.folder.rename(world.store.place.folder.with_name("elsewhere"))
    # Small filters need no table; what asks for the table is told.
    with pytest.raises(MissingVectorError, match="hikma vectors rebuild"):
        world.opened().nearest(vectors[0], 2)
    world.store.upsert(batch([1], vectors[1:2]))
    assert world.owed() == list(range(5))
    assert [one.id for one in world.store.nearest(vectors[4], 1)] == [4]


def test_what_is_owed_counts_as_if_it_were_there(world):
    vectors = unit(6)
    world.put([1, 2, 3], vectors[:3])
    world.enter([2, 4], vectors[3:5])
    with world.catalog.write() as connection:
        outbox.enqueue(connection, world.space.id, [2, 4])
        ledger.tombstone(connection, [1])
    found = world.store.nearest(vectors[3], 10)
    assert {one.id for one in found} == {2, 3, 4}
    assert found[0].id == 2
    assert found[0].distance == pytest.approx(0, abs=1e-6)


def test_distances_are_to_the_bit_those_of_the_store_in_the_file(world):
    vectors = unit(400)
    world.put(list(range(400)), vectors)
    inside = SqliteVectors(world.catalog, world.space)
    inside.upsert(batch(list(range(400)), vectors))
    for query in unit(5, seed=6):
        assert world.store.nearest(query, 20) == inside.nearest(query, 20)


def test_a_rebuilt_table_is_empty_until_what_is_owed_is_brought(world, caplog):
    vectors = unit(5)
    world.put(list(range(5)), vectors, [90] * 5)
    assert world.store.rebuild() == 5
    assert world.owed() == list(range(5))
    assert len(world.store) == 0
    assert world.store.nearest(vectors[3], 1)[0].id == 3
    world.store.upsert(batch([2], vectors[2:3], [1]))
    assert held(world.store) == {2: vectors[2].tobytes()}
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["_versions", "data"])
def test_a_damaged_table_can_be_rebuilt(world, name):
    vectors = unit(5)
    world.put(list(range(5)), vectors)
    for path in (world.store.place.folder / name).iterdir():
        path.write_bytes(b"x" * 40 + b"LANC")
    with pytest.raises(StoreError, match="hikma vectors rebuild"):
        world.opened().nearest(vectors[0], 1)
    assert world.store.rebuild() == 5
    world.store.upsert(batch(list(range(5)), vectors))
    assert held(world.store) == {one: row.tobytes() for one, row in enumerate(vectors)}


def test_more_stale_rows_than_candidates_hide_nobody(world):
    vectors = np.repeat(unit(1), 300, axis=0)
    last = unit(1, seed=8)
    world.put(list(range(300)), vectors)
    world.put([300], last)
    with world.catalog.write() as connection:
        ledger.tombstone(connection, list(range(299)))
    assert [one.id for one in world.store.nearest(vectors[0], 2)] == [299, 300]


def test_equal_vectors_beyond_the_candidates_are_still_ordered_by_id(world):
    ids = [int(one) for one in np.random.default_rng(3).permutation(500)]
    world.put(ids, np.repeat(unit(1), 500, axis=0))
    assert [one.id for one in world.store.nearest(unit(1)[0], 3)] == [0, 1, 2]


def test_an_id_that_is_twice_in_the_table_comes_twice_from_a_scan(world):
    world.put([1, 2, 3], unit(3))
    table = lancedb.connect(world.store.place.address).open_table(world.store.place.table)
    again = pa.FixedSizeListArray.from_arrays(pa.array(unit(1, seed=3).ravel()), DIMENSION)
    columns = {"id": pa.array([2], pa.int64()), "sequence": pa.array([9], pa.int64())}
    table.add(pa.table(columns | {"vector": again}, schema=table.schema))
    assert [one for part in world.store.scan(2) for one in part.ids.tolist()] == [1, 2, 2, 3]
    world.store.delete([2])
    assert held(world.store).keys() == {1, 3}


def test_a_scan_begins_after_an_id_and_stays_at_one_state(world):
    world.put(list(range(10)), unit(10))
    scan = world.store.scan(2, after=3)
    assert next(scan).ids.tolist() == [4, 5]
    world.store.delete([6, 7])
    world.store.upsert(batch([100], unit(1)))
    assert [one for part in scan for one in part.ids.tolist()] == [6, 7, 8, 9]


def test_a_scan_of_a_table_that_lost_its_last_row_keeps_no_later_one_from_being_found(world):
    world.put([1, 2], unit(2))
    world.store.delete([1, 2])
    assert list(world.store.scan(10)) == []
    world.put([3], unit(1))
    assert len(world.store) == 1
    assert [one.id for one in world.store.nearest(unit(1)[0], 5)] == [3]
    world.store.delete([3])
    assert len(world.store) == 0


def test_two_files_in_one_place_never_mix(tmp_path):
    worlds = [make(tmp_path / name / "index.db", str(tmp_path / "one")) for name in ("a", "b")]
    for number, world in enumerate(worlds):
        world.put([1, 2, number + 10], unit(3, seed=number))
    for number, world in enumerate(worlds):
        assert held(world.store).keys() == {1, 2, number + 10}
        assert world.store.place.address == str(tmp_path / "one")
        world.catalog.close()


def test_a_location_is_meant_from_the_folder_of_the_file(tmp_path):
    world = make(tmp_path / "index.db", "deep/vectors")
    world.put([1], unit(1))
    assert (tmp_path / "deep/vectors").is_dir()
    world.catalog.close()


def test_a_place_that_cannot_be_used_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    world = make(tmp_path / "index.db", "file/vectors")
    with pytest.raises(StoreError, match="check that the place"):
        world.put([1], unit(1))
    world.catalog.close()


def test_a_table_that_fails_is_a_store_error_and_no_empty_list(world):
    vectors = unit(4)
    world.put([1, 2, 3, 4], vectors)
    for path in world.store.place.folder.glob("data/*"):
        path.unlink()
    with pytest.raises(StoreError):
        world.opened().nearest(vectors[0], 2)
    with pytest.raises(StoreError):
        list(world.store.scan(10))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_a_store_error(tmp_path):
    world = make(tmp_path / "index.db", "closed")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StoreError):
        world.put([1], unit(1))
    world.catalog.close()


def test_without_the_extra_the_command_is_named(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ExtraMissingError, match=r"pip install 'hikma\[lancedb\]'"):
        world.store.upsert(batch([1], unit(1)))


def test_lancedb_is_imported_by_the_first_use_only(tmp_path):
    code = "import sys, hikma.vectors.lance; print({'lancedb', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_upkeep_makes_files_fewer_and_changes_no_row(world, monkeypatch):
    monkeypatch.setattr(lance_upkeep, "MOST_FRAGMENTS", 3)
    monkeypatch.setattr(lance_upkeep, "COMMITS_BETWEEN", 6)
    vectors = unit(70)
    for start in range(0, 70, 10):
        world.put(list(range(start, start + 10)), vectors[start : start + 10])
    world.store.close()  # it waits for the upkeep that was begun
    assert held(world.store) == {one: row.tobytes() for one, row in enumerate(vectors)}
    database = lancedb.connect(world.store.place.address)
    fragments = database.open_table(world.store.place.table).stats()["fragment_stats"]
    assert fragments["num_fragments"] == 1


SLOW = """#!/bin/sh
while [ ! -e "{folder}/go" ]; do sleep 0.02; done
touch "{folder}/ended"
"""


def test_a_write_does_not_wait_for_upkeep_and_closing_does(world, monkeypatch, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text(SLOW.format(folder=tmp_path))
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(lance_upkeep, "is_due", lambda *_, **__: True)
    monkeypatch.setattr(lance_upkeep, "TIME_S", 10)
    for one in range(3):
        world.put([one], unit(1, seed=one))
    assert held(world.store).keys() == {0, 1, 2}
    assert not (tmp_path / "ended").exists()
    (tmp_path / "go").touch()
    world.store.close()
    assert (tmp_path / "ended").exists()


def test_upkeep_that_writers_preempt_ends_by_keeping_them_out(world, monkeypatch):
    """And another one at the same time does nothing."""
    lock = spaces.lock_of(world.catalog.path, world.space.id)
    seen = []

    def improved(_place, *, indexed):
        lance_upkeep.keep_up(world.store.place, lock, indexed=indexed)
        with pytest.raises(Timeout) if len(seen) == 3 else nullcontext():
            FileLock(lock).acquire(timeout=0)
        seen.append(lock.exists())
        if len(seen) < 4:
            raise RuntimeError("Retryable commit conflict for version 5")
        return False

    monkeypatch.setattr(lance_upkeep, "_improved", improved)
    lance_upkeep.keep_up(world.store.place, lock, indexed=False)
    assert len(seen) == 4
    monkeypatch.setattr(lance_upkeep, "_improved", failing)
    with pytest.raises(RuntimeError, match="disk"):
        lance_upkeep.keep_up(world.store.place, lock, indexed=False)


def failing(_place, *, indexed):
    raise RuntimeError("the disk is gone")


def test_files_that_upkeep_clears_away_keep_no_write_from_being_safe(world, monkeypatch):
    world.put([1], unit(1))
    gone = world.store.place.folder / "data" / "gone.lance"
    walk = lance_durability._files
    monkeypatch.setattr(lance_durability, "_files", lambda folder: [gone, *walk(folder)])
    world.put([2], unit(1, seed=1))
    assert held(world.store).keys() == {1, 2}


def test_an_upkeep_that_fails_is_a_warning(world, monkeypatch, caplog):
    world.put([1], unit(1))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert world.store.optimize() is False
    assert "Its rows are safe" in caplog.text
    assert held(world.store).keys() == {1}


def test_an_index_finds_the_nearest_and_rows_that_came_after_it(tmp_path):
    world = make(tmp_path / "index.db", dimension=384, index_type="ivf")
    vectors = clustered(5_100, 384)
    world.put(list(range(5_000)), vectors[:5_000])
    world.store.close()
    table = lancedb.connect(world.store.place.address)
    assert len(table.open_table(world.store.place.table).list_indices()) == 1
    world.put(list(range(5_000, 5_100)), vectors[5_000:])
    found = 0
    for query in clustered(50, 384, seed=0)[:50]:
        apart = 1 - vectors.astype(np.float64) @ query
        wanted = set(np.argsort(apart)[:10].tolist())
        found += len(wanted & {one.id for one in world.store.nearest(query, 10)})
    assert found >= 0.95 * 500
    with world.catalog.read() as connection:
        seen = recall(connection, world.space, world.store)
    assert (seen.queries, seen.depth) == (100, 10)
    assert 0.9 <= seen.recall <= 1
    for late in (5_000, 5_050, 5_099):
        assert world.store.nearest(vectors[late], 1)[0].id == late
    within = np.arange(0, 5_100, 2)
    assert {one.id % 2 for one in world.store.nearest(vectors[5_001], 20, within)} == {0}
    world.catalog.close()


def test_an_index_is_completed_when_asked_and_sooner_where_rows_are_far_away(tmp_path, monkeypatch):
    world = make(tmp_path / "index.db", dimension=64, index_type="ivf")
    vectors = clustered(4_200, 64)
    world.put(list(range(100)), vectors[:100])
    world.store.complete()  # too few for an index: nothing is to be done
    world.put(list(range(100, 4_100)), vectors[100:4_100])
    world.store.complete()
    world.put(list(range(4_100, 4_200)), vectors[4_100:])
    table = world.store._opened()
    assert lance_upkeep.unindexed(table) == 100
    monkeypatch.setattr(lance_upkeep, "MOST_UNINDEXED_FAR", 50)
    due = [lance_upkeep.is_due(table, indexed=True, commits=2, far=far) for far in (False, True)]
    assert due == [False, True]
    world.store.complete()
    assert lance_upkeep.unindexed(world.opened()._opened()) == 0
    assert len(held(world.store)) == 4_200
    world.catalog.close()


def test_the_path_is_that_of_the_file(world, tmp_path):
    world.put([1], unit(1))
    assert Path(world.store.place.address) == tmp_path / "vectors.lance"


WRITER = """
import sys
from pathlib import Path
import numpy as np
from hikma.arrays import VectorBatch
from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.errors import StoreError
from hikma.vectors.lance import LanceVectors
catalog = Catalog.open(Path(sys.argv[1]))
with catalog.read() as connection:
    space = ledger.space(connection)
store = LanceVectors(catalog, space)
rows = np.zeros((20, space.dimension), np.float32)
rows[:, int(sys.argv[2])] = 1
ids = np.arange(20)
len(store)
while len(list(Path(sys.argv[1]).parent.glob("ready*"))) < 3:  # all at once, once all are here
    Path(f"{Path(sys.argv[1]).parent}/ready{sys.argv[2]}").touch()
for number in range(6):
    while True:
        try:
            store.upsert(VectorBatch(ids + 20 * number, rows, np.full(20, number)))
            break
        except StoreError:  # both wrote at once: it is repeated, as what is owed is
            continue
"""


def test_processes_that_write_the_same_ids_at_once_leave_each_once(world, tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "index.db")]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [one.wait(timeout=120) for one in writers] == [0, 0, 0]
    assert [one for part in world.store.scan(9) for one in part.ids.tolist()] == list(range(120))
    assert {row.argmax() for part in world.store.scan(9) for row in part.vectors} <= {0, 1, 2}


def test_upkeep_imports_nothing_of_the_present_folder(tmp_path, monkeypatch):
    """A command runs inside a repository, whose files may be named as modules are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "subprocess.py").write_text("open('imported', 'w')")
    place = Place(str(tmp_path / "vectors.lance"), "absent")
    upkeep = lance_upkeep.Upkeep(place, tmp_path / "lock", indexed=False)
    upkeep.begin()
    assert upkeep.end()
    assert not (tmp_path / "imported").exists()
