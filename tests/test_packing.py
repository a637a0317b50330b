"""Snippets under a budget: what no packing may do, and which lines it takes first."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import CORPUS, Repository
from fakes import HashingEmbedder
from hikma.domain import Filter, Node, NodeKind, Query, Span, StoredDocument, SymbolKind
from hikma.engine import Engine
from hikma.errors import QueryError
from hikma.interfaces.rendering import AS_JSON, AS_TEXT, as_json, printable, search_result
from hikma.packing import GAP, PLAIN, Worth, order, pack, tokens
from hikma.settings import Settings

LINES = st.one_of(
    st.text(alphabet="abcXYZ_09 \t(){}.;\"'\\/é…", max_size=30),
    st.sampled_from(["", "    return retry(request)", "def retry(request):", "}", "…"]),
)
TEXTS = st.lists(LINES, min_size=1, max_size=12).map("\n".join)


def document(number, text, path="src/a.py", *, start=1, signature="", kind=NodeKind.SYMBOL):
    lines = text.count("\n") + 1
    node = Node(
        f"{kind.value}:{path}#f{number}",
        kind,
        f"f{number}",
        path,
        Span(start, start + lines - 1),
        "python",
        SymbolKind.FUNCTION if kind is NodeKind.SYMBOL else None,
        f"f{number}",
        signature,
    )
    return StoredDocument(number, node, 0, Span(start, start + lines - 1), text, "")


@st.composite
def candidates(draw):
    """Return documents of a few files; their lines follow one another, as those of an index do."""
    found, ends = [], Counter()
    for number, text in enumerate(draw(st.lists(TEXTS, max_size=12))):
        path = draw(st.sampled_from(["a.py", "lib/b.go", "c.md"]))
        signature = draw(st.sampled_from(["", text.split("\n")[0]]))
        found.append(document(number, text, path, start=ends[path] + 1, signature=signature))
        ends[path] += text.count("\n") + 1
    return found


def head_of(documents):
    def head(position):
        one = documents[position]
        return tokens(
            f"{one.node.path}:{one.span.start_line}-{one.span.end_line} {one.node.name}\n"
        )

    return head


def packed(documents, room, asked=frozenset({"retry"})):
    return pack(documents, asked, head_of(documents), lambda line: tokens(f"{line}\n"), room)


def printed(documents, found):
    heads = (documents[one.position] for one in found.snippets)
    return "".join(
        "\n".join(
            [f"{d.node.path}:{d.span.start_line}-{d.span.end_line} {d.node.name}", *one.lines, ""]
        )
        for d, one in zip(heads, found.snippets, strict=True)
    )


@given(candidates(), st.integers(0, 400))
def test_a_budget_is_never_exceeded(documents, room):
    found = packed(documents, room)
    spent = sum(one.tokens for one in found.snippets)
    assert tokens(printed(documents, found)) <= spent <= room


@given(candidates(), st.integers(0, 400), st.integers(0, 400))
def test_a_larger_budget_loses_no_document_of_a_smaller_one(documents, one, other):
    less, more = (packed(documents, room) for room in sorted((one, other)))
    assert {s.position for s in less.snippets} <= {s.position for s in more.snippets}


@given(candidates(), st.integers(0, 400))
def test_snippets_are_whole_lines_in_their_order_none_twice(documents, room):
    for one in packed(documents, room).snippets:
        rest = iter(documents[one.position].text.split("\n"))
        for line in one.lines:
            assert line.strip()
            assert line == GAP or line in rest, "in order, and each line once"


@given(candidates())
def test_with_room_for_all_every_line_is_shown_and_none_twice(documents):
    found = packed(documents, 1_000_000)
    for path in {one.node.path for one in documents}:
        own = [line for d in documents if d.node.path == path for line in d.text.split("\n")]
        shown = [
            line
            for one in found.snippets
            if documents[one.position].node.path == path
            for line in one.lines
        ]
        # A line that is all of a document is left to the other document that has it.
        assert set(own) - {""} - {x for x in own if not x.strip() or x.strip() == GAP} <= set(shown)
        assert not Counter(x for x in shown if x != GAP) - Counter(own)


@given(candidates(), st.integers(0, 400))
def test_less_room_than_the_least_shows_nothing_and_the_least_shows_something(documents, room):
    least = packed(documents, room).least
    if documents:
        assert not packed(documents, least - 1).snippets
        assert packed(documents, least).snippets


@given(st.lists(st.text(max_size=40), max_size=6))
def test_a_text_has_no_more_tokens_than_its_lines(lines):
    assert tokens("".join(f"{x}\n" for x in lines)) <= sum(tokens(f"{x}\n") for x in lines)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("the quick brown fox jumps over the lazy dog", 9, 9),
        ("def get_user_name(self):\n    return self._name\n", 13, 20),
        ("HTTPServer2024", 4, 8),
        ("        if (a[i] >= 0x7f) { b += 1; }", 14, 24),
        ("日本語のコメント", 8, 24),
        ("🙂🙂", 2, 12),
    ],
)
def test_tokens_are_about_those_of_tokenizers_in_use(text, least, most):
    """Bounds: the counts of cl100k_base, o200k_base and Claude's published one lie in them."""
    assert least <= tokens(text) <= most


