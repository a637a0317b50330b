"""Ruby: `require` along the load paths of a repository's gems, `require_relative` from a file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.paths import below, existing, folder_of, joined, spelled, upwards
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_STRING = re.compile(r"""'([^'\\#]*)'|"([^"\\#]*)"|%q\(([^()\\#]*)\)""")
_HERE = r"(?:__dir__|File\.dirname\(\s*__FILE__\s*\)|File\.dirname __FILE__)"
_INSIDE = re.compile(rf'"#\{{{_HERE}\}}/([^"#\\]*)"')
_PIECES = rf"""(?:\s*[+,]\s*(?:{_STRING.pattern}))+"""
_JOINED = re.compile(rf"(?:File\.join\(\s*)?{_HERE}(?P<rest>{_PIECES})\s*\)?")
_EXPANDED = re.compile(
    rf"File\.expand_path\(\s*(?P<path>{_STRING.pattern})\s*,\s*(?P<start>__FILE__|{_HERE})\s*\)"
)
_EXPANDED_HERE = re.compile(rf"File\.expand_path\(\s*(?P<inner>.*{_HERE}.*)\s*\)", re.DOTALL)
_REQUIRE_PATHS = re.compile(
    r"\.require_paths?\s*=\s*(?P<paths>\[[^\]]{0,500}\]|%w[\[({][^\])}]{0,500}|['\"][^'\"]{0,500})"
)
_WORDS = re.compile(r"[\w./-]+")
_PROJECT_FILES = frozenset({"Gemfile", "Rakefile", "gems.rb"})
_TESTS = ("test", "spec")


@dataclass(frozen=True, slots=True)
class _Written:
    """A path as an expression says it; `start` is the file or folder that it counts from."""

    path: str
    start: str | None = None


def ruby(tree: Tree) -> Resolve:
    """Return what resolves `require`, `require_relative`, `load` and `autoload`."""
    roots = _roots(tree)
    every = {root for found in roots.values() for root in found}
    features = spelled((path for path in tree.languages if path.endswith(".rb")), every)

    @cache
    def project(folder: str) -> str | None:
        return next((one for one in upwards(folder) if one in roots), None)

    @cache
    def near(folder: str, name: str) -> tuple[str, ...]:
        own = project(folder)
        if own is None:
            return ()
        tests = [below(own, one) for one in _TESTS]
        inside = any(f"{folder}/".startswith(f"{one}/") for one in tests)
        return tuple(_present(tree, (*roots[own], *(tests if inside else ())), name))

    def resolve(path: str, asked: Import) -> Resolution:
        written = _written(path, asked)
        if written is None:
            return Unresolved.COMPUTED
        if written.start is not None:
            return _exact(tree, joined(written.start, written.path))
        if written.path.startswith("/"):
            return Unresolved.OUTSIDE
        if written.path.startswith(("./", "../")):
            return _exact(tree, joined(project(folder_of(path)) or "", written.path))
        found = near(folder_of(path), written.path) or _offered(features, written.path)
        if len(found) > 1:
            return Unresolved.AMBIGUOUS
        return Target(found, _constant(asked)) if found else Unresolved.OUTSIDE

    return resolve


def _constant(asked: Import) -> str:
    return asked.name.lstrip(":").strip("'\"") if asked.keyword == "autoload" else ""


def _exact(tree: Tree, place: str | None) -> Resolution:
    if place is None:
        return Unresolved.OUTSIDE
    found = next((one for one in (f"{place}.rb", place) if one in tree.languages), None)
    return Target((found,)) if found else Unresolved.MISSING


def _offered(features: Mapping[str, Sequence[str]], name: str) -> tuple[str, ...]:
    """Return the files that a feature's name means under any load path of the repository."""
    return tuple(features.get(name if name.endswith(".rb") else f"{name}.rb", ()))


def _present(tree: Tree, roots: Iterable[str], name: str) -> Iterable[str]:
    """Yield the files that a feature's name means under these folders."""
    file = name if name.endswith(".rb") else f"{name}.rb"
    places = (existing(tree.languages, root, file) for root in roots)
    return dict.fromkeys(place for place in places if place is not None)


def _written(path: str, asked: Import) -> _Written | None:
    """Return what a literal path or one of the idioms says; None for what a program computes."""
    text = asked.module.strip()
    if found := _STRING.fullmatch(text):
        start = folder_of(path) if asked.keyword == "require_relative" else None
        return _Written(_content(found), start)
    if found := _INSIDE.fullmatch(text):
        return _Written(found[1], folder_of(path))
    if found := _JOINED.fullmatch(text):
        pieces = [_content(one) for one in _STRING.finditer(found["rest"])]
        return _Written("/".join(pieces).lstrip("/"), folder_of(path))
    if found := _EXPANDED.fullmatch(text):
        start = path if found["start"] == "__FILE__" else folder_of(path)
        inner = _STRING.fullmatch(found["path"])
        return _Written(_content(inner), start) if inner else None
    if found := _EXPANDED_HERE.fullmatch(text):
        return _written(path, Import(found["inner"], asked.name, asked.keyword))
    return None


def _content(found: re.Match[str]) -> str:
    return next((one for one in found.groups() if one is not None), "")


def _roots(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return folder of a project → its load paths: what its gemspec says, else `lib`.

    Projects are gems and what Bundler or Rake knows as such.
    """
    specs: dict[str, list[str]] = {}
    for path in tree.languages:
        name = path.rpartition("/")[2]
        if name.endswith(".gemspec") or name in _PROJECT_FILES:
            specs.setdefault(folder_of(path), []).append(path)
    return {folder: tuple(_load_paths(tree, folder, found)) for folder, found in specs.items()}


def _load_paths(tree: Tree, folder: str, specs: Iterable[str]) -> Iterable[str]:
    names = [
        name
        for spec in specs
        if spec.endswith(".gemspec")
        for found in _REQUIRE_PATHS.finditer(tree.read(spec) or "")
        for name in _WORDS.findall(found["paths"].removeprefix("%w"))
    ]
    places = (joined(folder, name) for name in names or ["lib"])
    return dict.fromkeys(place for place in places if place is not None)
