"""An in-memory VectorStore, exact and simple: what every backend is compared with."""

from collections.abc import Iterator, Sequence

import numpy as np

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch
from hikma.errors import InvalidVectorError


class ReferenceVectors:
    """A dictionary of vectors; `nearest` looks at all of them."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._rows: dict[int, Vector] = {}

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    def upsert(self, batch: VectorBatch) -> None:
        """Insert or replace."""
        if not len(batch.ids):
            return
        self._check(batch.vectors.shape[-1])
        for one, vector in zip(batch.ids.tolist(), batch.vectors, strict=True):
            self._rows[one] = vector.copy()

    def delete(self, ids: Sequence[int]) -> None:
        """Remove ids."""
        for one in ids:
            self._rows.pop(int(one), None)

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Compare the query with every vector."""
        self._check(query.shape[-1])
        kept = self._rows.keys() if within is None else self._rows.keys() & set(within.tolist())
        found = [
            Neighbor(one, 1.0 - float((self._rows[one].astype(np.float64) * query).sum()))
            for one in kept
        ]
        return sorted(found, key=lambda one: (one.distance, one.id))[: max(limit, 0)]

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield everything above an id, by id."""
        ids = sorted(one for one in self._rows if one > after)
        for start in range(0, len(ids), batch_size):
            part = ids[start : start + batch_size]
            yield VectorBatch(np.array(part), np.stack([self._rows[one] for one in part]))

    def __len__(self) -> int:
        return len(self._rows)

    def close(self) -> None:
        """Forget everything."""
        self._rows.clear()

    def _check(self, width: int) -> None:
        if width != self._dimension:
            raise InvalidVectorError([f"length {width}, not {self._dimension}"])
