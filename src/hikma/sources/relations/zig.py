"""Zig: `@import` of a file beside, or of a module that `build.zig` names with a literal path."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.paths import below, folder_of, joined, upwards
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_COMMENT = re.compile(r"//[^\n]*")
_ROOT = (
    r"(?:root_source_file|source_file)\s*=\s*"
    r"(?:\w+\.path\(\s*|\.\{\s*\.(?:path|cwd_relative)\s*=\s*)\"(?P<path>[^\"\n]+)\""
)
_NEAR = r"[^;]{0,400}?"
_MADE = re.compile(rf"\b(?P<name>\w+)\s*=\s*\w+\.(?:create|add)Module\({_NEAR}{_ROOT}")
_ADDED = re.compile(
    rf"\.(?:addModule|addAnonymousImport|addAnonymousModule)\(\s*\"(?P<name>[^\"\n]+)\"{_NEAR}{_ROOT}"
)
_FUNCTION = re.compile(r"^(?:pub\s+)?fn\s+(?P<name>\w+)\(", re.MULTILINE)
_CALLED = re.compile(r"\b(?P<name>\w+)\s*=\s*(?P<function>\w+)\(\s*b\b")
_GIVEN = re.compile(
    r"\.name\s*=\s*\"(?P<name>[^\"\n]+)\"\s*,\s*\.module\s*=\s*(?P<module>\w+)\s*[,}]"
    r"|\.(?:addImport|addModule)\(\s*\"(?P<added>[^\"\n]+)\"\s*,\s*(?P<given>\w+)\s*\)"
)
_BUILT_IN = frozenset({"std", "builtin", "root"})


def zig(tree: Tree) -> Resolve:
    """Return what resolves `@import`."""

    @cache
    def modules(build: str) -> Mapping[str, frozenset[str]]:
        return _modules(folder_of(build), _COMMENT.sub("", tree.read(build) or ""))

    @cache
    def build_of(folder: str) -> str | None:
        places = (below(one, "build.zig") for one in upwards(folder))
        return next((one for one in places if one in tree.languages), None)

    def resolve(path: str, asked: Import) -> Resolution:
        name = asked.module
        if name.endswith((".zig", ".zon")):
            place = joined(folder_of(path), name)
            if place is None:
                return Unresolved.OUTSIDE
            return Target((place,), asked.name) if place in tree.languages else Unresolved.MISSING
        build = build_of(folder_of(path))
        found = () if build is None or name in _BUILT_IN else modules(build).get(name, ())
        present = [one for one in found if one in tree.languages]
        if len(present) > 1:
            return Unresolved.AMBIGUOUS
        if present:
            return Target(tuple(present), asked.name)
        return Unresolved.MISSING if found else Unresolved.OUTSIDE

    return resolve


def _modules(folder: str, text: str) -> Mapping[str, frozenset[str]]:
    """Return the name of a module → the root files that a build gives it."""
    made: dict[str, set[str]] = {}
    for name, path in _variables(text):
        made.setdefault(name, set()).add(path)
    found: dict[str, set[str]] = {}
    for one in _ADDED.finditer(text):
        found.setdefault(one["name"], set()).add(one["path"])
    for one in _GIVEN.finditer(text):
        name, module = one["name"] or one["added"], one["module"] or one["given"]
        found.setdefault(name, set()).update(made.get(module, ()))
    return {
        name: frozenset(place for path in paths if (place := joined(folder, path)) is not None)
        for name, paths in found.items()
    }


def _variables(text: str) -> Iterator[tuple[str, str]]:
    """Yield variables that hold a module and its root: made in place, or by a function here."""
    made = {one["name"]: one["path"] for one in _MADE.finditer(text)}
    yield from ((one["name"], one["path"]) for one in _MADE.finditer(text))
    calls: dict[str, list[str]] = {}
    for call in _CALLED.finditer(text):
        calls.setdefault(call["function"], []).append(call["name"])
    functions = list(_FUNCTION.finditer(text))
    ends = [*(one.start() for one in functions[1:]), len(text)]
    for function, end in zip(functions, ends, strict=False):
        body = text[function.start() : end]
        returned = re.search(r"\breturn\s+(\w+)\s*;", body)
        if returned and returned[1] in made:
            for name in calls.get(function["name"], ()):
                yield name, made[returned[1]]
