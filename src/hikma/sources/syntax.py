"""What does one file say? Its text, its symbols and tests, and the headings of its prose."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hikma.domain import (
    Edge,
    EdgeKind,
    Extraction,
    Node,
    NodeId,
    NodeKind,
    Reference,
    Skip,
    SourceFile,
    Span,
)
from hikma.sources import (
    comments,
    components,
    conditionals,
    enclosed,
    markdown,
    notebooks,
    statements,
)
from hikma.sources.contents import decode, examine
from hikma.sources.enclosed import Enclosed
from hikma.sources.grammar import Tools, tools_for
from hikma.sources.imports import imports_of
from hikma.sources.language_names import written_in
from hikma.sources.outline import Item, Outline, outline

if TYPE_CHECKING:
    import tree_sitter

MAX_DEPTH = 1_000
"""Trees nested deeper are data or hostile; the deepest of 30 real repositories is far below."""

MAX_LOOSE = 10_000
"""Children of one error node; a query takes time that is quadratic in them."""

_MAX_REFERENCES = 200


def extract(file: SourceFile) -> Extraction | Skip:
    """Read one file; a `Skip` says why it is not worth indexing.

    Code in a language without a grammar is read as text, and so is code that is nested deeper than
    `MAX_DEPTH` or hardly code at all; then `limitation` says so.
    """
    text = examine(file.path, file.content)
    if isinstance(text, Skip):
        return text
    language = written_in(file.path, text)
    if language == "markdown":
        return plain(file, text, sections=True)
    if language == "sql":
        return _finished(file, text, statements.read(_with_line_feeds(text)))
    if language == "jupyter":
        return _notebook(file, text)
    if language in {"vue", "svelte"}:
        scripts = components.read(file.path, _with_line_feeds(text), language)
        return _code(file, text, tools_for(scripts.grammar, scripts.dialect), scripts)
    return _code(file, text, tools_for(language, _extension(file.path)))


def plain(
    file: SourceFile, text: str, *, sections: bool = False, limitation: str | None = None
) -> Extraction:
    """Return a file as text without symbols; with `sections`, its Markdown headings."""
    text = _with_line_feeds(text)
    return Extraction(
        file.path,
        text,
        (_file_node(file, text),),
        (),
        sections=tuple(markdown.sections(text)) if sections else (),
        limitation=limitation,
    )


def _notebook(file: SourceFile, text: str) -> Extraction:
    """Return a notebook's code in its kernel's language and its headings."""
    notebook = notebooks.read(decode(file.content) or "")
    if notebook is None:
        return plain(file, text, limitation="not readable as a notebook: its JSON is broken")
    cells = notebooks.enclosed(notebook)
    found = _code(file, text, tools_for(cells.grammar, cells.dialect), cells)
    return replace(found, sections=cells.sections)


def _code(
    file: SourceFile, text: str, tools: Tools | None, inner: Enclosed | None = None
) -> Extraction:
    """Return what a file of code defines; with `inner`, what the code in it defines."""
    if tools is None:
        return plain(file, text)
    text = _with_line_feeds(text)
    root, source = parsed(tools, inner.text if inner else text)
    if limitation := _limitation(root):
        return plain(file, text, limitation=limitation)
    found = outlined(tools, root, source, file.path)
    found.documentation = found.documentation or _opening(root, found, tools)
    if inner is not None:
        found.documentation = inner.documentation or found.documentation
        found.items = enclosed.in_place(found.items, inner)
    imports, package = imports_of(tools, root, source)
    return replace(_finished(file, text, found, tools, inner, package), imports=imports)


def parsed(tools: Tools, text: str) -> "tuple[tree_sitter.Node, bytes]":
    """Return the root of a text's tree, and the bytes that the tree's offsets are of."""
    from tree_sitter import Parser  # noqa: PLC0415 -- a search never parses

    source = _readable(text.encode("utf-8", "replace"), tools)
    disguised = tools.grammar.disguise(source) if tools.grammar.disguise else source
    return Parser(tools.language).parse(disguised).root_node, source


def outlined(tools: Tools, root: "tree_sitter.Node", source: bytes, path: str) -> Outline:
    """Return what a parsed file defines, read again where conditionals cut through it."""
    found = conditionals.read_again(tools, root, source, path)
    return outline(tools, root, source, path) if found is None else found


def _finished(
    file: SourceFile,
    text: str,
    found: Outline,
    tools: Tools | None = None,
    inner: Enclosed | None = None,
    package: str = "",
) -> Extraction:
    """Return a file's outline as nodes and edges, with the names that its tests call."""
    text = _with_line_feeds(text)
    language = written_in(file.path, text)
    symbols = list(_nodes(found.items, file.path, language))
    if inner is not None:
        whole = inner.component is not None
        symbols[whole:] = [replace(node, language=inner.language) for node in symbols[whole:]]
    references = [
        reference
        for item, node in zip(found.items, symbols, strict=True)
        if tools is not None and node.kind is NodeKind.TEST
        for reference in _references(tools, item, node.id)
    ]
    return Extraction(
        file.path,
        text,
        (_file_node(file, text, found.documentation, package), *symbols),
        tuple(_edges(found.items, symbols, file.path)),
        references=tuple(references),
    )


