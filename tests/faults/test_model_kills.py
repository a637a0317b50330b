"""Kill -9 while another model's vectors are made and take over: a batch is lost, and no answer."""

import os
import signal
from pathlib import Path

import points
import pytest

from driver import engine_on, in_process
from hikma import history, indexing, rereading
from hikma.catalog import embeddings
from hikma.domain import Mode, Query
from hikma.migration.gates import Thresholds
from hikma.moving import Wanted
from processes import Driver

pytestmark = pytest.mark.faults

FILES, BATCH = 12, 4
AT_ONCE = Thresholds(samples=10, hold_s=0.0, soak_s=0.0, slowdown=1e6, longest_ms=1e6)
ASKED = Query("move the value 7 on", mode=Mode.SEMANTIC, limit=5)
EMBEDDING = [
    ("embedded, not stored", 1, 0),
    ("between two batches", 1, 1),
    ("stored, not committed", 2, 1),
    ("between two batches", 2, 2),
]
"""A point, its passage, and how many batches that process has stored for good."""
EDGES = [
    (at, point)
    for at in ("verify", "shadow", "canary", "cutover")
    for point in ("in the edge's transaction", "after the edge")
]


@pytest.fixture(scope="module")
def driver():
    with Driver(Path(points.__file__)) as started:
        yield started


@pytest.fixture
def root(make_repository, monkeypatch):
    for module in (indexing, history, rereading):
        monkeypatch.setattr(module, "run", in_process)
    return make_repository(
        {
            f"lib/part_{n}.py": f'def step_{n}(value):\n    """Move the value {n} on."""\n'
            for n in range(FILES)
        }
    ).root


@pytest.fixture
def database(root, tmp_path):
    """Return a file whose model is about to be changed."""
    path = tmp_path / "index.db"
    with engine_on(root, path) as engine:
        engine.index()
        engine.migration.start(Wanted(model="other", thresholds=AT_ONCE))
    return path


def killed(driver, root, database, at, point, nth=1):
    """Let a process go on until it dies at a point."""
    job = {"at": at, "point": point, "nth": nth, "batch": BATCH}
    status = driver.finish(driver.start("change model", root, database, **job))
    assert os.WIFSIGNALED(status), f"{point} at {at} was not passed: {status}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def seen(root, database):
    """Return what the next process finds: hits, the state, and how many vectors are lacking."""
    with engine_on(root, database) as engine:
        found, status = engine.search(ASKED), engine.migration.status()
        assert not found.degraded
        assert engine.examine() == []
        with engine.catalog.read() as connection:
            lacking = embeddings.lacking(connection, status.target.documents)
        return [hit.id for hit in found.hits], status, lacking


def fresh(root, folder, model):
    """Return what a fresh index with a model answers."""
    with engine_on(root, folder / f"{model}.db", embedding_model=model) as engine:
        engine.index()
        return [hit.id for hit in engine.search(ASKED).hits]


def test_kill_9_while_texts_are_embedded_loses_no_stored_batch(driver, root, database):
    before, _, lacking = seen(root, database)
    assert lacking > BATCH * sum(stored for *_, stored in EMBEDDING)
    for point, nth, stored in EMBEDDING:
        killed(driver, root, database, "backfill", point, nth)
        hits, status, left = seen(root, database)
        assert (hits, status.state) == (before, "backfill")
        assert lacking - left == stored * BATCH, point
        lacking = left


def test_kill_9_at_every_edge_leaves_one_model_that_answers(driver, root, database, tmp_path):
    answers = {model: fresh(root, tmp_path, model) for model in ("static", "other")}
    for at, point in EDGES:
        killed(driver, root, database, at, point)
        hits, status, lacking = seen(root, database)
        models = {"canary": answers, "cutover": ["other"], "soak": ["other"]}
        assert hits in [answers[one] for one in models.get(status.state, ["static"])]
        assert lacking == 0
    status = driver.finish(
        driver.start("change model", root, database, at="", point="", batch=BATCH)
    )
    assert status == 0
    with engine_on(root, database) as engine:
        assert [hit.id for hit in engine.search(ASKED).hits] == answers["other"]
        assert engine.migration.status().state == "finalized"
        assert engine.examine() == []
