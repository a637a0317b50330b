"""Several processes on one file: one writes, others wait or are told, readers never stop."""

import json
import os
import threading
import time

import pytest
from scene import index, make_scene

from driver import engine_on, in_process
from hikma import engine as engines
from hikma import history, indexing
from hikma.domain import Query
from hikma.errors import LockedFileError
from processes import Driver
from rows import differences, rows_of

pytestmark = pytest.mark.faults

QUERY = Query("move the value on")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.getbasetemp())


@pytest.fixture
def in_this_process(monkeypatch):
    """Index without worker processes: only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


@pytest.mark.parametrize("cold", [True, False])
def test_two_processes_at_once_take_turns(scene, tmp_path, cold):
    """Both succeed; the second finds nothing left to do."""
    database = tmp_path / "index.db" if cold else scene.copy(tmp_path)
    with Driver() as one, Driver() as other:
        jobs = [
            (driver, driver.start("index", scene.after, database, workers=True))
            for driver in (one, other)
        ]
        assert [driver.finish(child) for driver, child in jobs] == [0, 0]
    assert differences(rows_of(database), scene.rows_after) == []


def test_a_writer_whose_patience_ends_is_told_who_writes(
    scene, in_this_process, tmp_path, monkeypatch
):
    """And a reader is told that somebody writes, and answers."""
    monkeypatch.setattr(engines, "WRITER_WAIT_S", 0.1)
    database = scene.copy(tmp_path)
    holding, released = threading.Event(), threading.Event()

    def hold(_job, _done, _total):
        holding.set()
        assert released.wait(30)

    writer = threading.Thread(target=lambda: index(scene.after, database, track=hold))
    writer.start()
    assert holding.wait(30)
    try:
        for writing in ("index", "collect", "rebuild_vectors"):
            with engine_on(scene.after, database) as engine:
                with pytest.raises(LockedFileError) as caught:
                    getattr(engine, writing)()
                assert f"process {os.getpid()} (hikma index" in str(caught.value)
        with engine_on(scene.after, database) as engine:
            answer = engine.search(QUERY)
            assert answer.hits
            assert answer.index.partial
            assert f"process {os.getpid()}" in engine.status().writer
    finally:
        released.set()
        writer.join()
    assert differences(rows_of(database), scene.rows_after) == []


def test_readers_in_another_process_answer_all_the_while(scene, in_this_process, tmp_path):
    """Through changes, a full rebuild and housekeeping; each answer is of one state."""
    database = scene.copy(tmp_path)
    stop, found = tmp_path / "stop", tmp_path / "found"
    with Driver() as driver:
        job = {"stop": str(stop), "found": str(found), "query": QUERY.text}
        child = driver.start("search", scene.after, database, **job)
        for root in (scene.after, scene.before) * 2:
            index(root, database)
            time.sleep(0.05)  # long enough for an answer between two runs
        index(scene.after, database, full=True)
        with engine_on(scene.after, database) as engine:
            engine.collect()
            engine.rebuild_vectors()
        stop.touch()
        assert driver.finish(child) == 0
    answers = json.loads(found.read_text(encoding="utf-8"))
    assert all(hits for hits, *_ in answers)
    assert all(not degraded for *_, degraded in answers)
    heads = {rows["state"]["head"] for rows in (scene.rows_before, scene.rows_after)}
    assert {head for _, head, *_ in answers} == heads, "the reader saw no change"
    assert {partial for _, _, partial, _ in answers} == {True, False}
