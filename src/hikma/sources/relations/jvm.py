"""Java, Kotlin and Scala: packages over several source roots, and what their files declare."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from hikma.domain import Import
from hikma.sources.relations.paths import folder_of
from hikma.sources.relations.tree import (
    MAX_FILES,
    Resolution,
    Resolve,
    Target,
    Tree,
    Unresolved,
)

_NO_TYPES = frozenset({"module-info.java", "package-info.java"})
_LANGUAGES = frozenset({"java", "kotlin", "scala"})
_EVERYTHING = frozenset({"*", "_", "given"})
_SET = re.compile(
    r"(?:^|/)src/(?P<set>[A-Za-z0-9]+)/(?:java|kotlin|scala|groovy)(?:[-.\d+]*)(?=/|$)"
)
_TEST_SET = re.compile(r"(?:^|[a-z])(?:test|Test|it|IntegrationTest)s?$")
_TEST_FOLDER = re.compile(r"(?:^|/)tests?/")
_SHARED = frozenset({"common", "shared", ""})
_PLATFORM = re.compile(
    r"common|shared|(?:jvm|js|native)(?:-(?:jvm|js|native))*|wasm\w*|android\w*|ios\w*|macos\w*|linux\w*|mingw\w*|apple"
    r"|posix|nix|web|desktop|nonJvm|jvmAndPosix|jvmAndNix"
)
_CHAIN = 4
"""Imports that may lean on one another; each of them names what the next one starts with."""
_ABSOLUTE = frozenset({"_root_", "this", "super"})
_MAX_PARTS = 50
_FAR_TOO_MANY = 4 * MAX_FILES
"""Files of a package; not even one of its modules is looked for among more."""
_PATHS = 50_000
"""Paths whose place is remembered, of all repositories that one process reads."""
_LEAVES = frozenset({"jvm", "js", "native", "android"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file stands in a build: its module, the platform that it is for, main or test."""

    module: str
    platform: str
    test: bool


@dataclass(frozen=True, slots=True)
class _ScalaFile:
    """What a name at the start of an import of this file may stand for."""

    own: Collection[str]
    """Names that the file itself defines."""
    taken: Mapping[str, Import]
    """Name → the import that takes it."""
    scopes: Sequence[str]
    """The packages that its clauses open, the innermost first."""
    wildcards: Sequence[str]
    """The packages of which it takes everything."""


@dataclass(frozen=True, slots=True)
class _Packages:
    """What the packages of a repository hold."""

    files: Mapping[str, Sequence[str]]
    """Package → its files, by path."""
    known: Collection[str]
    """Every package and every one around it."""
    declared: Callable[[str], Mapping[str, Sequence[str]]]
    """Package → qualified name of a symbol → the files that define it."""
    extensions: Callable[[str], Mapping[str, Sequence[str]]]
    """Package → name of an extension, without its receiver → the files that define it."""
    scala: Callable[[str], _ScalaFile]


def jvm(tree: Tree) -> Resolve:
    """Return what resolves imports of Java, Kotlin and Scala, which see each other's packages."""
    packages = _packages_of(tree)
    answers: dict[tuple[str, tuple[str, ...], str, Import], Resolution] = {}

    def resolve(path: str, asked: Import) -> Resolution:
        scopes = tuple(_scopes(tree.packages.get(path, ())))
        scala = tree.languages.get(path) == "scala"
        key = (folder_of(path), scopes, path if scala else "", asked)
        if key not in answers:
            answers[key] = _resolve(tree, packages, path, asked)
        return answers[key]

    return resolve


def _resolve(tree: Tree, packages: _Packages, path: str, asked: Import) -> Resolution:
    parts = _parts(asked)
    everything = asked.name in _EVERYTHING
    if len(parts) > _MAX_PARTS:
        return Unresolved.OUTSIDE
    if tree.languages.get(path) == "scala":
        if parts[0] not in _ABSOLUTE and parts[0] in packages.scala(path).own:
            return Target((path,))
        parts = _full(packages, path, asked)
    return _absolute(packages, path, parts, everything=everything)


def _parts(asked: Import) -> list[str]:
    """Return a name's parts, without what it takes everything of."""
    parts = asked.module.split(".")
    parts += [asked.name] if asked.name not in {"", *_EVERYTHING} else []
    return [part.strip("`") for part in parts]


