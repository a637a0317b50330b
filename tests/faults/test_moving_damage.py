"""Bytes that change under a migration: found before they count, and never carried on in silence."""

import random

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
    opened,
    set_out,
)

from hikma.catalog import checks, ledger
from hikma.catalog.migrations import Step
from hikma.errors import CorruptFileError, HikmaError, MigrationError
from hikma.migration import stepping
from hikma.migration.verifying import verify
from moving import MODEL, vector

pytestmark = pytest.mark.faults


def flip(path, what):
    """Flip a bit in the middle of some bytes in a file; tell whether they are there."""
    content = bytearray(path.read_bytes())
    place = content.find(what)
    if place >= 0:
        content[place + len(what) // 2] ^= 0x10
        path.write_bytes(content)
    return place >= 0


def store_of(journey):
    return next(journey.store(one) for one in journey.active() if one.backend == "lancedb")


@pytest.mark.parametrize("step", [Step.VERIFY, Step.SOAK])
def test_a_flipped_bit_of_a_vector_in_lancedb_is_found_and_brought_anew(tmp_path, step):
    """Reading says nothing of it; comparing with the ledger does."""
    journey = set_out(tmp_path)
    go(journey, step)
    store = store_of(journey)
    one = sorted(set(journey.right) - journey.owed(journey.held_migration().target))[7]
    flipped = [flip(path, journey.right[one]) for path in store.place.folder.glob("data/*.lance")]
    assert any(flipped)
    journey.close()
    journey = opened(tmp_path, journey.written)
    target = journey.target(journey.held_migration().target)
    assert_answers(journey)
    if step is Step.SOAK:
        with pytest.raises(MigrationError, match="1 wrong"):
            stepping.finalize(move(journey))
        assert stepping.repair(target) == 1
        journey.drain()
    end(journey, "go on")
    journey.close()


@pytest.mark.parametrize("seed", range(4))
def test_any_altered_byte_of_the_store_is_an_error_or_a_finding(tmp_path, seed):
    """And its remedy, a table built anew, brings everything back."""
    chance = random.Random(seed)  # noqa: S311 -- places of damage, not secrets
    journey = set_out(tmp_path)
    go(journey, Step.SHADOW)
    folder = store_of(journey).place.folder
    path = chance.choice(sorted(one for one in folder.rglob("*") if one.is_file()))
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    journey.close()
    journey = opened(tmp_path, journey.written)
    held = journey.held_migration()
    target = journey.target(held.target)
    assert_answers(journey)
    try:
        journey.drain()
        sound = verify(target, held.epoch).wrong == 0
        if sound:
            assert journey.held(held.target) == journey.right
    except HikmaError:
        sound = False
    if not sound:
        target.store.rebuild()
    check(journey, journey.written)
    end(journey, "go on")
    journey.close()


@pytest.mark.parametrize("kept", [0, 60])
@pytest.mark.parametrize(("direction", "step"), [(OUT, Step.BACKFILL), (BACK, Step.CUTOVER)])
def test_a_torn_manifest_in_the_middle_of_a_migration_costs_only_time(
    tmp_path, direction, step, kept
):
    journey = set_out(tmp_path, direction)
    go(journey, step)
    newest = min((store_of(journey).place.folder / "_versions").glob("*.manifest"))
    newest.write_bytes(newest.read_bytes()[:kept])
    journey.close()
    journey = opened(tmp_path, journey.written)
    check(journey, journey.written)
    end(journey, "go on")
    journey.close()


@pytest.mark.parametrize("direction", [OUT, BACK])
def test_a_flipped_bit_of_a_canonical_vector_does_not_pass_the_gate(tmp_path, direction):
    """What is derived from it would be wrong too; the vector given again heals both."""
    journey = set_out(tmp_path, direction)
    go(journey, Step.BACKFILL)
    written, one = journey.written, max(journey.right)
    journey.close()
    assert flip(tmp_path / "index.db", journey.right[one])
    journey = opened(tmp_path, written)
    with journey.catalog.read() as connection:
        [altered] = [fact for fact in checks._canonical(connection) if fact.name == "embedding"]
    assert "altered" in altered.fact
    refused = f"1 wrong|of 1 documents are altered, first of document {one}"
    with pytest.raises((MigrationError, CorruptFileError), match=refused):
        go(journey, Step.SHADOW)
    assert journey.held_migration().step in (Step.BACKFILL, Step.VERIFY)
    with journey.catalog.write() as connection:
        [digest] = connection.execute("SELECT digest FROM ledger WHERE document_id = ?", (one,))
        connection.execute("UPDATE embedding SET vector_hash = x'' WHERE digest = ?", digest)
        row = next(
            vector(seed) for seed in range(2_000) if vector(seed).tobytes() == journey.right[one]
        )
        ledger.put_embeddings(connection, MODEL, list(digest), row[None])
    end(journey, "go on")
    journey.close()
