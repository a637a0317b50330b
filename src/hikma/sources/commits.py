"""What did one commit do? Its words, the files it changed, and where in them; read in a worker."""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import islice
from pathlib import Path
from struct import pack

import pygit2
from pygit2.enums import (
    DeltaStatus,
    DiffFind,
    DiffFlag,
    DiffOption,
    FileMode,
    ObjectType,
    SortMode,
)

from hikma.domain import Change, ChangeStatus, Commit, Node, NodeKind, Property
from hikma.errors import RepositoryError
from hikma.sources.contents import MAX_BYTES
from hikma.sources.folder import readable_path
from hikma.sources.git import open_repository
from hikma.sources.grammar import is_code
from hikma.sources.pulls import mention

VERSION = 1
"""Version of what is read of a commit; histories read by another one are read anew."""

RENAME_SIMILARITY = 60
"""Percent; the library's measure runs higher than git's own, whose limit is 50."""
RENAME_LIMIT = 1_000
"""Files added (or deleted) by one commit among which renames of changed content are sought."""
MAX_BROUGHT = 250
"""Commits that the merge of a pull request is said to bring."""
_CACHE_BYTES, _TREE_BYTES = 64 * 1024**2, 1024**2
_MAX_NAMES = 40
_NAME_CHARACTERS = 120
_SUBJECT_CHARACTERS = 300
_MESSAGE_CHARACTERS = 64 * 1024
_HEADING = re.compile(r"@@.*?@@ ?(\S.*)")
"""What a hunk stands in, as its header says after the line numbers."""

_FLAGS = DiffOption.INDENT_HEURISTIC | DiffOption.IGNORE_SUBMODULES
_STATUS = {
    DeltaStatus.ADDED: ChangeStatus.ADDED,
    DeltaStatus.DELETED: ChangeStatus.DELETED,
    DeltaStatus.RENAMED: ChangeStatus.RENAMED,
}
_NO_ENCODINGS = (
    "idna",
    "punycode",
    "raw-unicode-escape",
    "undefined",
    "unicode-escape",
    "utf-7",
    "utf-16",
    "utf-32",
)
"""Codecs in which no commit is written, as they do not hold ASCII; some yield no Unicode."""
_REGULAR = (FileMode.BLOB, FileMode.BLOB_EXECUTABLE)
_MISSING = "objects missing: this clone lacks what the commit changed"
_PARTLY = "contents missing: this clone lacks lines that the commit changed"


@dataclass(frozen=True, slots=True)
class CommitTask:
    """A commit to be read, in the repository at a root that `roots.find_root` found.

    `is_cut_off`: a shallow clone ends here, and what came before is not there.
    """

    root: Path
    hash: str
    is_cut_off: bool = False


@dataclass(slots=True)
class _Seen:
    """What is met by the way: names that hunks stand in, and whether contents are missing."""

    names: dict[str, None] = field(default_factory=dict)
    lacks: bool = False


def read_commit(task: CommitTask) -> Commit:
    """Read a commit and diff it against its first parent; a merge against all.

    A file that a merge took from another parent unchanged is compared with no other. Raises
    RepositoryError where the commit itself is missing.
    """
    repository = _repository(task.root)
    commit = find_commit(repository, task.hash)
    if commit is None:
        raise RepositoryError(f"commit {task.hash} is missing; fetch it again")
    said = described(commit, () if task.is_cut_off else tuple(map(str, commit.parent_ids)))
    if task.is_cut_off:
        return replace(said, gap="the clone is shallow: what came before is not there")
    try:
        return _with_changes(repository, commit, said)
    except (KeyError, ValueError, pygit2.GitError):
        return replace(said, gap=_MISSING)


def describe_commit(task: CommitTask, gap: str) -> Commit:
    """Return a commit's words alone, where its changes could not be read."""
    commit = find_commit(_repository(task.root), task.hash)
    if commit is None:
        raise RepositoryError(f"commit {task.hash} is missing; fetch it again")
    return replace(described(commit, tuple(map(str, commit.parent_ids))), gap=gap)


def find_commit(repository: pygit2.Repository, hash_: str) -> pygit2.Commit | None:
    """Return a commit by its hex id, None where the clone lacks it."""
    try:
        return repository[hash_].peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError):
        return None


def node_of(commit: Commit) -> Node:
    """Return the node that stands for a commit."""
    message = commit.message.strip()[:_MESSAGE_CHARACTERS]
    subject = message.partition("\n")[0].strip()
    properties: dict[str, Property] = {
        "hash": commit.hash,
        "author": commit.author,
        "email": commit.email,
        "date": commit.date,
        **({"pull_request": commit.pull.number} if commit.pull else {}),
        **({"gap": commit.gap} if commit.gap else {}),
    }
    return Node(
        f"commit:{commit.hash}",
        NodeKind.COMMIT,
        subject[:_SUBJECT_CHARACTERS] or commit.hash,
        "",
        documentation=message,
        properties=properties,
    )


