"""Where does a definition begin and end, and what is its header on one line?"""

from typing import TYPE_CHECKING, NamedTuple

from hikma.sources.grammar import Grammar
from hikma.sources.matches import Found

if TYPE_CHECKING:
    import tree_sitter

MAX_SIGNATURE = 300

_HEADED = frozenset({"class", "interface", "struct", "enum", "module"})
_ONE_LINE = frozenset({"constant", "variable", "test"})
_FOLDS = (("( ", "("), (", )", ")"), (" )", ")"), ("[ ", "["), (" ]", "]"))


class Extent(NamedTuple):
    """A definition with all that belongs to it: bytes (end excluded), rows (both included)."""

    start: int
    end: int
    start_row: int
    end_row: int


def extent(found: Found, grammar: Grammar, source: bytes, lead: tuple[int, int]) -> Extent:
    """Return the extent from the decorator, the `export` or the declaration to its end.

    `lead` is the last run of decorators before the definition: start and end in bytes.
    """
    outer = found.node
    while (parent := outer.parent) is not None and _belongs(outer, parent, grammar):
        outer = parent
    start, start_row = outer.start_byte, outer.start_point.row
    if 0 <= lead[0] < start and lead[1] <= start and not source[lead[1] : start].strip():
        start_row -= source.count(b"\n", lead[0], start)
        start = lead[0]
    end, end_row = outer.end_byte, outer.end_point.row
    if found.end > end:
        end_row += source.count(b"\n", end, found.end)
    elif outer.end_point.column == 0 and end_row > start_row:
        end_row -= 1  # the node took the line's end with it
    return Extent(start, max(end, found.end), start_row, end_row)


def _belongs(inner: "tree_sitter.Node", outer: "tree_sitter.Node", grammar: Grammar) -> bool:
    if outer.type in grammar.wrappers:
        return True
    return (
        outer.type in grammar.groups
        and outer.named_child_count == 1
        and outer.start_point.row == inner.start_point.row
    )


def signature(found: Found, extent: Extent, source: bytes, decorators: dict[int, int]) -> str:
    """Return the header on one line, without decorators and body.

    A typedef of a structure keeps what stands behind the body: its name.
    """
    start = _after_decorators(extent.start, source, decorators)
    end = found.body if found.body > start else extent.end
    raw = source[start : min(end, start + 4 * MAX_SIGNATURE)]
    if found.body < 0:
        raw = _without_value(raw, found.role)
    text = _without_end(_folded(raw))
    if found.node.type == "type_definition" and found.body >= 0:
        text = f"{text} {found.name}"
    return text[:MAX_SIGNATURE]


def _folded(raw: bytes) -> str:
    text = " ".join(raw.replace(b"\\\n", b" ").decode("utf-8", "replace").split())
    if b"\n" in raw:
        for loose, tight in _FOLDS:
            text = text.replace(loose, tight)
    return text


def _without_end(header: str) -> str:
    """Drop what only announces the body: `{`, `:`, `=>` and the like."""
    while (shorter := header.rstrip(" {:=;,[(").removesuffix("=>")) != header:
        header = shorter
    return header


def _without_value(raw: bytes, role: str) -> bytes:
    """Cut what a query cannot name as a body: a value or block that runs over several lines."""
    if role in _ONE_LINE:
        return raw.partition(b"\n")[0]
    if role in _HEADED or (role == "type" and b"\n" in raw):
        return raw.partition(b"{")[0]
    return raw


def _after_decorators(start: int, source: bytes, decorators: dict[int, int]) -> int:
    while start in decorators:
        start = decorators[start]
        while source[start : start + 1].isspace():
            start += 1
    return start
