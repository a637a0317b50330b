"""How many of the exact nearest does a space find? It is asked with vectors that it holds."""

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import VectorRows
from hikma.catalog import ledger
from hikma.domain import VectorSpace
from hikma.protocols import Nearest
from hikma.results import Recall

QUERIES, DEPTH = 100, 10
_CHUNK = 4_096
_ALIKE = 1e-6
"""Distances no further apart are one: those here are float32, a store's are exact."""


def recall(connection: apsw.Connection, space: VectorSpace, store: Nearest) -> Recall:
    """Compare a space's answers with those of all canonical rows; a flat one has no others.

    What is as near as the last of the exact nearest counts as found: equal texts have one vector.
    """
    if space.index_type == "flat":
        return Recall(space.index_type, DEPTH, 0, 1.0)
    ids = ledger.live_ids(connection)
    depth = min(DEPTH, len(ids))
    if not depth:
        return Recall(space.index_type, 0, 0, 1.0)
    chosen = np.unique(np.linspace(0, len(ids) - 1, QUERIES).astype(np.int64))
    queries = ledger.vectors_of(connection, ids[chosen], space.documents).vectors
    last = _last(connection, space, queries, depth)
    found = sum(
        one.distance <= most + _ALIKE
        for query, most in zip(queries, last.tolist(), strict=True)
        for one in store.nearest(query, depth)
    )
    return Recall(space.index_type, depth, len(queries), found / (len(queries) * depth))


def _last(
    connection: apsw.Connection, space: VectorSpace, queries: VectorRows, depth: int
) -> NDArray[np.float32]:
    """Return how far the last of the exact nearest is from each query; rows pass in chunks."""
    ids = ledger.live_ids(connection)
    nearest = np.full((len(queries), depth), np.inf, dtype=np.float32)
    for at in range(0, len(ids), _CHUNK):
        rows = ledger.vectors_of(connection, ids[at : at + _CHUNK], space.documents).vectors
        if len(rows):
            both = np.hstack([nearest, 1 - queries @ rows.T])
            nearest = np.partition(both, depth - 1, axis=1)[:, :depth]
    last: NDArray[np.float32] = nearest.max(axis=1)
    return last
