"""What does a parsed file ask for from elsewhere, and under which name is it itself asked for?"""

from typing import TYPE_CHECKING

from hikma.domain import Import
from hikma.sources.conditionals import readings
from hikma.sources.grammar import Tools
from hikma.sources.matches import text_of

if TYPE_CHECKING:
    import tree_sitter

MAX_IMPORTS = 5_000
"""Of one file; generated files with more say nothing more by them."""

_MAX_CHARACTERS = 500
_MAX_CLAUSE = 20_000
"""Of what `unfold` takes apart into many."""


def imports_of(
    tools: Tools, root: "tree_sitter.Node", source: bytes
) -> tuple[tuple[Import, ...], str]:
    """Return a file's imports in source order, each once, and its packages joined by a space.

    Where branches of `#if` cut through a namespace so that none is seen, each reading of the
    branches is asked as well.
    """
    if tools.imports is None:
        return (), ""
    found, packages = _asked(tools, tools.imports, root, source)
    expected = tools.grammar.conditional and "@package" in tools.grammar.imports
    if expected and root.has_error and not packages:
        from tree_sitter import Parser  # noqa: PLC0415 -- a search never parses

        for reading in readings(source):
            tree = Parser(tools.language).parse(reading)
            more = _asked(tools, tools.imports, tree.root_node, reading)
            found, packages = found | more[0], packages | more[1]
    return tuple(found), " ".join(packages)


def _asked(
    tools: Tools, query: "tree_sitter.Query", root: "tree_sitter.Node", source: bytes
) -> tuple[dict[Import, None], dict[str, None]]:
    from tree_sitter import QueryCursor  # noqa: PLC0415 -- a search never parses

    found: dict[Import, None] = {}
    packages: dict[str, None] = {}
    for _, captures in QueryCursor(query).matches(root):
        if len(found) > MAX_IMPORTS:
            break
        texts = {role: text_of(nodes[0], source) for role, nodes in captures.items()}
        if "package" in texts:
            packages["".join(texts["package"].split())] = None
        limit = _MAX_CLAUSE if tools.grammar.unfold else _MAX_CHARACTERS
        if 0 < len(texts.get("module", "")) <= limit:
            one = Import(texts["module"], texts.get("name", ""), texts.get("keyword", ""))
            if tools.grammar.settle:
                one = tools.grammar.settle(one, captures["module"][0], source)
            unfold = tools.grammar.unfold
            parts = unfold(one) if unfold else (one,)
            found |= {part: None for part in parts if 0 < len(part.module) <= _MAX_CHARACTERS}
    return found, packages
