"""Which backends there are, how each is built and opened, and what it cannot help reading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from hikma.benchmark import libraries, plain
from hikma.benchmark.stores import FileStore, Searched, Stock, build_store

SQLITE_VEC, LANCEDB = "sqlite-vec", "lancedb"
PLAIN = "vec0"
EXACT = "numpy"
"""The backend that is none of ours and always the same: it shows how fast a machine is."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to keep vectors.

    `module` must be importable, else `remedy` is what to do. `reads` tells the bytes that a query
    needs of so many vectors of such a length, None where an index decides. `keeps` what is written,
    for good; `filters` by ids. Where `index_folder` is not among what it has built, it made no
    index.
    """

    name: str
    title: str
    build: Callable[[Path, Stock], None]
    open: Callable[[Path], Searched]
    reads: Callable[[int, int], int | None]
    module: str = ""
    remedy: str = ""
    keeps: bool = True
    filters: bool = True
    index_folder: str = ""

    @property
    def absence(self) -> str:
        """Why it cannot be measured here; empty when it can."""
        if not self.module or find_spec(self.module):
            return ""
        return f"{self.module} is not installed; run `{self.remedy}`"


def _floats(count: int, dimension: int) -> int:
    return count * dimension * 4


def _codes(count: int, dimension: int) -> int:
    return count * dimension


def _signs(count: int, dimension: int) -> int:
    return count * -(-dimension // 8)


def _unknown(count: int, dimension: int) -> None:  # noqa: ARG001 -- an index decides
    return None


_LANCEDB = "pip install 'hikma[lancedb]'"
_LISTED = (
    Backend(
        "sqlite-vec-disk",
        "sqlite-vec, int8 codes on disk",
        partial(build_store, backend=SQLITE_VEC, index_type="flat"),
        partial(FileStore, scan="disk"),
        _codes,
    ),
    Backend(
        "sqlite-vec-resident",
        "sqlite-vec, codes in memory",
        partial(build_store, backend=SQLITE_VEC, index_type="flat"),
        partial(FileStore, scan="resident"),
        _signs,
    ),
    Backend(
        "sqlite-vec-bits",
        "sqlite-vec, sign bits in memory",
        partial(build_store, backend=SQLITE_VEC, index_type="flat"),
        partial(FileStore, scan="bits"),
        _signs,
    ),
    Backend(
        PLAIN,
        "a plain table of sqlite-vec, float32 on disk",
        plain.build_plain,
        plain.PlainTable,
        _floats,
    ),
    Backend(
        "lancedb-flat",
        "LanceDB, every vector compared",
        partial(build_store, backend=LANCEDB, index_type="flat"),
        partial(FileStore, scan="disk"),
        _floats,
        LANCEDB,
        _LANCEDB,
    ),
    Backend(
        "lancedb-ivf",
        "LanceDB, IVF_RQ index",
        partial(build_store, backend=LANCEDB, index_type="ivf"),
        partial(FileStore, scan="disk"),
        _unknown,
        LANCEDB,
        _LANCEDB,
        index_folder="_indices",
    ),
    Backend(
        EXACT,
        "NumPy, float32 in memory, exact",
        libraries.save_array,
        libraries.NumpyVectors,
        _floats,
        keeps=False,
    ),
    Backend(
        "faiss",
        "faiss, HNSW graph in memory",
        libraries.build_faiss,
        libraries.FaissVectors,
        _unknown,
        "faiss",
        "pip install faiss-cpu",
        keeps=False,
    ),
    Backend(
        "usearch",
        "usearch, HNSW graph in memory",
        libraries.build_usearch,
        libraries.UsearchVectors,
        _unknown,
        "usearch",
        "pip install usearch",
        keeps=False,
        filters=False,
    ),
)
BACKENDS: Mapping[str, Backend] = {one.name: one for one in _LISTED}
"""Every backend by its name, in the order in which they are shown."""
