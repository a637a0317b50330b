"""What do tsconfig.json and jsconfig.json say about names, outputs and conditions?"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hikma.sources.relations.configuration import at, json_of, strings, table
from hikma.sources.relations.paths import below, folder_of, joined, upwards
from hikma.sources.relations.tree import Tree

_NAMES = ("tsconfig.json", "jsconfig.json")
_MOST_EXTENDED = 16
_HERE = re.compile(r"\$\{configDir\}/?")

Locate = Callable[[str, str], str | None]
"""Folder, name of a configuration in a package → its path."""


class Alias(NamedTuple):
    """A pattern of `paths`: what stands before and after its star, and where it may lead."""

    before: str
    after: str | None
    """None for a pattern without a star."""
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one configuration; all folders are inside of the repository."""

    root: str | None = None
    """`baseUrl`: where names are looked up before packages are."""
    aliases: tuple[Alias, ...] = ()
    conditions: tuple[str, ...] = ()
    output: str | None = None
    sources: str | None = None


@dataclass(frozen=True, slots=True)
class Configurations:
    """The configurations of a tree, read when first asked for."""

    tree: Tree
    locate: Locate
    known: dict[str, Settings] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


_NONE = Settings()


def settings_for(configurations: Configurations, folder: str) -> Settings:
    """Return the settings that hold for the files of a folder: those of the nearest file."""
    if folder not in configurations.known:
        configurations.known[folder] = _NONE
        for path in (below(one, name) for one in upwards(folder) for name in _NAMES):
            if path in configurations.tree.languages:
                configurations.known[folder] = _of_file(configurations, path)
                break
    return configurations.known[folder]


def _of_file(configurations: Configurations, path: str) -> Settings:
    """Return a file's settings; one that only refers to others beside it takes their names."""
    folder = folder_of(path)
    found = _settings(folder, _options(configurations, path, 0))
    if found.aliases or found.root is not None:
        return found
    references = json_of(configurations.tree.read(path)).get("references")
    for one in references if isinstance(references, list) else []:
        for name in strings(at(one, "path")):
            other = joined(folder, name)
            if other is not None and other != path and folder_of(other) == folder:
                beside = _settings(folder, _options(configurations, other, 0))
                if beside.aliases or beside.root is not None:
                    return beside
    return found


def _options(configurations: Configurations, path: str, depth: int) -> dict[str, Any]:
    """Return option → (folder of the file that sets it, value), what it extends first."""
    known = configurations.options
    if path not in known:
        known[path] = {}  # what a file that extends itself gains by it
        written = json_of(configurations.tree.read(path))
        found: dict[str, Any] = {}
        for name in strings(written.get("extends")):
            other = _extended(configurations, path, name)
            if other is not None and depth < _MOST_EXTENDED:
                found |= _options(configurations, other, depth + 1)
        own = table(written.get("compilerOptions"))
        known[path] = found | {name: (folder_of(path), value) for name, value in own.items()}
    return known[path]


def _extended(configurations: Configurations, path: str, name: str) -> str | None:
    folder = folder_of(path)
    if not name.startswith("."):
        return configurations.locate(folder, name)
    place = joined(folder, name)
    if place is None:
        return None
    choices = (place, f"{place}.json", below(place, "tsconfig.json"))
    return next((one for one in choices if one in configurations.tree.languages), None)


def _settings(folder: str, options: Mapping[str, Any]) -> Settings:
    def place(option: str) -> str | None:
        origin, value = options.get(option, ("", None))
        return _placed(folder, origin, value) if isinstance(value, str) else None

    root = place("baseUrl")
    origin, paths = options.get("paths", ("", None))
    start = origin if root is None else root
    aliases = tuple(
        Alias(before, after if star else None, _places(folder, start, values))
        for before, star, after, values in (
            (*pattern.partition("*"), values) for pattern, values in table(paths).items()
        )
    )
    _, conditions = options.get("customConditions", ("", None))
    return Settings(root, aliases, tuple(strings(conditions)), place("outDir"), place("rootDir"))


def _places(folder: str, start: str, values: object) -> tuple[str, ...]:
    found = (_placed(folder, start, one) for one in strings(values))
    return tuple(one for one in found if one is not None)


def _placed(folder: str, origin: str, value: str) -> str | None:
    """Return where a written folder lies; `${configDir}` is the folder of the outermost file."""
    here = _HERE.match(value)
    return joined(folder, value[here.end() :]) if here else joined(origin, value)
