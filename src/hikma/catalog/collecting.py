"""What can go: vectors of vanished texts, tombstones, words of no text, spaces left behind."""

from collections.abc import Callable
from dataclasses import dataclass

import apsw

from hikma.catalog import rows, vocabulary
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import MIGRATING, WORD_TABLES


@dataclass(frozen=True, slots=True)
class Collected:
    """What `collect` removed; `bytes` is by how much the file's used pages shrank.

    `spaces` are those that a migration has left; of such outside the file the bytes are not known.
    """

    embeddings: int
    tombstones: int
    bytes: int
    spaces: int = 0


def collect(
    catalog: Catalog, split: Callable[[str], list[str]], drop: Callable[[], int] = lambda: 0
) -> Collected:
    """Drop what nothing refers to; `split` cuts texts into words, `drop` gives up spaces first."""
    with catalog.read() as connection:
        before = _used_bytes(connection)
    spaces = drop()
    with catalog.write() as connection:
        vocabulary.collect(connection, split)
        embeddings, tombstones = sweep(connection)
        return Collected(embeddings, tombstones, before - _used_bytes(connection), spaces)


def sweep(connection: apsw.Connection) -> tuple[int, int]:
    """Delete embeddings that nothing refers to and, unless a migration runs, tombstones.

    Returns how many of each.
    """
    connection.execute(f"DELETE FROM embedding WHERE {_ORPHANED}")  # noqa: S608 -- our own clause
    embeddings, tombstones = connection.changes(), 0
    if not _is_migrating(connection):
        connection.execute("DELETE FROM ledger WHERE deleted")
        tombstones = connection.changes()
    for words in WORD_TABLES:
        connection.execute(f"INSERT INTO {words}({words}) VALUES ('optimize')")  # noqa: S608 -- our own names
    rows.every(connection, "PRAGMA incremental_vacuum")
    return embeddings, tombstones


def orphans(connection: apsw.Connection) -> int:
    """Return how many embeddings no live document, or no space that is kept, refers to."""
    sql = f"SELECT count(*) FROM embedding WHERE {_ORPHANED}"  # noqa: S608 -- our own clause
    return int(rows.value(connection, sql))


_ORPHANED = """
NOT EXISTS (SELECT 1 FROM vector_space JOIN model ON model.identity = vector_space.documents
             WHERE model.id = embedding.model AND vector_space.state <> 'dropped')
 OR digest NOT IN (SELECT digest FROM ledger WHERE NOT deleted)
"""


def _is_migrating(connection: apsw.Connection) -> bool:
    sql = f"SELECT EXISTS (SELECT 1 FROM migration WHERE {MIGRATING})"  # noqa: S608 -- our own clause
    return bool(rows.value(connection, sql))


def _used_bytes(connection: apsw.Connection) -> int:
    pages, free, size = (
        rows.value(connection, f"PRAGMA {name}")
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
