"""The order of candidates: fusion, then the rules, then one hit a symbol and diversity by file."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from hikma.domain import Node, NodeKind
from hikma.ranking import naming
from hikma.ranking.scored import Candidate, Scored
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
    scored = _supported(terms, candidates, weights)
    _changed_with(scored, companions or {}, weights)
    for one in scored:
        _demote(one, terms, weights)
    return _diversify(_one_a_symbol(scored), weights)[:limit]


def best_files(candidates: Sequence[Candidate], weights: Weights) -> list[str]:
    """Return the files that the retrievers put first, whose companions are worth asking for."""
    fused = [one for one in _fuse(candidates, weights) if not one.candidate.is_history]
    ordered = [one.candidate.document.node.path for one in sorted(fused, key=_order)]
    return list(dict.fromkeys(ordered))[:_BEST_FILES]


def _supported(terms: Terms, candidates: Sequence[Candidate], weights: Weights) -> list[Scored]:
    """Return the candidates with all shares that they have of themselves and of their file."""
    scored = _fuse(candidates, weights)
    for one in scored:
        naming.add_shares(one, terms, weights)
    _imported(scored, weights)
    _file_support(scored, weights)
    return scored


def _fuse(candidates: Iterable[Candidate], weights: Weights) -> list[Scored]:
    """Weighted sum of cosine similarity and BM25 over the best BM25 (see ARCHITECTURE, Ranking)."""
    scored = [Scored(candidate) for candidate in candidates]
    code = _best(one for one in scored if not one.candidate.is_history)
    every = max(code, _best(scored))  # commits must not change how code is ranked
    for one in scored:
        candidate = one.candidate
        best = (every if candidate.is_history else code) or 1.0
        one.add("lexical", weights.lexical * candidate.bm25 / best, candidate.ranks.get("lexical"))
        near = max(candidate.similarity or 0.0, 0.0)
        one.add("dense", weights.dense * near, candidate.ranks.get("dense"))
        one.add("history votes", weights.voted * candidate.votes)
    return scored


def _best(scored: Iterable[Scored]) -> float:
    return max((one.candidate.bm25 for one in scored), default=0.0)


def _imported(scored: Iterable[Scored], weights: Weights) -> None:
    """Raise what many files import; the logarithm, over that of the most imported candidate."""
    most = max((one.candidate.importers for one in scored), default=0)
    for one in scored:
        if one.candidate.importers:
            share = math.log1p(one.candidate.importers) / math.log1p(most)
            one.add("imported", weights.imported * share)


def _file_support(scored: Sequence[Scored], weights: Weights) -> None:
    """Raise the documents of a file of which several answer."""
    in_files = [one for one in scored if not one.candidate.is_history]
    by_file: dict[str, float] = defaultdict(float)
    for one in in_files:
        by_file[one.candidate.document.node.path] += one.score
    top = max(by_file.values(), default=0.0) or 1.0
    for one in in_files:
        share = by_file[one.candidate.document.node.path] / top
        one.add("file", weights.file_support * math.sqrt(share))


def _changed_with(scored: Iterable[Scored], companions: Companions, weights: Weights) -> None:
    """Raise what changes with the best files; the share is over that of the closest companion."""
    together: dict[str, float] = defaultdict(float)
    for shares in companions.values():
        for path, share in shares.items():
            together[path] += share
    most = max(together.values(), default=0.0) or 1.0
    for one in scored:
        share = together.get(one.candidate.document.node.path, 0.0)
        one.add("changes with", weights.changed_with * share / most)


def _demote(one: Scored, terms: Terms, weights: Weights) -> None:
    node = one.candidate.document.node
    if one.candidate.is_history:
        if not terms.wants_history:
            one.multiply("history", weights.history)
        return
    if terms.wants_history:
        one.multiply("code", weights.code)
    test, aside, barrel = _standing(node.path)
    if (test or node.kind is NodeKind.TEST) and not terms.wants_tests:
        one.multiply("test", weights.test)
    if aside:
        one.multiply("aside", weights.aside)
    if barrel:
        one.multiply("barrel", weights.barrel)
    if (node.language in _PROSE or node.language is None) and not terms.wants_prose:
        one.multiply("prose", weights.prose)


@lru_cache(maxsize=20_000)
def _standing(path: str) -> tuple[bool, bool, bool]:
    """Return whether a path is one of tests, of what stands aside, of a barrel."""
    *folders, name = path.split("/")
    return (
        not _TEST_FOLDERS.isdisjoint(folders) or bool(_TEST_FILE.fullmatch(name)),
        not _ASIDE_FOLDERS.isdisjoint(map(str.lower, folders)),
        name in _BARRELS,
    )


def _one_a_symbol(scored: Iterable[Scored]) -> list[Scored]:
    """Keep the best piece of each symbol or test; pieces of a file stand for themselves."""
    best: dict[object, Scored] = {}
    for one in sorted(scored, key=_order):
        document = one.candidate.document
        whole = document.node.kind is NodeKind.FILE
        best.setdefault(document.id if whole else document.node.id, one)
    return list(best.values())


def _diversify(scored: Iterable[Scored], weights: Weights) -> list[Scored]:
    """Order by score, each further document of one file or pull request counting less."""
    seen: dict[str, int] = defaultdict(int)
    for one in sorted(scored, key=_order):
        place = _place(one.candidate.document.node)
        rule = "same pull request" if one.candidate.is_history else "same file"
        one.multiply(rule, weights.same_file ** seen[place])
        seen[place] += 1
    ordered = sorted(scored, key=_order)
    for one in ordered:
        for pin in one.candidate.pins:
            one.add(pin.rule, pin.share)
    return ordered


def _place(node: Node) -> str:
    """Return the file that a node stands in; for a commit, the pull request that it was made of."""
    if node.kind is NodeKind.COMMIT and (number := node.properties.get("pull_request")):
        return f"{NodeKind.PULL_REQUEST}:{number}"
    return node.path or node.id


def _order(one: Scored) -> tuple[float, int]:
    pins = one.candidate.pins
    pinned = sum(pin.share for pin in pins) if pins else 0.0
    return (-one.score - pinned, one.candidate.document.id)
