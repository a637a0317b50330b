"""A table of LanceDB that Hikma did not make, read at one version and never written."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hikma.catalog.adopted import Origin
from hikma.errors import NotFoundError, StoreError, UsageError
from hikma.foreign_rows import Columns, ForeignRow
from hikma.vectors.lance_places import FAILURES, OBJECTS, Place, first_line, open_database

_ELEMENTS = {"halffloat": "float16", "float": "float32", "double": "float64"}
_LOOKED_AT = 64
"""Rows that tell the length of vectors whose type does not."""


class ForeignTable:
    """A table at the version that it had when it was opened."""

    def __init__(self, location: str, table: str, columns: Columns) -> None:
        """Open it; NotFoundError where it is not, UsageError where a column is not."""
        self._place = Place(_address(location), table)
        with self._told():
            self._table = _open(self._place)
            self._table.checkout(self._table.version)
            schema = self._table.schema
            self._columns = _columns(columns, schema.names)
            self._element = _element(schema.field(columns.vector).type, columns.vector)
            self.origin = Origin(self._place.address, table, int(self._table.version))
            self._count = int(self._table.count_rows())
            self.dimension = self._length(schema.field(columns.vector).type)
            self.distance = self._distance(columns.vector)

    @property
    def element(self) -> str:
        """Type of a vector's numbers."""
        return self._element

    def __len__(self) -> int:
        return self._count

    def batches(self, size: int) -> Iterator[list[ForeignRow]]:
        """Yield all rows, `size` at most at a time, each with its number at this version."""
        with self._told():
            found = self._table.search().select(sorted({*self._columns.values()}))
            for batch in found.with_row_id(True).to_batches(size):  # noqa: FBT003 -- its signature
                yield self._rows(batch)

    def close(self) -> None:
        """Let go of the table."""
        self._table = None

    def _rows(self, batch: Any) -> list[ForeignRow]:
        plain = {
            name: batch.column(column).to_pylist()
            for name, column in self._columns.items()
            if name != "vector"
        }
        vectors = _vectors(batch.column(self._columns["vector"]))
        numbers = batch.column("_rowid").to_pylist()
        return [
            ForeignRow(
                number=number,
                vector=vector,
                **{name: values[at] for name, values in plain.items()},
            )
            for at, (number, vector) in enumerate(zip(numbers, vectors, strict=True))
        ]

    def _length(self, kind: Any) -> int:
        """Return the length of vectors: by their type, or the one that most of some rows have."""
        if hasattr(kind, "list_size"):
            return int(kind.list_size)
        column = self._columns["vector"]
        found = self._table.search().select([column]).limit(_LOOKED_AT).to_arrow()
        lengths = Counter(len(one) for one in found[column].to_pylist() if one is not None)
        return lengths.most_common(1)[0][0] if lengths else 0

    def _distance(self, column: str) -> str | None:
        """Return the distance of an index of the vectors, one other than cosine before that."""
        named = [one.name for one in self._table.list_indices() if list(one.columns) == [column]]
        stats = [self._table.index_stats(one) for one in named]
        found = {one.distance_type for one in stats if one is not None and one.distance_type}
        return min(found, key=lambda one: (one == "cosine", one)) if found else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise whatever LanceDB raises as a StoreError."""
        try:
            yield
        except FAILURES as error:
            raise StoreError(
                f"The table {self._place} cannot be read ({first_line(error)}); check that the "
                "place can be reached and that the version is still there, then repeat."
            ) from error


def _address(location: str) -> str:
    if location.startswith(OBJECTS):
        return location.rstrip("/")
    folder = Path(location)
    if not folder.is_dir():  # connecting would make it
        raise NotFoundError(f"There is no folder {folder}; give the one that LanceDB was given.")
    return str(folder.absolute())


def _open(place: Place) -> Any:
    database = open_database(place)
    try:
        return database.open_table(place.table)
    except ValueError as error:  # what LanceDB raises has no class of its own
        if "was not found" not in str(error):
            raise
    there = ", ".join(sorted(database.list_tables().tables)) or "none"
    raise NotFoundError(
        f"There is no table {place.table!r} in {place.address}; the tables there are: {there}."
    )


def _columns(asked: Columns, there: list[str]) -> dict[str, str]:
    """Return the column of each part of a row; a usual name that is not there is no part."""
    given = {one.name: getattr(asked, one.name) for one in fields(asked)}
    absent = [f"{name} ({value!r})" for name, value in given.items() if value not in {None, *there}]
    if absent:
        raise UsageError(
            f"The table has no column for {', '.join(absent)}; its columns are "
            f"{', '.join(there)}: choose with --id-column, --vector-column and so on."
        )
    usual = {name: value or name for name, value in given.items()}
    return {name: column for name, column in usual.items() if column in there}


def _element(kind: Any, column: str) -> str:
    inner = str(getattr(kind, "value_type", kind))
    if not hasattr(kind, "value_type") or inner not in _ELEMENTS:
        raise UsageError(
            f"The column {column!r} is of type {kind}, no list of float16, float32 or float64; "
            "choose another with --vector-column."
        )
    return _ELEMENTS[inner]


def _vectors(column: Any) -> list[NDArray[Any] | None]:
    """Return each row's numbers; a number that is null is not finite."""
    import pyarrow.compute as pc  # noqa: PLC0415 -- an extra

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    flat = column.flatten().to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    return [
        flat[end - length : end] if there else None
        for end, length, there in zip(ends, lengths, present, strict=True)
    ]
