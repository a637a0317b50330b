"""From a parsed file to its outline: which definitions are kept, and which stands in which.

Queries find every definition, so that Python touches definitions only and never every node of a
tree; what stands in what follows from byte ranges in one pass with an explicit stack, so that no
depth of nesting can exhaust the interpreter's.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hikma.domain import SymbolKind
from hikma.sources import comments
from hikma.sources.comments import Comment
from hikma.sources.equations import joined
from hikma.sources.extents import after_decorators, extent, signature
from hikma.sources.grammar import Grammar, Tools
from hikma.sources.matches import Found, Matches, find, text_of

if TYPE_CHECKING:
    import tree_sitter

LOCAL_LINES = 5
"""A function or class inside a function is a symbol of its own from this many lines on."""

MAX_TITLE = 200

_FUNCTIONS = frozenset({"function", "method", "member", "property", "constructor"})
_TYPES = frozenset({"class", "interface", "struct", "enum"})
_VALUES = frozenset({"constant", "variable", "macro", "prototype"})
_FIELDS = frozenset({"constant", "variable"})
_MEMBERS = _FIELDS | {"prototype"}
_VARIABLES = frozenset({SymbolKind.CONSTANT, SymbolKind.VARIABLE})
_SUITES = frozenset({SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.MODULE})


@dataclass(frozen=True, slots=True)
class Item:
    """A definition that the index keeps. Rows are 0-based, both included."""

    inside: "tree_sitter.Node | None"
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
    """At most one text; a docstring, met later, replaces the comment above."""
    prototype: bool = False


@dataclass(slots=True)
class Outline:
    """The definitions of one file in source order, and its comments by their last row."""

    items: list[Item]
    comments: dict[int, Comment]
    documentation: str = ""
    """The file's own docstring, where the language has such."""


@dataclass(frozen=True, slots=True)
class _File:
    grammar: Grammar
    source: bytes
    matches: Matches
    test_path: bool
    header: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """An open definition on the stack: what it means for whatever stands inside it."""

    found: Found | None = None
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
    grammar = tools.grammar
    matches = find(tools, root, source)
    if grammar.clauses:
        matches.found = joined(matches.found)
    file = _File(
        grammar,
        source,
        matches,
        test_path=bool(grammar.test_path and grammar.test_path.search(path)),
        header=bool(grammar.header_path and grammar.header_path.search(path)),
    )
    return _place(file)


def without_repeats(items: list[Item], grammar: Grammar) -> list[Item]:
    """Drop prototypes of functions that the same file defines, and repeated prototypes."""
    known = {_identity(item, grammar) for item in items if not item.prototype}
    kept: list[Item] = []
    for item in items:
        identity = _identity(item, grammar)
        if item.prototype and identity in known:
            continue
        known.add(identity)
        kept.append(item)
    return kept


def _identity(item: Item, grammar: Grammar) -> tuple[str, str]:
    """Return what tells functions apart: in C their names, elsewhere their parameters too."""
    if grammar.flat or item.kind in _VARIABLES or not item.name:
        return (item.qualified_name, "")
    return (item.qualified_name, item.signature.partition(item.name)[2])


def _place(file: _File) -> Outline:
    outline = Outline([], file.matches.comments)
    stack = [_Place()]
    lead = (-1, -1)
    preface = ""
    for found in file.matches.found:
        while (top := stack[-1].found) is not None and _is_beside(top, found):
            stack.pop()
        if found.role == "decorator":
            lead = _extended(lead, found, file.source)
        elif found.role == "documentation":
            _document(found, stack[-1], outline, file.source)
        elif found.role == "preface":
            preface = "" if stack[-1].local else text_of(found.node, file.source)
        else:
            stack.append(_enter(file, found, stack[-1], lead))
            item = stack[-1].item
            if item is not None and item is not stack[-2].item:
                outline.items.append(item)
                if preface and found.role not in _FIELDS:
                    item.documentation[:] = [comments.docstring(preface)]
                    preface = ""
    outline.items = without_repeats(outline.items, file.grammar)
    return outline


def _is_beside(top: Found, found: Found) -> bool:
    """Whether `found` stands outside `top`; two names in one declaration stand side by side."""
    return top.end <= found.start or (top.start, top.end) == (found.start, found.end)


def _extended(lead: tuple[int, int], found: Found, source: bytes) -> tuple[int, int]:
    follows = lead[1] >= 0 and not source[lead[1] : found.start].strip()
    return (lead[0] if follows else found.start, found.end)


def _document(found: Found, place: _Place, outline: Outline, source: bytes) -> None:
    text = comments.docstring(text_of(found.node, source))
    if place.found is None:
        outline.documentation = text
    elif place.item is not None and place.item.inside == place.found.inside:
        place.item.documentation[:] = [text]


def _enter(file: _File, found: Found, top: _Place, lead: tuple[int, int]) -> _Place:
    """Return the place that a definition opens; it has an item of its own if it is kept."""
    role = found.role
    if top.closed:
        return replace(top, found=found)
    if role == "suite":
        return replace(top, found=found, titles=(*top.titles, _title(found.name)), local=True)
    if role == "scope":
        prefix = _joined(_owner(found, top) or top.prefix, found.name)
        opened = top.opened or not found.name
        return replace(top, found=found, prefix=prefix, opened=opened)
    if role == "result":
        return replace(top, found=found, opened=top.opened or top.item is not None)
    if role != "test" and not _is_kept(file, found, top):
        local = top.local or role in _FUNCTIONS
        return replace(top, found=found, local=local, opened=False)
    item = _item(file, found, top, lead)
    inner = role == "test" or role in _FUNCTIONS
    return _Place(
        found,
        item,
        prefix=item.qualified_name,
        titles=top.titles,
        local=inner or (top.local and role not in _TYPES),
        opened=not inner,
        closed=item.kind is None and not file.grammar.flat,
    )


