"""Import clauses that name several things at once, taken apart: `a.{b, c => d}` asks for two."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hikma.domain import Import

if TYPE_CHECKING:
    import tree_sitter

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*|#[^\n\[]*$", re.DOTALL | re.MULTILINE)
_RENAMED = re.compile(r"\s*(?:=>|\bas\b)\s*")
_BRACES = re.compile(r"^(?P<head>[^{]*?)[.\\]?\s*\{(?P<inside>[^{}]*)\}?\s*$", re.DOTALL)
_PHP_KEYWORD = re.compile(r"^(?P<keyword>function|const)\s+", re.IGNORECASE)
_WHOLE_FILE = re.compile(rb"namespace\s+[\w.]+\s*;")
_HIDDEN = "_"
_UP_TO_MEMBER = 5
"""Nodes from the text of a string up to the expression around the call that holds it."""


def scala_imports(clause: Import) -> Iterator[Import]:
    """Yield what `import a.b.{C, D => E, _}, x.given` asks for; what `=> _` hides is not asked."""
    text = _COMMENT.sub("", clause.module).strip().removeprefix("import")
    for expression in _split(text, ","):
        head, selectors = _parts(expression)
        if selectors is None:
            head, _, last = _renamed(expression)[0].rpartition(".")
            yield Import(head, last) if head else Import(last)
            continue
        for selector in selectors:
            name, renamed = _renamed(selector)
            if renamed != _HIDDEN:
                yield Import(head, "given" if name.startswith("given ") else name)


def php_uses(clause: Import) -> Iterator[Import]:
    r"""Yield what `use function A\{b, c as d};` asks for: full names, the kind as keyword."""
    if clause.keyword:
        yield clause
        return
    text = _COMMENT.sub("", clause.module).strip().removeprefix("use").strip().rstrip(";")
    keyword, text = _kind_of(text.strip())
    for expression in _split(text, ","):
        head, names = _parts(expression)
        for name in [expression] if names is None else names:
            own, bare = _kind_of(_renamed(name)[0])
            full = bare if names is None else f"{head}\\{bare}"
            yield Import(full.strip("\\"), "", own or keyword)


def elixir_modules(clause: Import) -> Iterator[Import]:
    """Yield the modules of `A.{B, C.D}`: `A.B` and `A.C.D`."""
    head, names = _parts(_COMMENT.sub("", clause.module).strip())
    if names is None:
        yield Import("".join(clause.module.split()), "", clause.keyword)
        return
    for name in names:
        yield Import("".join(f"{head}.{name}".split()), "", clause.keyword)


def zig_member(one: Import, node: "tree_sitter.Node", source: bytes) -> Import:
    """Take from `@import("a.zig").B` the name `B`."""
    for _ in range(_UP_TO_MEMBER):
        if node.type == "field_expression":
            member = node.child_by_field_name("member")
            name = source[member.start_byte : member.end_byte] if member else b""
            return Import(one.module, name.decode("utf-8", "replace"), one.keyword)
        if node.parent is None:
            break
        node = node.parent
    return one


def csharp_place(one: Import, node: "tree_sitter.Node", source: bytes) -> Import:
    """Say by the keyword `inside` that a `using` stands in a namespace: names count from it."""
    using = node.parent
    place = using.parent if using is not None else None
    if using is None or place is None:
        return one
    before = max(source.rfind(b"namespace", 0, using.start_byte), 0)
    if place.type == "compilation_unit" and not _WHOLE_FILE.match(source, before):
        return one
    return Import(one.module, one.name, f"inside {one.keyword}".strip())


def haskell_names(one: Import, node: "tree_sitter.Node", _source: bytes) -> Import:
    """Name nothing where the list of an import says what it hides."""
    declaration = node.parent
    hiding = declaration is not None and any(
        child.type == "hiding" for child in declaration.children
    )
    return Import(one.module) if hiding else one


def _kind_of(text: str) -> tuple[str, str]:
    found = _PHP_KEYWORD.match(text)
    return (found["keyword"].lower(), text[found.end() :]) if found else ("", text)


def _renamed(text: str) -> tuple[str, str]:
    """Return the name asked for and the one it is given, without the blanks around the parts."""
    name, *given = _RENAMED.split(text.strip(), maxsplit=1)
    joined = name if name.startswith(("given ", "function ", "const ")) else "".join(name.split())
    return joined, given[0].strip() if given else ""


def _parts(text: str) -> tuple[str, list[str] | None]:
    """Return what stands before the braces and the names inside; None without braces."""
    found = _BRACES.match(text.strip())
    if not found:
        return text.strip(), None
    names = [name.strip() for name in found["inside"].split(",")]
    return "".join(found["head"].split()), [name for name in names if name]


def _split(text: str, mark: str) -> Iterator[str]:
    """Yield the parts between marks that stand outside of braces."""
    depth = start = 0
    for at, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if character == mark and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    if last := text[start:].strip():
        yield last
