"""The job of answering a regular expression: candidates by their words, then their lines.

Exact: the hits are those of a scan of every line. An expression that says no word of three letters
is such a scan, for as long as it may take. Lines are matched in a process of their own, for no
thread can end an expression that backtracks for ever.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import apsw
import numpy as np

from hikma import patterns
from hikma.arrays import DocumentIds, united
from hikma.catalog import fulltext, graph, vocabulary
from hikma.catalog.fulltext import DocumentLines
from hikma.cutting import line_numbers
from hikma.documents import UNCUT, words
from hikma.errors import QueryError, TaskFailedError
from hikma.patterns import Either, Every, Literal, Need, Texts
from hikma.sources.workers import until_failure

SCAN_S = 10.0
"""Seconds after which no more documents are read."""
TIMEOUT_S = 2.0
"""For the lines of one batch, which take milliseconds unless the expression backtracks."""
_MEMORY_BYTES = 1024**3
_BATCH = 64
_FEW = 300
"""Documents that are read sooner than narrowed down further."""
_LEAST = 3
_RUN = re.compile("[A-Za-z0-9_]+")
_DEFINED_WITHIN = 3
"""Lines from a symbol's first to the one with its name: decorators, a type on its own line."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A document with the lines (1-based, of its file or message) that matched, and their text."""

    document: int
    path: str
    numbers: tuple[int, ...]
    lines: tuple[str, ...]
    defines: bool


@dataclass(slots=True)
class Scan:
    """What matched, best first, and what was not searched."""

    matched: list[Matched] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)


def scan(
    connection: apsw.Connection,
    pattern: str,
    within: DocumentIds | None,
    *,
    history: bool,
    indexed: bool,
) -> Scan:
    """Find the documents with a line in which an expression matches; definitions first, by path.

    Commits and pull requests are searched only with `history`. Without `indexed` the words of the
    texts are not known, and every document is read. Raises QueryError for an expression that takes
    too long before anything is found.
    """
    done = Scan()
    chosen = narrowed(connection, pattern, history=history) if indexed else None
    if chosen is None:
        chosen = fulltext.every_id(connection)
    if within is not None:
        chosen = np.intersect1d(chosen, within, assume_unique=True)
    found = list(_matches(connection, pattern, chosen, done, history=history))
    defined = _definitions(connection, [document.owner for document, _ in found])
    matched = (_matched(document, lines, defined) for document, lines in found)
    done.matched = [one for one in matched if one.numbers]
    done.matched.sort(key=lambda one: (not one.defines, one.path, one.numbers, one.document))
    return done


def narrowed(connection: apsw.Connection, pattern: str, *, history: bool) -> DocumentIds | None:
    """Return the documents that can match; None where the expression does not tell."""
    narrowed = candidates(connection, patterns.needs(pattern), history=history)
    if narrowed is None:
        return None
    # A word too long to be kept is in none of the lists.
    return united(narrowed, vocabulary.documents_with(connection, [UNCUT], history=history))


def candidates(connection: apsw.Connection, need: Need, *, history: bool) -> DocumentIds | None:
    """Return the documents whose words can fulfil a need; None where any could."""
    if isinstance(need, Literal):
        return _with_literal(connection, need, history=history)
    if isinstance(need, Either):
        each = [candidates(connection, one, history=history) for one in need.needs]
        known = [one for one in each if one is not None]
        return united(*known) if known and len(known) == len(each) else None
    found: DocumentIds | None = None
    for one in sorted(need.needs, key=_length, reverse=True):
        if found is not None and len(found) <= _FEW:
            break
        found = _both(found, candidates(connection, one, history=history))
    return found


def _length(need: Need) -> int:
    """Return how long a text a need is sure to be."""
    if isinstance(need, Literal):
        return len(need.text)
    lengths = [_length(one) for one in need.needs] or [0]
    return max(lengths) if isinstance(need, Every) else min(lengths)


def _both(one: DocumentIds | None, other: DocumentIds | None) -> DocumentIds | None:
    if one is None or other is None:
        return other if one is None else one
    return np.intersect1d(one, other, assume_unique=True)


