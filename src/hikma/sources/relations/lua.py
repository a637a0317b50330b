"""Lua: `require` along the roots that a rockspec, Neovim's layout or a project's root settle."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.paths import below, folder_of, joined, spelled
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_STRING = re.compile(r"""'([^'\\]*)'|"([^"\\]*)"|\[\[([^\]]*)\]\]""")
_ROCK_MODULE = re.compile(
    r"""(?:\[\s*["']([\w.-]+)["']\s*\]|\b(\w+))\s*=\s*["']([^"'\s]+\.lua)["']"""
)
_FOLDERS = ("", "lua", "src", "lib")


def lua(tree: Tree) -> Resolve:
    """Return what resolves `require` of dotted names, and `dofile` and `loadfile` of paths."""
    rocks = [path for path in tree.languages if path.endswith(".rockspec")]
    declared = _declared(tree, rocks)
    projects = {"", *(folder_of(path) for path in rocks), *_game_roots(tree)}
    roots = {below(project, name).rstrip("/") for project in projects for name in _FOLDERS}
    modules = spelled((path for path in tree.languages if path.endswith(".lua")), roots)

    @cache
    def named(folder: str, name: str) -> Resolution:
        if name in declared:
            known = tuple(one for one in declared[name] if one in tree.languages)
            return _only(known) if known else Unresolved.MISSING
        file = name.replace(".", "/")
        for own in _own_roots(folder):
            if found := _in_root(tree, own, file):
                return Target((found,))
        plain = [path[: -len(".lua")] for path in modules.get(f"{file}.lua", ())]
        folders = [path[: -len("/init.lua")] for path in modules.get(f"{file}/init.lua", ())]
        return _only(
            (
                *(f"{one}.lua" for one in plain),
                *(f"{one}/init.lua" for one in folders if one not in plain),
            )
        )

    def resolve(path: str, asked: Import) -> Resolution:
        written = _STRING.fullmatch(asked.module.strip().removeprefix("(").removesuffix(")"))
        if written is None:
            return Unresolved.COMPUTED
        name = written[1] or written[2] or written[3] or ""
        if asked.keyword == "require":
            return named(folder_of(path), name)
        return _by_path(tree, path, name)

    return resolve


def _only(present: tuple[str, ...]) -> Resolution:
    if len(present) > 1:
        return Unresolved.AMBIGUOUS
    return Target(present) if present else Unresolved.OUTSIDE


def _by_path(tree: Tree, path: str, written: str) -> Resolution:
    """Return the file of a path that counts from where the program was started."""
    if written.startswith(("/", "~")):
        return Unresolved.OUTSIDE
    places = {joined("", written), joined(folder_of(path), written)}
    return _only(tuple(one for one in places if one in tree.languages and one))


def _in_root(tree: Tree, root: str, file: str) -> str | None:
    """Return `FILE.lua`, else `FILE/init.lua`, in the order of `package.path`."""
    places = (joined(root, f"{file}.lua"), joined(root, f"{file}/init.lua"))
    return next((place for place in places if place in tree.languages), None)


def _own_roots(folder: str) -> Iterator[str]:
    """Yield the folders named `lua` that a file lies in, the innermost first."""
    parts = folder.split("/")
    for end in range(len(parts), 0, -1):
        if parts[end - 1] == "lua":
            yield "/".join(parts[:end])


def _game_roots(tree: Tree) -> list[str]:
    """Return the folders that LÖVE runs: those of a `main.lua` beside a `conf.lua`."""
    mains = {folder_of(path) for path in tree.languages if f"/{path}".endswith("/main.lua")}
    return sorted(one for one in mains if below(one, "conf.lua") in tree.languages)


def _declared(tree: Tree, rocks: Iterable[str]) -> Mapping[str, Collection[str]]:
    """Return the modules that rockspecs list → their files; versions of one rock say the same."""
    found: dict[str, dict[str, None]] = {}
    for path in rocks:
        for quoted, bare, file in _ROCK_MODULE.findall(tree.read(path) or ""):
            place = joined(folder_of(path), file)
            if place is not None:
                found.setdefault(quoted or bare, {})[place] = None
    return found
