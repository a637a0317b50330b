"""How does one get from a commit to what came before it? The graph of commits, and old contents."""

import heapq
import re
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Self

import pygit2
from pygit2.enums import SortMode

from hikma.sources.commits import Renames, between, described, find_commit
from hikma.sources.git import open_repository
from hikma.sources.roots import git_dir_of, shared_dir

MOST_LINES_READ = 400
"""Lines of a replaced block in which a name is looked for; a longer one was rewritten."""

_FILES_HELD = 8
"""Old versions of files kept as lines: neighbouring symbols ask for the same one."""

_PULL_HEAD = re.compile(r"refs/pull/([1-9][0-9]{0,8})/head")


class Past:
    """A repository's history, open; `close` it or use `with`."""

    def __init__(self, root: Path, until: str | None = None) -> None:
        """Open the repository at a root that `roots.find_root` found.

        With `until`, references to what that commit does not reach are not seen: they came later.
        """
        self.root = root
        self._until = until
        self._repository = open_repository(root)
        self._git_dir = shared_dir(git_dir_of(root) or root)
        self.cut_off = _cut_off(self._git_dir)
        """Commits whose parents a shallow clone lacks."""
        self._lines = lru_cache(maxsize=_FILES_HELD)(self._read_lines)
        self._renames = lru_cache(maxsize=_FILES_HELD)(self._read_renames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the repository's files."""
        self._lines.cache_clear()
        self._renames.cache_clear()
        self._repository.free()

    def reachable(self, head: str) -> Iterator[str]:
        """Yield every commit that can be reached, newest first; what is missing is left out."""
        seen = {head}
        pending = self._dated(head)
        while pending:
            _, found, parents = heapq.heappop(pending)
            yield found
            for parent in () if found in self.cut_off else parents:
                if parent not in seen:
                    seen.add(parent)
                    for one in self._dated(parent):
                        heapq.heappush(pending, one)

    def difference(self, head: str, held: str) -> tuple[list[str], list[str]] | None:
        """Return the commits reached from `head` and not from `held`, and the reverse.

        Newest first. None where the graph between them cannot be walked: objects are missing.
        """
        if self.cut_off:
            return None
        try:
            return self._reached(head, held), self._reached(held, head)
        except (KeyError, ValueError, pygit2.GitError):
            return None

    def leads_straight(self, head: str, held: str, between: Container[str]) -> bool:
        """Whether first parents lead from one commit to another, all of them in `between`."""
        current = head
        while current in between:
            commit = find_commit(self._repository, current)
            if commit is None or not commit.parent_ids:
                return False
            current = str(commit.parent_ids[0])
        return current == held

    def ancestor(self, head: str, back: int) -> str | None:
        """Return the commit that lies `back` first parents before another, if there is one."""
        current: str = head
        for _ in range(back):
            commit = find_commit(self._repository, current)
            if commit is None or not commit.parent_ids or current in self.cut_off:
                return None
            current = str(commit.parent_ids[0])
        return current if find_commit(self._repository, current) else None

    def former_path(self, older: str, newer: str, path: str) -> str | None:
        """Return how a file of one commit is called in another; None where that lacks it."""
        if self.digest_at(older, path) is not None:
            return path
        return self._renames(older, newer).former(path) or None

    def stock(self) -> str:
        """Return two marks: of where a shallow clone ends, and of the packs of objects.

        What was missing comes in packs; what is committed here lies beside them.
        """
        packs = (one.name for one in (self._git_dir / "objects/pack").glob("*.pack"))
        return f"{_mark(self.cut_off)} {_mark(packs)}"

    def pull_heads(self) -> dict[int, str]:
        """Return the commit of every reference `refs/pull/N/head`, by N."""
        found: dict[int, str] = {}
        for name in self._repository.references:
            if number := _PULL_HEAD.fullmatch(name):
                target = self._repository.references[name].target
                if isinstance(target, pygit2.Oid):
                    found[int(number[1])] = str(target)
        if self._until is None or not found:
            return found
        reached = set(self.reachable(self._until))
        return {number: head for number, head in found.items() if head in reached}

    def described(self, head: str) -> dict[str, str]:
        """Return what the head of a pull request says of it; only its id where it is missing."""
        commit = find_commit(self._repository, head)
        if commit is None:
            return {"head": head}
        said = described(commit, ())
        title = said.message.strip().partition("\n")[0]
        return {"head": head, "title": title, "author": said.author, "date": said.date}

    def digest_at(self, commit: str, path: str) -> str | None:
        """Return the id of a file in a commit, None where it has no such file."""
        blob = self._blob(commit, path)
        return None if blob is None else str(blob.id)

    def hunks_to(self, commit: str, path: str, content: bytes) -> bytes | None:
        """Return the hunks from a commit's version of a file to a content."""
        blob = self._blob(commit, path)
        try:
            return None if blob is None else between(blob, content)
        except (KeyError, pygit2.GitError):  # the content is missing
            return None

    def hunks_between(self, before: tuple[str, str], after: tuple[str, str]) -> bytes | None:
        """Return the hunks from a (commit, path) to another; None where they are not to be had."""
        old, now = self._blob(*before), self._blob(*after)
        try:
            return None if old is None or now is None else between(old, now)
        except (KeyError, pygit2.GitError):  # a content is missing
            return None

    def find_line(self, commit: str, path: str, lines: tuple[int, int], name: str) -> int | None:
        """Return the first of these lines (1-based, both included) that holds a name."""
        first, last = lines
        if last - first >= MOST_LINES_READ:
            return None
        wanted = name.encode("utf-8", "replace")
        held = self._lines(commit, path)[first - 1 : last]
        return next((first + at for at, line in enumerate(held) if wanted in line), None)

    def _dated(self, hash_: str) -> list[tuple[int, str, tuple[str, ...]]]:
        commit = find_commit(self._repository, hash_)
        if commit is None:
            return []
        return [(-commit.commit_time, hash_, tuple(map(str, commit.parent_ids)))]

    def _reached(self, start: str, hidden: str) -> list[str]:
        walker = self._repository.walk(pygit2.Oid(hex=start), SortMode.TIME)
        walker.hide(pygit2.Oid(hex=hidden))
        return [str(commit.id) for commit in walker]

    def _blob(self, commit: str, path: str) -> pygit2.Blob | None:
        try:
            blob = self._repository[commit].peel(pygit2.Tree)[path]
        except (KeyError, ValueError, pygit2.GitError):
            return None
        return blob if isinstance(blob, pygit2.Blob) else None

    def _read_renames(self, older: str, newer: str) -> Renames:
        before, after = (self._repository[one].peel(pygit2.Tree) for one in (older, newer))
        return Renames(before, after)

    def _read_lines(self, commit: str, path: str) -> list[bytes]:
        blob = self._blob(commit, path)
        try:
            return [] if blob is None else blob.data.split(b"\n")
        except (KeyError, pygit2.GitError):  # the content is missing
            return []


def _cut_off(git_dir: Path) -> frozenset[str]:
    try:
        return frozenset((git_dir / "shallow").read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def _mark(names: Iterable[str]) -> str:
    return sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]
