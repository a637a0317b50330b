"""The scripts of Vue's single-file components: JavaScript or TypeScript, and options objects."""

from dataclasses import replace

from hikma.sources.grammar import Grammar
from hikma.sources.languages import javascript, typescript

_OPTIONS = """
(export_statement value: (call_expression arguments: (arguments . (object) @scope)))
"""


def _with_options(grammar: Grammar) -> Grammar:
    return replace(grammar, definitions=grammar.definitions + _OPTIONS, dialects={})


GRAMMAR = replace(
    _with_options(javascript.GRAMMAR),
    dialects={
        "ts": _with_options(typescript.GRAMMAR),
        "tsx": _with_options(typescript.GRAMMAR.dialects["tsx"]),
    },
)
