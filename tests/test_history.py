"""The history of a repository in its index: commits, pull requests, and who touched what."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from conftest import Repository
from driver import engine_on, in_process
from hikma import history, indexing
from hikma.domain import Filter, Mode, NodeKind, Query
from hikma.errors import UsageError
from processes import Driver
from rows import differences, rows_of

FUNCTION = "def {name}(x):\n    y = x + {n}\n    return y\n\n\n"
HISTORY = (NodeKind.COMMIT, NodeKind.PULL_REQUEST)


def code(**bodies):
    """Return a file with a function of three lines for each name, in order, every five lines."""
    return "".join(FUNCTION.format(name=name, n=n) for name, n in bodies.items())


@pytest.fixture
def in_this_process(monkeypatch):
    """Read without worker processes, where only the rows count."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


def index(repository, database, **options):
    """Index, and close."""
    with engine_on(repository.root, database) as engine:
        return engine.index(**options)


@pytest.fixture
def assert_fresh(tmp_path, in_this_process):
    """The rows are those of a fresh index of the same state, and the doctor finds nothing."""

    def check(repository, database, **options):
        fresh = tmp_path / "fresh.db"
        fresh.unlink(missing_ok=True)
        index(repository, fresh, **options)
        assert differences(rows_of(database), rows_of(fresh)) == []
        with engine_on(repository.root, database) as engine:
            assert engine.examine() == []

    return check


def asked(database, sql, *bound):
    """Ask as any program would that knows SQLite and nothing of Hikma."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, bound).fetchall()


def edges(database, kind):
    """Return {target: sources} of a kind of edge, commits by their subjects."""
    names = dict(asked(database, "SELECT key, name FROM node"))
    found = {}
    sql = "SELECT source, target FROM edges WHERE kind = ?"
    for source, target in asked(database, sql, kind):
        ends = [names[one] if one.startswith("commit:") else one for one in (source, target)]
        found.setdefault(ends[1], set()).add(ends[0])
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A repository with pull requests told in every way, and its index, made by real workers."""
    folder = tmp_path_factory.mktemp("told")
    repository = Repository(folder / "sample")
    repository.root.mkdir()
    repository.git("init", "--quiet")
    ids = {}

    def commit(message, hour, **bodies):
        repository.write("a.py", code(**bodies))
        date = f"2024-03-01T{hour:02}:00:00+00:00"
        ids[message.partition("\n")[0]] = repository.commit(message, date=date)

    commit("First", 8, read=1, write=1)
    commit("Widen the walrus (#7)\n\nIt was narrow.", 9, read=2, write=1)
    repository.git("checkout", "--quiet", "-b", "feature")
    commit("Add close", 10, read=2, write=1, close=1)
    repository.write("notes.txt", "of no symbol\n")
    ids["Note"] = repository.commit("Note", author="grace", date="2024-03-01T11:00:00+00:00")
    repository.git("checkout", "--quiet", "main")
    message = "Merge pull request #8 from grace/feature\n\nClose the door\n\nIt was open."
    repository.git("merge", "--quiet", "--no-ff", "--message", message, "feature")
    ids["Merge"] = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "open")
    ids["Still open"] = repository.commit("Still open", date="2024-03-01T13:00:00+00:00")
    repository.git("checkout", "--quiet", "main")
    repository.git("update-ref", "refs/pull/9/head", "open")
    repository.git("update-ref", "refs/pull/8/head", "feature")
    report = index(repository, folder / "index.db")
    return repository, folder / "index.db", ids, report


def test_the_view_of_commits_holds_every_commit(told):
    _, database, ids, report = told
    found = asked(database, "SELECT hash, message, author, date FROM commits ORDER BY date, hash")
    assert {hash_ for hash_, *_ in found} == set(ids.values()) - {ids["Still open"]}
    assert (ids["Note"], "Note", "Grace Hopper", "2024-03-01T11:00:00+00:00") in found
    told_long = next(
        message for hash_, message, *_ in found if hash_ == ids["Widen the walrus (#7)"]
    )
    assert told_long == "Widen the walrus (#7)\n\nIt was narrow."
    assert (report.history.added, report.history.removed) == (5, 0)
    assert (report.history.gaps, report.history.missing) == ({}, 0)
    assert report.kinds["commit"] == 5


