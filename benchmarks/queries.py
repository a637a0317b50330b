"""Speed of queries on one large repository, stage by stage, in one process on two cores.

    python benchmarks/queries.py PATH [--database FILE] [--queries 60] [--json FILE]
                                      [--semble-python PYTHON]

The questions are the repository's own: first sentences of its documentation, subjects of its
commits, names and qualified names of its symbols, and a fixed list. In the same run: a plain FTS5
OR with a plain sqlite-vec scan, ripgrep for the same words, semble's search of its index in memory
of all text of the same tree, disk against memory, and the recall of both against all vectors. A
quarter of the questions is asked of a process that has just loaded its codes, the others after 40
different ones. Milliseconds by the clock and by the processor (of
this thread): on a busy machine quote the latter, and ratios.
"""

import argparse
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import numpy as np

from hikma import freshness, pinning, ranking, retrieval
from hikma.catalog import fulltext, graph, ledger, matching, votes
from hikma.catalog.tables import vector_table
from hikma.documents import words
from hikma.domain import Query
from hikma.engine import Engine
from hikma.sources.opening import open_source
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors

FIXED = (
    "where is the configuration read",
    "how are errors reported to the user",
    "parse the command line arguments",
    "retry a failed request with a delay",
    "close the connection when the context ends",
    "convert a value to another type",
    "which tests cover the cache",
    "log a warning for an unknown option",
)
_SENTENCE = re.compile(r"[A-Za-z][^.\n{}<>@]*")
_DEPTHS = (10, 150, 190)
_OTHERS, _REST_S, _STEADY_S = 10, 1.0, 3.0
_SEMBLE = str(Path(__file__).with_name("semble_index.py"))
_Clocks = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("path", type=Path)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--semble-python", help="an interpreter that semble is installed for")
    asked = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    flags = {"database": asked.database} if asked.database else {}
    with Engine.open(asked.path, flags={**flags, "vector_scan": "resident"}) as engine:
        if not engine.database.exists():
            engine.index(history=False)
        questions = _questions(engine, asked.queries)
        figures = _stages(engine, questions)
        figures |= _plain(engine, questions)
        figures |= _recall(engine, questions)
    with Engine.open(asked.path, flags={**flags, "vector_scan": "disk"}) as engine:
        figures |= {"whole from disk": _summary(_timed(engine, questions)["whole"])}
    figures["ripgrep"] = _summary([_ripgrep(asked.path, one) for one in questions[::5]])
    if asked.semble_python:
        figures["semble"] = _summary(_semble(asked.semble_python, asked.path, questions))
    _print(figures, len(questions))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


