"""C#: types, members and namespaces; tests of xUnit, NUnit and MSTest."""

import re

from hikma.sources.clauses import csharp_place
from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f"({node} name: (_) @name body: (_)? @body) @{kind}"
    for node, kind in (
        ("class_declaration", "class"),
        ("struct_declaration", "struct"),
        ("interface_declaration", "interface"),
        ("enum_declaration", "enum"),
        ('record_declaration "struct"', "struct"),
        ("record_declaration", "class"),
        ("namespace_declaration", "module"),
    )
)
_MEMBERS = "\n".join(
    f"({node} body: (_)? @body) @{kind}"
    for node, kind in (
        ("method_declaration name: (identifier) @name", "method"),
        ("constructor_declaration name: (identifier) @name", "constructor"),
        ("destructor_declaration name: (identifier) @name", "method"),
        ("operator_declaration operator: _ @name", "method"),
        ("conversion_operator_declaration type: (_) @name", "method"),
        ("local_function_statement name: (identifier) @name", "function"),
    )
)
_BODY = "[accessors: (_) @body value: (arrow_expression_clause) @body]?"
_DECLARED = "(variable_declaration (variable_declarator name: (identifier) @name))"
_DEFINITIONS = f"""
(comment) @comment
(attribute_list) @decorator
(preproc_if_in_attribute_list) @decorator
{_TYPES}
(constructor_declaration name: (identifier) @name (constructor_initializer) @body) @constructor
{_MEMBERS}
(property_declaration name: (identifier) @name {_BODY}) @property
(indexer_declaration "this" @name {_BODY}) @property
(event_declaration name: (identifier) @name accessors: (_)? @body) @property
(event_field_declaration {_DECLARED}) @property
(field_declaration (modifier "const") {_DECLARED}) @constant
(field_declaration (modifier "static") (modifier "readonly") {_DECLARED}) @constant
(field_declaration (modifier "readonly") (modifier "static") {_DECLARED}) @constant
(field_declaration (modifier "static") {_DECLARED}) @variable
(enum_member_declaration name: (identifier) @name) @constant
(delegate_declaration name: (identifier) @name) @type
"""

_REFERENCES = """
(invocation_expression function: [(identifier) @name (generic_name (identifier) @name)])
(invocation_expression function: (member_access_expression
  name: [(identifier) @name (generic_name (identifier) @name)]))
(invocation_expression function: (conditional_access_expression (member_binding_expression
  name: [(identifier) @name (generic_name (identifier) @name)]) .))
(object_creation_expression type: [(identifier) @name (generic_name (identifier) @name)
  (qualified_name name: (identifier) @name)])
"""

_IMPORTS = """
(namespace_declaration name: (_) @package)
(file_scoped_namespace_declaration name: (_) @package)
(using_directive !name "static"? @keyword
  [(identifier) (qualified_name) (alias_qualified_name)] @module)
(using_directive name: (_) "=" @keyword (_) @module)
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_c_sharp",
    imports=_IMPORTS,
    settle=csharp_place,
    definitions=_DEFINITIONS,
    bindings="",
    references=_REFERENCES,
    trailing=re.compile(rb"[ \t]//[^\n\"]*(?=\n)|[ \t]+/\*(?:[^*]|\*(?!/))*\*/"),
    conditional=True,
    test_decorator=re.compile(
        r"[\[,]\s*(?:\w+\.)*(?:(?:[A-Z]\w*)?(?:Fact|Theory)(?:[A-Z]\w*)?"
        r"|Test(?:Case|CaseSource|Method)?|DataTestMethod)(?:Attribute)?\s*[\](,]"
    ),
    markup=re.compile(
        r"""<(?:see|seealso|paramref|typeparamref)\s+\w+=["'](?:\w:)?([^"']*)["']\s*/?>"""
        r"""|</?[a-zA-Z][^<>]*>"""
    ),
)
