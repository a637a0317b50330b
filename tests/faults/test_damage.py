"""Torn, truncated and altered files: an error of ours or a finding, never silence."""

import os
import random
from collections import defaultdict
from contextlib import suppress

import apsw
import pytest
from scene import make_scene

from driver import engine_on, in_process
from hikma import history, indexing
from hikma.catalog.tables import PAGE_SIZE
from hikma.domain import Mode, Query
from hikma.errors import CatalogError, HikmaError

pytestmark = pytest.mark.faults

QUESTIONS = ("move the value on", "step_3")
SEEDS = range(max(2, int(os.environ.get("HIKMA_TEST_KILLS", "25")) // 12))
LOG_HEADER = 32


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def pages(scene):
    """Return the numbers of the pages of each kind: table, index or inner table, leaf or not."""
    found = defaultdict(list)
    connection = apsw.Connection(str(scene.database), flags=apsw.SQLITE_OPEN_READONLY)
    for name, kind, number in connection.execute("SELECT name, pagetype, pageno FROM dbstat"):
        found[name, kind].append(number)
    connection.close()
    assert len(found) > 30
    return dict(found)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Index without worker processes: what is tested is the file."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


def _alter(content, page, chance):
    """Flip a bit, overwrite some bytes or lose a page, more often than not near its head."""
    altered = bytearray(content)
    start = (page - 1) * PAGE_SIZE
    place = start + chance.choice((chance.randrange(16), chance.randrange(PAGE_SIZE)))
    match chance.randrange(3):
        case 0:
            altered[place] ^= 1 << chance.randrange(8)
        case 1:
            altered[start : start + PAGE_SIZE] = bytes(PAGE_SIZE)
        case 2:
            end = min(place + 64, len(altered))
            altered[place:end] = chance.randbytes(end - place)
    return bytes(altered)


def _uses(engine):
    """Return everything that reads a file, then what writes it."""
    searches = [
        lambda mode=mode, text=text: engine.search(Query(text, mode=mode))
        for mode in Mode
        for text in QUESTIONS
    ]
    return [engine.status, engine.vector_stats, *searches]


def _writes(engine):
    return [engine.rebuild_vectors, engine.index, engine.collect]


def _attempt(use):
    """Return what comes back, None where an error of ours says why nothing does."""
    with suppress(HikmaError):
        return use()
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_an_altered_page_of_any_kind_is_never_a_silent_loss(scene, pages, tmp_path, seed):
    """An error of another type fails the test; so does a search that silently finds nothing."""
    chance = random.Random(seed)  # noqa: S311 -- places of damage, not secrets
    content = scene.database.read_bytes()
    database = tmp_path / "index.db"
    for kind, numbers in pages.items():
        database.write_bytes(_alter(content, chance.choice(numbers), chance))
        with engine_on(scene.before, database) as engine:
            findings = _attempt(engine.examine)
            for use in _uses(engine):
                found = _attempt(use)
                silent = hasattr(found, "hits") and not found.hits and not found.degraded
                assert not silent, f"{kind}: a search found nothing; doctor says {findings}"
        with engine_on(scene.after, database) as engine:
            for use in _writes(engine):
                _attempt(use)
        for side in ("-wal", "-shm"):
            database.with_name(f"index.db{side}").unlink(missing_ok=True)


@pytest.mark.parametrize("kind", ["embedding", "vectors_1_vector_chunks00", "fulltext_data"])
def test_an_altered_byte_of_what_search_reads_is_a_finding(scene, pages, tmp_path, kind):
    """Vectors carry hashes, and the full text checks itself."""
    content = bytearray(scene.database.read_bytes())
    page = max(number for (name, _), found in pages.items() if name == kind for number in found)
    page = min(pages[kind, "overflow"]) if (kind, "overflow") in pages else page
    for place in range((page - 1) * PAGE_SIZE + 100, page * PAGE_SIZE - 200, 500):
        content[place] ^= 0x55
    database = tmp_path / "index.db"
    database.write_bytes(content)
    with engine_on(scene.before, database) as engine:
        assert engine.examine()


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused_with_a_remedy(scene, tmp_path, share):
    content = scene.database.read_bytes()
    database = tmp_path / "index.db"
    database.write_bytes(content[: int(len(content) * share)])
    with engine_on(scene.before, database) as engine:
        for use in (engine.examine, *_uses(engine), *_writes(engine)):
            with pytest.raises(CatalogError, match=r"hikma index|move it away"):
                use()
    assert database.stat().st_size == int(len(content) * share), "what is damaged is left alone"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_torn_log_costs_only_what_was_not_yet_safe(scene, tmp_path, seed):
    """The last pages of a log that was cut or altered are dropped; what was before answers."""
    database = scene.copy(tmp_path)
    torn = tmp_path / "torn"
    torn.mkdir()
    chance = random.Random(seed)  # noqa: S311 -- places of damage, not secrets
    with engine_on(scene.after, database) as engine:
        engine.index()
        log = bytearray(database.with_name("index.db-wal").read_bytes())
        (torn / "index.db").write_bytes(database.read_bytes())
    place = chance.randrange(LOG_HEADER, len(log))
    log[place:] = chance.choice((b"", bytes(len(log) - place), chance.randbytes(len(log) - place)))
    (torn / "index.db-wal").write_bytes(log)
    with engine_on(scene.after, torn / "index.db") as engine:
        assert {one.name for one in engine.examine()} <= {"head", "history"}
        assert engine.search(Query(QUESTIONS[0])).hits
        engine.index()
        assert engine.examine() == []