SOURCE = """// Retry sends a request again.
//
// It waits in between.
func Retry(
	request Request,
) error {
	for i := 0; i < 3; i++ {
		send(request)
	}
	return nil
}"""
SIGNATURE = "func Retry( request Request, ) error"


def test_a_definition_opens_with_its_signature_wherever_it_stands():
    one = document(1, SOURCE, signature=SIGNATURE)
    found = packed([one], packed([one], 0).least)
    assert found.snippets[0].lines == ("func Retry(", "\trequest Request,", ") error {")


def test_then_come_the_body_and_what_stands_above_and_no_blank_line():
    one = document(1, SOURCE, signature=SIGNATURE)
    larger = packed([one], packed([one], 0).least + tokens("\tfor i := 0; i < 3; i++ {\n"))
    assert larger.snippets[0].lines[-1] == "\tfor i := 0; i < 3; i++ {"
    assert packed([one], 1_000).snippets[0].lines == tuple(SOURCE.split("\n"))
    assert packed([document(1, "a = 1\n\n\nb = 2")], 1_000).snippets[0].lines == ("a = 1", "b = 2")


def test_a_mark_stands_where_lines_are_left_out_between_others():
    text = "\n".join(["class A:", *(f"    x{i} = {i}" for i in range(30)), "    retry = 1"])
    one = document(1, text, signature="")
    steps = order([one], {"retry"}, head_of([one]), Worth(most_opening=1))
    assert steps[0].lines == (31,)
    piece = document(1, "class A:\n…\n    b = 1", signature="class A")
    assert packed([piece], 1_000).snippets[0].lines == ("class A:", GAP, "    b = 1")


def test_a_definition_whose_signature_says_nothing_shows_the_line_that_answers():
    lines = ["def update(self):", *(f"    x{i} = {i}" for i in range(20)), "    retry(self)"]
    one = document(1, "\n".join(lines), signature="def update(self)")
    found = packed([one], packed([one], 0).least)
    assert found.snippets[0].lines == ("def update(self):", GAP, "    retry(self)")
    named = document(1, "\n".join(["def retry(self):", *lines[1:]]), signature="def retry(self)")
    assert packed([named], packed([named], 0).least).snippets[0].lines == ("def retry(self):",)


def test_text_without_a_signature_opens_around_the_line_that_answers():
    text = "\n".join(["import os", *(f"x{i} = {i}" for i in range(20)), "retry = 1", "z = 1"])
    one = document(1, text, kind=NodeKind.FILE)
    assert packed([one], packed([one], 0).least).snippets[0].lines == (
        "x19 = 19",
        "retry = 1",
        "z = 1",
    )


def test_a_small_budget_shows_more_files_before_whole_bodies():
    body = "\n".join(["def f(request):", *(f"    step_{i}(request)" for i in range(40))])
    documents = [document(i, body, f"src/{i}.py", signature="def f(request)") for i in range(8)]
    found = packed(documents, 400)
    sizes = [len(one.lines) for one in found.snippets]
    assert len(sizes) == 8
    assert sizes[0] > sizes[1] > sizes[-1] >= 1, "the better the rank, the more of it"


def test_a_second_document_of_a_file_comes_after_another_file():
    body = "\n".join(["def f(request):", *(f"    step_{i}(request)" for i in range(40))])
    first, same, other = (
        document(i, body, path, start=start, signature="def f(request)")
        for i, (path, start) in enumerate([("a.py", 1), ("a.py", 100), ("b.py", 1)])
    )
    steps = order([first, same, other], (), head_of([first, same, other]))
    opened = list(dict.fromkeys(step.position for step in steps))
    assert opened == [0, 2, 1]


