"""From candidates to an order: fusion of the retrievers, code-aware rules, diversity by file.

Pure functions over what the catalog and the vectors returned. Every figure that a rule uses stands
in `Weights`, the one table that is tuned.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from hikma.domain import HISTORY_KINDS, Node, NodeKind, StoredDocument
from hikma.results import Share

_STOP = """
a about all an and any are as at be been before being both but by can could did do does each else
for from get gets getting had has have how i if in into is it its itself may might more most must
my no nor not of off on once only or other our out over own same shall should so some such than
that the their them then there these they this those through to too up us use used uses using very
was we were what when where which while who whom whose why will with would you your
"""
STOP_WORDS = frozenset(_STOP.split())
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|#|->)[A-Za-z_$][\w$]*)*")
_DEFINED = re.compile(
    r"\b(?:class|interface|trait|struct|enum|record|object|module|namespace|protocol|extension|def|"
    r"defp|defmodule|defmacro|fn|func|fun|function|sub|proc|type|newtype|data|const|let|var|val|"
    r"define)\s+([A-Za-z_]\w*)"
)
"""A definition among a file's own lines, in the words that many languages share."""
_SEPARATOR = re.compile(r"\.|::|#|->")
_SPACE = re.compile(r"\s")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_TEST_PATH = re.compile(
    r"(^|/)(tests?|__tests__|specs?|testing|testdata|fixtures?|e2e|mocks?|__mocks__)/"
    r"|(^|/)(test_[^/]*|[^/]*([._-]test|_tests?|[._-]spec|Tests?|Spec)\.[^/.]+|conftest\.py)$"
)
_ASIDE_PATH = re.compile(
    r"(^|/)(examples?|samples?|demos?|bench(marks?)?|docs?|documentation|legacy|deprecated|compat|"
    r"scripts?|tools?|contrib|vendor|third_party|playground|www|website|\.github)/",
    re.IGNORECASE,
)
_PROSE = frozenset({"markdown", "rst", "text", "html", "json", "yaml", "toml", "xml", "css", "po"})
_KEYWORDS = frozenset(
    {"class", "interface", "struct", "enum", "type", "def", "func", "function", "fn", "method"}
)
_TEST_WORDS = frozenset({"test", "tests", "tested", "testing", "spec", "specs", "fixture"})
_PROSE_WORDS = frozenset(
    {"readme", "docs", "documentation", "document", "changelog", "guide", "tutorial", "config"}
)
_NUMBER = re.compile(r"(?<!\S)#(\d{1,9})\b")
_HASH = re.compile(r"(?<![\w-])(?=[a-fA-F]*\d)[0-9a-fA-F]{7,40}(?![\w-])")
_HISTORY_WORDS = re.compile(
    r"^(?:why|who|when (?:did|was|were|has|have))\b|\b(?:which|what|the) (?:commits?|change|PR)\b"
    r"|\bpull requests?\b|\bPRs?\b|(?:^|\s)#\d+\b|\b(?:introduced|reverted)\b"
    r"|\bwas (?:added|removed|changed|fixed|renamed)\b",
    re.IGNORECASE,
)
"""A question about what happened; `commit` alone is as often a word of the code."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The table of every figure in ranking; shares are on the scale of a cosine similarity."""

    lexical: float = 0.3
    dense: float = 0.1
    exact_name: float = 0.12
    qualified_name: float = 0.3
    other_case: float = 0.5
    mention: float = 0.3
    name_overlap: float = 0.25
    stem_overlap: float = 0.27
    path_overlap: float = 0.1
    file_support: float = 0.2
    test: float = 0.5
    aside: float = 0.75
    prose: float = 0.4
    same_file: float = 0.5
    history: float = 0.5
    code: float = 0.35
    id: float = 1.0
    phrase: float = 2.0
    place: float = 2.0
    message: float = 1.0
    called: float = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """A query taken apart: content words, names of code, and what it asks for.

    `identifiers` are words that can only be meant as names: `open_space`, `getUser`, `Engine`
    inside a sentence, or a query that is one word; plain words of a sentence are none. They are in
    lower case, and in `spelled` as they were typed. `keys` are patterns of ids given outright:
    `#12` for a pull request, seven or more hex digits for a commit.
    """

    words: tuple[str, ...]
    identifiers: frozenset[str]
    spelled: frozenset[str]
    qualified: frozenset[str]
    keys: frozenset[str]
    symbol_like: bool
    wants_tests: bool
    wants_prose: bool
    wants_history: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that a retriever found; `ranks` tells by which and where, 1-based.

    `pins` are for what the query quotes and the document has: no rule lessens them.
    """

    document: StoredDocument
    bm25: float
    similarity: float | None
    ranks: Mapping[str, int]
    pins: tuple[Share, ...] = ()


@dataclass(slots=True)
class Scored:
    """A candidate with its score and what made it."""

    candidate: Candidate
    score: float = 0.0
    shares: list[Share] = field(default_factory=list)

    def add(self, rule: str, share: float, rank: int | None = None) -> None:
        """Add a rule's share; a share of nothing leaves no trace."""
        if share:
            self.score += share
            self.shares.append(Share(rule, round(share, 4), rank))


