"""The nouns: what a repository, its graph, its texts, its vectors and its answers are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

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


HISTORY_KINDS = frozenset({NodeKind.COMMIT, NodeKind.PULL_REQUEST})
"""Kinds that stand in no file and never change."""


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
class Import:
    """What a file asks for from elsewhere, in its own words, not yet resolved.

    `module` is written as in the source, quotes included where they mean something; `name` is what
    is taken out of it, `*` for everything, empty for the module itself; `keyword` tells apart what
    a language asks for in several ways (`mod`, `require_relative`).
    """

    module: str
    name: str = ""
    keyword: str = ""


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
    imports: tuple[Import, ...] = ()
    limitation: str | None = None


class ChangeStatus(StrEnum):
    """What a commit did to a file, compared with one of its parents."""

    ADDED = "A"
    MODIFIED = "M"
    DELETED = "D"
    RENAMED = "R"
    SAME = "S"
    """Nothing: a merge took the file as it was in this parent, other than in the first."""


class Change(NamedTuple):
    """A file that differs between a commit and its parent number `parent`.

    `old_path` is set for a rename. `hunks` are little-endian 32-bit integers, four a hunk (old
    start, old lines, new start, new lines, as in a unified diff without context); None where they
    were not computed: the file is no code, too large, or its content is missing.
    """

    path: str
    status: ChangeStatus
    parent: int = 0
    old_path: str = ""
    hunks: bytes | None = None


@dataclass(frozen=True, slots=True)
class PullMention:
    """A pull request as a commit speaks of it: its merge, or the one commit made of it."""

    number: int
    title: str
    description: str = ""
    author: str = ""
    branch: str = ""
    is_merge: bool = False
    brought: tuple[str, ...] = ()
    """Hex ids of the commits that a merge brought, itself not included."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit with what it changed. Ids are hex; `date` is ISO 8601, `time` its instant.

    `names` are functions and types that its hunks stand in, as they were called then. `gap` says
    why the changes are not known, where they are not.
    """

    hash: str
    parents: tuple[str, ...]
    author: str
    email: str
    date: str
    time: int
    message: str
    changes: tuple[Change, ...] = ()
    names: tuple[str, ...] = ()
    pull: PullMention | None = None
    gap: str = ""


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
    the BLAKE2b hash of `meaning`, so equal texts share one vector wherever they stand. `runs` tells
    where its lines stand (see `cutting.line_numbers`).
    """

    node: NodeId
    ordinal: int
    span: Span
    text: str
    meaning: str
    fields: Fields
    digest: bytes
    runs: bytes = b""


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


class BriefDocument(NamedTuple):
    """What ranking looks at in a document: whose it is and where it stands, not what it shows.

    `node` and `file` are integers of the graph, `key` is the node's id; `text` is empty where no
    rule reads it. Lines are None for a node without any.
    """

    id: int
    ordinal: int
    start_line: int | None
    end_line: int | None
    node: int
    file: int
    key: NodeId
    kind: NodeKind
    name: str
    qualified_name: str
    path: str
    language: str | None
    pull_request: int | None = None
    text: str = ""


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

    @property
    def title(self) -> str:
        """What people are told of it."""
        where = f" at {self.location}" if self.location else ""
        return f"{self.backend} ({self.index_type}, {self.model}){where}"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a query keeps; an empty tuple and None keep everything.

    Values of one field are alternatives; all fields hold together. `since` and `until` are
    instants, both included; one without a zone is in UTC.
    """

    kinds: tuple[NodeKind, ...] = ()
    languages: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class Mode(StrEnum):
    """Which retrievers answer a query."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the index. `min_similarity` None means the mode's default.

    `limit` None means ten hits, or with a `budget` (tokens of the whole answer) as many as fit.
    With `regex` the text is a regular expression, searched in each line.
    """

    text: str
    filter: Filter = field(default_factory=Filter)
    limit: int | None = None
    mode: Mode = Mode.HYBRID
    min_similarity: float | None = None
    explain: bool = False
    budget: int | None = None
    regex: bool = False
