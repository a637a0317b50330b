"""Golden rankings: for each query, the hits on the sample project in their order.

Set HIKMA_WRITE_GOLDEN=1 to write them anew; read the difference before you commit it.
"""

import os
from pathlib import Path

import pytest

from fakes import HashingEmbedder
from hikma.domain import Filter, Mode, NodeKind, Query
from hikma.engine import Engine
from hikma.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
TESTS_ONLY = Filter(kinds=(NodeKind.TEST,))

QUERIES = {
    "validated": Query("where are vectors validated before they are stored"),
    "symbol": Query("VectorStore.nearest"),
    "identifier": Query("split_lines"),
    "tests": Query("reject a NaN", TESTS_ONLY),
    "cache": Query("evict the oldest entry of the cache"),
    "distance": Query("cosine distance of two arrays in C"),
    "component": Query("search box component"),
    "prose": Query("guide: how do I install it"),
    "lexical": Query("count tokens of a text", mode=Mode.LEXICAL),
    "semantic": Query("count tokens of a text", mode=Mode.SEMANTIC),
}
FIRST = {
    "validated": "symbol:store/vectors.py#VectorStore.validate",
    "symbol": "symbol:store/vectors.py#VectorStore.nearest",
    "identifier": "symbol:store/chunks.py#split_lines",
    "lexical": "symbol:store/chunks.py#count_tokens",
    "semantic": "symbol:store/chunks.py#count_tokens",
}
"""What a person would expect first, whatever the golden file says."""


@pytest.fixture
def engine(corpus_repository):
    settings = Settings()
    with Engine(corpus_repository.root, settings, models=lambda _: HashingEmbedder()) as opened:
        opened.index()
        yield opened


@pytest.mark.parametrize("name", QUERIES)
def test_ranking_is_as_recorded(engine, name):
    query = QUERIES[name]
    shown = [f"# {query.mode.value}: {query.text}"]
    shown += [f"{hit.rank:2d}  {hit.score:6.3f}  {hit.id}" for hit in engine.search(query).hits]
    text = "".join(f"{line}\n" for line in shown)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("HIKMA_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FIRST)
def test_the_expected_answer_comes_first(engine, name):
    assert engine.search(QUERIES[name]).hits[0].id == FIRST[name]
