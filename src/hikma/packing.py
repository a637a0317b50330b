"""Which lines of the hits are worth their tokens: the best set of snippets under a budget.

Pure functions. Every line of every candidate is a step with a value a token: the chance that its
document answers, by rank, times what the line adds. Steps are taken in the order of that value
until one does not fit; what is left over goes to documents that are open already. So the order of
the steps depends on the candidates alone, and a larger budget never loses a document or a file
that a smaller one had. The figures stand in `Worth`, the one table that is tuned.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hikma.documents import words
from hikma.domain import StoredDocument
from hikma.ranking import stem
from hikma.results import Hit, SearchResult

CONSIDERED = 100
"""Documents that a budget is divided among, best first."""
GAP = "…"
"""Stands for lines left out between two that are shown."""
_CHARACTERS_A_TOKEN = 3.4
_TOKEN = re.compile(
    r"[A-Z]{2,3}(?![a-z])|[A-Z]?[a-z]{1,7}|[A-Z]|\d|\n+| {2,}|[ \t]*\t[ \t]*|_+"
    r"|[!-/:-@\[-^`{-~]{1,2}|\S"
)


def tokens(text: str) -> int:
    """Estimate how many tokens a language model reads in a text, rather too many than too few.

    A token is a part of an identifier (seven letters at most, three in capitals), a digit, two
    signs, a line break, an indentation; a character outside ASCII is two, one outside the Basic
    Multilingual Plane three. Never more for a whole than for its lines. Measured against
    tokenizers in use: benchmarks/README.md.
    """
    return len(_TOKEN.findall(text)) + (0 if text.isascii() else sum(map(_beyond, text)))


def _beyond(character: str) -> int:
    return (character > "\x7f") + (character > "\uffff")


@dataclass(frozen=True, slots=True)
class Form:
    """What the parts of an answer cost in tokens, as it will be printed."""

    frame: Callable[[SearchResult], int]
    """A result without its hits."""
    head: Callable[[Hit], int]
    """A hit without its snippet."""
    line: Callable[[str], int]
    """A line of a snippet with its end."""


PLAIN = Form(
    frame=lambda _: 0,
    head=lambda hit: tokens(f"{hit.path}:{hit.start_line}-{hit.end_line} {hit.name}\n"),
    line=lambda line: tokens(f"{line}\n"),
)
"""Snippets, each under its place and name."""


@dataclass(frozen=True, slots=True)
class Worth:
    """The table of every figure in packing.

    `fall`: the chance that a document answers falls with its rank to this power. `same_file`: its
    share for each document before it in the same file. `opening`: the share of a document's worth
    that its first lines have, `most_opening` of them at most. `fade`: what a further line is worth
    beside the one before it.
    """

    fall: float = 1.2
    same_file: float = 0.4
    opening: float = 0.5
    most_opening: int = 3
    fade: float = 0.9


WORTH = Worth()


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is shown of the document at a position among the candidates, and what it costs."""

    position: int
    lines: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Snippets by position; `least` is the smallest room in which any would be shown."""

    snippets: tuple[Snippet, ...]
    least: int


@dataclass(frozen=True, slots=True)
class _Step:
    """Lines that are shown together, and their value a token."""

    density: float
    position: int
    lines: tuple[int, ...]


@dataclass(slots=True)
class _Open:
    """A document of which something is shown: its lines, which of them, what they cost."""

    texts: Sequence[str]
    head: int
    shown: set[int] = field(default_factory=set)
    cost: int = 0
    full: bool = False


def pack(
    documents: Sequence[StoredDocument],
    asked: Collection[str],
    head: Callable[[int], int],
    line: Callable[[str], int],
    room: int,
) -> Packed:
    """Return the best snippets whose cost is at most `room` tokens, in the order of the documents.

    `asked` are words of the query; `head` tells the cost of the document at a position without its
    lines, `line` that of a line. Steps are taken in order until one does not fit, then only lines
    of documents that are open.
    """
    opened: dict[int, _Open] = {}
    left, least, closed = room, 0, False
    for step in order(documents, asked, head):
        one = opened.get(step.position)
        if one is None:
            if closed:
                continue
            one = _Open(documents[step.position].text.split("\n"), head(step.position))
        if one.full:
            continue
        cost = one.head + _cost(one.texts, one.shown | set(step.lines), line)
        least = least or cost
        if cost - one.cost > left:
            closed = one.full = True
            continue
        left -= cost - one.cost
        one.shown |= set(step.lines)
        one.cost = cost
        opened[step.position] = one
    found = (
        Snippet(position, tuple(_shown(one.texts, one.shown)), one.cost)
        for position, one in sorted(opened.items())
    )
    return Packed(tuple(found), least)


def order(
    documents: Sequence[StoredDocument],
    asked: Collection[str],
    head: Callable[[int], int],
    worth: Worth = WORTH,
) -> list[_Step]:
    """Return all steps, the most valuable a token first; it does not depend on the budget."""
    chosen = list(_unrepeated(documents[:CONSIDERED]))
    stems = frozenset(map(stem, asked))
    overhead = head(chosen[0]) if chosen else 0
    before: Counter[str] = Counter()
    steps: list[_Step] = []
    for position in chosen:
        document = documents[position]
        place = document.node.path or document.node.id
        chance = (position + 1) ** -worth.fall * worth.same_file ** before[place]
        before[place] += 1
        steps += _steps_of(position, document, chance, stems, overhead, worth)
    return sorted(steps, key=lambda step: (-step.density, step.position))


def _steps_of(
    position: int,
    document: StoredDocument,
    chance: float,
    stems: Collection[str],
    overhead: int,
    worth: Worth,
) -> Iterator[_Step]:
    """Yield a document's steps: its opening, then line by line, none above the one before."""
    texts = document.text.split("\n")
    opening, rest = _reading_order(document, texts, stems, worth.most_opening)
    density = chance * worth.opening / (1 + overhead + _about(texts, opening))
    yield _Step(density, position, opening)
    value = chance * (1 - worth.opening) * (1 - worth.fade)
    for one in rest:
        density = min(density, value / _about(texts, (one,)))
        yield _Step(density, position, (one,))
        value *= worth.fade


