"""Whatever is done to branches, the history ends as a fresh one would: random scripts of git."""

import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conftest import Repository
from driver import in_process
from fakes import HashingEmbedder
from hikma import crediting, history, indexing
from hikma.engine import Engine
from hikma.settings import Settings
from rows import differences, rows_of

PATHS = ("a.py", "b.py", "pkg/c.py")
FUNCTIONS = ("read", "write", "close_all")
MESSAGES = (
    "Work",
    "Work on it (#1)",
    "Other words (#2)",
    "Merge pull request #1 from ada/side\n\nBetter words\n\nAnd why.",
    "Merge branch 'x' into 'main'\n\nGitLab's words\n\nSee merge request grace/sample!3",
)
BRANCHES = ("main", "side", "other")


class Interruption(Exception):  # noqa: N818 -- an event of the script, not an error
    """Raised in the middle of indexing."""


class Play:
    """Carries steps out on a repository and its index; a step that git refuses is undone."""

    def __init__(self, folder):
        self.repository = Repository(folder / "sample")
        self.repository.root.mkdir()
        self.folder = folder
        self.database = folder / "index.db"
        self.clock = 0
        self.given = {}
        self.git("init", "--quiet")
        for path in PATHS:
            self.write(path, "".join(self.function(name) for name in FUNCTIONS))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "First")
        for name in BRANCHES[1:]:
            self.branch(name)
            self.alter(PATHS[0], self.clock, "put")
            self.commit(f"On {name} (#4)")
            self.switch("main")

    def git(self, *arguments):
        self.clock += 1
        moment = f"2024-03-01T12:{self.clock // 120:02}:{self.clock // 2 % 60:02}+00:00"
        return self.repository.git(*arguments, date=moment)

    def try_git(self, *arguments, undo=("merge",)):
        try:
            self.git(*arguments)
        except subprocess.CalledProcessError:
            with suppress(subprocess.CalledProcessError):  # it had not begun
                self.git(*undo, "--abort")

    def function(self, name):
        self.clock += 1
        return f"def {name}(x):\n    y = x + {self.clock}\n    return y\n\n\n"

    def write(self, path, text):
        self.repository.write(path, text)

    def engine(self, database):
        wanted = Settings(database=database, vector_batch_size=3)
        return Engine(self.repository.root, wanted, models=lambda name: HashingEmbedder(16, name))

    def run(self, step):
        do, *arguments = step
        getattr(self, do)(*arguments)

    # What people do to files.

    def alter(self, path, place, line):
        """Replace one line, remove it, or put one before it."""
        file = self.repository.root / path
        if not file.is_file():
            self.write(path, self.function(FUNCTIONS[place % 3]))
            return
        lines = file.read_text().split("\n")
        at = place % len(lines)
        self.clock += 1
        lines[at : at + (line != "insert")] = [] if line == "drop" else [f"    z = {self.clock}"]
        file.write_text("\n".join(lines))

    def define(self, path, name):
        file = self.repository.root / path
        before = file.read_text() if file.is_file() else ""
        self.write(path, before + self.function(name))

    def rename(self, path, other):
        source, target = self.repository.root / path, self.repository.root / other
        if source.is_file() and not target.exists():
            target.parent.mkdir(exist_ok=True)
            source.rename(target)

    def delete(self, path):
        (self.repository.root / path).unlink(missing_ok=True)

    # What people do to branches.

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def amend(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--amend", "--message", message)

    def branch(self, name):
        self.commit("Before a branch")
        self.try_git("checkout", "--quiet", "-B", name)

    def switch(self, name):
        self.try_git("checkout", "--quiet", "--force", name)

    def merge(self, name, side, message):
        self.commit("Before a merge")
        options = ["--quiet", "--no-ff", "-X", side, "--message", message]
        self.try_git("merge", *options, name, undo=("merge",))

    def rebase(self, name):
        self.commit("Before a rebase")
        self.try_git("rebase", "--quiet", "-X", "ours", name, undo=("rebase",))

    def reset(self, back):
        self.try_git("reset", "--quiet", "--hard", f"HEAD~{back}")

    def orphan(self):
        """Start an unrelated history with the same files, as a force-push may."""
        self.git("add", "--all")
        self.git("checkout", "--quiet", "--orphan", f"orphan-{self.clock}")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Anew (#2)")

    def refer(self, number, back):
        self.try_git("update-ref", f"refs/pull/{number}/head", f"HEAD~{back}")

    def unrefer(self, number):
        self.try_git("update-ref", "-d", f"refs/pull/{number}/head")

    # What people do with the index.

    def index(self, database=None, **options):
        with self.engine(database or self.database) as engine:
            return engine.index(**options)

    def without_history(self):
        self.index(history=False)

    def full(self):
        self.index(full=True)

    def describe(self, number):
        """Give a file that describes a pull request and says that it merged the head."""
        head = self.git("rev-parse", "HEAD")
        said = {"number": number, "title": f"Given {self.clock}", "mergeCommit": {"oid": head}}
        self.given[number] = said
        self.index(pull_requests=self.file([said]))

    def interrupt(self, job):
        def stop(current, done, _total):
            if current == job and done:
                raise Interruption

        with suppress(Interruption):
            self.index(track=stop)

    def file(self, said):
        place = self.folder / "pulls.json"
        place.write_text(json.dumps(said), encoding="utf-8")
        return place


def step(do, *arguments):
    return st.tuples(st.just(do), *arguments)


_PATH, _NAME, _BRANCH = map(st.sampled_from, (PATHS, FUNCTIONS, BRANCHES))
_MESSAGE, _BACK = st.sampled_from(MESSAGES), st.integers(0, 3)
_NUMBER, _SIDE = st.integers(1, 4), st.sampled_from(("ours", "theirs"))
ALTER = step("alter", _PATH, st.integers(0, 20), st.sampled_from(("put", "drop", "insert")))
EDITS = st.one_of(
    ALTER,
    ALTER,
    step("define", _PATH, _NAME),
    step("rename", _PATH, st.sampled_from((*PATHS, "pkg/d.py"))),
    step("delete", _PATH),
)
DEEDS = st.one_of(
    step("commit", _MESSAGE),
    step("commit", _MESSAGE),
    step("commit", _MESSAGE),
    step("amend", _MESSAGE),
    step("branch", _BRANCH),
    step("switch", _BRANCH),
    step("merge", _BRANCH, _SIDE, _MESSAGE),
    step("merge", _BRANCH, _SIDE, _MESSAGE),
    step("rebase", _BRANCH),
    step("reset", _BACK),
    step("orphan"),
    step("refer", _NUMBER, _BACK),
    step("unrefer", _NUMBER),
)
RUNS = st.one_of(
    step("index"),
    step("index"),
    step("without_history"),
    step("interrupt", st.sampled_from(("index", "history"))),
    step("interrupt", st.just("history")),
    step("describe", _NUMBER),
    step("full"),
)
ROUNDS = st.tuples(EDITS, EDITS, DEEDS, EDITS, DEEDS, RUNS)


@pytest.fixture
def in_small_steps(monkeypatch):
    """Read without worker processes, and commit often, so that an interruption leaves a part."""
    monkeypatch.setattr(indexing, "run", in_process)
    monkeypatch.setattr(history, "run", in_process)
    monkeypatch.setattr(history, "BATCH_COMMITS", 2)
    monkeypatch.setattr(crediting, "CHANGES_AT_ONCE", 2)


@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=st.lists(ROUNDS, min_size=3, max_size=5))
def test_any_script_of_git_ends_in_the_rows_of_a_fresh_index(in_small_steps, script):
    """Amended, rebased, merged either way, renamed, interrupted: nothing is left, nothing lost."""
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder))
        for one in (one for steps in script for one in steps):
            play.run(one)
        play.index()
        fresh = Path(folder) / "fresh.db"
        play.index(fresh, pull_requests=play.file(list(play.given.values())))
        assert differences(rows_of(play.database), rows_of(fresh)) == []
        with play.engine(play.database) as engine:
            assert engine.examine() == []
