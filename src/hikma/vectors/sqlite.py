"""Vectors in the index file itself: int8 codes in sqlite-vec, scored exactly from float rows.

Codes a quarter of the size find the candidates; the canonical rows decide their order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch
from hikma.catalog import embeddings, ledger, rows, state
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import vector_table
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError, MissingVectorError
from hikma.vectors.exact import SMALL, best, distances, over_fetch, refuse_width

MOST_NEIGHBOURS = 4_096
"""sqlite-vec refuses a larger k."""
CHUNK_ROWS = 1_024
_SPARSE_CHUNKS = 4
"""Chunks in excess of twice the needed ones before the table is rebuilt."""
_REFILL_ROWS = 2_000
_INNER_TABLES = ("info", "chunks", "rowids", "vector_chunks00")
_TORN_CHUNKS = """
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
SELECT chunk.validity, chunk.rowids, codes.vectors FROM {table}_chunks AS chunk
  JOIN {table}_vector_chunks00 AS codes ON codes.rowid = chunk.chunk_id ORDER BY chunk.chunk_id
"""
_CODE_MAX = 127


class SqliteVectors:
    """The vectors of one space; writes join the catalog's transaction."""

    def __init__(self, catalog: Catalog, space: VectorSpace) -> None:
        """Hold a space's vectors; its table is made by the first write."""
        self._catalog = catalog
        self._space = space
        self._table = vector_table(space.id)
        self._generation = f"{self._table}_generation"
        # Unit vectors of a longer dimension have smaller values: keep the steps in proportion.
        self._scale = _CODE_MAX * max(1.0, (space.dimension / 384) ** 0.5)
        self._chunks_are_whole = False

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._space.dimension

    def upsert(self, batch: VectorBatch) -> None:
        """Insert or replace rows that are, bit for bit, the canonical ones of live documents."""
        if not len(batch.ids):
            return
        refuse_width(batch.vectors, self.dimension)
        with self._catalog.write() as connection, _told(self._table):
            _refuse_strangers(connection, batch, self._space.documents)
            self._ensure(connection)
            self._remove(connection, batch.ids.tolist())
            self._insert(connection, batch)
            self._condense(connection)
            self._mark(connection)

    def delete(self, ids: Sequence[int]) -> None:
        """Remove ids; one that is not there is no error."""
        if not len(ids):
            return
        with self._catalog.write() as connection, _told(self._table):
            if self._exists(connection):
                self._remove(connection, [int(one) for one in ids])
                self._condense(connection)
                self._mark(connection)

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest by exact cosine distance, ties by id."""
        refuse_width(query[None], self.dimension)
        with self._catalog.read() as connection, _told(self._table):
            if limit < 1 or self.is_empty(connection):
                return []
            candidates = self._candidates(connection, query, limit, within)
            return self.rescored(connection, candidates, query)[:limit]

    def rescored(
        self, connection: apsw.Connection, candidates: DocumentIds, query: Vector
    ) -> list[Neighbor]:
        """Return the live ones of candidates by exact cosine distance, ties by id."""
        batch = ledger.vectors_of(connection, candidates, self._space.documents)
        # Otherwise some are tombstones, or the file is damaged.
        if not np.array_equal(batch.ids, np.sort(candidates)):
            batch = self._canonical(connection, ledger.alive(connection, candidates))
        return best(batch.ids, distances(batch.vectors, query), len(batch.ids))

    def code_of(self, query: Vector) -> NDArray[np.int8]:
        """Return a query's code, shape (dimension,)."""
        refuse_width(query[None], self.dimension)
        return self._encode(query)

    def generation(self, connection: apsw.Connection) -> str | None:
        """Return a text that every write replaces by another one that never was before."""
        return state.get(connection, self._generation)

    def codes(self, connection: apsw.Connection) -> tuple[DocumentIds, NDArray[np.int8]]:
        """Return every id held and its code, as they lie: shapes (n,) and (n, dimension)."""
        with _told(self._table):
            _refuse(self._table, self._torn_chunks(connection))
            count = self._count(connection)
            ids, codes = np.empty(count, np.int64), np.empty((count, self.dimension), np.int8)
            end = 0
            for validity, places, held in connection.execute(_CHUNKS.format(table=self._table)):
                bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
                taken = np.flatnonzero(bits)
                start, end = end, end + len(taken)
                if end > count:
                    break
                ids[start:end] = np.frombuffer(places, "<i8")[taken]
                codes[start:end] = np.frombuffer(held, np.int8).reshape(-1, self.dimension)[taken]
        if end != count:
            raise CorruptFileError(
                f"{self._table} counts {count} ids and holds others; run `hikma vectors rebuild`."
            )
        return ids, codes

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield the canonical rows of every id held above `after`, by ascending id."""
        last = after
        while True:
            with self._catalog.read() as connection:
                held = self._exists(connection)
                ids = self._page(connection, last, batch_size) if held else np.empty(0, np.int64)
                if not len(ids):
                    return
                batch = self._canonical(connection, ids)
            yield batch
            last = int(ids[-1])

    def rebuild(self) -> int:
        """Build the table anew from the canonical rows, in one transaction; return its count."""
        with self._catalog.write() as connection, _told(self._table):
            ids = _live_ids(connection, self._space.documents)
            self._refill(connection, ids)
            self._mark(connection)
        return len(ids)

    def altered(self) -> list[int]:
        """Return the ids whose code is not the one of their canonical vector."""
        found: list[int] = []
        with self._catalog.read() as connection, _told(self._table):
            for batch in self.scan(_REFILL_ROWS):
                sql = f"SELECT code FROM {self._table} WHERE rowid = ?"  # noqa: S608 -- our table
                for one, code in zip(batch.ids.tolist(), self._encode(batch.vectors), strict=True):
                    if rows.column(connection, sql, (one,)) != [code.tobytes()]:
                        found.append(one)
        return found

    def __len__(self) -> int:
        """Count of ids held."""
        with self._catalog.read() as connection:
            return self._count(connection) if self._exists(connection) else 0

    def close(self) -> None:
        """Do nothing: the catalog's connections are its own."""

    def is_empty(self, connection: apsw.Connection) -> bool:
        """Tell a store that nothing was written to from one that has lost its table."""
        if self._exists(connection):
            return False
        if ledger.live(connection):
            raise MissingVectorError(f"{self._table} is missing; run `hikma vectors rebuild`.")
        return True

    def _canonical(self, connection: apsw.Connection, ids: DocumentIds) -> VectorBatch:
        """Return the canonical vectors of ids held here: each has one, or the file is damaged."""
        batch = ledger.vectors_of(connection, ids, self._space.documents)
        absent = sorted(set(ids.tolist()) - set(batch.ids.tolist()))
        if not absent and len(batch.ids) != len(ids):
            raise CorruptFileError(
                f"{self._table} gives ids twice; run `hikma doctor` for the extent."
            )
        if absent:
            raise MissingVectorError(
                f"{len(absent)} ids in {self._table} have no canonical vector, "
                f"{absent[0]} first; run `hikma vectors rebuild`."
            )
        return batch

    def _exists(self, connection: apsw.Connection) -> bool:
        sql = "SELECT 1 FROM sqlite_schema WHERE name = ?"
        return rows.first(connection, sql, (self._table,)) is not None

    def _mark(self, connection: apsw.Connection) -> None:
        """Tell whoever holds codes in memory that these are others now.

        By no count: that of a write rolled back, or of a file built anew, may come again.
        """
        state.put(connection, self._generation, token_hex(8))

    def _ensure(self, connection: apsw.Connection) -> None:
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._table} "
            f"USING vec0(code int8[{self.dimension}], chunk_size={CHUNK_ROWS})"
        )

    def _remove(self, connection: apsw.Connection, ids: Sequence[int]) -> None:
        """Delete what is held; sqlite-vec can neither replace nor update an int8 row."""
        held = [(one,) for one in self._held(connection, np.array(ids)).tolist()]
        self._refuse_torn(connection, ids)
        connection.executemany(f"DELETE FROM {self._table} WHERE rowid = ?", held)  # noqa: S608 -- our table

    def _insert(self, connection: apsw.Connection, batch: VectorBatch) -> None:
        codes = self._encode(batch.vectors)
        connection.executemany(
            f"INSERT INTO {self._table}(rowid, code) VALUES (?, vec_int8(?))",  # noqa: S608 -- our table
            ((int(one), code.tobytes()) for one, code in zip(batch.ids, codes, strict=True)),
        )

    def _refuse_torn(self, connection: apsw.Connection, ids: Sequence[int]) -> None:
        """Refuse to write to damaged inner tables: there sqlite-vec 0.1.9 ends the process."""
        if not self._chunks_are_whole:
            _refuse_broken(connection, "sqlite_sequence")
        torn = [] if self._chunks_are_whole else self._torn_chunks(connection)
        self._chunks_are_whole = not torn
        torn += rows.column(
            connection,
            _LOST_PLACES.format(table=self._table),
            (rows.numbers(np.array(ids)), CHUNK_ROWS),
        )
        _refuse(self._table, torn)

    def _torn_chunks(self, connection: apsw.Connection) -> list[int]:
        sizes = (CHUNK_ROWS, CHUNK_ROWS // 8, CHUNK_ROWS * 8, CHUNK_ROWS * self.dimension)
        return rows.column(connection, _TORN_CHUNKS.format(table=self._table), sizes)

    def _encode(self, vectors: NDArray[np.float32]) -> NDArray[np.int8]:
        steps = np.rint(vectors * self._scale)
        codes: NDArray[np.int8] = np.clip(steps, -_CODE_MAX, _CODE_MAX).astype(np.int8)
        return codes

    def _candidates(
        self, connection: apsw.Connection, query: Vector, limit: int, within: DocumentIds | None
    ) -> DocumentIds:
        """Return ids among which the nearest are: all of a small set, else the nearest codes."""
        count = self._count(connection)
        wanted = over_fetch(limit)
        if within is not None and (len(within) <= SMALL or wanted >= MOST_NEIGHBOURS):
            return self._held(connection, within)
        if wanted >= min(count, MOST_NEIGHBOURS):
            return self._page(connection, -1, count)
        narrowed = "" if within is None else "AND rowid IN (SELECT value FROM carray(:within))"
        bound: dict[str, Any] = {"code": self._encode(query).tobytes(), "k": wanted}
        if within is not None:
            bound["within"] = rows.numbers(within)
        return rows.ids(
            connection,
            f"SELECT rowid FROM {self._table} "  # noqa: S608 -- our table
            f"WHERE code MATCH vec_int8(:code) AND k = :k {narrowed}",
            bound,
        )

    def _held(self, connection: apsw.Connection, ids: DocumentIds) -> DocumentIds:
        if not len(ids):
            return ids
        return rows.ids(
            connection,
            f"SELECT rowid FROM {self._table}_rowids "  # noqa: S608 -- our table
            "WHERE rowid IN (SELECT value FROM carray(?))",
            (rows.numbers(ids),),
        )

    def _page(self, connection: apsw.Connection, after: int, count: int) -> DocumentIds:
        return rows.ids(
            connection,
            f"SELECT rowid FROM {self._table}_rowids WHERE rowid > ? ORDER BY rowid LIMIT ?",  # noqa: S608 -- our table
            (after, count),
        )

    def _count(self, connection: apsw.Connection) -> int:
        sql = f"SELECT count(*) FROM {self._table}_rowids"  # noqa: S608 -- our table
        return int(rows.value(connection, sql))

    def _condense(self, connection: apsw.Connection) -> None:
        """Refill the table when deletions have left twice the chunks that it needs.

        sqlite-vec frees a chunk only when it is empty, and fills gaps in the latest one only.
        """
        chunks = int(rows.value(connection, f"SELECT count(*) FROM {self._table}_chunks"))  # noqa: S608 -- our table
        count = self._count(connection)
        if chunks > 2 * (count // CHUNK_ROWS + 1) + _SPARSE_CHUNKS:
            self._refill(connection, self._page(connection, -1, count))

    def _refill(self, connection: apsw.Connection, ids: DocumentIds) -> None:
        """Replace the table by one that holds these ids, from their canonical rows."""
        if self._exists(connection):
            for inner in _INNER_TABLES:
                _refuse_broken(connection, f"{self._table}_{inner}")
            connection.execute(f"DROP TABLE {self._table}")
        self._ensure(connection)
        for start in range(0, len(ids), _REFILL_ROWS):
            part = ids[start : start + _REFILL_ROWS]
            batch = ledger.vectors_of(connection, part, self._space.documents)
            self._insert(connection, batch)


@contextmanager
def _told(table: str) -> Iterator[None]:
    """Raise what sqlite-vec says of its inner tables as damage: our statements never vary."""
    try:
        yield
    except apsw.SQLError as error:
        raise CorruptFileError(
            f"{table} is damaged ({error}); run `hikma vectors rebuild`, or delete the file and "
            "run `hikma index`."
        ) from error


def _refuse_broken(connection: apsw.Connection, table: str) -> None:
    """Refuse what SQLite could not finish: sqlite-vec would go on with memory that it has freed."""
    facts = rows.column(connection, f"PRAGMA integrity_check({table})")
    if facts != ["ok"]:
        raise CorruptFileError(
            f"{table} is damaged ({facts[0]}); delete the file and run `hikma index`."
        )


def _refuse(table: str, torn: Sequence[int]) -> None:
    if torn:
        raise CorruptFileError(
            f"{table} is damaged in {len(torn)} places, {torn[0]} first; run "
            "`hikma vectors rebuild`, or delete the file and run `hikma index`."
        )


def _live_ids(connection: apsw.Connection, model: str) -> DocumentIds:
    return rows.ids(
        connection,
        """
        SELECT ledger.document_id FROM ledger
         WHERE NOT ledger.deleted AND EXISTS (
           SELECT 1 FROM embedding JOIN model ON model.id = embedding.model
            WHERE embedding.digest = ledger.digest AND model.identity = ?)
         ORDER BY ledger.document_id
        """,
        (model,),
    )


def _refuse_strangers(connection: apsw.Connection, batch: VectorBatch, model: str) -> None:
    """Refuse what `scan` could not hand back: it reads the canonical rows."""
    known = embeddings.hashes_of(connection, batch.ids, model)
    given = np.ascontiguousarray(batch.vectors, dtype="<f4")
    strangers = [
        one
        for one, row in zip(batch.ids.tolist(), given, strict=True)
        if known.get(one) != ledger.hash_of(row.tobytes())
    ]
    if strangers:
        raise MissingVectorError(
            f"{len(strangers)} vectors are not those that the file holds for their documents, "
            f"{strangers[0]} first; write the embedding and the ledger entry before the store."
        )
