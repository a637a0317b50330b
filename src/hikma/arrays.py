"""Vectors and ids as NumPy holds them; apart from `domain`, for a parsing worker needs none."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""One unit vector, shape (dimension,)."""

VectorRows: TypeAlias = NDArray[np.float32]
"""Unit vectors, shape (count, dimension)."""

DocumentIds: TypeAlias = NDArray[np.int64]
"""Sorted, unique ids of documents: the only filter that a vector store knows."""


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
