"""Vectors in the index file itself: int8 codes in sqlite-vec, scored exactly from float rows.

Codes a quarter of the size find the candidates; the canonical rows decide their order.
"""

from collections.abc import Callable, Iterator, Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch, among, greatest, united
from hikma.catalog import embeddings, ledger, rows
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import vector_table
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError, MissingVectorError
from hikma.vectors import changes, chunks
from hikma.vectors.codes import UNCLIPPED, CodeRows, products, whole
from hikma.vectors.exact import best, distances, over_fetch, refuse_width

_SPARSE_CHUNKS = 4
"""Chunks in excess of twice the needed ones before rows are moved together."""
_REFILL_ROWS = 2_000
_CODES_FOR_A_ROW = 32
"""So many codes are compared in the time that one canonical row takes to read."""
_NO_LIMIT = -1
_GREATEST_ID = 2**63 - 1
_CODE_MAX = 127


class SqliteVectors:
    """The vectors of one space; writes join the catalog's transaction."""

    def __init__(self, catalog: Catalog, space: VectorSpace) -> None:
        """Hold a space's vectors; its table is made by the first write."""
        self._catalog = catalog
        self._space = space
        self._table = vector_table(space.id)
        # Unit vectors of a longer dimension have smaller values: keep the steps in proportion.
        self._scale = _CODE_MAX * max(1.0, (space.dimension / UNCLIPPED) ** 0.5)
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
        with self._catalog.write() as connection, chunks.told(self._table):
            _refuse_strangers(connection, batch, self._space.documents)
            self._ensure(connection)
            self._remove(connection, batch.ids.tolist())
            self._insert(connection, batch.ids, self._encode(batch.vectors))
            self._condense(connection, len(batch.ids))
            changes.put(connection, self._table, batch.ids.tolist())

    def delete(self, ids: Sequence[int]) -> None:
        """Remove ids; one that is not there is no error."""
        if not len(ids):
            return
        with self._catalog.write() as connection, chunks.told(self._table):
            if not self._exists(connection):
                return
            removed = self._remove(connection, [int(one) for one in ids])
            if removed:
                self._condense(connection, len(removed))
                changes.put(connection, self._table, removed)

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest by exact cosine distance, ties by id."""
        refuse_width(query[None], self.dimension)
        with self._catalog.read() as connection, chunks.told(self._table):
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
        if batch.ids.tolist() != sorted(candidates.tolist()):
            batch = self._canonical(connection, ledger.alive(connection, candidates))
        return best(batch.ids, distances(batch.vectors, query), len(batch.ids))

    def generation(self, connection: apsw.Connection) -> str | None:
        """Return a text that every write replaces by another one that never was before."""
        return changes.generation(connection, self._table)

    def changed(
        self, connection: apsw.Connection, held: str | None, most: int
    ) -> tuple[DocumentIds, DocumentIds, CodeRows] | None:
        """Return what was written since a state: ids, and those of them held now with their codes.

        None where that is not known, or more than `most`.
        """
        ids = None if held is None else changes.since(connection, self._table, held)
        if ids is None or len(ids) > most:
            return None
        with chunks.told(self._table):
            return (ids, *chunks.of(connection, self._table, self.dimension, ids))

    def codes(
        self, connection: apsw.Connection, proceed: Callable[[], bool] = lambda: True
    ) -> tuple[DocumentIds, CodeRows] | None:
        """Return every id held and its code, as they lie; None when told not to proceed."""
        with chunks.told(self._table):
            return chunks.every(connection, self._table, self.dimension, proceed)

    def room(self, connection: apsw.Connection) -> int:
        """Return how many vectors the table has room for: no fewer than it holds."""
        return chunks.chunk_count(connection, self._table) * chunks.CHUNK_ROWS

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
        """Build the table anew from the canonical rows; return its count.

        A sound one row by row in short transactions, so that nobody waits; another one in a single
        transaction.
        """
        if self._is_sound():
            return self._renew()
        with self._catalog.write() as connection, chunks.told(self._table):
            ids = _live_ids(connection, self._space.documents)
            self._refill(connection, ids)
            changes.put(connection, self._table, None)
        return len(ids)

    def drop(self) -> None:
        """Give up the table: only the canonical rows are left."""
        with self._catalog.write() as connection, chunks.told(self._table):
            self._drop(connection)
            changes.drop(connection, self._table)

    def altered(self) -> list[int]:
        """Return the ids whose code is not the one of their canonical vector."""
        found: list[int] = []
        with self._catalog.read() as connection, chunks.told(self._table):
            for batch in self.scan(_REFILL_ROWS):
                sql = f"SELECT code FROM {self._table} WHERE rowid = ?"  # noqa: S608 -- our table
                for one, code in zip(batch.ids.tolist(), self._encode(batch.vectors), strict=True):
                    if rows.column(connection, sql, (one,)) != [code.tobytes()]:
                        found.append(one)
        return found

    def __len__(self) -> int:
        """Count of ids held."""
        with self._catalog.read() as connection:
            return chunks.counted(connection, self._table) if self._exists(connection) else 0

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

    def _ensure(self, connection: apsw.Connection) -> None:
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._table} "
            f"USING vec0(code int8[{self.dimension}], chunk_size={chunks.CHUNK_ROWS})"
        )

    def _remove(self, connection: apsw.Connection, ids: Sequence[int]) -> list[int]:
        """Delete what is held and return it: sqlite-vec can neither replace nor update a row."""
        if not len(ids):
            return []
        held: list[int] = self._held(connection, np.array(ids)).tolist()
        self._refuse_torn(connection, ids)
        sql = f"DELETE FROM {self._table} WHERE rowid = ?"  # noqa: S608 -- our table
        connection.executemany(sql, [(one,) for one in held])
        return held

    def _insert(self, connection: apsw.Connection, ids: DocumentIds, codes: CodeRows) -> None:
        connection.executemany(
            f"INSERT INTO {self._table}(rowid, code) VALUES (?, vec_int8(?))",  # noqa: S608 -- our table
            ((one, code.tobytes()) for one, code in zip(ids.tolist(), codes, strict=True)),
        )

    def _refuse_torn(self, connection: apsw.Connection, ids: Sequence[int]) -> None:
        """Refuse to write to damaged inner tables: there sqlite-vec 0.1.9 ends the process."""
        torn: list[int] = []
        if not self._chunks_are_whole:
            chunks.refuse_broken(connection, "sqlite_sequence")
            torn = chunks.torn(connection, self._table, self.dimension)
        self._chunks_are_whole = not torn
        chunks.refuse(self._table, torn + chunks.lost(connection, self._table, ids))

    def _encode(self, vectors: NDArray[np.float32]) -> NDArray[np.int8]:
        steps = np.rint(vectors * self._scale)
        codes: NDArray[np.int8] = np.clip(steps, -_CODE_MAX, _CODE_MAX).astype(np.int8)
        return codes

    def _candidates(
        self, connection: apsw.Connection, query: Vector, limit: int, within: DocumentIds | None
    ) -> DocumentIds:
        """Return ids among which the nearest are: all of a small share, else the nearest codes."""
        if within is not None and len(within) * _CODES_FOR_A_ROW <= self.room(connection):
            return self._held(connection, within)
        steps = whole(query)
        every, fits = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        for ids, codes in chunks.each(connection, self._table, self.dimension):
            every.append(ids)
            fits.append(products(codes, None, steps))
        ids, near = np.concatenate(every), np.concatenate(fits)
        if within is not None:
            order = np.argsort(ids, kind="stable")
            kept = order[among(ids[order], within)]
            ids, near = ids[kept], near[kept]
        return ids[greatest(near, ids, over_fetch(limit))]

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

    def _between(self, connection: apsw.Connection, after: int, end: int) -> DocumentIds:
        sql = f"SELECT rowid FROM {self._table}_rowids WHERE rowid > ? AND rowid <= ?"  # noqa: S608 -- our table
        return rows.ids(connection, sql, (after, end))

    def _condense(self, connection: apsw.Connection, changed: int) -> None:
        """Move rows together when deletions have left twice the chunks that they need.

        sqlite-vec frees a chunk only when it is empty, and fills gaps in the latest one only. Some
        rows at each write, so that nobody waits for all of them: half as many again as it changed.
        Then about three times the chunks are the most that are left, however many are deleted at a
        time: moving 3 rows out of chunks a third full frees room for 6, as 2 deletions ask for.
        """
        held = chunks.chunk_count(connection, self._table)
        count = chunks.counted(connection, self._table)
        if held > 2 * (count // chunks.CHUNK_ROWS + 1) + _SPARSE_CHUNKS:
            sparse = chunks.emptiest(connection, self._table, max(_REFILL_ROWS, 3 * changed // 2))
            ids, codes = chunks.of(connection, self._table, self.dimension, np.sort(sparse))
            self._remove(connection, ids.tolist())
            self._insert(connection, ids, codes)

    def _is_sound(self) -> bool:
        """Tell whether the table can be read and written, and counts what it holds."""
        with self._catalog.read() as connection:
            if not self._exists(connection):
                return False
            try:
                self._refuse_unsound(connection)
            except CorruptFileError:
                return False
            return True

    def _refuse_unsound(self, connection: apsw.Connection) -> None:
        with chunks.told(self._table):
            chunks.refuse_damaged(connection, self._table)
            held = [ids for ids, _ in chunks.each(connection, self._table, self.dimension)]
            known = self._page(connection, -1, chunks.counted(connection, self._table))
            if not np.array_equal(np.sort(np.concatenate([known[:0], *held])), known):
                raise CorruptFileError(f"{self._table} holds other ids than it counts.")

    def _renew(self) -> int:
        """Write every code anew, and drop what has no canonical row; return the count."""
        last, count = -1, 0
        while True:
            with self._catalog.write() as connection, chunks.told(self._table):
                live = _live_ids(connection, self._space.documents, last, _REFILL_ROWS)
                end = int(live[-1]) if len(live) == _REFILL_ROWS else _GREATEST_ID
                held = self._between(connection, last, end)
                batch = ledger.vectors_of(connection, live, self._space.documents)
                self._remove(connection, held.tolist())
                self._insert(connection, batch.ids, self._encode(batch.vectors))
                changes.put(connection, self._table, united(held, live).tolist())
            count += len(live)
            if end == _GREATEST_ID:
                return count
            last = end

    def _drop(self, connection: apsw.Connection) -> None:
        """Drop the table, unless it is damaged: there sqlite-vec may end the process."""
        if self._exists(connection):
            chunks.refuse_damaged(connection, self._table)
            connection.execute(f"DROP TABLE {self._table}")

    def _refill(self, connection: apsw.Connection, ids: DocumentIds) -> None:
        """Replace the table by one that holds these ids, from their canonical rows."""
        self._drop(connection)
        self._ensure(connection)
        for start in range(0, len(ids), _REFILL_ROWS):
            part = ids[start : start + _REFILL_ROWS]
            batch = ledger.vectors_of(connection, part, self._space.documents)
            self._insert(connection, batch.ids, self._encode(batch.vectors))


def _live_ids(
    connection: apsw.Connection, model: str, after: int = -1, most: int = _NO_LIMIT
) -> DocumentIds:
    return rows.ids(
        connection,
        """
        SELECT ledger.document_id FROM ledger
         WHERE ledger.document_id > ? AND NOT ledger.deleted AND EXISTS (
           SELECT 1 FROM embedding JOIN model ON model.id = embedding.model
            WHERE embedding.digest = ledger.digest AND model.identity = ?)
         ORDER BY ledger.document_id LIMIT ?
        """,
        (after, model, most),
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
        from hikma.catalog import checks  # noqa: PLC0415 -- no search needs this

        checks.refuse_altered(connection, strangers, model)
        raise MissingVectorError(
            f"{len(strangers)} vectors are not those that the file holds for their documents, "
            f"{strangers[0]} first; write the embedding and the ledger entry before the store."
        )