def test_the_view_of_pull_requests_holds_each_number_once(told):
    """Squashed, merged, and known by its reference only."""
    _, database, _, report = told
    found = asked(
        database,
        "SELECT number, title, description, author, state FROM pull_requests ORDER BY number",
    )
    assert found == [
        (7, "Widen the walrus", "It was narrow.", "Ada Byron", "merged"),
        (8, "Close the door", "It was open.", "grace", "merged"),
        (9, "Still open", "", "Ada Byron", None),
    ]
    assert report.kinds["pull_request"] == 3


def test_a_pull_request_leads_to_the_commits_it_merged(told):
    """A merge to what it brought and to itself; a squash to its one commit."""
    _, database, _, _ = told
    merged = edges(database, "merges")
    merge = "Merge pull request #8 from grace/feature"
    assert merged == {
        "Widen the walrus (#7)": {"pull_request:7"},
        "Add close": {"pull_request:8"},
        "Note": {"pull_request:8"},
        merge: {"pull_request:8"},
    }


def test_a_commit_leads_to_the_files_and_symbols_it_touched(told):
    """The merge wrote nothing, and touched nothing."""
    _, database, _, _ = told
    assert edges(database, "modifies") == {
        "file:a.py": {"First", "Widen the walrus (#7)", "Add close"},
        "symbol:a.py#read": {"First", "Widen the walrus (#7)"},
        "symbol:a.py#write": {"First"},
        "symbol:a.py#close": {"Add close"},
        "file:notes.txt": {"Note"},
    }


def test_commits_and_pull_requests_are_found_by_their_words_and_by_meaning(told):
    """Each has a document with a vector; its message, paths and names are searched."""
    repository, database, ids, _ = told
    with engine_on(repository.root, database) as engine:
        total = {
            one.kind: (one.total, one.missing, one.stale) for one in engine.vector_stats().kinds
        }
        assert total[NodeKind.COMMIT] == (5, 0, 0)
        assert total[NodeKind.PULL_REQUEST] == (3, 0, 0)
        for mode in (Mode.LEXICAL, Mode.SEMANTIC):
            result = engine.search(Query("walrus narrow", Filter(kinds=HISTORY), mode=mode))
            assert {result.hits[0].id, result.hits[1].id} == {
                f"commit:{ids['Widen the walrus (#7)']}",
                "pull_request:7",
            }
        result = engine.search(Query("notes.txt", Filter(kinds=(NodeKind.COMMIT,))))
        assert result.hits[0].id == f"commit:{ids['Note']}"
        assert engine.examine() == []


def test_with_nothing_changed_nothing_is_written(told, in_this_process, tmp_path):
    """Also where the same pull requests are given again."""
    repository, built, ids, _ = told
    database = Path(shutil.copy(built, tmp_path / "index.db"))
    given = tmp_path / "pulls.json"
    given.write_text(json.dumps([{"number": 9, "title": "Given", "commits": [ids["First"]]}]))
    index(repository, database, pull_requests=given)
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as watcher:
        version = watcher.execute("PRAGMA data_version").fetchall()
        before = [database.read_bytes(), database.stat().st_mtime_ns]
        for options in ({}, {"pull_requests": given}):
            report = index(repository, database, **options)
            assert (report.history.added, report.history.removed, report.embedded) == (0, 0, 0)
            assert watcher.execute("PRAGMA data_version").fetchall() == version
            assert [database.read_bytes(), database.stat().st_mtime_ns] == before


# What people do to branches; each ends in the rows of a fresh index.


@pytest.fixture
def grown(make_repository, tmp_path, in_this_process):
    """Two commits on main, a branch `side` off the first, and the index of main."""
    repository = make_repository({"a.py": code(read=1, write=1), "b.py": code(close=1)})
    repository.git("checkout", "--quiet", "-b", "side")
    repository.write("b.py", code(close=2))
    repository.commit("On side", date="2024-03-01T13:00:00+00:00")
    repository.git("checkout", "--quiet", "main")
    repository.write("a.py", code(read=2, write=1))
    repository.commit("On main (#3)", date="2024-03-01T14:00:00+00:00")
    index(repository, tmp_path / "index.db")
    return repository, tmp_path / "index.db"


