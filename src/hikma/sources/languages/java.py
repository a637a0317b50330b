"""Java: types with their methods, constructors and constants; JUnit, TestNG and jqwik tests."""

import re

from hikma.sources.grammar import Grammar

_TYPES = "\n".join(
    f"({node} name: (identifier) @name body: (_)? @body) @{kind}"
    for node, kind in (
        ("class_declaration", "class"),
        ("record_declaration", "class"),
        ("enum_declaration", "enum"),
        ("interface_declaration", "interface"),
        ("annotation_type_declaration", "interface"),
        ("constructor_declaration", "constructor"),
        ("compact_constructor_declaration", "constructor"),
        ("method_declaration", "method"),
        ("enum_constant", "constant"),
    )
)

_DECLARED = "declarator: (variable_declarator name: (identifier) @name)"
_DEFINITIONS = f"""
(line_comment) @comment
(block_comment) @comment
(modifiers [(marker_annotation) (annotation)] @decorator)
{_TYPES}
(annotation_type_element_declaration name: (identifier) @name) @method
(constant_declaration {_DECLARED}) @constant
(field_declaration (modifiers "static" "final") {_DECLARED}) @constant
(field_declaration (modifiers "final" "static") {_DECLARED}) @constant
(field_declaration (modifiers "static") {_DECLARED}) @variable
(module_declaration name: (_) @name body: (_) @body) @module
(static_initializer) @function
(class_body (block) @function)
(field_declaration declarator: (variable_declarator name: (identifier) @name
  value: [(object_creation_expression) (lambda_expression) (method_invocation)])) @scope
"""

_REFERENCES = """
(method_invocation name: (identifier) @name)
(object_creation_expression type: (type_identifier) @name)
(object_creation_expression type: (generic_type (type_identifier) @name))
(object_creation_expression type: (scoped_type_identifier (type_identifier) @name .))
(method_reference (_) . (identifier) @name)
"""

_IMPORTS = """
(package_declaration [(scoped_identifier) (identifier)] @package)
(import_declaration "static"? @keyword [(scoped_identifier) (identifier)] @module (asterisk)? @name)
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_java",
    imports=_IMPORTS,
    definitions=_DEFINITIONS,
    bindings="",
    references=_REFERENCES,
    trailing=re.compile(rb"[ \t]//[^\n\"]*(?=\n)|[ \t]+/\*(?:[^*]|\*(?!/))*\*/"),
    test_name=re.compile(r"test(?![a-z])"),
    test_owner=re.compile(r"\bextends \w*Test(?:Case|Base|s)?\b"),
    test_decorator=re.compile(
        r"@(?:\w+\.)*(?:Test|(?:Parameterized|Repeated|Cartesian|Arch)Test|TestFactory"
        r"|TestTemplate|Theory|Property)\b"
    ),
    markup=re.compile(r"</?[a-z]\w*(?:\s[^<>{}]*)?/?>|\{@\w+\s*([^{}]*)\}"),
)
