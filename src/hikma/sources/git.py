"""What does a git repository hold: HEAD and the work tree on top of it, or one commit?

pygit2 only. It runs no hook, filter or other program that a repository's configuration names.
"""

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pygit2
from pygit2.enums import FileMode, FileStatus, RepositoryOpenFlag

from hikma.domain import Entry, Skip, Snapshot, SourceFile
from hikma.errors import RepositoryError, UsageError
from hikma.sources.contents import examine_name
from hikma.sources.folder import (
    INTERNAL_FOLDERS,
    entry_on_disk,
    load_on_disk,
    read_if_there,
    read_on_disk,
    readable_path,
)
from hikma.sources.ignoring import OWN_NAME, Ignoring
from hikma.sources.roots import digest_now, is_bare

_CACHE_BYTES = 32 * 1024**2
_WINDOW_BYTES = 16 * 1024**2
_MAPPED_BYTES = 128 * 1024**2

_SUBMODULE = "submodule or nested repository: index it by itself"
_MISSING = "object missing: this clone lacks its content"
_NOT_UTF8 = "path is not UTF-8"


class _Blob(NamedTuple):
    """A file of a tree."""

    path: str
    id: pygit2.Oid


_Found: TypeAlias = _Blob | Entry | Skip | None
"""What stands at a path: in a tree, on disk, nothing that can be indexed, deleted."""


class GitSource:
    """A git repository: its work tree over HEAD, HEAD alone where it is bare, or one commit."""

    def __init__(self, repository: pygit2.Repository, root: Path, rev: str | None) -> None:
        self._repository = repository
        self._commit = None if rev is None else _commit(repository, rev)
        self._overlaid = rev is None and not repository.is_bare
        self._on_disk: frozenset[str] = frozenset()
        self.root = root
        self.name = _name(root)

    @property
    def head(self) -> str | None:
        """Return the hex id of the commit that is read; None for an unborn branch."""
        commit = self._commit or _head(self._repository)
        return None if commit is None else str(commit.id)

    def snapshot(self) -> Snapshot:
        """List the files that can be indexed, and every other one with its reason."""
        commit = self._commit or _head(self._repository)
        found: dict[str, _Found] = {}
        if commit:
            found.update(_tree_files(self._repository, commit))
        if self._overlaid:
            changed = _changed_files(self._repository, self.root)
            found.update(changed)
            self._on_disk = frozenset(
                path for path, entry in changed.items() if isinstance(entry, Entry)
            )
        kept = [self._sized(item) for item in found.values() if item is not None]
        kept = list(_without_ignored(kept, self._ignoring(found)))
        return Snapshot(
            self.name,
            None if commit is None else str(commit.id),
            tuple(sorted((i for i in kept if isinstance(i, Entry)), key=lambda i: i.path)),
            tuple(sorted((i for i in kept if isinstance(i, Skip)), key=lambda i: i.path)),
        )

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of an entry of the latest snapshot.

        Raises RepositoryError where the object or the file is gone or cannot be read.
        """
        if entry.path in self._on_disk:
            return read_on_disk(self.root, entry.path)
        content = self._blob(entry.digest)
        if content is None:
            raise RepositoryError(
                f"{entry.path!r}: object {entry.digest} cannot be read; run `git fsck`"
            )
        return content

    def load(self, entry: Entry) -> SourceFile | Skip:
        """Return an entry with the digest of what was read, or why it cannot be read."""
        if entry.path in self._on_disk:
            return load_on_disk(self.root, entry.path)
        content = self._blob(entry.digest)
        if content is None:
            return Skip(entry.path, _MISSING)
        return SourceFile(entry.path, entry.digest, content)

    def current_digest(self, path: str, indexed: str | None = None) -> str | None:
        """Return the digest of a file as it is now; None if it is gone.

        On disk for a work tree (see `roots.digest_now`), in HEAD for a bare repository, in the
        commit for a revision.
        """
        if self._overlaid:
            return digest_now(self.root, path, indexed)
        commit = self._commit or _head(self._repository)
        try:
            return None if commit is None else str(commit.tree[path].id)
        except (KeyError, pygit2.GitError):
            return None

    def close(self) -> None:
        """Release the repository's files."""
        self._repository.free()

    def _blob(self, digest: str) -> bytes | None:
        try:
            return self._repository.odb.read(pygit2.Oid(hex=digest))[1]
        except (KeyError, pygit2.GitError):
            return None

    def _sized(self, item: _Blob | Entry | Skip) -> Entry | Skip:
        if not isinstance(item, _Blob):
            return item
        try:
            size = self._repository.odb.read_header(item.id)[1]
        except (KeyError, pygit2.GitError):
            return Skip(item.path, _MISSING)
        return examine_name(item.path, size) or Entry(item.path, str(item.id), size)

    def _ignoring(self, found: Mapping[str, _Found]) -> Ignoring:
        """Read ignore files where the files themselves come from."""
        if self._overlaid:
            return Ignoring(partial(read_if_there, self.root), (OWN_NAME,))

        def read(path: str) -> bytes | None:
            item = found.get(path)
            return self._blob(str(item.id)) if isinstance(item, _Blob) else None

        return Ignoring(read, (OWN_NAME,))


