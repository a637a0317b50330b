"""Is the file sound? What `hikma doctor` looks at, each finding with its remedy."""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from hikma.catalog import (
    adopted,
    completeness,
    embeddings,
    ledger,
    migrations,
    outbox,
    rows,
    spaces,
    state,
)
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import WORD_TABLES, vector_table
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError

_REINDEX = "Delete the file and run `hikma index`."
_FULL = "Run `hikma index --full`."
_REBUILD = "Run `hikma vectors rebuild`."
_REPAIR = "Run `hikma migrate repair`."
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: which check, what it saw, what to do."""

    name: str
    fact: str
    remedy: str


def examine(connection: apsw.Connection) -> list[Finding]:
    """Run every check in one consistent state; an empty list says that the file is sound."""
    findings: list[Finding] = []
    for check in _CHECKS:
        try:
            findings += check(connection)
        except (apsw.Error, TypeError, ValueError) as error:
            # What cannot even be read is what the check is for.
            findings.append(Finding("integrity", str(error), _REINDEX))
    return findings


@contextmanager
def suspecting_damage(catalog: Catalog) -> Iterator[None]:
    """Say that the file is damaged where a job trips over its rows and the checks say so too."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        with catalog.read() as connection:
            damage = [finding for finding in examine(connection) if finding.name != "head"]
        if not damage:
            raise
        raise CorruptFileError(
            f"{catalog.path} is damaged: {damage[0].fact}. {damage[0].remedy}"
        ) from error


def refuse_altered(connection: apsw.Connection, ids: Sequence[int], model: str) -> None:
    """Raise CorruptFileError where the canonical vector of a document is not what its hash says."""
    altered = embeddings.altered(connection, ids, model)
    if altered:
        document, digest = altered[0]
        raise CorruptFileError(
            f"The canonical vectors of {len(altered)} documents are altered, first of document "
            f"{document} (digest {digest.hex()}); `hikma doctor` counts all of them. "
            f"{_anew(connection)}"
        )


def _anew(connection: apsw.Connection) -> str:
    """Say how canonical vectors are made again: a migration would keep a full run from it."""
    taken = adopted.origin(connection)
    last = (
        "run `hikma index --full`"
        if taken is None
        else f"delete the file and take {taken.table} in {taken.location} over again with "
        "`hikma migrate adopt`"
    )
    if taken is None and migrations.running(connection) is not None:
        return f"Run `hikma migrate rollback`, then {last}."
    return f"{last[0].upper()}{last[1:]}."


def _pages(connection: apsw.Connection) -> Iterator[Finding]:
    # FTS5 learns at the opening of a cursor, and not in its own check, that others have written.
    for words in WORD_TABLES:
        rows.first(connection, f"SELECT rowid FROM {words} LIMIT 1")  # noqa: S608 -- our own names
    for fact in rows.column(connection, f"PRAGMA integrity_check({_SHOWN})"):
        if fact != "ok":
            yield Finding("integrity", fact, _REINDEX)


def _foreign_keys(connection: apsw.Connection) -> Iterator[Finding]:
    found = rows.column(connection, "PRAGMA foreign_key_check")
    if found:
        tables = ", ".join(sorted(set(found)))
        yield Finding("foreign_keys", f"{len(found)} rows refer to nothing, in {tables}", _FULL)


def _words(connection: apsw.Connection) -> Iterator[Finding]:
    """FTS5's own structure is part of the integrity check; here its rows against the documents."""
    yield from _listed(connection, "fulltext", "documents cannot be found by words", _WORDLESS)
    yield from _listed(connection, "fulltext", "documents are gone, their words are not", _GHOSTS)


def _entries(connection: apsw.Connection) -> Iterator[Finding]:
    """I1, I2: every document has one live entry of its present text, no entry lacks a document."""
    without = "documents have no vector of their present text"
    yield from _listed(connection, "ledger", without, _UNENTERED)
    yield from _listed(connection, "ledger", "live entries have no document", _UNDOCUMENTED)


def _canonical(connection: apsw.Connection) -> Iterator[Finding]:
    """I9: bytes equal by hash; each live document has a vector by the model that answers."""
    altered = [
        number
        for number, vector, dimension, vector_hash in connection.execute(
            "SELECT id, vector, dimension, vector_hash FROM embedding"
        )
        if len(vector) != 4 * dimension or ledger.hash_of(vector) != vector_hash
    ]
    yield from _some("embedding", "canonical vectors are altered", altered, _anew(connection))
    answering = ledger.space(connection)
    if answering is not None:
        without = rows.column(connection, _UNEMBEDDED, (answering.documents,))
        what = "live entries have no vector by the model that answers"
        yield from _some("ledger", what, without, _REPAIR)


def _stores(connection: apsw.Connection) -> Iterator[Finding]:
    """I2, I3: each table of sqlite-vec holds each live id exactly once and nothing else."""
    for space in spaces.active(connection):
        if spaces.is_inside(space):
            yield from _inside(connection, space)


