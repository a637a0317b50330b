"""Reading C whose `#if` branches cut through definitions.

A parser sees both branches at once: `#ifdef A` / `if (x) {` / `#else` / `if (y) {` / `#endif` opens
two braces and closes one, and everything behind it is lost or seems nested. Such a file is read
twice more, once with the first branch of each conditional and once with the last, the rest blanked
in place so that every line and column stays true; what either reading finds is kept.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from hikma.domain import SymbolKind
from hikma.sources.grammar import Tools
from hikma.sources.outline import Item, Outline, outline, without_repeats

if TYPE_CHECKING:
    import tree_sitter

_DIRECTIVE = re.compile(rb"[ \t]*#[ \t]*(if|ifdef|ifndef|elif|elifdef|elifndef|else|endif)\b")
_AT_FILE_LEVEL = re.compile(rb"[A-Za-z_#]")
_WORDS = re.compile(rb"\s*[A-Za-z_]")
_NEVER = re.compile(rb"[ \t]*#[ \t]*if[ \t]+0\b")
_STRUCTURAL = re.compile(rb"[{}#\n]|\b(?:class|template|namespace|public|protected|private)\b")


def read_again(tools: Tools, root: "tree_sitter.Node", source: bytes, path: str) -> Outline | None:
    """Return the outline of both readings, or None where conditionals are not what is wrong."""
    from tree_sitter import Parser  # noqa: PLC0415 -- a search never parses

    if not (tools.grammar.conditional and root.has_error and b"#if" in source):
        return None
    if not _is_broken(root, source):
        return None
    found: list[Outline] = []
    for reading in readings(source, nested=not tools.grammar.flat):
        disguise = tools.grammar.disguise
        tree = Parser(tools.language).parse(disguise(reading) if disguise else reading)
        one = outline(tools, tree.root_node, reading, path)
        found.append(Outline(_disentangled(one.items), one.comments))
    return _merged(found, tools)


def readings(source: bytes, *, nested: bool = False) -> list[bytes]:
    """Return the source with first and with last branches only, each as long as the source.

    The second is left out where no last branch can hold a definition of its own, which stands at
    the start of a line unless definitions may be `nested`.
    """
    lines = source.split(b"\n")
    kept_first, kept_last = [True] * len(lines), [True] * len(lines)
    for branches in _conditionals(lines):
        last = len(branches) - 2
        first = 1 if last > 0 and _NEVER.match(lines[branches[0]]) else 0
        for index, (start, end) in enumerate(pairwise(branches)):
            for kept, chosen in ((kept_first, first), (kept_last, last)):
                dropped = 1 if index == chosen else end - start
                kept[start : start + dropped] = [False] * dropped
        kept_first[branches[-1]] = kept_last[branches[-1]] = False
    found = [_blanked(lines, kept_first)]
    if any(
        last and not first and (_WORDS if nested else _AT_FILE_LEVEL).match(line)
        for line, first, last in zip(lines, kept_first, kept_last, strict=True)
    ):
        found.append(_blanked(lines, kept_last))
    return found


def _conditionals(lines: list[bytes]) -> Iterator[list[int]]:
    """Yield the rows of the directives of each conditional, from `#if` to `#endif`."""
    opened: list[list[int]] = []
    for row, line in enumerate(lines):
        directive = _DIRECTIVE.match(line)
        if directive is None:
            continue
        if directive[1].startswith(b"if"):
            opened.append([row])
        elif opened:
            opened[-1].append(row)
            if directive[1] == b"endif":
                yield opened.pop()


def _blanked(lines: list[bytes], kept: list[bool]) -> bytes:
    return b"\n".join(
        line if keep else b" " * len(line) for line, keep in zip(lines, kept, strict=True)
    )


def _is_broken(root: "tree_sitter.Node", source: bytes) -> bool:
    """Whether an error spans braces or lines: an unknown macro before a name does not matter."""
    if root.is_error:
        return True
    cursor = root.walk()
    descend = True
    while True:
        if descend and cursor.goto_first_child():
            pass
        elif not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return False
            descend = False
            continue
        node = cursor.node
        descend = node is not None and node.has_error
        if node is not None and _is_structural(node, source):
            return True


def _is_structural(node: "tree_sitter.Node", source: bytes) -> bool:
    return node.is_error and bool(_STRUCTURAL.search(source, node.start_byte, node.end_byte))


def _merged(found: list[Outline], tools: Tools) -> Outline:
    items: dict[tuple[SymbolKind | None, str, int], Item] = {}
    notes = {}
    for one in found:
        notes.update(one.comments)
        for item in one.items:
            key = (item.kind, item.qualified_name, item.start_row)
            items.setdefault(key, item)
    ordered = sorted(items.values(), key=lambda item: (item.start_row, -item.end_row))
    return Outline(without_repeats(ordered, tools.grammar), notes)


def _disentangled(items: list[Item]) -> list[Item]:
    """End a function where the next begins: C has none inside another."""
    starts = sorted(item.start_row for item in items if _is_function(item))
    kept: list[Item] = []
    for item in items:
        position = bisect_right(starts, item.start_row)
        following = starts[position] if position < len(starts) else item.end_row + 1
        swallowed = _is_function(item) and following <= item.end_row
        kept.append(replace(item, end_row=following - 1) if swallowed else item)
    return kept


def _is_function(item: Item) -> bool:
    return not item.prototype and item.kind in {SymbolKind.FUNCTION, None}