def test_only_commits_that_came_are_read(grown, assert_fresh):
    repository, database = grown
    repository.write("a.py", code(read=2, write=2))
    repository.commit("Later")
    report = index(repository, database)
    assert (report.history.added, report.history.removed) == (1, 0)
    assert edges(database, "modifies")["symbol:a.py#write"] == {"First", "Later"}
    assert_fresh(repository, database)


def test_an_amended_commit_replaces_the_former(grown, assert_fresh):
    """With the pull request that it alone spoke of."""
    repository, database = grown
    repository.git("commit", "--quiet", "--amend", "--message", "Said better")
    report = index(repository, database)
    assert (report.history.added, report.history.removed) == (1, 1)
    assert asked(database, "SELECT number FROM pull_requests") == []
    assert edges(database, "modifies")["symbol:a.py#read"] == {"First", "Said better"}
    assert_fresh(repository, database)


def test_an_old_branch_is_merged(grown, assert_fresh):
    repository, database = grown
    repository.git("merge", "--quiet", "--no-edit", "side")
    report = index(repository, database)
    assert (report.history.added, report.history.removed) == (2, 0)
    assert edges(database, "modifies")["symbol:b.py#close"] == {"First", "On side"}
    assert_fresh(repository, database)


def test_what_is_merged_into_a_branch_leads_through_that_branch(
    make_repository, tmp_path, assert_fresh
):
    """The other way round: what main undid by itself is not on the way any more."""
    repository = make_repository({"a.py": code(read=1), "b.py": code(close=1)})
    repository.git("branch", "side")
    for n, message in ((2, "Try"), (1, "Undo")):
        repository.write("a.py", code(read=n))
        repository.commit(message)
    database = tmp_path / "index.db"
    index(repository, database)
    assert edges(database, "modifies")["symbol:a.py#read"] == {"First", "Try", "Undo"}
    repository.git("checkout", "--quiet", "side")
    repository.write("b.py", code(close=2))
    repository.commit("On side")
    repository.git("merge", "--quiet", "--no-edit", "main")
    index(repository, database)
    assert edges(database, "modifies")["symbol:a.py#read"] == {"First"}
    assert_fresh(repository, database)


def test_a_branch_is_rebased_and_another_checked_out(grown, assert_fresh):
    repository, database = grown
    repository.git("checkout", "--quiet", "side")
    report = index(repository, database)
    assert (report.history.added, report.history.removed) == (1, 1)
    assert_fresh(repository, database)
    repository.git("rebase", "--quiet", "main")
    report = index(repository, database)
    assert (report.history.added, report.history.removed) == (2, 1)
    assert_fresh(repository, database)


def test_an_unrelated_history_is_pushed_over_it(grown, assert_fresh):
    """Also where git has collected the former one."""
    repository, database = grown
    repository.git("checkout", "--quiet", "--orphan", "anew")
    repository.git("commit", "--quiet", "--message", "Anew")
    for name in ("main", "side"):
        repository.git("branch", "--quiet", "-D", name)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    report = index(repository, database)
    assert (report.history.added, report.history.removed) == (1, 2)
    assert edges(database, "modifies")["symbol:a.py#read"] == {"Anew"}
    assert_fresh(repository, database)


def test_what_is_not_committed_has_no_commit(grown, assert_fresh):
    """Lines above a function that are not committed move it, and touch nothing."""
    repository, database = grown
    repository.write("a.py", "import os\n\n\n" + code(read=2, write=1, more=1))
    repository.write("c.py", code(extra=1))
    (repository.root / "b.py").rename(repository.root / "moved.py")
    index(repository, database)
    assert edges(database, "modifies") == {
        "file:a.py": {"First", "On main (#3)"},
        "symbol:a.py#read": {"First", "On main (#3)"},
        "symbol:a.py#write": {"First"},
    }
    assert_fresh(repository, database)
    repository.commit("Now it is")
    index(repository, database)
    found = edges(database, "modifies")
    assert found["symbol:a.py#more"] == {"Now it is"}
    assert found["symbol:moved.py#close"] == {"First"}, "a rename touches no line"
    assert found["file:moved.py"] == {"First", "Now it is"}
    assert_fresh(repository, database)


