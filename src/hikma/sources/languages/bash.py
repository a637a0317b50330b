"""Shell scripts: functions, variables, and the tests of bats and shunit2."""

import re

from hikma.sources.grammar import Grammar

_TEST = re.compile(
    rb"""^([ \t]*@test)[ \t]+("(?:[^"\\\n]|\\.)*|'[^'\n]*)["'][ \t]([ \t]*\{)""", re.MULTILINE
)
"""The line that opens a test in bats: shell in all but this."""


def _as_functions(source: bytes) -> bytes:
    """Show a test of bats as a function: `@test "it works" {` as `@test__it_works(){`."""
    return _TEST.sub(_as_function, source) if b"@test" in source else source


def _as_function(match: re.Match[bytes]) -> bytes:
    opened = match[0].rindex(b"{")
    title = match[0][len(match[1]) : match.end(2) - match.start()]
    word = re.sub(rb"\W", b"_", title)
    gap = opened - len(match[1]) - len(word) - 2
    return match[1] + word + b"()" + b" " * gap + b"{"


_DEFINITIONS = """
(comment) @comment
(function_definition name: (_) @path body: (_) @body (#match? @path "^@test_")) @test
(function_definition name: (_) @name body: (compound_statement . (comment) @_tag) @body
  (#match? @_tag "^#+[ ]*@test")) @test
(function_definition name: (_) @name body: (_) @body (#not-match? @name "^@test_")) @function
"""

_NAME = "(variable_assignment name: (variable_name) @name)"
_BINDINGS = f"""
(declaration_command "readonly" {_NAME}) @constant
(declaration_command (word) @_flags {_NAME} (#match? @_flags "^-[a-zA-Z]*r")) @constant
(declaration_command ["declare" "typeset" "export"] {_NAME}) @variable
(variable_assignment name: (variable_name) @name) @variable
(variable_assignments {_NAME}) @variable
"""

_REFERENCES = """
(command name: (command_name (word) @name))
(command name: (command_name (word) @_run) . argument: (word) @name
  (#match? @_run "^(run|bats_pipe|bats_require_minimum_version)$"))
"""

_IMPORTS = """
(command name: (command_name (word) @keyword) . argument: (_) @module
  (#match? @keyword "^(source|[.]|load)$"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_bash",
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    groups=frozenset({"declaration_command"}),
    test_name=re.compile(r"test(?:_|[A-Z]|$)"),
    test_path=re.compile(r"(?:^|/)tests?/|(?:^|[-_./])tests?[^/]*$|[-_]test(?:\.\w+)?$"),
    reassigned=True,
    disguise=_as_functions,
)