@cache
def _repository(root: Path) -> pygit2.Repository:
    """Open a repository, once for this process, and keep large trees for the next commit too.

    By itself the library keeps small ones only: a twentieth of the time. Blobs, kept as well, push
    out everything else, and a long history takes half as long again.
    """
    repository = open_repository(root)
    pygit2.settings.cache_max_size(_CACHE_BYTES)
    pygit2.settings.cache_object_limit(ObjectType.TREE, _TREE_BYTES)
    return repository


def described(commit: pygit2.Commit, parents: tuple[str, ...]) -> Commit:
    """Return a commit's words, with the parents given; no byte sequence in it is an error."""
    author = commit.author
    encoding = _encoding(commit)
    message = _decoded(commit.raw_message, encoding)
    name = _decoded(author.raw_name, encoding)
    email = _decoded(author.raw_email, encoding)
    date = _date(author.time, author.offset)
    return Commit(
        str(commit.id),
        parents,
        name,
        email,
        date,
        author.time,
        message,
        pull=mention(message, name),
    )


def _encoding(commit: pygit2.Commit) -> str:
    """Return the encoding that a commit names; UTF-8 for none, or one that no text has."""
    try:
        known = codecs.lookup(commit.message_encoding or "utf-8").name
    except (LookupError, UnicodeError):
        return "utf-8"
    return "utf-8" if known.startswith(_NO_ENCODINGS) else known


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        text = raw.decode(encoding, "replace")
    except (LookupError, UnicodeError):  # a codec of another kind
        text = raw.decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _date(seconds: int, offset_minutes: int) -> str:
    """Return ISO 8601 with the author's offset; empty for a time that no calendar has."""
    try:
        zone = timezone(timedelta(minutes=offset_minutes))
        return (
            (datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds))
            .astimezone(zone)
            .isoformat()
        )
    except (OverflowError, ValueError):
        return ""


def _with_changes(repository: pygit2.Repository, commit: pygit2.Commit, said: Commit) -> Commit:
    parents = [repository[parent].peel(pygit2.Commit) for parent in commit.parent_ids]
    seen = _Seen()
    if len(parents) > 1:
        pull = said.pull
        if pull and pull.is_merge:
            pull = replace(pull, brought=_brought(repository, parents))
        changes = tuple(_of_merge(repository, commit, parents, seen))
        return replace(said, changes=changes, pull=pull, gap=_PARTLY if seen.lacks else "")
    diff = _diff(parents[0].tree if parents else None, commit.tree)
    if _may_rename(diff):
        diff.find_similar(DiffFind.FIND_RENAMES, RENAME_SIMILARITY, rename_limit=RENAME_LIMIT)
    # A file that becomes a link, or the reverse, is deleted and then added.
    by_path = {change.path: change for change in _of_diff(repository, diff, seen)}
    gap = _PARTLY if seen.lacks else ""
    return replace(said, changes=tuple(by_path.values()), names=tuple(seen.names), gap=gap)


def _diff(before: pygit2.Tree | None, after: pygit2.Tree) -> pygit2.Diff:
    if before is None:
        return after.diff_to_tree(flags=_FLAGS, context_lines=0, swap=True)
    return before.diff_to_tree(after, _FLAGS, 0)


def _may_rename(diff: pygit2.Diff) -> bool:
    statuses = {delta.status for delta in diff.deltas}
    return DeltaStatus.ADDED in statuses and DeltaStatus.DELETED in statuses


def _of_diff(repository: pygit2.Repository, diff: pygit2.Diff, seen: _Seen) -> Iterator[Change]:
    """Yield the changes to one parent; `seen` takes what is met by the way."""
    for position, delta in enumerate(diff.deltas):
        status = _STATUS.get(delta.status, ChangeStatus.MODIFIED)
        path = _path(delta.old_file if status is ChangeStatus.DELETED else delta.new_file)
        if status in {ChangeStatus.ADDED, ChangeStatus.DELETED}:
            yield Change(path, status)
            continue
        old = _path(delta.old_file) if status is ChangeStatus.RENAMED else ""
        hunks = None
        if _is_compared(repository, path, delta, seen):
            hunks = _hunks(diff, position, seen)
        yield Change(path, status, 0, old, hunks)


def _is_compared(
    repository: pygit2.Repository, path: str, delta: pygit2.DiffDelta, seen: _Seen
) -> bool:
    """Whether the lines of a file matter: both sides are code of a size that is indexed."""
    if not is_code(path) or delta.new_file.mode not in _REGULAR:
        return False
    return _are_readable(repository, (delta.old_file.id, delta.new_file.id), seen)


