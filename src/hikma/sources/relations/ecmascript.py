"""Which file does an import of JavaScript or TypeScript mean? Node's rules and the compiler's."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hikma.domain import Import
from hikma.sources.relations.ecmascript_files import file_at, index_at, source_of
from hikma.sources.relations.ecmascript_packages import (
    Packages,
    handed_out,
    packages_of,
    privately,
    scope_of,
    visible,
)
from hikma.sources.relations.ecmascript_settings import (
    Alias,
    Configurations,
    Locate,
    Settings,
    settings_for,
)
from hikma.sources.relations.origins import with_origins
from hikma.sources.relations.paths import folder_of, joined
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_QUOTED = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"|`([^`\\$]*)`")
_RELATIVE = re.compile(r"\.\.?(?:/|$)")
_PACKAGE = re.compile(r"((?:@[^@/\s]+/)?[^@./\s#:][^/\s:]*)(?:/(.*))?")
_ALIAS_ONLY = ("@/", "~/")
_TYPES = ("types", "typings")
_MAIN = ("main", "module")
_MOST_HOPS = 8
_NODE = (
    "assert async_hooks buffer child_process cluster console constants crypto dgram "
    "diagnostics_channel dns domain events fs http http2 https inspector module net os path "
    "perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls "
    "trace_events tty url util v8 vm wasi worker_threads zlib"
)
BUILT_IN = frozenset(_NODE.split())
"""Modules of Node; the compiler knows them before it looks for files."""


class _Asked(NamedTuple):
    """A specifier, the folder and kind of the file that has it, and how it is asked for."""

    folder: str
    specifier: str
    typescript: bool
    required: bool
    hops: int = 0


@dataclass(frozen=True, slots=True)
class _Project:
    """What is known of a tree, and what was answered so far."""

    tree: Tree
    packages: Packages
    configurations: Configurations
    known: dict[_Asked, str | Unresolved] = field(default_factory=dict)


def ecmascript(tree: Tree) -> Resolve:
    """Resolve the imports of JavaScript, TypeScript, and the scripts of Vue and Svelte."""
    packages = packages_of(tree)
    locate = _locator(tree, packages)
    project = _Project(tree, packages, Configurations(tree, locate))

    def resolve(path: str, asked: Import) -> Resolution:
        written = _QUOTED.fullmatch(asked.module)
        if written is None:
            return Unresolved.COMPUTED
        specifier = written[1] or written[2] or written[3] or ""
        typescript = tree.languages.get(path) != "javascript"
        required = asked.keyword == "require"
        found = _known(project, _Asked(folder_of(path), specifier, typescript, required))
        if isinstance(found, Unresolved):
            return found
        return Target((found,), "" if asked.name == "*" else asked.name)

    return with_origins(tree, resolve)


def _locator(tree: Tree, packages: Packages) -> Locate:
    def locate(folder: str, name: str) -> str | None:
        """Find a configuration that is written as a part of a package."""
        written = _PACKAGE.fullmatch(name)
        if written is None:
            return None
        for place in visible(packages, folder, written[1]):
            rest = written[2] or "tsconfig.json"
            manifest = packages.manifests[place]
            choices = [*handed_out(manifest, f"./{rest}", None), rest, f"{rest}.json"]
            for one in choices:
                path = joined(place, one)
                if path is not None and path in tree.languages:
                    return path
        return None

    return locate


def _known(project: _Project, asked: _Asked) -> str | Unresolved:
    if asked not in project.known:
        project.known[asked] = _resolve(project, asked)
    return project.known[asked]


def _resolve(project: _Project, asked: _Asked) -> str | Unresolved:
    specifier = asked.specifier.partition("?")[0]
    if _RELATIVE.match(specifier):
        place = joined(asked.folder, specifier)
        if place is None:
            return Unresolved.OUTSIDE
        only_folder = specifier.endswith(("/", ".")) and specifier.strip("./") == ""
        found = None if only_folder else _at(project, place, asked)
        return found or _inside(project, place, asked) or Unresolved.MISSING
    if specifier.partition("/")[0] in BUILT_IN:
        return Unresolved.OUTSIDE
    settings = settings_for(project.configurations, asked.folder)
    alias = _alias(settings, specifier)
    found = _named(project, settings, alias, specifier, asked)
    if found:
        return found
    if specifier.startswith("#"):
        return _private(project, settings, asked)
    missing = alias is not None and alias.before.strip("./") and alias.places
    other = Unresolved.MISSING if missing else Unresolved.OUTSIDE
    return _of_package(project, settings, specifier, asked) or other


def _at(project: _Project, path: str, asked: _Asked) -> str | None:
    return file_at(project.tree.languages, path, typescript=asked.typescript)


def _inside(project: _Project, folder: str, asked: _Asked) -> str | None:
    """Return the file that a folder stands for: its package's, or its index."""
    manifest = project.packages.manifests.get(folder, {})
    files = project.tree.languages
    names = [*_mains(manifest, asked)]
    for name in names:
        place = joined(folder, name)
        if place is not None:
            index = index_at(files, place, typescript=asked.typescript)
            found = _at(project, place, asked) or index
            if found:
                return found
    found = index_at(files, folder, typescript=asked.typescript)
    return found or _source(project, folder, names)


