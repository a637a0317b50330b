"""The jobs of copying an index while it is in use, and of putting such a copy in its place.

Both build a draft beside what they are to make, check it, and let it take effect in one step; what
dies on the way leaves the former state whole.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from hikma.catalog import (
    checks,
    drafts,
    fulltext,
    identity,
    opening,
    outbox,
    owning,
    rows,
    spaces,
    state,
)
from hikma.catalog.failures import translated
from hikma.catalog.locking import WriterLock
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import APPLICATION_ID, PAGE_SIZE
from hikma.errors import (
    CorruptFileError,
    IndexMissingError,
    LockedFileError,
    NotHikmaFileError,
    ReadOnlyFileError,
    UsageError,
)

_BESIDE = ("", *drafts.LOGS, ".lock", ".holder", ".full")
_STEP_PAGES = 1024
"""Pages that are copied at once: between two steps an interruption is heard."""
_UNFINISHED = frozenset({"head", "history", "outbox"})
"""Findings that say that something is still to be done, and not that the file is damaged."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy: where, how large, of which commit, with how many documents.

    `partial` when an indexing run was half-way: the copy is consistent, `hikma index` finishes it.
    """

    path: str
    bytes: int
    head: str | None
    documents: int
    partial: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Restored:
    """A copy that is the index now; `owed` counts what spaces outside the file must get again."""

    database: str
    source: str
    bytes: int
    head: str | None
    documents: int
    partial: bool
    owed: int
    seconds: float


def backup(catalog: Catalog, target: Path, *, force: bool = False) -> Backup:
    """Copy the state that the index has now to a file, while others read and write.

    The pages are read within one read transaction. So they are of one state, the copying never
    starts again however much is written meanwhile, and no writer waits for it: in WAL mode it only
    keeps the log from being emptied. Steps without that transaction would begin anew at each
    commit of another process; VACUUM INTO would write every table anew, in more time.

    Raises UsageError for a target that cannot be, CorruptFileError where the index is damaged.
    """
    start = time.monotonic()
    _refuse_target(catalog.path, target, force=force)
    with _draft(target) as draft:
        with catalog.read() as connection:
            rows.value(connection, "SELECT count(*) FROM state")  # from here on it is one state
            _copy(connection, draft, target)
        with _writing(draft) as connection:
            identity.unsettle(connection)
        with _reading(draft) as connection:
            _refuse_damage(connection, catalog.path)
            made = _described(connection, target, draft)
        _publish(draft, target, force=force)
    return replace(made, seconds=time.monotonic() - start)


def restore(database: Path, source: Path, wait_s: float) -> Restored:
    """Make a copy the index at `database`: whole in one transaction, or not at all.

    The index is another file then, with a name of its own, and owes the spaces outside it every
    document; see `owning.own`. Raises NotHikmaFileError, NewerSchemaError or CorruptFileError for a
    source that cannot be used, and LockedFileError while another process writes.
    """
    start = time.monotonic()
    _refuse_source(database, source)
    opening.make_folder(database.parent)
    with WriterLock(database).held("hikma restore", wait_s), _draft(database) as draft:
        with closing(opening.open_quietly(source)) as connection, translated(source):
            _copy(connection, draft, database)
        with closing(Catalog.open(draft)) as catalog:  # brings an older schema up to date
            with catalog.read() as connection:
                _refuse_damage(connection, source)
            with catalog.write() as connection:
                if identity.of(connection):
                    owning.own(connection, database)
            with catalog.read() as connection:
                made = _described(connection, source, draft)
                owed = [outbox.backlog(connection, one.id) for one in spaces.every(connection)]
        _put(draft, database)
    return Restored(
        str(database),
        made.path,
        made.bytes,
        made.head,
        made.documents,
        made.partial,
        sum(one.pending for one in owed),
        time.monotonic() - start,
    )


def _refuse_target(database: Path, target: Path, *, force: bool) -> None:
    """Refuse what a backup would spoil, or cannot be written to."""
    own = {database.resolve().with_name(f"{database.resolve().name}{one}") for one in _BESIDE}
    if target.resolve() in own or (target.exists() and target.samefile(database)):
        raise UsageError(f"{target} is the index itself or belongs to it; name another file.")
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file in it.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}; make it, or name another file.")
    if os.path.lexists(target) and not force:
        raise _taken(target)
    if target.exists():
        _tidy(target)
    beside = [one for one in drafts.LOGS if target.with_name(f"{target.name}{one}").exists()]
    if beside:
        raise UsageError(
            f"{target.name}{beside[0]} lies beside {target}: a database of that name is in use, "
            "or was; name another file."
        )
    if not os.access(target.parent, os.W_OK):
        raise ReadOnlyFileError(f"{target.parent} cannot be written; name a file elsewhere.")


def _tidy(target: Path) -> None:
    """Let SQLite remove what readers left beside a database that nobody has open any more."""
    with suppress(apsw.Error), closing(opening.open_writer(target)) as connection:
        rows.value(connection, "SELECT count(*) FROM sqlite_schema")


def _refuse_source(database: Path, source: Path) -> None:
    if not source.exists():
        raise IndexMissingError(f"There is no file {source}; name a file made by `hikma backup`.")
    if not source.is_file():
        raise NotHikmaFileError(f"{source} is no file; name a file made by `hikma backup`.")
    if database.exists() and source.samefile(database):
        raise UsageError(f"{source} is the index itself; name a file made by `hikma backup`.")
    if source.stat().st_size == 0:
        raise NotHikmaFileError(f"{source} has no byte; name a file made by `hikma backup`.")
    try:
        with closing(opening.open_quietly(source)) as connection, translated(source):
            _identify(connection, source)
    except CorruptFileError as error:
        raise CorruptFileError(
            f"{source} is damaged, so nothing was changed; use another backup."
        ) from error


def _taken(target: Path) -> UsageError:
    return UsageError(f"{target} exists already; name another file, or replace it by --force.")


def _identify(connection: apsw.Connection, source: Path) -> None:
    """Refuse a source that is not ours, is newer or truncated, or has pages of another size."""
    is_ours = rows.value(connection, "PRAGMA application_id") == APPLICATION_ID
    if is_ours and rows.value(connection, "PRAGMA page_size") != PAGE_SIZE:
        raise NotHikmaFileError(
            f"{source} was written anew by another program, with pages of another size; name a "
            "file made by `hikma backup`."
        )
    opening.identify(connection, source)


def _refuse_damage(connection: apsw.Connection, path: Path) -> None:
    """Refuse what `hikma doctor` would complain of; one that is half-way is sound."""
    wrong = [one for one in checks.examine(connection) if one.name not in _UNFINISHED]
    if wrong:
        raise CorruptFileError(
            f"{path} is damaged: {wrong[0].fact}; nothing was copied. Run `hikma doctor` on it, or "
            "use another backup."
        )


def _described(connection: apsw.Connection, path: Path, draft: Path) -> Backup:
    """Return what a draft of a copy holds; the copy is known as `path`."""
    head = state.get(connection, "head") or None
    partial = state.get(connection, "complete") != "1"
    size, documents = draft.stat().st_size, fulltext.count(connection)
    return Backup(str(path), size, head, documents, partial, 0.0)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Yield a draft of the target; say what fails while it is made."""
    try:
        with drafts.draft(target) as draft, translated(target):
            yield draft
    except OSError as error:
        raise drafts.failed(target, error) from error


