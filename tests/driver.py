"""Real processes that work on an index until they are done or killed; `processes` starts them.

This one imports everything once and then forks a child for each line of JSON on its standard input,
so that a test can kill a hundred children without paying for a hundred imports.
"""

import json
import os
import sys
from itertools import count
from pathlib import Path

import hikma.sources.git  # noqa: F401 -- what a child would import first
from fakes import HashingEmbedder
from hikma import history, indexing
from hikma.domain import Query
from hikma.engine import Engine
from hikma.settings import Settings
from hikma.sources import commits

DIMENSION = 16
BATCH = 5


def engine_on(root, database, **wanted):
    """Open an engine whose model needs no weights; batches are small, so commits are many."""
    settings = Settings(database=database, vector_batch_size=BATCH, **wanted)
    return Engine(Path(root), settings, models=lambda name: HashingEmbedder(DIMENSION, name))


def in_process(task, files, *, workers, on_failure, **_limits):
    """Read without worker processes, whose start would be most of a short run."""
    assert workers
    assert on_failure
    commits._repository.cache_clear()  # as in fresh workers, which open it anew
    return map(task, files)


def index(engine, _job):
    """Bring the index up to date."""
    engine.index()


def full(engine, _job):
    """Build it anew."""
    engine.index(full=True)


def gc(engine, _job):
    """Drop what nothing refers to."""
    engine.collect()


def rebuild(engine, _job):
    """Build the search structure anew."""
    engine.rebuild_vectors()


def search(engine, job):
    """Search until the file `stop` exists; write what each search found."""
    found = set()
    while not Path(job["stop"]).exists():
        result = engine.search(Query(job["query"]))
        kept = (len(result.hits), result.index.head, result.index.partial, result.degraded)
        found.add(kept)
    Path(job["found"]).write_text(json.dumps(sorted(found, key=repr)), encoding="utf-8")


def churn(engine, job):
    """Change a file and index it, again and again, until the file `stop` exists."""
    place = Path(job["root"]) / "churned.py"
    for n in count():
        place.write_text("".join(f"def churn_{n}_{i}(): ...\n" for i in range(n % 7 + 1)))
        engine.index()
        if Path(job["stop"]).exists():
            return


def backup(engine, job):
    """Back up, over a backup that is there."""
    engine.backup(Path(job["copy"]), force=True)


def restore(engine, job):
    """Make a backup the index."""
    engine.restore(Path(job["copy"]))


JOBS = {
    "index": index,
    "full": full,
    "gc": gc,
    "rebuild": rebuild,
    "search": search,
    "churn": churn,
    "backup": backup,
    "restore": restore,
}


def work(job):
    """Do one job."""
    if not job.get("workers"):
        indexing.run = history.run = in_process
    history.BATCH_COMMITS = job.get("commits", history.BATCH_COMMITS)
    with engine_on(job["root"], job["database"]) as engine:
        JOBS[job["do"]](engine, job)


def main(work=work):
    """Fork a child for each job, and await it when asked to: until then its id stays its own."""
    _say({"ready": os.getpid()})
    for line in sys.stdin:
        job = json.loads(line)
        if job["do"] == "wait":
            _say({"status": os.waitpid(job["pid"], 0)[1]})
            continue
        child = os.fork()
        if not child:
            work(job)
            os._exit(0)
        _say({"pid": child})


def _say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
