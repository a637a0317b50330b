"""Every filter on every kind, against a scan of plain rows that knows nothing of the index."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filter_worlds import DAY, FILES, GONE, MARCH, PULL_DATES, WRITERS, build
from hikma.catalog import authors, completeness, filters, places, rows, state
from hikma.catalog.globs import path_pattern
from hikma.catalog.schema import Catalog
from hikma.domain import HISTORY_KINDS, Filter, NodeKind
from hikma.errors import FilterError

IN_FILES = {NodeKind.FILE, NodeKind.SYMBOL, NodeKind.TEST}
SEEDS = {1: 12, 2: 12, 3: 0}
"""Worlds by seed, and how many pull requests each has."""

PATHS = {
    "src": lambda path: path == "src" or path.startswith("src/"),
    "./src/deep/": lambda path: path == "src/deep" or path.startswith("src/deep/"),
    "lib": lambda path: path == "lib" or path.startswith("lib/"),
    "**/*.py": lambda path: path.endswith(".py"),
    "src/*": lambda path: path.startswith("src/") and path.count("/") == 1,
    "app/[id]/page.ts": lambda path: path == "app/[id]/page.ts",
    "[a-m]*/**": lambda path: "/" in path and path[0] in "abcdefghijklm",
    "nowhere": lambda _path: False,
}
AUTHORS = {
    "ada byron": {("Ada Byron", "ada@example.org"), ("Ada Byron", "byron@work.example")},
    "ADA": {WRITERS[0], WRITERS[1], WRITERS[2]},
    "byron": {WRITERS[0], WRITERS[1]},
    " Byron <byron@work.example> ": {WRITERS[1]},
    "ann": {WRITERS[3]},
    "anna": {WRITERS[4]},
    "jo.lee@example.org": {WRITERS[3]},
    "@example.org": {WRITERS[0], WRITERS[3], WRITERS[5], WRITERS[8]},
    "*@EXAMPLE.org": {WRITERS[0], WRITERS[3], WRITERS[5], WRITERS[8]},
    "A*": {WRITERS[0], WRITERS[1], WRITERS[2], WRITERS[4]},
    "[!a]*": {*WRITERS[1:4], *WRITERS[5:]},
    "dependabot[bot]": {WRITERS[6]},
    "DEPENDABOT": {WRITERS[6]},
    "öz": {WRITERS[7]},
    "neill": {WRITERS[8]},
    "o'neill": {WRITERS[8]},
    "STRASSE": {WRITERS[9]},
    "*straSSe": {WRITERS[9]},
    "straße": {WRITERS[9]},
    "octocat": set(),
    "nobody at all": set(),
}
"""Whom a text means among those who wrote commits, told by reading them."""

PULL_AUTHORS = {
    "ada byron": {"Ada Byron"},
    "ADA": {"ada", "Ada Byron"},
    "byron": {"Ada Byron"},
    "A*": {"ada", "Ada Byron"},
    "[!a]*": {"octocat", "jo-lee", "dependabot[bot]"},
    "dependabot[bot]": {"dependabot[bot]"},
    "DEPENDABOT": {"dependabot[bot]"},
    "octocat": {"octocat"},
}
"""The same among those who are said to have opened a pull request."""


@pytest.fixture(scope="module", params=SEEDS)
def world(request, tmp_path_factory):
    """Return a catalog, open for reading, and its rows."""
    path = tmp_path_factory.mktemp("filters") / "index.db"
    catalog = Catalog.open(path, create=True)
    with catalog.write() as connection:
        rows = build(connection, request.param, pull_requests=SEEDS[request.param])
    with catalog.read() as connection:
        yield connection, rows
    catalog.close()


def extension(path):
    name = path.split("/")[-1]
    found = re.fullmatch(r".+\.([^.]+)", name)
    return found[1].lower() if found else ""


def languages(path):
    return ({FILES[path]} if FILES[path] else set()) if path in FILES else GONE[path]


def is_at(asked, path, spoken):
    """Tell whether a file at a path, in one of these languages, is where a filter asks."""
    return (
        (not asked.paths or any(PATHS[one](path) for one in asked.paths))
        and (
            not asked.extensions
            or extension(path) in {e.lower().strip(".") for e in asked.extensions}
        )
        and (not asked.languages or bool(spoken & {one.lower() for one in asked.languages}))
    )


def is_within(asked, time):
    if time is None:
        return asked.since is None and asked.until is None
    since = asked.since and (asked.since if asked.since.tzinfo else asked.since.replace(tzinfo=UTC))
    until = asked.until and (asked.until if asked.until.tzinfo else asked.until.replace(tzinfo=UTC))
    return (since is None or since.timestamp() <= time) and (
        until is None or time <= until.timestamp()
    )


def is_by(asked, commit):
    return not asked.authors or any(
        (commit.author, commit.email) in AUTHORS[one] for one in asked.authors
    )


def commit_fits(asked, commit):
    modified = [
        path
        for one in commit.changes
        if one.status.value != "S"
        for path in (one.path, one.old_path)
        if path
    ]
    return (
        is_by(asked, commit)
        and is_within(asked, commit.time)
        and (
            not (asked.paths or asked.extensions or asked.languages)
            or any(is_at(asked, path, languages(path)) for path in modified)
        )
    )


def pull_fits(asked, rows, number):
    node, merged = rows.nodes[number], [rows.commits[one] for one in rows.merged[number]]
    author = node.properties.get("author")
    by = (
        not asked.authors
        or any(author in PULL_AUTHORS.get(one, ()) for one in asked.authors)
        or any(is_by(asked, one) for one in merged)
    )
    place = Filter(languages=asked.languages, extensions=asked.extensions, paths=asked.paths)
    return (
        by
        and is_within(asked, PULL_DATES[node.properties.get("date", "")])
        and (place == Filter() or any(commit_fits(place, one) for one in merged))
    )


def tree_fits(asked, rows, number):
    """Tell it of a file, what stands in it, or a directory."""
    node = rows.nodes[number]
    touching = [rows.commits[one] for one, target in rows.touched if target == number]
    return is_at(asked, node.path, {node.language} - {None}) and (
        not (asked.authors or asked.since or asked.until)
        or any(is_by(asked, one) and is_within(asked, one.time) for one in touching)
    )


def meaningful(asked):
    """Return the kinds for which a filter means something."""
    kinds = set(asked.kinds or NodeKind)
    if asked.languages or asked.extensions or asked.authors or asked.since or asked.until:
        kinds &= IN_FILES | HISTORY_KINDS
    if asked.paths:
        kinds &= IN_FILES | HISTORY_KINDS | {NodeKind.DIRECTORY}
    return kinds


def refused(asked, rows):
    """Tell whether nothing in these rows can have what is asked."""
    kinds = meaningful(asked)
    writers = {(one.author, one.email) for one in rows.commits.values()}
    pulls = {rows.nodes[one].properties.get("author") for one in rows.merged}
    past = {
        extension(p) for c in rows.commits.values() for o in c.changes for p in (o.path, o.old_path)
    }
    known = {extension(path) for path in FILES} | (past if kinds & HISTORY_KINDS else set())
    return (
        not kinds
        or (NodeKind.PULL_REQUEST in asked.kinds and not rows.merged)
        or any(one.lower().strip(".") not in known for one in asked.extensions)
        or any(
            not AUTHORS[one] & writers and not PULL_AUTHORS.get(one, set()) & pulls
            for one in asked.authors
        )
    )


def scan(asked, rows):
    """Return the documents that a filter keeps, looking at one after another."""
    kinds, kept = meaningful(asked), set()
    for document, number in rows.documents.items():
        kind = rows.nodes[number].kind
        if kind is NodeKind.COMMIT:
            fits = commit_fits(asked, rows.commits[number])
        elif kind is NodeKind.PULL_REQUEST:
            fits = pull_fits(asked, rows, number)
        else:
            fits = tree_fits(asked, rows, number)
        if fits and kind in kinds:
            kept.add(document)
    return kept


def some(choices):
    few = st.lists(st.sampled_from(choices), min_size=1, max_size=2, unique=True).map(tuple)
    return st.one_of(st.just(()), few)


def moments():
    at = [MARCH - 1, MARCH, MARCH + 1, MARCH + DAY - 1, MARCH + DAY, MARCH + 40 * DAY]
    zones = [UTC, timezone(timedelta(hours=5, minutes=30)), None]
    parts = st.sampled_from([0, 1, 499_999, 500_000, 999_999])

    def moment(seconds, micros, zone):
        found = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
        return found.astimezone(zone) if zone else found.replace(tzinfo=None)

    return st.none() | st.builds(moment, st.sampled_from(at), parts, st.sampled_from(zones))


FILTERS = st.builds(
    Filter,
    kinds=some([one for one in NodeKind if one is not NodeKind.REPOSITORY]),
    languages=some(["python", "Go", "TypeScript", "MAKE", "c", "cpp", "JavaScript"]),
    extensions=some(["py", ".GO", "ts", "h", "coffee", "hidden"]),
    paths=some(sorted(PATHS)),
    authors=some(sorted(AUTHORS)),
    since=moments(),
    until=moments(),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=FILTERS)
def test_a_filter_keeps_exactly_what_a_scan_of_all_rows_keeps(world, asked):
    """Every combination of kind, language, extension, path, author and dates, on every kind."""
    connection, rows = world
    if refused(asked, rows):
        with pytest.raises(FilterError):
            filters.resolve(connection, asked)
        return
    found = filters.resolve(connection, asked)
    if asked == Filter():
        assert found is None
        return
    assert found.tolist() == sorted(found.tolist())
    assert set(found.tolist()) == scan(asked, rows)
    assert len(found) == len(set(found.tolist()))


# What is said when nothing can be kept


@pytest.fixture
def connection(tmp_path):
    """Return a catalog that a test may change."""
    catalog = Catalog.open(tmp_path / "index.db", create=True)
    with catalog.write() as opened:
        yield opened
    catalog.close()


@pytest.fixture
def filled(connection):
    """Return one with a history."""
    build(connection, 1)
    return connection


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Filter(authors=("ada bryon",)), r"Nobody .* 'ada bryon'; near: Ada Byron <ada@example"),
        (Filter(authors=("  ",)), r"Nobody .* '  '; most commits are by: "),
        (Filter(authors=("xyzzy*",)), r"Nobody .* 'xyzzy\*'; most commits are by: "),
        (Filter(authors=("ada", "octocap")), r"Nobody .* 'octocap'; near: octocat"),
        (Filter((NodeKind.DIRECTORY,), authors=("ada",)), "filter on author .* for directory; ask"),
        (Filter((NodeKind.REPOSITORY,), since=datetime(2024, 1, 1, tzinfo=UTC)), "filter on date"),
        (Filter((NodeKind.DIRECTORY,), languages=("go",)), "filter on language has no meaning"),
        (Filter((NodeKind.REPOSITORY,), paths=("src",)), "no meaning for repository; ask for commit"),
        (Filter((NodeKind.SYMBOL,), extensions=("coffee",)), "extension 'coffee'; it has: go, h, md"),
        (Filter(extensions=("exe",)), "extension 'exe'; it has: "),
        (Filter(languages=("cobol",)), "language 'cobol'; it has: c, cpp, go, javascript, make"),
    ],
)  # fmt: skip
def test_what_nothing_can_satisfy_is_an_error_that_says_what_is_there(filled, asked, told):
    with pytest.raises(FilterError, match=told):
        filters.resolve(filled, asked)


def test_a_language_is_resolved_without_reading_places_where_no_history_asks_for_them(
    filled, monkeypatch
):
    """Of 12,000 files and folders that was a third of its time."""
    asked = Filter(languages=("PYTHON",))
    kept = filters.resolve(filled, asked)
    assert len(kept)
    filled.execute("DELETE FROM change")
    filled.execute("DELETE FROM history")
    monkeypatch.setattr(places, "places", None)
    found = filters.resolve(filled, asked)
    sql = "SELECT document.id FROM document JOIN node ON node.id = node WHERE language = 'python'"
    assert found.tolist() == sorted(rows.column(filled, sql))
    assert found.dtype == np.int64


@pytest.mark.parametrize("most", [2**53 + 1, 2**63 - 1])
def test_ids_by_text_are_the_very_ids(connection, most):
    sql = "SELECT value AS id FROM carray(?)"
    given_ids = np.array([most, 7, -(2**63), most - 1], np.int64)
    found = rows.sorted_ids(connection, sql, (rows.numbers(given_ids),))
    assert found.tolist() == sorted(given_ids.tolist())
    assert rows.sorted_ids(connection, f"{sql} WHERE 0", (rows.numbers(given_ids),)).tolist() == []


@pytest.mark.parametrize(("author", "said"), [("byran", "near"), ("x*y*z*", "most commits")])
def test_at_most_ten_authors_are_named(connection, author, said):
    for at in range(30):
        node = bytes([at]) * 20
        connection.execute(
            "INSERT INTO node(id, key, kind, name, qualified_name, signature, path, documentation) "
            "VALUES (?1, 'commit:' || ?1, 'commit', '', '', '', '', '')",
            (at + 1,),
        )
        connection.execute(
            "INSERT INTO history VALUES (?, ?, x'', 0, ?, '', '')",
            (at + 1, node, f"Ada Byron {at}"),
        )
    with pytest.raises(FilterError, match=said) as caught:
        filters.resolve(connection, Filter(authors=(author,)))
    assert str(caught.value).count("Ada Byron") == 10


@pytest.mark.parametrize(
    "asked", [Filter(authors=("ada",)), Filter(since=datetime(2024, 1, 1, tzinfo=UTC))]
)
def test_without_history_an_author_or_a_date_is_an_error_that_says_who_adds_it(connection, asked):
    with pytest.raises(FilterError, match="history, which this index does not hold; `hikma index`"):
        filters.resolve(connection, asked)


def test_one_commit_must_satisfy_author_and_date_together(filled):
    """A symbol that Ada touched early and another late is not Ada's late work."""
    ((symbol, document),) = filled.execute(
        "SELECT node.id, document.id FROM node JOIN document ON document.node = node.id "
        "AND ordinal = 0 WHERE key = 'symbol:src/a.py#f'"
    ).fetchall()
    early, late = datetime(2000, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    filled.execute("DELETE FROM edge WHERE target = ? AND kind = 7", (symbol,))
    commits = [row[0] for row in filled.execute("SELECT node FROM history ORDER BY node LIMIT 2")]
    for node, author, moment in zip(commits, ("Eve", "Mallory"), (early, late), strict=True):
        filled.execute(
            "UPDATE history SET author = ?, email = '', time = ? WHERE node = ?",
            (author, int(moment.timestamp()), node),
        )
        filled.execute("INSERT INTO edge VALUES (?, 7, ?, 1.0)", (node, symbol))

    def kept(**asked):
        return document in filters.resolve(filled, Filter((NodeKind.SYMBOL,), **asked))

    assert kept(authors=("eve",))
    assert kept(authors=("mallory",), since=late, until=late)
    assert not kept(authors=("eve",), since=late)


def test_while_history_is_incomplete_a_filter_works_and_the_result_says_so(filled):
    by_date, by_kind = Filter(since=datetime(1990, 1, 1)), Filter((NodeKind.COMMIT,))  # noqa: DTZ001 -- UTC then
    assert filters.history_note(filled, by_date) is None
    for key, text in ((completeness.COMPLETE, "0"), (completeness.HEAD, "e" * 40)):
        was = state.get(filled, key)
        state.put(filled, key, text)
        for asked in (by_date, by_kind, Filter(authors=("ada",))):
            assert "run `hikma index`" in filters.history_note(filled, asked)
            assert len(filters.resolve(filled, asked))
        assert filters.history_note(filled, Filter(paths=("src",))) is None
        state.put(filled, key, was)


def test_dates_in_the_wrong_order_are_an_error():
    first, last = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 1, 0, 0, 0, 1, tzinfo=UTC)
    filters.check(Filter(since=first, until=last))
    filters.check(Filter(since=first, until=first))
    with pytest.raises(FilterError, match=r"since 2024-03-01 00:00.* is after until 2024-03-01"):
        filters.check(Filter(since=last, until=first))


SIGNS = st.text("ab/*?[]!^-.", max_size=8)
PARTS = [
    "a",
    "b",
    "/",
    ".",
    "*",
    "**",
    "**/",
    "/**",
    "?",
    "[ab]",
    "[!a]",
    "[b-a]",
    "[a-b]",
    "[",
    "]",
]
GLOBS = st.lists(st.sampled_from(PARTS), max_size=5).map("".join)


def test_what_fits_a_pattern_passes_the_rough_test_that_is_asked_of_the_database():
    with closing(sqlite3.connect(":memory:")) as database:

        @settings(max_examples=1_000)
        @given(given_path=GLOBS | SIGNS, path=st.text("ab/.[", max_size=5))
        def holds(given_path, path):
            pattern = path_pattern(given_path)
            passes = database.execute("SELECT ? GLOB ?", (path, pattern.rough)).fetchone() == (1,)
            assert passes or not pattern.fits(path)

        holds()


@settings(max_examples=500)
@given(asked=SIGNS, name=SIGNS)
def test_no_text_is_a_wrong_author(asked, name):
    """Whatever stands in it, it means those whose name it is, and is no error of a pattern."""
    assert authors.means(asked)((name, "")) or asked.strip() != name or not name
