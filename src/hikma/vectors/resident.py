"""The codes of a space in memory, for an engine that answers many queries.

What is held is that of the very state that a query reads, whoever wrote it: a held state is
brought forward by what was written since. Codes are loaded beside the queries, which the file
answers until then.
"""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.protocols import VectorStore
from hikma.settings import Scan
from hikma.vectors.codes import UNCLIPPED, Codes, Depth, loaded
from hikma.vectors.exact import over_fetch, refuse_width
from hikma.vectors.signs import tells_by_sign
from hikma.vectors.sqlite import SqliteVectors

QUERIES_FROM_DISK = 2
"""So many queries an engine answers from disk before it loads codes: a command asks no more."""
_AT_ONCE = 16_384
"""A space with room for no more is loaded by the query that wants it: that costs as little."""
_MOST_STEPPED = 8_192
"""Changed vectors that a query brings in by itself; loading all costs no more than many."""


_log = logging.getLogger(__name__)


class Cores:
    """Whose turn it is to search: more threads than cores take each other's caches."""

    def __init__(self, count: int) -> None:
        """Let so many threads search at a time."""
        self._free = threading.BoundedSemaphore(count)
        self._counting = threading.Lock()
        self._present = 0

    @contextmanager
    def taken(self, *, two: bool) -> Iterator[int]:
        """Take a core; or `two` where nobody else searches, which would have to wait."""
        with self._counting:
            self._present += 1
        try:
            with self._free:
                spare = two and self._present == 1 and self._free.acquire(blocking=False)
                try:
                    yield 2 if spare else 1
                finally:
                    if spare:
                        self._free.release()
        finally:
            with self._counting:
                self._present -= 1


