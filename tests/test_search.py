"""Answering a query: retrievers, filters, order, floors, freshness, failure."""

import hashlib
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import apsw
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import CORPUS, Repository
from fakes import HashingEmbedder
from hikma import ranking, retrieval
from hikma.catalog import completeness, fulltext, state
from hikma.domain import HISTORY_KINDS, Filter, Mode, NodeKind, Query
from hikma.engine import Engine
from hikma.errors import FilterError, MissingVectorError, ModelError, QueryError
from hikma.search import FIELD_WEIGHTS
from hikma.settings import Settings

EVERYTHING = {"mode": Mode.SEMANTIC, "min_similarity": -1.0, "limit": 1000}
QUERY = "validate a vector before it is stored"


@pytest.mark.parametrize(
    ("mode", "history", "neighbors"),
    [(Mode.SEMANTIC, False, 150), (Mode.SEMANTIC, True, 190), (Mode.HYBRID, True, 126)],
)
def test_beside_words_fewer_neighbors_are_asked_for(mode, history, neighbors):
    asked = Query(QUERY, mode=mode)
    made = retrieval.Asked(None, asked, ranking.parse(QUERY), 150, None, history)
    assert made.neighbors == neighbors


class BrokenEmbedder(HashingEmbedder):
    """Embeds documents, fails on queries."""

    def embed_query(self, text):
        """Fail as a model with altered files does."""
        raise ModelError(f"the weights are altered, cannot embed {text!r}; install Hikma anew")


class OrthogonalEmbedder(HashingEmbedder):
    """Embeds every query at a right angle to every document."""

    def embed_query(self, text):
        """Return zeros, whatever is asked."""
        return np.zeros_like(super().embed_query(text))


def engine_on(root, embedder=None):
    chosen = embedder or HashingEmbedder()
    return Engine(root, Settings(), models=lambda _name: chosen)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a repository of the corpus, committed and indexed; tests here never change it."""
    repository = Repository(tmp_path_factory.mktemp("search") / "tidepool")
    shutil.copytree(CORPUS, repository.root, ignore=shutil.ignore_patterns("__pycache__", ".hikma"))
    repository.git("init", "--quiet")
    repository.commit("First")
    with engine_on(repository.root) as engine:
        engine.index()
    return repository.root


@pytest.fixture(scope="module")
def engine(root):
    with engine_on(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def documents(engine):
    """Return every document of the index, for a scan without any index structure."""
    with engine.catalog.read() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM document")]
        return list(fulltext.load(connection, ids).values())


def place(document):
    lines = document.span if document.node.span else None
    return (document.node.id, lines and lines.start_line, lines and lines.end_line)


def places(result):
    return {(hit.id, hit.start_line, hit.end_line) for hit in result.hits}


PATHS = {
    "store": lambda path: path.startswith("store/"),
    "./web/": lambda path: path.startswith("web/"),
    "store/vectors.py": lambda path: path == "store/vectors.py",
    "**/*.py": lambda path: path.endswith(".py"),
    "*.md": lambda path: path.endswith(".md") and "/" not in path,
    "*/*_test.*": lambda path: path == "server/cache_test.go",
    "server/c?che.go": lambda path: path == "server/cache.go",
    "[!sw]*/**": lambda path: "/" in path and path[0] not in "sw",
    "no/such/place": lambda _path: False,
}
IN_FILES = {NodeKind.FILE, NodeKind.SYMBOL, NodeKind.TEST}


def fits(document, asked, documents):
    """Tell whether a document satisfies a filter, by looking at the document alone.

    The one commit here modified every file: it fits where one of them does.
    """
    node = document.node
    if node.kind is NodeKind.COMMIT:
        of_file = replace(asked, kinds=(NodeKind.FILE,))
        return (not asked.kinds or node.kind in asked.kinds) and any(
            fits(one, of_file, documents) for one in documents if one.node.kind is NodeKind.FILE
        )
    extension = os.path.splitext(node.path)[1].lstrip(".")  # noqa: PTH122 -- unlike the code's own way
    return (
        (not asked.kinds or node.kind in asked.kinds)
        and (not asked.languages or node.language in {one.lower() for one in asked.languages})
        and (not asked.extensions or extension in {e.lower().lstrip(".") for e in asked.extensions})
        and (not asked.paths or any(PATHS[path](node.path) for path in asked.paths))
    )


def satisfiable(asked):
    kinds = set(asked.kinds or NodeKind)
    if asked.languages or asked.extensions:
        kinds &= IN_FILES | HISTORY_KINDS
    if asked.paths:
        kinds &= IN_FILES | HISTORY_KINDS | {NodeKind.DIRECTORY}
    return bool(kinds)


def some(choices):
    return st.lists(st.sampled_from(choices), max_size=2, unique=True).map(tuple)


FILTERS = st.builds(
    Filter,
    kinds=some([one for one in NodeKind if one is not NodeKind.PULL_REQUEST]),
    languages=some(["python", "Go", "TypeScript", "c", "MARKDOWN"]),
    extensions=some(["py", ".GO", "ts", "h", "md", ".tsx"]),
    paths=some(sorted(PATHS)),
)
QUICK = settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(asked=FILTERS)
def test_a_filter_keeps_exactly_what_a_scan_of_all_documents_keeps(engine, documents, asked):
    """Every combination of kind, language, extension and path; none left out, none too many."""
    if not satisfiable(asked):
        with pytest.raises(FilterError):
            engine.search(Query(QUERY, asked, **EVERYTHING))
        return
    wanted = {place(one) for one in documents if fits(one, asked, documents)}
    assert places(engine.search(Query(QUERY, asked, **EVERYTHING))) == wanted


@QUICK
@given(asked=FILTERS.filter(satisfiable), mode=st.sampled_from(Mode))
def test_no_mode_returns_what_a_filter_excludes(engine, documents, asked, mode):
    by_place = {place(one): one for one in documents}
    found = places(engine.search(Query(QUERY, asked, mode=mode, limit=5)))
    assert all(fits(by_place[one], asked, documents) for one in found)


def test_filters_hold_before_the_limit(make_repository):
    """One fitting document among 400 better ones is found, whatever the retrievers' depth."""
    crowd = {
        f"a/f{i}.py": f"def validate_vector_{i}():\n    '''validate vector'''\n" for i in range(400)
    }
    repository = make_repository({**crowd, "b/odd.go": "package b\n\n// validate\nfunc Odd() {}\n"})
    with engine_on(repository.root) as engine:
        engine.index()
        for asked in (Filter(languages=("go",)), Filter(paths=("b",)), Filter(extensions=("go",))):
            for mode in Mode:
                query = Query("validate vector", asked, limit=1, mode=mode, min_similarity=None)
                assert [hit.path for hit in engine.search(query).hits] == ["b/odd.go"]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (Filter(kinds=(NodeKind.PULL_REQUEST,)), "pull_request"),
        (Filter(languages=("cobol",)), "cobol"),
        (Filter(extensions=("xyz",)), "xyz"),
    ],
)
def test_a_value_that_the_index_does_not_have_is_an_error_with_the_choices(engine, asked, named):
    with pytest.raises(FilterError, match=rf"'{named}'; it has: .+"):
        engine.search(Query(QUERY, asked))


