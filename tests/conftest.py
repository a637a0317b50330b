"""Real git repositories with fixed dates and authors, so that commits have the same ids everywhere."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's job in the background ignores interrupts, and would hand that on to `hikma`.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time; the gate tries the same examples each time, a laptop new ones.
settings.register_profile(
    "hikma",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("hikma")

CORPUS = Path(__file__).parent / "corpus"
"""A small polyglot project: Python, TypeScript, Go, C, Markdown, TOML."""

AUTHORS = {"ada": "Ada Byron <ada@example.org>", "grace": "Grace Hopper <grace@example.org>"}

collect_ignore = ["corpus"]  # it has tests of its own, which are material and not ours to run


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository in a temporary folder; `git` runs isolated from the machine's set-up."""

    root: Path

    def git(self, *arguments, author="ada", date="2024-03-01T12:00:00+00:00"):
        """Run git in the work tree and return what it prints, stripped."""
        name, _, mail = AUTHORS[author].partition(" <")
        person = {"NAME": name, "EMAIL": mail.rstrip(">"), "DATE": date}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root.parent),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_AUTHOR_{key}": value for key, value in person.items()},
            **{f"GIT_COMMITTER_{key}": value for key, value in person.items()},
        }
        options = ["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"]
        done = subprocess.run(
            ["git", *options, *arguments],
            cwd=self.root,
            env=environment,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, path, content):
        """Write a file (text or bytes) and the folders above it."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def commit(self, message="Change", **person):
        """Commit everything in the work tree; returns the commit's id."""
        self.git("add", "--all", **person)
        self.git("commit", "--quiet", "--allow-empty", "--message", message, **person)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def make_repository(tmp_path):
    """Make a repository by name from {path: content}, committed unless told otherwise."""

    def make(files=None, name="sample", *, committed=True, options=()):
        repository = Repository(tmp_path / name)
        repository.root.mkdir(parents=True)
        repository.git("init", "--quiet", *options)
        for path, content in (files or {}).items():
            repository.write(path, content)
        if committed:
            repository.commit("First")
        return repository

    return make


@pytest.fixture
def corpus_repository(tmp_path):
    """Return the corpus as a repository of this test's own."""
    return commit_corpus(Repository(tmp_path / "tidepool"))


def commit_corpus(repository):
    """Commit the corpus by two people: the Python library, then everything else."""
    repository.root.mkdir(parents=True)
    repository.git("init", "--quiet")
    for part in ("store", "tests", "pyproject.toml"):
        _copy(CORPUS / part, repository.root / part)
    repository.commit("Store vectors", author="ada", date="2024-01-15T09:30:00+00:00")
    _copy(CORPUS, repository.root)
    repository.commit("Serve them", author="grace", date="2024-02-20T16:45:00+01:00")
    return repository


def _copy(source, target):
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", ".hikma")
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignored)
    else:
        shutil.copy(source, target)


@pytest.fixture
def world(tmp_path):
    """Yield a file with one space that answers, and no document (see `moving`)."""
    from moving import make_world  # noqa: PLC0415 -- most tests need no vectors

    made = make_world(tmp_path)
    yield made
    made.catalog.close()