def open_git(root: Path, rev: str | None) -> GitSource:
    """Open the repository at a root that `roots.find_root` found, at HEAD or at a revision.

    Raises RepositoryError where it cannot be opened, UsageError for an unknown revision.
    """
    return GitSource(open_repository(root), root, rev)


def open_repository(root: Path) -> pygit2.Repository:
    """Open the repository at a root, whoever owns it and whatever work tree it names.

    Raises RepositoryError where it is damaged or of a kind that the library cannot read.
    """
    _bound_caches()
    # Git refuses repositories of other owners because it runs what their configuration names.
    # Nothing is run here, and a shared or mounted checkout must be readable.
    pygit2.settings.owner_validation = False
    bare = is_bare(root)
    flags = RepositoryOpenFlag.NO_SEARCH | (RepositoryOpenFlag.BARE if bare else 0)
    try:
        repository = pygit2.Repository(str(root), flags)
        if not bare and Path(repository.workdir or "").resolve() != root:
            # core.worktree may name any folder of the machine: only this one was asked for.
            repository.workdir = str(root)
    except (pygit2.GitError, KeyError, OSError) as error:
        raise RepositoryError(_refusal(root, str(error))) from error
    return repository


def _bound_caches() -> None:
    """Keep the git library, in this process, from holding what a whole history reads."""
    pygit2.settings.cache_max_size(_CACHE_BYTES)
    pygit2.settings.mwindow_size = _WINDOW_BYTES
    pygit2.settings.mwindow_mapped_limit = _MAPPED_BYTES


def _refusal(root: Path, reason: str) -> str:
    if "sha256" in reason:
        return (
            f"{root} names its objects by SHA-256, which the git library here cannot read; "
            "convert it to SHA-1 or index an export of its files"
        )
    if "unsupported extension" in reason:
        return f"{root} uses a git format that the library here cannot read ({reason})"
    return f"{root} cannot be opened as a git repository ({reason}); check it with `git fsck`"


def _name(root: Path) -> str:
    if root.name == ".git":
        return root.parent.name
    return root.name.removesuffix(".git") or str(root)


def _head(repository: pygit2.Repository) -> pygit2.Commit | None:
    if repository.head_is_unborn:
        return None
    try:
        return repository.head.peel(pygit2.Commit)
    except (KeyError, pygit2.GitError) as error:
        raise RepositoryError(
            f"HEAD's commit cannot be read ({error}); fetch it again or check with `git fsck`"
        ) from error


def _commit(repository: pygit2.Repository, rev: str) -> pygit2.Commit:
    try:
        return repository.revparse_single(rev).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise UsageError(
            f"there is no commit {rev!r} here; give a branch, a tag or a commit's id"
        ) from error


def _tree_files(
    repository: pygit2.Repository, commit: pygit2.Commit
) -> Iterator[tuple[str, _Blob | Skip]]:
    """Yield each file of a commit; a subtree that is missing is skipped, the others are not."""
    pending: list[tuple[str, pygit2.Oid]] = [("", commit.tree_id)]
    while pending:
        folder, tree_id = pending.pop()
        tree = repository.get(tree_id)
        if not isinstance(tree, pygit2.Tree):
            yield folder, Skip(folder, _MISSING)
            continue
        for item in tree:
            name, exact = readable_path(item.raw_name or b"")
            path = folder + name
            mode = item.filemode  # asked once: the library makes an enum member at each access
            if mode != FileMode.TREE:
                yield path, _leaf(path, exact, mode, item.id)
            elif name not in INTERNAL_FOLDERS:
                pending.append((path + "/", item.id))


def _leaf(path: str, exact: bool, mode: int, blob: pygit2.Oid) -> _Blob | Skip:  # noqa: FBT001 -- half of a pair
    if mode == FileMode.COMMIT:
        return Skip(path, _SUBMODULE)
    if mode == FileMode.LINK:
        return Skip(path, "symbolic link: not followed")
    return _Blob(path, blob) if exact else Skip(path, _NOT_UTF8)


def _changed_files(repository: pygit2.Repository, root: Path) -> dict[str, _Found]:
    """Return what the work tree has in place of HEAD's files; None where one was deleted."""
    changed: dict[str, _Found] = {}
    for found, status in repository.status(untracked_files="all").items():
        raw = found.encode("utf-8", "surrogateescape")
        path, exact = readable_path(raw)
        if status & FileStatus.IGNORED or not INTERNAL_FOLDERS.isdisjoint(path.split("/")):
            continue
        changed[path] = _on_disk(root, path) if exact else Skip(path, _NOT_UTF8)
    return changed


def _on_disk(root: Path, path: str) -> Entry | Skip | None:
    place = root / path
    if not place.is_symlink() and place.is_dir():
        return Skip(path, _SUBMODULE)
    if not os.path.lexists(place):
        return None
    return entry_on_disk(root, path)


def _without_ignored(items: list[Entry | Skip], ignoring: Ignoring) -> Iterator[Entry | Skip]:
    for item in items:
        excluding = ignoring.excluding(item.path)
        yield Skip(item.path, f"excluded by {excluding}") if excluding else item
