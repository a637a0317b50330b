"""Topics from commits: nothing later is in the index, and what a commit changed is right or absent."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from conftest import Repository
from driver import engine_on, in_process
from hikma import history, indexing
from hikma.domain import Commit, Mode, Query
from hikma.errors import EvaluationError
from hikma.evaluation import CommitTopics, Unit, commit_topics
from hikma.evaluation.messages import MOST_CHARACTERS, cleaned, refusal

NONCE = "zanzibar"
CODE = """\
class Store:
    def read(self, key):
        value = self.rows[key]
        return value

    def write(self, key, value):
        self.rows[key] = value
        self.dirty = True


def opened(path):
    store = Store()
    store.path = path
    return store
"""


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)


@pytest.fixture
def make_engine(tmp_path):
    """Open an engine whose index lies outside the repository; closed at the end."""
    opened = []

    def make(repository):
        opened.append(engine_on(repository.root.resolve(), tmp_path / "place" / "index.db"))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def ask(make_engine):
    """Return topics by the first line of their text."""

    def topics(repository, back, **wanted):
        found = commit_topics(make_engine(repository), CommitTopics(back, **wanted))
        return {one.text.partition("\n")[0]: one for one in found.topics}

    return topics


def files(topic):
    return set(topic.qrels[Unit.FILES])


def symbols(topic):
    return {one.partition("#")[2] for one in topic.qrels[Unit.SYMBOLS]}


def everything_in(database):
    """Return every text in every ordinary table and in the words of both indexes."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
        tables = [name for (name,) in connection.execute(sql)]
        asked = [f'SELECT * FROM "{name}"' for name in tables]  # noqa: S608 -- names of tables
        rows = [row for sql in asked for row in connection.execute(sql)]
    texts = [one for row in rows for one in row if isinstance(one, str)]
    raw = [one for row in rows for one in row if isinstance(one, bytes)]
    return "\n".join([*texts, *(one.decode("latin-1") for one in raw)]).lower()


def test_no_later_word_is_in_the_index(make_repository, make_engine):
    """Not a later commit's message or content, a branch, a tag, or a pull request's reference."""
    repository = make_repository({"store.py": CODE, "other.py": "x = 1\n"})
    repository.write("other.py", "x = 2\n")
    old = repository.commit("Count to two, as people do")
    repository.write("other.py", f"x = 3  # {NONCE}\n")
    repository.commit(f"Sail to {NONCE} at last (#7)\n\nThe {NONCE} of old.")
    repository.git("checkout", "--quiet", "-b", NONCE)
    repository.write(f"{NONCE}.py", f"def {NONCE}():\n    return 1\n")
    repository.commit(f"A {NONCE} that is still open")
    repository.git("update-ref", "refs/pull/9/head", NONCE)
    repository.git("tag", "--annotate", "--message", NONCE, "v9")
    repository.git("checkout", "--quiet", "main")
    repository.write("store.py", CODE.replace("rows", NONCE))
    repository.commit("Name the rows of the store anew")
    repository.write("store.py", CODE + f"# {NONCE} in the work tree\n")
    engine = make_engine(repository)
    topics = commit_topics(engine, CommitTopics(2))
    assert topics.revision == old
    assert [one.text.partition("\n")[0] for one in topics.topics] == [
        "Name the rows of the store anew",
        f"Sail to {NONCE} at last",
    ]
    with engine.at(old) as older:
        assert NONCE not in everything_in(older.database)
        assert "count to two" in everything_in(older.database)
        hits = older.search(Query(NONCE, mode=Mode.LEXICAL)).hits
        assert hits == ()


def test_an_index_of_a_revision_made_before_forgets_what_came_later(make_repository, make_engine):
    """A reference that was there when another version made the file is dropped by the next run."""
    repository = make_repository({"store.py": CODE})
    old = repository.git("rev-parse", "HEAD")
    repository.write("store.py", CODE.replace("rows", "lines"))
    repository.commit("Name the rows of the store anew")
    engine = make_engine(repository)
    commit_topics(engine, CommitTopics(1))
    repository.git("update-ref", "refs/pull/9/head", "main")
    commit_topics(engine, CommitTopics(1))
    with engine.at(old) as older:
        assert "anew" not in everything_in(older.database)


