"""What the engine hands back: the interfaces print these as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hikma.domain import EdgeKind, Mode, Node, NodeId, NodeKind, Property, Skip, VectorSpace

HISTORY_NONE, HISTORY_PARTIAL, HISTORY_COMPLETE = "none", "partial", "complete"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How the index stands to the repository: `stale` when HEAD moved or the index is partial.

    `history` is `complete` when it leads to the indexed head, `partial` when it is yet to be
    brought there, `none` when there is no commit in the index.
    """

    head: str | None
    indexed_at: str
    stale: bool
    history: str = HISTORY_NONE
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What one retriever or ranking rule added to a hit's score; `rank` is the retriever's."""

    rule: str
    share: float
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `similarity` is the cosine in [-1, 1]; `fresh` is False when the file changed.

    `tokens` is set where the query had a budget: what the hit costs as printed; the snippet then
    holds the lines that were worth it, whole, without blank ones, `…` where some were left out.
    """

    rank: int
    id: NodeId
    kind: NodeKind
    name: str
    path: str
    start_line: int | None
    end_line: int | None
    language: str | None
    score: float
    similarity: float | None
    snippet: str
    sources: tuple[str, ...]
    fresh: bool
    properties: Mapping[str, Property]
    explanation: tuple[Share, ...] = ()
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits of one query, with what a reader needs to trust them.

    `tokens` is what the whole costs as printed, at most its `budget`; both None without one.
    """

    query: str
    mode: Mode
    took_ms: float
    index: Freshness
    hits: tuple[Hit, ...]
    degraded: tuple[str, ...] = ()
    tokens: int | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What one run did to the history.

    `gaps` counts commits whose changes could not be read, by reason; `missing` commits that others
    name as parents and that the clone lacks.
    """

    added: int
    removed: int
    embedded: int
    gaps: Mapping[str, int]
    missing: int
    stages: Mapping[str, float]
    took_s: float


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one indexing run did; `stages` are seconds, `kinds` counts nodes after the run.

    `imports` counts imports by what became of them: `resolved`, or why there is no edge. `history`
    is None where there is none to follow, or it was not asked for.
    """

    database: str
    head: str | None
    added: int
    modified: int
    removed: int
    documents: int
    embedded: int
    source_bytes: int
    kinds: Mapping[str, int]
    skips: tuple[Skip, ...]
    limitations: tuple[Skip, ...]
    stages: Mapping[str, float]
    took_s: float
    imports: Mapping[str, int] = field(default_factory=dict)
    history: HistoryReport | None = None
    dry_run: bool = False
    owed: int = 0
    """Vectors that a store outside the file did not take yet; they stay owed, and are brought."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is indexed, how fresh it is, and which space answers.

    `changed` counts the files that the next `hikma index` would read or remove; `imports` counts
    imports by what became of them; `gaps` counts commits that could not be read whole, by reason.
    `unloaded` is why this engine could not load its codes: its answers are right, and slower.
    """

    database: str
    bytes: int
    index: Freshness
    changed: int
    documents: int
    kinds: Mapping[str, int]
    languages: Mapping[str, int]
    imports: Mapping[str, int]
    gaps: Mapping[str, int]
    skips: tuple[Skip, ...]
    space: VectorSpace
    writer: str | None
    unloaded: str | None = None


@dataclass(frozen=True, slots=True)
class SpaceStats:
    """How the documents of one kind stand in the answering space.

    `missing` have no vector, `stale` have one of a former text; `bytes` are canonical vectors.
    """

    kind: NodeKind
    total: int
    missing: int
    stale: int
    dimension: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Which share of the exact nearest `depth` the answering space finds, over so many `queries`.

    They are vectors that it holds. A flat space is not asked: its answers are the exact ones.
    """

    index_type: str
    depth: int
    queries: int
    recall: float


@dataclass(frozen=True, slots=True)
class VectorStats:
    """The vectors of the answering space: how many there are, and how well they are found."""

    kinds: Sequence[SpaceStats]
    recall: Recall


@dataclass(frozen=True, slots=True)
class Relation:
    """An edge seen from one of its ends: `out` leads away from it, `in` towards it."""

    kind: EdgeKind
    direction: str
    id: NodeId
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A node with its text as it was indexed, and its neighbours."""

    node: Node
    text: str
    fresh: bool
    relations: tuple[Relation, ...]