def _readable(source: bytes, tools: Tools) -> bytes:
    """Blank in place what only confuses the parser, so that lines and columns stay true."""
    if tools.grammar.noise is not None:
        source = tools.grammar.noise.sub(lambda match: b" " * len(match[0]), source)
    return source


def _limitation(root: "tree_sitter.Node") -> str | None:
    """Return why a tree is not to be searched, else None.

    Walks into subtrees that are large enough to be too deep or too loose, and into no other.
    """
    cursor = root.walk()
    depth = 0
    while True:
        node = cursor.node
        if node is not None and node.is_error and node.child_count > MAX_LOOSE:
            return f"not readable as code: more than {MAX_LOOSE:,} loose parts"
        if node is not None and node.descendant_count > MAX_DEPTH and cursor.goto_first_child():
            depth += 1
            if depth > MAX_DEPTH:
                return f"nested deeper than {MAX_DEPTH:,} levels"
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return None
            depth -= 1


def _nodes(items: Sequence[Item], path: str, language: str | None) -> Iterator[Node]:
    counts: dict[NodeId, int] = {}
    for item in items:
        kind = NodeKind.SYMBOL if item.kind else NodeKind.TEST
        key = f"{kind}:{path}#{item.qualified_name}"
        counts[key] = counts.get(key, 0) + 1
        yield Node(
            key if counts[key] == 1 else f"{key}~{counts[key]}",
            kind,
            item.name,
            path,
            Span(item.start_row + 1, item.end_row + 1),
            language,
            item.kind,
            item.qualified_name,
            item.signature,
            item.documentation[0] if item.documentation else "",
        )


def _edges(items: Sequence[Item], symbols: Sequence[Node], path: str) -> Iterator[Edge]:
    """Yield who defines whom; a method written outside its type still belongs to the type."""
    ids = {id(item): node.id for item, node in zip(items, symbols, strict=True)}
    types: dict[str, NodeId] = {}
    for node in symbols:
        types.setdefault(node.qualified_name, node.id)
    for item, node in zip(items, symbols, strict=True):
        source = ids.get(id(item.parent)) if item.parent else None
        if item.parent and not source:
            source = types.get(item.parent.qualified_name)
        if item.owner and item.owner in types:
            source = types[item.owner]
        yield Edge(EdgeKind.DEFINES, source or f"file:{path}", node.id)


def _references(tools: Tools, item: Item, source: NodeId) -> Iterator[Reference]:
    """Yield the names that a test calls, each once, in the order in which they stand."""
    from tree_sitter import QueryCursor  # noqa: PLC0415 -- a search never parses

    if item.inside is None:
        return
    found = QueryCursor(tools.references).captures(item.inside).get("name", [])
    found.sort(key=lambda node: node.start_byte)
    names = dict.fromkeys((node.text or b"").decode("utf-8", "replace") for node in found)
    for name in list(names)[:_MAX_REFERENCES]:
        yield Reference(source, name)


def _opening(root: "tree_sitter.Node", found: Outline, tools: Tools) -> str:
    """Return the words of the comments before any code, unless they belong to a symbol."""
    before = tools.grammar.prologue
    nodes = (node for node in root.named_children if "comment" not in node.type)
    code = next((node for node in nodes if node.type not in before), None)
    first_row = code.start_point.row if code else root.end_point.row + 1
    claimed = {
        comment.end_row
        for item in found.items[:1]
        for comment in comments.run_above(item.start_row, found.comments)
    }
    opening = [
        comment
        for row, comment in sorted(found.comments.items())
        if row < first_row and row not in claimed
    ]
    paragraphs = map(comments.tidy, comments.runs(opening))
    return comments.without_legal("\n\n".join(paragraphs))


def _file_node(file: SourceFile, text: str, documentation: str = "", package: str = "") -> Node:
    lines = text.count("\n") + (not text.endswith("\n") if text else 0)
    return Node(
        f"file:{file.path}",
        NodeKind.FILE,
        file.path.rpartition("/")[2],
        file.path,
        Span(1, max(lines, 1)),
        written_in(file.path, text),
        documentation=documentation,
        properties={
            "size": len(file.content),
            "lines": lines,
            "extension": _extension(file.path),
            "digest": file.digest,
            **({"package": package} if package else {}),
        },
    )


def _extension(path: str) -> str:
    stem, dot, extension = path.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot and stem else ""


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
