"""Vectors in LanceDB: a folder beside the file, or object storage.

It finds candidates; the canonical rows of the file decide who is near, and what is owed to the
table counts as if it were there.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from filelock import FileLock

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch, united
from hikma.catalog import identity, ledger, outbox, spaces, state
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import InvalidVectorError, MissingVectorError, StoreError
from hikma.vectors import lance_rows, lance_upkeep
from hikma.vectors.exact import SMALL, best, distances, refuse_width
from hikma.vectors.lance_durability import (
    Durability,
    has_torn_rows,
    move_aside,
    newest_manifest,
    torn_manifests,
)
from hikma.vectors.lance_patience import Patience, Wait
from hikma.vectors.lance_places import (
    TIMEOUT_S,
    Place,
    drop,
    open_database,
    open_table,
    place_of,
    told,
)
from hikma.vectors.lance_probe import refusal, refuse_careless

_MADE = "made"
"""The mark, in the file, of a space whose table was there once."""
_MARGIN = 1e-5
"""How far LanceDB's float32 distances may be from the exact ones."""

_log = logging.getLogger(__name__)


class LanceVectors:
    """The vectors of one space in a table of LanceDB."""

    def __init__(self, catalog: Catalog, space: VectorSpace, timeout_s: float = TIMEOUT_S) -> None:
        """Hold a space's vectors; its table is made by the first write.

        `timeout_s` bounds each request to object storage, and all of them together for a query.
        """
        self._catalog = catalog
        self._space = space
        self._indexed = space.index_type != "flat"
        self._opening = threading.RLock()
        self._held: Any | None = None
        self._commits = 0
        self._mends = 0
        self._made = f"vectors_{space.id}_made"
        with catalog.read() as connection:
            table = f"vectors_{identity.of(connection)}_{space.id}"
        self._place = place_of(catalog.path, space.location, table, timeout_s)
        wait_s = None if self._place.is_local else timeout_s
        self._patience = Patience(wait_s, partial(refusal, self._place))
        self._durability = Durability(self._place)
        self._applier = spaces.lock_of(catalog.path, space.id)
        self._upkeep = lance_upkeep.Upkeep(self._place, self._applier, indexed=self._indexed)

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._space.dimension

    @property
    def place(self) -> Place:
        """Where the table is."""
        return self._place

    def prepare(self) -> None:
        """Make the table where there is none; StoreError for a place that cannot be used."""
        with self._told():
            self._writable()

    def upsert(self, batch: VectorBatch) -> None:
        """Insert or replace, in one commit that is durable when this returns."""
        if not len(batch.ids):
            return
        self._refuse_unfit(batch)
        with self._told():
            table = self._writable()
            lance_rows.merge(table, batch)
            self._settle(table, len(batch.ids))

    def delete(self, ids: Sequence[int]) -> None:
        """Remove ids; one that is not there is no error."""
        if not len(ids):
            return
        with self._told():
            table = self._opened()
            if table is not None:
                lance_rows.delete(table, ids)
                self._settle(table, len(ids))

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest by exact cosine distance, ties by id."""
        refuse_width(query[None], self.dimension)
        if limit < 1:
            return []
        with self._told():
            wait = self._patience.begin()
            table, mended = wait.call(self._opened_for_query)
            with self._catalog.read() as connection:
                if within is not None and len(within) <= SMALL:
                    return self._scored(connection, within, query, limit)
                owed = self._owed(connection, mended=mended)
                if table is None:
                    self._refuse_lost(connection, owed)
                    return self._scored(connection, _both(owed, within), query, limit)
                return self._sought(connection, table, _Asked(query, limit, within, owed, wait))

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield the table's own rows by ascending id; an id that is there twice comes twice."""
        with self._told():
            if self._opened() is None:
                return
            # A handle of its own: it stays at one version while others write.
            table = open_table(open_database(self._place), self._place)
            if table is not None:
                yield from lance_rows.scan(table, batch_size, after)

    def optimize(self) -> bool:
        """Make files fewer and the index whole, in a child process; tell whether it did."""
        self._upkeep.begin()
        return self._upkeep.end()

    def complete(self) -> None:
        """Have the index, if there is to be one, hold every row, and wait until it does."""
        with self._told():
            table = self._opened() if self._indexed else None
            if table is not None and lance_upkeep.unindexed(table):
                self.optimize()

    def rebuild(self) -> int:
        """Drop the table and owe it everything, in the other order; return how much that is."""
        with self._told(), self._opening:
            with self._catalog.write() as connection:
                count = outbox.enqueue_all(connection, self._space.id)
            self._held = None
            drop(self._place)
            with self._catalog.write() as connection:
                state.put(connection, self._made, "")
        return count

    def drop(self) -> None:
        """Give up the table, wherever it is; one that is not there is no error."""
        with self._told(), self._opening:
            self._held = None
            drop(self._place)

    def __len__(self) -> int:
        """Count of rows held."""
        with self._told():
            table = self._opened()
            return 0 if table is None else int(table.count_rows())

    def close(self) -> None:
        """Let go of the table, once its upkeep has ended."""
        self._upkeep.end()
        self._held = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what fails as a StoreError, and open the table anew the next time."""
        try:
            with told(self._place):
                yield
        except StoreError:
            self._held = None
            raise

    def _refuse_unfit(self, batch: VectorBatch) -> None:
        refuse_width(batch.vectors, self.dimension)
        unfit = batch.ids[~np.isfinite(batch.vectors).all(axis=1)]
        if len(unfit):
            raise InvalidVectorError([f"{one}: not finite" for one in unfit.tolist()])

    def _settle(self, table: Any, rows: int) -> None:
        """Make a commit of so many rows safe; have files made fewer when there are many."""
        if self._place.is_local:
            self._durability.settle()
        self._commits += 1
        far = not self._place.is_local and rows < lance_upkeep.BULK
        if lance_upkeep.is_due(table, indexed=self._indexed, commits=self._commits, far=far):
            self._upkeep.begin()

    def _opened_for_query(self) -> tuple[Any | None, bool]:
        """Return the table, and whether it was mended just now: a state read before cannot say."""
        with self._opening:
            before = self._mends
            return self._opened(), self._mends != before

    def _opened(self) -> Any | None:
        """Return the table, None where there is none."""
        with self._opening:
            if self._held is None:
                self._held = self._open()
            return self._held

    def _open(self) -> Any | None:
        if not self._place.is_local:
            return open_table(open_database(self._place), self._place)
        if not self._place.folder.exists():
            return None
        for torn in torn_manifests(self._place):
            self._mend(torn)
        table = open_table(open_database(self._place), self._place)
        while (
            table is not None and has_torn_rows(self._place) and not lance_rows.is_readable(table)
        ):
            self._mend(newest_manifest(self._place))
            table = open_table(open_database(self._place), self._place)
        return table

    def _mend(self, manifest: Path) -> None:
        """Go back to the version before, once everything is owed: none of it may be there."""
        self._owe_all(f"the newest version of {self._place} is cut short")
        move_aside(manifest)

    def _owe_all(self, reason: str) -> None:
        with self._catalog.write() as connection:
            count = outbox.enqueue_all(connection, self._space.id)
        self._mends += 1
        _log.warning("%s: %d documents are brought to it again.", reason, count)

    def _writable(self) -> Any:
        """Return the table; make it where there is none yet."""
        with self._opening:
            held = self._opened()
            if held is None:
                held = self._held = self._make()
            return held

    def _make(self) -> Any:
        if not self._place.is_local:
            refuse_careless(self._place)
        # One process at a time, and in no transaction: a slow place must not keep writers waiting.
        with FileLock(self._applier.with_suffix(".making")):
            database = open_database(self._place)
            found = open_table(database, self._place)
            if found is None:
                if self._was_made():
                    self._owe_all(f"{self._place} is gone")
                columns = lance_rows.schema(self.dimension)
                found = database.create_table(self._place.table, schema=columns)
            if not self._was_made():
                with self._catalog.write() as connection:
                    state.put(connection, self._made, _MADE)
            return found

    def _was_made(self) -> bool:
        with self._catalog.read() as connection:
            return state.get(connection, self._made) == _MADE

    def _owed(self, connection: apsw.Connection, *, mended: bool) -> DocumentIds:
        """Return the ids whose rows in the table are not those of the ledger, or may not be."""
        if mended:
            return ledger.live_ids(connection)
        return outbox.pending(connection, self._space.id)

    def _refuse_lost(self, connection: apsw.Connection, owed: DocumentIds) -> None:
        """Tell a space that is still to be written from one that has lost its table."""
        if ledger.live(connection) and len(np.setdiff1d(ledger.live_ids(connection), owed)):
            raise MissingVectorError(
                f"{self._place} is missing; run `hikma migrate repair` or `hikma vectors rebuild`."
            )

    def _scored(
        self, connection: apsw.Connection, ids: DocumentIds, query: Vector, limit: int
    ) -> list[Neighbor]:
        batch = ledger.vectors_of(connection, ids, self._space.documents)
        return best(batch.ids, distances(batch.vectors, query), limit)

    def _sought(self, connection: apsw.Connection, table: Any, asked: "_Asked") -> list[Neighbor]:
        """Fetch candidates, more each time, until no other row can be among the nearest."""
        count = int(asked.wait.call(table.count_rows))
        wanted = asked.first(count)
        if asked.within is not None and wanted >= len(asked.within):
            return self._scored(connection, asked.within, asked.query, asked.limit)
        exactly = not self._indexed or count < lance_upkeep.INDEX_ROWS
        while True:
            look = partial(lance_rows.near, table, asked.query, wanted, exactly=exactly)
            ids, apart = asked.wait.call(look)
            candidates = asked.among(ids)
            found = self._scored(connection, candidates, asked.query, asked.limit)
            enough = len(found) == asked.limit
            if enough and (not exactly or apart[-1:].sum() > found[-1].distance + _MARGIN):
                return found
            if len(ids) < wanted or wanted >= count:
                if exactly:
                    return found
                exactly = True  # an index gives up before it has looked everywhere
            else:
                wanted = min(2 * wanted, count)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query: whom it looks for, whose rows in the table say nothing, and how long it may wait."""

    query: Vector
    limit: int
    within: DocumentIds | None
    owed: DocumentIds
    wait: Wait

    def first(self, count: int) -> int:
        """Return how many candidates to fetch at first, of a table of `count` rows."""
        # Half as many again: its index orders by codes of four bits, which err more than ours.
        wanted = self.limit + max(40, self.limit // 2)
        if self.within is not None:
            # LanceDB takes longer to look at a list of ids than to find so many more candidates.
            wanted = wanted * count // len(self.within)
        return max(1, min(wanted, count))

    def among(self, ids: DocumentIds) -> DocumentIds:
        """Return which of fetched ids, and of those owed, may be the answer."""
        return _both(united(ids, self.owed), self.within)


def _both(ids: DocumentIds, within: DocumentIds | None) -> DocumentIds:
    return ids if within is None else np.intersect1d(ids, within, assume_unique=True)
