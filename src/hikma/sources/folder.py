"""What does a folder without git hold?"""

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hikma.domain import Entry, Skip, Snapshot, SourceFile
from hikma.errors import RepositoryError
from hikma.sources.contents import examine_folder, examine_name
from hikma.sources.ignoring import OWN_NAME, Ignoring
from hikma.sources.roots import digest_now, digest_of, read_regular

INTERNAL_FOLDERS = frozenset({".hikma", ".git", ".hg", ".svn", ".bzr", ".jj", "CVS"})
"""Where version control and we ourselves keep state: never indexed, not worth a report."""


class FolderSource:
    """A plain folder, every file as it is on disk, `.gitignore` honoured as git would."""

    head: str | None = None

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.name or str(root)

    def snapshot(self) -> Snapshot:
        """Walk the folder; each file is read once for its digest."""
        entries: list[Entry] = []
        skips: list[Skip] = []
        for found in _walk(self.root):
            outcome = found if isinstance(found, Skip) else entry_on_disk(self.root, found)
            if isinstance(outcome, Skip):
                skips.append(outcome)
            else:
                entries.append(outcome)
        return Snapshot(
            self.name,
            None,
            tuple(sorted(entries, key=lambda entry: entry.path)),
            tuple(sorted(skips, key=lambda skip: skip.path)),
        )

    def read(self, entry: Entry) -> bytes:
        """Return a file's bytes; RepositoryError where it is gone or cannot be read."""
        return read_on_disk(self.root, entry.path)

    def load(self, entry: Entry) -> SourceFile | Skip:
        """Return a file as it is now, with the digest of what was read, or why it cannot be."""
        return load_on_disk(self.root, entry.path)

    def current_digest(self, path: str, indexed: str | None = None) -> str | None:
        """Return the digest of a file as it is now; see `roots.digest_now`."""
        return digest_now(self.root, path, indexed)

    def close(self) -> None:
        """Nothing is held open."""


def entry_on_disk(root: Path, path: str) -> Entry | Skip:
    """Return a file's entry by its content on disk, or why it is not indexed."""
    try:
        status = (root / path).lstat()
        if stat.S_ISLNK(status.st_mode):
            return Skip(path, "symbolic link: not followed")
        if not stat.S_ISREG(status.st_mode):
            return Skip(path, "not a regular file")
        refused = examine_name(path, status.st_size)
        if refused:
            return refused
        content = read_regular(root / path)
    except OSError as error:
        return Skip(path, f"cannot be read: {error.strerror or error}")
    return Entry(path, digest_of(content), len(content))


def read_on_disk(root: Path, path: str) -> bytes:
    """Return a file's bytes; RepositoryError where it is gone or cannot be read."""
    try:
        return read_regular(root / path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RepositoryError(f"{path!r} cannot be read: {reason}; index again") from error


def load_on_disk(root: Path, path: str) -> SourceFile | Skip:
    """Return a file as it is now, with the digest of what was read, or why it cannot be."""
    try:
        content = read_regular(root / path)
    except OSError as error:
        return Skip(path, f"cannot be read: {error.strerror or error}")
    return SourceFile(path, digest_of(content), content)


def readable_path(raw: bytes) -> tuple[str, bool]:
    """Return a path as text and whether that text is exact: whether its bytes are UTF-8."""
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode("utf-8", errors="backslashreplace"), False


def read_if_there(root: Path, path: str) -> bytes | None:
    """Return a file's bytes, None where there is no such regular file."""
    try:
        return read_regular(root / path)
    except OSError:
        return None


def _walk(root: Path) -> Iterator[str | Skip]:
    """Yield every candidate file, following no link and entering no folder that is left out."""
    ignoring = Ignoring(partial(read_if_there, root), (".gitignore", OWN_NAME))
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            children = sorted(os.scandir(os.fsencode(root / folder)), key=lambda child: child.name)
        except OSError as error:
            yield Skip(folder, f"cannot be read: {error.strerror or error}")
            continue
        for child in children:
            outcome = _meet(folder, child, ignoring)
            if isinstance(outcome, str) and outcome.endswith("/"):
                pending.append(outcome)
            elif outcome is not None:
                yield outcome


def _meet(folder: str, child: os.DirEntry[bytes], ignoring: Ignoring) -> str | Skip | None:
    """Return the child's path (a folder's ends with `/`), why it is skipped, or None: no report."""
    name, exact = readable_path(child.name)
    path = folder + name
    if name in INTERNAL_FOLDERS:
        return None
    if not exact:
        return Skip(path, "path is not UTF-8")
    if child.is_dir(follow_symlinks=False):
        path += "/"
    excluding = ignoring.excluding(path)
    if excluding:
        return Skip(path, f"excluded by {excluding}") if excluding.endswith(OWN_NAME) else None
    return (examine_folder(path) if path.endswith("/") else None) or path