def _full(packages: _Packages, path: str, asked: Import, depth: int = 0) -> list[str]:
    """Return the full name that Scala sees: by other imports, then by the packages around."""
    first, *rest = _parts(asked)
    if first in _ABSOLUTE:
        return rest
    file = packages.scala(path)
    other = file.taken.get(first)
    if other is not None and other != asked and depth < _CHAIN:
        return [*_full(packages, path, other, depth + 1), *rest]
    for scope in (*file.scopes, *file.wildcards):
        inside = f"{scope}.{first}"
        if inside in packages.known or first in packages.declared(scope):
            return [*scope.split("."), first, *rest]
    return [first, *rest]


def _absolute(
    packages: _Packages, path: str, parts: Sequence[str], *, everything: bool
) -> Resolution:
    """Return what a full name means: a symbol, or all of a package."""
    full = ".".join(parts)
    scala = path.endswith((".scala", ".sc", ".sbt"))
    if full in packages.files and everything:
        objects = packages.declared(".".join(parts[:-1])).get(parts[-1], ()) if scala else ()
        return _whole(path, [*packages.files[full], *objects])
    if found := _declaring(packages, path, parts):
        return found
    if full in packages.files and scala:
        return _whole(path, packages.files[full])
    known = packages.files.keys() - {""}
    if ".".join(_conventional_package(parts)) in known:
        return Unresolved.MISSING
    function = path.endswith((".kt", ".kts")) and not everything
    return Unresolved.MISSING if function and ".".join(parts[:-1]) in known else Unresolved.OUTSIDE


def _declaring(packages: _Packages, path: str, parts: Sequence[str]) -> Resolution | None:
    """Return the files that declare a name: all of it, else the type that it is taken from."""
    splits = [
        (package, parts[at:])
        for at in range(len(parts) - 1, -1, -1)
        if (package := ".".join(parts[:at])) in packages.files
    ]
    for package, inner in splits:
        name = ".".join(part for part in inner if part != "Companion")
        found = packages.declared(package).get(name)
        if not found and len(inner) == 1:
            found = packages.extensions(package).get(name)
        if found:
            return _chosen(path, found, name)
    for package, inner in splits:
        for end in range(len(inner) - 1, 0, -1):
            name = ".".join(inner[:end])
            if f"{package}.{name}".strip(".") in packages.known and end < len(inner) - 1:
                continue  # a package object's member has no package's name before its own
            if found := packages.declared(package).get(name) or _facade(packages, package, name):
                return _chosen(path, found, name)
    return None


def _facade(packages: _Packages, package: str, name: str) -> Sequence[str]:
    """Return the file `Name.kt` that Java sees as the class `NameKt`."""
    wanted = f"/{name.removesuffix('Kt')}.kt" if name.endswith("Kt") else None
    return [path for path in packages.files[package] if wanted and f"/{path}".endswith(wanted)]


def _chosen(path: str, found: Sequence[str], symbol: str) -> Resolution:
    """Choose between several files: those of the asker's module, else of the only one.

    What a module declares once for each platform or version of the language is meant in each;
    what it declares for all of them is meant before that.
    """
    if len(found) > MAX_FILES:
        return Unresolved.AMBIGUOUS
    asker = _place_of(path)
    seen = _visible(asker, found)
    own = [one for one in seen if _place_of(one).module == asker.module]
    if not own and len({_place_of(one).module for one in seen}) > 1:
        return Unresolved.AMBIGUOUS
    if own:
        reach = max(_shared_parts(path, one) for one in own)
        seen = [one for one in own if _shared_parts(path, one) == reach]
    shared = [one for one in seen if _place_of(one).platform in {"common", "shared"}]
    return Target(tuple(sorted(shared or seen)), symbol)


def _whole(path: str, files: Sequence[str]) -> Resolution:
    """Return a package's files; tests only where it has nothing else."""
    if len(files) > _FAR_TOO_MANY:
        return Unresolved.AMBIGUOUS
    asker = _place_of(path)
    seen = _visible(asker, files)
    kept = [one for one in seen if not _place_of(one).test] or seen
    return Target(tuple(sorted(kept))) if len(kept) <= MAX_FILES else Unresolved.AMBIGUOUS


def _visible(asker: _Place, found: Sequence[str]) -> list[str]:
    """Leave out tests where no test asks, and what another platform of the same module holds."""
    kept = list(found)
    if not asker.test:
        kept = [one for one in kept if not _place_of(one).test] or kept
    return [one for one in kept if _sees(asker, _place_of(one))] or kept


