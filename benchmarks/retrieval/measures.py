"""How good is one ranked list? Binary relevance; a target is met where its lines are touched.

The definitions are those of the topics' own `ndcg.py`: a target's rank is the first place of a
result whose path is the target's or one a suffix of the other and, where both have lines, whose
lines overlap; two targets first met at one place count once in the gain; the ideal list has every
target at the top. Chunk mode takes results as they are, file mode drops lines and repeated paths.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from topics import Target

CUT, DEEP = 10, 50
NDCG, NDCG_FILE, RR, RECALL, RECALL_DEEP = MEASURES = (
    f"nDCG@{CUT}",
    f"nDCG@{CUT} file",
    f"RR@{CUT}",
    f"R@{CUT}",
    f"R@{DEEP}",
)
"""Each a figure from 0 to 1 for one query, in the order in which `judge` returns them."""


@dataclass(frozen=True, slots=True)
class Found:
    """A result: a path as the tree has it, and lines (1-based, inclusive) where it has some."""

    path: str
    start_line: int | None = None
    end_line: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system answers when ten are wanted, and when fifty are."""

    top: Sequence[Found]
    deep: Sequence[Found]


def judge(answer: Answer, targets: Sequence[Target]) -> list[float]:
    """Return every measure of one answer, in the order of MEASURES."""
    top = answer.top[:CUT]
    first = ranks(top, targets)
    deep = ranks(answer.deep[:DEEP], targets)
    return [
        ndcg(first, len(targets)),
        ndcg(ranks(files(top), targets), len(targets)),
        reciprocal_rank(first),
        recall(first),
        recall(deep),
    ]


def matches(found: Found, target: Target) -> bool:
    """Whether a result shows a target: its file, and some of its lines where both have lines."""
    if not _same_path(found.path.replace("\\", "/"), target.path.replace("\\", "/")):
        return False
    if target.start_line is None or target.end_line is None:
        return True
    if found.start_line is None or found.end_line is None:
        return True
    return found.end_line >= target.start_line and found.start_line <= target.end_line


def ranks(results: Sequence[Found], targets: Iterable[Target]) -> list[int | None]:
    """Return for each target the 1-based place of the first result that shows it, or None."""
    return [
        next((place for place, one in enumerate(results, 1) if matches(one, target)), None)
        for target in targets
    ]


def files(results: Iterable[Found]) -> list[Found]:
    """Return the files of results, each once, without lines."""
    return [Found(path) for path in dict.fromkeys(one.path for one in results)]


def ndcg(first: Sequence[int | None], wanted: int, cut: int = CUT) -> float:
    """Return the discounted gain over the ideal one; 0 where nothing is wanted."""
    if not wanted:
        return 0.0
    met = sorted({rank for rank in first if rank is not None and rank <= cut})
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(cut, wanted) + 1))
    return sum(1 / math.log2(rank + 1) for rank in met) / ideal


def reciprocal_rank(first: Sequence[int | None]) -> float:
    """Return one over the place of the first result that shows a target; 0 if none does."""
    return max((1 / rank for rank in first if rank is not None), default=0.0)


def recall(first: Sequence[int | None]) -> float:
    """Return the share of targets that some result shows; 0 where nothing is wanted."""
    return sum(rank is not None for rank in first) / len(first) if first else 0.0


def _same_path(one: str, other: str) -> bool:
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
