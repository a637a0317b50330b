"""From a parsed file to its outline: which definitions there are, and which stands in which.

One query finds every definition, so that Python touches definitions only and never every node of
a tree; what stands in what follows from byte ranges in one pass with an explicit stack, so that
no depth of nesting can exhaust the interpreter's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hikma.domain import SymbolKind
from hikma.sources import comments
from hikma.sources.comments import Comment
from hikma.sources.grammar import Grammar, Tools

if TYPE_CHECKING:
    import tree_sitter

LOCAL_LINES = 5
"""A function or class inside a function is a symbol of its own from this many lines on."""

MAX_SIGNATURE = 300
MAX_TITLE = 200

_LATE = 1_000
"""Added to the patterns of `bindings`: those of `definitions` go before them."""

_FUNCTIONS = frozenset({"function", "method", "member", "property", "constructor"})
_TYPES = frozenset({"class", "interface", "struct", "enum", "module"})
_VALUES = frozenset({"constant", "variable", "macro", "prototype"})
_NAMED = frozenset({"function", "class"})
_ROLES = frozenset(SymbolKind) | {"member", "prototype", "test", "suite", "scope", "ignore"}
_IDENTIFIER = re.compile(r"[A-Za-z_$]\w*")
_HEADER_END = re.compile(r"\s*(?:=>|[{:=;,])\s*\Z")


@dataclass(frozen=True, slots=True)
class Item:
    """A definition that the index keeps. Rows are 0-based, both included."""

    node: "tree_sitter.Node"
    inside: "tree_sitter.Node"
    """Where the names that a test calls are looked for: its body or arguments."""
    kind: SymbolKind | None
    """None for a test."""
    name: str
    qualified_name: str
    parent: "Item | None"
    owner: str
    start_row: int
    end_row: int
    signature: str
    documentation: list[str] = field(default_factory=list)
    prototype: bool = False


@dataclass(slots=True)
class Outline:
    """The definitions of one file in source order, and its comments by their last row."""

    items: list[Item]
    comments: dict[int, Comment]
    documentation: str = ""
    """The file's own docstring, where the language has such."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One match of the query."""

    role: str
    node: "tree_sitter.Node"
    start: int
    end: int
    pattern: int
    inside: "tree_sitter.Node"
    name: str = ""
    owner: str = ""
    body: int = -1


@dataclass(frozen=True, slots=True)
class _Place:
    """An open definition on the stack: what it means for whatever stands inside it."""

    found: _Found | None = None
    item: Item | None = None
    prefix: str = ""
    titles: tuple[str, ...] = ()
    local: bool = False
    """Inside a function, where only what is of some size is kept."""
    opened: bool = False
    """Functions in an object literal here are members."""
    closed: bool = False
    """Nothing here is kept: the inside of a test."""


def outline(tools: Tools, root: "tree_sitter.Node", source: bytes, path: str) -> Outline:
    """Return what a parsed file defines."""
    from tree_sitter import QueryCursor  # noqa: PLC0415 -- a search never parses

    reader = _Reader(tools, source, path)
    containers = [root]
    for pattern, captures in QueryCursor(tools.definitions).matches(root):
        containers += captures.get("container", ())
        reader.take(pattern, captures)
    cursor = QueryCursor(tools.bindings)
    cursor.set_max_start_depth(1)
    for container in containers:
        for pattern, captures in cursor.matches(container):
            reader.take(_LATE + pattern, captures)
    return reader.place()


