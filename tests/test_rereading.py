"""Texts that a model was given are read again, each with the digest that it had."""

import pytest

from fakes import HashingEmbedder
from hikma import documents, rereading
from hikma.catalog import embeddings
from hikma.domain import NodeKind
from hikma.engine import Engine
from hikma.rereading import Origin
from hikma.settings import Settings

MERGED = "Merge pull request #7 from ada/more\n\nServe more of them\n\nAnd faster."


@pytest.fixture
def repository(corpus_repository):
    corpus_repository.commit("Let vectors be counted at once, and only once (#3)")
    corpus_repository.git("checkout", "--quiet", "-b", "more")
    corpus_repository.write("store/more.py", "def serve_more():\n    return 2\n")
    corpus_repository.commit("Serve more of what is stored")
    corpus_repository.git("checkout", "--quiet", "main")
    corpus_repository.git("merge", "--quiet", "--no-ff", "--message", MERGED, "more")
    return corpus_repository


@pytest.fixture
def engine(repository, tmp_path):
    settings = Settings(database=tmp_path / "index.db")
    with Engine(repository.root, settings, models=lambda _: HashingEmbedder(16)) as opened:
        opened.index()
        yield opened


def lacking(engine):
    with engine.catalog.read() as connection:
        return embeddings.origins(connection, "a model that nobody asked")


def read(engine, asked, workers=1):
    origin = Origin(engine.root, None, workers)
    return list(rereading.texts(engine.catalog, origin, asked))


def test_every_text_of_files_commits_and_pull_requests_is_read_again(engine):
    asked = lacking(engine)
    assert {NodeKind.FILE, NodeKind.SYMBOL, NodeKind.TEST} < {one.kind for one in asked}
    assert {NodeKind.COMMIT, NodeKind.PULL_REQUEST} < {one.kind for one in asked}
    found = read(engine, asked)
    assert {digest for digest, _ in found} == {one.digest for one in asked}
    assert len(found) == len({digest for digest, _ in found})
    assert all(documents.digest_of(meaning) == digest for digest, meaning in found)
    assert any("Serve more of them (#7)" in meaning for _, meaning in found)


def test_only_what_is_asked_for_is_read(engine):
    some = [one for one in lacking(engine) if one.path == "store/more.py"]
    assert {digest for digest, _ in read(engine, some)} == {one.digest for one in some}
    assert read(engine, []) == []


def test_of_a_file_that_changed_only_what_stayed_is_read(engine, repository):
    asked = [one for one in lacking(engine) if one.path == "store/vectors.py"]
    text = (repository.root / "store/vectors.py").read_text()
    repository.write("store/vectors.py", text.replace("def validate(", "def validated("))
    found = {digest for digest, _ in read(engine, asked)}
    assert 0 < len(found) < len({one.digest for one in asked})
    (repository.root / "store/vectors.py").unlink()
    assert read(engine, asked) == []


def test_a_file_whose_parsing_failed_is_read_as_text_again(engine, repository, monkeypatch):
    def failing(task, items, *, on_failure, **_):
        return (on_failure(one, "too slow") for one in items)

    repository.write("store/slow.py", "class Slow:\n    def go(self):\n        return 1\n")
    with monkeypatch.context() as patched:
        patched.setattr("hikma.indexing.run", failing)
        engine.index(history=False)
    asked = [one for one in lacking(engine) if one.path == "store/slow.py"]
    assert {one.kind for one in asked} == {NodeKind.FILE}
    assert {digest for digest, _ in read(engine, asked)} == {one.digest for one in asked}
