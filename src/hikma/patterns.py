"""What must a text hold for a regular expression to match it, and which of its lines do match?

Pure: Python's own parser reads the expression, so that what is said of it is what it means.
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from hikma.errors import QueryError

parser: Any = importlib.import_module("re._parser")
codes: Any = importlib.import_module("re._constants")
"""Python's own, by their names since 3.11; type checkers do not know them."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that a line must hold; case-blind where `folded`."""

    text: str
    folded: bool


@dataclass(frozen=True, slots=True)
class Every:
    """All of these must hold."""

    needs: "tuple[Need, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """One of these must hold."""

    needs: "tuple[Need, ...]"


Need: TypeAlias = Literal | Every | Either


_MOST_TEXTS, _MOST_CHOICES = 16, 4
"""Texts that one piece of an expression is followed up in, characters of a class."""


class Texts(NamedTuple):
    """What a worker is given: an expression, and texts whose lines it searches."""

    pattern: str
    texts: Sequence[str]


def check(pattern: str) -> None:
    """Raise QueryError for what is no regular expression, naming where it goes wrong."""
    try:
        re.compile(pattern)
    except re.error as error:
        at = "" if error.pos is None else f" at character {error.pos + 1}"
        raise QueryError(
            f"The regular expression {pattern[:80]!r} is wrong{at}: {error.msg}; a \\ before a "
            "character makes it literal."
        ) from error
    except (OverflowError, RecursionError) as error:
        raise QueryError(
            f"The regular expression {pattern[:80]!r} is too large: {error}; ask for less."
        ) from error


def needs(pattern: str) -> Need:
    """Return what each matching line holds, as far as the expression says."""
    tree = parser.parse(pattern)
    return Every(tuple(_of_sequence(tree, bool(tree.state.flags & re.IGNORECASE))))


def matching_lines(asked: Texts) -> list[list[int]]:
    """Return for each text the lines (0-based) in which the expression is found."""
    search = re.compile(asked.pattern).search
    return [
        [at for at, line in enumerate(text.split("\n")) if search(line)] for text in asked.texts
    ]


def _of_sequence(tree: Any, folded: bool) -> Iterator[Need]:  # noqa: FBT001 -- carried along
    """Yield what a run of operations needs; texts next to another are one."""
    run = [""]
    for code, argument in tree:
        if code is codes.AT:  # an anchor takes no character, so the text goes on
            continue
        said = _said(code, argument, folded)
        longer = [before + after for before in run for after in said or ()]
        if said and len(longer) <= _MOST_TEXTS:
            run = longer
            continue
        yield from _flushed(run, folded)
        run = said or [""]
        if not said:
            yield from _of_operation(code, argument, folded)
    yield from _flushed(run, folded)


def _flushed(run: list[str], folded: bool) -> Iterator[Need]:  # noqa: FBT001 -- likewise
    literals = tuple(Literal(text, folded) for text in run)
    if all(run):
        yield literals[0] if len(literals) == 1 else Either(literals)


def _said(code: Any, argument: Any, folded: bool) -> list[str]:  # noqa: FBT001 -- likewise
    """Return the few texts that an operation matches; empty where there is more to it."""
    if code is codes.LITERAL:
        return [chr(argument)]
    if code is codes.IN and len(argument) <= _MOST_CHOICES:
        plain = [chr(one) for inner, one in argument if inner is codes.LITERAL]
        return plain if len(plain) == len(argument) else []
    if code is codes.SUBPATTERN:
        _, added, removed, inner = argument
        alike = folded == _is_folded(folded, added, removed)
        return _said_whole(inner, folded) if alike else []
    if code is codes.BRANCH:
        each = [_said_whole(one, folded) for one in argument[1]]
        every = [text for texts in each for text in texts]
        return every if all(each) and len(every) <= _MOST_TEXTS else []
    return []


def _said_whole(tree: Any, folded: bool) -> list[str]:  # noqa: FBT001 -- likewise
    run = [""]
    for code, argument in tree:
        said = _said(code, argument, folded)
        run = [before + after for before in run for after in said]
        if not 0 < len(run) <= _MOST_TEXTS:
            return []
    return run


def _is_folded(folded: bool, added: int, removed: int) -> bool:  # noqa: FBT001 -- likewise
    return (folded or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE


def _of_operation(code: Any, argument: Any, folded: bool) -> Iterator[Need]:  # noqa: FBT001 -- likewise
    """Yield what one operation needs; of one that is not known, nothing."""
    if code is codes.SUBPATTERN:
        _, added, removed, inner = argument
        yield from _of_sequence(inner, _is_folded(folded, added, removed))
    elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, _, inner = argument
        if least:
            yield from _of_sequence(inner, folded)
    elif code is codes.ATOMIC_GROUP:
        yield from _of_sequence(argument, folded)
    elif code is codes.BRANCH:
        yield Either(tuple(Every(tuple(_of_sequence(one, folded))) for one in argument[1]))
    elif code is codes.ASSERT:
        yield from _of_sequence(argument[1], folded)
