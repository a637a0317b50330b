"""The best documents for any of some words, without scoring every document that has a frequent one.

FTS5 walks a list of documents sixteen times as fast as it scores them (26 and 420 ns a document),
so it is what is scored that counts: documents with a rare word, and those with every frequent one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds
from hikma.catalog import postings, rows
from hikma.catalog.fulltext import match, quote
from hikma.catalog.postings import Posting, Postings, word

MOST_SCORED = 6_000
"""So often words may stand in documents altogether for all of these to be scored; 3 ms."""
LEAST_SCORED = 750
"""Words are taken by their rarity until they stand in so many documents."""
MOST_READ = 8_000
"""So many documents of words a query reads into memory by itself: as long as FTS5 would take."""
_SATURATION = 2.2
"""k1 + 1 in FTS5's BM25: by so much at most a word's frequency multiplies its rarity."""
_MOST_COUNTS = 20_000
_COUNTS: WeakKeyDictionary[apsw.Connection, tuple[int, dict[tuple[str, str], int]]] = (
    WeakKeyDictionary()
)
"""By reader, a state of its file and how often words stand there: queries share frequent ones."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Whose words are asked, what they weigh in each column, and what is kept of them in memory."""

    table: str
    weights: Sequence[float]
    kept: Postings | None = None


@dataclass(frozen=True, slots=True)
class _Asking:
    """What stays the same from one expression to the next."""

    connection: apsw.Connection
    limit: int
    within: DocumentIds | None
    corpus: Corpus
    last: int
    """The highest id of a document: there are no more of them."""

    def match(self, expression: str) -> dict[int, float]:
        """Return the best documents of an expression with their scores."""
        corpus = self.corpus
        given = (self.connection, expression, self.limit, corpus.weights, self.within)
        return dict(match(*given, corpus.table))

    def any_of(self, words: Sequence[str]) -> dict[int, float]:
        """Return the best documents with any of the words, scored by these."""
        return self.match(quote(words))

    def both_of(self, some: Sequence[str], others: Sequence[str]) -> dict[int, float]:
        """Return the best documents with any of some and any of other words, scored by all."""
        return self.match(f"({quote(some)}) AND ({quote(others)})")

    def all_of(self, words: Sequence[str]) -> dict[int, float]:
        """Return the best documents with every one of the words."""
        return self.match(" AND ".join(quote([word]) for word in words))

    def counts(self, words: Sequence[str], held: "_Held | None") -> dict[str, int]:
        """Return in how many documents each word stands; what says nothing of many is left out.

        BM25 gives nothing for a word that half of all documents have, and FTS5 walks them all.
        """
        known = _known_counts(self.connection)
        counts = {
            one: self._count(one, known) if held is None or one not in held else held.count(one)
            for one in words
        }
        most = max(MOST_SCORED, self.last // 2)
        return {one: count for one, count in counts.items() if count <= most} or counts

    def _count(self, word: str, known: dict[tuple[str, str], int]) -> int:
        table = self.corpus.table
        if (table, word) not in known:
            sql = f"SELECT count(*) FROM {table} WHERE {table} MATCH ?"  # noqa: S608 -- our own name
            expression = quote([word])
            count = rows.value(self.connection, sql, (expression,)) if expression else 0
            known[table, word] = int(count)
        return known[table, word]

    def most(self, counts: Sequence[int]) -> float:
        """Return what no document reaches by words that stand in so many: the bound of BM25."""
        rarity = [math.log((self.last - count + 0.5) / (count + 0.5)) for count in counts]
        return _SATURATION * sum(max(one, 1e-6) for one in rarity)


class _Held:
    """Answers what `_Asking` does, to the last bit, from lists in memory."""

    def __init__(self, asking: _Asking, kept: Postings, words: Sequence[str]) -> None:
        self._asking = asking
        self._kept = kept
        self._asked = {one: word(asking.connection, asking.corpus.weights, one) for one in words}
        found = kept.held(asking.connection, asking.corpus.table, self._asked.values())
        self._lists = {one: found[key] for one, key in self._asked.items() if key in found}

    def __contains__(self, one: str) -> bool:
        return one in self._lists

    def count(self, one: str) -> int:
        """Return in how many documents a word stands whose list is held."""
        return len(self._lists[one].ids)

    def completed(self, counts: Mapping[str, int], words: Sequence[str]) -> bool:
        """Read what is missing of some words' lists; unless that is long, which others do."""
        missing = [one for one in words if one not in self._lists]
        table = self._asking.corpus.table
        if sum(counts[one] for one in missing) > MOST_READ:
            self._kept.want(table, [self._asked[one] for one in missing])
            return False
        for one in missing:
            self._lists[one] = self._kept.read(self._asking.connection, table, self._asked[one])
        return True

    def any_of(self, words: Sequence[str]) -> dict[int, float]:
        lists = self._of(words)
        return self._best(lists, postings.standing(lists, self._asking.last))

    def both_of(self, some: Sequence[str], others: Sequence[str]) -> dict[int, float]:
        first, second = self._of(some), self._of(others)
        stands = postings.standing(first, self._asking.last)
        return self._best([*first, *second], stands & postings.standing(second, self._asking.last))

    def all_of(self, words: Sequence[str]) -> dict[int, float]:
        lists = self._of(words)
        each = [postings.standing([one], self._asking.last) for one in lists]
        return self._best(lists, np.logical_and.reduce(each))

    def _of(self, words: Sequence[str]) -> list[Posting]:
        return [self._lists[one] for one in words]

    def _best(self, lists: Sequence[Posting], kept: NDArray[np.bool_]) -> dict[int, float]:
        scores = postings.sums(lists, self._asking.last)
        return postings.best(scores, kept, self._asking.limit, self._asking.within)


def match_any(
    connection: apsw.Connection,
    words: Sequence[str],
    limit: int,
    within: DocumentIds | None,
    corpus: Corpus,
) -> list[tuple[int, float]]:
    """Return the best documents by BM25 for any of these words, best first, ties by id.

    Where lists of the words are `kept` in memory they are summed: the same answer, sooner.

    Where too many documents match, one without any of the rare words is found only if it has all
    the frequent ones, unless there are too few others. At equal selectivity (the limits scaled to
    small repositories) that costs .001 of nDCG@10; below the limits nothing differs.
    """
    last = int(rows.value(connection, "SELECT ifnull(max(id), 0) FROM document"))
    asking = _Asking(connection, limit, within, corpus, last)
    held = None if _is_few(within) else _held(asking, words)
    counts = {} if _is_few(within) else asking.counts(words, held)
    rare, frequent = _by_rarity(counts) if counts else ([*words], [])
    source = held if held and held.completed(counts, [*rare, *frequent]) else asking
    # In the order given: the last bits of a sum are those of its order.
    scores = source.any_of([word for word in words if word in rare])
    if frequent:
        scores = _higher(scores, source.both_of(rare, frequent))
        best = sorted(scores.values(), reverse=True)[:limit]
        if len(best) < limit or asking.most([counts[word] for word in frequent]) > best[-1]:
            scores = _higher(scores, source.all_of(frequent))
    if len(scores) < limit and (frequent or len(counts) < len(words)) and not _is_few(within):
        scores = asking.any_of(words)
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:limit]


