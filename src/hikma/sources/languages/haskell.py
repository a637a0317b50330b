"""Haskell: functions by their equations, types, classes, instances with their methods, tests."""

import re

from hikma.sources.clauses import haskell_names
from hikma.sources.grammar import Grammar

_NAME = "[(variable) @name (prefix_id (operator) @name)]"

_TITLE = "argument: (literal (string) @name)"
_LABELLED = f"(apply function: (variable) @_word {_TITLE})"
_TESTS = "\n".join(
    f"""
(infix left_operand: {_LABELLED} right_operand: (_) @body {words}) @{role}
(apply function: {_LABELLED} argument: (_) @body {words}) @{role}
"""
    for role, words in (
        ("suite", '(#any-of? @_word "describe" "context" "testGroup" "parallel")'),
        ("test", '(#match? @_word "^([xf]?(it|specify|prop)|(test|golden).*)$")'),
    )
)

_DEFINITIONS = f"""
(comment) @comment
(haddock) @comment
((pragma) @decorator (#match? @decorator "^[{{]-# *(DEPRECATED|WARNING)"))
{_TESTS}
(infix left_operand: (literal (string) @name) operator: (operator) @_label right_operand: (_) @body
  (#any-of? @_label "~:" "=:")) @test

(default_signature (signature) @ignore)
(signature name: {_NAME}) @function
(class_declarations (signature names: (binding_list name: {_NAME})) @method)
(function name: {_NAME} (match) @body) @function
(function (infix operator: [(operator) @name (infix_id (variable) @name)]) (match) @body) @function
(function (function_head_parens (infix operator: (operator) @name)) (match) @body) @function
(bind name: {_NAME} (match) @body) @function
(foreign_import signature: (signature name: {_NAME})) @function

(data_type name: (_) @name "=" @body) @struct
(data_type name: (_) @name "where" @body) @struct
(data_type name: (_) @name) @struct
(data_constructors (haddock) @_above .
  (data_constructor constructor: (_ name: (constructor) @name)) @constructor
  (#match? @_above "^(--+|[{{]-+)[ ]*[|]"))
(newtype name: (_) @name) @struct
(class name: (_) @name "where" @body) @interface
(class name: (_) @name) @interface
(instance name: (_) @name patterns: (_) @name "where" @body) @class
(instance name: (_) @name patterns: (_) @name) @class
(type_synonym name: (_) @name) @type
(type_family name: (_) @name "where" @body) @type
(type_family name: (_) @name) @type
(data_family name: (_) @name) @type
(pattern_synonym (equation synonym: [
  (apply function: (constructor) @name) (constructor) @name
  (apply function: (apply function: (constructor) @name))])) @constructor
"""

_REFERENCES = """
(apply function: (variable) @name)
(apply function: (qualified id: (variable) @name))
(apply function: (constructor) @name)
(infix left_operand: (variable) @name)
(infix right_operand: (variable) @name)
(infix_id (variable) @name)
((variable) @name (#match? @name "^(prop|unit|case|test)_"))
"""

_IMPORTS = """
(header module: (module) @package)
(import module: (module) @module !names)
(import module: (module) @module names: (import_list name: (import_name [
  variable: (_) @name type: (_) @name operator: (prefix_id (_) @name)])))
(import module: (module) @module names: (import_list) @_names (#match? @_names "^[(] *[)]$"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_haskell",
    imports=_IMPORTS,
    settle=haskell_names,
    definitions=_DEFINITIONS,
    bindings="",
    references=_REFERENCES,
    test_name=re.compile(r"(?:h?prop|unit|case|scprop)_"),
    test_path=re.compile(r"(?:^|/)(?:tests?|spec)[-\w]*/|(?:Test|Tests|Spec|_test)\.hs$"),
    prologue=frozenset({"pragma", "haddock"}),
    trailing=re.compile(rb"(?<=\s)--+(?=\s)[^\n]*|\s\$\s*\Z"),
    clauses=True,
)