_searching = Cores(os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the codes of one state were not loaded."""

    generation: str | None
    reason: str


class ResidentVectors:
    """A space's vectors, found by codes in memory and kept, as ever, in the file."""

    def __init__(
        self, catalog: Catalog, kept: SqliteVectors, patience: int = 0, *, bits: bool = False
    ) -> None:
        """Hold nothing yet: the first `patience` queries are answered from disk.

        With `bits` only signs are held, an eighth of the memory, and more canonical rows are read.
        """
        self._catalog = catalog
        self._kept = kept
        self._patience = patience
        self._bits = bits
        self._codes: Codes | None = None
        self._changing = threading.Lock()
        self._loader: threading.Thread | None = None
        self._closing = False
        self._failed: Failure | None = None

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._kept.dimension

    @property
    def nbytes(self) -> int:
        """Bytes of memory that codes take now."""
        return 0 if self._codes is None else self._codes.nbytes

    @property
    def unloaded(self) -> str | None:
        """Why codes were not loaded, so that the file answers, slower; None where they were."""
        failed = self._failed
        return None if failed is None else failed.reason

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
        refuse_width(query[None], self.dimension)
        if self._patience > 0:
            self._patience -= 1
            return self._kept.nearest(query, limit, within)
        with self._catalog.read() as connection:
            if limit < 1 or self._kept.is_empty(connection):
                return []
            held = self._current(connection)
            if held is None or not tells_by_sign(query):
                return self._kept.nearest(query, limit, within)
            wanted = limit
            while True:
                depth = depth_of(wanted, held)
                with _searching.taken(two=held.is_worth_two) as threads:
                    ids = held.nearest(query, depth, within, threads)
                found = self._kept.rescored(connection, ids, query)
                # A document that the ledger has let go may still have its code here.
                if len(found) >= limit or len(ids) < depth.least:
                    return found[:limit]
                wanted *= 2

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield the canonical rows of every id held above `after`, by ascending id."""
        return self._kept.scan(batch_size, after)

    def __len__(self) -> int:
        """Count of ids held."""
        return len(self._kept)

    def load(self, wait_s: float | None = None) -> bool:
        """Load codes beside the queries; wait so long, and tell whether any are held by now."""
        self._begin()
        loader = self._loader
        if loader is not None:
            loader.join(wait_s)
        return self._codes is not None

    def close(self) -> None:
        """Let go of the codes, and end loading."""
        self._closing = True
        loader = self._loader
        if loader is not None:
            loader.join()
        self._codes = None
        self._kept.close()

    def _current(self, connection: apsw.Connection) -> Codes | None:
        """Return the codes of the state that a connection reads, None until they are loaded."""
        generation = self._kept.generation(connection)
        held = self._codes
        if held is not None and held.generation == generation:
            return held
        stepped = None if held is None else self._stepped(connection, held, generation)
        if stepped is not None:
            return stepped
        if self._kept.room(connection) <= _AT_ONCE:
            return self._load(connection, generation)
        if self._failed is None or self._failed.generation != generation:
            self._begin()
        return None

    def _stepped(
        self, connection: apsw.Connection, held: Codes, generation: str | None
    ) -> Codes | None:
        """Return codes brought forward by what was written since; None where that is not known."""
        written = self._kept.changed(connection, held.generation, _MOST_STEPPED)
        if written is None:
            return None
        made = held.patched(generation, *written)
        self._hold(connection, made, held)
        return made

    def _hold(self, connection: apsw.Connection, made: Codes, before: Codes | None) -> None:
        """Keep codes for the next query unless their state may yet be undone, or another came."""
        if connection.readonly("main"):
            with self._changing:
                if self._codes is before:
                    self._codes = made

    def _load(self, connection: apsw.Connection, generation: str | None) -> Codes | None:
        before = self._codes
        found = self._kept.codes(connection, lambda: not self._closing)
        if found is None:
            return None
        made = loaded(generation, *found, signs_only=self._bits)
        self._failed = None
        self._hold(connection, made, before)
        return made

    def _begin(self) -> None:
        """Load codes beside the queries unless that is being done."""
        with self._changing:
            if self._loader is None and not self._closing:
                self._loader = threading.Thread(target=self._load_beside, daemon=True)
                self._loader.start()

    def _load_beside(self) -> None:
        """Load the codes of the newest state; where that fails, the file goes on answering."""
        generation = None
        try:
            with self._catalog.read() as connection:
                generation = self._kept.generation(connection)
                held = self._codes
                current = held is not None and held.generation == generation
                if not current and not self._kept.is_empty(connection):
                    self._load(connection, generation)
        except Exception as error:  # noqa: BLE001 -- whatever it is, queries have another way
            self._failed = Failure(generation, str(error) or type(error).__name__)
            _log.warning(
                "codes were not loaded, so the file answers, slower: %s", self._failed.reason
            )
        finally:
            self._loader = None


def depth_of(limit: int, held: Codes) -> Depth:
    """Return how deep to look for the nearest `limit`.

    Of 101,000 vectors of real code that keeps .9997 of the nearest 10, .9996 of 50, .9997 of 190;
    of a million made of them by perturbation .9997, .9981 and .9985 at least. Fewer dimensions have
    fewer signs to tell by, and of more vectors more are as near.
    """
    near = over_fetch(limit)
    many = max(1.0, len(held.ids) / 100_000) ** (1 / 3) * max(1.0, 384 / held.dimension)
    looks = int(many * (500 + 50 * near)), int(many * 20 * near)
    if held.codes is None:
        rows = int(many * (100 + 22 * limit))
        return Depth(looks, rows, rows)
    return Depth(looks, near, limit if held.dimension <= UNCLIPPED else near)


def open_store(catalog: Catalog, space: VectorSpace, scan: Scan) -> VectorStore:
    """Return the store of a space in the file: codes compared where `scan` says."""
    kept = SqliteVectors(catalog, space)
    if scan == "disk":
        return kept
    patience = QUERIES_FROM_DISK if scan == "auto" else 0
    return ResidentVectors(catalog, kept, patience, bits=scan == "bits")
