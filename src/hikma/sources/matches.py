"""What a grammar's queries find in one parsed file, before anything is decided about it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hikma.domain import SymbolKind
from hikma.sources.comments import Comment
from hikma.sources.grammar import Tools

if TYPE_CHECKING:
    import tree_sitter

    Captures = Mapping[str, list[tree_sitter.Node]]

_BINDINGS = 1_000
"""Added to the patterns of `bindings`: those of `definitions` go before them."""

_ROLES = frozenset(SymbolKind) | {
    *("member", "prototype", "test", "suite", "scope", "result", "ignore"),
}
_NAMED = frozenset({"function", "class"})
_TITLED = frozenset({"test", "suite"})
NOTES = frozenset({"decorator", "documentation", "preface"})
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1).)*)(?:\1|\Z)""", re.DOTALL)
_TYPE_PATH = re.compile(r"[A-Za-z_$][\w$]*(?:(?:::|\.)[A-Za-z_$][\w$]*)*")
_WRAPPED = frozenset({"parenthesized_declarator", "reference_declarator"})
_TEMPLATES = frozenset({"template_function", "template_method", "template_type"})
_CAST = re.compile(r"\b(operator\s+)(?:\w+::)*([^(]*[^(\s])\s*\(.*", re.DOTALL)
"""How C++ declares a conversion: `operator std::string() const`."""
_TYPE_ARGUMENTS = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Found:
    """One match: a definition, a decorator or a docstring. Offsets are bytes, end excluded."""

    role: str
    node: "tree_sitter.Node"
    start: int
    end: int
    pattern: int
    inside: "tree_sitter.Node"
    """The body; without one, the node itself."""
    body: int = -1
    """Where the body starts; -1 without one."""
    name: str = ""
    owner: str = ""
    within: str = ""
    """What is written before the name and joined to it: `A.B` of `A::B::c`."""
    arity: int = 0
    """How many `@parameters` it has, which tells functions of one name apart."""
    declared: "Found | None" = None
    """Where it is declared apart from this, with its header and documentation."""


@dataclass(slots=True)
class Matches:
    """All matches of one file: definitions and notes in source order, comments by last row."""

    found: list[Found] = field(default_factory=list)
    comments: dict[int, Comment] = field(default_factory=dict)
    decorators: dict[int, int] = field(default_factory=dict)
    """Start → end, in bytes, of decorators and of the comments that may stand between them."""


def find(tools: Tools, root: "tree_sitter.Node", source: bytes) -> Matches:
    """Run the queries: definitions everywhere, bindings directly under the root and containers."""
    from tree_sitter import QueryCursor  # noqa: PLC0415 -- a search never parses

    matches = Matches()
    containers = [root]
    for pattern, captures in QueryCursor(tools.definitions).matches(root):
        containers += captures.get("container", ())
        _take(matches, tools, pattern, captures, source)
    cursor = QueryCursor(tools.bindings)
    cursor.set_max_start_depth(1)
    for container in containers:
        for pattern, captures in cursor.matches(container):
            _take(matches, tools, _BINDINGS + pattern, captures, source)
    matches.found.sort(key=lambda found: (found.start, -found.end, found.pattern))
    matches.found = list(_distinct(matches.found))
    return matches


def text_of(node: "tree_sitter.Node", source: bytes) -> str:
    """Return the text that a node spans."""
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _take(
    matches: Matches, tools: Tools, pattern: int, captures: "Captures", source: bytes
) -> None:
    if "comment" in captures:
        _take_comment(matches, captures["comment"][0], source)
        return
    for role, (node, *_) in captures.items():
        if role in _ROLES:
            matches.found.append(_definition(tools, pattern, role, captures, source))
            return
        if role in NOTES:
            matches.found.append(Found(role, node, node.start_byte, node.end_byte, pattern, node))
            if role == "decorator":
                matches.decorators[node.start_byte] = node.end_byte


def _take_comment(matches: Matches, node: "tree_sitter.Node", source: bytes) -> None:
    """Note a comment that stands alone on its lines; one behind code speaks of that code."""
    start, column = node.start_byte, node.start_point.column
    matches.decorators[start] = node.end_byte
    if column and source[start - column : start].strip():
        return
    first, last = node.start_point.row, node.end_point.row
    if node.end_point.column == 0 and last > first:
        last -= 1  # the node took the line's end with it
    matches.comments[last] = Comment(first, last, text_of(node, source))


def _definition(
    tools: Tools, pattern: int, role: str, captures: "Captures", source: bytes
) -> Found:
    node = captures[role][0]
    inside = captures["body"][0] if "body" in captures else node
    owner = text_of(captures["owner"][0], source) if "owner" in captures else ""
    within, name = _parted(tools, role, captures, source)
    if "declarator" in captures and within:
        owner, within = within, ""
    return Found(
        role,
        node,
        node.start_byte,
        max(node.end_byte, inside.end_byte),
        pattern,
        inside,
        body=inside.start_byte if "body" in captures else -1,
        name=name,
        owner=_type_path(owner),
        within=within,
        arity=captures["parameters"][0].named_child_count if "parameters" in captures else 0,
    )


def _type_path(text: str) -> str:
    """Return the dotted name in what a type is written as: `*A<B>::C` is `A.C`."""
    while (bare := _TYPE_ARGUMENTS.sub("", text)) != text:
        text = bare
    found = _TYPE_PATH.search(text)
    return found[0].replace("::", ".") if found else ""


def _name(tools: Tools, role: str, captures: "Captures", source: bytes) -> str:
    if "name" in captures:
        return " ".join(_unquoted(text_of(node, source)) for node in captures["name"])
    if "declarator" in captures:
        return _CAST.sub(r"\1\2", text_of(_declared(captures["declarator"][0]), source))
    return tools.grammar.unnamed if role in _NAMED else ""


def _parted(tools: Tools, role: str, captures: "Captures", source: bytes) -> tuple[str, str]:
    """Return what stands before the name and is joined to it, and the name itself."""
    if "path" in captures:
        path = text_of(captures["path"][0], source)
        *within, name = [part[2] for part in _QUOTED.finditer(path) if part[2]] or [path]
        return " > ".join(within), name
    name = _name(tools, role, captures, source)
    if role in _TITLED:
        return "", name
    name = name.lstrip(tools.grammar.sigils) or name
    if tools.grammar.joints is None:
        return "", name
    *within, name = tools.grammar.joints.split(name)
    return ".".join(filter(None, within)), name


def _unquoted(name: str) -> str:
    return name[1:-1] if name[:1] in {"'", '"', "`"} else name


def _declared(node: "tree_sitter.Node") -> "tree_sitter.Node":
    """Return the identifier within a C declarator: `*(*f)(int)` declares `f`."""
    while node.type != "operator_cast":
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in _WRAPPED:
            inner = next(iter(node.named_children), None)
        if inner is None and node.type in _TEMPLATES:
            inner = node.child_by_field_name("name")
        if inner is None:
            break
        node = inner
    return node


def _distinct(found: list[Found]) -> Iterator[Found]:
    """Leave out what an earlier pattern has marked already, under this name or to be ignored."""
    seen: set[tuple[int, int, str]] = set()
    taken: set[tuple[int, int]] = set()
    for one in found:
        key = (one.start, one.end, one.name)
        if one.role in NOTES:
            yield one
        elif key not in seen and (one.start, one.end, "") not in seen:
            seen.add(key)
            if one.role != "ignore" or key[:2] not in taken:
                yield one
            taken.add(key[:2])