def test_a_file_that_changed_and_changed_back_keeps_its_commits(grown, assert_fresh):
    """Between the two the history was left alone; the function was gone and is back."""
    repository, database = grown
    kept = (repository.root / "a.py").read_text()
    repository.write("a.py", code(read=2))
    index(repository, database, history=False)
    repository.write("a.py", kept)
    index(repository, database)
    assert edges(database, "modifies")["symbol:a.py#write"] == {"First"}
    assert_fresh(repository, database)


def test_without_history_there_is_none_until_it_is_asked_for(
    make_repository, tmp_path, assert_fresh
):
    repository = make_repository({"a.py": code(read=1)})
    database = tmp_path / "index.db"
    report = index(repository, database, history=False)
    assert report.history is None
    assert asked(database, "SELECT count(*) FROM commits") == [(0,)]
    assert index(repository, database).history.added == 1
    assert_fresh(repository, database)


def test_a_revision_has_its_own_history(grown, tmp_path):
    """What came later is not in it, and `refs/pull` are the repository's."""
    repository, _ = grown
    first = repository.git("rev-parse", "side")
    with engine_on(repository.root, tmp_path / "x" / "index.db") as engine:
        of_revision = type(engine)(engine.root, engine.settings, first, models=engine._models)
        with of_revision:
            report = of_revision.index()
            database = of_revision.database
    assert report.history.added == 2
    assert {name for (name,) in asked(database, "SELECT message FROM commits")} == {
        "First",
        "On side",
    }
    assert edges(database, "modifies")["symbol:b.py#close"] == {"First", "On side"}


# Pull requests that the user describes, and references.


def test_what_is_given_stays_and_counts_before_what_commits_say(grown, tmp_path, assert_fresh):
    """Through later commits and a full rebuild; what is not given is left as commits say it."""
    repository, database = grown
    first = repository.git("rev-parse", "HEAD~1")
    given = tmp_path / "pulls.json"
    described = {"number": 3, "title": "Given", "state": "OPEN", "labels": [{"name": "bug"}]}
    given.write_text(json.dumps([described, {"number": 4, "body": "Four", "commits": [first]}]))
    index(repository, database, pull_requests=given)
    repository.write("a.py", code(read=3, write=1))
    repository.commit("Later")
    wanted = [
        (3, "Given", "", "Ada Byron", "open", "bug"),
        (4, "#4", "Four", None, None, None),
    ]
    sql = "SELECT number, title, description, author, state, labels FROM pull_requests"
    for options in ({}, {"full": True}, {"full": True, "history": False}, {}):
        index(repository, database, **options)
        if options.get("history", True):
            assert asked(database, f"{sql} ORDER BY number") == wanted, options
    assert edges(database, "merges") == {
        "On main (#3)": {"pull_request:3"},
        "First": {"pull_request:4"},
    }
    assert_fresh(repository, database, pull_requests=given)


def test_a_commit_that_comes_later_is_linked_to_what_was_given(grown, tmp_path, assert_fresh):
    repository, database = grown
    given = tmp_path / "pulls.json"
    side = repository.git("rev-parse", "side")
    given.write_text(json.dumps([{"number": 4, "mergeCommit": {"oid": side}}]))
    index(repository, database, pull_requests=given)
    assert "On side" not in edges(database, "merges")
    repository.git("merge", "--quiet", "--no-edit", "side")
    index(repository, database)
    assert edges(database, "merges")["On side"] == {"pull_request:4"}
    assert_fresh(repository, database, pull_requests=given)


