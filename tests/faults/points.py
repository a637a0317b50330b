"""Named fail points, and the process that dies at them: `processes.Driver` forks it.

LanceDB is imported before the fork and used only after it.
"""

import importlib
import json
import os
import resource
import signal
import threading
import time
import warnings
from contextlib import suppress
from itertools import count
from pathlib import Path

import journey as journeys
import lancedb  # noqa: F401 -- three seconds that no child pays
from disk import Disk, Forgetful, failing
from journey import Step, check, go, move, opened

from driver import engine_on, in_process, main
from hikma import history, indexing, rereading
from hikma.catalog import opening, spaces
from hikma.errors import HikmaError
from hikma.migration import backfilling, embedding, stepping
from hikma.migration.gates import Quality
from hikma.vectors import lance_upkeep

BEFORE, AFTER = "before", "after"
POINTS = {
    "in the ledger, nothing brought": (BEFORE, "hikma.applying._apply_outside"),
    "deletions brought, nothing else": (BEFORE, "hikma.vectors.lance.LanceVectors.upsert"),
    "committed by LanceDB, not synced": (
        BEFORE,
        "hikma.vectors.lance_durability.Durability.settle",
    ),
    "brought, still owed": (BEFORE, "hikma.applying._settle"),
    "struck off, not committed": (AFTER, "hikma.catalog.outbox.done"),
    "chunk owed, not committed": (AFTER, "hikma.catalog.migrations.move_cursor"),
    "chunk owed, not brought": (BEFORE, "hikma.migration.backfilling.drain"),
    "between two chunks": (AFTER, "hikma.migration.backfilling.drain"),
    "compared, not counted": (BEFORE, "hikma.catalog.verifications.put"),
    "between two ranges": (AFTER, "hikma.catalog.verifications.put"),
    "in the edge's transaction": (BEFORE, "hikma.catalog.migrations._note"),
    "after the edge": (AFTER, "hikma.migration.stepping.advance"),
    "after the last edge": (AFTER, "hikma.migration.stepping.finalize"),
    "after the rollback": (AFTER, "hikma.migration.stepping.roll_back"),
    "in the rebuild of vec0": (BEFORE, "hikma.vectors.sqlite.SqliteVectors._insert"),
    "embedded, not stored": (BEFORE, "hikma.catalog.ledger.put_embeddings"),
    "stored, not committed": (AFTER, "hikma.catalog.ledger.put_embeddings"),
    "between two batches": (AFTER, "hikma.migration.embedding._store"),
}
WRITTEN = "rows written, no version yet"
CHECKPOINT = "in the checkpoint"


def die():
    """End this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop():
    """Stop this process where it is, with all that it holds, until it is killed."""
    os.kill(os.getpid(), signal.SIGSTOP)


def arm(name, nth, act):
    """Make the nth passage of a point the last thing that this process does."""
    side, path = POINTS[name]
    place, attribute = _found(path)
    plain, passed = getattr(place, attribute), iter(range(nth - 1))

    def wrapped(*given, **named):
        if side == BEFORE and next(passed, None) is None:
            act()
        result = plain(*given, **named)
        if side == AFTER and next(passed, None) is None:
            act()
        return result

    setattr(place, attribute, wrapped)


def arm_watch(folder):
    """Die as soon as LanceDB has begun another file of rows: its version comes after it."""
    known = set(folder.rglob("*.lance"))

    def watch():
        while True:
            with suppress(FileNotFoundError):  # a folder that went while it was looked into
                if set(folder.rglob("*.lance")) != known:
                    die()
            time.sleep(0)

    threading.Thread(target=watch, daemon=True).start()


def _found(path):
    """Return what holds an attribute, a module or a class, and the attribute's name."""
    holder, _, attribute = path.rpartition(".")
    try:
        return importlib.import_module(holder), attribute
    except ModuleNotFoundError:
        module, _, name = holder.rpartition(".")
        return getattr(importlib.import_module(module), name), attribute


def travel(job):
    """Go as far as a step with writes beside it; at a step of its own the point is armed."""
    folder = Path(job["root"])
    if job.get("forgetful"):
        job["disk"] = Forgetful()  # it lives as long as the process
    if job.get("careless"):
        _sync_nothing()
    journey = opened(folder, job["written"])
    log = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def acknowledged():
        os.write(log, b".")

    def before(held):
        if held.step == job["at"]:
            _arm(job, folder)
            AT.get(job["do"], lambda *_: None)(journey, acknowledged)

    go(journey, Step(job.get("until", "soak")), before, acknowledged)
    before(journey.held_migration())


