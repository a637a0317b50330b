"""Hikma as an adapter of the topics' `run_queries.py`: one index a folder, then its queries.

    run_queries.py --checkouts DIR --out run.jsonl --adapter benchmarks/retrieval/adapter.py:hybrid

The callables `lexical`, `semantic` and `hybrid` are the three modes with the default model;
`HIKMA_EMBEDDING_MODEL` chooses another one. The index is made in a temporary folder, so that the
work tree stays as it is.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from hikma.domain import Mode, Query
from hikma.engine import Engine

type_of_run = tuple[list[list[dict[str, Any]]], dict[str, Any]]


def hybrid(folder: Path, queries: list[str], k: int) -> type_of_run:
    return _run(folder, queries, k, Mode.HYBRID)


def semantic(folder: Path, queries: list[str], k: int) -> type_of_run:
    return _run(folder, queries, k, Mode.SEMANTIC)


def lexical(folder: Path, queries: list[str], k: int) -> type_of_run:
    return _run(folder, queries, k, Mode.LEXICAL)


def _run(folder: Path, queries: list[str], k: int, mode: Mode) -> type_of_run:
    with tempfile.TemporaryDirectory(prefix="hikma-topics-") as place:
        flags = {"database": Path(place) / "index.db"}
        with Engine.open(folder, flags=flags) as engine:
            start = time.perf_counter()
            engine.index(history=False)  # the topics judge trees alone
            index_s = time.perf_counter() - start
            answers = [_answer(engine, Query(text, limit=k, mode=mode)) for text in queries]
    lists = [hits for hits, _ in answers]
    return lists, {"index_s": index_s, "query_ms": [took for _, took in answers]}


def _answer(engine: Engine, query: Query) -> tuple[list[dict[str, Any]], float]:
    result = engine.search(query)
    hits = [
        {"path": hit.path, "start_line": hit.start_line, "end_line": hit.end_line}
        for hit in result.hits
    ]
    return hits, result.took_ms
