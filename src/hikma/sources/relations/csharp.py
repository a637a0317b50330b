"""C#: namespaces over many files, types in them, and which projects a project may see."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.paths import existing, folder_of, in_tests, upwards
from hikma.sources.relations.tree import MAX_FILES, Resolution, Resolve, Target, Tree, Unresolved

_REFERENCE = re.compile(r"<ProjectReference\s[^<>]{0,200}?Include\s*=\s*[\"']([^\"'\n]+)[\"']")
_MOST_NAMESPACES = 100
"""Of one file."""
_ARGUMENTS = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class _Code:
    """The namespaces of a repository and the projects that hold them."""

    files: Mapping[str, Sequence[str]]
    """Namespace → the files that declare it."""
    declared: Callable[[str], Mapping[str, Sequence[str]]]
    """Namespace → name of a type or member, without the namespace → the files that define it."""
    blocks: Callable[[str, str], bool]
    """Whether a file calls a type by this full name: a namespace with braces is part of it."""
    project: Callable[[str], str | None]
    """Folder → the nearest project file, in it or above."""
    seen: Callable[[str], frozenset[str]]
    """Project → itself and all that it refers to, directly or not."""


def csharp(tree: Tree) -> Resolve:
    """Return what resolves `using`: a namespace means its files, a type those that declare it."""
    code = _code_of(tree)
    answers: dict[tuple[str | None, tuple[str, ...], Import], Resolution] = {}

    def resolve(path: str, asked: Import) -> Resolution:
        own = tree.packages.get(path, ())[:_MOST_NAMESPACES]
        project = code.project(folder_of(path))
        key = (project, own, asked)
        if key not in answers:
            answers[key] = _resolve(code, project, own, asked)
        return answers[key]

    return resolve


def _resolve(code: _Code, project: str | None, own: Sequence[str], asked: Import) -> Resolution:
    name = _plain(asked.module)
    inside, *kinds = ("inside" in asked.keyword, *asked.keyword.removeprefix("inside").split())
    around = [scope for one in own for scope in _enclosing(one)] if inside else []
    for full in (*(f"{scope}.{name}" for scope in around), name):
        if "static" not in kinds and full in code.files:
            return _whole(code, project, code.files[full])
        if found := kinds and _type(code, project, full):
            return found
    known = kinds and name.rpartition(".")[0] in code.files
    return Unresolved.MISSING if known else Unresolved.OUTSIDE


def _whole(code: _Code, project: str | None, files: Sequence[str]) -> Resolution:
    """Return a namespace's files that the asker's project sees; tests only if there is no other."""
    seen = _visible(code, project, files)
    kept = [one for one in seen if not in_tests(one)] or seen
    return Target(tuple(kept)) if len(kept) <= MAX_FILES else Unresolved.AMBIGUOUS


def _type(code: _Code, project: str | None, full: str) -> Resolution | None:
    parts = full.split(".")
    for at in range(len(parts) - 1, 0, -1):
        namespace, name = ".".join(parts[:at]), ".".join(parts[at:])
        if namespace in code.files and (found := code.declared(namespace).get(name)):
            seen = _visible(code, project, found)
            projects = {code.project(folder_of(one)) for one in seen}
            if len(projects) > 1 or len(seen) > MAX_FILES:
                return Unresolved.AMBIGUOUS
            return Target(tuple(seen), full if code.blocks(full, seen[0]) else name)
    return None


def _visible(code: _Code, project: str | None, files: Sequence[str]) -> list[str]:
    """Return the files of the asker's project and of those that it refers to; else all."""
    if project is None:
        return sorted(files)
    seen = code.seen(project)
    kept = [one for one in files if code.project(folder_of(one)) in seen]
    return sorted(kept or files)


def _code_of(tree: Tree) -> _Code:
    files: dict[str, list[str]] = {}
    for path, language in tree.languages.items():
        if language == "csharp":
            for namespace in _namespaces(tree, path):
                files.setdefault(namespace, []).append(path)
    projects: dict[str, str] = {}
    for path in tree.languages:
        if path.endswith(".csproj"):
            projects.setdefault(folder_of(path), path)

    @cache
    def declared(namespace: str) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for path in files[namespace]:
            for name in tree.symbols(path):
                found.setdefault(name.removeprefix(f"{namespace}."), []).append(path)
        return found

    def blocks(full: str, path: str) -> bool:
        return full in tree.symbols(path)

    @cache
    def project(folder: str) -> str | None:
        return next((projects[one] for one in upwards(folder) if one in projects), None)

    @cache
    def seen(path: str) -> frozenset[str]:
        return _closure(tree, path)

    return _Code(files, declared, blocks, project, seen)


def _closure(tree: Tree, project: str) -> frozenset[str]:
    found, open_ends = {project}, [project]
    while open_ends:
        path = open_ends.pop()
        for written in _REFERENCE.findall(tree.read(path) or ""):
            other = existing(tree.languages, folder_of(path), written.replace("\\", "/"))
            if other is not None and other not in found:
                found.add(other)
                open_ends.append(other)
    return frozenset(found)


def _namespaces(tree: Tree, path: str) -> Sequence[str]:
    """Return the namespaces of a file by their full names; one may be written inside another."""
    written = tree.packages.get(path, ())[:_MOST_NAMESPACES]
    if len(written) < 2:  # noqa: PLR2004 -- only then can one stand inside another
        return written
    symbols = tree.symbols(path)
    nested = {f"{outer}.{inner}" for outer in written for inner in written} & set(symbols)
    inside = {one.rpartition(".")[2] for one in nested}
    return [one for one in written if one not in inside] + sorted(nested)


def _enclosing(namespace: str) -> list[str]:
    """Return a namespace and those around it, the innermost first."""
    parts = namespace.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _plain(name: str) -> str:
    """Return a name without `global::`, type arguments and blanks."""
    while (bare := _ARGUMENTS.sub("", name)) != name:
        name = bare
    return "".join(name.rpartition("::")[2].split()).rstrip("?[]")
