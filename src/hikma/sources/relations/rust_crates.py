"""Which crates does a repository hold, and which of each other do they name? Cargo's manifests."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hikma.sources.relations.configuration import at, strings, table, toml_of
from hikma.sources.relations.paths import below, folder_of, joined, upwards
from hikma.sources.relations.tree import Tree

_KINDS = ("dependencies", "dev-dependencies", "build-dependencies")
_BESIDE = (("bin", "src/bin"), ("test", "tests"), ("example", "examples"), ("bench", "benches"))
_OLD_EDITION = "2015"


@dataclass(frozen=True, slots=True)
class Package:
    """One Cargo package: the file that its library starts with, and the others it is built from."""

    folder: str
    name: str
    """As its library is called in code."""
    library: str | None
    programs: tuple[str, ...]
    old: bool
    """Whether paths of `use` start at the crate, as before the edition of 2018."""
    dependencies: Mapping[str, str] = field(default_factory=dict)
    """Name in code → folder of the package in this repository."""


def packages_of(tree: Tree) -> dict[str, Package]:
    """Return the packages of a tree by folder."""
    manifests = {
        folder_of(path): toml_of(tree.read(path))
        for path in tree.languages
        if path.rpartition("/")[2] == "Cargo.toml"
    }
    beside = _beside(tree)
    return {
        folder: _package(tree, beside, manifests, folder)
        for folder, manifest in manifests.items()
        if isinstance(at(manifest, "package", "name"), str)
    }


def _package(
    tree: Tree,
    beside: Mapping[str, Sequence[str]],
    manifests: Mapping[str, Mapping[str, Any]],
    folder: str,
) -> Package:
    manifest = manifests[folder]
    around = (one for one in upwards(folder) if at(manifests.get(one), "workspace") is not None)
    workspace = next(around, folder)
    shared = at(manifests.get(workspace), "workspace")
    name = at(manifest, "lib", "name") or at(manifest, "package", "name")
    edition = at(manifest, "package", "edition") or _OLD_EDITION
    if at(edition, "workspace") is True:
        edition = at(shared, "package", "edition") or _OLD_EDITION
    library = _written(folder, at(manifest, "lib", "path"), "src/lib.rs")
    return Package(
        folder,
        _in_code(name) if isinstance(name, str) else "",
        library if library in tree.languages else None,
        tuple(dict.fromkeys(_programs(tree, beside, manifest, folder))),
        edition == _OLD_EDITION,
        dict(_dependencies(manifests, folder, workspace)),
    )


def _written(folder: str, path: object, usual: str) -> str | None:
    return joined(folder, path if isinstance(path, str) else usual)


def _programs(
    tree: Tree, beside: Mapping[str, Sequence[str]], manifest: Mapping[str, Any], folder: str
) -> Iterator[str]:
    """Yield the files that Cargo builds beside the library: programs, tests, examples."""
    usual = ["src/main.rs"]
    build = at(manifest, "package", "build")
    usual.append(build if isinstance(build, str) else "build.rs")
    for kind, _ in _BESIDE:
        listed = manifest.get(kind)
        for one in listed if isinstance(listed, list) else []:
            usual += strings(at(one, "path"))
    paths = (joined(folder, one) for one in usual)
    yield from (path for path in paths if path is not None and path in tree.languages)
    for _, place in _BESIDE:
        yield from beside.get(below(folder, place), ())


def _beside(tree: Tree) -> dict[str, list[str]]:
    """Return what each folder would build as programs: `x.rs` and `x/main.rs`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, language in tree.languages.items():
        if language == "rust":
            folder = folder_of(path)
            found[folder].append(path)
            if folder and path.endswith("/main.rs"):
                found[folder_of(folder)].append(path)
    return found


def _dependencies(
    manifests: Mapping[str, Mapping[str, Any]], folder: str, workspace: str
) -> Iterator[tuple[str, str]]:
    shared = at(manifests.get(workspace), "workspace", "dependencies")
    patched = {
        name: spec
        for registry in table(at(manifests.get(workspace), "patch")).values()
        for name, spec in table(registry).items()
    }
    for alias, spec in _asked(manifests[folder]):
        inherited = at(spec, "workspace") is True
        meant = at(shared, alias) if inherited else spec
        place = _local(manifests, workspace if inherited else folder, meant)
        package = at(meant, "package")
        if place is None:
            replacement = patched.get(package if isinstance(package, str) else alias)
            place = _local(manifests, workspace, replacement)
        if place is not None:
            yield _in_code(alias), place


def _asked(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    tables = [manifest, *table(manifest.get("target")).values()]
    for one in tables:
        for kind in _KINDS:
            yield from table(at(one, kind)).items()


def _local(manifests: Mapping[str, object], start: str, spec: object) -> str | None:
    """Return the folder of the package that a dependency names by its path."""
    path = at(spec, "path")
    place = joined(start, path) if isinstance(path, str) else None
    return place if place in manifests else None


def _in_code(name: str) -> str:
    return name.replace("-", "_")
