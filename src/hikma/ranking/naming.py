"""Which names does the query give, and which words does it share with names and paths?"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
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
Stems: TypeAlias = tuple[str, ...]
"""Of a name, each once. Thousands are kept, and of tuples of texts alone Python's
collector of garbage keeps no account: it stopped a query in a hundred for 60 ms."""
_Places: TypeAlias = tuple[tuple[int, float], ...]
"""Of a query's stems those that a stem is like, and how much."""
_MOST_ASKED = 3
"""A name rarely has more words, so the query's side of an overlap is capped there."""


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
    own = column(
        named and _is_namesake(one) for named, one in zip(exact, tally.documents, strict=True)
    )
    tally.add("namesake", weights.namesake * strengths * own)


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


def _is_namesake(document: BriefDocument) -> bool:
    """Whether a symbol has the name of its file: parts of it elsewhere have not."""
    if document.kind is NodeKind.FILE or document.path.rpartition("/")[2].count(".") > 1:
        return False
    return path_words(document.path)[0] == stems_of(document.name)


def _is_qualified(document: BriefDocument, terms: Terms, dotted: tuple[str, ...]) -> bool:
    """Whether a dotted name ends a qualified one, or any name is the whole of it."""
    if document.kind is NodeKind.FILE:
        return False
    qualified = document.qualified_name.lower()
    return qualified in terms.qualified or qualified.endswith(dotted)


def _overlaps(tally: Tally, terms: Terms, weights: Weights) -> None:
    """Add the shares of words that names, files and folders have in common with the query."""
    of_symbols = [None if one.kind is NodeKind.FILE else one for one in tally.documents]
    own = [stems_of(one.name) if one else () for one in of_symbols]
    within = [_stems_within(one.qualified_name) if one else () for one in of_symbols]
    paths = [path_words(one.path) for one in tally.documents]
    files, folders = [name for name, _ in paths], [above for _, above in paths]
    shares = overlaps(terms.stems, {*own, *within, *files, *folders})
    of_own, of_within, of_files, of_folders = (
        column(shares.get(one, 0.0) for one in every) for every in (own, within, files, folders)
    )
    tally.add("name", weights.name_overlap * np.maximum(of_own, of_within))
    tally.add("file name", np.where(tally.is_history, 0.0, weights.stem_overlap * of_files))
    tally.add("folder", np.where(tally.is_history, 0.0, weights.path_overlap * of_folders))


def overlaps(asked: Sequence[str], names: Collection[Stems]) -> dict[Stems, float]:
    """Return for names the share of their stems that a query has, and of the query that they are.

    The harmonic mean of the two coverages, so that neither a long name nor a long query wins alone.
    A name that shares nothing is absent: so are most, and they are told apart without Python code
    for each.
    """
    starts = {one[:_SHORTEST_PREFIX] for one in asked}
    stems = set(chain.from_iterable(names))
    near = {one: _places(one, asked) for one in stems if one[:_SHORTEST_PREFIX] in starts}
    alike = {one: places for one, places in near.items() if places}
    covered, most = _Covered(alike), min(len(asked), _MOST_ASKED)
    holds, telling = alike.__contains__, alike.keys()
    return {
        own: _harmonic_mean(*covered[tuple(filter(holds, own))], len(own), most)
        for own in names
        if not telling.isdisjoint(own)
    }


class _Covered(dict[Stems, tuple[int, float]]):
    """By stems that are like a query's, how many of its stems are covered, and how well in sum.

    Most names of a query's candidates are like it in the same few stems.
    """

    def __init__(self, alike: Mapping[str, _Places]) -> None:
        super().__init__()
        self._alike = alike

    def __missing__(self, telling: Stems) -> tuple[int, float]:
        found: dict[int, float] = {}
        for place, likeness in chain.from_iterable(map(self._alike.__getitem__, telling)):
            found[place] = max(likeness, found.get(place, 0.0))
        self[telling] = covered = len(found), sum(found.values())
        return covered


def _harmonic_mean(covered: int, sum_covered: float, own: int, asked: int) -> float:
    precision, recall = min(1.0, covered / own), min(1.0, sum_covered / asked)
    return 2 * precision * recall / (precision + recall)


def _places(own: str, asked: Sequence[str]) -> _Places:
    """Return the places of a query's stems that a stem is like: 1, or less for a beginning."""
    each = ((place, _likeness(own, one)) for place, one in enumerate(asked))
    return tuple((place, likeness) for place, likeness in each if likeness)


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    short, long = (one, other) if len(one) < len(other) else (other, one)
    return _PREFIX if len(short) >= _SHORTEST_PREFIX and long.startswith(short) else 0.0


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
def stems_of(name: str) -> Stems:
    """Return the stems of a name's words, without stop words."""
    return _stems(stem(word) for word in name_words(name) if word not in STOP_WORDS)


@lru_cache(maxsize=50_000)
def _stems_within(qualified: str) -> Stems:
    """Return the stems of a qualified name: many share all parts but the last."""
    return _stems(chain.from_iterable(map(stems_of, qualified.split("."))))


@lru_cache(maxsize=20_000)
def path_words(path: str) -> tuple[Stems, Stems]:
    """Return the stems of a file's name, its folder's if it says nothing; of the last folders."""
    *folders, name = path.split("/")
    plain = name.split(".", 1)[0]
    if name_words(plain) in _NAMELESS and folders:
        plain = folders[-1]
    return stems_of(plain), _stems(chain.from_iterable(map(stems_of, folders[-3:])))


def _stems(given: Iterable[str]) -> Stems:
    return tuple(dict.fromkeys(given))
