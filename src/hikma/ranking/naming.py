"""Which names does the query give, and which words does it share with names and paths?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

import numpy as np

from hikma.domain import BriefDocument, NodeKind
from hikma.ranking.scored import Tally, column
from hikma.ranking.terms import STOP_WORDS, Terms, name_words, stem
from hikma.ranking.weights import Weights

_DEFINED = re.compile(
    r"\b(?:class|interface|trait|struct|enum|record|object|module|namespace|protocol|extension|def|"
    r"defp|defmodule|defmacro|fn|func|fun|function|sub|proc|type|newtype|data|const|let|var|val|"
    r"define)\s+([A-Za-z_]\w*)"
)
"""A definition among a file's own lines, in the words that many languages share."""
_NAMELESS = frozenset({("index",), ("init",), ("mod",), ("main",)})
"""Names of files that say nothing; their folder's name stands for them."""
_SHORTEST_PREFIX = 3
_PREFIX = 0.75
"""What a word counts that only begins like the query's: `config` for `configuration`."""
_Places: TypeAlias = tuple[tuple[int, float], ...]
"""Of a query's stems those that a stem is like, and how much."""
_MOST_ASKED = 3
"""A name rarely has more words, so the query's side of an overlap is capped there."""


@dataclass(frozen=True, slots=True)
class PathWords:
    """The stems of a file's name and of its last folders."""

    name: frozenset[str]
    folders: frozenset[str]


def add_shares(tally: Tally, terms: Terms, weights: Weights) -> None:
    """Add the shares of all rules about names and paths."""
    documents = tally.documents
    if terms.keys:
        given = column(_has_key(one, terms.keys) for one in documents)
        tally.add("id", weights.id * given)
    if terms.symbol_like:
        mentioned = column(_mentions(one.text, terms.spelled) for one in documents)
        tally.add("mention", weights.mention * mentioned)
    if terms.identifiers or terms.qualified:
        _names(tally, terms, weights)
    _overlaps(tally, terms, weights)


def _names(tally: Tally, terms: Terms, weights: Weights) -> None:
    dotted = tuple(f".{one}" for one in terms.qualified if "." in one)
    exact = column(_is_named(one, terms) for one in tally.documents)
    qualified = column(_is_qualified(one, terms, dotted) for one in tally.documents)
    strengths = np.zeros(len(exact))
    for row in np.flatnonzero(exact + qualified).tolist():
        strengths[row] = _strength(tally.documents[row], terms, weights)
    tally.add("exact name", weights.exact_name * strengths * exact)
    tally.add("qualified name", weights.qualified_name * strengths * qualified)


def _has_key(document: BriefDocument, keys: frozenset[str]) -> bool:
    return any(fnmatchcase(document.key, key) for key in keys)


def _strength(document: BriefDocument, terms: Terms, weights: Weights) -> float:
    """Return how much a name counts that a document has: less in other letters, in later pieces."""
    strength = 2.0 if terms.symbol_like else 1.0
    if document.kind is NodeKind.FILE:
        return strength
    strength *= 1.0 if document.name in terms.spelled else weights.other_case
    return strength * (1.0 if document.ordinal == 0 else weights.later_piece)


def _is_named(document: BriefDocument, terms: Terms) -> bool:
    if document.kind is not NodeKind.FILE:
        return document.name.lower() in terms.identifiers
    text = document.text.lower()
    # A plain look first: most files do not have the words of the name at all.
    return any(one in text for one in terms.identifiers) and not terms.identifiers.isdisjoint(
        _defined(document.text)
    )


def _is_qualified(document: BriefDocument, terms: Terms, dotted: tuple[str, ...]) -> bool:
    """Whether a dotted name ends a qualified one, or any name is the whole of it."""
    if document.kind is NodeKind.FILE:
        return False
    qualified = document.qualified_name.lower()
    return qualified in terms.qualified or qualified.endswith(dotted)


