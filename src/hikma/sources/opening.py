"""How is a repository or folder opened?"""

from contextlib import closing
from pathlib import Path
from typing import Protocol

from hikma.domain import Entry, Skip, Snapshot, SourceFile
from hikma.errors import UsageError
from hikma.sources.folder import FolderSource
from hikma.sources.roots import find_root, git_dir_of


class Source(Protocol):
    """Files to index, from git or from a plain folder."""

    root: Path
    name: str

    @property
    def head(self) -> str | None:
        """Hex id of the commit that is read; None without git or on an unborn branch."""

    def snapshot(self) -> Snapshot:
        """List the files that can be indexed, sorted by path, and the others with reasons."""

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of an entry of the latest snapshot; RepositoryError if it cannot."""

    def load(self, entry: Entry) -> SourceFile | Skip:
        """Return an entry's file, its digest that of the bytes read, or why it cannot be read.

        For indexing: one file that is missing or changes meanwhile stops nothing.
        """

    def current_digest(self, path: str, indexed: str | None = None) -> str | None:
        """Return the digest of a file as it is now, None if it is gone.

        `indexed` comes back where the file differs from it in line ends only.
        """

    def close(self) -> None:
        """Release what the source holds open."""


def open_source(path: Path, rev: str | None = None) -> Source:
    """Open the repository or folder that a path belongs to, at a revision if one is given.

    Raises UsageError for a path that is no folder, a revision of a folder without git or an
    unknown one, and RepositoryError for a repository that cannot be read.
    """
    root = find_root(path)
    if git_dir_of(root) is not None:
        from hikma.sources.git import open_git  # noqa: PLC0415 -- pygit2 costs 50 ms to import

        return open_git(root, rev)
    if rev is not None:
        raise UsageError(f"{root} is not a git repository; leave out the revision {rev!r}")
    return FolderSource(root)


def commit_of(root: Path, rev: str) -> str | None:
    """Return a revision's id: a file is named after what it holds, and branches move."""
    with closing(open_source(root, rev)) as source:
        return source.head