def test_a_filter_on_history_that_is_not_complete_says_so(make_repository):
    """It keeps what it can; an answer that does not depend on the history says nothing of it."""
    repository = make_repository({"a.py": "def validate():\n    return 1\n"})
    with engine_on(repository.root) as engine:
        engine.index()
        by_date = Query("validate", Filter(since=datetime(2024, 3, 1, tzinfo=UTC)))
        assert engine.search(by_date).degraded == ()
        with engine.catalog.write() as connection:
            state.put(connection, completeness.COMPLETE, "0")
        result = engine.search(by_date)
        assert {hit.kind for hit in result.hits} == {"file", "symbol", "commit"}
        (note,) = result.degraded
        assert note.startswith("history: not every commit is in the index yet; run `hikma index`")
        assert engine.search(Query("validate")).degraded == ()


def test_a_path_where_nothing_is_finds_nothing(engine):
    assert engine.search(Query(QUERY, Filter(paths=("nowhere",)))).hits == ()


@pytest.mark.parametrize("mode", Mode)
def test_the_order_is_total_and_the_same_every_time(engine, mode):
    first, second = (engine.search(Query("cache get", mode=mode, limit=50)).hits for _ in range(2))
    assert first == second
    assert [hit.rank for hit in first] == list(range(1, len(first) + 1))
    assert all(one.score >= other.score for one, other in pairwise(first))


def test_a_lower_limit_cuts_and_does_not_reorder(engine):
    ids = [hit.id for hit in engine.search(Query(QUERY, limit=20)).hits]
    assert [hit.id for hit in engine.search(Query(QUERY, limit=3)).hits] == ids[:3]


