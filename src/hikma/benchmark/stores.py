"""Stores of Hikma over a file of the benchmark's own, written and read as an index is."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch, VectorRows
from hikma.catalog import ledger, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import StoreError
from hikma.protocols import Nearest
from hikma.settings import Settings
from hikma.storing import tell_spaces
from hikma.wiring import Wiring

MODEL = "benchmark"
ROWS, VECTORS = "rows.db", "vectors.npy"
"""The files of a size that backends are built from: canonical rows, and the same as an array."""
INDEX = "index.db"
_ROWS_AT_ONCE = 5_000
_WRITE_AT_ONCE = 20_000
_WAIT_S = 60.0


class Searched(Nearest, Protocol):
    """What a backend is while it is measured."""

    def close(self) -> None:
        """Release what is held open."""


@runtime_checkable
class Written(Searched, Protocol):
    """One that is durable when a write returns."""

    def write(self, ids: Sequence[int], vectors: VectorRows) -> None:
        """Insert or replace."""

    def remove(self, ids: Sequence[int]) -> None:
        """Delete."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Vectors of a size with the folder that holds them; document n has row n - 1."""

    folder: Path
    vectors: VectorRows

    @property
    def ids(self) -> DocumentIds:
        """Every document, by id."""
        return np.arange(1, len(self.vectors) + 1)


def make_stock(folder: Path, vectors: VectorRows) -> Stock:
    """Write canonical rows of vectors, and the array, into a folder."""
    folder.mkdir()
    np.save(folder / VECTORS, vectors)
    catalog = Catalog.open(folder / ROWS, create=True)
    stock = Stock(folder, vectors)
    try:
        for start in range(0, len(vectors), _ROWS_AT_ONCE):
            part = stock.ids[start : start + _ROWS_AT_ONCE].tolist()
            digests = [f"{one}".encode() for one in part]
            with catalog.write() as connection:
                rows = vectors[start : start + _ROWS_AT_ONCE]
                ledger.put_embeddings(connection, MODEL, digests, rows)
                ledger.record(connection, MODEL, list(zip(part, digests, strict=True)))
    finally:
        catalog.close()
    return stock


def build_store(folder: Path, stock: Stock, backend: str, index_type: str) -> None:
    """Build a store over a copy of the canonical rows; StoreError for one that lacks some."""
    folder.mkdir()
    shutil.copyfile(stock.folder / ROWS, folder / INDEX)
    catalog = Catalog.open(folder / INDEX)
    wiring = Wiring(catalog, Settings(vector_scan="disk"))
    wanted = VectorSpace(
        0, backend, "", MODEL, MODEL, MODEL, stock.vectors.shape[1], "cosine", index_type, ""
    )
    try:
        with catalog.write() as connection:
            space = ledger.create_space(connection, wanted)
        store = wiring.store(space)
        for start in range(0, len(stock.ids), _WRITE_AT_ONCE):
            part = slice(start, start + _WRITE_AT_ONCE)
            store.upsert(VectorBatch(stock.ids[part], stock.vectors[part]))
        optimize = getattr(store, "optimize", None)  # of stores that become slower unless asked
        if optimize is not None and not optimize():
            raise StoreError(f"{backend} could not be optimized; see the warning above.")
        if len(store) != len(stock.ids):
            raise StoreError(f"{backend} holds {len(store):,} of {len(stock.ids):,} vectors.")
    finally:
        wiring.close()
        catalog.close()


class FileStore:
    """A store over a file, opened as an engine does."""

    def __init__(self, folder: Path, scan: Literal["disk", "resident", "bits"]) -> None:
        """Open it, with all in memory that it will hold there."""
        self._catalog = Catalog.open(folder / INDEX)
        self._wiring = Wiring(self._catalog, Settings(vector_scan=scan))
        with self._catalog.read() as connection:
            space = spaces.answering(connection, self._catalog.path)
        self._store = self._wiring.store(space)
        self._writes = 0
        load = getattr(self._store, "load", None)  # of a store that loads beside the queries
        if load is not None and not load(_WAIT_S):
            raise StoreError(f"{space.title} did not load its codes within {_WAIT_S:g} s.")

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Ask the store."""
        return self._store.nearest(query, limit, within)

    def write(self, ids: Sequence[int], vectors: VectorRows) -> None:
        """Write rows, ledger and store as indexing does; return when all of it is durable."""
        self._writes += 1
        digests = [f"{one} {self._writes}".encode() for one in ids]
        with self._catalog.write() as connection:
            ledger.put_embeddings(connection, MODEL, digests, vectors)
            ledger.record(connection, MODEL, list(zip(ids, digests, strict=True)))
            tell_spaces(connection, self._wiring.store, ids, [])
        self._drain()

    def remove(self, ids: Sequence[int]) -> None:
        """Delete documents from ledger and store."""
        with self._catalog.write() as connection:
            ledger.tombstone(connection, ids)
            tell_spaces(connection, self._wiring.store, [], ids)
        self._drain()

    def close(self) -> None:
        """Close store and file."""
        self._wiring.close()
        self._catalog.close()

    def _drain(self) -> None:
        left = self._wiring.drain(_WAIT_S)
        if left:
            raise StoreError(f"{left} rows were not brought to the store within {_WAIT_S:g} s.")