def test_a_reference_to_what_came_before_stays(make_repository, make_engine):
    repository = make_repository({"store.py": CODE})
    repository.git("update-ref", "refs/pull/9/head", "main")
    old = repository.git("rev-parse", "HEAD")
    repository.write("store.py", CODE.replace("rows", "lines"))
    repository.commit("Name the rows of the store anew")
    engine = make_engine(repository)
    commit_topics(engine, CommitTopics(1))
    with engine.at(old) as older:
        assert "pull_request:9" in everything_in(older.database)


def test_what_the_user_gave_of_pull_requests_is_refused(make_repository, make_engine, tmp_path):
    """It may tell of what came later, and nothing in the file says when it was known."""
    repository = make_repository({"store.py": CODE})
    old = repository.git("rev-parse", "HEAD")
    repository.write("store.py", CODE.replace("rows", "lines"))
    repository.commit("Name the rows of the store anew")
    given = tmp_path / "pulls.json"
    given.write_text('[{"number": 3, "title": "Later", "body": "", "state": "MERGED"}]')
    engine = make_engine(repository)
    with engine.at(old) as older:
        older.index(pull_requests=given)
    with pytest.raises(EvaluationError, match="--pull-requests"):
        commit_topics(engine, CommitTopics(1))


def test_a_commit_is_relevant_to_the_innermost_symbols_whose_lines_it_changed(make_repository, ask):
    repository = make_repository({"store.py": CODE})
    repository.write(
        "store.py", CODE.replace("        return value\n", "        return value, 1\n")
    )
    repository.commit("Return how often a value was read")
    repository.write("store.py", CODE + "\n\ndef closed():\n    return None\n")
    repository.commit("Close the store behind its callers")
    found = ask(repository, 2)
    read, closed = found.values()
    read, closed = (
        found["Return how often a value was read"],
        found["Close the store behind its callers"],
    )
    assert (files(read), symbols(read)) == ({"store.py"}, {"Store.read"})
    assert files(closed) == {"store.py"}
    assert symbols(closed) == {"Store.read"}  # it also took the first change back


def test_lines_put_between_are_of_the_symbol_around_them(make_repository, ask):
    repository = make_repository({"store.py": CODE})
    at = "        self.dirty = True\n"
    repository.write("store.py", CODE.replace(at, f"        self.log(key)\n{at}"))
    repository.commit("Log what is written to the store")
    between = "\n    def write"
    repository.write("store.py", CODE.replace(between, f"\n    size = 0\n{between}"))
    repository.commit("Give every store a size of zero")
    found = ask(repository, 2)
    assert symbols(found["Log what is written to the store"]) == {"Store.write"}
    assert "Store" in symbols(found["Give every store a size of zero"])


def test_a_symbol_is_followed_through_what_moved_it(make_repository, ask):
    """Earlier commits after the revision shift the lines and rename the file; the old id counts."""
    repository = make_repository({"store.py": CODE, "other.py": "x = 1\n"})
    moved = f"import os\nimport sys\n\n\n{CODE}"
    repository.write("store.py", moved)
    repository.commit("Import what is going to be needed")
    repository.git("mv", "store.py", "shop.py")
    repository.commit("Call the store a shop everywhere")
    repository.write("shop.py", moved.replace("self.dirty = True", "self.dirty = 1"))
    repository.commit("Mark a dirty store by a number")
    found = ask(repository, 3)
    last = found["Mark a dirty store by a number"]
    assert (files(last), symbols(last)) == ({"store.py"}, {"Store.write"})
    renamed = found["Call the store a shop everywhere"]
    assert (files(renamed), symbols(renamed)) == ({"store.py"}, set())


def test_a_symbol_that_was_replaced_before_is_let_go(make_repository, ask):
    """What took its place under another name is none of the old tree's symbols."""
    repository = make_repository({"store.py": CODE})
    head, _, _ = CODE.partition("def opened")
    repository.write("store.py", head + "def reached(a, b, c):\n    yield a\n    yield b, c, 1\n")
    repository.commit("Reach stores in another way")
    repository.write("store.py", head + "def reached(a, b, c):\n    yield a\n    yield c, b, 2\n")
    repository.commit("Yield what is reached in another order")
    found = ask(repository, 2)
    last = found["Yield what is reached in another order"]
    assert (files(last), symbols(last)) == ({"store.py"}, set())


