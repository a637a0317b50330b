"""What a query quotes comes first, and what is not there is said."""

import pytest

from fakes import HashingEmbedder
from hikma import clues
from hikma.catalog import naming
from hikma.clues import Place
from hikma.domain import Filter, Mode, Query
from hikma.engine import Engine
from hikma.settings import Settings

FILES = {
    "src/app/store.py": '''"""Keep things."""


class Store:
    """A place for things."""

    def get_user(self, number):
        """Return one user."""
        if number < 0:
            raise ValueError(f"cannot open store {number}: no such shelf in the warehouse")
        return number

    def put_user(self, user):
        """Keep a user."""
        return user


def describe(store):
    """Say that a connection was reset by its peer, or anything else."""
    return store.get_user(1)
''',
    "src/app/pool.py": '''"""Workers."""


class Pool:
    """Many workers."""

    def get_user(self):
        """Return whose pool it is."""
        return None


def reconnect(peer):
    """Reset the connection to a peer."""
    return "connection reset by peer" if peer else memoryview(__POOL_LIMIT__)
''',
    "src/other/store.go": "package other\n\n// Open opens a store.\nfunc Open() error {\n\treturn nil\n}\n",
    "README.md": "# App\n\nThe store keeps a user; the connection may reset.\n",
}


@pytest.fixture
def engine(make_repository):
    repository = make_repository(FILES)
    settings = Settings()
    with Engine(repository.root, settings, models=lambda _name: HashingEmbedder()) as opened:
        opened.index()
        yield opened


def first(engine, text, **asked):
    result = engine.search(Query(text, limit=5, **asked))
    hit = result.hits[0]
    return (hit.path, hit.name), " ".join(result.degraded)


@pytest.mark.parametrize(
    "text", ['"connection reset by peer"', 'why "Connection  reset by peer" users']
)
def test_what_holds_a_quoted_phrase_comes_first(engine, text):
    assert first(engine, text) == (("src/app/pool.py", "reconnect"), "")


def test_a_phrase_that_nothing_holds_is_said(engine):
    _, said = first(engine, '"connection lost by peer"')
    assert (
        said == "phrase: no text holds “connection lost by peer” as it stands; the hits are near it"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("src/app/store.py", "store.py"),
        ("app/store.py", "store.py"),
        ("app/store", "store.py"),
        ("store.py:10", "Store.get_user"),
        ("src/app/store.py:4", "Store"),
        ("src\\app\\store.py", "store.py"),
        ("what does app/store.py do with a user", "store.py"),
    ],
)
def test_a_path_brings_its_file_first(engine, text, name):
    assert first(engine, text) == (("src/app/store.py", name), "")


def test_a_path_that_is_not_there_is_said_with_near_ones(engine):
    assert (
        "no file here is src/app/stor.py; near: src/app/store.py"
        in first(engine, "src/app/stor.py")[1]
    )
    assert "no file here is lib/store.py" in first(engine, "lib/store.py")[1]


def test_a_folder_brings_its_files(engine):
    result = engine.search(Query("src/app", limit=2))
    assert {hit.path for hit in result.hits} == {"src/app/store.py", "src/app/pool.py"}


@pytest.mark.parametrize(
    "text",
    [
        "Pool.get_user",
        "Pool::get_user",
        "Pool#get_user",
        "pool->get_user()",
        "app.pool.Pool.get_user",
        "Pool.get_user(self, number: dict[str, int])",
        "Pool::get_user<T>(number)",
    ],
)
def test_a_qualified_name_is_that_definition(engine, text):
    assert first(engine, text) == (("src/app/pool.py", "Pool.get_user"), "")


@pytest.mark.parametrize("text", ["getUser", "GET_USER", "GetUser()"])
def test_another_style_of_a_name_counts_as_found(engine, text):
    (_, name), said = first(engine, text)
    assert name.endswith(".get_user")
    assert said == ""


