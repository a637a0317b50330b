"""The codes of a space in memory, for an engine that answers many queries.

Three looks, each at fewer vectors: sign bits of all against the query in three bits, int8 codes of
the most alike, canonical rows of the nearest codes. What is held is that of the very state that a
query reads, whoever wrote it.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.protocols import VectorStore
from hikma.vectors.exact import over_fetch
from hikma.vectors.sqlite import SqliteVectors

Slots: TypeAlias = NDArray[np.int64]
"""Places in the arrays of `Codes`, ascending; as those are sorted by id, so are these."""

QUERIES_FROM_DISK = 2
"""So many queries an engine answers from disk before it loads codes, which costs as much."""
LEAST_ALIKE = 2_000
ALIKE_FOR_EACH = 32
"""Sign bits keep so many vectors, or so many for each neighbour wanted, for the look at codes: of
135,000 vectors of a real repository that keeps .9999 of the nearest 190 (with 18, .9988). With a
query of sign bits alone four times as many would have to be kept."""
_PLANES = (1, 2, -4)
"""What the bits of a query's values count: the two's complement of three bits."""
_STEPS = 3
_CLIP = 2.0
"""Standard deviations of a query's values beyond which all of them count as the greatest."""
_BLOCK = 16_384
"""Vectors that are compared at a time: what a core's cache holds of their signs."""
_ROWS = 1_024
"""Likewise of their codes, as floats."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Every code of a space at one state of the file, by ascending id.

    Shapes: ids (n,), codes (n, dimension), signs (words, n): sign bits by column, 64 a word.
    """

    generation: str | None
    ids: DocumentIds
    codes: NDArray[np.int8]
    signs: NDArray[np.uint64]

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self.ids.nbytes + self.codes.nbytes + self.signs.nbytes

    def nearest(self, code: NDArray[np.int8], wanted: int, within: DocumentIds | None) -> Slots:
        """Return the slots of the `wanted` nearest codes, nearest first, ties by id."""
        slots = None if within is None else _places(self.ids, within)
        alike = max(LEAST_ALIKE, ALIKE_FOR_EACH * wanted)
        count = len(self.ids) if slots is None else len(slots)
        if count > alike:
            slots = self._alike(code, alike, slots)
        elif slots is None:
            slots = np.arange(count)
        # The sort is stable, and slots ascend: equal codes stay in the order of their ids.
        return slots[np.argsort(-self._products(code, slots), kind="stable")[:wanted]]

    def _alike(self, code: NDArray[np.int8], wanted: int, slots: Slots | None) -> Slots:
        """Return the slots whose signs fit the query best, with all that fit as the last one."""
        planes = _planes(code)
        columns = self.signs if slots is None else self.signs[:, slots]
        fits = np.concatenate(
            [
                _fits(columns[:, start : start + _BLOCK], planes)
                for start in range(0, columns.shape[1], _BLOCK)
            ]
        )
        lowest = int(fits.min())
        beyond = np.cumsum(np.bincount(fits - lowest)[::-1])
        bound = lowest + len(beyond) - 1 - int(np.searchsorted(beyond, wanted))
        kept = np.flatnonzero(fits >= bound)
        return kept if slots is None else slots[kept]

    def _products(self, code: NDArray[np.int8], slots: Slots) -> NDArray[np.float32]:
        """Return the dot product of each code with the query's.

        Exact in float32: no sum of products of codes reaches 2 ** 24, in whatever order.
        """
        query = code.astype(np.float32)
        products = np.empty(len(slots), np.float32)
        for start in range(0, len(slots), _ROWS):
            part = slots[start : start + _ROWS]
            products[start : start + _ROWS] = self.codes[part].astype(np.float32) @ query
        return products


