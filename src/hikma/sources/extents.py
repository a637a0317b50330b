"""Where does a definition begin and end, and what is its header on one line?"""

from typing import TYPE_CHECKING, NamedTuple

from hikma.sources.grammar import Grammar
from hikma.sources.matches import Found

if TYPE_CHECKING:
    import tree_sitter

MAX_SIGNATURE = 300

_HEADED = frozenset({"class", "interface", "struct", "enum", "module"})
_ONE_LINE = frozenset({"constant", "variable", "property", "test"})
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
    elif source[end - 1 : end].isspace():  # the node took the line's end with it
        end_row -= source.count(b"\n", start + len(source[start:end].rstrip()), end)
    return Extent(start, max(end, found.end), start_row, end_row)


def _belongs(inner: "tree_sitter.Node", outer: "tree_sitter.Node", grammar: Grammar) -> bool:
    if outer.type in grammar.wrappers:
        return True
    return (
        outer.type in grammar.groups
        and outer.named_child_count == 1
        and outer.start_point.row == inner.start_point.row
    )


def signature(
    found: Found, extent: Extent, grammar: Grammar, source: bytes, decorators: dict[int, int]
) -> str:
    """Return the header on one line, without decorators and body.

    A typedef of a structure keeps what stands behind the body: its name.
    """
    start = after_decorators(extent.start, source, decorators)
    end = found.body if found.body > start else extent.end
    raw = source[start : min(end, start + 4 * MAX_SIGNATURE)]
    if grammar.trailing is not None:
        raw = grammar.trailing.sub(b"", raw)
    if found.body < 0:
        raw = _without_value(raw, found)
    text = _without_end(_folded(raw), found.name)
    if found.node.type == "type_definition" and found.body >= 0:
        text = f"{text} {found.name}"
    return text[:MAX_SIGNATURE]


def _folded(raw: bytes) -> str:
    text = " ".join(raw.replace(b"\\\n", b" ").decode("utf-8", "replace").split())
    if b"\n" in raw:
        for loose, tight in _FOLDS:
            text = text.replace(loose, tight)
    return text


def _without_end(header: str, name: str) -> str:
    """Drop what only announces the body: `{`, `:`, `=>` and the like; a name may be such a sign."""
    while (shorter := header.rstrip(" {:=;,[(").removesuffix("=>")) != header:
        if name and header.endswith(name) and not shorter.endswith(name):
            return header
        header = shorter
    return header


def _without_value(raw: bytes, found: Found) -> bytes:
    """Cut what a query cannot name as a body: a value or block that runs over several lines."""
    if found.role in _ONE_LINE:
        end = raw.find(b"\n", max(raw.find(found.name.encode()), 0))
        return raw if end < 0 else raw[:end]
    if found.role in _HEADED or (found.role == "type" and b"\n" in raw):
        return raw.partition(b"{")[0]
    return raw


def after_decorators(start: int, source: bytes, decorators: dict[int, int]) -> int:
    """Return where the run of decorators at `start` ends, and the space behind it."""
    while start in decorators:
        start = decorators[start]
        while source[start : start + 1].isspace():
            start += 1
    return start
