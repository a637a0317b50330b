"""Which commits touched which symbol? Today's lines, carried backwards through every hunk.

A symbol's lines are followed from commit to parent: hunks shift them, a rename moves them, and at a
merge they go to the first parent in which they stand unchanged, or to all where none has them so.
What cannot be followed for sure is let go: its older commits are absent, never guessed.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from struct import iter_unpack
from typing import NamedTuple, TypeAlias

from hikma.domain import ChangeStatus


class Held(NamedTuple):
    """The lines (1-based, both included) that a symbol has in some version of its file."""

    symbol: int
    start: int
    end: int


class Hunk(NamedTuple):
    """Lines replaced; a start with no lines is the line after which nothing or something stood."""

    old_start: int
    old_lines: int
    now_start: int
    now_lines: int

    @property
    def now_end(self) -> int:
        """Return the last line that is there now; before `now_start` for a deletion."""
        return self.now_start + self.now_lines - 1

    @property
    def old_end(self) -> int:
        """Return the last line that was there."""
        return self.old_start + self.old_lines - 1

    def is_before(self, line: int) -> bool:
        """Whether the line was shifted by this hunk and not written by it."""
        return self.now_end < line if self.now_lines else self.now_start < line

    def holds(self, line: int) -> bool:
        """Whether the line was written by this hunk."""
        return self.now_start <= line <= self.now_end

    def touches(self, start: int, end: int) -> bool:
        """Whether lines between these were written, or some between them were taken out."""
        if not self.now_lines:
            return start <= self.now_start < end
        return self.now_start <= end and start <= self.now_end


_EVERYTHING = Hunk(0, 0, 1, 2**32)
"""What a file is to a parent that does not have it."""


class FileChange(NamedTuple):
    """What one commit did to one file, as the catalog keeps it."""

    commit: int
    parent: int
    status: ChangeStatus
    path: str
    old_path: str
    hunks: bytes | None


class Touch(NamedTuple):
    """A commit, a file of today that it modified, and the symbols of that file that it touched."""

    commit: int
    file: int
    symbols: tuple[int, ...]


Tracks: TypeAlias = dict[int, list[Held]]
"""Files of today → the lines of their symbols, for one path at one commit."""

FindName: TypeAlias = Callable[[Held], int | None]
"""Lines before a change → the first of them that holds the symbol's name, or None."""

FindNameIn: TypeAlias = Callable[[FileChange, Held], int | None]
"""The same, of the version before a given change."""


def hunks_of(packed: bytes) -> list[Hunk]:
    """Return hunks as `Change.hunks` holds them."""
    return [Hunk(*numbers) for numbers in iter_unpack("<4I", packed)]


def newest_first(parents: Mapping[int, Sequence[int]], head: int) -> list[int]:
    """Return what is reachable from `head`, every commit before its parents."""
    children: dict[int, int] = defaultdict(int)
    seen, pending = {head}, [head]
    while pending:
        for parent in parents.get(pending.pop(), ()):
            children[parent] += 1
            if parent not in seen:
                seen.add(parent)
                pending.append(parent)
    order, ready = [], [head]
    while ready:
        commit = ready.pop()
        order.append(commit)
        for parent in parents.get(commit, ()):
            children[parent] -= 1
            if not children[parent]:
                ready.append(parent)
    return order


