"""What ranking looks at, and what it adds: a candidate, and the shares of its score."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hikma.domain import HISTORY_KINDS, StoredDocument
from hikma.results import Share


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that a retriever found; `ranks` tells by which and where, 1-based.

    `pins` are for what the query quotes and the document has: no rule lessens them. `votes` is the
    share of what commits whose words answer modified, 0 to 1; `importers` counts the files that
    import this one's.
    """

    document: StoredDocument
    bm25: float
    similarity: float | None
    ranks: Mapping[str, int]
    pins: tuple[Share, ...] = ()
    votes: float = 0.0
    importers: int = 0

    @property
    def is_history(self) -> bool:
        """Whether it speaks of a commit or a pull request."""
        return self.document.node.kind in HISTORY_KINDS


@dataclass(slots=True)
class Scored:
    """A candidate with its score and what made it."""

    candidate: Candidate
    score: float = 0.0
    _told: list[tuple[str, float, int | None]] = field(default_factory=list)

    @property
    def shares(self) -> list[Share]:
        """Return what each rule added; made when asked for, since few of all candidates show."""
        return [Share(rule, round(share, 4), rank) for rule, share, rank in self._told]

    def add(self, rule: str, share: float, rank: int | None = None) -> None:
        """Add a rule's share; a share of nothing leaves no trace."""
        if share:
            self.score += share
            self._told.append((rule, share, rank))

    def multiply(self, rule: str, factor: float) -> None:
        """Multiply the score; the share tells what that took or gave."""
        if factor != 1.0:
            self.add(rule, (factor - 1) * self.score)
