"""What lies in the inner tables of sqlite-vec: codes, in chunks, read as they lie.

Read so, all codes cost a fifth of what a query of sqlite-vec does. It is as careful as reading
somebody else's tables must be: what is not laid out as known is refused.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds
from hikma.catalog import rows
from hikma.errors import CorruptFileError
from hikma.vectors.codes import CodeRows

CHUNK_ROWS = 1_024
INNER_TABLES = ("info", "chunks", "rowids", "vector_chunks00")
_LAYOUT = [(0, 1)]
"""The versions of sqlite-vec, as far as they matter, whose layout this is."""
_VERSION = """
SELECT (SELECT value FROM {table}_info WHERE key = 'CREATE_VERSION_MAJOR'),
       (SELECT value FROM {table}_info WHERE key = 'CREATE_VERSION_MINOR')
"""
_TORN = """
SELECT chunk.chunk_id FROM {table}_chunks AS chunk
  LEFT JOIN {table}_vector_chunks00 AS codes ON codes.rowid = chunk.chunk_id
 WHERE chunk.size IS NOT ? OR length(chunk.validity) IS NOT ? OR length(chunk.rowids) IS NOT ?
    OR length(codes.vectors) IS NOT ?
UNION ALL
SELECT 0 WHERE EXISTS (SELECT 1 FROM {table}_rowids)
           AND NOT EXISTS (SELECT 1 FROM {table}_chunks)
"""
_LOST_PLACES = """
SELECT place.rowid FROM {table}_rowids AS place
  LEFT JOIN {table}_chunks AS chunk ON chunk.chunk_id = place.chunk_id
 WHERE place.rowid IN (SELECT value FROM carray(?))
   AND (chunk.chunk_id IS NULL OR place.chunk_offset NOT BETWEEN 0 AND ? - 1)
"""
_CHUNKS = """
SELECT codes._rowid_, chunk.validity, chunk.rowids FROM {table}_chunks AS chunk
  JOIN {table}_vector_chunks00 AS codes ON codes.rowid = chunk.chunk_id ORDER BY chunk.chunk_id
"""
_PLACES = """
SELECT place.rowid, codes._rowid_, place.chunk_offset FROM {table}_rowids AS place
  JOIN {table}_vector_chunks00 AS codes ON codes.rowid = place.chunk_id
 WHERE place.rowid IN (SELECT value FROM carray(?)) ORDER BY place.rowid