@dataclass(slots=True)
class Walk:
    """One walk from the head towards the roots.

    `changes` holds those of every commit that touched a followed path; `unknown` are commits whose
    changes nobody knows, where everything is let go.
    """

    parents: Mapping[int, Sequence[int]]
    changes: Mapping[int, Sequence[FileChange]]
    unknown: frozenset[int]
    find_name: FindNameIn
    pending: dict[int, dict[str, Tracks]] = field(default_factory=dict)

    def touches(self, order: Iterable[int], head: int, start: dict[str, Tracks]) -> Iterator[Touch]:
        """Yield who touched what; `start` is today's lines by path, in the head's version."""
        self.pending[head] = start
        for commit in order:
            state = self.pending.pop(commit, None)
            if not state or commit in self.unknown:
                continue
            changes = self.changes.get(commit, ())
            parents = self.parents.get(commit, ())
            if len(parents) > 1:
                yield from self._merge(commit, parents, state, changes)
            else:
                yield from self._step(commit, state, changes)
            if parents:
                self._pass(parents[0], state)

    def _step(
        self, commit: int, state: dict[str, Tracks], changes: Sequence[FileChange]
    ) -> Iterator[Touch]:
        """Carry what one commit with one parent, or none, changed; `state` becomes the parent's."""
        moved: list[tuple[str, Tracks]] = []
        for change in changes:
            tracks = state.pop(change.path, None)
            if tracks is None:
                continue
            older: Tracks = {}
            for file, held in tracks.items():
                touched, older[file] = self._carried(change, held)
                yield Touch(commit, file, touched)
            if change.status is not ChangeStatus.ADDED:
                moved.append((change.old_path or change.path, older))
        for path, older in moved:
            _join(state, path, older)

    def _carried(
        self, change: FileChange, held: Sequence[Held]
    ) -> tuple[tuple[int, ...], list[Held]]:
        if change.status is ChangeStatus.ADDED:
            return tuple(dict.fromkeys(one.symbol for one in held)), []
        if change.hunks is None or not held:
            return (), []
        return carry(held, hunks_of(change.hunks), partial(self.find_name, change))

    def _merge(
        self,
        commit: int,
        parents: Sequence[int],
        state: dict[str, Tracks],
        changes: Sequence[FileChange],
    ) -> Iterator[Touch]:
        """Send each file that a merge changed to the parents it came from; keep the others."""
        by_path: dict[str, list[FileChange]] = defaultdict(list)
        for change in changes:
            if change.path in state:
                by_path[change.path].append(change)
        for path, compared in by_path.items():
            tracks = state.pop(path)
            if compared[0].status is ChangeStatus.SAME:
                self._pass(parents[compared[0].parent], {path: tracks})
                continue
            for file, held in tracks.items():
                yield from self._blended(commit, parents, file, held, compared)

    def _blended(
        self,
        commit: int,
        parents: Sequence[int],
        file: int,
        held: Sequence[Held],
        compared: Sequence[FileChange],
    ) -> Iterator[Touch]:
        """Follow a file that a merge has in none of its parents' versions."""
        sides = [(one, _hunks_or_all(one)) for one in compared]
        own = _lines_in_all([hunks for _, hunks in sides])
        known = all(one.hunks is not None or one.status is ChangeStatus.ADDED for one in compared)
        touched = tuple(
            dict.fromkeys(
                one.symbol
                for one in held
                if any(first <= one.end and one.start <= last for first, last in own)
            )
        )
        if own or not known:
            yield Touch(commit, file, touched if known else ())
        following: dict[int, list[Held]] = {change.parent: [] for change, _ in sides}
        for one in held if known else ():
            for change, hunks in _sources(one, sides):
                _, older = carry([one], hunks, partial(self.find_name, change))
                following[change.parent] += older
        for change, _ in sides:
            if change.status is not ChangeStatus.ADDED:
                path = change.old_path or change.path
                self._pass(parents[change.parent], {path: {file: following[change.parent]}})

    def _pass(self, parent: int, state: dict[str, Tracks]) -> None:
        """Hand followed lines to a parent, together with what its other children hand it."""
        waiting = self.pending.get(parent)
        if waiting is None:
            self.pending[parent] = state
            return
        if len(waiting) < len(state):
            waiting, state = state, waiting
            self.pending[parent] = waiting
        for path, tracks in state.items():
            _join(waiting, path, tracks)


def carry(
    held: Sequence[Held],
    hunks: Sequence[Hunk],
    find_name: FindName,
) -> tuple[tuple[int, ...], list[Held]]:
    """Return the symbols that the hunks touch, and the lines that each had before them."""
    # The first line that each hunk reaches, and the last; hunks come in the order of lines.
    begins = [hunk.now_start + (not hunk.now_lines) for hunk in hunks]
    ends = [hunk.now_end if hunk.now_lines else hunk.now_start for hunk in hunks]
    grown = list(accumulate((hunk.now_lines - hunk.old_lines for hunk in hunks), initial=0))
    touched: dict[int, None] = {}
    older: list[Held] = []
    for one in held:
        first = bisect_left(ends, one.start)
        shift = grown[first]
        if first == len(hunks) or begins[first] > one.end:  # hunks before it only shift a symbol
            older.append(Held(one.symbol, one.start - shift, one.end - shift) if shift else one)
            continue
        touched[one.symbol] = None
        before = _before(one, hunks[first:], shift, find_name)
        if before is not None:
            older.append(before)
    return tuple(touched), older


