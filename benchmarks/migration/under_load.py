"""A whole migration under load: readers, a writer, kills, rollbacks; what was lost, how slow.

    python benchmarks/migration/under_load.py PATH --work FOLDER [--database FILE]
        [--legs lancedb,sqlite-vec,s3,sqlite-vec] [--readers 4] [--reads 1.0] [--writes 4.0]
        [--kills 4] [--no-drills] [--json FILE]

PATH is a repository; its index (without history), or a copy of FILE, is migrated once for each leg.
Readers search at a steady rate; a writer changes, deletes and brings back documents' vectors and
notes what was acknowledged; the process that migrates is killed at random moments and started
again. Each leg also rolls back once from a trial and once after cutover. Exit code 1 where a row is
lost, extra, mismatched or duplicate, a read fails, or a rollback is not seen by the next request.
A leg is `lancedb`, `sqlite-vec` or `s3`, with `:ivf` for an index.
The p95 of reads is that of those which the source answers, before and during: what the migration
costs who searches. What the target answers is as fast as that backend is, and stands apart.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from actors import AWS, BUCKET, Oracle, answering

from hikma.applying import Target
from hikma.catalog import embeddings, ledger, migrations
from hikma.engine import Engine
from hikma.migration import verifying

_HERE = Path(__file__).parent
_ACTORS = str(_HERE / "actors.py")
_WARM_S, _BEFORE_S, _TIMED = 15.0, 45.0, 100
"""For readers to open what they need, and then to be timed before anything is moved: so long at
least, and so many reads."""
_PATIENCE_S = 3_600.0
"""So long a step may take: beyond it the run ends and says at which."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where and what is moved, under which load."""

    root: Path
    database: Path
    work: Path
    readers: int
    reads: float
    writes: float
    kills: int
    drills: bool

    @property
    def before_s(self) -> float:
        """Seconds in which readers are timed before anything is moved."""
        return max(_BEFORE_S, _TIMED / (self.readers * self.reads))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("path", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--legs", default="lancedb,sqlite-vec,s3,sqlite-vec")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--reads", type=float, default=1.0, help="of each reader, a second")
    parser.add_argument("--writes", type=float, default=4.0, help="a second")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--no-drills", action="store_true", help="roll nothing back on the way")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    database = given.work / "index.db"
    _prepare(given.path, given.database, database)
    asked = Asked(
        given.path.resolve(),
        database.resolve(),
        given.work.resolve(),
        given.readers,
        given.reads,
        given.writes,
        given.kills,
        not given.no_drills,
    )
    with _object_store(needed="s3" in given.legs):
        found: list[dict[str, Any]] = []
        for number, leg in enumerate(given.legs.split(",")):
            found.append(_leg(asked, number, leg))
            _print(found[-1:])
            if given.json:  # after each leg: a later one may fail
                given.json.write_text(json.dumps(found, indent=1) + "\n")
    _print(found)
    return int(any(one["failures"] for one in found))


def _prepare(path: Path, given: Path | None, database: Path) -> None:
    if database.exists():
        database.unlink()
    if given is not None:
        shutil.copyfile(given, database)
    with Engine.open(path, flags={"database": database}) as engine:
        if given is None:
            engine.index(history=False)
        with engine.catalog.write() as connection:
            connection.execute("SELECT 1")


@contextmanager
def _object_store(*, needed: bool) -> Any:
    """Run moto's S3 server beside everything else, with one bucket."""
    if not needed:
        yield
        return
    port = AWS["AWS_ENDPOINT_URL"].rpartition(":")[2]
    command = [sys.executable, str(_HERE / "object_store.py"), port]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.environ |= AWS
        _make_bucket()
        try:
            yield
        finally:
            server.kill()


def _make_bucket() -> None:
    import boto3  # noqa: PLC0415 -- only where object storage is asked for

    for _ in range(100):
        try:
            boto3.client("s3", endpoint_url=AWS["AWS_ENDPOINT_URL"]).create_bucket(Bucket=BUCKET)
        except Exception:  # noqa: BLE001 -- the server is starting
            time.sleep(0.2)
        else:
            return
    raise SystemExit("moto's server did not start")