def _inside(connection: apsw.Connection, space: VectorSpace) -> Iterator[Finding]:
    table = f"{vector_table(space.id)}_rowids"
    filling = migrations.is_filling(connection, space.id)
    if rows.first(connection, "SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)) is None:
        if ledger.live(connection) and not filling:
            yield Finding("vectors", f"{table} is missing", _REBUILD)
        return
    for fact, sql in (
        ("live documents are not in the store", "SELECT 0 LIMIT 0" if filling else _UNSTORED),
        ("ids in the store are no live documents", _UNKNOWN),
        ("ids in the store share a place with another", _SHARED),
    ):
        found = rows.column(connection, sql.format(table=table, space=space.id))
        yield from _some("vectors", fact, found, _REBUILD)


def _owed(connection: apsw.Connection) -> Iterator[Finding]:
    """Find what a space outside the file was refused so often that nobody tries any more."""
    for space in spaces.active(connection):
        left = outbox.backlog(connection, space.id)
        if left.parked:
            fact = f"{left.parked} rows are parked that space {space.id} is owed: {left.error}"
            yield Finding("outbox", fact, _REPAIR)


def _commits(connection: apsw.Connection) -> Iterator[Finding]:
    """Find commits whose rows are not as they were written: ids, parents and hunks are whole."""
    fact = "commits are held otherwise than they were written"
    yield from _listed(connection, "history", fact, _MISSHAPEN)


def _completeness(connection: apsw.Connection) -> Iterator[Finding]:
    complete = state.get(connection, "complete")
    if complete == "0":
        yield Finding("head", "the last indexing run was not finished", "Run `hikma index`.")
    if complete == "1" and state.get(connection, "head") is None:
        yield Finding("head", "the index does not say which commit it holds", "Run `hikma index`.")
    if state.get(connection, completeness.COMPLETE) == "0":
        yield Finding("history", "the history was not read to its end", "Run `hikma index`.")


def _listed(connection: apsw.Connection, name: str, fact: str, sql: str) -> Iterator[Finding]:
    yield from _some(name, fact, rows.column(connection, sql), _FULL)


def _some(name: str, fact: str, ids: Sequence[int], remedy: str) -> Iterator[Finding]:
    """Report that something holds for these ids, unless there are none."""
    if ids:
        shown = ", ".join(str(one) for one in ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
        yield Finding(name, f"{len(ids)} {fact} (ids {shown})", remedy)


_WORDS = " UNION ALL ".join(f"SELECT id FROM {words}_docsize" for words in WORD_TABLES)  # noqa: S608 -- our own names
_WORDLESS = f"SELECT id FROM document WHERE id NOT IN ({_WORDS})"  # noqa: S608 -- our own clause
_GHOSTS = f"SELECT id FROM ({_WORDS}) WHERE id NOT IN (SELECT id FROM document)"  # noqa: S608 -- likewise
_UNENTERED = """
SELECT document.id FROM document
  LEFT JOIN ledger ON ledger.document_id = document.id AND NOT ledger.deleted
 WHERE ledger.digest IS NOT document.digest
"""
_UNDOCUMENTED = """
SELECT document_id FROM ledger
 WHERE NOT deleted AND document_id NOT IN (SELECT id FROM document)
"""
_UNEMBEDDED = """
SELECT ledger.document_id FROM ledger
  LEFT JOIN embedding ON embedding.digest = ledger.digest
   AND embedding.model = (SELECT id FROM model WHERE identity = ?)
 WHERE NOT ledger.deleted AND embedding.id IS NULL
"""
_UNSTORED = """
SELECT document_id FROM ledger
 WHERE NOT deleted AND document_id NOT IN (SELECT rowid FROM {table})
   AND document_id NOT IN (SELECT document_id FROM outbox WHERE space = {space})
"""
_UNKNOWN = """
SELECT rowid FROM {table}
 WHERE rowid NOT IN (SELECT document_id FROM ledger WHERE NOT deleted)
"""
_SHARED = "SELECT min(rowid) FROM {table} GROUP BY chunk_id, chunk_offset HAVING count(*) > 1"

_MISSHAPEN = """
SELECT node FROM history
 WHERE typeof(hash) <> 'blob' OR length(hash) <> 20
    OR typeof(parents) <> 'blob' OR length(parents) % 20 <> 0
UNION
SELECT change.node FROM change JOIN history ON history.node = change.node
 WHERE typeof(parent) <> 'integer' OR (parent > 0 AND 20 * parent >= length(parents))
    OR (hunks IS NOT NULL AND (typeof(hunks) <> 'blob' OR length(hunks) % 16 <> 0))
"""

_CHECKS: tuple[Callable[[apsw.Connection], Iterator[Finding]], ...] = (
    _pages,
    _foreign_keys,
    _words,
    _entries,
    _canonical,
    _stores,
    _owed,
    _commits,
    _completeness,
)
