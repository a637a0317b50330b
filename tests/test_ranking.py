"""The rules of ranking, each on the smallest pair of candidates that it decides."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hikma.domain import BriefDocument, NodeKind
from hikma.ranking import Candidate, Weights, bare, name_words, parse, rank, stem


def candidate(  # noqa: PLR0913 -- each argument is one thing that a rule looks at
    number,
    name="thing",
    path="src/a.py",
    *,
    bm25=1.0,
    similarity=0.5,
    kind=NodeKind.SYMBOL,
    language="python",
    qualified=None,
    text="",
):
    key = f"{kind.value}:{path}#{name}"
    document = BriefDocument(
        number, 0, 1, 2, number, 0, key, kind, name, qualified or name, path, language, None, text
    )
    return Candidate(document, bm25, similarity, {"lexical": number})


def first(query, *candidates):
    return rank(parse(query), candidates, Weights(), 10)[0].candidate.document.id


def test_a_definition_of_the_name_asked_for_beats_a_better_text():
    used, defined = candidate(1, "caller", bm25=1.2), candidate(2, "open_store", "src/b.py")
    assert first("open_store", used, defined) == 2


def test_a_qualified_name_picks_the_method_of_that_class():
    other = candidate(1, "open", "src/a.py", qualified="Door.open", bm25=1.1)
    meant = candidate(2, "open", "src/b.py", qualified="Store.open")
    assert first("Store.open", other, meant) == 2
    assert first("Store::open", other, meant) == 2


@pytest.mark.parametrize("query", ["Querier", "interface Querier", "func  Querier"])
def test_a_name_alone_picks_the_definition_of_just_that_name(query):
    method = candidate(1, "Querier", "src/a.go", qualified="Fake.Querier", bm25=1.2)
    meant = candidate(2, "Querier", "src/b.go")
    assert first(query, method, meant) == 2


def test_a_name_spelled_as_it_was_typed_comes_before_one_in_other_letters():
    other = candidate(1, "querier", "src/a.go", bm25=1.2)
    meant = candidate(2, "Querier", "src/b.go")
    assert first("Querier", other, meant) == 2
    assert first("querier", other, meant) == 1


def test_what_mentions_a_name_whole_comes_before_what_shares_a_part_of_it():
    part = candidate(1, "open", "src/a.py", bm25=1.2, text="open_stores()")
    whole = candidate(2, "other", "src/b.py", text="return open_store(path)")
    assert first("open_store", part, whole) == 2


def test_the_file_named_after_the_subject_comes_first():
    assert (
        first(
            "how timers are scheduled",
            candidate(1, path="src/loop.c", bm25=1.1),
            candidate(2, path="src/timer.c"),
        )
        == 2
    )


@pytest.mark.parametrize(
    ("name", "whole", "part"),
    [
        ("SqlMapper", "src/SqlMapper.cs", "src/SqlMapper.Cache.cs"),
        ("Application", "lib/application.rb", "lib/application/finisher.rb"),
        ("UserStore", "src/user-store/index.ts", "src/user-store/hooks.ts"),
    ],
)
def test_of_a_class_in_many_files_the_one_that_is_named_for_it_comes_first(name, whole, part):
    one, other = candidate(1, name, part, bm25=1.3), candidate(2, name, whole)
    assert first(name, one, other) == 2
    assert first(f"how does {name} close", one, other) == 2


def test_a_definition_comes_before_the_header_that_only_declares_it():
    declared = "int open_store(const char *path);\n"
    header = candidate(1, "open_store", "src/door.h", bm25=1.3, language="c", text=declared)
    meant = candidate(2, "open_store", "src/door.c", language="c", text="int open_store() {}")
    assert first("open_store", header, meant) == 2
    inline = candidate(
        1, "open_store", "src/door.h", bm25=1.3, language="c", text="int open_store() {};"
    )
    assert first("open_store", inline, meant) == 1


def test_tests_come_last_unless_asked_for():
    test = candidate(1, "test_parse", "tests/test_parse.py", kind=NodeKind.TEST, bm25=1.2)
    code = candidate(2, "parse", "src/parse.py")
    assert first("parse options", test, code) == 2
    assert first("test for parse options", test, code) == 1


def test_code_comes_before_prose_unless_prose_is_asked_for():
    prose = candidate(1, "guide.md", "guide.md", kind=NodeKind.FILE, language="markdown", bm25=1.2)
    code = candidate(2, "wait", "src/b.py")
    assert first("retry failed requests", prose, code) == 2
    assert first("documentation of retry failed requests", prose, code) == 1


def test_one_file_does_not_fill_the_list():
    same = [candidate(number, f"f{number}", "src/a.py", bm25=2.0) for number in (1, 2, 3)]
    other = candidate(4, "g", "src/b.py", bm25=1.8)
    order = [
        one.candidate.document.id for one in rank(parse("query"), [*same, other], Weights(), 9)
    ]
    assert order.index(4) == 1


def test_a_long_function_is_one_hit_and_a_long_file_several():
    pieces = [candidate(number, "long", "src/a.py", bm25=number) for number in (1, 2)]
    chunks = [candidate(number, "b.md", "b.md", kind=NodeKind.FILE) for number in (3, 4)]
    ranked = rank(parse("query"), [*pieces, *chunks], Weights(), 9)
    assert sorted(one.candidate.document.id for one in ranked) == [2, 3, 4]


def test_shares_add_up_to_the_score():
    scored = rank(
        parse("parse options of a test"),
        [candidate(1, "parse_options", "tests/a.py"), candidate(2, "other", "docs/b.py")],
        Weights(),
        10,
    )
    for one in scored:
        assert one.score == pytest.approx(sum(share.share for share in one.shares), abs=1e-3)


def test_the_order_of_candidates_does_not_matter():
    pool = [
        candidate(1, "a", "src/a.py", bm25=1.0),
        candidate(2, "b", "src/a.py", bm25=1.0),
        candidate(3, "c", "src/b.py", bm25=1.0),
        candidate(4, "d", "src/c.py", bm25=1.0),
    ]
    orders = {
        tuple(one.candidate.document.id for one in rank(parse("zebra"), order, Weights(), 10))
        for order in permutations(pool)
    }
    assert len(orders) == 1


@given(
    st.lists(
        st.tuples(st.floats(0, 50), st.floats(-1, 1), st.sampled_from(["src/a.py", "b.go"])),
        max_size=30,
    ),
    st.integers(1, 40),
)
def test_ranking_keeps_candidates_and_sorts_them(rows, limit):
    """Every candidate comes out once, in descending order, as many as asked for."""
    pool = [
        candidate(number, f"f{number}", path, bm25=bm25, similarity=similarity)
        for number, (bm25, similarity, path) in enumerate(rows)
    ]
    ranked = rank(parse("some query"), pool, Weights(), limit)
    assert len(ranked) == min(limit, len(pool))
    assert len({one.candidate.document.id for one in ranked}) == len(ranked)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)


def test_a_query_is_taken_apart():
    terms = parse("how does Engine.open_space find the tests?")
    assert terms.words == ("engine", "open", "space", "find", "tests")
    assert "engine.open_space" in terms.qualified
    assert terms.wants_tests
    assert not terms.symbol_like


def test_a_compound_with_a_word_that_says_nothing_is_looked_for_whole():
    assert {"v-if", "vif"} <= parse("compile the v-if directive").joined
    assert {"no-verify", "noverify"} <= parse("git commit --no-verify").joined
    assert "content-type" not in parse("the content-type header").joined


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("open(path, mode)", "open"),
        ("Path<(String, u32)>", "Path"),
        ("Vec::<u8>::new", "Vec::<u8>::new"),
        ("foo::bar<T>(x, || -> y);", "foo::bar"),
        ("onMounted(", "onMounted"),
        ("log(x) and then y", "log(x) and then y"),
        ("open (a file)", "open (a file)"),
        ("a)b(", "a)b("),
        ("f(x", "f(x"),
    ],
)
def test_a_name_with_its_arguments_is_that_name(text, name):
    assert bare(text) == name


def test_a_query_of_stop_words_keeps_them():
    assert parse("what is this").words == ("what", "is", "this")


def test_forms_of_a_word_share_a_stem():
    assert len({stem(word) for word in ("validate", "validates", "validated", "validation")}) <= 2
    assert stem("parsing") == stem("parser") == stem("parse")
    assert stem("io") == "io"


def test_names_fall_into_words():
    assert name_words("HTTPServer_v2") == ("http", "server", "v", "2")
