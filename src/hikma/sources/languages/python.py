"""Python: functions, classes, module constants, and the tests of pytest and unittest."""

import re

from hikma.sources.grammar import Grammar

_DEFINITIONS = """
(comment) @comment
(decorator) @decorator
(function_definition name: (identifier) @name body: (block) @body) @function
(class_definition name: (identifier) @name body: (block) @body) @class
(function_definition body: (block . (expression_statement . (string) @documentation)))
(class_definition body: (block . (expression_statement . (string) @documentation)))
(module . (comment)* . (expression_statement . (string) @documentation))
(module (if_statement (block) @container))
(module (if_statement (_ (block) @container)))
(module (try_statement (block) @container))
(module (try_statement (_ (block) @container)))
"""

_BINDINGS = r"""
(expression_statement (assignment left: (identifier) @name)
  (#match? @name "^_*[A-Z][A-Z0-9_]+$")) @constant
(expression_statement (assignment left: (pattern_list (identifier) @name))
  (#match? @name "^_*[A-Z][A-Z0-9_]+$")) @constant
(expression_statement (assignment left: (identifier) @name type: (type) @_alias)
  (#match? @_alias "TypeAlias$")) @type
(expression_statement (assignment left: (identifier) @name)
  (#match? @name "^_*[A-Z][a-z]\\w*$")) @type
(expression_statement (assignment left: (identifier) @name type: (_))) @variable
(type_alias_statement left: (type (identifier) @name)) @type
(type_alias_statement left: (type (generic_type (identifier) @name))) @type
"""

_REFERENCES = """
(call function: (identifier) @name)
(call function: (attribute attribute: (identifier) @name))
"""

_IMPORTS = """
(import_statement name: (dotted_name) @module)
(import_statement name: (aliased_import name: (dotted_name) @module))
(import_from_statement module_name: (_) @module name: (dotted_name) @name)
(import_from_statement module_name: (_) @module name: (aliased_import name: (dotted_name) @name))
(import_from_statement module_name: (_) @module (wildcard_import) @name)
(call function: [(identifier) @keyword (attribute attribute: (identifier) @keyword)]
  arguments: (argument_list . (_) @module) (#any-of? @keyword "import_module" "__import__"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_python",
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    wrappers=frozenset({"decorated_definition"}),
    constructors=frozenset({"__init__"}),
    property_decorator=re.compile(
        r"@(?:\w+\.)*(?:(?:cached_|abstract)?property|setter|getter|deleter)\b"
    ),
    test_name=re.compile(r"test(?:_|$|[A-Z])"),
    test_path=re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)tests?[^/]*\.py$|_tests?\.py$"),
    test_owner=re.compile(r"TestCase\b"),
)
