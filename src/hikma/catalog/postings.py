"""Words in memory: in which documents each stands, and what BM25 gives them for it.

FTS5 takes a microsecond to score a document, a sum of arrays some nanoseconds. What is held is that
of the very state that a query reads, whoever wrote it, and FTS5's own figures, so that sums in its
order are its scores to the last bit. Long lists are read beside the queries, the frequent words
first; until they are there the file answers.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, among, greatest
from hikma.catalog import rows
from hikma.catalog.fulltext import listed, quote
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import TOKENIZER
from hikma.errors import CatalogError

MOST_BYTES = 32 << 20
"""Of all lists together; those longest unasked go first."""
LEAST_READ = 250
"""Documents of a word that is worth to be read ahead of the queries."""
_STEADY_S = 2.0
"""A state of the words that is younger is about to go: nothing is read ahead of it."""
_PAUSE = 0.5
"""Share of the time of reading ahead that is left to the queries."""
_AVERAGES, _STRUCTURE = 1, 10
"""Rows of an FTS5 table's data of which one, at least, differs after any write of words."""
_WORD = "SELECT rowid, -bm25({table}, {weights}) FROM {table} WHERE {table} MATCH ?"
_FREQUENT = """
SELECT term FROM temp.{table}_terms
 WHERE doc BETWEEN ? AND (SELECT max(id) / 2 FROM document) ORDER BY doc DESC
"""

Weights: TypeAlias = tuple[float, ...]
"""Of the columns."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Word:
    """A word as one table's lists are asked for it: what FTS5 makes of it, and how it is asked."""

    weights: Weights
    term: str
    expression: str = field(compare=False)


def word(connection: apsw.Connection, weights: Sequence[float], text: str) -> Word:
    """Return a word of a query; the forms of one stem are the same word."""
    expression = quote([text])
    cut = _cut(connection, text)
    # What is cut in several is a phrase.
    return Word(tuple(weights), cut[0] if len(cut) == 1 else expression, expression)


def _cut(connection: apsw.Connection, text: str) -> list[str]:
    name, *given = TOKENIZER.replace("'", " ").split()
    made = connection.fts5_tokenizer(name, given)
    flags = apsw.FTS5_TOKENIZE_QUERY
    found = made(text.encode(), flags, None, include_offsets=False, include_colocated=False)
    return [str(one) for one in found]


@dataclass(frozen=True, slots=True)
class Posting:
    """The documents of a word, ascending, and by a code each the share that it has of BM25."""

    ids: NDArray[np.uint32]
    codes: NDArray[np.uint16] | NDArray[np.uint32]
    shares: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.ids.nbytes + self.codes.nbytes + self.shares.nbytes

    def add_to(self, scores: NDArray[np.float64]) -> None:
        """Add each document's share to its score, at the place of its id."""
        scores[self.ids] += self.shares[self.codes]


@dataclass(slots=True)
class _Lists:
    """What is held of one table's words in one state; whether it was read ahead."""

    state: tuple[bytes, ...]
    since: float
    held: dict[Word, Posting] = field(default_factory=dict)
    ahead: bool = False
    nbytes: int = 0

    def put(self, asked: Word, posting: Posting) -> None:
        """Hold a list, as the one asked last."""
        before = self.held.pop(asked, None)
        self.held[asked] = posting
        self.nbytes += posting.nbytes - (before.nbytes if before else 0)

    def drop_oldest(self) -> None:
        """Let go of the list that was asked for longest ago."""
        self.nbytes -= self.held.pop(next(iter(self.held))).nbytes