def _questions(engine: Engine, count: int, seed: int = 4) -> list[str]:
    """Return a quarter each of sentences, subjects, names and qualified names; then the fixed."""
    with engine.catalog.read() as connection:
        of_symbols = connection.execute(
            "SELECT documentation, name, qualified_name FROM node WHERE kind = 'symbol' ORDER BY id"
        ).fetchall()
    documentation, names, qualified = (sorted(set(one)) for one in zip(*of_symbols, strict=True))
    with closing(open_source(engine.root)) as source:
        has_history = source.head is not None
    log = ["git", "-C", str(engine.root), "log", "--format=%s", "-n", "2000"]
    subjects = subprocess.run(log, capture_output=True, text=True, check=True).stdout.split("\n")
    chosen = random.Random(seed)  # noqa: S311 -- the same questions at every run
    pools = [
        list(filter(None, map(_sentence, documentation))),
        list(filter(None, map(_sentence, subjects if has_history else []))),
        [name for name in names if len(name) > 3],
        [name for name in qualified if "." in name],
    ]
    sampled = [one for pool in pools for one in chosen.sample(pool, min(count // 4, len(pool)))]
    return [*sampled, *FIXED]


def _sentence(text: str) -> str | None:
    """Return the first sentence of a text if it has 4 to 12 words."""
    found = _SENTENCE.search(text)
    sentence = found.group().strip() if found else ""
    return sentence if 4 <= len(sentence.split()) <= 12 else None


@contextmanager
def _watched(clocks: _Clocks, owner: Any, name: str, stage: str) -> Iterator[None]:
    """Add what calls of a function cost to its stage's latest entry."""
    plain: Callable[..., Any] = getattr(owner, name)

    def watched(*given: Any, **named: Any) -> Any:
        start = time.thread_time()
        try:
            return plain(*given, **named)
        finally:
            clocks[stage][-1] += 1_000 * (time.thread_time() - start)

    with mock.patch.object(owner, name, watched):
        yield


def _stages(engine: Engine, questions: list[str]) -> dict[str, Any]:
    with engine.catalog.read() as connection:
        documents = fulltext.count(connection)
    fresh = _timed(engine, questions[::4])["whole"]
    _warm(engine, questions)
    questions = [one for place, one in enumerate(questions) if place % 4]
    clocks = _timed(engine, questions)
    figures = {stage: _summary(values) for stage, values in clocks.items()}
    before = {"whole, before other questions": _summary(fresh)}
    return {"documents": documents, **figures, **before}


def _warm(engine: Engine, questions: list[str]) -> None:
    """Ask other questions, as an engine is asked that stays; then let its readers come to rest.

    Twice, some seconds apart: words are read ahead once the file has not been written for a while.
    """
    others = sorted(set(_questions(engine, 4 * _OTHERS, seed=5)).difference(questions))
    postings = engine._wired(engine.catalog).postings  # noqa: SLF001 -- what is kept in memory
    for _ in range(2):
        for question in others:
            engine.search(Query(question))
        time.sleep(_STEADY_S)
        while postings and postings.reading:
            time.sleep(_REST_S)


def _timed(engine: Engine, questions: list[str]) -> _Clocks:
    """Return milliseconds by stage, one a question; codes and caches are warm."""
    answering = engine._answer()  # noqa: SLF001 -- the store and model that answer
    if isinstance(answering.store, ResidentVectors):
        answering.store.load()
    for question in questions[:5]:
        engine.search(Query(question))
    clocks: _Clocks = defaultdict(list)
    for question in questions:
        stages = (
            (ranking, "parse", "parse"),
            (graph, "resolve", "filter"),
            (matching, "match_any", "lexical"),
            (fulltext, "named", "name"),
            (pinning, "pin", "quoted"),
            (type(answering.embedder), "embed_query", "embed"),
            (type(answering.store), "nearest", "dense"),
            (retrieval, "_similarities", "similarities"),
            (fulltext, "briefs", "load"),
            (votes, "importers", "importers"),
            (ranking, "rank", "rank"),
            (freshness, "digest_now", "freshness"),
        )
        for _, _, stage in stages:
            clocks[stage].append(0.0)
        _ask(engine, question, clocks, stages)
    return clocks


def _ask(engine: Engine, question: str, clocks: _Clocks, stages: Any) -> None:
    watches = [_watched(clocks, *stage) for stage in stages]
    for watch in watches:
        watch.__enter__()
    start, clock = time.thread_time(), time.perf_counter()
    try:
        engine.search(Query(question))
    finally:
        clocks["whole"].append(1_000 * (time.thread_time() - start))
        clocks["whole by the clock"].append(1_000 * (time.perf_counter() - clock))
        for watch in reversed(watches):
            watch.__exit__(None, None, None)
    inner = sum(clocks[stage][-1] for _, _, stage in stages)
    clocks["the rest"].append(clocks["whole"][-1] - inner)


def _plain(engine: Engine, questions: list[str]) -> dict[str, Any]:
    """Time what any program would ask: an OR of all words by rank, the nearest codes on disk."""
    answering = engine._answer()  # noqa: SLF001 -- as above
    kept = SqliteVectors(engine.catalog, answering.space)
    table = vector_table(answering.space.id)
    nearest = f"SELECT rowid FROM {table} WHERE code MATCH vec_int8(?) AND k = 150"
    clocks: _Clocks = defaultdict(list)
    with engine.catalog.read() as connection:
        for question in questions:
            start = time.thread_time()
            _or(connection, question)
            clocks["plain FTS5 OR"].append(1_000 * (time.thread_time() - start))
            start = time.thread_time()
            query = answering.embedder.embed_query(question)
            code = kept._encode(query[None])[0].tobytes()  # noqa: SLF001 -- as the codes were made
            connection.execute(nearest, (code,)).fetchall()
            clocks["plain vec0"].append(1_000 * (time.thread_time() - start))
    return {stage: _summary(values) for stage, values in clocks.items()}


def _or(connection: apsw.Connection, question: str) -> None:
    asked = fulltext.quote(dict.fromkeys(words(question)))
    sql = "SELECT rowid FROM fulltext WHERE fulltext MATCH ? ORDER BY bm25(fulltext) LIMIT 150"
    connection.execute(sql, (asked,)).fetchall()


def _recall(engine: Engine, questions: list[str]) -> dict[str, Any]:
    """Compare both stores with a look at every vector; equal distances count as found."""
    answering = engine._answer()  # noqa: SLF001 -- as above
    stores = {
        "resident": answering.store,
        "disk": SqliteVectors(engine.catalog, answering.space),
    }
    with engine.catalog.read() as connection:
        sql = "SELECT document_id FROM ledger WHERE NOT deleted ORDER BY 1"
        ids = np.array([row[0] for row in connection.execute(sql)])
        parts = [
            ledger.vectors_of(connection, ids[at : at + 5_000]) for at in range(0, len(ids), 5_000)
        ]
    vectors = np.concatenate([part.vectors for part in parts])
    found: dict[str, list[float]] = defaultdict(list)
    for question in questions:
        query = answering.embedder.embed_query(question)
        products = vectors @ query
        for depth in _DEPTHS:
            least = float(np.partition(products, -depth)[-depth]) - 1e-6
            for name, store in stores.items():
                near = [one for one in store.nearest(query, depth) if 1 - one.distance >= least]
                found[f"recall@{depth} {name}"].append(len(near) / depth)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _ripgrep(path: Path, question: str) -> float:
    patterns = [part for word in dict.fromkeys(words(question)) for part in ("-e", word)]
    before = os.times()
    command = ["rg", "--count", "--ignore-case", "--threads", "2", "--fixed-strings", *patterns]
    subprocess.run([*command, str(path)], capture_output=True, check=False)
    after = os.times()
    used = after.children_user + after.children_system
    return 1_000 * (used - before.children_user - before.children_system)


def _semble(python: str, path: Path, questions: list[str]) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="hikma-bench-") as cache:
        command = [python, _SEMBLE, str(path), cache, "all", "--ask"]
        asked = json.dumps(questions)
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    milliseconds: list[float] = json.loads(done.stdout)["milliseconds"]
    return milliseconds


def _summary(values: list[float]) -> dict[str, float]:
    named = {"p50": 50, "p95": 95, "p99": 99}
    return {name: round(float(np.percentile(values, at)), 2) for name, at in named.items()}


def _print(figures: dict[str, Any], count: int) -> None:
    print(f"{figures['documents']:,} documents, {count} questions; ms of the processor")
    print("| stage | p50 | p95 | p99 |\n|---|--:|--:|--:|")
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"| {name} | {value['p50']} | {value['p95']} | {value['p99']} |")
        elif isinstance(value, float):
            print(f"| {name} | {value:.5f} | | |")
    plain = figures["plain FTS5 OR"]["p50"] + figures["plain vec0"]["p50"]
    whole = figures["whole"]["p50"]
    print(f"whole / (plain FTS5 OR + plain vec0): {whole / plain:.2f}; ", end="")
    peers = (name for name in ("ripgrep", "semble") if name in figures)
    print("; ".join(f"{name} / whole: {figures[name]['p50'] / whole:.1f}" for name in peers))


if __name__ == "__main__":
    main()
