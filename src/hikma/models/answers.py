"""Is what a server answered what it was asked for?"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import VectorRows
from hikma.errors import ModelError

_REMEDY = "check that the model embeds and that its server is OpenAI-compatible."


@dataclass(frozen=True, slots=True)
class Answered:
    """Unit vectors in the order of the texts, and the name by which the server calls the model."""

    rows: VectorRows
    served: str


def read_answer(answer: Mapping[str, Any], count: int, url: str) -> Answered:
    """Return the vectors of `count` texts; raises ModelError for anything else."""
    try:
        rows = [_vector(one["embedding"]) for one in _in_order(answer["data"], count)]
    except KeyError as error:
        raise ModelError(f"{url} answered without {error}; {_REMEDY}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{url} answered something else than vectors ({error}); {_REMEDY}"
        ) from error
    lengths = sorted({len(row) for row in rows})
    if len(lengths) != 1 or not lengths[0]:
        raise ModelError(f"{url} answered with vectors of the lengths {lengths}; {_REMEDY}")
    served = answer.get("model")
    return Answered(_unit(np.stack(rows), url), served if isinstance(served, str) else "")


def _in_order(items: Any, count: int) -> list[Any]:
    """Return the items by their `index`; a server that gives none keeps the order."""
    if not isinstance(items, list) or len(items) != count:
        found = len(items) if isinstance(items, list) else "no list of"
        raise ValueError(f"{found} vectors for {count} texts")
    places = [item.get("index") for item in items if isinstance(item, dict)]
    if places == [None] * count:
        return items
    if sorted(place for place in places if isinstance(place, int)) != list(range(count)):
        raise ValueError("each index from 0 up was to come once")
    return sorted(items, key=lambda item: int(item["index"]))


def _vector(value: Any) -> NDArray[np.float64]:
    """Return a list of numbers, or base64 of little-endian float32, as an array."""
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float64)
    row = np.asarray(value, np.float64)
    if row.ndim != 1:
        raise ValueError("an embedding is no list of numbers")
    return row


def _unit(rows: NDArray[np.float64], url: str) -> VectorRows:
    """Return rows of norm 1; raises ModelError for one that has no direction."""
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(norms).all():
        raise ModelError(f"{url} answered with a vector that is not finite; see its log.")
    if not norms.all():
        raise ModelError(f"{url} answered with a vector of zeros; {_REMEDY}")
    unit: VectorRows = (rows / norms).astype(np.float32)
    return unit
