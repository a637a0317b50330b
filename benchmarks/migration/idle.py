"""A migration with nothing else running: rows a second, memory of each backend, agreement.

    python benchmarks/migration/idle.py PATH DATABASE --work FOLDER [--queries 2000] [--json FILE]

A copy of DATABASE, the index of PATH, is moved to LanceDB, back to sqlite-vec and on to an
approximate index of LanceDB. Rates are beside two limits of the same run: the bytes of the rows
written to a file and synced, and read back and hashed. Memory is the growth of a fresh process that
answers the same questions, over the same process with no space opened. Agreement is the share of
the exact ten nearest, over distinct questions of the repository itself.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hikma.arrays import VectorBatch
from hikma.catalog import ledger, rows, spaces
from hikma.catalog.migrations import Step
from hikma.engine import Engine
from hikma.migration.asking import questions
from hikma.migration.gates import Thresholds
from hikma.moving import Wanted
from hikma.vectors.exact import distances

_OPEN = Thresholds(samples=100, overlap_flat=0.7, slowdown=1e9, hold_s=0.0, soak_s=0.0)
_LEGS = (("lancedb", "flat"), ("sqlite-vec", "flat"), ("lancedb", "ivf"))
_TOP, _NEAR = 10, 60
_CHILD_QUERIES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("path", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        _child(given.path, given.database, given.work, given.child)
        return
    given.work.mkdir(parents=True, exist_ok=True)
    database = given.work / "index.db"
    shutil.copyfile(given.database, database)
    with Engine.open(given.path, flags={"database": database}) as engine:
        with engine.catalog.write() as connection:  # a file copied while open is another one
            connection.execute("SELECT 1")
        engine.migration.own()
        figures: dict[str, Any] = {"limits": _limits(engine, given.work)}
        figures["moves"] = [_move(engine, *leg) for leg in _LEGS]
        figures["agreement"] = _agreement(engine, given.queries, given.work)
    figures["memory"] = _memory(given, database)
    _print(figures)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


def _limits(engine: Engine, work: Path) -> dict[str, float]:
    """Return rows a second that a bare file takes, synced, and gives back, hashed."""
    held = _held(engine).vectors
    path, whole = work / "bare", held.tobytes()
    start = time.perf_counter()
    with path.open("wb") as file:
        file.write(whole)
        os.fsync(file.fileno())
    written = time.perf_counter() - start
    start = time.perf_counter()
    for row in np.frombuffer(path.read_bytes(), "<f4").reshape(held.shape):
        ledger.hash_of(row.tobytes())
    read = time.perf_counter() - start
    path.unlink()
    return {"write and sync": len(held) / written, "read and hash": len(held) / read}


def _held(engine: Engine) -> VectorBatch:
    with engine.catalog.read() as connection:
        space = spaces.answering(connection, engine.database)
        return ledger.vectors_of(connection, ledger.live_ids(connection), space.documents)


def _move(engine: Engine, backend: str, index_type: str) -> dict[str, Any]:
    """Move once; the last of the moves stays unfinished, so that all spaces can be asked."""
    mover = engine.migration
    mover.start(Wanted(backend, "", index_type, _OPEN))
    count = len(_held(engine).ids)
    copied = _seconds(mover.advance)
    verified = _seconds(mover.verify)
    wrong = mover.verify().wrong
    if index_type == "flat":
        while mover.status().state != Step.SOAK:
            mover.advance(100.0 if mover.status().state == Step.CANARY else None)
        mover.finalize()
    return {
        "to": f"{backend} {index_type}",
        "rows": count,
        "backfill rows/s": count / copied,
        "verify rows/s": count / verified,
        "wrong": wrong,
    }


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _agreement(engine: Engine, count: int, work: Path) -> dict[str, Any]:
    """Return the share of the exact nearest that each space finds; keep queries for children."""
    with engine.catalog.read() as connection:
        asked = questions(connection, count)
        held = spaces.active(connection)
    embedder = engine._wired(engine.catalog).embedder(held[-1])  # noqa: SLF001 -- of this file
    queries = np.stack([embedder.embed_query(one) for one in asked])
    np.save(work / "queries.npy", queries)
    batch = _held(engine)
    wanted = [_exact(batch, one) for one in queries]
    found: dict[str, Any] = {"queries": len(queries)}
    for name, store in _stores(engine).items():
        shares = [
            len({one.id for one in store.nearest(query, _TOP)} & nearest) / len(nearest)
            for query, nearest in zip(queries, wanted, strict=True)
        ]
        found[name] = float(np.mean(shares))
    return found


def _exact(batch: VectorBatch, query: Any) -> set[int]:
    near = np.argpartition(-(batch.vectors @ query), _NEAR)[:_NEAR]
    apart = distances(batch.vectors[near], query)
    order = np.lexsort((batch.ids[near], apart))[:_TOP]
    return {int(one) for one in batch.ids[near][order]}


def _stores(engine: Engine) -> dict[str, Any]:
    wiring = engine._wired(engine.catalog)  # noqa: SLF001 -- the stores of this file
    with engine.catalog.read() as connection:
        known = rows.ids(connection, "SELECT id FROM vector_space ORDER BY id")
        held = [spaces.of(connection, one) for one in known[1:].tolist()]
    return {f"{one.backend} {one.index_type}": wiring.store(one) for one in held}


def _memory(given: argparse.Namespace, database: Path) -> dict[str, Any]:
    return {
        f"{name} {scan}".strip(): _grown(given, database, name, scan)
        for name, scan in (
            ("sqlite-vec flat", "disk"),
            ("sqlite-vec flat", "resident"),
            ("lancedb flat", ""),
            ("lancedb ivf", ""),
        )
    }


def _grown(given: argparse.Namespace, database: Path, name: str, scan: str) -> dict[str, float]:
    command = [sys.executable, __file__, str(given.path), str(database), "--work", str(given.work)]
    command += ["--child", name]
    environment = {**os.environ, "HIKMA_VECTOR_SCAN": scan or "disk"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    grown: dict[str, float] = json.loads(found.stdout)
    return grown


def _child(path: Path, database: Path, work: Path, name: str) -> None:
    """Answer the questions; print the memory that it took over what was there before."""
    queries = np.load(work / "queries.npy")[:_CHILD_QUERIES]
    with Engine.open(path, flags={"database": database}) as engine:
        with engine.catalog.read() as connection:
            connection.execute("SELECT count(*) FROM vector_space").fetchall()
        before = _resident()
        store = _stores(engine)[name]
        for query in queries:
            store.nearest(query, _TOP)
        now = _resident()
    print(json.dumps({key: now[key] - before[key] for key in now}))


def _resident() -> dict[str, float]:
    """Return MB that this process holds and has held at most."""
    text = Path("/proc/self/status").read_text()
    names = {"steady MB": "VmRSS:", "peak MB": "VmHWM:"}
    return {key: int(text.split(one)[1].split()[0]) / 1_024 for key, one in names.items()}


def _print(figures: dict[str, Any]) -> None:
    limits = figures["limits"]
    print(
        "| to | rows | backfill rows/s | of a bare file | verify rows/s | of a bare file | wrong |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for one in figures["moves"]:
        copied, verified = one["backfill rows/s"], one["verify rows/s"]
        print(
            f"| {one['to']} | {one['rows']:,} | {copied:,.0f} "
            f"| {copied / limits['write and sync']:.3f} | {verified:,.0f} "
            f"| {verified / limits['read and hash']:.2f} | {one['wrong']} |"
        )
    print(f"agreement with exact: {figures['agreement']}")
    flat = figures["memory"]["lancedb flat"]["steady MB"]
    for name, grown in figures["memory"].items():
        steady, peak = grown["steady MB"], grown["peak MB"]
        print(f"{name}: steady {steady:.0f} MB, peak {peak:.0f} MB, {steady / flat:.2f} of LanceDB")


if __name__ == "__main__":
    main()