def test_ties_are_broken_alike_in_any_order_of_files(make_repository):
    """Two documents of equal score keep one order in every run and for every limit."""
    twins = {f"m/{name}.py": "def twin():\n    return 'same words'\n" for name in "bca"}
    repository = make_repository(twins)
    with engine_on(repository.root) as engine:
        engine.index()
        orders = {
            tuple(hit.path for hit in engine.search(Query("same words", limit=limit)).hits)[:2]
            for limit in (2, 3, 10)
        }
    assert len(orders) == 1


def test_each_mode_names_its_retrievers(engine):
    used = {
        mode: {
            source for hit in engine.search(Query(QUERY, mode=mode)).hits for source in hit.sources
        }
        for mode in Mode
    }
    assert used[Mode.LEXICAL] == {"lexical"}
    assert used[Mode.SEMANTIC] == {"dense"}
    assert used[Mode.HYBRID] == {"lexical", "dense", "history"}


def test_words_alone_have_no_similarity_and_meaning_alone_has(engine):
    lexical = engine.search(Query(QUERY, mode=Mode.LEXICAL)).hits
    semantic = engine.search(Query(QUERY, mode=Mode.SEMANTIC)).hits
    assert lexical
    assert {hit.similarity for hit in lexical} == {None}
    assert all(-1 <= hit.similarity <= 1 for hit in semantic)


def test_similarity_is_the_cosine_of_query_and_document(engine, documents):
    embedder = HashingEmbedder()
    query = embedder.embed_query(QUERY)
    by_place = {(d.node.id, d.span.start_line): d.id for d in documents}
    with engine.catalog.read() as connection:
        stored = dict(
            connection.execute(
                "SELECT document_id, vector FROM ledger JOIN embedding USING (digest) WHERE NOT deleted"
            )
        )
    for hit in engine.search(Query(QUERY, limit=30)).hits:
        vector = np.frombuffer(stored[by_place[hit.id, hit.start_line]], dtype="<f4")
        assert hit.similarity == pytest.approx(float(vector @ query), abs=1e-4)


def test_the_floor_is_a_tenth_for_meaning_and_none_for_hybrid(engine):
    semantic = engine.search(Query("dimension", mode=Mode.SEMANTIC, limit=1000)).hits
    every = engine.search(Query("dimension", **EVERYTHING)).hits
    assert 0 < len(semantic) < len(every)
    assert {h.id for h in semantic} == {h.id for h in every if h.similarity >= 0.1}
    hybrid = engine.search(Query("dimension", limit=1000)).hits
    assert min(hit.similarity for hit in hybrid) < 0.1


@pytest.mark.parametrize("mode", [Mode.SEMANTIC, Mode.HYBRID])
@pytest.mark.parametrize("floor", [-1.0, 0.0, 0.3, 1.0])
def test_an_explicit_floor_cuts_on_similarity(engine, mode, floor):
    hits = engine.search(Query(QUERY, mode=mode, limit=1000, min_similarity=floor)).hits
    every = engine.search(Query(QUERY, mode=mode, limit=1000, min_similarity=-1.0)).hits
    assert len(hits) == sum(hit.similarity >= floor for hit in every)


def test_a_similarity_of_exactly_zero_passes_a_floor_of_zero(root):
    with engine_on(root, OrthogonalEmbedder()) as engine:
        hits = engine.search(Query("vector", mode=Mode.SEMANTIC, min_similarity=0.0)).hits
    assert {hit.similarity for hit in hits} == {0.0}


def test_explain_gives_shares_that_add_up_to_the_score(engine):
    hits = engine.search(Query("VectorStore.validate vector", limit=30, explain=True)).hits
    for hit in hits:
        assert sum(one.share for one in hit.explanation) == pytest.approx(hit.score, abs=2e-3)
    rules = {one.rule for hit in hits for one in hit.explanation}
    assert {"lexical", "dense", "exact name", "file", "test"} <= rules
    ranked = {one.rule for hit in hits for one in hit.explanation if one.rank is not None}
    assert ranked == {"lexical", "dense"}


def test_without_explain_there_is_no_explanation(engine):
    assert all(hit.explanation == () for hit in engine.search(Query(QUERY)).hits)


def test_a_hit_says_everything_about_its_symbol(engine):
    hit = engine.search(Query("VectorStore.validate", limit=1)).hits[0]
    assert (hit.rank, hit.id) == (1, "symbol:store/vectors.py#VectorStore.validate")
    assert (hit.kind, hit.name, hit.language) == (NodeKind.SYMBOL, "VectorStore.validate", "python")
    assert (hit.path, hit.start_line, hit.end_line) == ("store/vectors.py", 17, 27)
    assert hit.snippet.lstrip().startswith("def validate(self, vector):")
    assert hit.properties["symbol_kind"] == "method"
    assert hit.properties["signature"] == "def validate(self, vector)"
    assert hit.properties["documentation"].startswith("Refuse a vector of the wrong length")