def _before(one: Held, hunks: Sequence[Hunk], grown: int, find_name: FindName) -> Held | None:
    """Return the lines that a symbol had before these hunks, None where that is not sure.

    The first hunk touches the symbol; `grown` is by how many lines those before it shifted it.
    """
    start, end = one.start - grown, one.end - grown
    for hunk in hunks:
        if hunk.holds(one.start) and hunk.holds(one.end):
            return _whole(one, hunk, find_name)
        if hunk.holds(one.start):
            start = _first_line(one, hunk, find_name)
        if hunk.holds(one.end):
            end = _last_line(one.end, hunk)
            break
        if not hunk.is_before(one.end):
            break
        end -= hunk.now_lines - hunk.old_lines
    return Held(one.symbol, start, end) if start <= end else None


def _first_line(one: Held, hunk: Hunk, find_name: FindName) -> int:
    """Return where a symbol began whose first lines were replaced, with others before or not."""
    if hunk.old_lines == hunk.now_lines:
        return hunk.old_start + one.start - hunk.now_start
    if not hunk.old_lines:
        return hunk.old_start + 1
    if one.start == hunk.now_start:
        return hunk.old_start
    named = find_name(Held(one.symbol, hunk.old_start, hunk.old_end))
    return hunk.old_end + 1 if named is None else named


def _last_line(end: int, hunk: Hunk) -> int:
    """Return where a symbol ended whose last lines were replaced, with others after or not."""
    if hunk.old_lines == hunk.now_lines:
        return hunk.old_start + end - hunk.now_start
    if not hunk.old_lines:
        return hunk.old_start
    return hunk.old_end if end == hunk.now_end else hunk.old_start - 1


def _whole(one: Held, hunk: Hunk, find_name: FindName) -> Held | None:
    """Return what a symbol was that is replaced as a whole: its lines if they hold its name."""
    if hunk.old_lines == hunk.now_lines:
        first = hunk.old_start + one.start - hunk.now_start
        last = hunk.old_start + one.end - hunk.now_start
    elif hunk.old_lines and (hunk.now_start, hunk.now_end) == (one.start, one.end):
        first, last = hunk.old_start, hunk.old_end
    else:
        return None
    before = Held(one.symbol, first, last)
    return None if find_name(before) is None else before


def _hunks_or_all(change: FileChange) -> list[Hunk]:
    if change.status is ChangeStatus.ADDED:
        return [_EVERYTHING]
    return hunks_of(change.hunks or b"")


def _lines_in_all(sides: Sequence[Sequence[Hunk]]) -> list[tuple[int, int]]:
    """Return the runs of lines that are written anew whichever side one compares with."""
    runs = [(hunk.now_start, hunk.now_end) for hunk in sides[0] if hunk.now_lines]
    for hunks in sides[1:]:
        runs = [
            (max(first, hunk.now_start), min(last, hunk.now_end))
            for first, last in runs
            for hunk in hunks
            if hunk.now_lines and hunk.now_start <= last and first <= hunk.now_end
        ]
    return runs


def _sources(
    one: Held, sides: Sequence[tuple[FileChange, list[Hunk]]]
) -> list[tuple[FileChange, list[Hunk]]]:
    """Return the parents that a symbol came from: the first that has it unchanged, or all."""
    for side in sides:
        if not any(hunk.touches(one.start, one.end) for hunk in side[1]):
            return [side]
    return list(sides)


def _join(state: dict[str, Tracks], path: str, tracks: Tracks) -> None:
    """Add followed lines to a path; what overlaps of one symbol becomes one run."""
    present = state.setdefault(path, {})
    for file, held in tracks.items():
        if not present.get(file):
            present[file] = held
        elif held:
            present[file] = _united((*present[file], *held))


def _united(held: Sequence[Held]) -> list[Held]:
    united: list[Held] = []
    for one in sorted(set(held)):
        last = united[-1] if united else None
        if last and last.symbol == one.symbol and one.start <= last.end + 1:
            united[-1] = Held(one.symbol, last.start, max(last.end, one.end))
        else:
            united.append(one)
    return united
