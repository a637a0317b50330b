"""Topics from the commits after a revision: by the message find what the commit changed.

The index is of the revision's tree with the history that leads to it, so no later word is in it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hikma.catalog import pulls
from hikma.catalog.answers import answers
from hikma.domain import Commit, NodeKind
from hikma.engine import Engine
from hikma.errors import EvaluationError, SpaceMismatchError
from hikma.evaluation.messages import cleaned, refusal
from hikma.evaluation.topics import Topic, TopicSet, Unit
from hikma.evaluation.touching import Older, touched
from hikma.sources.commits import CommitTask, describe_commit, read_commit
from hikma.sources.past import Past
from hikma.sources.roots import git_dir_of, head_of
from hikma.telemetry import Track, silent

BACK = 300
MOST_FILES = 10
"""A commit that changes more than so many files is a sweep, which no question would ask for."""


@dataclass(frozen=True, slots=True)
class CommitTopics:
    """How topics are made: from commits since `back` first parents before the head."""

    back: int = BACK
    most_files: int = MOST_FILES


def commit_topics(
    engine: Engine, wanted: CommitTopics | None = None, track: Track = silent
) -> TopicSet:
    """Index the tree of some commits ago, and return topics from the commits since then.

    The index lies in `engine.at(topics.revision).database` and is only brought up to date when it
    is there already. Raises EvaluationError where there are not that many commits.
    """
    wanted = wanted or CommitTopics()
    if git_dir_of(engine.root) is None:
        raise EvaluationError(
            f"{engine.root} is no git repository, and topics are made of commits; "
            "judge with --source docstrings, or with --topics and --qrels."
        )
    head = engine.revision or head_of(engine.root)
    with Past(engine.root) as past:
        revision = _revision(past, head, wanted.back)
        with engine.at(revision) as older:
            _index(older, track)
            return _topics(older, past, str(head), wanted)


def _index(older: Engine, track: Track) -> None:
    """Bring the revision's file up to date; build it anew where another model made it."""
    try:
        older.index(track=track)
    except SpaceMismatchError:
        older.index(full=True, track=track)


def _revision(past: Past, head: str | None, back: int) -> str:
    if back < 1:
        raise EvaluationError(f"--back {back}: give a number of commits, 1 or more.")
    if head is None:
        raise EvaluationError("There is no commit yet; commit something, or give --topics.")
    if (found := past.ancestor(head, back)) is not None:
        return found
    there = next(n for n in range(back, -1, -1) if past.ancestor(head, n))
    remedy = "fetch more with `git fetch --unshallow` or " if past.cut_off else ""
    raise EvaluationError(
        f"--back {back}: only {there} commits lie before {head[:10]} along first parents; "
        f"{remedy}give a smaller --back."
    )


def _topics(older: Engine, past: Past, head: str, wanted: CommitTopics) -> TopicSet:
    """Make topics of what the head reaches and the revision does not, newest first."""
    revision = str(older.revision)
    with older.catalog.read() as connection:
        if pulls.accounts(connection, pulls.GIVEN):
            raise EvaluationError(
                f"{older.database} was indexed with --pull-requests, which tells of what came "
                "later; remove the file and run again."
            )
        tree = Older(past, revision, answers(connection))
        said = {cleaned(message) for message in pulls.messages(connection)}
    between = past.difference(head, revision)
    if between is None:
        raise EvaluationError(
            f"The commits between {revision[:10]} and {head[:10]} cannot be walked: this clone "
            "lacks some; fetch them with `git fetch --unshallow`."
        )
    left_out: Counter[str] = Counter()
    topics = list(_made(tree, between[0], said, wanted, left_out))
    return TopicSet("commits", topics, dict(left_out.most_common()), revision)


def _made(
    tree: Older,
    hashes: Iterable[str],
    said: set[str],
    wanted: CommitTopics,
    left_out: Counter[str],
) -> Iterator[Topic]:
    for hash_ in hashes:
        task = CommitTask(tree.past.root, hash_, hash_ in tree.past.cut_off)
        told = describe_commit(task, "")
        text = cleaned(told.message)
        reason = refusal(told) or ("that say what was said before" if text in said else "")
        commit = told if reason else read_commit(task)
        reason = reason or _refusal(commit, wanted)
        made = None if reason else _topic(tree, commit, text)
        if made is None:
            left_out[reason or "that touch no indexed file"] += 1
            continue
        said.add(text)
        yield made


def _refusal(commit: Commit, wanted: CommitTopics) -> str:
    if commit.gap:
        return "whose changes this clone lacks"
    return f"of more than {wanted.most_files} files" if _is_sweep(commit, wanted) else ""


def _is_sweep(commit: Commit, wanted: CommitTopics) -> bool:
    return len(commit.changes) > wanted.most_files


def _topic(tree: Older, commit: Commit, text: str) -> Topic | None:
    found = touched(tree, commit)
    if not found.files:
        return None
    qrels = {
        Unit.FILES: dict.fromkeys(sorted(found.files), 1),
        Unit.SYMBOLS: dict.fromkeys(sorted(found.symbols), 1),
    }
    return Topic(f"{NodeKind.COMMIT}:{commit.hash}", text, qrels)
