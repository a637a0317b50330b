"""Go: functions, methods, types, constants and variables of a package."""

import re

from hikma.sources.grammar import Grammar

_DEFINITIONS = """
(comment) @comment
(function_declaration name: (identifier) @name body: (block) @body) @function
(function_declaration name: (identifier) @name) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @owner))
  name: (field_identifier) @name body: (block) @body) @method
(type_spec name: (type_identifier) @name
  type: (struct_type (field_declaration_list) @body)) @struct
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(type_spec name: (type_identifier) @name) @type
(type_alias name: (type_identifier) @name) @type
"""

_BINDINGS = """
(const_declaration (const_spec name: (identifier) @name) @constant)
(var_declaration (var_spec name: (identifier) @name
  value: (expression_list . (func_literal body: (_) @body) .)) @variable)
(var_declaration (var_spec name: (identifier) @name) @variable)
(var_declaration (var_spec_list (var_spec name: (identifier) @name) @variable))
"""

_REFERENCES = """
(call_expression function: (identifier) @name)
(call_expression function: (selector_expression field: (field_identifier) @name))
(call_expression function: (index_expression operand: (identifier) @name))
(type_conversion_expression type: (generic_type type: (type_identifier) @name))
(composite_literal type: (type_identifier) @name)
(composite_literal type: (qualified_type name: (type_identifier) @name))
(composite_literal type: (generic_type type: (type_identifier) @name))
"""

_IMPORTS = """
(package_clause (package_identifier) @package)
(import_spec path: (_) @module)
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_go",
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    imports=_IMPORTS,
    groups=frozenset({"const_declaration", "var_declaration", "type_declaration"}),
    test_name=re.compile(r"(?:Test(?!Main$)|Benchmark|Fuzz|Example)(?![a-z])"),
    test_path=re.compile(r"_test\.go$"),
)