"""


@contextmanager
def told(table: str) -> Iterator[None]:
    """Raise what sqlite-vec says of its inner tables as damage: our statements never vary."""
    try:
        yield
    except apsw.SQLError as error:
        raise CorruptFileError(
            f"{table} is damaged ({error}); run `hikma vectors rebuild`, or delete the file and "
            "run `hikma index`."
        ) from error


def each(
    connection: apsw.Connection, table: str, dimension: int
) -> Iterator[tuple[DocumentIds, CodeRows]]:
    """Yield each chunk's ids and codes, as they lie; the next chunk overwrites the codes.

    Raises CorruptFileError for what is not laid out as known, or counts other ids.
    """
    refuse(table, torn(connection, table, dimension))
    count = counted(connection, table)
    for ids, codes in _chunks(connection, table, dimension):
        count -= len(ids)
        yield ids, codes
    if count:
        raise CorruptFileError(
            f"{table} counts other ids than it holds; run `hikma vectors rebuild`."
        )


def every(
    connection: apsw.Connection,
    table: str,
    dimension: int,
    proceed: Callable[[], bool] = lambda: True,
) -> tuple[DocumentIds, CodeRows] | None:
    """Return every id held and its code, as they lie; None when told not to proceed."""
    count = counted(connection, table)
    ids, codes = np.empty(count, np.int64), np.empty((count, dimension), np.int8)
    start = 0
    for some, held in each(connection, table, dimension):
        if not proceed():
            return None
        end = start + len(some)
        if end > count:  # `each` tells of it at its end
            continue
        ids[start:end], codes[start:end] = some, held
        start = end
    return ids, codes


def of(
    connection: apsw.Connection, table: str, dimension: int, asked: DocumentIds
) -> tuple[DocumentIds, CodeRows]:
    """Return those of some ids that are held, ascending, and their codes."""
    if not len(asked):
        return asked, np.empty((0, dimension), np.int8)
    bound = (rows.numbers(asked),)
    places = rows.every(connection, _PLACES.format(table=table), bound)
    codes = np.empty((len(places), dimension), np.int8)
    if places:
        with closing(_opened(connection, table, places[0][1])) as blob:
            opened = places[0][1]
            for code, (_, chunk, offset) in zip(codes, places, strict=True):
                if chunk != opened:
                    blob.reopen(chunk)
                    opened = chunk
                blob.seek(offset * dimension)
                blob.read_into(code.data)
    return np.array([one for one, _, _ in places], np.int64), codes


def counted(connection: apsw.Connection, table: str) -> int:
    """Return how many ids are held."""
    return int(rows.value(connection, f"SELECT count(*) FROM {table}_rowids"))  # noqa: S608 -- our table


def chunk_count(connection: apsw.Connection, table: str) -> int:
    """Return how many chunks hold them."""
    return int(rows.value(connection, f"SELECT count(*) FROM {table}_chunks"))  # noqa: S608 -- our table


def emptiest(connection: apsw.Connection, table: str, most: int) -> DocumentIds:
    """Return the ids in the chunks that hold the fewest, whole chunks, about `most` ids.

    Never those of the latest chunk: that is where sqlite-vec writes.
    """
    sql = f"SELECT validity, rowids FROM {table}_chunks ORDER BY chunk_id"  # noqa: S608 -- our table
    held = [
        np.frombuffer(numbers, "<i8")[_set_bits(validity)]
        for validity, numbers in rows.every(connection, sql)[:-1]
    ]
    held.sort(key=len)
    ends = np.cumsum([len(ids) for ids in held])
    few = held[: max(1, int(np.searchsorted(ends, most, side="right")))]
    return np.concatenate([np.empty(0, np.int64), *few])


def torn(connection: apsw.Connection, table: str, dimension: int) -> list[int]:
    """Return the chunks that are not laid out as known; refuse tables of another sqlite-vec."""
    made_by = rows.first(connection, _VERSION.format(table=table))
    if made_by not in _LAYOUT:
        raise CorruptFileError(
            f"{table} was made by a sqlite-vec of another layout {made_by}; run `hikma vectors "
            "rebuild`."
        )
    sizes = (CHUNK_ROWS, CHUNK_ROWS // 8, CHUNK_ROWS * 8, CHUNK_ROWS * dimension)
    return rows.column(connection, _TORN.format(table=table), sizes)


def lost(connection: apsw.Connection, table: str, ids: Sequence[int]) -> list[int]:
    """Return those of some ids whose place is in no chunk."""
    bound = (rows.numbers(np.array(ids)), CHUNK_ROWS)
    return rows.column(connection, _LOST_PLACES.format(table=table), bound)


def refuse_broken(connection: apsw.Connection, table: str) -> None:
    """Refuse what SQLite could not finish: sqlite-vec would go on with memory that it has freed."""
    facts = rows.column(connection, f"PRAGMA integrity_check({table})")
    if facts != ["ok"]:
        raise CorruptFileError(
            f"{table} is damaged ({facts[0]}); delete the file and run `hikma index`."
        )


def refuse_damaged(connection: apsw.Connection, table: str) -> None:
    """Refuse a table of which some inner one is broken."""
    for inner in INNER_TABLES:
        refuse_broken(connection, f"{table}_{inner}")


def refuse(table: str, damaged: Sequence[int]) -> None:
    """Raise CorruptFileError where there is damage."""
    if damaged:
        raise CorruptFileError(
            f"{table} is damaged in {len(damaged)} places, {damaged[0]} first; run "
            "`hikma vectors rebuild`, or delete the file and run `hikma index`."
        )


def _chunks(
    connection: apsw.Connection, table: str, dimension: int
) -> Iterator[tuple[DocumentIds, CodeRows]]:
    described = rows.every(connection, _CHUNKS.format(table=table))
    if not described:
        return
    held = np.empty((CHUNK_ROWS, dimension), np.int8)
    with closing(_opened(connection, table, described[0][0])) as blob:
        for place, validity, numbers in described:
            blob.reopen(place)
            blob.read_into(held.data)
            taken = _set_bits(validity)
            ids = np.frombuffer(numbers, "<i8")
            whole = len(taken) == CHUNK_ROWS
            yield (ids, held) if whole else (ids[taken], held[taken])


def _opened(connection: apsw.Connection, table: str, place: int) -> apsw.Blob:
    return connection.blob_open("main", f"{table}_vector_chunks00", "vectors", place, False)  # noqa: FBT003 -- APSW's own signature


def _set_bits(validity: bytes) -> NDArray[np.int64]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little"))