class Postings:
    """Lists of words of an index file."""

    def __init__(self, catalog: Catalog) -> None:
        """Hold nothing yet."""
        self._catalog = catalog
        self._tables: dict[str, _Lists] = {}
        self._wanted: dict[tuple[str, Word], None] = {}
        self._changing = threading.Lock()
        self._reader: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the lists take now."""
        with self._changing:
            return self._nbytes()

    @property
    def reading(self) -> bool:
        """Whether lists are being read beside the queries."""
        return self._reader is not None

    def held(
        self, connection: apsw.Connection, table: str, words: Iterable[Word]
    ) -> Mapping[Word, Posting]:
        """Return those of some words' lists that are held of the state that a connection reads."""
        lists = self._lists(connection, table)
        with self._changing:
            found = {one: lists.held.pop(one) for one in words if one in lists.held}
            lists.held |= found  # now those asked last
        return found

    def read(self, connection: apsw.Connection, table: str, asked: Word) -> Posting:
        """Read a word's list, and keep it."""
        lists = self._lists(connection, table)
        posting = _read(connection, table, asked)
        with self._changing:
            lists.put(asked, posting)
            self._forget()
        return posting

    def want(self, table: str, words: Iterable[Word]) -> None:
        """Have lists read beside the queries: these, then those of the frequent words."""
        with self._changing:
            lists = self._tables.get(table)
            if self._closing.is_set() or lists is None or _age(lists) < _STEADY_S:
                return
            self._wanted |= dict.fromkeys((table, one) for one in words)
            if self._wanted and self._reader is None:
                self._reader = threading.Thread(target=self._read_beside, daemon=True)
                self._reader.start()

    def close(self) -> None:
        """Let go of everything; what is being read is waited for."""
        with self._changing:
            self._closing.set()
            self._wanted.clear()
            reader = self._reader
        if reader is not None:
            reader.join()
        self._tables.clear()

    def _lists(self, connection: apsw.Connection, table: str) -> _Lists:
        state = _state(connection, table)
        with self._changing:
            known = self._tables.get(table)
            if known is None or known.state != state:
                known = self._tables[table] = _Lists(state, time.monotonic())
            return known

    def _read_beside(self) -> None:
        try:
            while (wanted := self._next()) is not None:
                self._read_politely(*wanted)
                self._read_ahead(*wanted)
        except (CatalogError, apsw.Error) as error:  # the queries meet it too, and tell it
            _log.warning("words are not kept in memory: %s", error)
        finally:
            with self._changing:
                self._reader = None

    def _next(self) -> tuple[str, Word] | None:
        with self._changing:
            wanted = next(iter(self._wanted), None)
            if wanted is not None:
                del self._wanted[wanted]
            return wanted

    def _read_ahead(self, table: str, like: Word) -> None:
        """Read the frequent words of a state, once, by the weights of a word that was asked."""
        with self._catalog.read() as connection:
            lists = self._lists(connection, table)
            if self._wanted or lists.ahead:
                return
            lists.ahead = True
            frequent = list(_frequent(connection, table, like.weights))
        for one in frequent:
            if self._closing.is_set() or self._tables.get(table) is not lists or self._is_full():
                return
            if one not in lists.held:
                self._read_politely(table, one)

    def _read_politely(self, table: str, asked: Word) -> None:
        start = time.monotonic()
        with self._catalog.read() as connection:
            self.read(connection, table, asked)
        self._closing.wait(_PAUSE * (time.monotonic() - start))

    def _is_full(self) -> bool:
        return self.nbytes > MOST_BYTES - (MOST_BYTES >> 3)

    def _forget(self) -> None:
        """Let go of the lists that were asked for longest ago, down to the bytes allowed."""
        for lists in self._tables.values():
            while self._nbytes() > MOST_BYTES and len(lists.held) > 1:
                lists.drop_oldest()

    def _nbytes(self) -> int:
        # Counted as lists come and go: a query adds some, and there are thousands.
        return sum(lists.nbytes for lists in self._tables.values())


def _age(lists: _Lists) -> float:
    return time.monotonic() - lists.since


def _frequent(connection: apsw.Connection, table: str, weights: Weights) -> Iterator[Word]:
    """Yield words by the number of their documents, most first; none that BM25 gives nothing."""
    made = f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{table}_terms USING fts5vocab"
    connection.execute(f"{made}(main, {table}, row)")
    for term in rows.column(connection, _FREQUENT.format(table=table), (LEAST_READ,)):
        found = word(connection, weights, term)
        if found.term == term:  # a stem has a stem of its own, at times another one
            yield found


def _state(connection: apsw.Connection, table: str) -> tuple[bytes, ...]:
    sql = f"SELECT block FROM {table}_data WHERE id IN (?, ?) ORDER BY id"  # noqa: S608 -- our own name
    return tuple(rows.column(connection, sql, (_AVERAGES, _STRUCTURE)))


def _read(connection: apsw.Connection, table: str, asked: Word) -> Posting:
    sql = _WORD.format(table=table, weights=listed(asked.weights))
    found = rows.every(connection, sql, (asked.expression,))
    ids = np.fromiter((row[0] for row in found), dtype=np.uint32, count=len(found))
    shares, codes = _coded(np.fromiter((row[1] for row in found), np.float64, len(found)))
    return Posting(ids, codes, shares)


def _coded(
    figures: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.uint16] | NDArray[np.uint32]]:
    """Return the different figures and which of them each is: many share a length and a count."""
    order = np.argsort(figures, kind="stable")
    ascending = figures[order]
    starts = np.ones(len(figures), dtype=bool)
    starts[1:] = ascending[1:] != ascending[:-1]
    codes = np.empty(len(figures), dtype=np.uint32)
    codes[order] = np.cumsum(starts) - 1
    few = int(starts.sum()) <= 1 << 16
    return ascending[starts], codes.astype(np.uint16) if few else codes


def sums(postings: Sequence[Posting], last: int) -> NDArray[np.float64]:
    """Return by id, up to `last`, the sum of its shares in the order of the words."""
    scores = np.zeros(last + 1)
    for one in postings:
        one.add_to(scores)
    return scores


def standing(postings: Sequence[Posting], last: int) -> NDArray[np.bool_]:
    """Tell by id, up to `last`, whether any of the words stands there."""
    stands = np.zeros(last + 1, dtype=bool)
    for one in postings:
        stands[one.ids] = True
    return stands


def best(
    scores: NDArray[np.float64], kept: NDArray[np.bool_], limit: int, within: DocumentIds | None
) -> dict[int, float]:
    """Return the best of the kept by score, ties by id, at most `limit`."""
    ids = np.flatnonzero(kept)
    if within is not None:
        ids = ids[among(ids, within)]
    chosen = ids[greatest(scores[ids], ids, limit)]
    return dict(zip(chosen.tolist(), scores[chosen].tolist(), strict=True))
