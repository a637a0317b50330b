"""Which paths do ignore files exclude?

Git's rules: a nested file outranks its parents, within a file the last matching line decides, and
nothing under an excluded folder can be brought back.
"""

from collections.abc import Callable
from typing import NamedTuple

from hikma.sources.patterns import Pattern, parse

OWN_NAME = ".hikmaignore"
"""Our ignore file: gitignore syntax, at any depth, for tracked files too."""


class _Rules(NamedTuple):
    """The patterns of one ignore file, the strongest first, for paths below `folder`."""

    folder: str
    name: str
    patterns: tuple[Pattern, ...]


class _Level(NamedTuple):
    """What holds in a folder: the file that excludes it, if any, and the rules down to it."""

    excluded_by: str | None
    rules: tuple[_Rules, ...]


class Ignoring:
    """The ignore files of one tree, read as they are met and remembered.

    `read` returns the content of a file by its path from the root, or None where there is none;
    `names` are the ignore files to look for, the strongest last.
    """

    def __init__(self, read: Callable[[str], bytes | None], names: tuple[str, ...]) -> None:
        self._read = read
        self._names = names
        self._levels: dict[str, _Level] = {"": _Level(None, self._rules_in(""))}

    def excluding(self, path: str) -> str | None:
        """Return the ignore file that excludes a path (a folder's ends with `/`), else None."""
        level = self._level(_parent(path))
        return level.excluded_by or _decision(level.rules, path)

    def _level(self, folder: str) -> _Level:
        """Return what holds in a folder, from the nearest remembered one down."""
        missing = []
        while folder not in self._levels:
            missing.append(folder)
            folder = _parent(folder)
        level = self._levels[folder]
        for below in reversed(missing):
            excluded = level.excluded_by or _decision(level.rules, below)
            rules = () if excluded else level.rules + self._rules_in(below)
            level = self._levels[below] = _Level(excluded, rules)
        return level

    def _rules_in(self, folder: str) -> tuple[_Rules, ...]:
        found = []
        for name in self._names:
            content = self._read(folder + name)
            if content is not None:
                found.append(_Rules(folder, folder + name, parse(content)))
        return tuple(found)


def _parent(path: str) -> str:
    """Return the folder that holds a path, with its final `/`; the root is the empty string."""
    return path[: path.rstrip("/").rfind("/") + 1]


def _decision(rules: tuple[_Rules, ...], path: str) -> str | None:
    name = path.rstrip("/").rpartition("/")[2]
    for folder, ignore_file, patterns in reversed(rules):
        below = path[len(folder) :].rstrip("/")
        for pattern in patterns:
            if pattern.folders_only and not path.endswith("/"):
                continue
            if pattern.regex.fullmatch(name if pattern.by_name else below):
                return None if pattern.negated else ignore_file
    return None
