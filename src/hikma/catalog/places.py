"""Which files, folders and paths of the past satisfy a filter's path, language and extension?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import apsw
import numpy as np

from hikma.arrays import DocumentIds, united
from hikma.catalog import rows
from hikma.catalog.globs import PathPattern, path_pattern
from hikma.domain import Filter


class Place(NamedTuple):
    """A file or a directory of today, or a row that was taken over.

    The language is in small letters, empty where there is none.
    """

    id: int
    kind: str
    path: str
    language: str


@dataclass(frozen=True, slots=True)
class Where:
    """What a filter says of a file, ready to be compared; what is empty keeps every file."""

    languages: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    patterns: tuple[PathPattern, ...] = ()

    @property
    def asks_paths(self) -> bool:
        """Whether it says something of a file's path."""
        return bool(self.extensions or self.patterns)

    def holds(self, path: str) -> bool:
        """Whether a path and its extension fit."""
        return (not self.patterns or any(one.fits(path) for one in self.patterns)) and (
            not self.extensions or extension_of(path) in self.extensions
        )


def where(asked: Filter) -> Where:
    """Return what a filter says of files: names in small letters, extensions without a dot."""
    return Where(
        frozenset(language.strip().lower() for language in asked.languages),
        frozenset(extension.strip().lstrip(".").lower() for extension in asked.extensions),
        tuple(path_pattern(path) for path in asked.paths),
    )


def places(connection: apsw.Connection) -> list[Place]:
    """Return today's files and directories, and rows taken over, which stand in no file."""
    found = rows.every(
        connection,
        "SELECT id, kind, path, lower(coalesce(language, '')) FROM node "
        "WHERE file IS NULL AND kind IN ('file', 'directory', 'symbol')",
    )
    return list(map(Place._make, found))


def past_paths(connection: apsw.Connection, today: Sequence[Place], wanted: Where) -> list[int]:
    """Return the ids of the paths that files have or once had and that fit.

    What is a file no more is taken to be in the language of today's files with its extension (a
    file without one: with its name).
    """
    sql = "SELECT id, path FROM path WHERE path GLOB ?"
    found: dict[int, str] = {}
    for pattern in wanted.patterns or (path_pattern(""),):
        found |= {
            number: path
            for number, path in rows.every(connection, sql, (pattern.rough,))
            if pattern.fits(path)
        }
    if wanted.extensions:
        found = {
            one: path for one, path in found.items() if extension_of(path) in wanted.extensions
        }
    if wanted.languages:
        spoken = _in_languages(today, wanted.languages)
        found = {one: path for one, path in found.items() if spoken(path)}
    return sorted(found)


def commits_at(connection: apsw.Connection, paths: Sequence[int]) -> DocumentIds:
    """Return the nodes of the commits that modified one of these paths, sorted.

    A merge that took a file as another parent had it did not modify it; a rename modified both.
    """
    if not paths:
        return np.empty(0, dtype=np.int64)
    at = rows.sorted_ids(
        connection,
        # The plus sign: in the order of the index on `node`, so that repeats are next to another.
        "SELECT DISTINCT node AS id FROM change "
        "WHERE status <> 'S' AND +path IN (SELECT value FROM carray(?))",
        (rows.numbers(paths),),
    )
    wanted = set(paths)
    renames = rows.every(connection, "SELECT node, old_path FROM change WHERE old_path IS NOT NULL")
    away = np.array([node for node, path in renames if path in wanted], dtype=np.int64)
    return united(at, away)


def extension_of(path: str) -> str:
    """Return a path's extension in small letters, without the dot; empty where it has none."""
    stem, dot, extension = path.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot and stem else ""


def _in_languages(today: Sequence[Place], languages: frozenset[str]) -> Callable[[str], bool]:
    """Return what tells whether a path is in one of these languages, judged by today's files."""
    files = [place for place in today if place.kind == "file"]
    present = {place.path for place in files}
    spoken = [place.path for place in files if place.language in languages]
    known, endings = set(spoken), set(map(_ending, spoken))
    return lambda path: path in known or (path not in present and _ending(path) in endings)


def _ending(path: str) -> str:
    """Return what tells a file's language: its extension with the dot, or its name."""
    extension = extension_of(path)
    return f".{extension}" if extension else path.rpartition("/")[2]