def _held(asking: _Asking, words: Sequence[str]) -> _Held | None:
    """Return what answers from memory; inside a write its own rows are asked."""
    kept = asking.corpus.kept
    if kept is None or not asking.connection.readonly("main"):
        return None
    return _Held(asking, kept, words)


def _known_counts(connection: apsw.Connection) -> dict[tuple[str, str], int]:
    """Return the counts of words that hold for what a connection reads now.

    They are those of one state of the file, as a reader sees it: its own writes a connection does
    not count as a change.
    """
    if not connection.readonly("main"):
        return {}
    state = int(rows.value(connection, "PRAGMA data_version"))
    known = _COUNTS.get(connection)
    if known is None or known[0] != state or len(known[1]) > _MOST_COUNTS:
        known = _COUNTS[connection] = (state, {})
    return known[1]


def _higher(some: Mapping[int, float], others: Mapping[int, float]) -> dict[int, float]:
    """Return each document's higher score: the one of more of its words."""
    return {
        document: max(some.get(document, 0.0), others.get(document, 0.0))
        for document in some.keys() | others.keys()
    }


def _is_few(within: DocumentIds | None) -> bool:
    """Whether a filter leaves so few documents that all of them may be scored."""
    return within is not None and len(within) <= MOST_SCORED


def _by_rarity(counts: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Return the rare and the frequent ones of words, each by its rarity; absent words are left."""
    known = sorted((count, one) for one, count in counts.items() if count)
    rare: list[str] = []
    total = 0
    for count, one in known:
        if rare and total >= LEAST_SCORED and total + count > MOST_SCORED:
            break
        rare.append(one)
        total += count
    return rare, [one for _, one in known[len(rare) :]]
