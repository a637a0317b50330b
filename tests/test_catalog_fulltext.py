"""Documents and their words: ids that stay, words that are found, text that cannot be syntax."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog_rows import document, file_node, put_file, symbol
from hikma.catalog import fulltext
from hikma.catalog.schema import Catalog
from hikma.domain import Span

WEIGHTS = (8.0, 4.0, 2.0, 3.0, 1.0)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[object]:
    catalog = Catalog.open(tmp_path / "index.db", create=True)
    with catalog.write() as opened:
        yield opened
    catalog.close()


def put(connection, texts: dict[str, list[str]]) -> fulltext.DocumentRows:
    """Put one file whose symbols have these texts, a document each."""
    nodes = [file_node("a.py"), *(symbol("a.py", name) for name in texts)]
    ids = put_file(connection, nodes).ids
    documents = [
        document(node, text, ordinal)
        for node in nodes[1:]
        for ordinal, text in enumerate(texts[node.name])
    ]
    return fulltext.put_documents(connection, ids, documents)


def found(connection, *words: str, within=None, limit: int = 10) -> list[int]:
    rows = fulltext.match(connection, fulltext.quote(words), limit, WEIGHTS, within)
    return [one for one, _ in rows]


def test_only_new_and_changed_texts_are_written_and_ids_stay(connection):
    first = put(connection, {"f": ["one", "two"], "g": ["three"]})
    assert len(first.written) == 3
    assert put(connection, {"f": ["one", "two"], "g": ["three"]}) == fulltext.DocumentRows([], [])
    second = put(connection, {"f": ["one", "changed", "more"], "g": []})
    assert second.written[0][0] == first.written[1][0]
    assert len(second.written) == 2
    assert second.removed == [first.written[2][0]]
    assert fulltext.count(connection) == 3


def test_words_follow_their_document(connection):
    first = put(connection, {"f": ["alpha"], "g": ["beta"]})
    ids = [one for one, _ in first.written]
    assert found(connection, "alpha") == [ids[0]]
    put(connection, {"f": ["gamma"], "g": ["beta"]})
    assert found(connection, "alpha") == []
    assert found(connection, "gamma", "beta") == ids
    fulltext.delete_documents(connection, [*ids, 9_999])
    assert found(connection, "gamma", "beta") == []
    assert fulltext.count(connection) == 0


def test_an_id_is_never_given_twice(connection):
    first = put(connection, {"f": ["alpha"]}).written[0][0]
    fulltext.delete_documents(connection, [first])
    assert put(connection, {"f": ["alpha"]}).written[0][0] > first


def test_scores_are_positive_best_first_and_weighted_by_column(connection):
    put(connection, {"needle": ["hay"], "other": ["needle"], "third": ["hay hay"]})
    rows = fulltext.match(connection, fulltext.quote(["needle"]), 10, WEIGHTS, None)
    loaded = fulltext.load(connection, [one for one, _ in rows])
    assert [loaded[one].node.name for one, _ in rows] == ["needle", "other"]
    assert rows[0][1] > rows[1][1] > 0
    by_body = fulltext.match(connection, fulltext.quote(["needle"]), 10, (0, 0, 0, 0, 1), None)
    assert loaded[by_body[0][0]].node.name == "other"
    with pytest.raises(ValueError, match="weights"):
        fulltext.match(connection, '"x"', 1, (1.0,), None)


def test_ties_are_ordered_by_id_and_cut_at_the_limit(connection):
    ids = [one for one, _ in put(connection, {f"n{one}": ["same"] for one in range(9)}).written]
    assert found(connection, "same", limit=4) == ids[:4]


def test_within_holds_inside_the_retrieval(connection):
    ids = [one for one, _ in put(connection, {f"n{one}": ["same"] for one in range(9)}).written]
    within = np.array([*ids[5:8], 9_999], dtype=np.int64)
    assert found(connection, "same", within=within, limit=3) == ids[5:8]
    assert found(connection, "same", within=np.empty(0, dtype=np.int64)) == []


def test_words_are_stemmed_and_whole_identifiers_kept(connection):
    one = put(connection, {"f": ["validates MAX_SIZE"]}).written[0][0]
    assert found(connection, "validating") == [one]
    assert found(connection, "max_size") == [one]
    assert found(connection, "size") == []


def test_a_document_comes_back_with_its_node_span_and_files_digest(connection):
    one = put(connection, {"f": ["text"]}).written[0][0]
    stored = fulltext.load(connection, [one, 777])
    assert stored.keys() == {one}
    assert (stored[one].text, stored[one].span, stored[one].ordinal) == ("text", Span(2, 9), 0)
    assert stored[one].node == symbol("a.py", "f")
    assert stored[one].file_digest == "d1"
    node = connection.execute("SELECT node FROM document").fetchall()[0][0]
    assert fulltext.documents_of(connection, node) == [stored[one]]
    assert fulltext.digest_of(connection, node, 0) == document(symbol("a.py", "f"), "text").digest
    assert fulltext.digest_of(connection, node, 5) is None
    assert fulltext.load(connection, []) == {}


HOSTILE = [
    'zed" OR "b',
    "name:x",
    "NEAR(zed b)",
    "zed AND NOT b",
    "zed*",
    "^zed",
    "-zed",
    "(zed",
    "{zed}: b",
    "\0",
    "zed\0b",
    '"',
    '""',
    "'; DROP TABLE node; --",
    "+",
    "\\",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_words(connection, text):
    one = put(connection, {"f": [text.replace("\0", " ")], "g": ["unrelated"]}).written[0][0]
    assert set(found(connection, text)) <= {one}
    assert found(connection) == []


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.text(max_size=20), max_size=6))
def test_no_text_is_a_syntax_error(connection, words):
    clean = [word.encode("utf-8", "ignore").decode() for word in words]
    found = fulltext.match(connection, fulltext.quote(clean), 5, WEIGHTS, None)
    assert len(found) <= 5