def test_hits_of_every_kind_carry_their_properties(engine):
    hits = engine.search(Query(QUERY, **EVERYTHING)).hits
    by_kind = {hit.kind: hit for hit in hits}
    assert by_kind.keys() == {NodeKind.FILE, NodeKind.SYMBOL, NodeKind.TEST, NodeKind.COMMIT}
    commit = by_kind[NodeKind.COMMIT]
    assert {"hash", "author", "email", "date"} <= commit.properties.keys()
    assert (commit.path, commit.start_line, commit.fresh) == ("", None, True)
    assert {"size", "lines", "extension", "digest"} <= by_kind[NodeKind.FILE].properties.keys()
    for kind in (NodeKind.SYMBOL, NodeKind.TEST):
        assert by_kind[kind].properties["signature"]


def test_an_edited_file_is_not_fresh_and_the_others_are(corpus_repository):
    with engine_on(corpus_repository.root) as engine:
        engine.index()
        corpus_repository.write("store/vectors.py", "# now different\n")
        (corpus_repository.root / "server" / "cache.go").unlink()
        hits = engine.search(Query(QUERY, limit=1000)).hits
        assert {h.path for h in hits if not h.fresh} == {"store/vectors.py", "server/cache.go"}
        assert any(hit.fresh for hit in hits)
        assert not engine.search(Query(QUERY)).index.stale, "HEAD has not moved"


def test_a_moved_head_makes_the_index_stale_until_it_is_indexed(corpus_repository):
    with engine_on(corpus_repository.root) as engine:
        engine.index()
        before = engine.search(Query(QUERY)).index
        head = corpus_repository.commit("Empty")
        after = engine.search(Query(QUERY)).index
        engine.index()
        again = engine.search(Query(QUERY)).index
    assert (before.stale, after.stale, again.stale) == (False, True, False)
    assert (after.head, again.head) == (before.head, head)


def test_a_model_that_fails_degrades_hybrid_and_says_why(root):
    with engine_on(root, BrokenEmbedder()) as engine:
        result = engine.search(Query(QUERY))
    assert result.hits
    assert "dense" not in {source for hit in result.hits for source in hit.sources}
    assert len(result.degraded) == 1
    assert "the weights are altered" in result.degraded[0]


def test_a_model_that_fails_fails_a_search_by_meaning(root):
    with engine_on(root, BrokenEmbedder()) as engine, pytest.raises(ModelError, match="altered"):
        engine.search(Query(QUERY, mode=Mode.SEMANTIC))


def test_a_model_that_fails_is_not_asked_for_words(root):
    with engine_on(root, BrokenEmbedder()) as engine:
        result = engine.search(Query(QUERY, mode=Mode.LEXICAL))
    assert result.hits
    assert result.degraded == ()


def test_lost_vectors_are_an_error_or_degraded_and_never_an_empty_list(corpus_repository):
    with engine_on(corpus_repository.root) as engine:
        engine.index()
        with engine.catalog.write() as connection:
            (table,) = connection.execute(
                "SELECT name FROM sqlite_schema WHERE sql LIKE '%USING vec0%'"
            ).fetchone()
            connection.execute(f"DROP TABLE {table}")
        with pytest.raises(MissingVectorError, match="hikma vectors rebuild"):
            engine.search(Query(QUERY, mode=Mode.SEMANTIC))
        result = engine.search(Query(QUERY))
        assert result.hits
        assert "hikma vectors rebuild" in result.degraded[0]
        engine.rebuild_vectors()
        assert engine.search(Query(QUERY, mode=Mode.SEMANTIC)).hits


def test_a_search_changes_no_byte_of_the_file(root):
    database = root / ".hikma" / "index.db"
    before = hashlib.sha256(database.read_bytes()).digest()
    with engine_on(root) as engine:
        for mode in Mode:
            engine.search(Query(QUERY, mode=mode, explain=mode is not Mode.LEXICAL))
    assert hashlib.sha256(database.read_bytes()).digest() == before
    log = database.with_name("index.db-wal")
    assert not log.exists() or not log.stat().st_size


def test_a_search_reads_through_a_connection_that_cannot_write(engine):
    with engine.catalog.read() as connection, pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM node")