def parse(text: str) -> Terms:
    """Take a query apart; stop words are dropped unless there is nothing else."""
    asked = frozenset(name_words(text))
    text = _without_keyword(text.strip()) if text.strip() else text
    names = _IDENTIFIER.findall(text)
    split = [word for run in re.findall(r"\w+", text) for word in name_words(run)]
    content = [word for word in split if word not in STOP_WORDS] or split
    alone = not _SPACE.search(text)
    spelled = frozenset(_telling(text, names, alone=alone))
    identifiers = frozenset(name.lower() for name in spelled)
    dotted = {_SEPARATOR.sub(".", name).lower() for name in names if _SEPARATOR.search(name)}
    return Terms(
        words=tuple(dict.fromkeys(content)),
        identifiers=identifiers,
        spelled=spelled,
        qualified=frozenset(dotted or (identifiers if alone else ())),
        keys=frozenset(_keys(text)),
        symbol_like=alone,
        wants_tests=bool(asked & _TEST_WORDS),
        wants_prose=bool(asked & _PROSE_WORDS),
        wants_history=bool(_HISTORY_WORDS.search(text)),
    )


def _keys(text: str) -> Iterator[str]:
    yield from (f"{NodeKind.PULL_REQUEST}:{number}" for number in _NUMBER.findall(text))
    yield from (f"{NodeKind.COMMIT}:{digits.lower()}*" for digits in _HASH.findall(text))


def _without_keyword(text: str) -> str:
    """Read `func Querier` and `class Engine` as the name alone."""
    keyword, *names = text.split()
    alone = len(names) == 1 and keyword.lower() in _KEYWORDS
    return names[0] if alone and _IDENTIFIER.fullmatch(names[0]) else text


def _telling(text: str, names: Iterable[str], *, alone: bool) -> Iterator[str]:
    for name in names:
        for part in _SEPARATOR.split(name):
            compound = len(name_words(part)) > 1
            capital = part[:1].isupper() and not text.startswith(part)
            if alone or compound or capital or f"`{part}`" in text:
                yield part


