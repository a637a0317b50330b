"""Rust: functions, methods of `impl` blocks, types, traits, modules, macros, statics and tests."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hikma.domain import Import
from hikma.sources.grammar import Grammar
from hikma.sources.macros import without_shells
from hikma.sources.matches import text_of

if TYPE_CHECKING:
    import tree_sitter

_IMPL = """
(impl_item type: [
  (type_identifier) @owner (primitive_type) @owner
  (generic_type type: (type_identifier) @owner)
  (scoped_type_identifier name: (_) @owner)
  (generic_type type: (scoped_type_identifier name: (_) @owner))
  (reference_type type: (type_identifier) @owner)
  (reference_type type: (generic_type type: (type_identifier) @owner))
  (reference_type type: (primitive_type) @owner)
  (dynamic_type trait: (type_identifier) @owner)
  (dynamic_type trait: (generic_type type: (type_identifier) @owner))
  ] body: (_) @body) @scope
(impl_item type: (_) @owner body: (_) @body) @scope
(impl_item body: (declaration_list (type_item) @ignore))
"""

_DEFINITIONS = f"""
(line_comment) @comment
(block_comment) @comment
(attribute_item) @decorator
{_IMPL}
(function_item name: (identifier) @name body: (_) @body) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (_) @name body: (field_declaration_list) @body) @struct
(struct_item name: (_) @name) @struct
(union_item name: (_) @name body: (_) @body) @struct
(enum_item name: (_) @name body: (_) @body) @enum
(enum_variant_list (line_comment doc: (_)) . (attribute_item)* .
  (enum_variant name: (identifier) @name) @constant)
(trait_item name: (_) @name body: (_) @body) @interface
(mod_item name: (_) @name body: (_) @body) @module
(type_item name: (_) @name) @type
(associated_type name: (_) @name) @type
(macro_definition name: (_) @name . _ @body) @macro
(const_item name: (_) @name) @constant
(static_item name: (_) @name) @variable
"""

_REFERENCES = """
(call_expression function: [
  (identifier) @name
  (field_expression field: (field_identifier) @name)
  (scoped_identifier name: (identifier) @name)
  (generic_function function: (identifier) @name)
  (generic_function function: (scoped_identifier name: (identifier) @name))
  (generic_function function: (field_expression field: (field_identifier) @name))])
(call_expression function: (scoped_identifier path: (identifier) @name) (#match? @name "^[A-Z]"))
(struct_expression name: (type_identifier) @name)
(macro_invocation macro: (identifier) @name)
(macro_invocation macro: (scoped_identifier name: (identifier) @name))
(token_tree (identifier) @name . (token_tree "("))
(token_tree (identifier) @name . "::" (#match? @name "^[A-Z]"))
"""

_IMPORTS = r"""
(mod_item "mod" @keyword name: (identifier) @module !body)
(use_declaration "use" @keyword argument: (_) @module)
(extern_crate_declaration (crate) @keyword name: (identifier) @module)
(macro_invocation macro: (identifier) @keyword (token_tree . (string_literal) @module .)
  (#match? @keyword "^include(_str|_bytes)?$"))
"""

_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\s+|(?P<sign>::|[{},*])|(?:r#)?(?P<word>\w+)|.", re.DOTALL)
_MOST_NESTED = 64
INSIDE = "|"
"""Stands between the modules of the file around an import and what the import says."""


def _settle(asked: Import, node: "tree_sitter.Node", source: bytes) -> Import:
    """Add the modules that an import stands in, and to a module the path that it is given."""
    name = ""
    if asked.keyword == "mod" and node.parent:
        node = node.parent
        name = _given_path(node, source)
    within: list[str] = []
    while node.parent and len(within) < _MOST_NESTED:
        node = node.parent
        named = node.child_by_field_name("name") if node.type == "mod_item" else None
        if named:
            within.append(text_of(named, source))
    module = asked.module.removeprefix("r#")
    prefix = f"{'::'.join(reversed(within))}{INSIDE}" if within else ""
    return Import(prefix + module, name, asked.keyword)


def _given_path(module: "tree_sitter.Node", source: bytes) -> str:
    above = module.prev_named_sibling
    while above and above.type in {"attribute_item", "line_comment", "block_comment"}:
        found = _PATH.fullmatch(text_of(above, source))
        if found:
            return found[1]
        above = above.prev_named_sibling
    return ""


_PATH = re.compile(r'#\[\s*path\s*=\s*"([^"\\]+)"\s*\]')


def _unfold(asked: Import) -> Iterator[Import]:
    """Take a tree of `use` apart: one import a leaf; the keyword keeps what it is renamed to."""
    if asked.keyword != "use":
        yield asked
        return
    within, inside, text = asked.module.rpartition(INSIDE)
    for path, alias in _leaves(text):
        *module, name = path if len(path) > 1 else (*path, "")
        keyword = f"use as {alias}" if alias else "use"
        yield Import(within + inside + "::".join(module), name, keyword)


def _leaves(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the paths of a tree of `use` and their other names; `::` in front is an empty part."""
    outer: list[tuple[str, ...]] = []
    before: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    alias = ""
    renamed = False
    for token in _TOKEN.finditer(text):
        sign, word = token["sign"], token["word"]
        if renamed and word:
            alias, renamed = word, False
        elif word == "as":
            renamed = True
        elif word or sign == "*":
            path += (word or "*",)
        elif sign == "::":
            path = path or (() if before else ("",))
        elif sign == "{":
            outer.append(before)
            before, path = before + path, ()
        elif sign:
            yield from _leaf(before, path, alias)
            path, alias = (), ""
            before = outer.pop() if sign == "}" and outer else before
    yield from _leaf(before, path, alias)


def _leaf(
    before: tuple[str, ...], path: tuple[str, ...], alias: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    if path:
        yield before + (() if path == ("self",) and before else path), alias


GRAMMAR = Grammar(
    wheel="tree_sitter_rust",
    definitions=_DEFINITIONS,
    bindings="",
    references=_REFERENCES,
    imports=_IMPORTS,
    settle=_settle,
    unfold=_unfold,
    constructors=frozenset({"new"}),
    test_decorator=re.compile(
        r"#!?\[\s*(?:\w+\s*::\s*)*(?:test|rstest|bench|quickcheck|test_case|\w+_test)\b"
    ),
    prologue=frozenset({"inner_attribute_item"}),
    trailing=re.compile(rb"(?<=\s)//[^\n]*"),
    disguise=without_shells,
)