@pytest.mark.parametrize("text", ["getUsre", "gte_user", "get_usr()", "where is put_uesr called"])
def test_a_name_mistyped_gives_near_ones_and_says_so(engine, text):
    (_, name), said = first(engine, text)
    assert name.endswith("t_user")
    assert "no symbol is called" in said
    assert "near: " in said


def test_a_name_of_nobody_is_said(engine):
    assert "no symbol is called memoryview; the hits mention it" in first(engine, "memoryview()")[1]
    assert (
        "nothing is called Pool.put_user; there is: Store.put_user"
        in first(engine, "Pool.put_user")[1]
    )
    assert "no text holds it; near: warehouse" in first(engine, "warehuose")[1]
    assert "no symbol is called __POOL_LIMIT__; the hits" in first(engine, "__POOL_LIMIT__")[1]


def test_words_that_no_text_holds_are_said(engine):
    unheard = "words: no text holds a word of this query; a hit is near it by meaning alone"
    assert first(engine, "xylophone zither")[1] == unheard
    assert first(engine, "xylophone user")[1] == ""
    only = engine.search(Query("open peer", filter=Filter(languages=("markdown",))))
    assert only.degraded == (unheard.replace("text", "text that the filter keeps"),)
    assert engine.search(Query("xylophone zither", mode=Mode.LEXICAL)).degraded == (unheard,)


def test_a_plain_word_that_texts_hold_needs_no_excuse(engine):
    assert first(engine, "warehouse")[1] == ""


def test_an_error_message_leads_to_where_it_is_raised(engine):
    text = "Error: cannot open store 4711: no such shelf in the warehouse (/tmp/x/12345.json, 0xdeadbeef)"
    assert first(engine, text) == (("src/app/store.py", "Store.get_user"), "")


def test_a_traceback_leads_to_its_innermost_frame_that_is_here(engine):
    text = (
        "Traceback (most recent call last):\n"
        '  File "/home/me/run.py", line 3, in <module>\n'
        '  File "/opt/lib/app/pool.py", line 14, in reconnect\n'
        '  File "/opt/lib/app/store.py", line 15, in put_user\n'
        "KeyError: 12"
    )
    names = [hit.name for hit in engine.search(Query(text, limit=2)).hits]
    assert names == ["Store.put_user", "reconnect"]


def test_filters_hold_for_what_is_quoted(engine):
    result = engine.search(Query('"connection reset by peer"', Filter(paths=("src/app/store.py",))))
    assert {hit.path for hit in result.hits if hit.path} == {"src/app/store.py"}


def test_by_meaning_alone_nothing_is_pinned(engine):
    result = engine.search(Query("getUsre", mode=Mode.SEMANTIC, min_similarity=-1))
    assert result.degraded == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Foo.bar", ("Foo", "bar")),
        ("foo->bar()", ("foo", "bar")),
        ("FooBar::baz", ("FooBar", "baz")),
        ("empty?", ("empty",)),
        ("two words", ()),
    ],
)
def test_a_name_is_read_in_its_parts(text, expected):
    assert clues.read(text).name == expected


def test_places_and_constant_parts_are_read():
    text = (
        "thread 'main' panicked at src/main.rs:10:5:\ncalled `Option::unwrap()` on a `None` value"
    )
    read = clues.read(text)
    assert read.places[0] == Place("src/main.rs", 10)
    java = clues.read("java.io.IOException: Stream closed\n\tat com.foo.Bar.read(Bar.java:123)")
    assert Place("Bar.java", 123) in java.places
    assert ("Stream", "closed") in java.runs
    for sentence in ("how does the client/server handshake work", "error types and collection"):
        assert clues.read(sentence).runs == ()


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("same", "same", 0),
        ("usre", "user", 1),
        ("abc", "abcd", 1),
        ("kitten", "sitting", 3),
        ("a", "xyz", 3),
    ],
)
def test_slips_are_counted(one, other, count):
    assert naming.slips(one, other, 3) == naming.slips(other, one, 3) == count
    assert naming.slips(one, other, 1) == min(count, 2)
