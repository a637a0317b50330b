"""The best documents for any of some words, without scoring every document that has a frequent one.

FTS5 walks a list of documents sixteen times as fast as it scores them (26 and 420 ns a document),
so it is what is scored that counts: documents with a rare word, and those with every frequent one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import apsw

from hikma.arrays import DocumentIds
from hikma.catalog import rows
from hikma.catalog.fulltext import match, quote

MOST_SCORED = 6_000
"""So often words may stand in documents altogether for all of these to be scored; 3 ms."""
LEAST_SCORED = 750
"""Words are taken by their rarity until they stand in so many documents."""
_SATURATION = 2.2
"""k1 + 1 in FTS5's BM25: by so much at most a word's frequency multiplies its rarity."""
_MOST_COUNTS = 20_000
_COUNTS: WeakKeyDictionary[apsw.Connection, tuple[int, dict[tuple[str, str], int]]] = (
    WeakKeyDictionary()
)
"""By reader, a state of its file and how often words stand there: queries share frequent ones."""


@dataclass(frozen=True, slots=True)
class _Asking:
    """What stays the same from one expression to the next."""

    connection: apsw.Connection
    limit: int
    weights: Sequence[float]
    within: DocumentIds | None
    table: str
    last: int
    """The highest id of a document: there are no more of them."""

    def match(self, expression: str) -> dict[int, float]:
        """Return the best documents of an expression with their scores."""
        given = (self.connection, expression, self.limit, self.weights, self.within, self.table)
        return dict(match(*given))

    def counts(self, words: Sequence[str]) -> dict[str, int]:
        """Return in how many documents each word stands; what says nothing of many is left out.

        BM25 gives nothing for a word that half of all documents have, and FTS5 walks them all.
        """
        known = _known_counts(self.connection)
        counts = {word: self._count(word, known) for word in words}
        most = max(MOST_SCORED, self.last // 2)
        return {word: count for word, count in counts.items() if count <= most} or counts

    def _count(self, word: str, known: dict[tuple[str, str], int]) -> int:
        if (self.table, word) not in known:
            sql = f"SELECT count(*) FROM {self.table} WHERE {self.table} MATCH ?"  # noqa: S608 -- our own name
            expression = quote([word])
            count = rows.value(self.connection, sql, (expression,)) if expression else 0
            known[self.table, word] = int(count)
        return known[self.table, word]

    def most(self, counts: Sequence[int]) -> float:
        """Return what no document reaches by words that stand in so many: the bound of BM25."""
        rarity = [math.log((self.last - count + 0.5) / (count + 0.5)) for count in counts]
        return _SATURATION * sum(max(one, 1e-6) for one in rarity)


def match_any(
    connection: apsw.Connection,
    words: Sequence[str],
    limit: int,
    weights: Sequence[float],
    within: DocumentIds | None,
    table: str,
) -> list[tuple[int, float]]:
    """Return the best documents by BM25 for any of these words, best first, ties by id.

    Where too many documents match, one without any of the rare words is found only if it has all
    the frequent ones, unless there are too few others. At equal selectivity (the limits scaled to
    small repositories) that costs .001 of nDCG@10; below the limits nothing differs.
    """
    last = int(rows.value(connection, "SELECT ifnull(max(id), 0) FROM document"))
    asking = _Asking(connection, limit, weights, within, table, last)
    counts = {} if _is_few(within) else asking.counts(words)
    rare, frequent = _by_rarity(counts) if counts else ([*words], [])
    # In the order given: the last bits of a sum are those of its order.
    scores = asking.match(quote(word for word in words if word in rare))
    if frequent:
        scores = _higher(scores, asking.match(f"({quote(rare)}) AND ({quote(frequent)})"))
        best = sorted(scores.values(), reverse=True)[:limit]
        if len(best) < limit or asking.most([counts[word] for word in frequent]) > best[-1]:
            every = " AND ".join(quote([word]) for word in frequent)
            scores = _higher(scores, asking.match(every))
    if len(scores) < limit and (frequent or len(counts) < len(words)) and not _is_few(within):
        scores = asking.match(quote(words))
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:limit]


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
    known = sorted((count, word) for word, count in counts.items() if count)
    rare: list[str] = []
    total = 0
    for count, word in known:
        if rare and total >= LEAST_SCORED and total + count > MOST_SCORED:
            break
        rare.append(word)
        total += count
    return rare, [word for _, word in known[len(rare) :]]
