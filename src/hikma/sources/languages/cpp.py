"""C++: classes with their members, templates, namespaces, prototypes, macros and test macros."""

import re

from hikma.sources.grammar import Grammar
from hikma.sources.macros import without_attributes

_TYPES = "\n".join(
    f"""
(type_definition type: ({node} body: (_) @body) . declarator: (_) @declarator) @{kind}
({node} name: (_) @declarator body: (_) @body) @{kind}
"""
    for node, kind in (
        ("class_specifier", "class"),
        ("struct_specifier", "struct"),
        ("union_specifier", "struct"),
        ("enum_specifier", "enum"),
    )
)

_CALLED = "(function_declarator declarator: (_) @declarator)"
_FUNCTIONS = [
    _CALLED,
    f"(pointer_declarator declarator: {_CALLED})",
    f"(pointer_declarator declarator: (pointer_declarator declarator: {_CALLED}))",
    f"(reference_declarator {_CALLED})",
    "(operator_cast) @declarator",
]
_FUNCTION = f"[{' '.join(_FUNCTIONS)}]"

_TESTS = """
(function_definition !type declarator: (function_declarator declarator: (identifier) @_macro
  parameters: (parameter_list . (parameter_declaration type: (type_identifier) @owner)
    . (parameter_declaration type: (type_identifier) @name))) body: (_) @body
  (#match? @_macro "^[A-Z_]*TEST(_[A-Z]+)*$")) @test
(function_definition !type declarator: (function_declarator declarator: (identifier) @_macro
  parameters: (parameter_list . (parameter_declaration type: (type_identifier) @name) .))
  body: (_) @body (#match? @_macro "^[A-Z_]*TEST(_[A-Z]+)*$")) @test
((function_definition !type declarator: (function_declarator declarator: (identifier) @_macro))
  @ignore (#match? @_macro "^[A-Z_]*TEST(_[A-Z]+)*$"))
((expression_statement (call_expression function: (identifier) @_macro
    arguments: (argument_list . (string_literal) @name))) @test
  . (compound_statement) @body (#match? @_macro "^(TEST_CASE|SCENARIO|TEMPLATE_TEST_CASE)"))
((expression_statement (call_expression function: (identifier) @_macro
    arguments: (argument_list . (identifier) @owner . (string_literal) @name))) @test
  . (compound_statement) @body (#match? @_macro "^TEST_CASE_(METHOD|FIXTURE)$"))
((expression_statement (call_expression function: (identifier) @_macro
    arguments: (argument_list . (string_literal) @name))) @suite
  . (compound_statement) @body (#eq? @_macro "TEST_SUITE"))
"""

_CALLED_MACRO = """(declaration !type declarator: (function_declarator
  declarator: (identifier) @_macro) (#match? @_macro "^[A-Z][A-Z0-9]*_[A-Z0-9_]*$")) @ignore"""

_DEFINITIONS = f"""
(comment) @comment
{_TESTS}
(field_declaration_list {_CALLED_MACRO})
(function_definition declarator: (_) @declarator (field_initializer_list) @body) @function
(function_definition declarator: (_) @declarator body: (_) @body) @function
(function_definition declarator: (_) @declarator) @function
(field_declaration declarator: {_FUNCTION}) @method
(field_declaration_list (declaration declarator: {_FUNCTION}) @method)
(field_declaration_list (template_declaration (declaration declarator: {_FUNCTION}) @method))
(field_declaration (type_qualifier "constexpr") declarator: (field_identifier) @name) @constant
(namespace_definition name: (_) @name body: (declaration_list) @body) @module
(namespace_definition body: (declaration_list) @container)
(concept_definition name: (_) @name) @interface
(alias_declaration name: (_) @name) @type
(preproc_def name: (identifier) @name value: (_)) @macro
(preproc_function_def name: (identifier) @name value: (_) @body) @macro
(preproc_function_def name: (identifier) @name) @macro
(preproc_ifdef) @container
(preproc_if) @container
(preproc_else) @container
(preproc_elif) @container
(linkage_specification body: (declaration_list) @container)
(linkage_specification) @container
{_TYPES}
(type_definition declarator: (_) @declarator) @type
"""

_VARIABLE = "(init_declarator declarator: (_) @declarator)"
_DECLARATIONS = "\n".join(
    form % declaration
    for form in ("%s", "(template_declaration %s)")
    for declaration in (
        f"(declaration declarator: {_FUNCTION}) @prototype",
        f'(declaration (type_qualifier ["const" "constexpr"]) declarator: {_VARIABLE}) @constant',
        f"(declaration declarator: {_VARIABLE}) @variable",
    )
)
_BINDINGS = f"""
{_CALLED_MACRO}
{_DECLARATIONS}
(declaration (storage_class_specifier "extern") declarator: (identifier) @name) @variable
"""

_REFERENCES = """
(call_expression function: [
  (identifier) @name
  (field_expression field: (field_identifier) @name)
  (field_expression field: (template_method name: (_) @name))
  (template_function name: (_) @name)
  (qualified_identifier name: (identifier) @name)
  (qualified_identifier name: (template_function name: (_) @name))
  (qualified_identifier name: (qualified_identifier name: (identifier) @name))
  (qualified_identifier name: (qualified_identifier name: (template_function name: (_) @name)))])
(declaration type: [
  (type_identifier) @name
  (template_type name: (_) @name)
  (qualified_identifier name: (type_identifier) @name)
  (qualified_identifier name: (template_type name: (_) @name))])
(new_expression type: (type_identifier) @name)
"""

_IMPORTS = "(preproc_include path: (_) @module)"

GRAMMAR = Grammar(
    wheel="tree_sitter_cpp",
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    imports=_IMPORTS,
    wrappers=frozenset({"template_declaration", "linkage_specification", "friend_declaration"}),
    markup=re.compile(
        r"[\\@](?:brief|short|details|rst|endrst|file|code|endcode|verbatim|endverbatim)\b[ ]?"
    ),
    eponymous=True,
    joints=re.compile(r"(?:<(?:[^<>]|<[^<>]*>)*>)?::"),
    header_path=re.compile(r"\.(?:h|hh|hpp|hxx|h\+\+|inl|ipp|tpp|cuh)$", re.IGNORECASE),
    trailing=re.compile(rb"(?<=\s)(?://[^\n]*|/\*.*?\*/)", re.DOTALL),
    disguise=without_attributes,
    conditional=True,
)