def _sync_nothing():
    """Write as one would who does not wait for the disk."""
    plain = opening.open_writer

    def careless(path):
        connection = plain(path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    opening.open_writer = careless


def _arm(job, folder):
    match job["point"]:
        case name if name == WRITTEN:
            arm_watch(folder)
        case name if name == CHECKPOINT:
            job["disk"] = Disk(_dying(folder / "index.db", job["nth"]))
        case name:
            arm(name, job["nth"], stop if job.get("stops") else die)


def _dying(path, nth):
    """Die at the nth write to the file itself: what is written lies in the log until then."""
    left = iter(range(nth))

    def told(operation, name):
        if (operation, name) == ("write", str(path)) and next(left) == nth - 1:
            die()

    return told


def starve(job):
    """Go the whole way with hardly a free handle; after each failure go on with enough, checked."""
    folder, errors = Path(job["root"]), []
    journey = opened(folder)
    go(journey, Step.BACKFILL)
    for spare in (0, 2, 8):
        first = os.open("/", os.O_RDONLY)
        os.close(first)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (first + spare, most))
        journeys.WAIT_S = stepping._DRAIN_S = backfilling._WAIT_S = 0.0
        try:
            go(journey, Step.SOAK)
        except HikmaError as error:
            errors.append(str(error))
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        journeys.WAIT_S = stepping._DRAIN_S = backfilling._WAIT_S = 20.0
        written = journey.written
        journey.close()
        journey = opened(folder, written)
        check(journey, written)
    go(journey, Step.SOAK)
    check(journey, journey.written)
    journey.close()
    (folder / "errors").write_text(json.dumps(errors))


def persist(job):
    """Go the whole way on a disk that fails now and then; after each failure go on, checked."""
    folder, told = Path(job["root"]), failing(job["every"])
    job["disk"] = Disk(told)
    journey, errors = opened(folder), []
    acknowledged = count(1)
    done = 0

    def acknowledge():
        nonlocal done
        done = next(acknowledged)

    while journey.held_migration().step is not Step.SOAK:
        try:
            go(journey, Step.SOAK, acknowledged=acknowledge)
        except HikmaError as error:
            errors.append(str(error))
            told.armed = False
            journey.close()
            journey = opened(folder)
            check(journey, done)
            done, acknowledged = journey.written, count(journey.written + 1)
            told.armed = True
    told.armed = False
    check(journey, done)
    journey.close()
    (folder / "errors").write_text(json.dumps([told.failures, errors]))


def change_model(job):
    """Go on to another model as far as a step; at a step of its own the point is armed."""
    indexing.run = history.run = rereading.run = in_process
    embedding.BATCH = job["batch"]
    with engine_on(job["root"], job["database"]) as engine:
        while (at := engine.migration.status().state) != job.get("until", "finalized"):
            if at == job["at"]:
                arm(job["point"], job["nth"], die)
            if at == Step.SOAK:
                engine.migration.finalize()
            else:
                engine.migration.advance(judge=lambda *_: Quality(1.0, 1.0, "nDCG@10", 10, "test"))


def keep_up(journey, *_):
    """Do what the child process of an upkeep does, here."""
    for space in journey.active():
        if space.backend == "lancedb":
            applier = spaces.lock_of(journey.catalog.path, space.id)
            lance_upkeep.keep_up(journey.store(space).place, applier, indexed=False)


def _rebuild(journey, _):
    for space in journey.active():
        if space.backend == "sqlite-vec":
            journey.store(space).rebuild()


def _drain(journey, acknowledged):
    for _ in range(3):
        journey.write()
        acknowledged()
    journey.drain()


def _checkpoint(journey, acknowledged):
    """Move the log into the file, through connections that are on the disk as it is now."""
    journey.catalog.close()
    _drain(journey, acknowledged)
    journey.catalog._open_writer().execute("PRAGMA wal_checkpoint(TRUNCATE)")


AT = {
    "roll back": lambda journey, _: stepping.roll_back(journey.catalog, "test"),
    "finalize": lambda journey, _: stepping.finalize(move(journey)),
    "keep up": keep_up,
    "rebuild": _rebuild,
    "drain": _drain,
    "checkpoint": _checkpoint,
}


def work(job):
    """Do a job."""
    os.environ.update(job.get("environment", {}))
    own = {"persist": persist, "starve": starve, "change model": change_model}
    own.get(job["do"], travel)(job)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # LanceDB says at each fork that it does not like to be forked
    journeys.shrink(setattr)
    main(work)
