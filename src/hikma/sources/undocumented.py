"""The same file without what it says of its symbols: words of comments and docstrings blanked.

Quotes, markers and line ends stay, so that every line, every column and every symbol remain what
they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from hikma.domain import Extraction, Node, Skip, SourceFile
from hikma.sources import comments, components, notebooks, statements, syntax
from hikma.sources.comments import Comment
from hikma.sources.contents import decode, is_notebook
from hikma.sources.grammar import Tools, tools_for
from hikma.sources.language_names import written_in
from hikma.sources.matches import find
from hikma.sources.outline import Outline

if TYPE_CHECKING:
    import tree_sitter

_WORD = re.compile(r"\w")
_SHOWN = re.compile(r"\S")
_OF_JSON = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|\w")
_KEPT = re.compile(r"\s*#!|=(?:begin|end)\b")
"""What a file is run by, and the markers of a comment that are words."""
_LINE_END = 2**31
_OPENING = re.compile(r"[rRbBuUfF]{0,2}(\"\"\"|'''|\"|')")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of text: rows are 0-based, columns are in bytes; the end column is excluded.

    Of a `literal` everything goes, of a comment the words only: what else it has may be a marker.
    """

    start_row: int
    start_column: int
    end_row: int
    end_column: int
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Undocumented:
    """A file without its symbols' documentation, and the symbols that had one and have none now.

    `kept` counts those whose documentation could not be taken out, or went with the symbol.
    """

    file: SourceFile
    documented: tuple[Node, ...] = ()
    kept: int = 0


def without_documentation(file: SourceFile) -> Undocumented:
    """Take the documentation of all symbols and tests out of a file."""
    before = syntax.extract(file)
    if isinstance(before, Skip) or not any(node.documentation for node in before.nodes[1:]):
        return Undocumented(file)
    blank = _blanked(file, before)
    after = syntax.extract(blank)
    left = {} if isinstance(after, Skip) else {node.id: node for node in after.nodes}
    had = [node for node in before.nodes[1:] if node.documentation]
    gone = tuple(node for node in had if _is_bare(node, left.get(node.id)))
    return Undocumented(blank, gone, len(had) - len(gone))


def unchanged(file: SourceFile, _reason: str) -> Undocumented:
    """Return a file as it is, where taking it apart failed."""
    return Undocumented(file)


def _is_bare(before: Node, after: Node | None) -> bool:
    if after is None or after.span != before.span:
        return False
    return not _WORD.search(after.documentation)


def _blanked(file: SourceFile, before: Extraction) -> SourceFile:
    lines = before.text.split("\n")
    stretches = _documentation(file, before.text)
    if is_notebook(file.path):
        lines = (decode(file.content) or "").split("\n")
        for row in {row for one in stretches for row in range(one.start_row, one.end_row + 1)}:
            lines[row] = _OF_JSON.sub(_of_json, lines[row])
    else:
        for one in stretches:
            _blank(lines, one)
    return SourceFile(file.path, file.digest, "\n".join(lines).encode("utf-8", "replace"))


def _of_json(found: re.Match[str]) -> str:
    """Keep escapes of a JSON string, but for those that stand for a letter."""
    return " " if found[0][0] != "\\" or found[0][1] == "u" else found[0]


def _blank(lines: list[str], one: Stretch) -> None:
    for row in range(one.start_row, one.end_row + 1):
        line = lines[row].encode("utf-8", "replace")
        start = one.start_column if row == one.start_row else 0
        end = one.end_column if row == one.end_row else len(line)
        before, middle, after = (
            part.decode("utf-8", "replace") for part in (line[:start], line[start:end], line[end:])
        )
        if not _KEPT.match(middle):
            shown = _SHOWN if one.literal else _WORD
            lines[row] = f"{before}{shown.sub(_of_same_bytes, middle)}{after}"


def _of_same_bytes(found: re.Match[str]) -> str:
    return " " * len(found[0].encode())


def _documentation(file: SourceFile, text: str) -> list[Stretch]:
    """Return where the documentation of symbols stands, in rows of the file."""
    language = written_in(file.path, text)
    if language == "sql":
        return list(_above(statements.read(text)))
    rows = None
    if language == "jupyter":
        notebook = notebooks.read(decode(file.content) or "")
        if notebook is None:
            return []
        inner = notebooks.enclosed(notebook)
        tools, code, rows = tools_for(inner.grammar, inner.dialect), inner.text, inner.rows
    elif language in {"vue", "svelte"}:
        inner = components.read(file.path, text, language)
        tools, code = tools_for(inner.grammar, inner.dialect), inner.text
    else:
        tools, code = tools_for(language, file.path.rpartition(".")[2].lower()), text
    if tools is None:
        return []
    found = list(_in_code(tools, code, file.path))
    if language in {"vue", "svelte"} and (note := components.opening(text)):
        found.append(_between(text, *note.span(1)))
    return found if rows is None else [_moved(one, list(rows)) for one in found]


def _moved(one: Stretch, rows: list[int]) -> Stretch:
    return Stretch(rows[one.start_row], 0, rows[one.end_row], 0)


def _in_code(tools: Tools, text: str, path: str) -> Iterator[Stretch]:
    root, source = syntax.parsed(tools, text)
    found = syntax.outlined(tools, root, source, path)
    yield from _above(found)
    inside = [(item.start_row, item.end_row) for item in found.items]
    for one in find(tools, root, source).found:
        start = one.node.start_point.row
        of_symbol = one.role == "documentation" and any(a <= start <= b for a, b in inside)
        if of_symbol or one.role == "preface":
            yield _literal(one.node, source)


def _literal(node: "tree_sitter.Node", source: bytes) -> Stretch:
    """Return what stands between the quotes of a string, or all of a text without them."""
    text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    opening = _OPENING.match(text)
    quoted = opening and text.endswith(opening[1])
    before, behind = (len(opening[0]), len(opening[1])) if opening and quoted else (0, 0)
    (row, column), (end_row, end_column) = node.start_point, node.end_point
    return Stretch(row, column + before, end_row, end_column - behind, literal=True)


def _above(found: Outline) -> Iterator[Stretch]:
    """Yield the comments above what is documented; each once."""
    runs = (comments.run_above(item.start_row, found.comments) for item in found.items)
    for comment in dict.fromkeys(chain.from_iterable(runs)):
        yield _of_comment(comment)


def _of_comment(comment: Comment) -> Stretch:
    lines = comment.text.rstrip("\n").split("\n")
    alone = comment.start_row == comment.end_row
    end = _LINE_END if alone else len(lines[-1].encode())
    return Stretch(comment.start_row, 0, comment.end_row, end)


def _between(text: str, start: int, end: int) -> Stretch:
    """Return the stretch between two offsets in characters."""
    (row, column), (end_row, end_column) = (_point(text, at) for at in (start, end))
    return Stretch(row, column, end_row, end_column)


def _point(text: str, at: int) -> tuple[int, int]:
    first = text.rfind("\n", 0, at) + 1
    return text.count("\n", 0, at), len(text[first:at].encode("utf-8", "replace"))
