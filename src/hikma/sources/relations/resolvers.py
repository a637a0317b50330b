"""Which resolver speaks for which language: adding one is a file beside this and a row here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hikma.domain import Import
from hikma.sources.relations.csharp import csharp
from hikma.sources.relations.ecmascript import ecmascript
from hikma.sources.relations.elixir import elixir
from hikma.sources.relations.go import go
from hikma.sources.relations.haskell import haskell
from hikma.sources.relations.include import include
from hikma.sources.relations.jvm import jvm
from hikma.sources.relations.lua import lua
from hikma.sources.relations.php import php
from hikma.sources.relations.python import python
from hikma.sources.relations.ruby import ruby
from hikma.sources.relations.rust import rust
from hikma.sources.relations.shell import shell
from hikma.sources.relations.swift import swift
from hikma.sources.relations.tree import Resolution, Resolve, Tree
from hikma.sources.relations.zig import zig

RESOLVERS: Mapping[str, Callable[[Tree], Resolve]] = MappingProxyType(
    {
        "java": jvm,
        "kotlin": jvm,
        "scala": jvm,
        "csharp": csharp,
        "elixir": elixir,
        "haskell": haskell,
        "lua": lua,
        "php": php,
        "ruby": ruby,
        "bash": shell,
        "swift": swift,
        "zig": zig,
        "jupyter": python,
        "python": python,
        "rust": rust,
        "c": include,
        "cpp": include,
        "go": go,
        "javascript": ecmascript,
        "typescript": ecmascript,
        "vue": ecmascript,
        "svelte": ecmascript,
    }
)
"""Language → what makes a resolver for one tree. Languages of one family share theirs."""


def resolver(tree: Tree) -> Callable[[str, Import], Resolution | None]:
    """Return what resolves the imports of one tree; None for a language without rules."""
    made: dict[Callable[[Tree], Resolve], Resolve] = {}

    def resolve(path: str, asked: Import) -> Resolution | None:
        make = RESOLVERS.get(tree.languages.get(path) or "")
        if make is None:
            return None
        if make not in made:
            made[make] = make(tree)
        return made[make](path, asked)

    return resolve
