"""JavaScript and JSX: functions in every shape that they are bound in, classes, and test calls."""

from hikma.sources.grammar import Grammar

_FUNCTION_VALUE = """[
  (arrow_function body: (_) @body) (function_expression body: (_) @body)
  (generator_function body: (_) @body)]"""
_TEST_WORDS = "it|test|specify|bench|Deno[.]test"
_SUITE_WORDS = "describe|context|suite"
_MODIFIERS = (
    r"([.](only|skip|todo|fails|failing|concurrent|sequential|serial|parallel|each|for"
    r"|skipIf|runIf|describe|step)\\b(\\(.*|`.*)?)*$"
)

SHARED = f"""
(comment) @comment
(decorator) @decorator

(call_expression function: (_) @_callee
  arguments: (arguments . [(string) (template_string)] @name . (_))
  (#match? @_callee "^[xf]?({_SUITE_WORDS}|test.describe){_MODIFIERS}")) @suite
(call_expression function: (_) @_callee
  arguments: (arguments . [(string) (template_string)] @name . (_))
  (#match? @_callee "^[xf]?({_TEST_WORDS}){_MODIFIERS}")) @test

(function_declaration name: (identifier) @name body: (_) @body) @function
(generator_function_declaration name: (identifier) @name body: (_) @body) @function
(variable_declarator name: (identifier) @name value: {_FUNCTION_VALUE}) @function
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @class
(export_statement value: {_FUNCTION_VALUE}) @function
(export_statement value: (class name: (_) @name body: (_) @body)) @class
(export_statement value: (class !name body: (_) @body)) @class
(export_statement value: (object)) @scope

(method_definition ["get" "set"] name: (_) @name body: (_) @body) @property
(method_definition name: (_) @name body: (_) @body) @member
(pair key: (_) @name value: {_FUNCTION_VALUE}) @member
(pair key: (_) @name value: (object)) @scope
(return_statement (object)) @result
(arrow_function body: (parenthesized_expression (object) @result))

(assignment_expression
  left: (member_expression object: (member_expression object: (identifier) @owner
      property: (property_identifier) @_p) property: (property_identifier) @name)
  right: {_FUNCTION_VALUE} (#eq? @_p "prototype")) @method
(assignment_expression
  left: (member_expression object: (_) @_e property: (property_identifier) @name)
  right: {_FUNCTION_VALUE} (#match? @_e "^(module[.])?exports$")) @function
(assignment_expression left: (member_expression) @_e
  right: {_FUNCTION_VALUE} (#eq? @_e "module.exports")) @function
(assignment_expression
  left: (member_expression object: (_) @_e property: (property_identifier) @name)
  right: (class body: (_) @body) (#match? @_e "^(module[.])?exports$")) @class
(assignment_expression left: (_) @_e
  right: (object) (#match? @_e "^(module[.])?exports$")) @scope
(assignment_expression
  left: (member_expression object: (identifier) @owner
    property: (property_identifier) @_p)
  right: (object) (#eq? @_p "prototype")) @scope
(assignment_expression
  left: (member_expression object: (identifier) @owner property: (property_identifier) @name)
  right: {_FUNCTION_VALUE}) @method
(assignment_expression
  left: (member_expression object: (this) property: (property_identifier) @name)
  right: {_FUNCTION_VALUE}) @method
"""


_REQUIRED = """(variable_declarator value: [
  (call_expression function: (identifier) @_f)
  (member_expression object: (call_expression function: (identifier) @_f))]
  (#eq? @_f "require")) @ignore"""
_DECLARATOR = "(variable_declarator name: (identifier) @name)"

BINDINGS = "\n".join(
    parent % declaration
    for parent in ("%s", "(export_statement declaration: %s)")
    for declaration in (
        f"(lexical_declaration {_REQUIRED})",
        f"(variable_declaration {_REQUIRED})",
        f'(lexical_declaration kind: "const" {_DECLARATOR} @constant)',
        f"(lexical_declaration {_DECLARATOR} @variable)",
        f"(variable_declaration {_DECLARATOR} @variable)",
    )
)

_DEFINITIONS = f"""{SHARED}
(class_declaration name: (_) @name body: (_) @body) @class
(field_definition property: (_) @name value: (object)) @scope
(field_definition property: (_) @name value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
"""

REFERENCES = """
(call_expression function: (identifier) @name)
(call_expression function: (member_expression property: (property_identifier) @name))
(new_expression constructor: (identifier) @name)
(new_expression constructor: (member_expression property: (property_identifier) @name))
"""
JSX_REFERENCES = """
(jsx_opening_element name: (identifier) @name (#match? @name "^[A-Z]"))
(jsx_self_closing_element name: (identifier) @name (#match? @name "^[A-Z]"))
"""

IMPORTS = """
(import_statement . "import" . source: (string) @module)
(import_statement (import_clause (identifier)) source: (string) @module)
(import_statement (import_clause (namespace_import)) source: (string) @module)
(import_statement (import_clause (named_imports (import_specifier name: (_) @name)))
  source: (string) @module)
(export_statement "*" @name source: (string) @module)
(export_statement (namespace_export) source: (string) @module)
(export_statement (export_clause (export_specifier name: (_) @name)) source: (string) @module)
(call_expression function: (import) @keyword arguments: (arguments . (_) @module))
(call_expression function: (identifier) @keyword arguments: (arguments . (_) @module)
  (#eq? @keyword "require"))
(variable_declarator
  name: (object_pattern [
    (shorthand_property_identifier_pattern) @name
    (pair_pattern key: (property_identifier) @name)])
  value: (call_expression function: (identifier) @keyword arguments: (arguments . (string) @module)
    (#eq? @keyword "require")))
"""

WRAPPERS = frozenset({"export_statement", "expression_statement", "ambient_declaration"})
GROUPS = frozenset({"lexical_declaration", "variable_declaration"})

GRAMMAR = Grammar(
    wheel="tree_sitter_javascript",
    imports=IMPORTS,
    definitions=_DEFINITIONS,
    bindings=BINDINGS,
    references=REFERENCES + JSX_REFERENCES,
    wrappers=WRAPPERS,
    groups=GROUPS,
    unnamed="default",
    constructors=frozenset({"constructor"}),
)
