"""Kotlin: types, functions and extensions, properties; tests of JUnit, kotlin.test and Kotest."""

import re

from hikma.sources.disguises import plain_kotlin
from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f"({node} name: (identifier) @name [(class_body) (enum_class_body)]? @body) @{kind}"
    for node, kind in (
        ('class_declaration "interface"', "interface"),
        ('class_declaration (modifiers (class_modifier "enum"))', "enum"),
        ("class_declaration", "class"),
        ("object_declaration", "class"),
        ("companion_object", "class"),
    )
)

_RECEIVER = "[(user_type) (nullable_type)] @owner"
_FUNCTION = "name: (identifier) @name (function_body)? @body"

_NAMED = "(variable_declaration . (identifier) @name)"
_CONST = '(modifiers (property_modifier "const"))'
_DEFINITIONS = f"""
(line_comment) @comment
(block_comment) @comment
(modifiers (annotation) @decorator)
(annotated_expression (annotation) @decorator)
(infix_expression . (identifier) @_annotation . (identifier) @_class . (identifier) @name .
  (#eq? @_annotation "annotation") (#eq? @_class "class")) @class
{_TYPES}
(companion_object !name) @scope
(class_body (function_declaration {_FUNCTION}) @method)
(enum_class_body (function_declaration {_FUNCTION}) @method)
(function_declaration {_RECEIVER} . {_FUNCTION}) @method
(function_declaration {_FUNCTION}) @function
(secondary_constructor "constructor" @name (constructor_delegation_call) @body) @constructor
(secondary_constructor "constructor" @name (block)? @body) @constructor
(enum_entry (identifier) @name (class_body)? @body) @constant
(type_alias type: (identifier) @name) @type
(class_body (property_declaration {_CONST} {_NAMED}) @constant)
(class_body (property_declaration {_NAMED}) @property)
(enum_class_body (property_declaration {_NAMED}) @property)
(anonymous_initializer) @function

(call_expression
  (call_expression . (identifier) @_word
    (value_arguments . (value_argument (string_literal) @name)))
  (annotated_lambda (lambda_literal) @body)
  (#match? @_word "^[xf]?(test|it|should|scenario|then|Then)$")) @test
(call_expression
  (call_expression . (navigation_expression
      (call_expression . (identifier) @_word
        (value_arguments . (value_argument (string_literal) @name)))
      (identifier) @_config))
  (annotated_lambda (lambda_literal) @body)
  (#match? @_word "^[xf]?(test|it|should|scenario|then|Then)$") (#eq? @_config "config")) @test
(call_expression
  (call_expression . (identifier) @_word
    (value_arguments . (value_argument (string_literal) @name)))
  (annotated_lambda (lambda_literal) @body)
  (#match? @_word "^[xf]?(describe|context|feature|given|Given|and|And|`?when`?|When)$")) @suite
(delegation_specifier (constructor_invocation (user_type (identifier) @_spec)
  (value_arguments (value_argument (lambda_literal
    (call_expression . (string_literal) @name
      (annotated_lambda (lambda_literal) @body)) @test))))
  (#match? @_spec "Spec$"))
(infix_expression . (string_literal) @name . (identifier) @_word . (lambda_literal) @body .
  (#match? @_word "^(should|when|When|`when`)$")) @suite
(infix_expression . (string_literal) . (identifier) @_word . (lambda_literal
    (call_expression . (string_literal) @name (annotated_lambda (lambda_literal) @body)) @test) .
  (#match? @_word "^(should|when|When|`when`)$"))
"""

_BINDINGS = f"""
(property_declaration {_CONST} {_NAMED}) @constant
(property_declaration {_RECEIVER} . {_NAMED}) @property
(property_declaration {_NAMED} (getter)) @property
(property_declaration "val" {_NAMED}) @constant
(property_declaration "var" {_NAMED}) @variable
"""

_REFERENCES = """
(call_expression . (identifier) @name)
(call_expression . (navigation_expression (identifier) @name .))
(infix_expression (_) . (identifier) @name)
(callable_reference (identifier) @name .)
"""

_IMPORTS = """
(package_header (qualified_identifier) @package)
(import (qualified_identifier) @module "*"? @name)
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_kotlin",
    disguise=plain_kotlin,
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    trailing=re.compile(rb"[ \t]//[^\n\"]*(?=\n)|[ \t]+/\*(?:[^*]|\*(?!/))*\*/"),
    test_decorator=re.compile(
        r"@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Theory"
        r"|Property)\b"
    ),
)