def _is_kept(file: _File, found: Found, top: _Place) -> bool:
    role = found.role
    if role == "ignore" or found.name in {"", "_"}:
        return False
    if top.found is not None and 0 <= found.body == top.found.body:
        return False  # the tag of a typedef, which is the symbol already
    if role == "member" and not top.opened:
        return False
    if role == "prototype" and not file.header:
        return False
    if role in _VALUES:
        return not top.local and (role in _MEMBERS or not _is_type(top))
    rows = found.node.end_point.row - found.node.start_point.row + 1
    rows += file.source.count(b"\n", found.node.end_byte, found.end)
    return rows >= LOCAL_LINES or not top.local or file.grammar.flat


def _item(file: _File, found: Found, top: _Place, lead: tuple[int, int]) -> Item:
    whole = extent(found, file.grammar, file.source, lead)
    kind = _kind(file, found, top, whole.start)
    flat = file.grammar.flat or (found.role == "test" and _suite(top) is None)
    header, head = whole, found
    if found.declared is not None:
        head, header = found.declared, extent(found.declared, file.grammar, file.source, lead)
    above = comments.above(header.start_row, file.matches.comments, file.grammar.markup)
    bare = found.role == "test" and found.body < 0
    arguments = found.node.child_by_field_name("arguments") if bare else None
    return Item(
        arguments or found.inside,
        kind,
        _title(found.name),
        _qualified(file, found, top),
        None if flat else top.item,
        "" if flat else _written_owner(found, top),
        whole.start_row,
        whole.end_row,
        signature(head, header, file.grammar, file.source, file.matches.decorators),
        [above] if above else [],
        prototype=_is_repeatable(file, found),
    )


def _qualified(file: _File, found: Found, top: _Place) -> str:
    if found.role == "test" and not found.owner:
        title = " > ".join(filter(None, (*top.titles, found.within, _title(found.name))))
        return _joined(suite.qualified_name if (suite := _suite(top)) else "", title)
    if file.grammar.flat and found.role != "test":
        return found.name
    return _joined(_joined(_owner(found, top) or top.prefix, found.within), found.name)


def _written_owner(found: Found, top: _Place) -> str:
    """Return the qualified name of what a definition belongs to by what is written, not nested."""
    if found.within and not found.owner:
        return _joined(_owner(found, top) or top.prefix, found.within)
    return _owner(found, top) or (top.prefix if _is_scope(top) else "")


def _is_repeatable(file: _File, found: Found) -> bool:
    """Whether only the first of this name counts, and none where something else has it."""
    return found.role == "prototype" or (file.grammar.reassigned and found.role in _FIELDS)


def _owner(found: Found, top: _Place) -> str:
    """Return the type that a method says it belongs to, within the module that both stand in."""
    module = top.item if top.item and top.item.kind is SymbolKind.MODULE else None
    return _joined(module.qualified_name, found.owner) if module and found.owner else found.owner


def _kind(file: _File, found: Found, top: _Place, start: int) -> SymbolKind | None:
    """Return the kind; None for a test. `start` is where its decorators begin."""
    role, grammar = found.role, file.grammar
    if role == "test" or _is_test(file, found, top, start):
        return None
    if role not in {"function", "member", "method", "prototype"}:
        return SymbolKind(role)
    of_object = role == "member" and top.item is not None
    of_scope = role == "function" and _is_scope(top)
    if not (found.owner or role == "method" or _is_type(top) or of_object or of_scope):
        return SymbolKind.FUNCTION
    if found.name in grammar.constructors or (grammar.eponymous and _is_eponymous(found, top)):
        return SymbolKind.CONSTRUCTOR
    decorators = file.source[start : found.start].decode("utf-8", "replace")
    if grammar.property_decorator and grammar.property_decorator.search(decorators):
        return SymbolKind.PROPERTY
    return SymbolKind.METHOD


def _is_eponymous(found: Found, top: _Place) -> bool:
    return found.name == (_owner(found, top) or top.prefix).rpartition(".")[2]


def _is_test(file: _File, found: Found, top: _Place, start: int) -> bool:
    grammar = file.grammar
    if found.role not in _FUNCTIONS or top.local:
        return False
    if grammar.test_decorator and grammar.test_decorator.search(_decorators(file, start)):
        return True
    if grammar.test_name is None or not grammar.test_name.match(found.name):
        return False
    owner = top.item.signature if top.item else ""
    return file.test_path or bool(grammar.test_owner and grammar.test_owner.search(owner))


def _suite(top: _Place) -> Item | None:
    """Return the class or module whose body calls what makes a test, as in ScalaTest."""
    item = top.item
    while item is not None and item.kind not in _SUITES:
        item = item.parent
    return item


def _decorators(file: _File, start: int) -> str:
    end = after_decorators(start, file.source, file.matches.decorators)
    return file.source[start:end].decode("utf-8", "replace")


def _is_type(top: _Place) -> bool:
    return top.found is not None and top.found.role in _TYPES


def _is_scope(top: _Place) -> bool:
    """Whether a block that names a type without being its symbol encloses this directly."""
    found = top.found
    return found is not None and found.role == "scope" and bool(found.owner or found.name)


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def _title(name: str) -> str:
    return " ".join(name.split())[:MAX_TITLE]
