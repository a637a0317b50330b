"""A file that is made whole or not at all: built under another name, then given its own."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from secrets import token_hex

from hikma.catalog.failures import full
from hikma.catalog.locking import is_alive
from hikma.errors import CatalogError, HikmaError, ReadOnlyFileError

LOGS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file that is open."""
_BESIDE = ("", *LOGS, ".lock", ".holder")


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Yield a name beside a file, where nothing is left in the end, nor of runs killed."""
    sweep(path)
    made = path.with_name(f"{path.name}.creating.{os.getpid()}.{token_hex(4)}")
    try:
        yield made
    finally:
        discard(made)


def sweep(path: Path) -> None:
    """Remove the drafts of a file that those who were killed have left."""
    for one in path.parent.glob(f"{escape(path.name)}.creating.*"):
        pid = one.name.removeprefix(f"{path.name}.creating.").partition(".")[0]
        if pid.isdigit() and not is_alive(int(pid)):
            one.unlink(missing_ok=True)


def discard(made: Path) -> None:
    """Remove a draft with all that SQLite and the locks put beside it."""
    for suffix in _BESIDE:
        made.with_name(f"{made.name}{suffix}").unlink(missing_ok=True)


def discard_logs(path: Path) -> None:
    """Remove the logs of a deleted file: they would be played into the next of its name."""
    for suffix in LOGS:
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def link(made: Path, path: Path) -> None:
    """Give a draft its name; FileExistsError where that is taken."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system; a file made this instant is replaced
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        made.rename(path)


def publish(made: Path, path: Path, *, force: bool = False) -> None:
    """Give a draft its name once all of it is on the disk; without `force` it must be free.

    Raises FileExistsError where it is not, OSError where the disk fails.
    """
    sync(made)
    if force:
        made.replace(path)
    else:
        link(made, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def failed(path: Path, error: OSError) -> HikmaError:
    """Return the error for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ReadOnlyFileError(f"{path} cannot be written; name a file elsewhere.")
    return CatalogError(f"Writing {path} failed ({error.strerror}); check the disk and repeat.")
