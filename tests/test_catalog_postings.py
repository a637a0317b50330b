"""Words kept in memory: the same answers to the last bit, of the state that a query reads."""

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hikma.catalog import matching, postings
from hikma.catalog.fulltext import CODE
from hikma.catalog.matching import Corpus, match_any
from hikma.catalog.postings import Postings, Word, word
from hikma.catalog.schema import Catalog
from hikma.errors import CorruptFileError

WEIGHTS = (8.0, 4.0, 2.0, 3.0, 1.0)
WORDS = ["alpha", "beta", "gamma", "delta", "omega", "two words"]
_INSERT = f"INSERT INTO {CODE}(rowid, name, path, signature, documentation, body) VALUES (?, ?, '', '', '', ?)"  # noqa: S608 -- our own name


def write(catalog, numbers, extra=""):
    with catalog.write() as connection:
        for number in numbers:
            held = [word for step, word in enumerate(WORDS) if number % (1 + step * 3) == 0]
            body = " ".join([*held, extra] + ["filler"] * (number % 9))
            connection.execute(_INSERT, (number, held[-1] if number % 5 == 0 else "", body))
            connection.execute(
                "INSERT INTO node(id, key, kind, name, qualified_name, signature, path, documentation) VALUES (?, ?, 'symbol', '', '', '', '', '')",
                (number, str(number)),
            )
            connection.execute(
                "INSERT INTO document(id, node, ordinal, start_line, end_line, digest, text) VALUES (?, ?, 0, 1, 1, x'', '')",
                (number, number),
            )


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    made = Catalog.open(tmp_path_factory.mktemp("words") / "index.db", create=True)
    write(made, range(1, 601))
    yield made
    made.close()


@pytest.fixture
def kept(catalog, monkeypatch):
    """Lists that are read beside the queries without delay, of a file that counts as large."""
    monkeypatch.setattr(postings, "_STEADY_S", 0.0)
    monkeypatch.setattr(postings, "LEAST_READ", 1_000)
    monkeypatch.setattr(matching, "MOST_SCORED", 60)
    monkeypatch.setattr(matching, "LEAST_SCORED", 20)
    monkeypatch.setattr(matching, "MOST_READ", 60)
    made = Postings(catalog)
    yield made
    made.close()


def asked(catalog, words, limit=20, within=None, kept=None):
    with catalog.read() as connection:
        return match_any(connection, words, limit, within, Corpus(CODE, WEIGHTS, kept))


def settle(kept):
    while (reader := kept._reader) is not None:
        reader.join()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    words=st.lists(st.sampled_from([*WORDS, "absent", '"']), min_size=1, max_size=6, unique=True),
    limit=st.integers(1, 60),
    within=st.one_of(st.none(), st.lists(st.integers(1, 700), min_size=61, unique=True)),
)
def test_what_memory_answers_is_what_the_file_answers(catalog, kept, words, limit, within):
    ids = None if within is None else np.array(sorted(within), dtype=np.int64)
    plain = asked(catalog, words, limit, ids)
    assert asked(catalog, words, limit, ids, kept) == plain
    settle(kept)
    assert asked(catalog, words, limit, ids, kept) == plain


def test_frequent_words_are_summed_in_memory_once_they_are_read(catalog, kept, monkeypatch):
    asked(catalog, WORDS, kept=kept)
    settle(kept)
    assert kept.nbytes > 0
    plain = asked(catalog, WORDS)
    monkeypatch.setattr(matching, "match", None)
    assert asked(catalog, WORDS, kept=kept) == plain


def test_frequent_words_are_read_ahead_of_the_queries(catalog, kept, monkeypatch):
    monkeypatch.setattr(postings, "LEAST_READ", 80)
    with catalog.read() as connection:
        asked_for, others = (
            [word(connection, WEIGHTS, one) for one in some]
            for some in (["omega"], ["beta", "gamma", "alpha"])
        )
        kept.held(connection, CODE, [])
        kept.want(CODE, asked_for)
        settle(kept)
        held = kept.held(connection, CODE, [*asked_for, *others])
    assert set(held) == {*asked_for, *others[:2]}  # alpha is in more than half of all


