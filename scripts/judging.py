"""How well do questions find what answers them, by a table alone?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import sparse

from fitting import Features, Fitted, directions
from hikma.models.static import Tokens, weights_of
from pairs import Pair

ASKED = 2_000
"""Questions of one language, at most."""
BEST = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions, the texts that they look among, and the places of those that answer each."""

    questions: Sequence[str]
    texts: Sequence[str]
    right: Sequence[Sequence[int]]


def by_language(held: Iterable[Pair]) -> dict[str, Asked]:
    """Return what sentences of documentation ask, each for its own code, by language."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for one in held:
        if one.kind == "documentation" and len(found[one.language]) < ASKED:
            found[one.language].append(one)
    return {
        language: Asked(
            [one.question for one in some],
            [one.answer for one in some],
            [[at] for at in range(len(some))],
        )
        for language, some in sorted(found.items())
    }


def features(tokens: Tokens, texts: Iterable[str]) -> Features:
    """Return one row a text with the weight of each of its words."""
    rows = [tokens.counts(text) for text in texts]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.fromiter(chain.from_iterable(rows), np.int32, ends[-1])
    times = np.fromiter(chain.from_iterable(row.values() for row in rows), np.intp, ends[-1])
    return sparse.csr_matrix((weights_of(times), columns, ends), (len(rows), len(tokens)))


def reciprocal_rank(fitted: Fitted, tokens: Tokens, asked: Asked) -> float:
    """Return the mean reciprocal rank at 10 of the best text that answers each question."""
    plain = features(tokens, asked.questions)
    weighted = plain.multiply(np.exp(fitted.asked)[None, :]).tocsr()
    told = directions(features(tokens, asked.texts), fitted.table)
    scores = directions(weighted, fitted.table) @ told.T
    best = [row[list(right)].max() for row, right in zip(scores, asked.right, strict=True)]
    ranks = 1 + (scores > np.array(best)[:, None]).sum(axis=1)
    return float(np.where(ranks <= BEST, 1 / ranks, 0).mean())


def reciprocal_ranks(fitted: Fitted, tokens: Tokens, held: Iterable[Pair]) -> dict[str, float]:
    """Return the mean reciprocal rank of each language."""
    return {
        language: round(reciprocal_rank(fitted, tokens, asked), 3)
        for language, asked in by_language(held).items()
    }