class ResidentVectors:
    """A space's vectors, found by codes in memory and kept, as ever, in the file."""

    def __init__(self, catalog: Catalog, kept: SqliteVectors, patience: int = 0) -> None:
        """Hold nothing yet: the first `patience` queries are answered from disk."""
        self._catalog = catalog
        self._kept = kept
        self._patience = patience
        self._codes: Codes | None = None
        self._loading = threading.Lock()

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._kept.dimension

    @property
    def nbytes(self) -> int:
        """Bytes of memory that codes take now."""
        return 0 if self._codes is None else self._codes.nbytes

    def upsert(self, batch: VectorBatch) -> None:
        """Insert or replace; the next query sees it, here and in every other process."""
        self._kept.upsert(batch)

    def delete(self, ids: Sequence[int]) -> None:
        """Remove ids; one that is not there is no error."""
        self._kept.delete(ids)

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest by exact cosine distance, ties by id."""
        if self._patience > 0:
            self._patience -= 1
            return self._kept.nearest(query, limit, within)
        code = self._kept.code_of(query)
        with self._catalog.read() as connection:
            if limit < 1 or self._kept.is_empty(connection):
                return []
            held = self._current(connection)
            wanted = over_fetch(limit)
            while True:
                slots = held.nearest(code, wanted, within)
                found = self._kept.rescored(connection, held.ids[slots], query)
                # A document that the ledger has let go may still have its code here.
                if len(found) >= limit or len(slots) < wanted:
                    return found[:limit]
                wanted *= 2

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield the canonical rows of every id held above `after`, by ascending id."""
        return self._kept.scan(batch_size, after)

    def __len__(self) -> int:
        """Count of ids held."""
        return len(self._kept)

    def close(self) -> None:
        """Let go of the codes."""
        self._codes = None
        self._kept.close()

    def _current(self, connection: apsw.Connection) -> Codes:
        """Return the codes of the state that a connection reads."""
        generation = self._kept.generation(connection)
        held = self._codes
        if held is not None and held.generation == generation:
            return held
        with self._loading:
            held = self._codes
            if held is None or held.generation != generation:
                held = self._codes = self._load(connection, generation)
        return held

    def _load(self, connection: apsw.Connection, generation: str | None) -> Codes:
        ids, codes = self._kept.codes(connection)
        if np.any(ids[1:] <= ids[:-1]):
            order = np.argsort(ids, kind="stable")
            ids, codes = ids[order], codes[order]
        signs = [_signs(codes[start : start + _BLOCK]) for start in range(0, len(ids) or 1, _BLOCK)]
        return Codes(generation, ids, codes, np.concatenate(signs, axis=1))


def open_store(
    catalog: Catalog, space: VectorSpace, scan: Literal["auto", "disk", "resident"]
) -> VectorStore:
    """Return the store of a space in the file: codes compared where `scan` says."""
    kept = SqliteVectors(catalog, space)
    if scan == "disk":
        return kept
    return ResidentVectors(catalog, kept, QUERIES_FROM_DISK if scan == "auto" else 0)


def _signs(codes: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Return the sign bits of codes (n, dimension) by column, shape (words, n)."""
    bits = np.packbits(codes >= 0, axis=1)
    filled = np.zeros((len(codes), -(-bits.shape[1] // 8) * 8), np.uint8)
    filled[:, : bits.shape[1]] = bits
    return np.ascontiguousarray(filled.view(np.uint64).T)


def _planes(code: NDArray[np.int8]) -> list[NDArray[np.uint64]]:
    """Return a query's values in three bits each, one row of words for each bit."""
    values = code.astype(np.float64)
    spread = float(values.std()) or 1.0
    steps = np.clip(np.rint(values * _STEPS / (_CLIP * spread)), -_STEPS, _STEPS).astype(np.int8)
    return [_signs(((steps >> bit) & 1)[None] - 1)[:, 0] for bit in range(len(_PLANES))]


def _fits(columns: NDArray[np.uint64], planes: list[NDArray[np.uint64]]) -> NDArray[np.int32]:
    """Return for each vector the sum of the query's values where its sign is plus, shape (n,)."""
    total = np.zeros(columns.shape[1], np.int32)
    shared = np.empty(columns.shape[1], np.uint64)
    bits = np.empty(columns.shape[1], np.uint8)
    for worth, plane in zip(_PLANES, planes, strict=True):
        count = np.zeros(columns.shape[1], np.int32)
        for column, word in zip(columns, plane, strict=True):
            np.bitwise_and(column, word, out=shared)
            np.bitwise_count(shared, out=bits)
            count += bits
        total += count * np.int32(worth)
    return total


def _places(ids: DocumentIds, within: DocumentIds) -> Slots:
    """Return where the ids asked for stand among sorted ids; unknown ones are left out."""
    if not len(ids):
        return np.empty(0, np.int64)
    places = np.searchsorted(ids, within)
    places[places == len(ids)] = 0
    kept: Slots = places[ids[places] == within]
    return kept
