"""Topics from documentation, asked where it is not written: not in text, words or vectors."""

import sqlite3
from contextlib import closing

import pytest

from driver import engine_on, in_process
from hikma import indexing
from hikma.domain import Mode, Node, NodeKind, Query
from hikma.errors import EvaluationError
from hikma.evaluation import Unit, docstring_topics, docstrings
from hikma.evaluation.docstrings import first_sentence
from test_sources_undocumented import WRITTEN

PYTHON = '''\
"""Of the shop as a whole."""


def price(rows):
    """Sum up what a customer owes. Taxes in zanzibar are another matter.

    :param rows: what was bought in zanzibar
    """
    return sum(row.amount for row in rows)


def paid(rows):
    """Tell it."""
    return all(row.paid for row in rows)


def owed(rows):
    return [row for row in rows if not row.paid]
'''


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(docstrings, "run", in_process)


def texts_of(database):
    """Return all that is stored of a copy: nodes with their documentation, documents."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        nodes = connection.execute("SELECT documentation, signature FROM node").fetchall()
        return str([*nodes, *connection.execute("SELECT text FROM document")])


def test_a_first_sentence_is_asked_for_and_its_symbol_answers(make_repository, tmp_path):
    repository = make_repository({"shop.py": PYTHON})
    with (
        engine_on(repository.root, tmp_path / "index.db") as engine,
        docstring_topics(engine) as (copy, found),
    ):
        (topic,) = found.topics
        assert topic.text == "Sum up what a customer owes."
        assert topic.qrels == {
            Unit.FILES: {"shop.py": 1},
            Unit.SYMBOLS: {"symbol:shop.py#price": 1},
        }
        assert dict(found.left_out) == {"symbols of which too little is said": 1}
        assert copy.search(Query("zanzibar", mode=Mode.LEXICAL)).hits == ()
        assert copy.search(Query("customer", mode=Mode.LEXICAL)).hits == ()
        assert copy.search(Query("sum amount", mode=Mode.LEXICAL)).hits[0].name == "price"
        assert "Of the shop as a whole" in texts_of(copy.database)
    assert not copy.database.exists()
    assert not (tmp_path / "index.db").exists()
    assert repository.git("status", "--porcelain") == ""


def test_no_language_says_in_the_copy_what_its_documentation_said(make_repository, tmp_path):
    """One nonce word is all the documentation there is; by words and by names it finds nothing."""
    repository = make_repository(WRITTEN)
    with (
        engine_on(repository.root, tmp_path / "index.db") as engine,
        docstring_topics(engine) as (copy, _),
    ):
        assert "zanzi" not in texts_of(copy.database)
        for mode in (Mode.LEXICAL, Mode.HYBRID):
            found = copy.search(Query("zanzibar", mode=mode)).hits
            assert [hit for hit in found if "lexical" in hit.sources or "name" in hit.sources] == []
        documented = engine
        documented.index()
        assert documented.search(Query("zanzibar", mode=Mode.LEXICAL, limit=50)).hits != ()


def test_a_vector_does_not_know_the_documentation(make_repository, tmp_path):
    """The same tree without a word of documentation from the start has the same vectors."""
    bare = PYTHON.replace("Sum up what a customer owes. Taxes in zanzibar are another matter.", "")
    bare = bare.replace(":param rows: what was bought in zanzibar", "").replace("Tell it.", "")
    documented = make_repository({"shop.py": PYTHON})
    plain = make_repository({"shop.py": bare}, name="plain")
    near = []
    for repository in (documented, plain):
        database = tmp_path / f"{repository.root.name}.db"
        with (
            engine_on(repository.root, database) as engine,
            docstring_topics(engine) as (copy, _),
        ):
            query = Query("what customers owe in zanzibar", mode=Mode.SEMANTIC, min_similarity=-1)
            hits = copy.search(query).hits
            near.append([(hit.id, hit.similarity) for hit in hits])
    assert near[0] == near[1]
    assert near[0]


def test_what_is_ignored_but_tracked_is_in_the_copy(make_repository, tmp_path):
    repository = make_repository({"shop.py": PYTHON}, committed=False)
    repository.commit("First")
    repository.write(".gitignore", "shop.py\n")
    repository.commit("Ignore it")
    with (
        engine_on(repository.root, tmp_path / "index.db") as engine,
        docstring_topics(engine) as (_, found),
    ):
        assert [one.id for one in found.topics] == ["symbol:shop.py#price"]


def test_what_several_symbols_share_is_asked_once(make_repository, tmp_path):
    one = 'def f{}(a):\n    """Return the sum of all rows."""\n    return sum(a)\n\n\n'
    two = 'def g{}(a):\n    """Return the product of all rows."""\n    return prod(a)\n\n\n'
    text = "".join(one.format(n) for n in range(2)) + "".join(two.format(n) for n in range(6))
    repository = make_repository({"rows.py": text})
    with (
        engine_on(repository.root, tmp_path / "index.db") as engine,
        docstring_topics(engine) as (_, found),
    ):
        (topic,) = found.topics
        assert list(topic.qrels[Unit.SYMBOLS]) == ["symbol:rows.py#f0", "symbol:rows.py#f1"]
        assert dict(found.left_out) == {"symbols that share a sentence with 5 others": 6}


def test_nothing_documented_is_an_error_and_no_score(make_repository, tmp_path):
    repository = make_repository({"a.py": "def f():\n    return 1\n"})
    with (
        engine_on(repository.root, tmp_path / "index.db") as engine,
        docstring_topics(engine) as (_, found),
        pytest.raises(EvaluationError, match="No topic"),
    ):
        found.sampled(None, 0)


@pytest.mark.parametrize(
    ("documentation", "sentence"),
    [
        ("Open it. Then close it.", "Open it."),
        ("Open it\nat once.\n\nMore.", "Open it at once."),
        ("Open it", "Open it"),
        ("Opens v1.2 of it. Then more.", "Opens v1.2 of it."),
        ("Open it\n@param door which one", "Open it"),
        (":param door: which one", ""),
        ("@see other", ""),
        ("Door opens what is closed.", "opens what is closed."),
        ("`Door` opens what is closed.", "opens what is closed."),
        ("Doors open what is closed.", "Doors open what is closed."),
        ("Usage\n-----\nOpen it.", "Usage"),
    ],
)
def test_the_first_sentence_is_what_people_would_say(documentation, sentence):
    node = Node("symbol:a#Door", NodeKind.SYMBOL, "Door", "a", documentation=documentation)
    assert first_sentence(node) == sentence
