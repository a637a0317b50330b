"""The processes of a migration under load: who reads, who writes, who migrates; until told to stop.

python actors.py read|write ROOT DATABASE WORK LEG SEED RATE
python actors.py migrate ROOT DATABASE WORK LEG SEED TARGET GOAL
"""

import json
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hikma.catalog import ledger, migrations, spaces
from hikma.catalog.migrations import LINE, Step
from hikma.domain import Mode, Query, VectorSpace
from hikma.engine import Engine
from hikma.errors import HikmaError, MigrationError
from hikma.migration.asking import questions
from hikma.migration.gates import Thresholds
from hikma.moving import Mover, Wanted
from hikma.storing import tell_spaces

BUCKET = "hikma-benchmark"
AWS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:5117",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_FAR_S = 30.0
"""Between two commits to object storage: each leaves a file that every search has to ask for."""
_THRESHOLDS = Thresholds(samples=120, slowdown=1e6, overlap_flat=0.99, hold_s=0.0, soak_s=0.0)
"""As fast as the source no target need be: it is to be moved to, whatever it is like."""
_FEW = replace(_THRESHOLDS, samples=30, overlap_flat=0.95, longest_ms=1e6, errors=0.2)
"""Where one end is object storage in one Python process: a question takes it seconds, and some take
longer than a trial waits for."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """What the writer was acknowledged: a line before each write, and one after it."""

    work: Path
    leg: int

    @property
    def path(self) -> Path:
        """Where the lines are."""
        return self.work / f"writes-{self.leg}.jsonl"

    def note(self, kind: str, hashes: Mapping[int, str | None]) -> None:
        """Add a line, durable in the order of the calls."""
        line = json.dumps([kind, {str(one): value for one, value in hashes.items()}])
        with self.path.open("a") as file:
            file.write(f"{line}\n")

    def acknowledged(self) -> list[Any]:
        """Return the writes that were."""
        return [one for kind, one in self._lines() if kind == "done"]

    def expected(self) -> dict[int, set[bytes | None]]:
        """Return for each document what it may be: the last acknowledged, or begun since."""
        found: dict[int, set[bytes | None]] = {}
        for kind, hashes in self._lines():
            for one, value in hashes.items():
                wanted = None if value is None else bytes.fromhex(value)
                if kind == "done":
                    found[int(one)] = {wanted}
                else:
                    found.setdefault(int(one), {wanted}).add(wanted)
        return found

    def _lines(self) -> list[Any]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def main() -> None:
    role, root, database, work, leg, seed, *more = sys.argv[1:]
    flags = {"database": Path(database), "vector_scan": "auto"}
    with Engine.open(root, flags=flags) as engine:
        if role == "read":
            _read(engine, Path(work), int(leg), int(seed), float(more[0]))
        elif role == "write":
            _write(engine, Oracle(Path(work), int(leg)), float(more[0]))
        else:
            _migrate(engine, *more)


def _read(engine: Engine, work: Path, leg: int, seed: int, rate: float) -> None:
    """Search at a steady rate; note when, how long, by which space, in which state."""
    with engine.catalog.read() as connection:
        asked = questions(connection, 400)
    chosen = random.Random(seed)  # noqa: S311 -- the same questions at every run
    due = time.monotonic()
    with (work / f"read-{leg}-{seed}.jsonl").open("w") as log:
        while not (work / f"stop-{leg}").exists():
            log.write(json.dumps(_request(engine, chosen.choice(asked))) + "\n")
            log.flush()
            due = max(due + 1 / rate, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))


def _request(engine: Engine, text: str) -> dict[str, Any]:
    at, start, error, space, state = time.time(), time.perf_counter(), "", 0, ""
    try:
        with engine.catalog.read() as connection:  # one state: what answers is what is noted
            held = migrations.running(connection)
            state = held.step if held else ""
            space = engine._answer(text).space.id  # noqa: SLF001 -- which space that is
            found = engine.search(Query(text, mode=Mode.HYBRID))
            if any(reason.startswith("dense:") for reason in found.degraded):
                error = found.degraded[0]
    except HikmaError as failure:
        error = str(failure)
    took = 1_000 * (time.perf_counter() - start)
    return {"at": at, "ms": round(took, 2), "space": space, "state": state, "error": error}


def _write(engine: Engine, oracle: Oracle, rate: float) -> None:
    """Change vectors, delete documents and bring them back, at a steady rate."""
    chosen = random.Random(1)  # noqa: S311 -- the same writes at every run
    with engine.catalog.read() as connection:
        ids = ledger.live_ids(connection)
    gone: list[int] = []
    due, bring = time.monotonic(), 0.0
    while not (oracle.work / f"stop-{oracle.leg}").exists():
        some = [int(one) for one in chosen.sample(ids.tolist(), 3)]
        if gone and chosen.random() < 0.5:
            some = [gone.pop()]
        if chosen.random() < 0.2 and some[0] not in gone:
            _delete(engine, oracle, some[:1])
            gone.append(some[0])
        else:
            _put(engine, oracle, some, chosen.randrange(1 << 30))
            gone = [one for one in gone if one not in some]
        if time.monotonic() >= bring or not _is_far(engine):
            engine._wired(engine.catalog).drain(0.0)  # noqa: SLF001 -- as a command does at its end
            bring = time.monotonic() + _FAR_S
        due = max(due + 1 / rate, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
    if gone:
        _put(engine, oracle, gone, 7)
    engine._wired(engine.catalog).drain(60.0)  # noqa: SLF001 -- likewise


def _is_far(engine: Engine) -> bool:
    """Whether a space that receives writes lies in object storage."""
    with engine.catalog.read() as connection:
        return any(one.location.startswith("s3:") for one in spaces.active(connection))


def _put(engine: Engine, oracle: Oracle, ids: list[int], seed: int) -> None:
    """Give documents vectors of their own, as a changed text would."""
    catalog = engine.catalog
    space = answering(engine)
    rows = np.random.default_rng(seed).standard_normal((len(ids), space.dimension))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    hashes = {one: ledger.hash_of(row.tobytes()).hex() for one, row in zip(ids, rows, strict=True)}
    digests = [f"load {seed} {one}".encode() for one in ids]
    oracle.note("begun", hashes)
    with catalog.write() as connection:
        ledger.put_embeddings(connection, space.documents, digests, rows)
        ledger.record(connection, space.documents, list(zip(ids, digests, strict=True)))
        tell_spaces(connection, engine._wired(catalog).store, ids, [])  # noqa: SLF001 -- as above
    oracle.note("done", hashes)


def answering(engine: Engine) -> VectorSpace:
    """Return the space that answers."""
    with engine.catalog.read() as connection:
        found = ledger.space(connection)
    if found is None:
        raise SystemExit("the file is empty")
    return found


def _delete(engine: Engine, oracle: Oracle, ids: list[int]) -> None:
    catalog = engine.catalog
    oracle.note("begun", dict.fromkeys(ids))
    with catalog.write() as connection:
        ledger.tombstone(connection, ids)
        tell_spaces(connection, engine._wired(catalog).store, [], ids)  # noqa: SLF001 -- as above
    oracle.note("done", dict.fromkeys(ids))


def _migrate(engine: Engine, target: str, goal: str) -> None:
    """Go on to a step, whoever was killed on the way there before."""
    with engine.migration.gently() as mover:
        _go_on(engine, mover, target, goal)


def _go_on(engine: Engine, mover: Mover, target: str, goal: str) -> None:
    with engine.catalog.read() as connection:
        held = migrations.running(connection)
    if held is None and goal != "finalized":
        mover.start(_wanted(engine, target))
    told = ""
    while True:
        step = Step(mover.status().state)
        if step in migrations.ENDED:
            return
        if goal == "finalized" and step is Step.SOAK:
            mover.finalize()
            return
        if goal != "finalized" and LINE.index(step) >= LINE.index(Step(goal)):
            return
        try:
            mover.advance(50.0 if step is Step.SHADOW else None)
        except MigrationError as error:
            if str(error) != told:
                told = str(error)
                print(f"  {told}", flush=True)
            time.sleep(0.5)


def _wanted(engine: Engine, target: str) -> Wanted:
    """Return what a leg means: a backend or `s3`, and `:ivf` where it is to have an index."""
    where, _, index_type = target.partition(":")
    place = f"s3://{BUCKET}/{time.time_ns()}" if where == "s3" else ""
    far = place or answering(engine).location.startswith("s3:")
    asked = _FEW if far else _THRESHOLDS
    return Wanted("lancedb" if place else where, place, index_type or "flat", asked)


if __name__ == "__main__":
    main()
