"""What the extractor must know of a language, and the compiled tools made of it.

A language is one file under `languages/`, named like the language, that holds one `GRAMMAR`. Its
`definitions` is a tree-sitter query; the names of its captures are the whole vocabulary:

* a `SymbolKind` value (`@function`, `@class`, …) marks a definition, and so do
  `@member` (a function in an object literal), `@prototype` (a declaration without a body),
  `@test` (a call or macro that is a test), `@suite` (a block that only names its tests) and
  `@scope` (a block that is no symbol of its own) and `@result` (an object that a function returns).
  `@ignore` marks what is none of them. Where two patterns mark one node with one name, the earlier
  pattern holds.
* `@name` is its name, several are one title (`"A shop" should "open"`), or `@declarator` what C
  wraps its name in; a function or class without either is named `unnamed`.
* `@container` is a block whose direct children are read by `bindings`, a second query of the same
  vocabulary, as the root's are: constants and variables count there and nowhere else, and a
  query that looked for them everywhere would cost more than the parse.
* `@path` names a test by all its quoted parts: `T['open()']['fails']`.
* `@owner` is the type that a method belongs to but does not stand in; `@body` ends its header.
* `@documentation` is a docstring, `@preface` one that stands before what it is about, `@comment` a
  comment, `@decorator` what may stand before a definition and belongs to its lines.

`references` is a query that is run on tests only; its capture `@name` is a name that is called.

`imports` is a query over the whole file. Each match with `@module` is one `Import`: `@name` is what
it takes, `@keyword` how it asks. `@package` is the name by which others ask for this file (a
package, a namespace, a module). `unfold` takes apart what a query cannot: Rust's trees of `use`.

No query uses `#set!`: with a second predicate beside it, tree-sitter 0.26.1 for Python frees memory
that it still holds, and the process ends.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from hikma.domain import Import
from hikma.sources.language_names import language_of

if TYPE_CHECKING:
    import tree_sitter


_ENCLOSING = frozenset({"jupyter", "svelte", "vue"})
"""Languages whose files hold code of another one."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language, declared: its parser, its queries and the names that mean something."""

    wheel: str
    definitions: str
    bindings: str
    references: str
    imports: str = ""
    unfold: Callable[[Import], Iterable[Import]] | None = None
    """One import as captured → the imports that it stands for."""
    settle: "Callable[[Import, tree_sitter.Node, bytes], Import] | None" = None
    """An import, the node of its module, the source → the same with what its place adds."""
    entry: str = "language"
    dialects: Mapping[str, "Grammar"] = field(default_factory=dict)
    """Extension → the grammar that such files follow instead."""
    wrappers: frozenset[str] = frozenset()
    """Nodes around a definition that belong to its lines: `export …`, decorators."""
    groups: frozenset[str] = frozenset()
    """Nodes that hold several definitions, and belong to one only where it is alone in them."""
    prologue: frozenset[str] = frozenset()
    """Nodes that may stand before a file's opening comment, as `<?php` does."""
    constructors: frozenset[str] = frozenset()
    eponymous: bool = False
    """Whether a method with the name of its type is a constructor."""
    property_decorator: re.Pattern[str] | None = None
    test_name: re.Pattern[str] | None = None
    test_path: re.Pattern[str] | None = None
    test_owner: re.Pattern[str] | None = None
    """Matches the header of a class whose methods are tests wherever the file stands."""
    test_decorator: re.Pattern[str] | None = None
    """Matches the decorators, annotations or attributes in front of a function that is a test."""
    markup: re.Pattern[str] | None = None
    """Tags in documentation that are no words; what its last group matched stays."""
    joints: re.Pattern[str] | None = None
    """What joins the parts of a written name: with `::`, `A::b` names what is `b` in `A`."""
    sigils: str = ""
    """Characters in front of a name that are none of it: `:` of a symbol, `$` of a variable."""
    trailing: re.Pattern[bytes] | None = None
    """What may end a header and is none of it: a comment behind it."""
    reassigned: bool = False
    """Whether a variable is written like its every assignment, so that the first one defines it."""
    disguise: Callable[[bytes], bytes] | None = None
    """What the parser is shown instead of the source, byte for byte as long, where a language is
    written in another one that it extends; names and headers are read from the source."""
    header_path: re.Pattern[str] | None = None
    """Files in which a prototype is worth a symbol."""
    unnamed: str = ""
    """What an exported function or class without a name is called."""
    flat: bool = False
    """Whether a nested definition has the scope of the file, as in C."""
    noise: re.Pattern[bytes] | None = None
    """Words on lines of their own that are no code without their macros: blanked."""
    clauses: bool = False
    """Whether definitions of one name and count of `@parameters` that follow each other are one."""
    conditional: bool = False
    """Whether `#if` branches may cut through definitions, so that a broken tree is read again."""


class Tools(NamedTuple):
    """A grammar, loaded and compiled."""

    grammar: Grammar
    language: "tree_sitter.Language"
    definitions: "tree_sitter.Query"
    bindings: "tree_sitter.Query"
    references: "tree_sitter.Query"
    imports: "tree_sitter.Query | None"


def tools_for(language: str | None, extension: str) -> Tools | None:
    """Return the tools for a file, or None for a language that is not read as code.

    Only the wheel of this language is imported.
    """
    grammar = _grammar(language) if language else None
    if language is None or grammar is None:
        return None
    return _compile(language, extension if extension in grammar.dialects else "")


def is_code(path: str) -> bool:
    """Whether files of this name can have symbols."""
    language = language_of(path)
    return language in _ENCLOSING or (language is not None and _grammar(language) is not None)


@cache
def _grammar(language: str) -> Grammar | None:
    module = f"hikma.sources.languages.{language}"
    if not language.isidentifier() or find_spec(module) is None:
        return None
    grammar: Grammar = import_module(module).GRAMMAR
    return grammar


@cache
def _compile(language: str, dialect: str) -> Tools:
    from tree_sitter import Language, Query  # noqa: PLC0415 -- a search never parses

    grammar = _grammar(language)
    if grammar is None:
        raise ValueError(f"{language} has no grammar; add languages/{language}.py")
    grammar = grammar.dialects.get(dialect, grammar)
    loaded = Language(getattr(import_module(grammar.wheel), grammar.entry)())
    return Tools(
        grammar,
        loaded,
        Query(loaded, grammar.definitions),
        Query(loaded, grammar.bindings),
        Query(loaded, grammar.references),
        Query(loaded, grammar.imports) if grammar.imports else None,
    )
