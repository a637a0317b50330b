"""The nouns of judging: what is asked, what answers it, and in what a target is counted."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from hikma.errors import EvaluationError

Qrels: TypeAlias = Mapping[str, int]
"""Target → relevance; above 0 is relevant. A target is a path, a node's id or `path:start-end`."""


PLACE = re.compile(r"(.+):([1-9]\d{0,8})-([1-9]\d{0,8})", re.DOTALL)
"""A path with lines, both included."""


class Unit(StrEnum):
    """In what hits are counted: each file once, each symbol once, or each stretch of lines."""

    FILES = "files"
    SYMBOLS = "symbols"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class Topic:
    """A question with what answers it, in one unit or several."""

    id: str
    text: str
    qrels: Mapping[Unit, Qrels]


@dataclass(frozen=True, slots=True)
class TopicSet:
    """Topics of one source, with what was left out, by reason.

    `revision` is the commit (hex) whose tree they ask; None for the index of the work tree.
    """

    source: str
    topics: Sequence[Topic]
    left_out: Mapping[str, int] = field(default_factory=dict)
    revision: str | None = None

    def units(self) -> list[Unit]:
        """Return the units in which any topic is judged, in the order of `Unit`."""
        return [unit for unit in Unit if any(one.qrels.get(unit) for one in self.topics)]

    def sampled(self, count: int | None, seed: int) -> "TopicSet":
        """Return `count` topics drawn by a seed, in their order; all where there are no more.

        Raises EvaluationError where there is no topic: nothing asked is no score of 0.
        """
        if not self.topics:
            listed = "; ".join(f"{number:,} {why}" for why, number in self.left_out.items())
            raise EvaluationError(
                f"No topic is left to judge by ({listed or 'there was none'}); "
                "give more commits with --back, other topics, or a looser --kind."
            )
        if count is None or count >= len(self.topics):
            return self
        drawn = np.random.default_rng(seed).permutation(len(self.topics))[:count]
        return replace(self, topics=[self.topics[at] for at in sorted(drawn.tolist())])
