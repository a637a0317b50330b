"""Ruby: modules, classes, methods, attributes, constants, and the tests of minitest and RSpec."""

import re

from hikma.sources.grammar import Grammar

_CALL = "(call !receiver method: (identifier) @_m arguments: (argument_list"
_ATTRIBUTES = (
    "attr|attr_accessor|attr_reader|attr_writer|[cm]attr_accessor|[cm]attr_reader|[cm]attr_writer"
    "|thread_[cm]attr_accessor|class_attribute|config_accessor"
)
_TESTS = "it|its|specify|example|scenario|test|should|fit|xit|xspecify|xtest|it_is_expected"
_SUITES = "[fx]?(describe|context|feature)|shared_(examples|examples_for|context)"
_STRUCTURED = """(#match? @_type "^(Class|Struct|Data)$") (#match? @_m "^(new|define)$")"""

_DEFINITIONS = f"""
(comment) @comment
(program (method name: (_) @name body: (_) @body) @function)
(program (method name: (_) @name "end" @body) @function)
(method name: (_) @name body: (_) @body) @method
(method name: (_) @name "end" @body) @method
(singleton_method name: (_) @name body: (_) @body) @method
(singleton_method name: (_) @name "end" @body) @method
(class name: (_) @name body: (_) @body) @class
(class name: (_) @name "end" @body) @class
(module name: (_) @name body: (_) @body) @module
(module name: (_) @name "end" @body) @module
(class body: (body_statement) @container)
(module body: (body_statement) @container)
(singleton_class body: (body_statement) @container)

(assignment left: (constant) @name right: (call receiver: (constant) @_type method: (identifier) @_m
  block: (_) @body) {_STRUCTURED}) @class
(assignment left: (constant) @name right: (call receiver: (constant) @_type
  method: (identifier) @_m) {_STRUCTURED}) @class
(assignment left: (constant) @name right: (call receiver: (constant) @_type
  method: (identifier) @_m block: (_) @body)
  (#eq? @_type "Module") (#eq? @_m "new")) @module

{_CALL} . [(simple_symbol) @name (string (string_content) @name)]) block: (_) @body
  (#match? @_m "^define_(singleton_)?method$")) @method
{_CALL} . (string (string_content) @name)) block: (_) @body
  (#match? @_m "^({_TESTS})$")) @test
{_CALL} . (string) @name) block: (_) @body
  (#match? @_m "^({_TESTS})$")) @test
{_CALL} . (_) @name) block: (_)
  (#match? @_m "^({_SUITES})$")) @suite
(call receiver: (constant) @_r method: (identifier) @_m arguments: (argument_list . (_) @name)
  block: (_) (#match? @_r "^(RSpec|Minitest)$") (#match? @_m "^({_SUITES})$")) @suite
{_CALL} . [(simple_symbol) @name (string (string_content) @name)
  (pair key: [(simple_symbol) @name (hash_key_symbol) @name (string (string_content) @name)])])
  block: (_) @body (#eq? @_m "task")) @function
"""

_BINDINGS = f"""
(assignment left: (constant) @name) @constant
(assignment left: (scope_resolution) @name) @constant
(assignment left: (left_assignment_list (constant) @name)) @constant
(operator_assignment left: (constant) @name) @constant
(assignment left: (global_variable) @name) @variable
{_CALL} [(simple_symbol) @name (string (string_content) @name)])
  (#match? @_m "^({_ATTRIBUTES})$")) @property
(call method: (identifier) @_m arguments: (argument_list
  (call method: (identifier) @_a arguments: (argument_list (simple_symbol) @name)
    (#match? @_a "^({_ATTRIBUTES})$")) @property))
(call method: (identifier) @_m arguments: (argument_list . (simple_symbol) @name)
  (#match? @_m "^(scope|alias_method)$")) @method
(call method: (identifier) @_m arguments: (argument_list . (simple_symbol) @name)
  (#eq? @_m "alias_attribute")) @property
(alias name: (_) @name) @method
"""

_REFERENCES = """
(call method: [(identifier) (constant)] @name)
(call receiver: (constant) @name method: (identifier) @_new (#eq? @_new "new"))
(call receiver: (scope_resolution name: (constant) @name) method: (identifier) @_new
  (#eq? @_new "new"))
"""

_IMPORTS = """
(call !receiver method: (identifier) @keyword arguments: (argument_list . (_) @module)
  (#match? @keyword "^(require|require_relative|load)$"))
(call receiver: (constant) @_kernel method: (identifier) @keyword
  arguments: (argument_list . (_) @module)
  (#eq? @_kernel "Kernel") (#match? @keyword "^(require|require_relative|load)$"))
(call method: (identifier) @keyword arguments: (argument_list . (_) @name . (_) @module)
  (#eq? @keyword "autoload"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_ruby",
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    constructors=frozenset({"initialize"}),
    test_name=re.compile(r"test_"),
    test_path=re.compile(r"(?:^|/)test/|(?:^|/)test_[^/]*\.rb$|_test\.rb$"),
    test_owner=re.compile(r"Test(?:Case)?\b"),
    joints=re.compile(r"::"),
    sigils=":",
    reassigned=True,
    trailing=re.compile(rb"\s++#[^\"'\n]*+\s*+\Z"),
)