def _overlaps(tally: Tally, terms: Terms, weights: Weights) -> None:
    """Add the shares of words that names, files and folders have in common with the query."""
    shared = Overlap(terms.stems)
    names = column(_name_overlap(one, shared) for one in tally.documents)
    tally.add("name", weights.name_overlap * names)
    paths = [path_words(one.path) for one in tally.documents]
    files = column(shared[one.name] for one in paths)
    folders = column(shared[one.folders] for one in paths)
    tally.add("file name", np.where(tally.is_history, 0.0, weights.stem_overlap * files))
    tally.add("folder", np.where(tally.is_history, 0.0, weights.path_overlap * folders))


class Overlap(dict[frozenset[str], float]):
    """By a name's stems the share of them that a query has, and of the query that they are.

    The harmonic mean of the two coverages, so that neither a long name nor a long query wins alone.
    Kept for one query: its candidates share most of their names and nearly all stems.
    """

    def __init__(self, asked: Sequence[str]) -> None:
        """Compare with these stems of a query."""
        super().__init__()
        self._alike = _Alike(asked)
        self._most = min(len(asked), _MOST_ASKED)

    def __missing__(self, own: frozenset[str]) -> float:
        telling = [one for one in map(self._alike.__getitem__, own) if one]
        self[own] = mean = self._mean(telling, len(own)) if telling else 0.0
        return mean

    def _mean(self, telling: Sequence[_Places], count: int) -> float:
        found = dict(telling[0])
        for place, likeness in chain.from_iterable(telling[1:]):
            found[place] = max(likeness, found.get(place, 0.0))
        precision = min(1.0, len(found) / count)
        recall = min(1.0, sum(found.values()) / self._most)
        return 2 * precision * recall / (precision + recall)


class _Alike(dict[str, _Places]):
    """By a stem the places of a query's stems that are like it: 1, or less for a beginning."""

    def __init__(self, asked: Sequence[str]) -> None:
        super().__init__()
        self._asked = asked
        self._starts = {one[:_SHORTEST_PREFIX] for one in asked}

    def __missing__(self, own: str) -> _Places:
        alike: _Places = ()
        if own[:_SHORTEST_PREFIX] in self._starts:  # most stems begin like none
            each = ((place, _likeness(own, one)) for place, one in enumerate(self._asked))
            alike = tuple((place, likeness) for place, likeness in each if likeness)
        self[own] = alike
        return alike


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    short, long = (one, other) if len(one) < len(other) else (other, one)
    return _PREFIX if len(short) >= _SHORTEST_PREFIX and long.startswith(short) else 0.0


def _name_overlap(document: BriefDocument, shared: Overlap) -> float:
    if document.kind is NodeKind.FILE:
        return 0.0
    return max(shared[stems_of(document.name)], shared[_stems_within(document.qualified_name)])


def _defined(text: str) -> set[str]:
    return {name.lower() for name in _DEFINED.findall(text)}


def _mentions(text: str, names: frozenset[str]) -> bool:
    # A plain look first: it is a tenth of the time of the pattern, and most texts have no name.
    return any(name in text for name in names) and bool(_whole(names).search(text))


@lru_cache(maxsize=100)
def _whole(names: frozenset[str]) -> re.Pattern[str]:
    """Match any of these names as a word of its own; with none, nothing."""
    listed = "|".join(re.escape(name) for name in sorted(names))
    return re.compile(rf"(?<![\w$])(?:{listed})(?![\w$])" if names else r"(?!)")


@lru_cache(maxsize=50_000)
def stems_of(name: str) -> frozenset[str]:
    """Return the stems of a name's words, without stop words."""
    return frozenset(stem(word) for word in name_words(name) if word not in STOP_WORDS)


@lru_cache(maxsize=50_000)
def _stems_within(qualified: str) -> frozenset[str]:
    """Return the stems of a qualified name: many share all parts but the last."""
    return frozenset().union(*map(stems_of, qualified.split(".")))


@lru_cache(maxsize=20_000)
def path_words(path: str) -> PathWords:
    """Take a path apart; of a file without a telling name its folder's stands for it."""
    *folders, name = path.split("/")
    plain = name.split(".", 1)[0]
    if name_words(plain) in _NAMELESS and folders:
        plain = folders[-1]
    above = frozenset(stem for folder in folders[-3:] for stem in stems_of(folder))
    return PathWords(stems_of(plain), above)
