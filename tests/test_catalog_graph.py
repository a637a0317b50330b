"""Nodes, edges, folders, links of tests, filters: what the graph keeps and gives back."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from catalog_rows import (
    REPOSITORY,
    SPACE,
    case,
    document,
    file_node,
    put_file,
    put_whole,
    symbol,
)
from hikma.catalog import fulltext, graph, ledger
from hikma.catalog.schema import Catalog
from hikma.domain import Edge, EdgeKind, Filter, NodeKind, Reference, Skip
from hikma.errors import FilterError, NodeNotFoundError
from hikma.vectors.sqlite import SqliteVectors


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path / "index.db", create=True)
    yield opened
    opened.close()


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[apsw.Connection]:
    with catalog.write() as opened:
        yield opened


def edges(connection: apsw.Connection, kind: EdgeKind) -> set[tuple[str, str, float]]:
    rows = connection.execute(
        "SELECT source, target, confidence FROM edges WHERE kind = ?", (kind.value,)
    )
    return set(rows.fetchall())


def test_a_node_comes_back_as_it_was_put(connection):
    nodes = [file_node("src/a.py"), symbol("src/a.py", "Engine.open"), case("src/a.py", "test_x")]
    rows = put_file(connection, nodes)
    assert rows.removed_documents == []
    for node in nodes:
        stored = graph.find(connection, node.id)
        assert stored is not None
        assert stored.node == node
        assert stored.id == rows.ids[node.id]
    assert graph.find(connection, "symbol:src/a.py#nothing") is None


def test_file_digests_are_those_of_the_indexed_files(connection):
    put_file(connection, [file_node("a.py", "d1")])
    put_file(connection, [file_node("b/c.py", "d2"), symbol("b/c.py", "f")])
    put_file(connection, [file_node("a.py", "d3")])
    assert graph.file_digests(connection) == {"a.py": "d3", "b/c.py": "d2"}


def test_surviving_keys_keep_their_ids_and_vanished_nodes_go_with_their_documents(connection):
    path = "a.py"
    nodes = [file_node(path), symbol(path, "stays"), symbol(path, "goes")]
    first = put_file(connection, nodes)
    written = fulltext.put_documents(
        connection, first.ids, [document(node, f"text of {node.name}") for node in nodes]
    ).written
    second = put_file(connection, [file_node(path), symbol(path, "comes"), symbol(path, "stays")])
    assert second.ids["symbol:a.py#stays"] == first.ids["symbol:a.py#stays"]
    assert second.removed_documents == [written[2][0]]
    assert graph.find(connection, "symbol:a.py#goes") is None
    assert fulltext.match(connection, fulltext.quote(["goes"]), 5, (1,) * 5, None) == []
    assert edges(connection, EdgeKind.DEFINES) == {
        ("file:a.py", "symbol:a.py#stays", 1.0),
        ("file:a.py", "symbol:a.py#comes", 1.0),
    }


def test_putting_the_same_file_again_changes_no_row(connection):
    nodes = [file_node("a.py"), symbol("a.py", "f"), case("a.py", "test_f")]
    references = [Reference("test:a.py#test_f", "f")]

    def everything() -> list[object]:
        tables = ("node", "edge", "reference")
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]  # noqa: S608 -- fixed names

    put_file(connection, nodes, references)
    before = everything()
    put_file(connection, nodes, references)
    assert everything() == before


def test_an_edge_to_nothing_is_an_error(connection):
    nodes = [file_node("a.py")]
    edge = Edge(EdgeKind.DEFINES, "file:a.py", "symbol:a.py#ghost")
    with pytest.raises(NodeNotFoundError, match="ghost"):
        graph.put_file(connection, nodes, [edge], [])


def test_a_removed_file_leaves_nothing(connection):
    nodes = [file_node("a.py"), symbol("a.py", "f")]
    rows = put_file(connection, nodes)
    documents = fulltext.put_documents(connection, rows.ids, [document(nodes[1], "word")])
    assert graph.remove_files(connection, ["a.py"]) == [documents.written[0][0]]
    assert graph.remove_files(connection, ["a.py"]) == []
    for table in ("node", "edge", "document", "fulltext_docsize"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]  # noqa: S608 -- fixed names


def test_folders_follow_the_files(connection):
    for path in ("a.py", "src/b.py", "src/deep/c.py"):
        put_file(connection, [file_node(path)])
    graph.link_tree(connection, REPOSITORY)
    contains = edges(connection, EdgeKind.CONTAINS)
    assert contains == {
        ("repository:sample", "file:a.py", 1.0),
        ("repository:sample", "directory:src", 1.0),
        ("directory:src", "file:src/b.py", 1.0),
        ("directory:src", "directory:src/deep", 1.0),
        ("directory:src/deep", "file:src/deep/c.py", 1.0),
    }
    changes = connection.total_changes()
    graph.link_tree(connection, REPOSITORY)
    assert edges(connection, EdgeKind.CONTAINS) == contains
    assert connection.total_changes() - changes <= 1  # the repository's own node
    graph.remove_files(connection, ["src/deep/c.py"])
    graph.link_tree(connection, REPOSITORY)
    assert graph.find(connection, "directory:src/deep") is None
    assert graph.find(connection, "directory:src") is not None
    assert graph.counts(connection)[NodeKind.DIRECTORY] == 1


def test_a_renamed_repository_leaves_no_second_one(connection):
    put_file(connection, [file_node("a.py")])
    graph.link_tree(connection, REPOSITORY)
    renamed = REPOSITORY.__class__("repository:other", NodeKind.REPOSITORY, "other", "")
    graph.link_tree(connection, renamed)
    assert graph.counts(connection)[NodeKind.REPOSITORY] == 1
    assert connection.execute("SELECT repo_id FROM files").fetchall() == [("repository:other",)]


def test_a_test_is_linked_to_what_it_is_named_after_and_what_it_mentions(connection):
    put_file(
        connection,
        [file_node("a.py"), *(symbol("a.py", n) for n in ("parse_config", "load", "Engine.open"))],
    )
    put_file(connection, [file_node("b.py"), symbol("b.py", "load"), symbol("b.py", "save")])
    tests = [case("t.py", n) for n in ("test_parse_config", "TestEngine.test_open", "test_all")]
    references = [Reference(tests[2].id, name) for name in ("save", "load", "absent")]
    put_file(connection, [file_node("t.py"), *tests], references)
    graph.link_tests(connection)
    assert edges(connection, EdgeKind.TESTS) == {
        ("test:t.py#test_parse_config", "symbol:a.py#parse_config", 0.9),
        ("test:t.py#TestEngine.test_open", "symbol:a.py#Engine.open", 0.9),
        ("test:t.py#test_all", "symbol:b.py#save", 0.6),
    }
    graph.remove_files(connection, ["b.py"])
    graph.link_tests(connection)
    assert ("test:t.py#test_all", "symbol:a.py#load", 0.6) in edges(connection, EdgeKind.TESTS)


@pytest.mark.parametrize(
    ("language", "name", "target"),
    [
        ("go", "TestServer_Handle", "Server.Handle"),
        ("go", "BenchmarkHandle", "Server.Handle"),
        ("typescript", "parseUrl > drops the port", "parseUrl"),
        ("c", "test_server_handle", "server_handle"),
    ],
)
def test_the_naming_of_each_language_is_understood(connection, language, name, target):
    put_file(connection, [file_node("a", language=language), symbol("a", target, language)])
    put_file(connection, [file_node("t", language=language), case("t", name, language)])
    graph.link_tests(connection)
    assert edges(connection, EdgeKind.TESTS) == {(f"test:t#{name}", f"symbol:a#{target}", 0.9)}


def test_twins_count_once_own_language_and_definitions_are_preferred(connection):
    put_file(
        connection,
        [file_node("a.c", language="c"), symbol("a.c", "run", "c"), symbol("a.c", "run~2", "c")],
    )
    put_file(connection, [file_node("a.h", language="c"), symbol("a.h", "run", "c")])
    put_file(connection, [file_node("a.py"), symbol("a.py", "run")])
    put_file(connection, [file_node("t.c", language="c"), case("t.c", "test_run", "c")])
    graph.link_tests(connection)
    assert edges(connection, EdgeKind.TESTS) == {("test:t.c#test_run", "symbol:a.c#run", 0.9)}


def test_neighbours_are_seen_from_both_ends(connection):
    rows = put_file(connection, [file_node("a.py"), symbol("a.py", "f")])
    outward = graph.neighbours(connection, rows.ids["file:a.py"])
    inward = graph.neighbours(connection, rows.ids["symbol:a.py#f"])
    assert [(one.kind, one.direction, one.node.id) for one in outward] == [
        (EdgeKind.DEFINES, "out", "symbol:a.py#f")
    ]
    assert [(one.kind, one.direction, one.node.id) for one in inward] == [
        (EdgeKind.DEFINES, "in", "file:a.py")
    ]


@pytest.mark.parametrize(
    "asked", ["symbol:src/a.py#Engine.opne", "src/a.py#Engine.open", "Engine.open", "engine.OPEN"]
)
def test_a_wrong_key_is_answered_with_the_one_meant(connection, asked):
    names = ("Engine.open", "Engine.close", "unrelated")
    put_file(connection, [file_node("src/a.py"), *(symbol("src/a.py", name) for name in names)])
    assert graph.suggest(connection, asked, 3)[0] == "symbol:src/a.py#Engine.open"


def test_skips_survive_paths_that_are_not_unicode(connection):
    skipped = [Skip("a\udcff", "not UTF-8"), Skip("big", "too large", "d9")]
    graph.put_skips(connection, skipped)
    assert graph.skips(connection) == [
        Skip("a\\udcff", "not UTF-8"),
        Skip("big", "too large", "d9"),
    ]
    assert graph.skipped_digests(connection) == {"big": "d9"}
    graph.put_skips(connection, [])
    assert graph.skips(connection) == []


@pytest.fixture
def filtered(catalog: Catalog, connection) -> apsw.Connection:
    store = SqliteVectors(catalog, ledger.create_space(connection, SPACE))
    for path, language in (
        ("src/a.py", "python"),
        ("src/deep/b.py", "python"),
        ("src/deep/c.TS", "typescript"),
        ("srcs/d.go", "go"),
        ("odd [x]/e.py", "python"),
    ):
        nodes = [
            file_node(path, language=language),
            symbol(path, "f", language),
            case(path, "test_f", language),
        ]
        put_whole(connection, store, nodes)
    graph.link_tree(connection, REPOSITORY)
    return connection


def kept(connection: apsw.Connection, asked: Filter) -> set[str]:
    ids = graph.resolve(connection, asked)
    assert ids is not None
    assert ids.tolist() == sorted(set(ids.tolist()))
    return {one.node.id for one in fulltext.load(connection, ids.tolist()).values()}


def test_an_empty_filter_keeps_everything(filtered):
    assert graph.resolve(filtered, Filter()) is None


@pytest.mark.parametrize(
    ("asked", "paths"),
    [
        (Filter(languages=("Python",)), {"src/a.py", "src/deep/b.py", "odd [x]/e.py"}),
        (Filter(extensions=(".ts", "GO")), {"src/deep/c.TS", "srcs/d.go"}),
        (Filter(paths=("src",)), {"src/a.py", "src/deep/b.py", "src/deep/c.TS"}),
        (Filter(paths=("src/",)), {"src/a.py", "src/deep/b.py", "src/deep/c.TS"}),
        (Filter(paths=("./src/a.py",)), {"src/a.py"}),
        (Filter(paths=("src/*.py",)), {"src/a.py"}),
        (Filter(paths=("**/*.py",)), {"src/a.py", "src/deep/b.py", "odd [x]/e.py"}),
        (Filter(paths=("src/**",)), {"src/a.py", "src/deep/b.py", "src/deep/c.TS"}),
        (Filter(paths=("src/?.py",)), {"src/a.py"}),
        (Filter(paths=("src/[!b-z].py",)), {"src/a.py"}),
        (Filter(paths=("odd [[]x]/e.py",)), {"odd [x]/e.py"}),
        (Filter(paths=("nowhere",)), set()),
        (Filter(paths=("src", "srcs/d.go"), languages=("go",)), {"srcs/d.go"}),
    ],
)
def test_filters_keep_what_they_say(filtered, asked, paths):
    wanted = {
        key for path in paths for key in (f"file:{path}", f"symbol:{path}#f", f"test:{path}#test_f")
    }
    assert kept(filtered, asked) == wanted


def test_kinds_are_kept_with_other_filters(filtered):
    asked = Filter(kinds=(NodeKind.TEST, NodeKind.DIRECTORY), paths=("src/deep",))
    assert kept(filtered, asked) == {"test:src/deep/b.py#test_f", "test:src/deep/c.TS#test_f"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Filter(languages=("pyhton",)), r"'pyhton'.*go, python, typescript"),
        (Filter(extensions=("rs",)), r"'rs'.*go, py, ts"),
        (Filter(kinds=(NodeKind.COMMIT,)), r"'commit'.*symbol"),
        (Filter(kinds=(NodeKind.DIRECTORY,), languages=("go",)), "no meaning for directory"),
        (Filter(kinds=(NodeKind.REPOSITORY,), paths=("src",)), "no meaning for repository"),
    ],
)
def test_a_filter_that_nothing_can_satisfy_says_so(filtered, asked, told):
    with pytest.raises(FilterError, match=told):
        graph.resolve(filtered, asked)


def test_the_views_open_in_any_sqlite_and_carry_readable_ids(catalog: Catalog, tmp_path: Path):
    with catalog.write() as connection:
        store = SqliteVectors(catalog, ledger.create_space(connection, SPACE))
        put_whole(
            connection,
            store,
            [file_node("src/a.py"), symbol("src/a.py", "fold"), case("src/a.py", "test_fold")],
        )
        graph.link_tree(connection, REPOSITORY)
        graph.link_tests(connection)
    catalog.close()
    plain = sqlite3.connect(f"file:{tmp_path / 'index.db'}?mode=ro", uri=True)
    plain.row_factory = sqlite3.Row

    def rows(view: str) -> list[dict[str, object]]:
        return [dict(row) for row in plain.execute(f"SELECT * FROM {view}")]  # noqa: S608 -- fixed names

    assert rows("files") == [
        {
            "id": "file:src/a.py",
            "repo_id": "repository:sample",
            "file_path": "src/a.py",
            "file_name": "a.py",
            "file_extension": "py",
            "language": "python",
            "size_kb": 2.0,
        }
    ]
    symbols = rows("code_nodes")
    assert [one["id"] for one in symbols] == ["symbol:src/a.py#fold"]
    assert (
        symbols[0].items()
        >= {
            "name": "fold",
            "signature": "def fold()",
            "language": "python",
            "file_path": "src/a.py",
            "start_line": 2,
            "end_line": 9,
        }.items()
    )
    assert [one["id"] for one in rows("test_nodes")] == ["test:src/a.py#test_fold"]
    assert [one["id"] for one in rows("directories")] == ["directory:src"]
    assert rows("commits") == rows("pull_requests") == []
    tested = {
        "source": "test:src/a.py#test_fold",
        "kind": "tests",
        "target": "symbol:src/a.py#fold",
        "confidence": 0.9,
    }
    assert tested in rows("edges")
    assert (
        rows("vector_metadata")[0].items() >= {"dimension": 32, "distance_metric": "cosine"}.items()
    )
    plain.close()
