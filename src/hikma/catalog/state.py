"""Small facts about the index itself: its head, when it was made, whether it is complete."""

import apsw

from hikma.catalog import rows


def get(connection: apsw.Connection, key: str) -> str | None:
    """Return a value, None when it was never put."""
    row = rows.first(connection, "SELECT value FROM state WHERE key = ?", (key,))
    return None if row is None else str(row[0])


def remove(connection: apsw.Connection, key: str) -> None:
    """Forget a value; one that was never put is no error."""
    connection.execute("DELETE FROM state WHERE key = ?", (key,))


def put(connection: apsw.Connection, key: str, value: str) -> None:
    """Set a value."""
    connection.execute(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (key, value),
    )
