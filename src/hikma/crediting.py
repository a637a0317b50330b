"""The job of crediting commits: `modifies` edges from each to the files and symbols of today.

A file's edges depend on its content and on the commits that can be reached; only files for which
one of the two has changed are followed again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import apsw

from hikma.attribution import (
    FileChange,
    Held,
    Tracks,
    Walk,
    carry,
    hunks_of,
    newest_first,
)
from hikma.catalog import history
from hikma.catalog.history import Place
from hikma.catalog.schema import Catalog
from hikma.sources.past import Past

CHANGES_AT_ONCE = 20_000
"""Changes whose files are followed in one walk: bounds memory, and what one transaction holds."""

ReadFile: TypeAlias = Callable[[str], bytes | None]
"""Path → content of an indexed file as it now is; None where it is gone."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What has changed: commits that were added, or `whole` where nothing can be kept."""

    added: Sequence[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Graph:
    """The commits, newest first, and what is needed to follow lines through them."""

    head: int
    order: Sequence[int]
    parents: dict[int, tuple[int, ...]]
    unknown: frozenset[int]


def is_current(connection: apsw.Connection) -> bool:
    """Whether every file's commits are known as the file now is."""
    return all(credited for _, credited in history.files(connection))


def credit(catalog: Catalog, past: Past, head: str, scope: Scope, read: ReadFile) -> None:
    """Make the `modifies` edges of all files what the history up to `head` says."""
    with catalog.read() as connection:
        places = _outdated(connection, scope)
        newest = history.node_of(connection, head)
        if not places or newest is None:
            return
        parents = history.parents(connection)
        unknown = frozenset(history.unknown(connection))
        counts = history.change_counts(connection, [place.path for place in places])
    graph = _Graph(newest, newest_first(parents, newest), parents, unknown)
    portions = list(_portions(places, counts))
    for some in portions:
        with catalog.write() as connection:
            start = _start(connection, past, head, some, read)
            wanted = set(_edges(connection, past, graph, start))
            history.credit(connection, some, wanted)


def _portions(places: Sequence[Place], counts: Mapping[str, int]) -> Iterator[list[Place]]:
    """Group files so that each group has about `CHANGES_AT_ONCE` changes."""
    some: list[Place] = []
    changes = 0
    for place in places:
        some.append(place)
        changes += counts.get(place.path, 0)
        if changes >= CHANGES_AT_ONCE:
            yield some
            some, changes = [], 0
    if some:
        yield some


def _outdated(connection: apsw.Connection, scope: Scope) -> list[Place]:
    # At a commit that could not be read the lines of all files are let go.
    unknown = set(history.unknown(connection).values())
    whole = scope.whole or not unknown.isdisjoint(scope.added)
    touched = set() if whole else history.touched_paths(connection, scope.added)
    return [
        place
        for place, credited in history.files(connection)
        if whole or not credited or place.path in touched
    ]


def _start(
    connection: apsw.Connection, past: Past, head: str, places: Sequence[Place], read: ReadFile
) -> dict[str, Tracks]:
    """Return the lines of today's symbols as they are in the head's version of each file."""
    lines = history.lines_of(connection, [place.id for place in places])
    start: dict[str, Tracks] = {}
    for place in places:
        digest = past.digest_at(head, place.path)
        if digest is None:
            continue  # not committed yet: no commit touched it
        held = lines[place.id]
        if digest != place.digest:
            held = _committed(past, head, place, held, read)
        start[place.path] = {place.id: held}
    return start


def _committed(
    past: Past, head: str, place: Place, held: Sequence[Held], read: ReadFile
) -> list[Held]:
    """Carry lines of a file that differs from the head's version back to that."""
    content = read(place.path)
    hunks = None if content is None else past.hunks_to(head, place.path, content)
    if hunks is None:
        return []
    _, older = carry(held, hunks_of(hunks), lambda *_: None)
    return older


def _edges(
    connection: apsw.Connection, past: Past, graph: _Graph, start: dict[str, Tracks]
) -> Iterator[tuple[int, int]]:
    """Yield (commit, file or symbol) for everything that a commit touched."""
    if not start:
        return
    changes: dict[int, list[FileChange]] = defaultdict(list)
    for change in history.changes_of(connection, start):
        changes[change.commit].append(change)
    walk = Walk(graph.parents, changes, graph.unknown, partial(_find_name, connection, past, graph))
    for touch in walk.touches(graph.order, graph.head, start):
        yield touch.commit, touch.file
        for symbol in touch.symbols:
            yield touch.commit, symbol


def _find_name(
    connection: apsw.Connection, past: Past, graph: _Graph, change: FileChange, wanted: Held
) -> int | None:
    """Return the first line of the parent's version, among these, that holds a symbol's name."""
    parent = graph.parents[change.commit][change.parent]
    if not parent:
        return None
    commit = history.hash_of(connection, parent)
    name = history.name_of(connection, wanted.symbol)
    return past.find_line(commit, change.old_path or change.path, wanted[1:], name)
