"""Which file is this? A name that no other file has, for what it keeps elsewhere.

A copy of a file has its name, and would write into its tables elsewhere. So a file also knows where
it was made its own: the device, the inode and the path of the main database file.
"""

import json
from pathlib import Path
from secrets import token_hex

import apsw

from hikma.catalog import rows, state
from hikma.catalog.tables import MIGRATING
from hikma.errors import CopiedFileError

_KEY, _PLACE = "identity", "identity_place"
_TIED = f"""
SELECT EXISTS (SELECT 1 FROM vector_space
                WHERE backend <> 'sqlite-vec' AND state IN ('answering', 'receiving'))
    OR EXISTS (SELECT 1 FROM migration WHERE {MIGRATING})
"""  # noqa: S608 -- our own clause


def of(connection: apsw.Connection) -> str:
    """Return the file's own name, 16 hex digits; empty before its first space is made."""
    return state.get(connection, _KEY) or ""


def ensure(connection: apsw.Connection) -> str:
    """Return the file's own name; give it one where it has none, or is a copy that may have one.

    A file that keeps nothing elsewhere may be copied as it is: each of the copies gets a name of
    its own before it keeps anything elsewhere.
    """
    path = Path(connection.filename)
    if of(connection) and (_is_tied(connection) or _is_at(connection, path)):
        return of(connection)
    settle(connection, path)
    return renew(connection)


def renew(connection: apsw.Connection) -> str:
    """Make the file another one than it was, as a copy must be; return its name."""
    made = token_hex(8)
    state.put(connection, _KEY, made)
    return made


def settle(connection: apsw.Connection, path: Path) -> None:
    """Say that the file's place is that of the file at `path`.

    It is that file, or its pages are to replace that one's, or it is to be given that name.
    """
    found = path if path.exists() else Path(connection.filename)
    state.put(connection, _PLACE, json.dumps([*_inode(found), str(path.resolve())]))


def unsettle(connection: apsw.Connection) -> None:
    """Say that the file has no place: it is a copy, wherever it lies."""
    connection.execute("UPDATE state SET value = '' WHERE key = ?", (_PLACE,))


def check(connection: apsw.Connection, path: Path, *, kept: bool = False) -> None:
    """Refuse a copy that would write into what its original keeps elsewhere.

    Raises CopiedFileError. A file that was moved on its file system passes, and so does every file
    that keeps nothing elsewhere and is not being migrated, unless it `kept` something there.
    """
    tied = kept or _is_tied(connection)
    if not of(connection) or not tied or _is_at(connection, path):
        return
    held = state.get(connection, _PLACE)
    origin = f"the index at {json.loads(held)[2]}" if held else "another index"
    raise CopiedFileError(
        f"{path} is a copy of {origin}, and would write to the vectors that its original keeps "
        "elsewhere; take it over into a place of its own with `hikma restore COPY`, or make this "
        "file independent with `hikma migrate repair --own`."
    )


def _is_tied(connection: apsw.Connection) -> bool:
    """Whether the file keeps vectors elsewhere, or is about to."""
    return bool(rows.value(connection, _TIED))


def _is_at(connection: apsw.Connection, path: Path) -> bool:
    """Whether the file lies where it was made its own.

    Devices are numbered anew when a machine starts, so the same inode at the same path will do.
    """
    held = state.get(connection, _PLACE)
    if not held:
        return False
    device, inode, name = json.loads(held)
    device_now, inode_now = _inode(path)
    return bool(inode == inode_now and (device == device_now or name == str(path.resolve())))


def _inode(path: Path) -> tuple[int, int]:
    """Return the device that a file lies on, and its number there."""
    found = path.stat()
    return found.st_dev, found.st_ino