def test_an_answer_does_not_depend_on_earlier_queries(root, engine):
    asked = Query("cache entries", limit=30)
    for text in ("vector", "cache", "entries", "search box", "cache entries of a server"):
        engine.search(Query(text))
    used = engine.search(asked).hits
    with engine_on(root) as fresh:
        assert fresh.search(asked).hits == used


@pytest.mark.parametrize(
    ("query", "fact"),
    [
        (Query(""), "empty"),
        (Query(" \n\t "), "empty"),
        (Query("?!* ()"), "has no word"),
        (Query("x" * 100_000), "100,000 characters"),
        (Query("a", limit=0), "limit = 0"),
        (Query("a", limit=1001), "limit = 1001"),
        (Query("a", min_similarity=1.5), "min-similarity = 1.5"),
        (Query("a", min_similarity=float("nan")), "min-similarity = nan"),
        (Query("a", min_similarity=0.2, mode=Mode.LEXICAL), "have no similarity"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_with_its_fact(engine, query, fact):
    with pytest.raises(QueryError, match=fact):
        engine.search(query)


SYNTAX = [
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "NEAR/3",
    "*",
    "^",
    ":",
    '"',
    "(",
    ")",
    "{",
    "}",
    "-",
    "+",
    "name:",
    "--",
    "'",
    ";",
    "\0",
    "ﬀ",
    "\u0661",
    "vector",
    "\ud800",
    "٪",
    "ⅷ",
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(SYNTAX), min_size=1, max_size=8).map(" ".join),
    st.lists(st.sampled_from(SYNTAX), min_size=1, max_size=8).map("".join),
)


@QUICK
@given(text=TEXTS, mode=st.sampled_from(Mode))
def test_any_text_is_answered_or_refused_as_a_query(engine, text, mode):
    """No text acts as FTS5 syntax, breaks the model's tokenizer, or reaches SQL."""
    try:
        result = engine.search(Query(text, mode=mode, limit=3))
    except QueryError:
        assert not any(character.isalnum() for character in text)
    else:
        assert result.query == text
        quoted = ("phrase:", "place:", "message:", "name:", "words:")
        assert all(reason.startswith(quoted) for reason in result.degraded)


@pytest.mark.parametrize(
    "text", ["vector NOT vector", 'vector" OR "', "body: vector", "^vector", "NEAR(vector cache)"]
)
def test_syntax_of_the_full_text_index_has_no_meaning(engine, text):
    """`vector NOT vector` finds what `vector` finds: operators are words like any other."""
    plain, with_syntax = (
        {hit.id for hit in engine.search(Query(one, mode=Mode.LEXICAL, limit=1000)).hits}
        for one in ("vector", text)
    )
    assert plain
    assert plain <= with_syntax


@QUICK
@given(text=TEXTS)
def test_quoting_alone_keeps_any_text_from_acting_as_syntax(engine, text):
    """The second lock on the same door: what is quoted is never an operator or a column."""
    with engine.catalog.read() as connection:
        expression = fulltext.quote([text.encode(errors="replace").decode(), "vector"])
        found = fulltext.match(connection, expression, 1000, FIELD_WEIGHTS, None)
        plain = fulltext.match(connection, fulltext.quote(["vector"]), 1000, FIELD_WEIGHTS, None)
    assert {number for number, _ in plain} <= {number for number, _ in found}


def test_a_star_is_no_prefix_search(engine):
    assert engine.search(Query("vec*", mode=Mode.LEXICAL)).hits == ()


def test_a_query_of_the_greatest_length_is_answered(engine):
    assert engine.search(Query(("vector " * 2000)[:10_000])).hits


def test_a_name_typed_alone_finds_its_definition_however_often_others_use_it(make_repository):
    """The definition's words rank below those of more callers than a retriever returns."""
    callers = {
        f"calls/a{number}.py": f"def caller_{number}():\n    return make_lease(make_lease)\n"
        for number in range(160)
    }
    filler = "\n".join(f"    step_{number}()" for number in range(60))
    callers["lease.py"] = f"def make_lease(holder):\n{filler}\n"
    repository = make_repository(callers)
    with engine_on(repository.root) as engine:
        engine.index()
        hit = engine.search(Query("make_lease", mode=Mode.LEXICAL)).hits[0]
        none = engine.search(
            Query("make_lease", mode=Mode.LEXICAL, filter=Filter(paths=("calls",)))
        )
    assert hit.id == "symbol:lease.py#make_lease"
    assert "name" in hit.sources
    assert all(one.path.startswith("calls/") for one in none.hits)
