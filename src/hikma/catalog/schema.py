"""The file as a resource: one locked writer, one read-only connection a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from weakref import WeakSet

import apsw

from hikma.catalog import opening
from hikma.catalog.failures import not_ours, translated
from hikma.catalog.locking import Holder, WriterLock, holder
from hikma.catalog.tables import SCHEMA_VERSION
from hikma.errors import IndexMissingError


class _PerThread(threading.local):
    """What each thread has open."""

    reader: apsw.Connection | None = None
    blind: bool = False
    depth: int = 0


class Catalog:
    """An open index file.

    Reading never blocks and is never blocked. Do not close it while another thread reads.
    """

    def __init__(self, path: Path) -> None:
        """Use `Catalog.open`, which checks that the file is one of ours."""
        self._path = path
        self._mine = _PerThread()
        self._readers: WeakSet[apsw.Connection] = WeakSet()
        self._writing = threading.RLock()
        self._writer: apsw.Connection | None = None
        self._write_depth = 0
        self._lock: WriterLock | None = None

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Open an index file; with `create` make it when it is missing or has no byte.

        Raises IndexMissingError, or the narrowest CatalogError for a file that cannot be used.
        """
        opening.check_library(apsw.sqlite_lib_version())
        if path.exists() and not path.is_file():
            raise not_ours(path, "it is a folder" if path.is_dir() else "it is no regular file")
        if not path.exists() and create:
            opening.create(path)
        catalog = cls(path)
        try:
            with translated(path):
                catalog._prepare(create=create)
        except BaseException:
            catalog.close()
            raise
        return catalog

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    def reader(self) -> apsw.Connection:
        """Return this thread's own read-only connection."""
        if self._mine.reader is None:
            with translated(self._path):
                self._mine.reader = opening.open_reader(self._path)
                self._mine.blind = opening.is_blind(self._mine.reader)
            self._readers.add(self._mine.reader)
        return self._mine.reader

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Read one consistent state; nested calls join. Inside `write` its own rows are seen."""
        if self._writes_here():
            with translated(self._path):
                yield self._open_writer()
            return
        if self._mine.depth == 0:
            self._forget_blind()
        connection = self.reader()
        with translated(self._path):
            if self._mine.depth == 0:
                connection.execute("BEGIN")
            self._mine.depth += 1
            try:
                yield connection
            finally:
                self._mine.depth -= 1
                if self._mine.depth == 0 and connection.in_transaction:
                    connection.execute("ROLLBACK")  # a reader has nothing to commit

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """Write in one transaction, undone by any exception; a nested call joins the outer one.

        A nested call that fails is undone on its own, so that catching its error is safe.
        """
        with self._writing, translated(self._path):
            connection = self._open_writer()
            begin, commit, undo = _verbs(self._write_depth)
            connection.execute(begin)
            self._write_depth += 1
            try:
                yield connection
                connection.execute(commit)
            except BaseException:
                if connection.in_transaction:  # a full disk may have ended it already
                    connection.execute(undo)
                raise
            finally:
                self._write_depth -= 1

    @contextmanager
    def exclusive(self, purpose: str, wait_s: float) -> Iterator[None]:
        """Be the one process that writes; after `wait_s` raise LockedFileError with the holder."""
        if self._lock is None:
            self._lock = WriterLock(self._path)
        with self._lock.held(purpose, wait_s):
            yield

    def holder(self) -> Holder | None:
        """Return the process inside `exclusive`, if there is one."""
        return holder(self._path)

    def replace_by(self, draft: Path) -> None:
        """Take over every page of another index file in one transaction; readers see it whole."""
        with self._writing, translated(self._path):
            source = opening.open_reader(draft)
            try:
                with self._open_writer().backup("main", source, "main") as copy:
                    while not copy.done:
                        copy.step()
            finally:
                source.close()

    def close(self) -> None:
        """Close every connection; what is in the write-ahead log moves into the file."""
        for connection in (*self._readers, self._writer):
            if connection is not None:
                connection.close()
        self._readers.clear()
        self._mine = _PerThread()
        self._writer = None

    def _forget_blind(self) -> None:
        """Close a reader that sees no changes, so that the next one starts from what is there."""
        if self._mine.reader and self._mine.blind:
            self._mine.reader.close()
            self._mine.reader = None

    def _writes_here(self) -> bool:
        """Tell whether this very thread is inside `write`."""
        if not self._writing.acquire(blocking=False):
            return False
        try:
            return self._write_depth > 0
        finally:
            self._writing.release()

    def _open_writer(self) -> apsw.Connection:
        if self._writer is None:
            self._writer = opening.open_writer(self._path)
        return self._writer

    def _prepare(self, *, create: bool) -> None:
        """Check what lies at the path; initialise an empty file, upgrade an older one."""
        if not self._path.exists() or (self._path.stat().st_size == 0 and not create):
            raise IndexMissingError(f"There is no index at {self._path}; run `hikma index` first.")
        if self._path.stat().st_size == 0:
            opening.initialise(self._open_writer())
        if opening.identify(self.reader(), self._path) < SCHEMA_VERSION:
            opening.upgrade(self._open_writer())


def _verbs(depth: int) -> tuple[str, str, str]:
    """Return how to begin, commit and undo a transaction or, inside one, a savepoint."""
    if depth == 0:
        return "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
    name = f"level_{depth}"
    return f"SAVEPOINT {name}", f"RELEASE {name}", f"ROLLBACK TO {name}; RELEASE {name}"
