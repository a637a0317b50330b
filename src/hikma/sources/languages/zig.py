"""Zig: functions, containers bound to a name or returned by a function, values, and test blocks."""

import re

from hikma.sources.clauses import zig_member
from hikma.sources.grammar import Grammar

_CONTAINERS = "\n".join(
    f"""
(variable_declaration "const" . (identifier) @name ({node} "{{" @body)) @{kind}
({node}) @container
"""
    for node, kind in (
        ("struct_declaration", "struct"),
        ("union_declaration", "struct"),
        ("opaque_declaration", "struct"),
        ("enum_declaration", "enum"),
        ("error_set_declaration", "enum"),
    )
)
_RETURNED = """[
  (struct_declaration) (union_declaration) (enum_declaration) (opaque_declaration)]"""

_DEFINITIONS = f"""
(comment) @comment
(test_declaration [(string) (identifier)] @name (block) @body) @test
(test_declaration "test" @name . (block) @body) @test
(function_declaration name: (identifier) @name body: (block
  (expression_statement (return_expression {_RETURNED})) .) @body) @struct
(function_declaration name: (identifier) @name body: (block) @body) @function
(function_declaration name: (identifier) @name) @function
{_CONTAINERS}
(enum_declaration (comment) @_comment . (container_field name: (identifier) @name) @constant
  (#match? @_comment "^///"))
"""

_BINDINGS = """
(variable_declaration (builtin_function (builtin_identifier) @_called)
  (#match? @_called "^@(import|cImport)$")) @ignore
((variable_declaration (field_expression) @_path) @ignore
  (#match? @_path "^(std|builtin)[.]") (#not-match? @ignore "^pub"))
(variable_declaration "const" . (identifier) @name) @constant
(variable_declaration "var" . (identifier) @name) @variable
"""

_REFERENCES = """
(call_expression function: (identifier) @name)
(call_expression function: (field_expression member: (identifier) @name))
(call_expression function: (field_expression object: (identifier) @name) (#match? @name "^[A-Z]"))
(struct_initializer (identifier) @name)
"""

_IMPORTS = """
(builtin_function (builtin_identifier) @_import (arguments . (string (string_content) @module))
  (#eq? @_import "@import"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_zig",
    imports=_IMPORTS,
    settle=zig_member,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    trailing=re.compile(rb"(?<=\s)//[^\n]*"),
    constructors=frozenset({"init"}),
)