def test_references_come_move_and_go_without_a_commit(grown, assert_fresh):
    repository, database = grown
    sql = "SELECT number, title FROM pull_requests WHERE number > 3 ORDER BY number"
    for target, expected in (("side", "On side"), ("main", "On main (#3)")):
        repository.git("update-ref", "refs/pull/5/head", target)
        index(repository, database)
        assert asked(database, sql) == [(5, expected)]
    assert_fresh(repository, database)
    repository.git("update-ref", "-d", "refs/pull/5/head")
    index(repository, database)
    assert asked(database, sql) == []
    assert_fresh(repository, database)


def test_pull_requests_without_a_history_are_refused(grown, tmp_path):
    """Else the file would be read and nothing said of it."""
    repository, database = grown
    given = tmp_path / "pulls.json"
    given.write_text("[]")
    with pytest.raises(UsageError, match="history"):
        index(repository, database, pull_requests=given, history=False)
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(UsageError, match="history"):
        index(Repository(plain), tmp_path / "plain.db", pull_requests=given)


# Clones that lack something.


@pytest.fixture
def long(make_repository, in_this_process):
    """Five commits that each change `read`; the third is a merged pull request's."""
    repository = make_repository({"a.py": code(read=0, write=0)})
    for n in range(1, 5):
        repository.write("a.py", code(read=n, write=0))
        repository.commit(f"Number {n} (#{n})", date=f"2024-03-01T{n + 12}:00:00+00:00")
    repository.git("config", "uploadpack.allowFilter", "true")
    return repository


def clone(repository, tmp_path, *options):
    repository.git("clone", "--quiet", *options, repository.root.as_uri(), str(tmp_path / "clone"))
    return Repository(tmp_path / "clone")


def test_a_shallow_clone_says_so_and_is_completed_when_it_is_deepened(long, tmp_path, assert_fresh):
    """HEAD stays where it is; the commit at the end is not said to have written everything."""
    cloned = clone(long, tmp_path, "--depth", "2")
    database = tmp_path / "index.db"
    report = index(cloned, database)
    assert report.history.added == 2
    assert [count for reason, count in report.history.gaps.items() if "shallow" in reason] == [1]
    assert edges(database, "modifies") == {
        "file:a.py": {"Number 4 (#4)"},
        "symbol:a.py#read": {"Number 4 (#4)"},
    }
    assert index(cloned, database).history.added == 0
    with engine_on(cloned.root, database) as engine:
        (note,) = engine.search(Query("read", Filter(kinds=HISTORY))).degraded
        assert "behind a gap" in note
        assert "shallow" in note
        assert engine.search(Query("read")).degraded == (), "nothing here depends on the history"
    for step in (("--deepen", "1"), ("--unshallow",)):
        cloned.git("fetch", "--quiet", *step)
        report = index(cloned, database)
        assert_fresh(cloned, database)
    assert (report.history.gaps, report.history.missing) == ({}, 0)
    assert len(edges(database, "modifies")["symbol:a.py#read"]) == 5


def test_a_clone_without_contents_has_files_and_is_completed_when_they_come(
    long, tmp_path, assert_fresh
):
    """`--filter=blob:none`: which lines a commit changed is not known, which files is."""
    cloned = clone(long, tmp_path, "--filter=blob:none")
    database = tmp_path / "index.db"
    report = index(cloned, database)
    assert sum(report.history.gaps.values()) == 4, "all but the root, which is compared to nothing"
    found = edges(database, "modifies")
    assert len(found["file:a.py"]) == 5
    assert "symbol:a.py#read" not in found
    assert_fresh(cloned, database)
    cloned.git(
        "-c", "remote.origin.partialclonefilter=blob:limit=1g", "fetch", "--quiet", "--refetch"
    )
    report = index(cloned, database)
    assert report.history.gaps == {}
    assert len(edges(database, "modifies")["symbol:a.py#read"]) == 5
    assert_fresh(cloned, database)


def lose(repository, name):
    found = repository.git("rev-parse", name)
    (repository.root / ".git/objects" / found[:2] / found[2:]).unlink()