def _copy(source: apsw.Connection, draft: Path, target: Path) -> None:
    """Copy every page that a connection sees into the draft of a file."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    with translated(target), closing(apsw.Connection(str(draft), flags=flags)) as made:
        made.execute("PRAGMA synchronous = FULL")
        with made.backup("main", source, "main") as copy:
            while not copy.step(_STEP_PAGES):
                pass


@contextmanager
def _writing(draft: Path) -> Iterator[apsw.Connection]:
    """Write to a draft in one transaction; closed, it has no log beside it."""
    with closing(opening.open_writer(draft)) as connection, connection:
        yield connection


@contextmanager
def _reading(draft: Path) -> Iterator[apsw.Connection]:
    with closing(opening.open_reader(draft)) as connection:
        yield connection


def _put(draft: Path, database: Path) -> None:
    """Let a draft be the index: readers of the former one see it at their next query."""
    if database.exists():
        with closing(_former(database)) as catalog:
            catalog.replace_by(draft)
        return
    drafts.discard_logs(database)
    try:
        _publish(draft, database, force=False)
    except UsageError as error:
        raise LockedFileError(
            f"Another process has just made {database}; wait until it is done, then repeat."
        ) from error


def _former(database: Path) -> Catalog:
    """Open the index that is to be replaced; damage in it does not matter."""
    try:
        return Catalog.open(database, create=True)
    except CorruptFileError:
        return Catalog(database)


def _publish(draft: Path, target: Path, *, force: bool) -> None:
    try:
        drafts.publish(draft, target, force=force)
    except FileExistsError:
        raise _taken(target) from None
