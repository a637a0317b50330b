"""Vectors in LanceDB: a folder beside the file, or object storage."""

from collections.abc import Iterator, Sequence

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace


class LanceVectors:
    """The vectors of one space in a table of LanceDB."""

    def __init__(self, catalog: Catalog, space: VectorSpace) -> None:
        """Hold a space's vectors; its table is made by the first write."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        raise NotImplementedError

    def upsert(self, batch: VectorBatch) -> None:
        """Insert or replace."""
        raise NotImplementedError

    def delete(self, ids: Sequence[int]) -> None:
        """Remove ids."""
        raise NotImplementedError

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest."""
        raise NotImplementedError

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield everything."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        """Release."""
