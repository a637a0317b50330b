"""What ranking looks at, and what it adds: candidates, and what every rule gave each of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hikma.domain import HISTORY_KINDS, BriefDocument
from hikma.results import Share

Column: TypeAlias = NDArray[np.float64]
"""A figure of each candidate, in their order."""


class Candidate(NamedTuple):
    """A document that a retriever found; `ranks` tells by which and where, 1-based.

    `pins` are for what the query quotes and the document has: no rule lessens them. `votes` is the
    share of what commits whose words answer modified, 0 to 1; `importers` counts the files that
    import this one's.
    """

    document: BriefDocument
    bm25: float
    similarity: float | None
    ranks: Mapping[str, int]
    pins: tuple[Share, ...] = ()
    votes: float = 0.0
    importers: int = 0

    @property
    def is_history(self) -> bool:
        """Whether it speaks of a commit or a pull request."""
        return self.document.kind in HISTORY_KINDS


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score and what made it; the shares add up to the score."""

    candidate: Candidate
    score: float
    shares: tuple[Share, ...]


class Tally:
    """The scores of all candidates at once, and the shares that made them, a column a rule.

    A column at a time is a fifth of the time of a candidate at a time.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        """Begin with nothing for anyone."""
        self.candidates = candidates
        self.documents = [one.document for one in candidates]
        self.scores: Column = np.zeros(len(candidates))
        self.is_history = np.array([one.is_history for one in candidates], dtype=bool)
        self.pinned = column(_pinned(one) if one.pins else 0.0 for one in candidates)
        self._ids = np.array([one.id for one in self.documents], dtype=np.int64)
        self._told: list[tuple[str, Column]] = []

    def add(self, rule: str, shares: Column) -> None:
        """Add a rule's shares."""
        self.scores = self.scores + shares
        self._told.append((rule, shares))

    def multiply(self, rule: str, factors: Column) -> None:
        """Multiply the scores; the shares tell what that took or gave."""
        self.add(rule, (factors - 1) * self.scores)

    def order(self) -> list[int]:
        """Return the rows by score, what is pinned counted; ties by document id."""
        rows: list[int] = np.lexsort((self._ids, -self.scores - self.pinned)).tolist()
        return rows

    def scored(self, row: int) -> Scored:
        """Return a candidate with its score; a share of nothing is left out."""
        one = self.candidates[row]
        told = [(rule, float(shares[row])) for rule, shares in self._told]
        made = [Share(rule, round(got, 4), _rank(one, rule)) for rule, got in told if got]
        pins = [Share(pin.rule, round(pin.share, 4)) for pin in one.pins if pin.share]
        score = sum((pin.share for pin in one.pins), start=float(self.scores[row]))
        return Scored(one, score, (*made, *pins))


def column(figures: Iterable[float]) -> Column:
    """Return figures of the candidates as a column."""
    return np.fromiter(figures, dtype=np.float64)


def _pinned(one: Candidate) -> float:
    return sum(pin.share for pin in one.pins)


def _rank(one: Candidate, rule: str) -> int | None:
    return one.ranks.get(rule) if rule in {"lexical", "dense"} else None