@lru_cache(maxsize=50_000)
def name_words(name: str) -> tuple[str, ...]:
    """Return the parts of an identifier in lower case: `getUserName` gives get, user, name."""
    return tuple(part.lower() for part in _PART.findall(name))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Cut the endings by which English forms of one word differ; longer stems than Porter's."""
    for ending in ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ors", "or"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:  # noqa: PLR2004 -- a stem of four
            return word[: -len(ending)].rstrip("e")
    for ending in ("ies", "ied", "es", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:  # noqa: PLR2004 -- a stem of three
            return word[: -len(ending)]
    return word


def rank(
    terms: Terms, candidates: Sequence[Candidate], weights: Weights, limit: int
) -> list[Scored]:
    """Return the best `limit` candidates, best first, ties by document id."""
    scored = _fuse(candidates, weights)
    for one in scored:
        _name_rules(one, terms, weights)
        _path_rules(one, terms, weights)
    _file_support(scored, weights)
    for one in scored:
        _demote(one, terms, weights)
    return _diversify(_one_a_symbol(scored), weights)[:limit]


def _fuse(candidates: Iterable[Candidate], weights: Weights) -> list[Scored]:
    """Weighted sum of cosine similarity and BM25 over the best BM25 (see ARCHITECTURE, Ranking)."""
    scored = [Scored(candidate) for candidate in candidates]
    code = _best(one for one in scored if not _is_history(one))
    every = max(code, _best(scored))  # commits must not change how code is ranked
    for one in scored:
        candidate = one.candidate
        best = (every if _is_history(one) else code) or 1.0
        one.add("lexical", weights.lexical * candidate.bm25 / best, candidate.ranks.get("lexical"))
        near = max(candidate.similarity or 0.0, 0.0)
        one.add("dense", weights.dense * near, candidate.ranks.get("dense"))
    return scored


def _best(scored: Iterable[Scored]) -> float:
    return max((one.candidate.bm25 for one in scored), default=0.0)


def _is_history(one: Scored) -> bool:
    return one.candidate.document.node.kind in HISTORY_KINDS


def _name_rules(one: Scored, terms: Terms, weights: Weights) -> None:
    node = one.candidate.document.node
    if any(fnmatchcase(node.id, key) for key in terms.keys):
        one.add("id", weights.id)
    if terms.symbol_like and _whole(terms.spelled).search(one.candidate.document.text):
        one.add("mention", weights.mention)
    strength = 2.0 if terms.symbol_like else 1.0
    if node.kind is NodeKind.FILE:
        defined = {name.lower() for name in _DEFINED.findall(one.candidate.document.text)}
        if defined & terms.identifiers:
            one.add("exact name", weights.exact_name * strength)
        return
    strength *= 1.0 if node.name in terms.spelled else weights.other_case
    if node.name.lower() in terms.identifiers:
        one.add("exact name", weights.exact_name * strength)
    if any(_ends_qualified(node.qualified_name.lower(), name) for name in terms.qualified):
        one.add("qualified name", weights.qualified_name * strength)
    plain = _overlap(name_words(node.name), terms)
    whole = _overlap(name_words(node.qualified_name), terms)
    one.add("name", weights.name_overlap * max(plain, whole))


@lru_cache(maxsize=100)
def _whole(names: frozenset[str]) -> re.Pattern[str]:
    """Match any of these names as a word of its own; with none, nothing."""
    listed = "|".join(re.escape(name) for name in sorted(names))
    return re.compile(rf"(?<![\w$])(?:{listed})(?![\w$])" if names else r"(?!)")


def _ends_qualified(qualified: str, name: str) -> bool:
    """Whether a dotted name ends a qualified one, or a plain name is the whole of it."""
    return qualified == name or ("." in name and qualified.endswith(f".{name}"))


def _path_rules(one: Scored, terms: Terms, weights: Weights) -> None:
    *folders, name = one.candidate.document.node.path.split("/")
    file_words = name_words(name.split(".", 1)[0])
    if file_words in (("index",), ("init",), ("mod",), ("main",)) and folders:
        file_words = name_words(folders[-1])
    one.add("file name", weights.stem_overlap * _overlap(file_words, terms))
    folder_words = [word for folder in folders[-3:] for word in name_words(folder)]
    one.add("folder", weights.path_overlap * _overlap(folder_words, terms))


def _overlap(own: Sequence[str], terms: Terms) -> float:
    """Share of a name's words that the query has, weighted by how much of the query they are.

    The harmonic mean of the two coverages, so that neither a long name nor a long query wins alone;
    the query's side is capped at three words, for a name rarely has more.
    """
    mine = {stem(word) for word in own if word not in STOP_WORDS}
    asked = {stem(word) for word in terms.words}
    shared = len(mine & asked)
    if not shared:
        return 0.0
    precision, recall = shared / len(mine), shared / min(len(asked), 3)
    return min(1.0, 2 * precision * recall / (precision + recall))


def _file_support(scored: Sequence[Scored], weights: Weights) -> None:
    """Raise the documents of a file of which several answer."""
    in_files = [one for one in scored if not _is_history(one)]
    by_file: dict[str, float] = defaultdict(float)
    for one in in_files:
        by_file[one.candidate.document.node.path] += one.score
    top = max(by_file.values(), default=0.0) or 1.0
    for one in in_files:
        share = by_file[one.candidate.document.node.path] / top
        one.add("file", weights.file_support * math.sqrt(share))


def _demote(one: Scored, terms: Terms, weights: Weights) -> None:
    node = one.candidate.document.node
    if _is_history(one):
        if not terms.wants_history:
            one.add("history", (weights.history - 1) * one.score)
        return
    if terms.wants_history:
        one.add("code", (weights.code - 1) * one.score)
    test = node.kind is NodeKind.TEST or _TEST_PATH.search(node.path)
    if test and not terms.wants_tests:
        one.add("test", (weights.test - 1) * one.score)
    if _ASIDE_PATH.search(node.path):
        one.add("aside", (weights.aside - 1) * one.score)
    if (node.language in _PROSE or node.language is None) and not terms.wants_prose:
        one.add("prose", (weights.prose - 1) * one.score)


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
        rule = "same pull request" if _is_history(one) else "same file"
        one.add(rule, (weights.same_file ** seen[place] - 1) * one.score)
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
    pinned = sum(pin.share for pin in one.candidate.pins)
    return (-one.score - pinned, one.candidate.document.id)
