"""What is asked of a table of LanceDB: merge, delete, scan, and who may be near."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Vector, VectorBatch
from hikma.vectors.lance_upkeep import METRIC

_KEY = {"lance-schema:unenforced-primary-key": "true"}
"""Without it, and a field that is never null, writers at once leave an id twice."""
_NEWER = "target.sequence <= source.sequence"
"""The same sequence is written again: it may be a row that is repaired."""
_IDS_AT_ONCE = 5_000
_PARTITIONS_LOOKED_AT = 40


def schema(dimension: int) -> Any:
    """Return the columns of a table."""
    import pyarrow as pa  # noqa: PLC0415 -- an extra

    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False, metadata=_KEY),
            pa.field("sequence", pa.int64(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False),
        ]
    )


def merge(table: Any, batch: VectorBatch) -> None:
    """Insert or replace in one commit; a row with a lower sequence than the one held is left."""
    newer = None if batch.sequences is None else _NEWER
    merging = table.merge_insert("id").when_matched_update_all(where=newer)
    merging.when_not_matched_insert_all().execute(_as_table(batch))


def delete(table: Any, ids: Sequence[int]) -> None:
    """Remove ids, some thousands a commit."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ",".join(str(int(one)) for one in ids[start : start + _IDS_AT_ONCE])
        table.delete(f"id IN ({part})")


def scan(table: Any, batch_size: int, after: int) -> Iterator[VectorBatch]:
    """Yield rows of the version that is the latest now, by ascending id."""
    table.checkout(table.version)
    found = table.search().select(["id"]).with_row_id(True).to_arrow()  # noqa: FBT003 -- its signature
    ids, places = _column(found, "id"), _column(found, "_rowid")
    order = np.argsort(ids, kind="stable")
    order = order[np.searchsorted(ids, after, side="right", sorter=order) :]
    for start in range(0, len(order), batch_size):
        part = places[order[start : start + batch_size]].tolist()
        yield _as_batch(table.take_row_ids(part).select(["id", "sequence", "vector"]).to_arrow())


def near(
    table: Any, query: Vector, wanted: int, *, exactly: bool
) -> tuple[DocumentIds, NDArray[np.float64]]:
    """Return the `wanted` nearest ids, nearest first, and their distances as LanceDB sees them.

    Rows that an index does not hold yet are compared one by one beside it.
    """
    search = table.search(query, vector_column_name="vector").distance_type(METRIC)
    search = search.bypass_vector_index() if exactly else search.nprobes(_PARTITIONS_LOOKED_AT)
    found = search.select(["id", "_distance"]).limit(wanted).to_arrow()
    return _column(found, "id"), _column(found, "_distance").astype(np.float64)


def is_readable(table: Any) -> bool:
    """Whether every row of a table can be read."""
    try:
        for _ in table.search().select(["id", "sequence", "vector"]).to_batches():
            pass
    except (OSError, RuntimeError, ValueError):
        return False
    return True


def _as_table(batch: VectorBatch) -> Any:
    import pyarrow as pa  # noqa: PLC0415 -- an extra

    given = np.ascontiguousarray(batch.vectors, dtype=np.float32)
    sequences = np.zeros(len(batch.ids), np.int64) if batch.sequences is None else batch.sequences
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(given.reshape(-1)), given.shape[1])
    columns = [pa.array(batch.ids, pa.int64()), pa.array(sequences, pa.int64()), vectors]
    return pa.Table.from_arrays(columns, schema=schema(given.shape[1]))


def _as_batch(found: Any) -> VectorBatch:
    ids = _column(found, "id")
    order = np.argsort(ids, kind="stable")
    flat = found["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    vectors = flat.reshape(len(ids), -1)[order]
    return VectorBatch(ids[order], vectors, _column(found, "sequence")[order])


def _column(found: Any, name: str) -> NDArray[Any]:
    column: NDArray[Any] = found[name].to_numpy()
    return column
