"""Words: what is found without scoring every document that has a common one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hikma.catalog import matching
from hikma.catalog.fulltext import CODE, match, quote
from hikma.catalog.matching import Corpus
from hikma.catalog.schema import Catalog

WEIGHTS = (8.0, 4.0, 2.0, 3.0, 1.0)
WORDS = ["alpha", "beta", "gamma", "delta", "omega"]


@pytest.fixture
def connection(tmp_path):
    """Yield a file of 600 documents: alpha in all, each further word in fewer."""
    catalog = Catalog.open(tmp_path / "index.db", create=True)
    with catalog.write() as opened:
        for number in range(1, 601):
            held = [word for step, word in enumerate(WORDS) if number % (1 + step * 3) == 0]
            body = " ".join(held + ["filler"] * (number % 9))
            sql = f"INSERT INTO {CODE}(rowid, name, path, signature, documentation, body) VALUES (?, ?, '', '', '', ?)"  # noqa: S608 -- our own name
            opened.execute(sql, (number, held[-1] if number % 5 == 0 else "", body))
            opened.execute(
                "INSERT INTO node(key, kind, name, qualified_name, signature, path, documentation) VALUES (?, 'symbol', '', '', '', '', '')",
                (str(number),),
            )
            opened.execute(
                "INSERT INTO document(id, node, ordinal, start_line, end_line, digest, text) VALUES (?, ?, 0, 1, 1, x'', '')",
                (number, number),
            )
        yield opened
    catalog.close()


@pytest.fixture
def small(monkeypatch):
    """Make 600 documents as many as 100,000."""
    monkeypatch.setattr(matching, "MOST_SCORED", 60)
    monkeypatch.setattr(matching, "LEAST_SCORED", 20)


def of_all(connection, words, limit, within=None):
    return match(connection, quote(words), limit, WEIGHTS, within, CODE)


def of_any(connection, words, limit, within=None):
    return matching.match_any(connection, words, limit, within, Corpus(CODE, WEIGHTS))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    words=st.lists(st.sampled_from([*WORDS, "absent", '"', ""]), max_size=6, unique=True),
    limit=st.integers(1, 80),
)
def test_below_the_limits_nothing_differs_from_scoring_everything(connection, words, limit):
    assert of_any(connection, words, limit) == of_all(connection, words, limit)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    words=st.lists(st.sampled_from([*WORDS, "absent"]), min_size=1, max_size=6, unique=True),
    limit=st.integers(1, 40),
)
def test_above_them_every_score_is_one_of_all_the_words_and_none_is_missing(
    connection, small, words, limit
):
    every = dict(of_all(connection, words, 1_000))
    found = of_any(connection, words, limit)
    assert len(found) == min(limit, len(every))
    assert found == sorted(found, key=lambda one: (-one[1], one[0]))
    for document, score in found[: limit // 2]:
        assert score <= every[document] + 1e-9


def test_the_best_with_a_rare_word_are_found_and_scored_by_every_word(connection, small, asked):
    """Omega is the rare word here: it stands in each thirteenth document."""
    found = dict(of_any(connection, WORDS, 10))
    best = {one: score for one, score in of_all(connection, WORDS, 10) if one % 13 == 0}
    assert len(best) > 2
    assert {one: found[one] for one in best} == pytest.approx(best)
    assert quote(WORDS) not in asked


def test_what_has_all_the_common_words_is_found_without_a_rare_one(connection, small):
    every = of_any(connection, ["alpha", "beta", "gamma", "omega"], 60)
    assert any(document % 13 and document % 28 == 0 for document, _ in every)


def test_a_filter_with_few_documents_misses_none_of_them(connection, small):
    import numpy as np  # noqa: PLC0415 -- here alone

    within = np.array([1, 2, 3, 5], dtype=np.int64)
    assert len(of_any(connection, WORDS, 10, within)) == 4


@pytest.fixture
def asked(monkeypatch):
    """List the expressions that FTS5 is asked."""
    asked = []
    plain = matching.match
    monkeypatch.setattr(matching, "match", lambda *given: asked.append(given[1]) or plain(*given))
    return asked


def test_a_word_that_half_of_many_documents_have_is_not_walked(connection, small, asked):
    of_any(connection, ["alpha", "delta"], 5)
    assert asked == [quote(["delta"])]


def test_how_rare_words_are_follows_what_other_connections_write(
    tmp_path, connection, small, asked
):
    connection.execute("COMMIT")
    reading = Catalog.open(tmp_path / "index.db")
    with reading.read() as reader:
        of_any(reader, ["delta", "omega"], 5)
    assert asked[0] == quote(["omega"])
    connection.execute("BEGIN")
    sql = f"INSERT INTO {CODE}(rowid, name, path, signature, documentation, body) VALUES (?, '', '', '', '', 'omega')"  # noqa: S608 -- our own name
    connection.executemany(sql, [(number,) for number in range(601, 900)])
    connection.execute("COMMIT")
    asked.clear()
    with reading.read() as reader:
        of_any(reader, ["delta", "omega"], 5)
    assert asked[0] == quote(["delta"])
    connection.execute("BEGIN")
    reading.close()