def test_a_commit_and_its_pull_request_with_one_text_are_shown_once():
    said = "Retry requests\n\nThey were lost."
    pull, commit = (document(i, said, "", kind=kind) for i, kind in enumerate(HISTORY))
    assert [one.position for one in packed([pull, commit], 1_000).snippets] == [0]


HISTORY = (NodeKind.PULL_REQUEST, NodeKind.COMMIT)


def test_a_line_that_is_all_of_an_outer_symbol_is_left_to_the_inner_one():
    outer = document(1, "const api = { get() {", start=3)
    inner = document(2, "const api = { get() {\n  return 1 } }", start=3)
    assert [one.position for one in packed([outer, inner], 1_000).snippets] == [1]
    assert [one.position for one in packed([inner, outer], 1_000).snippets] == [0]
    assert [one.position for one in packed([outer, outer], 1_000).snippets] == [0]


# On an index


QUERIES = ("validate a vector", "cache", "where is it served", "VectorStore", "why store vectors")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("packing") / "tidepool")
    shutil.copytree(CORPUS, repository.root, ignore=shutil.ignore_patterns("__pycache__", ".hikma"))
    repository.git("init", "--quiet")
    repository.commit("Store vectors and serve them")
    with Engine(repository.root, Settings(), models=lambda _name: HashingEmbedder()) as opened:
        opened.index()
        yield opened


def as_printed(result, form):
    if form is AS_JSON:
        return as_json(result) + "\n"
    return "".join(f"{printable(line)}\n" for line in search_result(result))


@pytest.mark.parametrize("form", [AS_TEXT, AS_JSON], ids=["text", "json"])
@pytest.mark.parametrize("query", QUERIES)
def test_an_answer_costs_what_it_says_and_no_more_than_its_budget(engine, query, form):
    for budget in (350, 500, 777, 2_000, 100_000):
        result = engine.search(Query(query, budget=budget), form)
        assert result.hits
        assert tokens(as_printed(result, form)) <= result.tokens <= budget == result.budget


@pytest.mark.parametrize("query", QUERIES)
def test_a_snippet_is_lines_of_its_file_and_no_line_is_shown_twice(engine, query):
    for budget in (200, 2_000, 1_000_000):
        shown = {}
        for hit in engine.search(Query(query, budget=budget)).hits:
            kept = [line for line in hit.snippet.split("\n") if line != GAP]
            shown.setdefault(hit.path, Counter()).update(kept)
        shown.pop("", None)  # commits stand in no file
        assert shown
        for path, lines in shown.items():
            own = Counter(Path(engine.root / path).read_text(encoding="utf-8").split("\n"))
            assert not lines - own, path


def test_a_larger_budget_adds_files_and_keeps_those_that_were_there(engine):
    before = set()
    for budget in range(100, 3_000, 100):
        paths = {hit.path for hit in engine.search(Query("validate a vector", budget=budget)).hits}
        assert before <= paths
        before = paths
    assert len(before) > 5


def test_a_limit_holds_under_a_budget_and_ten_is_none(engine):
    assert len(engine.search(Query("vector", budget=10_000, limit=2)).hits) == 2
    assert len(engine.search(Query("vector", budget=10_000)).hits) > 10
    assert len(engine.search(Query("vector")).hits) == 10


@pytest.mark.parametrize("form", [PLAIN, AS_TEXT, AS_JSON], ids=["plain", "text", "json"])
def test_too_small_a_budget_names_one_that_is_large_enough(engine, form):
    with pytest.raises(QueryError, match="budget = 1; ") as refused:
        engine.search(Query("validate a vector", budget=1), form)
    least = int(re.search(r"take (\d+) tokens", str(refused.value))[1])
    with pytest.raises(QueryError, match="choose at least"):
        engine.search(Query("validate a vector", budget=least - 1), form)
    assert engine.search(Query("validate a vector", budget=least), form).hits


def test_nothing_found_is_no_error_of_the_budget(engine):
    nowhere = Query("vector", Filter(paths=("nowhere",)), budget=20)
    result = engine.search(nowhere, AS_TEXT)
    assert (result.hits, result.budget) == ((), 20)


def test_a_budget_is_what_it_says(engine):
    for wrong in (0, -1, 10_000_000):
        with pytest.raises(QueryError, match="choose 1 to 9999999 tokens"):
            engine.search(Query("vector", budget=wrong))
