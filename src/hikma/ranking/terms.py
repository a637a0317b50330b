"""A query taken apart: its content words, the names of code in it, and what it asks for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from hikma.domain import NodeKind

_STOP = """
a about all an and any are as at be been before being both but by can could did do does each else
for from get gets getting had has have how i if in into is it its itself may might more most must
my no nor not of off on once only or other our out over own same shall should so some such than
that the their them then there these they this those through to too up us use used uses using very
was we were what when where which while who whom whose why will with would you your
"""
STOP_WORDS = frozenset(_STOP.split())
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|#|->)[A-Za-z_$][\w$]*)*")
_SEPARATOR = re.compile(r"\.|::|#|->")
_ARROW = re.compile(r"[-=]>")
_SPACE = re.compile(r"\s")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_COMPOUND = re.compile(r"(?<!\w)[^\W_]+(?:-[^\W_]+)+(?!\w)")
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
class Terms:
    """A query taken apart: content words, names of code, and what it asks for.

    `identifiers` are words that can only be meant as names: `open_space`, `getUser`, `Engine`
    inside a sentence, or a query that is one word; plain words of a sentence are none. They are in
    lower case, and in `spelled` as they were typed. `keys` are patterns of ids given outright:
    `#12` for a pull request, seven or more hex digits for a commit. `joined` are neighbouring
    content words written as one, as names of files often are: `thread pool` is `threadpool`; and
    compounds with a word that says nothing alone, whole and as one: `v-if` and `vif`.
    """

    words: tuple[str, ...]
    stems: tuple[str, ...]
    joined: frozenset[str]
    identifiers: frozenset[str]
    spelled: frozenset[str]
    qualified: frozenset[str]
    keys: frozenset[str]
    symbol_like: bool
    wants_tests: bool
    wants_prose: bool
    wants_history: bool


def parse(text: str) -> Terms:
    """Take a query apart; stop words are dropped unless there is nothing else."""
    asked = frozenset(name_words(text))
    text = bare(_without_keyword(text.strip())) if text.strip() else text
    names = _IDENTIFIER.findall(text)
    split = [word for run in re.findall(r"\w+", text) for word in name_words(run)]
    content = [word for word in split if word not in STOP_WORDS] or split
    alone = not _SPACE.search(text)
    spelled = frozenset(_telling(text, names, alone=alone))
    identifiers = frozenset(name.lower() for name in spelled)
    dotted = {_SEPARATOR.sub(".", name).lower() for name in names if _SEPARATOR.search(name)}
    return Terms(
        words=tuple(dict.fromkeys(content)),
        stems=tuple(dict.fromkeys(stem(word) for word in content)),
        joined=frozenset((*_joined(split), *_compounds(text))),
        identifiers=identifiers,
        spelled=spelled,
        qualified=frozenset(dotted or (identifiers if alone else ())),
        keys=frozenset(_keys(text)),
        symbol_like=alone,
        wants_tests=bool(asked & _TEST_WORDS),
        wants_prose=bool(asked & _PROSE_WORDS),
        wants_history=bool(_HISTORY_WORDS.search(text)),
    )


def _joined(split: Sequence[str]) -> Iterator[str]:
    """Yield each two content words that stand side by side, as one word."""
    for first, second in pairwise(split):
        if first not in STOP_WORDS and second not in STOP_WORDS:
            yield first + second


def _compounds(text: str) -> Iterator[str]:
    for compound in _COMPOUND.findall(text.lower()):
        parts = compound.split("-")
        if not STOP_WORDS.isdisjoint(parts):
            yield from (compound, "".join(parts))


def _keys(text: str) -> Iterator[str]:
    yield from (f"{NodeKind.PULL_REQUEST}:{number}" for number in _NUMBER.findall(text))
    yield from (f"{NodeKind.COMMIT}:{digits.lower()}*" for digits in _HASH.findall(text))


def _without_keyword(text: str) -> str:
    """Read `func Querier` and `class Engine` as the name alone."""
    keyword, *names = text.split()
    alone = len(names) == 1 and keyword.lower() in _KEYWORDS
    return names[0] if alone and _IDENTIFIER.fullmatch(names[0]) else text


def bare(text: str) -> str:
    """Read a name with its arguments as the name alone: `open(path, mode)`, `Path<(String, u32)>`.

    A text in which anything follows the arguments, or stands before the name, is left as it is.
    """
    name = _IDENTIFIER.match(text)
    if not name:
        return text
    rest = _ARROW.sub("", text[name.end() :].rstrip("; ")).removeprefix("::")
    return name[0] if rest and _is_enclosed(rest) else text


def _is_enclosed(text: str) -> bool:
    """Whether a text is nothing but brackets and what they hold, or an opening one alone."""
    depth = 0
    for character in text:
        if depth == 0 and character not in "([<":
            return False
        depth += (character in "([<") - (character in ")]>")
    return depth == 0 or len(text) == 1


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
