"""PHP: namespaces, classes, traits, enums, functions, and the tests of PHPUnit and Pest."""

import re

from hikma.sources.clauses import php_uses
from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f"({kind}_declaration name: (name) @name body: (_) @body) @{role}"
    for kind, role in (
        ("class", "class"),
        ("interface", "interface"),
        ("trait", "interface"),
        ("enum", "enum"),
    )
)
_TITLE = "[(string (string_content) @name) (encapsed_string (string_content) @name)]"
_CLOSURE = "(argument [(anonymous_function) (arrow_function)])"
_CALL = f"""(function_call_expression function: (name) @_f
  arguments: (arguments . (argument {_TITLE}) . {_CLOSURE})"""

_DEFINITIONS = rf"""
(comment) @comment
(attribute_list) @decorator
((comment) @_tag . (method_declaration name: (name) @name body: (_) @body) @test
  (#match? @_tag "[*]\\s*@test\\b"))
(namespace_definition name: (namespace_name) @name body: (compound_statement) @body) @module
(namespace_definition body: (compound_statement) @container)
{_TYPES}
(method_declaration name: (name) @name body: (_) @body) @method
(method_declaration name: (name) @name) @method
(function_definition name: (name) @name body: (_) @body) @function
(enum_case name: (name) @name) @constant
(const_declaration (const_element . (name) @name) @constant)
(property_declaration (property_element name: (variable_name (name) @name)
  default_value: (array_creation_expression) @body) @property)
(property_declaration (property_element name: (variable_name (name) @name)) @property
  (property_hook_list) @body)
(property_declaration (property_element name: (variable_name (name) @name)) @property)
{_CALL} (#match? @_f "^(test|it|arch)$")) @test
{_CALL} (#eq? @_f "describe")) @suite
"""

_BINDINGS = """
(expression_statement (assignment_expression left: (variable_name (name) @name)
  right: [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)])) @function
(expression_statement (assignment_expression left: (variable_name (name) @name))) @variable
(expression_statement (function_call_expression function: (name) @_f
  arguments: (arguments . (argument (string (string_content) @name))) (#eq? @_f "define"))
  ) @constant
"""

_REFERENCES = """
(function_call_expression function: (name) @name)
(function_call_expression function: (qualified_name (name) @name))
(member_call_expression name: (name) @name)
(nullsafe_member_call_expression name: (name) @name)
(scoped_call_expression name: (name) @name)
(object_creation_expression (name) @name)
(object_creation_expression (qualified_name (name) @name))
"""

_IMPORTS = """
(namespace_definition name: (namespace_name) @package)
(namespace_use_declaration) @module
(require_expression "require" @keyword (_) @module)
(require_once_expression "require_once" @keyword (_) @module)
(include_expression "include" @keyword (_) @module)
(include_once_expression "include_once" @keyword (_) @module)
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_php",
    entry="language_php",
    imports=_IMPORTS,
    unfold=php_uses,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    wrappers=frozenset({"const_declaration", "property_declaration"}),
    prologue=frozenset({"php_tag", "declare_statement"}),
    constructors=frozenset({"__construct"}),
    test_name=re.compile(r"test"),
    test_path=re.compile(r"(?:^|/)[Tt]ests?/.*\.php$|Test\.php$"),
    test_owner=re.compile(r"\bextends\s+\\?(?:\w+\\)*\w*Test(?:Case)?\b"),
    test_decorator=re.compile(r"#\[\s*(?:[^\]]*[\s,\\])?Test\b"),
    markup=re.compile(r"\{?@(?:inherit[Dd]oc|test|var)\b\}?|\{@\w+\s*([^{}]*)\}"),
    joints=re.compile(r"\\"),
    reassigned=True,
)