def test_the_forms_of_a_word_share_a_list(catalog):
    with catalog.read() as connection:
        one, other = (word(connection, WEIGHTS, text) for text in ("parsing", "parsed"))
        phrase = word(connection, WEIGHTS, "two words")
    assert one == other
    assert phrase.term == phrase.expression == '"two words"'


def test_a_write_of_another_connection_is_seen_by_the_next_query(tmp_path, kept):
    path = tmp_path / "index.db"
    reading, writing = Catalog.open(path, create=True), Catalog.open(path)
    kept = Postings(reading)
    write(writing, range(1, 301))
    for numbers in (range(301, 400), range(400, 402)):
        asked(reading, WORDS, kept=kept)
        settle(kept)
        write(writing, numbers, "omega omega")
        assert asked(reading, WORDS, kept=kept) == asked(reading, WORDS)
        settle(kept)
        assert asked(reading, WORDS, kept=kept) == asked(reading, WORDS)
    with writing.write() as connection:
        connection.execute(f"DELETE FROM {CODE} WHERE rowid % 3 = 0")  # noqa: S608 -- our own name
    assert asked(reading, WORDS, kept=kept) == asked(reading, WORDS)
    kept.close()
    reading.close()
    writing.close()


def test_a_query_inside_a_write_is_answered_by_the_file(catalog, kept):
    with catalog.write() as connection:
        corpus = Corpus(CODE, WEIGHTS, kept)
        assert match_any(connection, WORDS, 5, None, corpus) == asked(catalog, WORDS, 5)
    assert kept.nbytes == 0


def test_nothing_is_read_ahead_of_a_state_that_has_just_come(catalog, kept, monkeypatch):
    monkeypatch.setattr(postings, "_STEADY_S", 3_600.0)
    asked(catalog, WORDS, kept=kept)
    assert kept._reader is None


def test_the_lists_stay_below_their_bytes_and_go_by_their_age(catalog, kept, monkeypatch):
    with catalog.read() as connection:
        keys = [word(connection, WEIGHTS, one) for one in WORDS if one != "omega"]
        sizes = [kept.read(connection, CODE, key).nbytes for key in keys]
        kept.read(connection, CODE, keys[1])
        assert kept.nbytes == sum(sizes), "a list that is read again counts once"
        kept.read(connection, CODE, keys[0])
        kept.held(connection, CODE, keys[1:])
        monkeypatch.setattr(postings, "MOST_BYTES", sum(sizes) + 1)
        kept.held(connection, CODE, keys[:1])
        kept.read(connection, CODE, word(connection, WEIGHTS, "omega"))
        held = kept.held(connection, CODE, keys)
    assert 0 < kept.nbytes <= postings.MOST_BYTES
    assert keys[0] in held
    assert keys[1] not in held


def test_many_threads_get_the_same_answer(catalog, kept):
    plain = asked(catalog, WORDS)
    answers = []
    threads = [
        threading.Thread(
            target=lambda: answers.extend(asked(catalog, WORDS, kept=kept) for _ in range(30))
        )
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(answers) == 120
    assert all(one == plain for one in answers)


def test_what_cannot_be_read_is_left_to_the_queries(catalog, kept, monkeypatch, caplog):
    def fail(*_given):
        raise CorruptFileError("the words are damaged")

    monkeypatch.setattr(postings, "_read", fail)
    with catalog.read() as connection:
        kept.held(connection, CODE, [])
    kept.want(CODE, [Word(WEIGHTS, "alpha", '"alpha"')])
    settle(kept)
    assert "words are not kept in memory: the words are damaged" in caplog.text
    assert kept.nbytes == 0


def test_closed_lists_read_nothing_more(catalog, kept):
    with catalog.read() as connection:
        kept.held(connection, CODE, [])
    kept.close()
    kept.want(CODE, [Word(WEIGHTS, "alpha", '"alpha"')])
    assert kept._reader is None