def _leg(asked: Asked, number: int, leg: str) -> dict[str, Any]:
    """Migrate once under load; return the figures and what went wrong."""
    stop = asked.work / f"stop-{number}"
    stop.unlink(missing_ok=True)
    print(f"leg {number}: to {leg}", flush=True)
    readers = [
        _start(asked, "read", number, seed, str(asked.reads)) for seed in range(asked.readers)
    ]
    writer = _start(asked, "write", number, 0, str(asked.writes))
    try:
        time.sleep(_WARM_S + asked.before_s)
        begun = time.time()
        killed, rolled = _migrate(asked, number, leg)
    finally:
        stop.touch()
        for one in (*readers, writer):
            one.wait(60)
    return _figures(asked, number, leg, begun, killed, rolled)


def _start(
    asked: Asked, role: str, number: int, seed: int, *more: str
) -> "subprocess.Popen[bytes]":
    given = [str(asked.root), str(asked.database), str(asked.work), str(number), str(seed), *more]
    return subprocess.Popen([sys.executable, _ACTORS, role, *given])


def _migrate(asked: Asked, number: int, leg: str) -> tuple[int, list[float]]:
    """Drive the migration by processes that are killed; roll back twice on the way."""
    chosen = random.Random(number)  # noqa: S311 -- the same moments at every run
    killed, rolled = 0, []
    for goal in ("canary", "cutover", "soak"):
        while not _reached(asked, number, leg, goal, _deadline(asked, chosen, killed)):
            killed += 1
        if asked.drills and goal != "soak":
            with Engine.open(asked.root, flags={"database": asked.database}) as engine:
                time.sleep(3.0)
                engine.migration.roll_back(f"drill at {goal}")
                rolled.append(time.time())
                time.sleep(3.0)
    _reached(asked, number, leg, "finalized", _PATIENCE_S)
    return killed, rolled


def _deadline(asked: Asked, chosen: random.Random, killed: int) -> float:
    return chosen.uniform(0.5, 8.0) if killed < asked.kills else _PATIENCE_S


def _reached(asked: Asked, number: int, leg: str, goal: str, deadline: float) -> bool:
    """Run the process that migrates; kill it at the deadline, and say whether it was done."""
    begun = time.monotonic()
    one = _start(asked, "migrate", number, 0, leg, goal)
    try:
        code = one.wait(deadline)
    except subprocess.TimeoutExpired:
        one.send_signal(signal.SIGKILL)
        one.wait()
        if deadline >= _PATIENCE_S:
            raise SystemExit(f"the migration to {leg} did not reach {goal} in time") from None
        return False
    if code:
        raise SystemExit(f"the migration to {leg} failed on its way to {goal}")
    print(f"  {goal} after {time.monotonic() - begun:.0f} s", flush=True)
    return True


def _figures(
    asked: Asked, number: int, leg: str, begun: float, killed: int, rolled: list[float]
) -> dict[str, Any]:
    reads = [
        json.loads(line)
        for seed in range(asked.readers)
        for line in (asked.work / f"read-{number}-{seed}.jsonl").read_text().splitlines()
    ]
    wrong, rate = _compared(asked, number)
    failed = [one for one in reads if one["error"]]
    before = [one for one in reads if begun - asked.before_s <= one["at"] < begun]
    origin = {one["space"] for one in before}
    during = [one for one in reads if one["at"] >= begun]
    same = [one["ms"] for one in during if one["space"] in origin]
    other = [one["ms"] for one in during if one["space"] not in origin]
    unseen = _unseen(reads, rolled)
    failures = {
        **{name: count for name, count in wrong.items() if count},
        **({"failed reads": len(failed)} if failed else {}),
        **({"rollbacks not seen": unseen} if unseen else {}),
    }
    by_state = defaultdict(list)
    for one in reads:
        by_state[one["state"]].append(one["ms"])
    return {
        "leg": leg,
        "failures": failures,
        "errors": sorted({one["error"] for one in failed})[:3],
        "reads": len(reads),
        "writes": len(Oracle(asked.work, number).acknowledged()),
        "kills": killed,
        "rollbacks": len(rolled),
        "rows": wrong.total() + int(rate["rows"]),
        "verify rows/s": round(rate["rows"] / rate["seconds"]),
        "p95 before": _p95([one["ms"] for one in before]),
        "p95 during, by the source": _p95(same),
        "p95 during, by the target": _p95(other),
        "p95 by state": {state: _p95(values) for state, values in by_state.items()},
        "seconds by state": _seconds(asked),
    }