def _are_readable(repository: pygit2.Repository, blobs: Iterable[pygit2.Oid], seen: _Seen) -> bool:
    """Whether blobs are there, and none is too large."""
    try:
        return all(repository.odb.read_header(blob)[1] <= MAX_BYTES for blob in blobs)
    except (KeyError, pygit2.GitError):
        seen.lacks = True
        return False


def _hunks(diff: pygit2.Diff, position: int, seen: _Seen) -> bytes | None:
    patch = diff[position]
    if patch is None or patch.delta.flags & DiffFlag.BINARY:
        return None
    hunks = patch.hunks
    for hunk in hunks:
        if len(seen.names) < _MAX_NAMES and (found := _HEADING.search(hunk.header)):
            seen.names[found[1].strip()[:_NAME_CHARACTERS]] = None
    return _packed(hunks)


def _of_merge(
    repository: pygit2.Repository,
    merge: pygit2.Commit,
    parents: list[pygit2.Commit],
    seen: _Seen,
) -> Iterator[Change]:
    """Yield the files that differ from the first parent, compared with the others too.

    A file that is as it was in another parent came from there, whole. One that is in no parent as
    it is here was merged line by line, or by hand: it is compared with each, by its former name
    where one side renamed it.
    """
    renames = [Renames(parent.tree, merge.tree) for parent in parents]
    for delta in _diff(parents[0].tree, merge.tree).deltas:
        if delta.status == DeltaStatus.DELETED:
            continue
        path, blob = _path(delta.new_file), delta.new_file.id
        if path.encode() != delta.new_file.raw_path:  # no tree can be asked for it
            yield Change(path, ChangeStatus.MODIFIED)
            continue
        before = [_blob_at(parent, path) for parent in parents]
        if blob in before:
            yield Change(path, ChangeStatus.SAME, before.index(blob))
            continue
        for number, old in enumerate(before):
            former = renames[number].former(path) if old is None else ""
            if former is None:
                yield Change(path, ChangeStatus.ADDED, number)
                continue
            status = ChangeStatus.RENAMED if former else ChangeStatus.MODIFIED
            old_blob = old or _blob_at(parents[number], former)
            hunks = _between(repository, path, (old_blob, blob), seen) if old_blob else None
            yield Change(path, status, number, former, hunks)


class Renames:
    """Which files one tree has from another under another name, found when first asked for."""

    def __init__(self, before: pygit2.Tree, after: pygit2.Tree) -> None:
        self._trees = before, after
        self._former: dict[str, str] | None = None

    def former(self, path: str) -> str | None:
        """Return how a file was called before, None where it was not there."""
        if self._former is None:
            diff = _diff(*self._trees)
            diff.find_similar(DiffFind.FIND_RENAMES, RENAME_SIMILARITY, rename_limit=RENAME_LIMIT)
            self._former = {
                _path(delta.new_file): _path(delta.old_file)
                for delta in diff.deltas
                if delta.status == DeltaStatus.RENAMED
            }
        return self._former.get(path)


def _blob_at(commit: pygit2.Commit, path: str) -> pygit2.Oid | None:
    try:
        return commit.tree[path].id
    except KeyError:
        return None


def _between(
    repository: pygit2.Repository, path: str, blobs: tuple[pygit2.Oid, pygit2.Oid], seen: _Seen
) -> bytes | None:
    if not is_code(path) or not _are_readable(repository, blobs, seen):
        return None
    before, after = (repository[blob] for blob in blobs)
    if not (isinstance(before, pygit2.Blob) and isinstance(after, pygit2.Blob)):
        return None
    return between(before, after)


def between(before: pygit2.Blob | bytes, after: pygit2.Blob | bytes) -> bytes | None:
    """Return the hunks from one content to another, None for binary content."""
    patch = pygit2.Patch.create_from(before, after, flag=_FLAGS, context_lines=0)
    if patch.delta.flags & DiffFlag.BINARY:
        return None
    return _packed(patch.hunks)


def _packed(hunks: Sequence[pygit2.DiffHunk]) -> bytes:
    numbers: list[int] = []
    for hunk in hunks:
        numbers += (hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines)
    return pack(f"<{len(numbers)}I", *numbers)


def _brought(repository: pygit2.Repository, parents: list[pygit2.Commit]) -> tuple[str, ...]:
    """Return the commits that a merge brought into its first parent's history, newest first."""
    walker = repository.walk(None, SortMode.TIME)
    for parent in parents[1:]:
        walker.push(parent.id)
    walker.hide(parents[0].id)
    return tuple(str(commit.id) for commit in islice(walker, MAX_BROUGHT))


def _path(side: pygit2.DiffFile) -> str:
    return readable_path(side.raw_path)[0]
