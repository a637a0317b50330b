"""Which files and symbols of an older tree did a later commit touch? Right, or absent.

The lines of the older tree's symbols are carried to the version that the commit changed, through
one diff between the two; what cannot be followed for sure is left out (see `attribution`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hikma.attribution import Held, Hunk, carry, hunks_of
from hikma.catalog.answers import Answer
from hikma.domain import Change, ChangeStatus, Commit, NodeId
from hikma.sources.past import Past


@dataclass(frozen=True, slots=True)
class Older:
    """An indexed tree: its commit, and its files with the symbols that a search can return."""

    past: Past
    revision: str
    answers: Mapping[str, Sequence[Answer]]


@dataclass(frozen=True, slots=True)
class Touched:
    """What a commit touched of an older tree."""

    files: frozenset[str]
    symbols: frozenset[NodeId]


def touched(older: Older, commit: Commit) -> Touched:
    """Return the indexed files that a commit with one parent changed, and the symbols in them.

    A symbol counts where lines of its own were replaced, taken out or put between: not the class
    around a method. Of a file that was deleted, or whose lines are unknown, no symbol is named.
    """
    files, symbols = set[str](), set[NodeId]()
    for change in commit.changes:
        path = _older_path(older, commit.parents[0], change)
        if path is None or path not in older.answers:
            continue
        files.add(path)
        symbols.update(_symbols(older, commit.parents[0], path, change))
    return Touched(frozenset(files), frozenset(symbols))


def _older_path(older: Older, parent: str, change: Change) -> str | None:
    if change.status is ChangeStatus.ADDED:
        return None
    return older.past.former_path(older.revision, parent, change.old_path or change.path)


def _symbols(older: Older, parent: str, path: str, change: Change) -> Iterator[NodeId]:
    if not change.hunks:
        return
    answers = older.answers[path]
    held = [Held(at, one.start_line, one.end_line) for at, one in enumerate(answers)]
    then = _carried(older, (parent, change.old_path or change.path), path, held)
    yield from (answers[at].id for at in _own(then, hunks_of(change.hunks)))


def _carried(
    older: Older, there: tuple[str, str], path: str, held: Sequence[Held]
) -> Sequence[Held]:
    """Return the lines that the older tree's symbols have in a commit's version of their file."""
    past = older.past
    if past.digest_at(*there) == past.digest_at(older.revision, path):
        return held
    hunks = past.hunks_between(there, (older.revision, path))
    if hunks is None:
        return ()
    names = [one.name for one in older.answers[path]]
    _, lines = carry(held, hunks_of(hunks), partial(_find_name, past, there, names))
    return lines


def _find_name(past: Past, there: tuple[str, str], names: Sequence[str], held: Held) -> int | None:
    return past.find_line(*there, (held.start, held.end), names[held.symbol])


def _own(held: Sequence[Held], hunks: Iterable[Hunk]) -> set[int]:
    """Return the symbols of which the hunks' old lines are the own: the innermost around each."""
    owner: dict[int, Held] = {}
    for one in sorted(held, key=lambda one: one.start - one.end):  # the longest first
        owner.update(dict.fromkeys(range(one.start, one.end + 1), one))
    found: set[int] = set()
    for hunk in hunks:
        if hunk.old_lines:
            lines = range(hunk.old_start, hunk.old_end + 1)
            found.update(owner[line].symbol for line in lines if line in owner)
        elif around := _around(held, hunk.old_start):
            found.add(around.symbol)
    return found


def _around(held: Iterable[Held], line: int) -> Held | None:
    """Return the innermost symbol that goes on after a line: what was put behind it is within."""
    inside = [one for one in held if one.start <= line < one.end]
    return min(inside, key=lambda one: one.end - one.start, default=None)
