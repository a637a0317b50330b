"""TypeScript and TSX: JavaScript's patterns, and types, namespaces, signatures and declarations."""

from dataclasses import replace

from hikma.sources.grammar import Grammar
from hikma.sources.languages import javascript

_DEFINITIONS = f"""{javascript.SHARED}
(ambient_declaration) @container
(internal_module body: (statement_block) @container)
(module body: (statement_block) @container)
(class_declaration name: (_) @name body: (_) @body) @class
(abstract_class_declaration name: (_) @name body: (_) @body) @class
(public_field_definition name: (_) @name value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(public_field_definition name: (_) @name value: (object)) @scope
(class_body (method_signature name: (_) @name) @method)
(abstract_method_signature name: (_) @name) @method
(function_signature name: (_) @name) @function
(interface_declaration name: (_) @name body: (_) @body) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name body: (_) @body) @enum
(internal_module name: (_) @name body: (_) @body) @module
(module name: (_) @name body: (_) @body) @module
"""

_IMPORTS = f"""{javascript.IMPORTS}
(import_require_clause "require" @keyword source: (string) @module)
"""

_TYPESCRIPT = Grammar(
    wheel="tree_sitter_typescript",
    entry="language_typescript",
    definitions=_DEFINITIONS,
    imports=_IMPORTS,
    bindings=javascript.BINDINGS,
    references=javascript.REFERENCES,
    wrappers=javascript.WRAPPERS,
    groups=javascript.GROUPS,
    unnamed=javascript.GRAMMAR.unnamed,
    constructors=javascript.GRAMMAR.constructors,
)
_TSX = replace(_TYPESCRIPT, entry="language_tsx", references=javascript.GRAMMAR.references)

GRAMMAR = replace(_TYPESCRIPT, dialects={"tsx": _TSX})
