"""The order of candidates: fusion, then the rules, then one hit a symbol and diversity by file."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from hikma.domain import BriefDocument, NodeKind
from hikma.ranking import naming
from hikma.ranking.scored import Candidate, Column, Scored, Tally, column
from hikma.ranking.terms import Terms
from hikma.ranking.weights import Weights

_TESTS = """
test tests __tests__ spec specs testing testdata fixture fixtures e2e mock mocks __mocks__
"""
_TEST_FOLDERS = frozenset(_TESTS.split())
_TEST_FILE = re.compile(
    r"test_.*|.*([._-]test|_tests?|[._-]spec|Tests?|Spec)\.[^.]+|conftest\.py", re.DOTALL
)
_ASIDE = """
example examples sample samples demo demos bench benchmark benchmarks doc docs documentation legacy
deprecated compat script scripts tool tools contrib vendor third_party playground www website
.github
"""
_ASIDE_FOLDERS = frozenset(_ASIDE.split())
_HANDING_ON = """
__init__.py __init__.pyi index.js index.jsx index.ts index.tsx mod.rs lib.rs package-info.java
module-info.java
"""
_BARRELS = frozenset(_HANDING_ON.split())
"""Files that mostly hand on what others define."""
Companions: TypeAlias = Mapping[str, Mapping[str, float]]

_HEADERS = (".h", ".hh", ".hpp", ".hxx")
_PROSE = frozenset({"markdown", "rst", "text", "html", "json", "yaml", "toml", "xml", "css", "po"})


_BEST_FILES = 3


def rank(
    terms: Terms,
    candidates: Sequence[Candidate],
    weights: Weights,
    limit: int,
    companions: Companions | None = None,
) -> list[Scored]:
    """Return the best `limit` candidates, best first, ties by document id.

    `companions` tell for each of the best files how often others changed with it (0 to 1).
    """
    tally = _supported(terms, candidates, weights)
    _changed_with(tally, companions or {}, weights)
    _demote(tally, terms, weights)
    rows = _diversify(tally, _one_a_symbol(tally), weights)
    return [tally.scored(row) for row in rows[:limit]]


def best_files(candidates: Sequence[Candidate], weights: Weights) -> list[str]:
    """Return the files that the retrievers put first, whose companions are worth asking for."""
    tally = _fuse(candidates, weights)
    ordered = (tally.documents[row].path for row in tally.order() if not tally.is_history[row])
    return list(dict.fromkeys(ordered))[:_BEST_FILES]


def _supported(terms: Terms, candidates: Sequence[Candidate], weights: Weights) -> Tally:
    """Return the candidates with all shares that they have of themselves and of their file."""
    tally = _fuse(candidates, weights)
    naming.add_shares(tally, terms, weights)
    _imported(tally, weights)
    _file_support(tally, weights)
    return tally


def _fuse(candidates: Sequence[Candidate], weights: Weights) -> Tally:
    """Weighted sum of cosine similarity and BM25 over the best BM25 (see ARCHITECTURE, Ranking)."""
    tally = Tally(candidates)
    bm25 = column(one.bm25 for one in candidates)
    code = _most(bm25[~tally.is_history])
    every = max(code, _most(bm25))  # commits must not change how code is ranked
    best = np.where(tally.is_history, every or 1.0, code or 1.0)
    near = column(one.similarity or 0.0 for one in candidates)
    tally.add("lexical", weights.lexical * bm25 / best)
    tally.add("dense", weights.dense * np.maximum(near, 0.0))
    tally.add("history votes", weights.voted * column(one.votes for one in candidates))
    return tally


def _most(figures: Column) -> float:
    return float(figures.max()) if len(figures) else 0.0


def _imported(tally: Tally, weights: Weights) -> None:
    """Raise what many files import; the logarithm, over that of the most imported candidate."""
    counts = [one.importers for one in tally.candidates]
    most = math.log1p(max(counts, default=0)) or 1.0
    share = column(math.log1p(count) / most if count else 0.0 for count in counts)
    tally.add("imported", weights.imported * share)


def _file_support(tally: Tally, weights: Weights) -> None:
    """Raise the documents of a file of which several answer."""
    numbers: dict[str, int] = {}
    files = [numbers.setdefault(one.path, len(numbers)) for one in tally.documents]
    weighed = np.where(tally.is_history, 0.0, tally.scores)
    by_file: Column = np.bincount(files, weights=weighed).astype(np.float64)
    share = by_file[files] / (max(_most(by_file), 0.0) or 1.0)
    support = weights.file_support * np.sqrt(np.maximum(share, 0.0))
    tally.add("file", np.where(tally.is_history, 0.0, support))


def _changed_with(tally: Tally, companions: Companions, weights: Weights) -> None:
    """Raise what changes with the best files; the share is over that of the closest companion."""
    together: dict[str, float] = defaultdict(float)
    for shares in companions.values():
        for path, share in shares.items():
            together[path] += share
    if together:
        most = max(together.values()) or 1.0
        share_of = column(together.get(one.path, 0.0) for one in tally.documents)
        tally.add("changes with", weights.changed_with * share_of / most)


def _demote(tally: Tally, terms: Terms, weights: Weights) -> None:
    """Multiply by the factors of what is not asked for."""
    code = ~tally.is_history
    standing = np.array([_standing(one.path) for one in tally.documents], dtype=bool)
    test, aside, barrel = standing.reshape(-1, 3).T
    test = test | np.array([one.kind is NodeKind.TEST for one in tally.documents], dtype=bool)
    prose = np.array([_is_prose(one) for one in tally.documents], dtype=bool)
    declared = np.array([_is_declaration(one) for one in tally.documents], dtype=bool)
    for rule, applies, factor in (
        ("history", tally.is_history & (not terms.wants_history), weights.history),
        ("code", code & terms.wants_history, weights.code),
        ("test", code & test & (not terms.wants_tests), weights.test),
        ("aside", code & aside, weights.aside),
        ("barrel", code & barrel, weights.barrel),
        ("declaration", code & declared, weights.declaration),
        ("prose", code & prose & (not terms.wants_prose), weights.prose),
    ):
        if applies.any():
            tally.multiply(rule, np.where(applies, factor, 1.0))


def _is_prose(document: BriefDocument) -> bool:
    return document.language is None or document.language in _PROSE


def _is_declaration(document: BriefDocument) -> bool:
    """Whether a header only says that there is a function, which is defined elsewhere."""
    if document.kind is not NodeKind.SYMBOL or not document.path.endswith(_HEADERS):
        return False
    return document.text.rstrip().endswith(";") and "{" not in document.text


@lru_cache(maxsize=20_000)
def _standing(path: str) -> tuple[bool, bool, bool]:
    """Return whether a path is one of tests, of what stands aside, of a barrel."""
    *folders, name = path.split("/")
    return (
        not _TEST_FOLDERS.isdisjoint(folders) or bool(_TEST_FILE.fullmatch(name)),
        not _ASIDE_FOLDERS.isdisjoint(map(str.lower, folders)),
        name in _BARRELS,
    )


def _one_a_symbol(tally: Tally) -> list[int]:
    """Return the row of each symbol's or test's best piece, best first; of a file every piece."""
    best: dict[object, int] = {}
    for row in tally.order():
        document = tally.documents[row]
        whole = document.kind is NodeKind.FILE
        best.setdefault(("piece", document.id) if whole else document.key, row)
    return list(best.values())


def _diversify(tally: Tally, rows: Sequence[int], weights: Weights) -> list[int]:
    """Order by score, each further document of one file or pull request counting less."""
    seen: dict[str, int] = defaultdict(int)
    factors = np.ones(len(tally.documents))
    for row in rows:
        place = _place(tally.documents[row])
        factors[row] = weights.same_file ** seen[place]
        seen[place] += 1
    tally.multiply("same pull request", np.where(tally.is_history, factors, 1.0))
    tally.multiply("same file", np.where(tally.is_history, 1.0, factors))
    kept = set(rows)
    return [row for row in tally.order() if row in kept]


def _place(document: BriefDocument) -> str:
    """Return the file that one stands in; for a commit, the pull request that it was made of."""
    if document.kind is NodeKind.COMMIT and document.pull_request:
        return f"{NodeKind.PULL_REQUEST}:{document.pull_request}"
    return document.path or document.key
