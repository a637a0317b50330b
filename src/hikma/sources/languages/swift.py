"""Swift: types, extensions, members and macros; tests of XCTest, Swift Testing and Quick."""

import re

from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f'(class_declaration "{word}" name: (_) @name body: (_) @body) @{kind}'
    for word, kind in (
        ("class", "class"),
        ("actor", "class"),
        ("struct", "struct"),
        ("enum", "enum"),
        ("extension", "scope"),
    )
)
_SIGNS = "+ - * / % == != === !== < > <= >= += -= *= /= %= & | ^ ~ << >> ?? || &&"
_OPERATORS = " ".join(f'"{sign}"' for sign in _SIGNS.split())
_CALLED = """(simple_identifier) @_word (call_suffix (value_arguments
    . (value_argument value: (line_string_literal) @name)) (lambda_literal) @body)"""
_NAMED = "name: (pattern bound_identifier: (simple_identifier) @name)"
_LET = '(value_binding_pattern "let")'
_MEMBERS = "\n".join(
    f"({around} {pattern})"
    for around in ("class_body", "enum_class_body")
    for pattern in (
        f'(property_declaration (modifiers (property_modifier "static")) {_LET} {_NAMED})'
        " @constant",
        f"(property_declaration {_NAMED} computed_value: (_) @body) @property",
        f"(property_declaration {_NAMED}) @property",
    )
)

_DEFINITIONS = f"""
(comment) @comment
(multiline_comment) @comment
(modifiers (attribute) @decorator)
{_TYPES}
(protocol_declaration name: (_) @name body: (_) @body) @interface
{_MEMBERS}
(function_declaration name: [(simple_identifier) (custom_operator) (bang) {_OPERATORS}] @name
  body: (_) @body) @function
(protocol_function_declaration name: (simple_identifier) @name) @method
(protocol_property_declaration name: (pattern (simple_identifier) @name)) @property
(init_declaration "init" @name body: (_)? @body) @constructor
(deinit_declaration "deinit" @name body: (_) @body) @method
(subscript_declaration "subscript" @name (computed_property) @body) @property
(enum_entry name: (simple_identifier) @name) @constant
(typealias_declaration "typealias" . name: (type_identifier) @name) @type
(associatedtype_declaration name: (type_identifier) @name) @type
(macro_declaration (simple_identifier) @name definition: (_)? @body) @macro

(call_expression {_CALLED} (#match? @_word "^[xf]?(it|test)$")) @test
(call_expression {_CALLED} (#match? @_word "^[xf]?(describe|context)$")) @suite
"""

_BINDINGS = f"""
(property_declaration {_LET} {_NAMED}) @constant
(property_declaration {_NAMED} computed_value: (_) @body) @variable
(property_declaration {_NAMED}) @variable
"""

_REFERENCES = """
(call_expression . (simple_identifier) @name)
(call_expression . (navigation_expression suffix: (navigation_suffix
  suffix: (simple_identifier) @name)))
"""

_IMPORTS = """
(import_declaration ["class" "struct" "enum" "protocol" "typealias" "func" "let" "var"]? @keyword
  (identifier) @module)
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_swift",
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    trailing=re.compile(rb"[ \t]//[^\n\"]*(?=\n)|[ \t]+/\*(?:[^*]|\*(?!/))*\*/"),
    test_name=re.compile(r"test(?![a-z])"),
    test_path=re.compile(r"(?:^|/)\w*Tests?/|Tests?\.swift$"),
    test_owner=re.compile(r":.*\b\w*TestCase\b"),
    test_decorator=re.compile(r"@Test\b"),
)
