"""Where does the repository start, which commit is it at, and has a file changed since?

Everything here reads a few small files and never imports pygit2, because a one-shot search asks
these three questions and must not wait 50 ms for a library that it does not need otherwise.
"""

import hashlib
import os
import re
import stat
from pathlib import Path

from hikma.errors import RepositoryError, UsageError

_COMMIT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MAX_LINKS = 5
_CHUNK = 1 << 20
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)  # a symlink put here since the listing is not followed
    | getattr(os, "O_NONBLOCK", 0)  # a pipe put here since the listing does not block
    | getattr(os, "O_CLOEXEC", 0)
)


def find_root(path: Path) -> Path:
    """Return the root that a path belongs to: the nearest work tree, bare repository or index.

    Walks upwards until a folder holds `.git` or `.hikma` or is a git directory itself; the
    folder as given where none does. Raises UsageError for a path that is no folder.
    """
    folder = _folder(path)
    for candidate in (folder, *folder.parents):
        if is_git_dir(candidate):
            linked = candidate.name == ".git" and not _says_bare(candidate)
            return candidate.parent if linked else candidate
        if _has_git(candidate) or (candidate / ".hikma").is_dir():
            return candidate
    return folder


def git_dir_of(root: Path) -> Path | None:
    """Return the git directory of a root (a linked worktree has its own), None if none."""
    entry = root / ".git"
    if entry.is_file():
        return _linked_git_dir(entry)
    if is_git_dir(entry):
        return entry
    return root if is_git_dir(root) else None


def is_bare(root: Path) -> bool:
    """Tell whether a root is a repository without a work tree, so that files live in HEAD only."""
    return not _has_git(root) and is_git_dir(root)


def is_git_dir(path: Path) -> bool:
    """Tell whether a folder has the three things that every git directory has."""
    return (
        (path / "objects").is_dir() and (path / "refs").is_dir() and os.path.lexists(path / "HEAD")
    )


def head_of(root: Path) -> str | None:
    """Return the id of the commit that HEAD names; None for no git or an unborn branch.

    Reads HEAD, the branch's file and packed-refs; only a layout that keeps its references
    elsewhere (reftable) costs an import of pygit2. Raises RepositoryError where HEAD is broken.
    """
    git_dir = git_dir_of(root)
    if git_dir is None:
        return None
    shared = shared_dir(git_dir)
    if (shared / "reftable").is_dir():
        return _head_by_library(root)
    return _resolve(git_dir, shared)


def digest_of(content: bytes) -> str:
    """Return the hex id that git gives to a blob of this content."""
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def digest_now(root: Path, path: str, indexed: str | None = None) -> str | None:
    """Return the digest of a file of a work tree or folder as it is on disk; None if it is gone.

    A checkout with CRLF line ends holds other bytes than its blob. Where `indexed` is given and
    is the digest of the same text with LF, `indexed` is returned: nothing has changed.
    """
    try:
        content = read_regular(f"{root}/{path}")
    except (OSError, ValueError):
        return None
    digest = digest_of(content)
    if indexed in {None, digest} or b"\r\n" not in content:
        return digest
    unified = digest_of(content.replace(b"\r\n", b"\n"))
    return unified if unified == indexed else digest


def read_regular(path: Path | str) -> bytes:
    """Return the bytes of a regular file, following no symlink and waiting for no pipe.

    Raises OSError where there is none or it cannot be read.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise FileNotFoundError(f"{path} is not a regular file")
        # Every hit of a search is read so; a file object takes longer than the reading.
        parts = [os.read(descriptor, about.st_size + 1)]
        while parts[-1]:
            parts.append(os.read(descriptor, _CHUNK))
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _folder(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{path} does not exist; give the path of a repository or folder")
    if not path.is_dir():
        raise UsageError(f"{path} is a file; give the folder or repository that holds it")
    return path.resolve()


def _has_git(folder: Path) -> bool:
    entry = folder / ".git"
    return entry.is_file() or is_git_dir(entry)


def _says_bare(git_dir: Path) -> bool:
    """Tell whether a folder named `.git` is a bare repository after all."""
    try:
        config = (git_dir / "config").read_text("utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^\s*bare\s*=\s*true\s*$", config, re.MULTILINE | re.IGNORECASE) is not None


def _linked_git_dir(entry: Path) -> Path:
    """Follow the `gitdir: …` line of a linked worktree or submodule."""
    text = entry.read_text("utf-8", errors="surrogateescape").strip()
    if not text.startswith("gitdir:"):
        raise RepositoryError(f"{entry} has no gitdir line; check the work tree out anew")
    git_dir = entry.parent / text.removeprefix("gitdir:").strip()
    if not (git_dir / "HEAD").exists():
        raise RepositoryError(
            f"{entry} points to {git_dir}, which is no git directory; run `git worktree repair`"
        )
    return git_dir


def shared_dir(git_dir: Path) -> Path:
    """Return where branches and objects live: the main repository's directory of a worktree."""
    try:
        return git_dir / (git_dir / "commondir").read_text("utf-8").strip()
    except OSError:
        return git_dir


def _resolve(git_dir: Path, shared: Path) -> str | None:
    name = "HEAD"
    for _ in range(_MAX_LINKS):
        text = _reference(git_dir, shared, name)
        if text is None:
            return None
        if _COMMIT_ID.fullmatch(text):
            return text
        if not text.startswith("ref:"):
            break
        name = text.removeprefix("ref:").strip()
    raise RepositoryError(
        f"{git_dir / 'HEAD'} leads to no commit; check the repository with `git fsck`"
    )


def _reference(git_dir: Path, shared: Path, name: str) -> str | None:
    for folder in (git_dir, shared):
        try:
            return (folder / name).read_text("utf-8", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
    return _packed(shared, name)


def _packed(shared: Path, name: str) -> str | None:
    try:
        content = (shared / "packed-refs").read_bytes()
    except FileNotFoundError:
        return None
    line = rb"^([0-9a-f]{40,64}) " + re.escape(name.encode()) + rb"$"
    found = re.search(line, content, re.MULTILINE)
    return found[1].decode() if found else None


def _head_by_library(root: Path) -> str | None:
    import pygit2  # noqa: PLC0415 -- 50 ms, for rare layouts only

    try:
        repository = pygit2.Repository(str(root))
        return None if repository.head_is_unborn else str(repository.head.target)
    except (pygit2.GitError, KeyError) as error:
        raise RepositoryError(
            f"{root} keeps its references in a way that cannot be read here ({error}); "
            "convert it with `git refs migrate --ref-format=files`"
        ) from error
