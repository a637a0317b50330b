"""Vectors are checked where they come in: what is stored is finite, of norm 1 and of one length."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hikma.arrays import VectorRows
from hikma.errors import InvalidVectorError

HASH_BYTES = 16
_UNIT_TOLERANCE = 1e-6
"""A row this near to norm 1 is kept bit for bit."""
_TRUSTED_TOLERANCE = 1e-3
"""A row further from norm 1 did not come through `validate_vectors` or a model."""


def validate_vectors(
    ids: Sequence[object], vectors: Sequence[ArrayLike] | NDArray[Any], dimension: int
) -> VectorRows:
    """Validate vectors before they are stored; return them as unit rows, float32.

    Raises InvalidVectorError that lists every row of a wrong length, with a value that is not a
    finite number, of norm zero, or with an id that was given before.
    """
    given = list(vectors)
    if len(given) != len(ids):
        raise InvalidVectorError([f"{len(ids)} ids for {len(given)} vectors"])
    rows = np.zeros((len(given), dimension), dtype=np.float64)
    failures: list[str] = []
    seen: set[object] = set()
    for position, (one, vector) in enumerate(zip(ids, given, strict=True)):
        reason = "its id is given twice" if one in seen else _fill(rows[position], vector)
        seen.add(one)
        if reason:
            failures.append(f"{one}: {reason}")
    if failures:
        raise InvalidVectorError(failures)
    return _unit(rows)


def hash_of(vector: bytes) -> bytes:
    """Return the 16-byte BLAKE2b hash of a vector's little-endian float32 bytes."""
    return blake2b(vector, digest_size=HASH_BYTES).digest()


def _fill(row: NDArray[np.float64], vector: ArrayLike) -> str | None:
    """Copy a vector into a row; return why it cannot be one."""
    try:
        values = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return "it is not a list of numbers"
    if values.shape != row.shape:
        return f"it has shape {values.shape}, not ({row.shape[0]},)"
    if not np.isfinite(values).all():
        return "it has a value that is not finite"
    if not values.any():
        return "its norm is zero"
    row[:] = values
    return None


def _unit(rows: NDArray[np.float64]) -> VectorRows:
    """Scale rows to norm 1; largest value first, so that no square overflows or vanishes."""
    if not len(rows):
        return rows.astype(np.float32)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    shrunk = rows / largest
    norms = np.linalg.norm(shrunk, axis=1, keepdims=True)
    near = np.abs(norms * largest - 1.0) <= _UNIT_TOLERANCE
    units: VectorRows = np.where(near, rows, shrunk / norms).astype(np.float32)
    return units


def refuse_unfit(digests: Sequence[bytes], vectors: VectorRows) -> None:
    """Stop a model's mistake before it is stored: NaN sorts first in every search."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1.0) <= _TRUSTED_TOLERANCE)).tolist()
    if bad:
        raise InvalidVectorError(
            [f"{digests[one].hex()}: its norm is {norms[one]:g}, not 1" for one in bad]
        )