class _Reader:
    """The state of one pass over one file."""

    def __init__(self, tools: Tools, source: bytes, path: str) -> None:
        self._grammar: Grammar = tools.grammar
        self._source = source
        grammar = tools.grammar
        self._test_path = bool(grammar.test_path and grammar.test_path.search(path))
        self._header = bool(grammar.header_path and grammar.header_path.search(path))
        self._found: list[_Found] = []
        self._decorators: dict[int, int] = {}
        self._comments: dict[int, Comment] = {}

    def take(self, pattern: int, captures: "dict[str, list[tree_sitter.Node]]") -> None:
        """Note one match."""
        for role, (node, *_) in captures.items():
            if role in _ROLES:
                self._found.append(self._definition(role, node, pattern, captures))
                return
        for role, (node, *_) in captures.items():
            if role == "comment":
                self._take_comment(node)
            elif role == "decorator":
                self._decorators[node.start_byte] = node.end_byte
                self._found.append(_Found(role, node, node.start_byte, node.end_byte, pattern, node))
            elif role == "documentation":
                self._found.append(_Found(role, node, node.start_byte, node.end_byte, pattern, node))

    def _definition(
        self,
        role: str,
        node: "tree_sitter.Node",
        pattern: int,
        captures: "dict[str, list[tree_sitter.Node]]",
    ) -> _Found:
        name = self._grammar.unnamed if role in _NAMED else ""
        if "name" in captures:
            name = self._text(captures["name"][0])
        elif "declarator" in captures:
            name = self._text(_declared(captures["declarator"][0]))
        owner = self._text(captures["owner"][0]) if "owner" in captures else ""
        identifier = _IDENTIFIER.search(owner)
        inside = captures["body"][0] if "body" in captures else node
        return _Found(
            role,
            node,
            node.start_byte,
            max(node.end_byte, inside.end_byte),
            pattern,
            inside=inside,
            name=_unquoted(name),
            owner=identifier[0] if identifier else "",
            body=inside.start_byte if "body" in captures else -1,
        )

    def _take_comment(self, node: "tree_sitter.Node") -> None:
        start, column = node.start_byte, node.start_point.column
        if column and self._source[start - column : start].strip():
            return
        first, last = node.start_point.row, node.end_point.row
        self._comments[last] = Comment(first, last, self._text(node))

    def _text(self, node: "tree_sitter.Node") -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def place(self) -> Outline:
        """Decide what is kept and what stands in what."""
        self._found.sort(key=lambda found: (found.start, -found.end, found.pattern))
        outline = Outline([], self._comments)
        stack = [_Place()]
        lead = (-1, -1)
        for found in _distinct(self._found):
            while (top := stack[-1].found) is not None and _beside(top, found):
                stack.pop()
            if found.role == "decorator":
                lead = self._extended(lead, found)
            elif found.role == "documentation":
                self._document(found, stack[-1], outline)
            else:
                stack.append(self._enter(found, stack[-1], lead))
                item = stack[-1].item
                if item is not None and item is not stack[-2].item:
                    outline.items.append(item)
        outline.items = _without_declared_twice(outline.items)
        return outline

    def _extended(self, lead: tuple[int, int], found: _Found) -> tuple[int, int]:
        follows = lead[1] >= 0 and not self._source[lead[1] : found.start].strip()
        return (lead[0] if follows else found.start, found.end)

    def _document(self, found: _Found, place: _Place, outline: Outline) -> None:
        text = comments.docstring(self._text(found.node))
        if place.found is None:
            outline.documentation = text
        elif place.item is not None and place.item.node == place.found.node:
            place.item.documentation[:] = [text]

    def _enter(self, found: _Found, top: _Place, lead: tuple[int, int]) -> _Place:
        """Return the place that a definition opens; it has an item of its own if it is kept."""
        role = found.role
        if top.closed:
            return _within(top, found)
        if role == "suite":
            return _within(top, found, titles=(*top.titles, _title(found.name)), local=True)
        if role == "scope":
            prefix = _joined(found.owner or top.prefix, found.name)
            opened = not found.name or top.opened
            return _within(top, found, prefix=prefix, opened=opened)
        if role == "test":
            return _within(top, found, item=self._test_call(found, top, lead), closed=True)
        if not self._is_kept(found, top):
            inner = role in _FUNCTIONS or (role in _TYPES and top.local)
            return _within(top, found, local=top.local or inner, opened=False)
        item = self._symbol(found, top, lead)
        return _Place(
            found,
            item,
            prefix=item.qualified_name,
            titles=top.titles,
            local=role in _FUNCTIONS or (role not in _TYPES and top.local),
            opened=role not in _FUNCTIONS,
            closed=item.kind is None,
        )

    def _is_kept(self, found: _Found, top: _Place) -> bool:
        role = found.role
        if role == "ignore" or found.name in {"", "_"}:
            return False
        if top.found is not None and 0 <= found.body == top.found.body:
            return False  # the tag of a typedef, which is the symbol already
        if role == "member" and not top.opened:
            return False
        if role == "prototype" and not self._header:
            return False
        if role in _VALUES:
            return not top.local and not _in_type(top)
        rows = found.node.end_point.row - found.node.start_point.row + 1
        return not top.local or rows >= LOCAL_LINES

    def _symbol(self, found: _Found, top: _Place, lead: tuple[int, int]) -> Item:
        grammar = self._grammar
        prefix = "" if grammar.flat else (found.owner or top.prefix)
        qualified_name = _joined(prefix, found.name)
        start, start_row, end_row, outer_end = self._extent(found, lead)
        signature = self._signature(found, self._after_decorators(start), outer_end)
        kind = self._kind(found, top, start)
        if self._is_test(found, top):
            kind = None
        above = comments.above(start_row, self._comments)
        return Item(
            found.node,
            found.inside,
            kind,
            found.name,
            qualified_name,
            None if grammar.flat else top.item,
            found.owner,
            start_row,
            end_row,
            signature,
            [above] if above else [],
            prototype=found.role == "prototype",
        )

    def _test_call(self, found: _Found, top: _Place, lead: tuple[int, int]) -> Item:
        start, start_row, end_row, outer_end = self._extent(found, lead)
        title = _title(found.name)
        name = " > ".join((*top.titles, title)) if not found.owner else f"{found.owner}.{title}"
        above = comments.above(start_row, self._comments)
        if found.body < 0:
            line_end = self._source.find(b"\n", start)
            outer_end = min(outer_end, line_end) if line_end >= 0 else outer_end
        signature = self._signature(found, start, outer_end)
        docs = [above] if above else []
        inside = found.node.child_by_field_name("arguments") or found.inside
        return Item(
            found.node, inside, None, title, name, None, "", start_row, end_row, signature, docs
        )

    def _kind(self, found: _Found, top: _Place, start: int) -> SymbolKind:
        role = found.role
        if role == "prototype":
            return SymbolKind.FUNCTION
        if role not in {"function", "member", "method"}:
            return SymbolKind(role)
        inside = found.owner or role == "method" or _in_type(top)
        if not inside and not (role == "member" and top.item is not None):
            return SymbolKind.FUNCTION
        if found.name in self._grammar.constructors:
            return SymbolKind.CONSTRUCTOR
        pattern = self._grammar.property_decorator
        if pattern and start < found.start:
            if pattern.search(self._source[start : found.start].decode("utf-8", "replace")):
                return SymbolKind.PROPERTY
        return SymbolKind.METHOD

    def _is_test(self, found: _Found, top: _Place) -> bool:
        grammar = self._grammar
        if grammar.test_name is None or found.role not in _FUNCTIONS or top.local:
            return False
        if not grammar.test_name.match(found.name):
            return False
        owner = top.item.signature if top.item else ""
        return self._test_path or bool(grammar.test_owner and grammar.test_owner.search(owner))

    def _extent(self, found: _Found, lead: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return start byte, start row, end row and end byte with all that belongs to it."""
        outer = found.node
        while (parent := outer.parent) is not None and self._belongs(outer, parent):
            outer = parent
        start, row = outer.start_byte, outer.start_point.row
        if 0 <= lead[0] < start and lead[1] <= start and not self._source[lead[1] : start].strip():
            row -= self._source.count(b"\n", lead[0], start)
            start = lead[0]
        end = max(outer.end_byte, found.end)
        end_row = outer.end_point.row
        if end > outer.end_byte:
            end_row += self._source.count(b"\n", outer.end_byte, end)
        elif outer.end_point.column == 0 and end_row > row:
            end_row -= 1
        return start, row, end_row, end

    def _belongs(self, inner: "tree_sitter.Node", outer: "tree_sitter.Node") -> bool:
        if outer.type in self._grammar.wrappers:
            return True
        return (
            outer.type in self._grammar.groups
            and outer.named_child_count == 1
            and outer.start_point.row == inner.start_point.row
        )

    def _after_decorators(self, start: int) -> int:
        while start in self._decorators:
            start = self._decorators[start]
            while self._source[start : start + 1].isspace():
                start += 1
        return start

    def _signature(self, found: _Found, start: int, end: int) -> str:
        """Return the header on one line: what stands before the body, and after it in a typedef."""
        header_end = found.body if found.body > start else end
        raw = self._source[start : min(header_end, start + 4 * MAX_SIGNATURE)]
        if found.body < 0 and found.role in _TYPES:
            raw = raw.partition(b"{")[0]
        text = " ".join(raw.decode("utf-8", "replace").split())
        if found.node.type == "type_definition" and found.body >= 0:
            text = f"{text} {found.name}"
        return _HEADER_END.sub("", text)[:MAX_SIGNATURE]


def _within(top: _Place, found: _Found, **changes: object) -> _Place:
    values = {
        "item": top.item,
        "prefix": top.prefix,
        "titles": top.titles,
        "local": top.local,
        "opened": top.opened,
        "closed": top.closed,
    }
    return _Place(found, **(values | changes))  # type: ignore[arg-type]


def _beside(top: _Found, found: _Found) -> bool:
    same = top.start == found.start and top.end == found.end
    return top.end <= found.start or same


def _distinct(sorted_found: list[_Found]) -> Iterator[_Found]:
    """Leave out what an earlier pattern has marked already, under this name or to be ignored."""
    seen: set[tuple[int, int, str]] = set()
    for found in sorted_found:
        key = (found.start, found.end, found.name)
        if found.role not in _ROLES:
            yield found
        elif key not in seen and (found.start, found.end, "") not in seen:
            seen.add(key)
            yield found


def _in_type(top: _Place) -> bool:
    return top.found is not None and top.found.role in _TYPES - {"module"}


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def _unquoted(name: str) -> str:
    if name[:1] in {"'", '"', "`"}:
        return name[1:-1]
    return name


def _title(name: str) -> str:
    return " ".join(name.split())[:MAX_TITLE]


def _declared(node: "tree_sitter.Node") -> "tree_sitter.Node":
    """Return the identifier within a C declarator: `*(*f)(int)` declares `f`."""
    while True:
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type == "parenthesized_declarator" and node.named_child_count:
            inner = node.named_child(0)
        if inner is None:
            return node
        node = inner


def _without_declared_twice(items: list[Item]) -> list[Item]:
    """Drop prototypes of functions that the same file defines, and repeated prototypes."""
    known = {item.qualified_name for item in items if not item.prototype}
    kept: list[Item] = []
    for item in items:
        if item.prototype and item.qualified_name in known:
            continue
        known.add(item.qualified_name)
        kept.append(item)
    return kept
