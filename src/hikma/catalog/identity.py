"""Which file is this? A name that no other file has, for what it keeps elsewhere."""

from secrets import token_hex

import apsw

from hikma.catalog import state

_KEY = "identity"


def of(connection: apsw.Connection) -> str:
    """Return the file's own name, 16 hex digits; empty before its first space is made."""
    return state.get(connection, _KEY) or ""


def ensure(connection: apsw.Connection) -> str:
    """Return the file's own name; give it one where it has none."""
    return of(connection) or renew(connection)


def renew(connection: apsw.Connection) -> str:
    """Make the file another one than it was, as a copy must be; return its name."""
    made = token_hex(8)
    state.put(connection, _KEY, made)
    return made