def _with_literal(
    connection: apsw.Connection, literal: Literal, *, history: bool
) -> DocumentIds | None:
    """Return the documents with the whole words of a text and words that hold its torn ones."""
    whole, torn = _words_of(literal)
    found: DocumentIds | None = None
    for phrase in whole:
        held = vocabulary.documents_with(connection, [phrase], history=history)
        found = _both(found, held)
    for part in sorted(torn, key=len, reverse=True):
        if found is not None and len(found) <= _FEW:
            break
        spelled = vocabulary.holding(connection, part, folded=literal.folded)
        held = vocabulary.documents_with(connection, spelled, history=history)
        found = _both(found, held)
    return found


def _words_of(literal: Literal) -> tuple[list[str], list[str]]:
    """Return of a text the phrases of its whole words, and what is torn at either end.

    A word is whole between two characters that are in none. Case-blind, a word's parts are not
    known, so that each counts as torn; of these, what is too short says nothing.
    """
    text = literal.text
    whole: list[str] = []
    torn: list[str] = []
    for run in _RUN.finditer(text):
        before, after = text[: run.start()][-1:], text[run.end() :][:1]
        closed = before and after and not _is_word(before) and not _is_word(after)
        if closed and not literal.folded:
            whole.append(" ".join(words(run[0])))
        elif len(part := run[0].strip("_").lower()) >= _LEAST:
            torn.append(part)
    return ([" ".join(whole)] if text.isascii() and whole else whole), torn


def _is_word(character: str) -> bool:
    return re.match(r"\w", character) is not None


def _matches(
    connection: apsw.Connection, pattern: str, chosen: DocumentIds, done: Scan, *, history: bool
) -> Iterator[tuple[DocumentLines, list[int]]]:
    """Yield the documents that match with the lines of their texts that do, in the order of ids."""
    batches: list[list[DocumentLines]] = []
    deadline = time.monotonic() + SCAN_S

    def asked() -> Iterator[Texts]:
        for at in range(0, len(chosen), _BATCH):
            if time.monotonic() > deadline:
                done.degraded.append(_unread(at, len(chosen)))
                return
            batch = fulltext.lines_of(connection, chosen[at : at + _BATCH], history=history)
            batches.append(batch)
            yield Texts(pattern, [one.text for one in batch])

    any_yet = False
    try:
        for answer in _answers(asked(), bool(len(chosen))):
            for document, lines in zip(batches.pop(), answer, strict=True):
                if lines:
                    any_yet = True
                    yield document, lines
    except TaskFailedError as error:
        fact = f"the expression was stopped ({error}) in one of {len(chosen):,} documents"
        remedy = "a repeat inside a repeat, as in (a+)+, is what takes so long"
        if not any_yet:
            raise QueryError(f"{fact.capitalize()}; {remedy}.") from error
        done.degraded.append(f"regex: {fact}, the ones after it are not searched; {remedy}")


def _answers(asked: Iterator[Texts], needed: bool) -> Iterator[list[list[int]]]:  # noqa: FBT001 -- private
    """Yield what the worker says; with nothing to ask none is started."""
    if needed:
        yield from until_failure(
            patterns.matching_lines, asked, timeout_s=TIMEOUT_S, memory_bytes=_MEMORY_BYTES
        )


def _unread(read: int, total: int) -> str:
    return (
        f"regex: the first {read:,} of {total:,} documents were searched in {SCAN_S:g} s; a word "
        "of three letters in the expression, or a filter, makes it faster"
    )


def _definitions(
    connection: apsw.Connection, owners: Sequence[int]
) -> dict[int, dict[int, list[str]]]:
    """Return by file and line the names of what is defined there or in the lines before."""
    defined: dict[int, dict[int, list[str]]] = {}
    for file, line, name in graph.symbol_lines(connection, sorted(set(owners))):
        near = defined.setdefault(file, {})
        for number in range(line, line + _DEFINED_WITHIN + 1):
            near.setdefault(number, []).append(name)
    return defined


def _matched(
    document: DocumentLines, found: Sequence[int], defined: dict[int, dict[int, list[str]]]
) -> Matched:
    lines = document.text.split("\n")
    numbers = line_numbers(document.text, document.start_line, document.runs or b"")
    near = defined.get(document.owner, {})
    found = [at for at in found if numbers[at]]  # an ellipsis is no line of the file
    return Matched(
        document.id,
        document.path,
        tuple(numbers[at] for at in found),
        tuple(lines[at] for at in found),
        any(_bears(lines[at], near.get(numbers[at], ())) for at in found),
    )


def _bears(line: str, names: Sequence[str]) -> bool:
    return any(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", line) for name in names)