def test_only_files_of_the_old_index_count(make_repository, ask):
    """A deleted file counts, one that came later does not, nor one that is never indexed."""
    repository = make_repository(
        {"store.py": CODE, "gone.py": "def gone():\n    return 1\n", "yarn.lock": "a\n"}
    )
    repository.git("rm", "--quiet", "gone.py")
    repository.write("later.py", "def later():\n    return 1\n")
    repository.write("yarn.lock", "b\n")
    repository.commit("Put later in the place of gone")
    repository.write("later.py", "def later():\n    return 2\n")
    repository.commit("Let later return two of them")
    found = ask(repository, 2)
    assert list(found) == ["Put later in the place of gone"]
    topic = found["Put later in the place of gone"]
    assert (files(topic), symbols(topic)) == ({"gone.py"}, set())


def test_commits_of_merged_branches_are_topics_and_the_merge_is_none(make_repository, ask):
    """The branch may have left the main line before the revision."""
    repository = make_repository({"store.py": CODE, "other.py": "x = 1\n"})
    repository.git("checkout", "--quiet", "-b", "side")
    repository.write("store.py", CODE.replace("return store", "return store.path"))
    repository.commit("Return where the opened store lies")
    repository.git("checkout", "--quiet", "main")
    repository.write("other.py", "x = 2\n")
    repository.commit("Count to two, as people do")
    repository.git("merge", "--quiet", "--no-ff", "--message", "Merge what side has made", "side")
    found = ask(repository, 1)
    assert list(found) == ["Return where the opened store lies"]
    assert symbols(found["Return where the opened store lies"]) == {"opened"}


def test_what_makes_no_topic_is_counted_by_reason(make_repository, make_engine):
    repository = make_repository({f"{n}.py": f"x = {n}\n" for n in range(4)})
    repository.write("0.py", "x = 5\n")
    repository.commit("Count to five from the start")

    def change(message, *paths, **person):
        for path in paths or ("0.py",):
            place = repository.root / path
            repository.write(path, place.read_text() + "x += 1\n" if place.exists() else "y = 1\n")
        repository.commit(message, **person)

    change("Count further than anyone before")
    change("Bump left-pad from 1.0 to 1.1")
    change('Revert "Count further than anyone before"')
    change("Fix it")
    change("Sweep the dust through all files", "0.py", "1.py", "2.py", "3.py")
    change("Add a file that nobody knew", "later.py")
    change("Count to five from the start")
    found = commit_topics(make_engine(repository), CommitTopics(7, most_files=3))
    assert [one.text for one in found.topics] == ["Count further than anyone before"]
    assert dict(found.left_out) == {
        "by robots or of dependencies": 1,
        "reverts": 1,
        "that say too little": 1,
        "of more than 3 files": 1,
        "that touch no indexed file": 1,
        "that say what was said before": 1,
    }


def commit(message, author="Ada", email="ada@example.org", parents=("1" * 40,)):
    return Commit("2" * 40, parents, author, email, "", 0, message)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (commit("Close the door behind the walrus"), ""),
        (commit("Revert the door"), "reverts"),
        (commit("Mend the door\n\nThis reverts commit 0123456."), "reverts"),
        (commit("Bump the door from 1 to 2"), "by robots or of dependencies"),
        (commit("build(deps): bump door"), "by robots or of dependencies"),
        (commit("chore(deps-dev): update doors of all kinds"), "by robots or of dependencies"),
        (commit("go.mod: Upgrade door to v0.59.1"), "by robots or of dependencies"),
        (commit("Update dependency door to v2"), "by robots or of dependencies"),
        (commit("[pre-commit.ci] pre-commit autoupdate"), "by robots or of dependencies"),
        (commit("Open the door wide", "dependabot[bot]"), "by robots or of dependencies"),
        (commit("Open the door wide", "renovate-bot"), "by robots or of dependencies"),
        (commit("v1.2.3 (#17)"), "that say too little"),
        (commit("Fix it\n\nSigned-off-by: Ada Byron <ada@example.org>"), "that say too little"),
        (commit("Merge the doors of all houses", parents=("1" * 40, "3" * 40)), "merges"),
        (commit("Begin the house of all doors", parents=()), "first commits"),
        (commit("Let robots open the door", "Robotham"), ""),
        (commit("Reverberate in the large hall"), ""),
        (commit("Bumpers protect the large door"), ""),
    ],
    ids=lambda one: one.message[:30] if isinstance(one, Commit) else None,
)
def test_a_commit_that_says_nothing_of_its_change_makes_no_topic(made, reason):
    assert refusal(made) == reason


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Close the door (#12)", "Close the door"),
        ("Close the door (#12) (#13)\n\n\n", "Close the door"),
        ("Close the door, fixes #12", "Close the door,"),
        ("Close it\r\n\r\nIt was open.\r\n", "Close it\n\nIt was open."),
        (
            "Close it\n\nOpen since #3.\n\nFixes: #4\nSigned-off-by: A <a@b>\n",
            "Close it\n\nOpen since.",
        ),
        ("Close it\n\nIt was cold.\nCo-authored-by: A <a@b>", "Close it\n\nIt was cold."),
        (
            "Close it (#1)\n\n* Close it\n\n---------\n\nCo-authored-by: A <a@b>",
            "Close it\n\n* Close it",
        ),
        ("Close it\n\n(cherry picked from commit 0123456)", "Close it"),
        ("Close it\n\nCloses https://example.org/a/b/issues/12.", "Close it"),
        ("door: close it in src/door.py", "door: close it in src/door.py"),
        (
            "Close it\n\ndoor.close(): was never called",
            "Close it\n\ndoor.close(): was never called",
        ),
    ],
)
def test_a_message_is_asked_without_trailers_and_numbers(message, text):
    """Paths and names stay, as a person asks with them too."""
    assert cleaned(message) == text


