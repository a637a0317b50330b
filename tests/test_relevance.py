"""Golden rankings: for each query, the hits on the sample project, and on this one, in their order.

Set HIKMA_WRITE_GOLDEN=1 to write them anew; read the difference before you commit it. They hold no
scores, so that what differs is an order and never noise.
"""

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from conftest import Repository, commit_corpus
from fakes import HashingEmbedder
from hikma.domain import Filter, Mode, NodeKind, Query
from hikma.engine import Engine
from hikma.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
HERE = Path(__file__).parent.parent
LANDED = "ec1663c36fde1c4ca3783263e8956fbbc12fbdce"
"""A commit of this project: what is searched must not change with every change of it."""
TESTS_ONLY = Filter(kinds=(NodeKind.TEST,))

QUERIES = {
    "corpus": {
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
    },
    "hikma": {
        "crash": Query("what happens when a worker hangs or crashes while parsing a file"),
        "disk": Query("full disk while writing", TESTS_ONLY),
        "error": Query("MissingVectorError"),
        "identifier": Query("digest_now"),
        "imports": Query("resolve relative imports of python to files"),
        "quoting": Query("quote user text so that it cannot act as FTS5 syntax"),
        "ranked": Query("how are search results ranked"),
        "symbol": Query("FolderSource.snapshot"),
        "turns": Query("two processes index the same repository at once: who waits"),
        "why": Query("why do workers keep large trees but no blobs"),
    },
}
EVERY = [(world, name) for world, queries in QUERIES.items() for name in queries]
FIRST = {
    ("corpus", "validated"): "symbol:store/vectors.py#VectorStore.validate",
    ("corpus", "symbol"): "symbol:store/vectors.py#VectorStore.nearest",
    ("corpus", "identifier"): "symbol:store/chunks.py#split_lines",
    ("corpus", "lexical"): "symbol:store/chunks.py#count_tokens",
    ("corpus", "semantic"): "symbol:store/chunks.py#count_tokens",
    ("hikma", "error"): "symbol:src/hikma/errors.py#MissingVectorError",
    ("hikma", "identifier"): "symbol:src/hikma/sources/roots.py#digest_now",
    ("hikma", "quoting"): "symbol:src/hikma/catalog/fulltext.py#quote",
    ("hikma", "symbol"): "symbol:src/hikma/sources/folder.py#FolderSource.snapshot",
    ("hikma", "why"): "commit:beea23e303f220d5db56b209769353e82ed91b4d",
}
"""What a person would expect first, whatever the golden file says."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Return a folder that the parallel workers of this run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def index_once(engine, shared):
    """Index what no other worker of this run has indexed yet."""
    with FileLock(shared / f"{engine.database.name}.lock"):
        done = engine.database.with_suffix(".done")
        if not done.exists():
            report = engine.index()
            late = [one for one in report.limitations if "time limit" in one.reason]
            assert not late, f"the machine is too busy to read all files in time: {late}"
            done.touch()


@pytest.fixture(scope="session")
def corpus(shared):
    """Answer from the corpus with a fake model, which no change of a table touches."""
    repository = Repository(shared / "relevance" / "tidepool")
    with FileLock(shared / "tidepool.lock"):
        if not repository.root.exists():
            commit_corpus(repository)
    settings = Settings(database=shared / "relevance" / "corpus.db")
    with Engine(repository.root, settings, models=lambda _: HashingEmbedder()) as opened:
        index_once(opened, shared)
        yield opened


@pytest.fixture(scope="session")
def hikma(shared):
    """Answer from this project as it was at a landed commit, with the default model."""
    known = ["git", "cat-file", "-e", f"{LANDED}^{{commit}}"]
    if subprocess.run(known, cwd=HERE, check=False, capture_output=True).returncode:
        pytest.skip(f"no commit {LANDED[:7]} here: a shallow clone, or no git repository")
    settings = {"database": shared / "relevance" / "hikma.db", "embedding_model": "static"}
    with Engine.open(HERE, flags=settings, revision=LANDED) as opened:
        index_once(opened, shared)
        yield opened


@pytest.fixture
def answer(request):
    """Return the hits of a query by the world that it is asked in."""

    def ask(world, name):
        return request.getfixturevalue(world).search(QUERIES[world][name]).hits

    return ask


@pytest.mark.parametrize(("world", "name"), EVERY)
def test_ranking_is_as_recorded(answer, world, name):
    query = QUERIES[world][name]
    shown = [f"# {query.mode.value}: {query.text}"]
    shown += [f"{hit.rank:2d}  {hit.id}" for hit in answer(world, name)]
    text = "".join(f"{line}\n" for line in shown)
    golden = GOLDEN / world / f"{name}.txt"
    if os.environ.get("HIKMA_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(("world", "name"), FIRST)
def test_the_expected_answer_comes_first(answer, world, name):
    assert answer(world, name)[0].id == FIRST[world, name]


def test_there_are_twenty_golden_rankings_and_no_file_of_another():
    kept = {(file.parent.name, file.stem) for file in GOLDEN.rglob("*.txt")}
    assert kept == set(EVERY)
    assert len(kept) == 20
