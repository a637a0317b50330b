"""Elixir: modules, protocols and their implementations, functions by clauses, macros, types, tests.

Everything is a call (`def`, `defmodule`, `test`), so each pattern says by a predicate which.
"""

import re

from hikma.sources.clauses import elixir_modules
from hikma.sources.grammar import Grammar

_HEAD = """[
  (call target: (_) @name (arguments) @parameters)
  (identifier) @name
  (binary_operator left: (call target: (_) @name (arguments) @parameters) operator: "when")
  (binary_operator left: (identifier) @name operator: "when")
  (binary_operator operator: _ @name)
  (unary_operator operator: _ @name)]"""

_FUNCTIONS = "\n".join(
    f"""
(call target: (identifier) @_kind {body} (#any-of? @_kind {kinds})
  (#not-eq? @name "when")) @{role}
"""
    for kinds, role in (
        ('"def" "defp" "defdelegate" "defn" "defnp"', "function"),
        ('"defmacro" "defmacrop" "defguard" "defguardp"', "macro"),
    )
    for body in (
        f"(arguments . {_HEAD}) (do_block) @body",
        f"(arguments . {_HEAD} . (keywords) @body)",
        f"(arguments . {_HEAD} .)",
    )
)

_TYPE = """(arguments (binary_operator left: [
  (call target: (identifier) @name) (identifier) @name] operator: "::"))"""

_DEFINITIONS = rf"""
(comment) @comment
(unary_operator operator: "@" operand: (call target: (identifier) @_kind
  (arguments . [
    (string . (quoted_content) @documentation) (sigil (quoted_content) @documentation)]))
  (#eq? @_kind "moduledoc"))
(unary_operator operator: "@" operand: (call target: (identifier) @_kind
  (arguments . [(string . (quoted_content) @preface) (sigil (quoted_content) @preface)]))
  (#any-of? @_kind "doc" "typedoc")) @decorator
(unary_operator operator: "@" operand: (call target: (identifier) @_kind)
  (#any-of? @_kind "doc" "typedoc" "spec" "impl" "deprecated" "tag" "since")) @decorator

(call target: (identifier) @_kind (arguments . (alias) @name) (do_block) @body @container
  (#eq? @_kind "defmodule")) @module
(call target: (identifier) @_kind (arguments . (alias) @name) (do_block) @body @container
  (#eq? @_kind "defprotocol")) @interface
(call target: (identifier) @_kind (arguments . (alias) @owner
    (keywords (pair key: (keyword) @_for value: (_) @name))) (do_block) @body @container
  (#eq? @_kind "defimpl") (#match? @_for "^for:")) @module
(call target: (identifier) @_kind (arguments . (alias) @name .) (do_block) @body @container
  (#eq? @_kind "defimpl")) @module

{_FUNCTIONS}
(unary_operator operator: "@" operand: (call target: (identifier) @_kind {_TYPE})
  (#any-of? @_kind "callback" "macrocallback")) @method
(unary_operator operator: "@" operand: (call target: (identifier) @_kind {_TYPE})
  (#any-of? @_kind "type" "typep" "opaque")) @type

(call target: (identifier) @_kind (arguments . (string (quoted_content) @name)) (do_block) @body
  (#any-of? @_kind "test" "property" "feature")) @test
(call target: (identifier) @_kind (arguments . (string (quoted_content) @name) .) .
  (#eq? @_kind "test")) @test
(call target: (identifier) @_kind (arguments . (string (quoted_content) @name)) (do_block) @body
  (#eq? @_kind "describe")) @suite
"""

_RESERVED = (
    *("moduledoc", "doc", "typedoc", "spec", "type", "typep", "opaque", "callback"),
    *("macrocallback", "optional_callbacks", "impl", "behaviour", "derive", "deprecated", "since"),
    *("tag", "moduletag", "describetag", "enforce_keys", "compile", "dialyzer", "on_load"),
    *("before_compile", "after_compile", "after_verify", "on_definition", "external_resource"),
)
_BINDINGS = f"""
(unary_operator operator: "@" operand: (call target: (identifier) @name (arguments))
  (#not-match? @name "^({"|".join(_RESERVED)})$")) @constant
"""

_REFERENCES = """
(call target: (identifier) @name)
(call target: (dot right: (identifier) @name))
(call target: (dot left: (alias) @name))
(struct (alias) @name)
"""

_IMPORTS = """
(source (call target: (identifier) @_define (arguments . (alias) @package)
  (#match? @_define "^def(module|protocol)$")))
(call target: (identifier) @keyword (arguments . [(alias) (dot)] @module)
  (#match? @keyword "^(alias|import|use|require)$"))
"""

GRAMMAR = Grammar(
    wheel="tree_sitter_elixir",
    imports=_IMPORTS,
    unfold=elixir_modules,
    definitions=_DEFINITIONS,
    bindings=_BINDINGS,
    references=_REFERENCES,
    joints=re.compile(r"(?<=\w)\.(?=\w)"),
    reassigned=True,
    clauses=True,
)
