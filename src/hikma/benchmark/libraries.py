"""Libraries that hold vectors in memory alone, beside which stores are measured."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.benchmark.stores import VECTORS, Stock

GRAPH = "graph.index"
_LINKS = 32
_EFFORT = 128
"""Of a graph: neighbours a vector, and candidates looked at for each query."""


class NumpyVectors:
    """Every vector compared, in float32: the exact answer, and the plainest way to it."""

    def __init__(self, folder: Path) -> None:
        """Load all vectors."""
        self._vectors = np.load(folder / VECTORS)

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Compare with all, or with those asked for."""
        rows = self._vectors if within is None else self._vectors[within - 1]
        apart = 1.0 - rows @ query
        kept = min(limit, len(apart))
        if not kept:
            return []
        near = np.argpartition(apart, kept - 1)[:kept]
        near = near[np.lexsort((near, apart[near]))]
        ids = near + 1 if within is None else within[near]
        return [Neighbor(int(one), float(apart[at])) for one, at in zip(ids, near, strict=True)]

    def close(self) -> None:
        """Let go of the vectors."""
        self._vectors = self._vectors[:0]


def save_array(folder: Path, stock: Stock) -> None:
    """Keep vectors as they are."""
    folder.mkdir()
    shutil.copyfile(stock.folder / VECTORS, folder / VECTORS)


class FaissVectors:
    """A graph of faiss (HNSW) over float32."""

    def __init__(self, folder: Path) -> None:
        """Load the graph."""
        import faiss  # noqa: PLC0415 -- not a dependency

        self._faiss: Any = faiss
        self._index: Any = faiss.read_index(str(folder / GRAPH))

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Walk the graph; a filter lets through only what it selects."""
        parameters = self._faiss.SearchParametersHNSW(efSearch=_EFFORT)
        if within is not None:
            parameters.sel = self._faiss.IDSelectorBatch(within - 1)
        near, found = self._index.search(query[None], limit, params=parameters)
        pairs = zip(found[0].tolist(), near[0].tolist(), strict=True)
        return [Neighbor(one + 1, 1.0 - product) for one, product in pairs if one >= 0]

    def close(self) -> None:
        """Let go of the graph."""
        self._index = None


def build_faiss(folder: Path, stock: Stock) -> None:
    """Build the graph and keep it in a file."""
    import faiss  # noqa: PLC0415 -- not a dependency

    folder.mkdir()
    index = faiss.IndexHNSWFlat(stock.vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.add(stock.vectors)
    faiss.write_index(index, str(folder / GRAPH))


class UsearchVectors:
    """A graph of usearch (HNSW) over float32."""

    def __init__(self, folder: Path) -> None:
        """Load the graph."""
        from usearch.index import Index  # noqa: PLC0415 -- not a dependency

        self._index: Any = Index.restore(str(folder / GRAPH))
        self._index.expansion_search = _EFFORT

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Walk the graph; it knows no filter by ids."""
        if within is not None:
            raise NotImplementedError
        found = self._index.search(query, limit)
        return [
            Neighbor(int(one), float(apart))
            for one, apart in zip(found.keys, found.distances, strict=True)
        ]

    def close(self) -> None:
        """Let go of the graph."""
        self._index = None


def build_usearch(folder: Path, stock: Stock) -> None:
    """Build the graph and keep it in a file."""
    from usearch.index import Index  # noqa: PLC0415 -- not a dependency

    folder.mkdir()
    index = Index(ndim=stock.vectors.shape[1], metric="ip", dtype="f32", connectivity=_LINKS)
    index.add(stock.ids.astype(np.uint64), stock.vectors)
    index.save(str(folder / GRAPH))
