"""Haskell: a module is the file that its package's source folders hold under its name."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.paths import folder_of, joined, upwards
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_COMMENT = re.compile(r"--[^\n]*|#[^\n]*")
_FIELD = (
    r"^(?P<indent>[ \t]*)(?:-[ \t]+)?(?:{})[ \t]*:(?P<first>[^\n]*)"
    r"(?P<more>(?:\n(?P=indent)[ \t]++[^\n:]*+(?=\n|$)|\n[ \t]*+-[^\n:]*+(?=\n|$))*+)"
)
_FOLDERS = re.compile(_FIELD.format("hs-source-dirs|source-dirs"), re.IGNORECASE | re.MULTILINE)
_LISTED = re.compile(
    _FIELD.format("exposed-modules|other-modules|autogen-modules"), re.IGNORECASE | re.MULTILINE
)
_MODULE = re.compile(r"[A-Z][\w.']*")
_PART = re.compile(
    r"^(?:library|executable|test-suite|benchmark|foreign-library)\b", re.IGNORECASE | re.MULTILINE
)
_WORD = re.compile(r"[^\s,\[\]\"'-][^\s,\[\]\"']*")


@dataclass(frozen=True, slots=True)
class _Module:
    """A file that declares a module; `root` is where its path starts to spell the name."""

    path: str
    root: str | None


def haskell(tree: Tree) -> Resolve:
    """Return what resolves `import`: by source folders, else by the only declaration."""
    texts = _descriptions(tree)
    roots = {folder: _source_folders(folder, text) for folder, text in texts.items()}
    modules = _modules(tree, {root for found in roots.values() for root in found})

    @cache
    def package(folder: str) -> str | None:
        return next((one for one in upwards(folder) if one in roots), None)

    @cache
    def listed_in(folder: str) -> frozenset[str]:
        fields = _LISTED.finditer(texts[folder])
        return frozenset(
            name for one in fields for name in _MODULE.findall(one["first"] + one["more"])
        )

    @cache
    def named(own: str | None, root: str | None, name: str) -> tuple[str, ...]:
        declared = modules.get(name, ())
        near = [one for one in declared if one.root in roots.get(own or "", ())] or declared
        same = [one for one in near if one.root == root] if len(near) > 1 else near
        return tuple(one.path for one in same or near)

    def resolve(path: str, asked: Import) -> Resolution:
        own = package(folder_of(path))
        root = _root_of(path, (tree.packages.get(path) or ("",))[0])
        found = named(own, root, asked.module)
        if len(found) > 1:
            return Unresolved.AMBIGUOUS
        if found:
            return Target(found, asked.name)
        listed = asked.module in listed_in(own) if own is not None else False
        return Unresolved.MISSING if listed else Unresolved.OUTSIDE

    return resolve


def _modules(tree: Tree, roots: Collection[str]) -> Mapping[str, Sequence[_Module]]:
    """Return name → the files that declare it; where there are source folders, in one of them."""
    found: dict[str, list[_Module]] = {}
    for path, language in tree.languages.items():
        for name in tree.packages.get(path, ()) if language == "haskell" else ():
            module = _Module(path, _root_of(path, name))
            if not roots or module.root in roots:
                found.setdefault(name, []).append(module)
    return found


def _root_of(path: str, module: str) -> str | None:
    """Return the folder from which a file's place spells its module; None where it does not."""
    end = "/" + module.replace(".", "/")
    stem = "/" + path.rpartition(".")[0]
    return stem.removesuffix(end).removeprefix("/") if stem.endswith(end) else None


def _descriptions(tree: Tree) -> dict[str, str]:
    """Return folder of a package → what describes it to Cabal or to hpack."""
    found: dict[str, list[str]] = {}
    for path in tree.languages:
        if path.endswith(".cabal") or f"/{path}".endswith("/package.yaml"):
            found.setdefault(folder_of(path), []).append(tree.read(path) or "")
    return {folder: _COMMENT.sub("", "\n".join(texts)) for folder, texts in found.items()}


def _source_folders(folder: str, text: str) -> frozenset[str]:
    """Return where a package's modules lie; a part that says nothing has them beside the file."""
    fields = list(_FOLDERS.finditer(text))
    words = [word for one in fields for word in _WORD.findall(one["first"] + one["more"])]
    places = {place for word in words if (place := joined(folder, word)) is not None}
    silent = len(_PART.findall(text)) > len(fields) or not fields
    return frozenset(places | ({folder} if silent else set()))
