"""Python: functions, classes, module constants, and the tests of pytest and unittest."""

import re

from hikma.sources.grammar import Grammar

_MODULE_LEVEL = (
    "(module %s)",
    "(module (if_statement consequence: (block %s)))",
    "(module (if_statement alternative: (_ (block %s))))",
    "(module (try_statement body: (block %s)))",
    "(module (try_statement (except_clause (block %s))))",
    "(module (try_statement (else_clause (block %s))))",
)
_ASSIGNMENTS = (
    """(expression_statement (assignment left: (identifier) @name) @_all
      (#match? @name "^_*[A-Z][A-Z0-9_]+$")) @constant""",
    """(expression_statement (assignment left: (identifier) @name type: (type) @_alias)
      (#match? @_alias "TypeAlias$")) @type""",
    "(expression_statement (assignment left: (identifier) @name type: (_))) @variable",
    """(expression_statement (assignment left: (identifier) @name)
      (#match? @name "^_*[A-Z][a-z]\\\\w*$")) @type""",
    """(expression_statement (assignment left: (pattern_list (identifier) @name))
      (#match? @name "^_*[A-Z][A-Z0-9_]+$")) @constant""",
    "(type_alias_statement left: (type (identifier) @name)) @type",
    "(type_alias_statement left: (type (generic_type (identifier) @name))) @type",
)

_DEFINITIONS = """
(comment) @comment
(decorator) @decorator
(function_definition name: (identifier) @name body: (block) @body) @function
(class_definition name: (identifier) @name body: (block) @body) @class
(function_definition body: (block . (expression_statement . (string) @documentation)))
(class_definition body: (block . (expression_statement . (string) @documentation)))
(module . (comment)* . (expression_statement . (string) @documentation))
""" + "\n".join(level % one for one in _ASSIGNMENTS for level in _MODULE_LEVEL)

_REFERENCES = """
(call function: (identifier) @name)
(call function: (attribute attribute: (identifier) @name))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_python",
    definitions=_DEFINITIONS,
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