def _compared(asked: Asked, number: int) -> tuple[Counter[str], dict[str, float]]:
    """Compare what was acknowledged with the ledger, and the ledger with the answering space."""
    oracle = Oracle(asked.work, number)
    wrong: Counter[str] = Counter()
    with Engine.open(asked.root, flags={"database": asked.database}) as engine:
        space = answering(engine)
        with engine.catalog.read() as connection:
            held = embeddings.hashes_of(connection, ledger.live_ids(connection), space.documents)
        for document, allowed in oracle.expected().items():
            if held.get(document) not in allowed:
                wrong["lost" if held.get(document) is None else "mismatched"] += 1
        store = engine._wired(engine.catalog).store(space)  # noqa: SLF001 -- the store that answers
        start = time.perf_counter()
        found = verifying.verify(Target(engine.catalog, space, store), 10_000 + number)
        seconds = time.perf_counter() - start
        wrong.update(
            missing=found.missing,
            extra=found.extra,
            mismatched=found.mismatched,
            duplicate=found.duplicate,
        )
    return wrong, {"rows": found.checked, "seconds": seconds}


def _unseen(reads: list[dict[str, Any]], rolled: list[float]) -> int:
    """Count requests that began after a rollback and were answered by the former target."""
    origin = {one["space"] for one in reads if one["state"] in ("", "backfill", "verify", "shadow")}
    late = 0
    for moment in rolled:
        after = [one for one in reads if moment < one["at"] < moment + 2.5]
        late += sum(one["space"] not in origin for one in after)
    return late


def _seconds(asked: Asked) -> dict[str, float]:
    """Return how long the last migration stood at each step."""
    flags = {"database": asked.database}
    with Engine.open(asked.root, flags=flags) as engine, engine.catalog.read() as connection:
        held = migrations.latest(connection)
        events = migrations.events(connection, held.id) if held else []
    times = [np.datetime64(one.created_at.split("+")[0]) for one in events]
    spent: dict[str, float] = defaultdict(float)
    for one, start, end in zip(events[:-1], times[:-1], times[1:], strict=True):
        spent[one.target_state] += float((end - start) / np.timedelta64(1, "s"))
    return {state: round(seconds, 1) for state, seconds in spent.items()}


def _p95(values: list[float]) -> float | None:
    return round(float(np.percentile(values, 95)), 1) if values else None


def _print(found: list[dict[str, Any]]) -> None:
    print(
        "| to | rows | reads | writes | kills | rollbacks | wrong | p95 | during | ratio | target |"
    )
    print("|---|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|")
    for one in found:
        same = one["p95 during, by the source"]
        ratio = (same or 0) / (one["p95 before"] or 1)
        print(
            f"| {one['leg']} | {one['rows']:,} | {one['reads']} | {one['writes']} | {one['kills']} "
            f"| {one['rollbacks']} | {one['failures'] or 0} | {one['p95 before']} "
            f"| {same} | {ratio:.2f} | {one['p95 during, by the target']} |"
        )
    for one in found:
        print(
            f"{one['leg']}: p95 by state {one['p95 by state']}; s by state "
            f"{one['seconds by state']}; verify {one['verify rows/s']:,} rows/s {one['errors']}"
        )


if __name__ == "__main__":
    sys.exit(main())