def _sees(asker: _Place, place: _Place) -> bool:
    if asker.module != place.module or asker.platform == place.platform:
        return True
    if asker.platform in _SHARED:
        return place.platform in _SHARED
    leaves = set(asker.platform.split("-")), set(place.platform.split("-"))
    return bool(leaves[0] & leaves[1]) or not leaves[0] | leaves[1] <= _LEAVES


@lru_cache(_PATHS)
def _source_root(path: str) -> str:
    """Return the source root of a file, or its folder where the layout shows none."""
    found = _SET.search(path)
    if found:
        return path[: found.end()]
    head, marker, _ = path.partition("/src/")
    return head if marker else folder_of(path)


@lru_cache(_PATHS)
def _place_of(path: str) -> _Place:
    found = _SET.search(path)
    if found:
        module, name = path[: found.start()], found["set"]
        test = bool(_TEST_SET.search(name))
        platform = re.sub(r"(?:^|(?<=[a-z]))(?:[mM]ain|[tT]est)$", "", name)
    else:
        module, name, _ = f"/{path}".partition("/src/") if "/src/" in f"/{path}" else ("", "", "")
        module, test, platform = _bare_module(path, module, found_src=bool(name))
    head, _, last = module.rpartition("/")
    if _PLATFORM.fullmatch(last) and platform in _SHARED:
        module, platform = head, last
    return _Place(module.strip("/"), platform if _PLATFORM.fullmatch(platform) else "", test)


def _bare_module(path: str, module: str, *, found_src: bool) -> tuple[str, bool, str]:
    """Return module, test and platform where sources stand right under `src/` or `test/`."""
    if found_src:
        return module, bool(_TEST_FOLDER.search(module + "/")), ""
    found = _TEST_FOLDER.search(path)
    return (path[: found.start()], True, "") if found else ("", False, "")


def _shared_parts(one: str, other: str) -> int:
    """Return how many folders two paths have in common from the root on."""
    count = 0
    for left, right in zip(
        _source_root(one).split("/"), _source_root(other).split("/"), strict=False
    ):
        if left != right:
            break
        count += 1
    return count


def _conventional_package(parts: Sequence[str]) -> list[str]:
    """Return the parts up to the first that is written like a type."""
    end = next((at for at, part in enumerate(parts) if part[:1].isupper()), len(parts))
    return list(parts[:end])


def _scopes(clauses: Sequence[str]) -> Iterator[str]:
    """Yield the packages that a file's clauses open, the innermost first."""
    for end in range(len(clauses), 0, -1):
        yield ".".join(clauses[:end])


def _packages_of(tree: Tree) -> _Packages:
    files: dict[str, list[str]] = {}
    for path, language in tree.languages.items():
        if language in _LANGUAGES:
            package = ".".join(tree.packages.get(path, ())).replace("`", "")
            if path.rpartition("/")[2] not in _NO_TYPES:
                files.setdefault(package, []).append(path)
    known = {
        ".".join(parts[:end])
        for parts in (package.split(".") for package in files)
        for end in range(1, len(parts) + 1)
    }

    @cache
    def declared(package: str) -> Mapping[str, Sequence[str]]:
        return _inverted(
            (name, path) for path in files.get(package, ()) for name in tree.symbols(path)
        )

    @cache
    def extensions(package: str) -> Mapping[str, Sequence[str]]:
        kotlin = [path for path in files.get(package, ()) if tree.languages[path] == "kotlin"]
        return _inverted(
            (name, path) for path in kotlin for name in _extensions(tree.symbols(path))
        )

    @cache
    def scala(path: str) -> _ScalaFile:
        return _scala_file(tree, path)

    return _Packages(files, known, declared, extensions, scala)


def _scala_file(tree: Tree, path: str) -> _ScalaFile:
    imports = tree.imports(path)
    return _ScalaFile(
        own={name.rpartition(".")[2] for name in tree.symbols(path)},
        taken={_parts(one)[-1]: one for one in imports if one.name not in _EVERYTHING},
        scopes=list(_scopes(tree.packages.get(path, ())[:_MAX_PARTS])),
        wildcards=[one.module for one in imports if one.name in _EVERYTHING][:_MAX_PARTS],
    )


def _extensions(symbols: Collection[str]) -> Iterator[str]:
    """Yield what is defined for a type that the file itself does not define."""
    for name in symbols:
        receiver, _, own = name.rpartition(".")
        if receiver and receiver.partition(".")[0] not in symbols:
            yield own


def _inverted(pairs: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    found: dict[str, dict[str, None]] = {}
    for name, path in pairs:
        found.setdefault(name, {})[path] = None
    return {name: list(paths) for name, paths in found.items()}