def _about(texts: Sequence[str], lines: Iterable[int]) -> float:
    return sum(1 + len(texts[one]) / _CHARACTERS_A_TOKEN for one in lines)


def _cost(texts: Sequence[str], shown: Collection[int], line: Callable[[str], int]) -> int:
    return sum(line(text) for text in _shown(texts, shown))


def _shown(texts: Sequence[str], shown: Collection[int]) -> Iterator[str]:
    """Yield the lines shown, a mark where others were left out between them; no blank ones."""
    previous = None
    for one in sorted(shown):
        left_out = texts[one if previous is None else previous + 1 : one]
        if any(text.strip() for text in left_out):
            yield GAP
        yield texts[one]
        previous = one


def _reading_order(
    document: StoredDocument, texts: Sequence[str], stems: Collection[str], most: int
) -> tuple[tuple[int, ...], list[int]]:
    """Return the lines that open a document, and its others as they are best read on.

    A definition opens with its signature, and with the line that has the query's words where the
    signature has none; then come what it does and what stands above it. Other text opens with the
    line that has most of the query's words, and grows around it.
    """
    said = [one for one, text in enumerate(texts) if text.strip() and text.strip() != GAP]
    if not said:
        return (), []
    opening = _signature(document, texts, said)[:most]
    best = max(said, key=lambda one: (_matches(texts[one], stems), -one))
    if opening:
        named = " ".join((document.node.qualified_name, *(texts[one] for one in opening)))
        telling = (best,) if _matches(named, stems) == 0 < _matches(texts[best], stems) else ()
        after = [one for one in said if one > opening[-1] and one not in telling]
        above = [one for one in said if one < opening[0] and one not in telling]
        return tuple(sorted({*opening, *telling})), after + above
    rest = sorted(said, key=lambda one: (abs(one - best), one))
    return tuple(sorted(rest[:most])), rest[most:]


def _signature(
    document: StoredDocument, texts: Sequence[str], said: Sequence[int]
) -> tuple[int, ...]:
    """Return the lines on which a document's signature stands; none where it has none."""
    wanted = "".join(document.node.signature.split())
    if not wanted:
        return ()
    for index in range(len(said)):
        found = _run_of(wanted, texts, said[index:])
        if found:
            return found
    return ()


def _run_of(wanted: str, texts: Sequence[str], lines: Sequence[int]) -> tuple[int, ...]:
    """Return the first of these lines, as many as together say what is wanted; blanks apart."""
    together = ""
    for count, one in enumerate(lines, 1):
        together += "".join(texts[one].split())
        if together.startswith(wanted):
            return tuple(lines[:count])
        if not wanted.startswith(together):
            return tuple(lines[: count - 1])
    return tuple(lines)


def _matches(text: str, stems: Collection[str]) -> int:
    return len({stem(word) for word in words(text)}.intersection(stems))


def _unrepeated(documents: Sequence[StoredDocument]) -> Iterator[int]:
    """Yield positions of documents, without those that show what another one shows.

    A commit and the pull request made of it have one text. A symbol all of whose lines belong to
    symbols inside it is written out as its first line, which then stands in one of those, too.
    """
    texts: set[str] = set()
    spans = _by_path(documents)
    for position, document in enumerate(documents):
        path = document.node.path
        if not path and document.text in texts:
            continue
        texts.add(document.text)
        if "\n" not in document.text and _stands_elsewhere(position, document, spans.get(path, ())):
            continue
        yield position


def _by_path(
    documents: Sequence[StoredDocument],
) -> Mapping[str, Sequence[tuple[int, StoredDocument]]]:
    found: dict[str, list[tuple[int, StoredDocument]]] = {}
    for position, document in enumerate(documents):
        found.setdefault(document.node.path, []).append((position, document))
    return found


def _stands_elsewhere(
    position: int, document: StoredDocument, others: Sequence[tuple[int, StoredDocument]]
) -> bool:
    line = document.span.start_line
    return any(
        other.span.start_line <= line <= other.span.end_line
        and document.text in other.text.split("\n")
        and ("\n" in other.text or place < position)
        for place, other in others
        if place != position
    )
