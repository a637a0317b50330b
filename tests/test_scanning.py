"""Regular expressions: what is found equals a scan of every line, and nothing hangs."""

import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conftest import CORPUS, Repository
from fakes import HashingEmbedder
from hikma import cutting, patterns, scanning
from hikma.catalog import fulltext, state, vocabulary
from hikma.domain import Filter, Mode, NodeKind, Query
from hikma.engine import Engine
from hikma.errors import QueryError, TaskFailedError
from hikma.patterns import Texts
from hikma.settings import Settings
from hikma.sources.workers import until_failure

LONG = "q" + "0123456789abcdef" * 8 + "needle"
ODD = f"""# odd words
def fetch_with_retry(url):
    # İSTANBUL \u017fet \u0131nput naïve café2bar Kelvin \u212a
    __private_name__ = _under = "no such file, or directory"
    connections, connected, connecting, relational, hopping, generalizations = 1, 2, 3, 4, 5, 6
    HTTPServerError = getUserName = get_user_name = MAX_RETRY_2 = 0
    token = "{LONG}"
    return url

class Outer:
    before = 1

    # about the inner one
    def inner(self):
        return {LONG[:90]!r}

    after_inner = "…"

    def second(self):
        pass

    last_of_outer = 2
x = "{"wide " * 400} end_of_wide"
"""
PIECES = [
    *["a", "b", "e", "s", "k", "i", "_", "0", "2", "(", ".", '"', "'"],
    *[
        "file, or",
        "such fi",
        "connect",
        "nect",
        "ing",
        "ization",
        "relat",
        "retry",
        "_retry",
        "private",
        "under",
        "__",
        "nee",
        "dle",
    ],
    *[
        "getUser",
        "UserName",
        "get_user",
        "USER",
        "Kelvin",
        "tanbul",
        "set",
        "nput",
        "naïve",
        "ve",
        "caf",
        "needle",
        "0123",
        "wide",
    ],
]
ATOMS = st.one_of(
    st.sampled_from(PIECES).map(re.escape),
    st.sampled_from([r"\w+", r"\w*", ".", r"\s", "[a-z]", "[st]e", r"\b", "^", "$", r"\d", "[^x]"]),
    st.tuples(st.sampled_from(PIECES), st.sampled_from(PIECES)).map(
        lambda pair: f"(?:{re.escape(pair[0])}|{re.escape(pair[1])})"
    ),
    st.sampled_from(PIECES).map(lambda one: f"({re.escape(one)})?"),
    st.sampled_from(PIECES).map(lambda one: f"(?={re.escape(one)})"),
    st.sampled_from(PIECES).map(lambda one: f"(?!{re.escape(one)})"),
    st.sampled_from(PIECES).map(lambda one: f"(?i:{re.escape(one)})"),
    st.sampled_from(PIECES).map(lambda one: f"(?:{re.escape(one)}){{1,2}}"),
)
PATTERNS = st.tuples(st.sampled_from(["", "(?i)"]), st.lists(ATOMS, min_size=1, max_size=4)).map(
    lambda pair: pair[0] + "".join(pair[1])
)


def engine_on(root):
    return Engine(root, Settings(), models=lambda _name: HashingEmbedder())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("scanning") / "tidepool")
    shutil.copytree(CORPUS, repository.root, ignore=shutil.ignore_patterns("__pycache__", ".hikma"))
    repository.git("init", "--quiet")
    repository.write("odd.py", ODD)
    repository.commit("Reset the connection of odd_words (fixes #12)")
    with engine_on(repository.root) as engine:
        engine.index()
    return repository.root


