"""One place that turns what SQLite reports into errors with a remedy."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from hikma.catalog.locking import describe_holder
from hikma.errors import (
    CatalogError,
    CorruptFileError,
    HikmaError,
    LockedFileError,
    NotHikmaFileError,
    ReadOnlyFileError,
    StorageFullError,
)

_SCARCE_BYTES = 1 << 20
"""With less free space than this a failed write is taken for a full disk."""
_UNKNOWN_MEMBER = " is not a valid "
"""What Python's enums say of a value that is none of theirs."""
_STORED_WRONG = ("sqlite-vec", "vec0 constructor", "malformed JSON", "file format")
"""What SQLite and its extension say of bytes in the file, not of the statement."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's failures as Hikma's; errors of a caller's own SQL pass unchanged."""
    try:
        yield
    except apsw.Error as error:
        known = translate(error, path)
        if known is None:
            raise
        raise known from error
    except UnicodeDecodeError as error:
        # SQLite hands out text as it lies in the file; every text was valid when written.
        raise damaged(path, "a stored text is not valid UTF-8") from error
    except ValueError as error:
        # A stored kind or property that no version has ever written; enums have no error of
        # their own, and what users give was parsed before it came here.
        if not isinstance(error, json.JSONDecodeError) and _UNKNOWN_MEMBER not in str(error):
            raise
        raise damaged(path, str(error)) from error


def translate(error: apsw.Error, path: Path) -> HikmaError | None:
    """Return the error of our tree for one of SQLite's, None for a mistake in a statement."""
    match error:
        case apsw.FullError():
            return full(path)
        case apsw.NotADBError():
            return not_ours(path, "it is not a SQLite database, or its first bytes are damaged")
        case apsw.CorruptError() | apsw.FormatError() | apsw.ConstraintError():
            # What is written fits the constraints; what lies in the file then does not.
            return damaged(path, str(error))
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError():
            return LockedFileError(
                f"{path} is locked by {describe_holder(path)}; wait until it is done, then repeat."
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return ReadOnlyFileError(
                f"{path} cannot be opened or written ({error}); check the permissions of the file "
                "and its folder, or set HIKMA_DATABASE to a place that can be written."
            )
        case apsw.IOError():
            return full(path) if _is_full(path) else _unreadable(path, error)
        case apsw.SQLError() if any(words in str(error) for words in _STORED_WRONG):
            return damaged(path, str(error))
        case _:
            return None


def damaged(path: Path, fact: str) -> CorruptFileError:
    """Return the error for a file whose content cannot be trusted."""
    return CorruptFileError(
        f"{path} is damaged: {fact}; run `hikma doctor` for the extent, or delete the file and "
        "run `hikma index`."
    )


def not_ours(path: Path, fact: str) -> NotHikmaFileError:
    """Return the error for a file of another making."""
    return NotHikmaFileError(
        f"{path} is not a Hikma index: {fact}; move it away, or set HIKMA_DATABASE to another file."
    )


def full(path: Path) -> StorageFullError:
    """Return the error for a disk without space."""
    return StorageFullError(
        f"No space is left where {path} lies; nothing of the last step was kept. Free some space "
        "and repeat."
    )


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _SCARCE_BYTES
    except OSError:
        return False


def _unreadable(path: Path, error: apsw.Error) -> HikmaError:
    """Tell damage (a read beyond the end of the file) from what the disk itself reports."""
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHORT_READ:
        return damaged(path, str(error))
    return CatalogError(
        f"Reading or writing {path} failed ({error}); check the disk, then run `hikma doctor`."
    )