@pytest.mark.parametrize(
    ("lost", "gaps", "missing", "touched"),
    [
        ("HEAD~2", 1, 1, {"Number 4 (#4)"}),
        ("HEAD~2^{tree}", 2, 0, {"Number 4 (#4)"}),
        ("HEAD~3:a.py", 2, 0, {"Number 4 (#4)", "Number 3 (#3)"}),
    ],
    ids=["commit", "tree", "content"],
)
def test_missing_objects_are_reported_and_nothing_is_guessed(
    long, tmp_path, lost, gaps, missing, touched
):
    """Behind the gap the function's commits are absent; none is credited that did nothing to it."""
    lose(long, lost)
    database = tmp_path / "index.db"
    report = index(long, database)
    assert (sum(report.history.gaps.values()), report.history.missing) == (gaps, missing)
    assert edges(database, "modifies")["symbol:a.py#read"] == touched
    with engine_on(long.root, database) as engine:
        assert engine.examine() == []
        assert engine.search(Query("read")).hits


def test_a_gap_that_came_ends_what_was_known_behind_it(long, tmp_path, assert_fresh):
    """Also of a file that no commit touched since: nobody knows whether this one did."""
    database = tmp_path / "index.db"
    index(long, database)
    assert len(edges(database, "modifies")["symbol:a.py#read"]) == 5
    for name in ("b.py", "c.py"):
        long.write(name, code(other=1))
        long.commit(f"Add {name}")
    lose(long, "HEAD~1^{tree}")
    index(long, database)
    assert edges(database, "modifies") == {}, "the gap is the commit before the head, and its child"
    assert_fresh(long, database)


# A run that dies.


def many_commits(root, count):
    """Make a repository of many commits, quickly."""
    repository = Repository(root)
    root.mkdir()
    repository.git("init", "--quiet")
    lines = []
    for n in range(count):
        content = code(read=n, write=n // 10)
        lines.append(
            f"commit refs/heads/main\ncommitter Ada <ada@example.org> {1_700_000_000 + n} +0000\n"
            f"data <<END\nNumber {n} (#{n // 3 + 1})\nEND\n"
            f"M 644 inline a.py\ndata {len(content)}\n{content}\n"
        )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=root, input="".join(lines).encode(), check=True
    )
    repository.git("reset", "--quiet", "--hard")
    return repository


def test_a_run_killed_in_the_middle_answers_and_is_finished_by_the_next(tmp_path, assert_fresh):
    """The tree is whole before the first commit is read; commits count as soon as they are there."""
    repository = many_commits(tmp_path / "sample", 300)
    database = tmp_path / "index.db"
    with Driver() as driver:
        child = driver.start("index", repository.root, database, commits=1)
        _await_commits(database, 10)
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(driver.finish(child)), "it was still at work"
    with engine_on(repository.root, database) as engine:
        assert 10 <= asked(database, "SELECT count(*) FROM commits")[0][0] < 300
        answer = engine.search(Query("read", Filter(kinds=(NodeKind.SYMBOL,))))
        assert answer.hits[0].id == "symbol:a.py#read"
        assert (answer.index.partial, answer.index.history) == (False, "partial")
        newest = Filter(kinds=(NodeKind.COMMIT,))
        assert engine.search(Query("Number 299", newest)).hits[0].name == "Number 299 (#100)"
    report = index(repository, database)
    assert 0 < report.history.added < 300, "what was read is not read again"
    assert_fresh(repository, database)


def _await_commits(database, count):
    """Wait until another process has stored so many commits."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if database.exists():
            try:
                if asked(database, "SELECT count(*) FROM history")[0][0] >= count:
                    return
            except sqlite3.Error:
                pass  # its tables are not made yet
        time.sleep(0.002)
    pytest.fail("no commit was stored in a minute")


def test_a_tree_that_moved_on_without_its_history_is_told_until_it_is_followed(grown):
    """The lines of a changed file are not followed yet, though no commit is missing."""
    repository, database = grown
    repository.write("a.py", code(other=2))
    with engine_on(repository.root, database) as engine:
        engine.index(history=False)
        assert engine.status().index.history == "partial"
        engine.index()
        assert engine.status().index.history == "complete"
