"""Scala: types, objects, givens, extensions, values; ScalaTest, munit, ScalaCheck and JUnit."""

import re

from hikma.sources.clauses import scala_imports
from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f"({node} name: (_) @name body: (_)? @body) @{kind}"
    for node, kind in (
        ("class_definition", "class"),
        ("trait_definition", "interface"),
        ("enum_definition", "enum"),
        ("object_definition", "module"),
        ("package_object", "module"),
        ("given_definition", "property"),
    )
)
_FUNCTIONS = "\n".join(
    f"({around} (function_definition name: (_) @name body: (_) @body) @method)"
    for around in ("template_body", "with_template_body", "enum_body")
)
_VALUES = "\n".join(
    f"({around} ({node} {name}) @property)"
    for around in ("template_body", "with_template_body", "enum_body")
    for node, name in (
        ("val_definition", "pattern: (identifier) @name"),
        ("val_definition", "pattern: (identifiers (identifier) @name)"),
        ("var_definition", "pattern: (identifier) @name"),
        ("val_declaration", "name: (identifier) @name"),
        ("var_declaration", "name: (identifier) @name"),
    )
)

_TITLE = """[(string) @name (interpolated_string_expression) @name
    (field_expression . (string) @name)
    (call_expression function: (field_expression . (string) @name))
    (call_expression function: (field_expression . (field_expression . (string) @name)))]"""
_VERBS = "^(should|must|can|when|which|that)$"

_DEFINITIONS = f"""
(comment) @comment
(block_comment) @comment
(annotation) @decorator
(package_clause name: (_) @name body: (_) @body) @module
{_TYPES}
{_FUNCTIONS}
(extension_definition parameters: (parameters . (parameter type: (_) @owner))
  (function_definition name: (_) @name body: (_) @body) @method)
(function_definition name: (_) @name body: (_) @body) @function
(function_declaration name: (_) @name) @method
(simple_enum_case name: (identifier) @name) @constant
(full_enum_case name: (identifier) @name) @class
(type_definition name: (_) @name) @type
(object_definition body: (template_body
  (val_definition pattern: (identifier) @name) @constant) (#match? @name "^[A-Z]"))
{_VALUES}

(call_expression function: (call_expression
    function: [(identifier) @_word (field_expression field: (identifier) @_word)]
    arguments: (arguments . {_TITLE})) arguments: (_) @body
  (#match? @_word "^(test|it|they|scenario|Scenario|property|ignore|test[A-Z].*)$")) @test
(call_expression function: (call_expression function: (identifier) @_word
    arguments: (arguments . {_TITLE})) arguments: (_) @body
  (#match? @_word "^(describe|feature|Feature|suite)$")) @suite
(call_expression function: (identifier) @_word arguments: (arguments . {_TITLE})
  (#eq? @_word "checkAll")) @test
(assignment_expression left: (call_expression function: (identifier) @_word
    arguments: (arguments . {_TITLE})) right: (_) @body (#eq? @_word "property")) @test
(infix_expression
  left: (infix_expression left: [(string) @name (identifier)] operator: (_) @_verb
    right: (string) @name)
  operator: (_) @_in right: (_) @body
  (#match? @_verb "{_VERBS}") (#match? @_in "^(in|ignore|taggedAs)$")) @test
(infix_expression left: (string) @name operator: (_) @_in right: (_) @body
  (#match? @_in "^(in|ignore)$")) @test
(infix_expression left: (string) @name operator: (_) @_in right: (block) @body
  (#eq? @_in ">>")) @test
(infix_expression left: (string) @name operator: (_) @_verb right: (block) @body
  (#match? @_verb "{_VERBS}")) @suite
"""

_BINDINGS = """
(val_definition pattern: (identifier) @name) @constant
(var_definition pattern: (identifier) @name) @variable
"""

_REFERENCES = """
(call_expression function: (identifier) @name)
(call_expression function: (field_expression field: (identifier) @name))
(call_expression function: (generic_function function: (identifier) @name))
(call_expression function: (generic_function
  function: (field_expression field: (identifier) @name)))
(infix_expression operator: (identifier) @name)
(instance_expression . (type_identifier) @name)
(instance_expression . (generic_type type: (type_identifier) @name))
"""

_IMPORTS = """
(package_clause name: (_) @package !body)
(import_declaration) @module
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_scala",
    imports=_IMPORTS,
    unfold=scala_imports,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    trailing=re.compile(rb"[ \t]//[^\n\"]*(?=\n)|[ \t]+/\*(?:[^*]|\*(?!/))*\*/"),
    constructors=frozenset({"this"}),
    test_decorator=re.compile(r"@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest)\b"),
)
