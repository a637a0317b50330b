"""The nouns: what a repository, its graph, its texts, its vectors and its answers are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

NodeId: TypeAlias = str
"""Readable identity of a node, unique in a file: `symbol:src/a.py#Engine.open`."""

Property: TypeAlias = str | int | float | bool | None


class NodeKind(StrEnum):
    """What a vertex of the graph stands for."""

    REPOSITORY = "repository"
    DIRECTORY = "directory"
    FILE = "file"
    SYMBOL = "symbol"
    TEST = "test"
    COMMIT = "commit"
    PULL_REQUEST = "pull_request"


class SymbolKind(StrEnum):
    """What a symbol is, in the words of the Language Server Protocol."""

    FUNCTION = "function"
    METHOD = "method"
    CONSTRUCTOR = "constructor"
    CLASS = "class"
    INTERFACE = "interface"
    STRUCT = "struct"
    ENUM = "enum"
    TYPE = "type"
    MODULE = "module"
    CONSTANT = "constant"
    VARIABLE = "variable"
    PROPERTY = "property"
    MACRO = "macro"


class EdgeKind(StrEnum):
    """How two vertices are related."""

    CONTAINS = "contains"
    DEFINES = "defines"
    IMPORTS = "imports"
    CALLS = "calls"
    INHERITS = "inherits"
    TESTS = "tests"
    MODIFIES = "modifies"
    MERGES = "merges"


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of a file, 1-based, both ends included."""

    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Node:
    """A vertex of the code graph."""

    id: NodeId
    kind: NodeKind
    name: str
    path: str
    span: Span | None = None
    language: str | None = None
    symbol_kind: SymbolKind | None = None
    qualified_name: str = ""
    signature: str = ""
    documentation: str = ""
    properties: Mapping[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed relation; `confidence` below 1 says that it was inferred."""

    kind: EdgeKind
    source: NodeId
    target: NodeId
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a snapshot; `digest` is the hex id of its content as a git blob."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Skip:
    """A path that is not indexed, and why.

    `digest` is set when the content was read to find out, so that it is not read again.
    """

    path: str
    reason: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one moment: HEAD's tree overlaid with the work tree, or one commit's tree.

    `head` is the commit's hex id, or None for a folder without git or an unborn branch.
    """

    name: str
    head: str | None
    entries: tuple[Entry, ...]
    skips: tuple[Skip, ...]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What must be done to bring the index to a snapshot."""

    added: tuple[Entry, ...]
    modified: tuple[Entry, ...]
    removed: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.added or self.modified or self.removed)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's bytes, ready to be read by a worker."""

    path: str
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """A titled run of lines of a text: a Markdown heading and what stands under it.

    `title` is the path of headings from the top: `Install > From source`.
    """

    title: str
    span: Span


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a node mentions as something it calls or uses, not yet resolved."""

    source: NodeId
    name: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one file yields.

    `nodes` starts with the file's own node; then symbols and tests in source order.
    `text` is the decoded content, lines ended by a line feed only. `limitation` says what could
    not be read as code (a time-out, nesting too deep) although the file is indexed as text.
    """

    path: str
    text: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    sections: tuple[Section, ...] = ()
    references: tuple[Reference, ...] = ()
    limitation: str | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The full-text columns of a document: words, identifiers already split."""

    name: str
    path: str
    signature: str
    documentation: str
    body: str


@dataclass(frozen=True, slots=True)
class Document:
    """A run of lines of a node that is embedded and full-text indexed.

    `text` is what a reader is shown; `meaning` is what the model is given; `digest` (16 bytes) is
    the BLAKE2b hash of `meaning`, so equal texts share one vector wherever they stand.
    """

    node: NodeId
    ordinal: int
    span: Span
    text: str
    meaning: str
    fields: Fields
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the catalog holds it, with the node that it belongs to.

    `file_digest` is the digest of the file's content when it was indexed.
    """

    id: int
    node: Node
    ordinal: int
    span: Span
    text: str
    file_digest: str


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """Where vectors live and what made them.

    `documents` and `queries` are the identities (SHA-256) of the two sides of the model.
    """

    id: int
    backend: str
    location: str
    model: str
    documents: str
    queries: str
    dimension: int
    metric: str
    index_type: str
    state: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What a query keeps; an empty tuple keeps everything."""

    kinds: tuple[NodeKind, ...] = ()
    languages: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class Mode(StrEnum):
    """Which retrievers answer a query."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the index. `min_similarity` None means the mode's default."""

    text: str
    filter: Filter = field(default_factory=Filter)
    limit: int = 10
    mode: Mode = Mode.HYBRID
    min_similarity: float | None = None
    explain: bool = False
