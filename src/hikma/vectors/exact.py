"""Exact distances and the order of neighbours, the same whatever backend found them."""

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorRows


def distances(rows: VectorRows, query: Vector) -> NDArray[np.float64]:
    """Return 1 - cosine for unit rows, shape (n,).

    Summed row by row in float64, so that equal rows have equal distances wherever they stand:
    a matrix product may round them differently, and ties would not be ties.
    """
    if not len(rows):
        return np.empty(0, dtype=np.float64)
    products = rows.astype(np.float64) * query.astype(np.float64)
    apart: NDArray[np.float64] = 1.0 - products.sum(axis=1)
    return apart


def best(ids: DocumentIds, apart: NDArray[np.float64], limit: int) -> list[Neighbor]:
    """Return the `limit` nearest, nearest first, ties by id."""
    order = np.lexsort((ids, apart))[:limit]
    return [Neighbor(int(ids[one]), float(apart[one])) for one in order]