def test_a_long_message_is_cut_at_a_word():
    text = cleaned("Close " + "the door " * 1_000)
    assert len(text) <= MOST_CHARACTERS
    assert text.endswith(("the", "door"))


def test_too_few_commits_are_told_with_how_many_there_are(make_repository, make_engine):
    repository = make_repository({"store.py": CODE})
    repository.commit("Second")
    with pytest.raises(EvaluationError, match=r"only 1 commits lie before .* smaller --back"):
        commit_topics(make_engine(repository), CommitTopics(300))
    with pytest.raises(EvaluationError, match="1 or more"):
        commit_topics(make_engine(repository), CommitTopics(0))


def test_a_shallow_clone_says_how_to_get_more(make_repository, make_engine):
    repository = make_repository({"store.py": CODE})
    for name in ("Second", "Third"):
        repository.commit(name)
    target = repository.root.parent / "clone"
    repository.git("clone", "--quiet", "--depth=2", repository.root.as_uri(), str(target))
    with pytest.raises(EvaluationError, match=r"only 1 commits .*--unshallow"):
        commit_topics(make_engine(Repository(target)), CommitTopics(2))


def test_without_git_or_commits_nothing_can_be_made_of_commits(make_repository, make_engine):
    repository = make_repository(committed=False)
    repository.write("a.py", "x = 1\n")
    with pytest.raises(EvaluationError, match="no commit yet"):
        commit_topics(make_engine(repository), CommitTopics(1))
    shutil.rmtree(repository.root / ".git")
    (repository.root / ".hikma").mkdir()
    with pytest.raises(EvaluationError, match=r"no git repository.*--topics"):
        commit_topics(make_engine(repository), CommitTopics(1))


def test_a_second_run_reads_nothing_anew(make_repository, make_engine):
    repository = make_repository({"store.py": CODE})
    repository.write("store.py", CODE.replace("rows", "lines"))
    repository.commit("Name the rows of the store anew")
    engine = make_engine(repository)
    first = commit_topics(engine, CommitTopics(1))
    with engine.at(first.revision) as older:
        before = older.database.stat().st_mtime_ns
    assert commit_topics(engine, CommitTopics(1)) == first
    with engine.at(first.revision) as older:
        assert older.database.stat().st_mtime_ns == before


def test_a_revision_indexed_by_another_model_is_indexed_anew(make_repository, tmp_path):
    """The file is a means of judging: the model that is judged is the one that is set."""
    repository = make_repository({"store.py": CODE})
    repository.write("store.py", CODE.replace("rows", "lines"))
    repository.commit("Name the rows of the store anew")
    for model in ("static", "mixed"):
        wanted = {"embedding_model": model}
        with engine_on(repository.root.resolve(), tmp_path / "index.db", **wanted) as engine:
            found = commit_topics(engine, CommitTopics(1))
            with engine.at(found.revision) as older:
                assert older.search(Query("rows")).hits
                assert older.status().space.model == model