def _mains(manifest: Mapping[str, object], asked: _Asked) -> Iterator[str]:
    order = _TYPES if asked.typescript else ()
    for key in (*order, *((*_MAIN,) if asked.required else ("module", *_MAIN)), *_TYPES):
        value = manifest.get(key)
        if isinstance(value, str) and value:
            yield value


def _source(project: _Project, folder: str, built: Iterable[str]) -> str | None:
    """Return the source of the first of a package's built files that has one."""
    settings = settings_for(project.configurations, folder)
    outputs = (settings.output, settings.sources)
    for one in built:
        place = joined(folder, one)
        if place is not None and (not folder or place.startswith(folder + "/")):
            found = source_of(project.tree.languages, folder, place, outputs)
            if found:
                return found
    return None


def _alias(settings: Settings, specifier: str) -> Alias | None:
    """Return the pattern that a name fits: it itself, else the longest."""
    best = None
    for alias in settings.aliases:
        if alias.after is None:
            if alias.before == specifier:
                return alias
        elif specifier.startswith(alias.before) and specifier.endswith(alias.after):
            longer = best is None or len(alias.before) > len(best.before)
            if longer and len(specifier) >= len(alias.before) + len(alias.after):
                best = alias
    return best


def _named(
    project: _Project, settings: Settings, alias: Alias | None, specifier: str, asked: _Asked
) -> str | None:
    """Look a name up where the configuration says: its patterns, then its `baseUrl`."""
    places: list[str | None] = []
    if alias is not None:
        end = len(specifier) - len(alias.after or "")
        star = "" if alias.after is None else specifier[len(alias.before) : end]
        places += [joined("", one.replace("*", star)) for one in alias.places]
    if settings.root is not None and not specifier.startswith("#"):
        places.append(joined(settings.root, specifier))
    for place in places:
        if place:
            found = _at(project, place, asked) or _inside(project, place, asked)
            if found:
                return found
    return None


def _private(project: _Project, settings: Settings, asked: _Asked) -> str | Unresolved:
    """Look up a name that a package uses for itself only: `#name`."""
    scope = scope_of(project.packages, asked.folder)
    if scope is None:
        return Unresolved.OUTSIDE
    manifest = project.packages.manifests[scope]
    targets = list(privately(manifest, asked.specifier, _conditions(settings, asked)))
    if targets and not targets[0].startswith(".") and asked.hops < _MOST_HOPS:
        return _known(project, asked._replace(specifier=targets[0], hops=asked.hops + 1))
    found = _first_of(project, scope, targets, asked)
    return found or (Unresolved.MISSING if targets else Unresolved.OUTSIDE)


def _of_package(
    project: _Project, settings: Settings, specifier: str, asked: _Asked
) -> str | Unresolved | None:
    """Look a name up among the packages of the repository; None if it is none of them."""
    written = _PACKAGE.fullmatch(specifier)
    if written is None:
        return Unresolved.MISSING if specifier.startswith(_ALIAS_ONLY) else None
    folders = visible(project.packages, asked.folder, written[1])
    if len(folders) != 1:
        return Unresolved.AMBIGUOUS if folders else None
    folder, rest = folders[0], written[2]
    manifest = project.packages.manifests[folder]
    if "exports" not in manifest:
        place = joined(folder, rest) if rest else folder
        found = _at(project, place, asked) if place and rest else None
        found = found or (_inside(project, place, asked) if place is not None else None)
        return found or (_source(project, folder, [rest]) if rest else None) or Unresolved.MISSING
    subpath = f"./{rest}" if rest else "."
    targets = list(handed_out(manifest, subpath, _conditions(settings, asked)))
    found = _first_of(project, folder, targets, asked)
    if found:
        return found
    places = (joined(folder, one) for one in handed_out(manifest, subpath, None))
    there = {one for one in places if one is not None and one in project.tree.languages}
    return there.pop() if len(there) == 1 else Unresolved.MISSING


def _first_of(project: _Project, folder: str, targets: Iterable[str], asked: _Asked) -> str | None:
    """Return the first file that a package hands out and that is there, else a source of one."""
    targets = [one for one in targets if one.startswith("./")]
    for one in targets:
        place = joined(folder, one)
        found = _at(project, place, asked) if place else None
        if found:
            return found
    return _source(project, folder, targets)


def _conditions(settings: Settings, asked: _Asked) -> tuple[str, ...]:
    kinds = ("types",) if asked.typescript else ()
    way = ("require",) if asked.required else ("import", "module")
    return (*settings.conditions, *kinds, *way, "node", "default")