@pytest.fixture(scope="module")
def engine(root):
    with engine_on(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def texts(engine):
    """Return every document's text by its id, commits too."""
    with engine.catalog.read() as connection:
        return dict(connection.execute("SELECT id, text FROM document").fetchall())


def searched(engine, pattern, **asked):
    return engine.search(Query(pattern, Filter(**asked), limit=1000, regex=True))


def lines_of(hit):
    return [int(one) for one in str(hit.properties["matching_lines"]).split(", ")]


@given(pattern=PATTERNS)
@example("ization")
@example("(?i)set")
@example("(?i)input")
@example("(?i)istanbul")
@example("such file, or dir")
@example("needle")
@example("_retry\\(")
@example("end_of")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_with_a_matching_line_is_ever_narrowed_away(engine, texts, pattern):
    with engine.catalog.read() as connection:
        narrowed = scanning.narrowed(connection, pattern, history=True)
    found = re.compile(pattern).search
    matching = {
        number for number, text in texts.items() if any(found(line) for line in text.split("\n"))
    }
    assert narrowed is None or matching <= set(narrowed.tolist())


@pytest.mark.parametrize(
    "pattern", [r"def \w+\(", "(?i)VECTOR", "import|package", r"\bcache\b", "needle", "q0", "^}$"]
)
def test_hits_are_those_of_a_scan_of_every_document(engine, texts, pattern):
    found = re.compile(pattern).search
    with engine.catalog.read() as connection:
        code = fulltext.lines_of(connection, np.array(sorted(texts)), history=False)
    expected = {
        (document.path, number)
        for document in code
        for number, line in zip(
            cutting.line_numbers(document.text, document.start_line, document.runs or b""),
            document.text.split("\n"),
            strict=True,
        )
        if number and found(line)
    }
    result = searched(engine, pattern)
    assert {(hit.path, line) for hit in result.hits for line in lines_of(hit)} == expected
    assert result.degraded == ()


def test_a_pattern_with_a_word_reads_few_documents(engine, texts):
    with engine.catalog.read() as connection:
        few = scanning.narrowed(connection, r"def fetch_\w+_retry\(", history=False)
        assert scanning.narrowed(connection, r"\w\d\w", history=False) is None
    assert len(few) < len(texts) / 10


def test_every_line_number_is_that_of_the_file(engine, root):
    """Whatever lines other symbols took out of a text, or comments added above it."""
    result = searched(engine, r"\w")
    assert len(result.hits) > 40
    for hit in result.hits:
        lines = (root / hit.path).read_text(encoding="utf-8").split("\n")
        for number, shown in zip(lines_of(hit), hit.snippet.split("\n"), strict=False):
            assert lines[number - 1].startswith(shown[:200])
    outer = next(hit for hit in result.hits if hit.name == "Outer")
    begins = {ODD.split("\n")[line - 1].split(maxsplit=1)[0] for line in lines_of(outer)}
    assert begins == {"class", "before", "after_inner", "last_of_outer"}


def test_an_ellipsis_between_lines_is_no_line(engine):
    assert {hit.name for hit in searched(engine, "^…$").hits} == set()


def test_definitions_come_first_then_paths(engine):
    hits = searched(engine, "inner").hits
    assert hits[0].name == "Outer.inner"
    assert "    def inner(self):" in hits[0].snippet
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    everywhere = searched(engine, "vector").hits
    order = [(-hit.score, hit.path, hit.start_line) for hit in everywhere]
    assert order == sorted(order)


def test_filters_hold(engine):
    assert {hit.path for hit in searched(engine, "def", paths=("odd.py",)).hits} == {"odd.py"}
    assert {hit.language for hit in searched(engine, "func", languages=("go",)).hits} == {"go"}
    assert {hit.kind for hit in searched(engine, "def", kinds=(NodeKind.TEST,)).hits} == {
        NodeKind.TEST
    }


def test_commits_are_searched_only_where_they_are_asked_for(engine):
    assert searched(engine, r"fixes #\d+").hits == ()
    (commit,) = searched(engine, r"fixes #\d+", kinds=(NodeKind.COMMIT,)).hits
    assert commit.snippet == "Reset the connection of odd_words (fixes #12)"
    assert commit.start_line is None


def test_a_wrong_pattern_is_named_with_its_place(engine):
    with pytest.raises(QueryError, match="at character 5: unterminated"):
        searched(engine, "def [a-z")
    with pytest.raises(QueryError, match="no meaning to compare"):
        engine.search(Query("def", mode=Mode.SEMANTIC, regex=True))


def test_a_pattern_that_backtracks_for_ever_is_stopped(engine, root, monkeypatch):
    monkeypatch.setattr(scanning, "TIMEOUT_S", 0.3)
    with pytest.raises(QueryError, match=r"time limit of 0\.3 s"):
        searched(engine, r"^(\w+\s?)*\0")


def test_what_was_found_before_a_pattern_was_stopped_is_kept(engine, monkeypatch):
    monkeypatch.setattr(scanning, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(scanning, "_BATCH", 1)
    monkeypatch.setattr(patterns, "needs", lambda _pattern: patterns.Every(()))
    with engine.catalog.read() as connection:
        (easy,) = connection.execute("SELECT text FROM document ORDER BY id LIMIT 1").fetchone()
    first = next(line for line in easy.split("\n") if line.strip())
    result = searched(engine, rf"^{re.escape(first)}$|^(\w+\s?)*\0")
    assert result.hits
    assert "stopped (time limit of 0.3 s exceeded)" in result.degraded[0]


def test_a_scan_that_takes_too_long_says_what_it_left_out(engine, monkeypatch):
    monkeypatch.setattr(scanning, "SCAN_S", 0.0)
    result = searched(engine, r"\d")
    assert "the first 0 of" in result.degraded[0]


def test_an_index_of_an_earlier_form_is_read_whole_and_says_so(make_repository):
    repository = make_repository({"a.py": "def find_me():\n    return 1\n"})
    with engine_on(repository.root) as engine:
        engine.index()
        with engine.catalog.write() as connection:
            state.put(connection, "form", "0.2")
            connection.execute("DELETE FROM word")
        result = searched(engine, "find_me")
        assert "find_me" in {hit.name for hit in result.hits}
        assert "run `hikma index`" in result.degraded[0]
        engine.index()
        assert searched(engine, "find_me").degraded == ()


def test_gc_drops_the_words_that_no_text_holds(make_repository):
    repository = make_repository({"a.py": "def unusual_name():\n    return 1\n"})
    with engine_on(repository.root) as engine:
        engine.index()
        repository.write("a.py", "def other_name():\n    return 1\n")
        engine.index()
        with engine.catalog.read() as connection:
            assert vocabulary.has(connection, "unusual_name")
        engine.collect()
        with engine.catalog.read() as connection:
            assert not vocabulary.has(connection, "unusual_name")
            assert vocabulary.holding(connection, "usual", folded=False) == []
            assert vocabulary.holding(connection, "other", folded=False) == ["other", "other_name"]


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ("(get|set)_name", ["get_name", "set_name"]),
        ("gr[ae]y", ["gray", "grey"]),
        ("f(oo)bar", ["foobar"]),
        (r"\bword\b", ["word"]),
        ("(?i)Error", ["Error"]),
        ("abc?", ["ab"]),
        ("(?:abc)+", ["abc"]),
        ("(?:abc)*", []),
    ],
)
def test_what_a_pattern_needs(pattern, held):
    found = json.dumps(
        patterns.needs(pattern),
        default=lambda one: [*one.needs] if hasattr(one, "needs") else one.text,
    )
    assert re.findall(r'"([^"]+)"', found) == held


def test_a_worker_stops_at_the_first_failure():
    answers = until_failure(
        patterns.matching_lines,
        [Texts("a", ["a\nb\nca"]), Texts("(", [""]), Texts("a", ["a"])],
        timeout_s=5,
        memory_bytes=2**30,
    )
    assert next(answers) == [[0, 2]]
    with pytest.raises(TaskFailedError, match="unterminated subpattern"):
        next(answers)
