"""C: functions, prototypes in headers, types, macros, initialised globals, and test macros."""

import re

from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f"""
(type_definition type: ({node} body: (_) @body) . declarator: (_) @declarator) @{kind}
({node} name: (type_identifier) @name body: (_) @body) @{kind}
"""
    for node, kind in (
        ("struct_specifier", "struct"),
        ("union_specifier", "struct"),
        ("enum_specifier", "enum"),
    )
)

_DEFINITIONS = (
    r"""
(comment) @comment
(function_definition type: (type_identifier) @_macro
  declarator: (parenthesized_declarator (identifier) @name) body: (_) @body
  (#match? @_macro "(^|_)(TEST|BENCHMARK)")) @test
(function_definition declarator: (function_declarator declarator: (identifier) @_macro
  parameters: (parameter_list . (parameter_declaration type: (type_identifier) @owner)
    . (parameter_declaration type: (type_identifier) @name) .)) body: (_) @body
  (#match? @_macro "(^|_)TEST")) @test
((expression_statement (call_expression function: (identifier) @_macro
    arguments: (argument_list . (identifier) @owner . (identifier) @name .))) @test
  . (compound_statement) @body (#match? @_macro "(^|_)TEST"))
((macro_type_specifier type: (type_descriptor type: (type_identifier) @name
    declarator: (abstract_function_declarator))) @function . (compound_statement) @body)
(function_definition declarator: (_) @declarator body: (_) @body) @function
(preproc_def name: (identifier) @name value: (_)) @macro
(preproc_function_def name: (identifier) @name value: (_) @body) @macro
(preproc_function_def name: (identifier) @name) @macro
(preproc_ifdef) @container
(preproc_if) @container
(preproc_else) @container
(preproc_elif) @container
(linkage_specification body: (declaration_list) @container)
"""
    + _TYPES
    + "(type_definition declarator: (_) @declarator) @type"
)

_FUNCTION = "(function_declarator declarator: (identifier) @name)"
_VARIABLE = "(init_declarator declarator: (_) @declarator)"
_BINDINGS = f"""
(declaration declarator: {_FUNCTION}) @prototype
(declaration declarator: (pointer_declarator declarator: {_FUNCTION})) @prototype
(declaration declarator: (pointer_declarator
  declarator: (pointer_declarator declarator: {_FUNCTION}))) @prototype
(declaration (type_qualifier "const") declarator: {_VARIABLE}) @constant
(declaration declarator: {_VARIABLE}) @variable
(declaration (storage_class_specifier "extern") declarator: (identifier) @name) @variable
"""

_REFERENCES = """
(call_expression function: (identifier) @name)
(call_expression function: (field_expression field: (field_identifier) @name))
"""

_IMPORTS = "(preproc_include path: (_) @module)"

GRAMMAR = Grammar(
    wheel="tree_sitter_c",
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    imports=_IMPORTS,
    test_name=re.compile(r"test_|tests?$"),
    test_path=re.compile(
        r"(?:^|/)(?:tests?|t|unit[-_]?tests?)/|(?:^|/)tests?[-_][^/]*$|[-_]tests?\.[ch]$"
    ),
    header_path=re.compile(r"\.h$", re.IGNORECASE),
    noise=re.compile(
        rb"(?<=\n)(?:END_TEST|__(?:BEGIN|END)_DECLS"
        rb"|[ \t]+[A-Z][A-Z0-9_]{2,}(?:\([^()\n]*\))?)[ \t]*(?=\n)"
    ),
    flat=True,
    conditional=True,
)
