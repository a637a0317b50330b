"""Lua: functions, methods and tables in every shape they are written in, and busted's tests."""

import re

from hikma.sources.grammar import Grammar

_FUNCTION = '[(function_definition body: (_) @body) (function_definition "end" @body)]'
_TABLE = "(table_constructor)"
_CALL = """(function_call name: (identifier) @_f
  arguments: (arguments . (string content: (string_content) @name)"""

_DEFINITIONS = f"""
(comment) @comment
(function_declaration name: (method_index_expression) @name body: (_) @body) @method
(function_declaration name: (method_index_expression) @name "end" @body) @method
(function_declaration name: (_) @name body: (_) @body) @function
(function_declaration name: (_) @name "end" @body) @function
(assignment_statement (variable_list . name: (bracket_index_expression table: (_) @_t) @path .)
  (expression_list . value: {_FUNCTION} .) (#match? @_t "^T($|[^A-Za-z0-9_])")) @test
(assignment_statement (variable_list . name: [(identifier) (dot_index_expression)] @name .)
  (expression_list . value: {_FUNCTION} .)) @function
(field name: (identifier) @name value: {_FUNCTION}) @member
(field name: (string content: (string_content) @name) value: {_FUNCTION}) @member
(field name: (identifier) @name value: {_TABLE}) @scope
(chunk (return_statement (expression_list . {_TABLE} @scope .)))
(return_statement (expression_list . {_TABLE} @result .))
{_CALL} . (function_definition) @body) (#match? @_f "^(it|test|spec|pending)$")) @test
{_CALL} . (function_definition)) (#match? @_f "^(describe|context|insulate|expose)$")) @suite
"""

_REQUIRED = """(expression_list . value: [
  (function_call name: (identifier) @_f)
  (dot_index_expression table: (function_call name: (identifier) @_f))
  (function_call name: (function_call name: (identifier) @_f))]) (#eq? @_f "require")"""
_NAMES = "(variable_list . name: [(identifier) (dot_index_expression)] @name .)"
"""One name: a line of several only shortens the names of others."""

_BINDINGS = f"""
(variable_declaration (assignment_statement (variable_list) {_REQUIRED}) @ignore)
(variable_declaration (assignment_statement {_NAMES}
  (#match? @name "^[A-Z][A-Z0-9_]+$")) @constant)
(variable_declaration (assignment_statement {_NAMES}) @variable)
(assignment_statement {_NAMES} (#match? @name "^([A-Za-z_]+[.])*[A-Z][A-Z0-9_]+$")) @constant
(assignment_statement {_NAMES} (#not-match? @name "^(vim|package)[.]")) @variable
"""

_REFERENCES = """
(function_call name: (identifier) @name)
(function_call name: (dot_index_expression field: (identifier) @name))
(function_call name: (method_index_expression method: (identifier) @name))
"""

_IMPORTS = """
(function_call name: (identifier) @keyword arguments: (arguments . (_) @module .)
  (#match? @keyword "^(require|dofile|loadfile)$"))
(function_call name: (identifier) @_protected
  arguments: (arguments . (identifier) @keyword . (_) @module)
  (#match? @_protected "^x?pcall$") (#match? @keyword "^(require|dofile)$"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_lua",
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    wrappers=frozenset({"variable_declaration"}),
    test_name=re.compile(r"[Tt]est"),
    test_path=re.compile(r"(?:^|/)(?:tests?|spec)/|(?:^|/)test_[^/]*\.lua$|_(?:test|spec)\.lua$"),
    joints=re.compile(r"[.:]"),
    trailing=re.compile(rb"(?:\s*+--[^\n]*+)++\s*+\Z"),
    reassigned=True,
)
