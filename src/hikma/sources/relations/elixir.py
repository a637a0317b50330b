"""Elixir: `alias`, `import`, `use` and `require` name modules; a file says which it defines."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from hikma.domain import Import
from hikma.sources.relations.tree import MAX_FILES, Resolution, Resolve, Target, Tree, Unresolved

_OWN = "__MODULE__"
_MAX_PARTS = 50


def elixir(tree: Tree) -> Resolve:
    """Return what resolves the directives that name a module."""
    modules: dict[str, list[str]] = {}
    for path, language in tree.languages.items():
        for module in tree.packages.get(path, ()) if language == "elixir" else ():
            modules.setdefault(module, []).append(path)

    @cache
    def aliases(path: str) -> Mapping[str, str]:
        return _aliases(tree.imports(path))

    def resolve(path: str, asked: Import) -> Resolution:
        own = tree.packages.get(path, ())
        if asked.module.startswith(_OWN) and not own:
            return Unresolved.COMPUTED
        inside = asked.module.startswith(_OWN)
        full = asked.module.replace(_OWN, own[0] if own else "")
        full = full if inside else _expanded(full, aliases(path))
        found = _defining(tree, modules, path, full)
        return found or (Unresolved.MISSING if inside else Unresolved.OUTSIDE)

    return resolve


def _defining(
    tree: Tree, modules: Mapping[str, Sequence[str]], path: str, full: str
) -> Resolution | None:
    """Return the file of a module, or of the module that it is written inside of."""
    parts = full.removeprefix("Elixir.").split(".")[:_MAX_PARTS]
    for end in range(len(parts), 0, -1):
        files = modules.get(".".join(parts[:end]), ())
        if len(files) > MAX_FILES:
            return Unresolved.AMBIGUOUS
        holding = [one for one in files if full in tree.symbols(one)] if end < len(parts) else files
        if path in holding:
            return Target((path,), full)
        if len(holding) > 1:
            return Unresolved.AMBIGUOUS
        if holding:
            return Target(tuple(holding), full)
    return None


def _aliases(imports: Iterable[Import]) -> Mapping[str, str]:
    """Return short name → full name, as `alias` gives them."""
    found: dict[str, str] = {}
    for one in imports:
        head, _, last = one.module.rpartition(".")
        if head and one.keyword == "alias" and not head.startswith(_OWN):
            found.setdefault(last, one.module)
    return found


def _expanded(name: str, aliases: Mapping[str, str]) -> str:
    """Return the full name where an `alias` gave its first part: `alias A.B; use B.C`."""
    first, dot, rest = name.partition(".")
    return f"{aliases[first]}.{rest}" if dot and first in aliases else name
