"""Vectors and ids as NumPy holds them; apart from `domain`, for a parsing worker needs none."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""One unit vector, shape (dimension,)."""

VectorRows: TypeAlias = NDArray[np.float32]
"""Unit vectors, shape (count, dimension)."""

DocumentIds: TypeAlias = NDArray[np.int64]
"""Sorted, unique ids of documents: the only filter that a vector store knows."""

Mask: TypeAlias = NDArray[np.bool_]
"""Which of so many are meant, shape (n,)."""

_SPARSE = 64
"""Ids spread over more than so many times their count are looked up, one by one, which takes eight
times as long as to mark them in an array of bytes; that one grows with what they are spread over.
"""


class Neighbor(NamedTuple):
    """A document and its cosine distance (1 - cosine similarity) to a query."""

    id: int
    distance: float


@dataclass(frozen=True, slots=True)
class VectorBatch:
    """Vectors with the ids of their documents: shapes (n,) and (n, dimension).

    `sequences` (n,) are those of the ledger, for stores outside the file: a store keeps the row
    with the higher one. Without them a row replaces whatever is there.
    """

    ids: DocumentIds
    vectors: VectorRows
    sequences: NDArray[np.int64] | None = None


def united(*parts: DocumentIds) -> DocumentIds:
    """Return the ids of all parts, sorted, each once.

    NumPy's `unique` and `union1d` import `numpy.ma`: 40 ms of a search by command.
    """
    every = np.sort(np.concatenate(parts))
    first = np.ones(len(every), np.bool_)
    first[1:] = every[1:] != every[:-1]
    return every[first]


def held_of(ids: Collection[int], within: DocumentIds) -> set[int]:
    """Return which of a few ids, in any order, are among others."""
    asked = np.array(sorted(ids), np.int64)
    return set(asked[among(asked, within)].tolist())


def among(ids: DocumentIds, asked: DocumentIds) -> Mask:
    """Tell which of ascending ids are among others, also ascending, shape (n,).

    NumPy's `isin`, which knows of no order, takes five times as long.
    """
    if not len(ids) or not len(asked):
        return np.zeros(len(ids), np.bool_)
    lowest, span = ids[0], int(ids[-1] - ids[0]) + 1
    if span > _SPARSE * (len(ids) + len(asked)):
        return _looked_up(ids, asked)
    first, last = np.searchsorted(asked, (lowest, ids[-1] + 1))
    mask = np.zeros(span, np.bool_)
    mask[asked[first:last] - lowest] = True
    return mask if span == len(ids) else mask.take(ids - lowest)


def greatest(
    figures: NDArray[np.floating[Any]], ids: DocumentIds, wanted: int
) -> NDArray[np.int64]:
    """Return where the `wanted` greatest stand, greatest first, ties by id."""
    kept = np.arange(len(figures))
    if len(figures) > wanted:
        kept = np.flatnonzero(figures >= np.partition(figures, len(figures) - wanted)[-wanted])
    order: NDArray[np.int64] = kept[np.lexsort((ids[kept], -figures[kept]))[:wanted]]
    return order


def _looked_up(ids: DocumentIds, asked: DocumentIds) -> Mask:
    """Tell the same, the fewer looked up in the many."""
    many, few = (asked, ids) if len(ids) < len(asked) else (ids, asked)
    places = np.searchsorted(many, few)
    places[places == len(many)] = 0
    both: Mask = many[places] == few
    if few is ids:
        return both
    found = np.zeros(len(ids), np.bool_)
    found[places[both]] = True
    return found
