"""The job of bringing vectors from a file for ids that exist: all of them, or none."""

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from hikma.catalog import fulltext, graph, ledger
from hikma.domain import NodeId, VectorSpace
from hikma.errors import InvalidVectorError, UsageError
from hikma.storing import Sink, tell_spaces

_MOST_ORDINALS = 2**31


@dataclass(frozen=True, slots=True)
class Given:
    """One vector of a file: the node's id, which of its documents, and its values."""

    id: NodeId
    ordinal: int
    vector: Any


def read_vectors(path: Path) -> list[Given]:
    """Read `.jsonl` (objects with id, vector, optionally ordinal) or `.npz` (ids, vectors).

    Raises UsageError for another form, InvalidVectorError listing every line that is not one.
    """
    if not path.is_file():
        raise UsageError(f"{path} is not a file; give a .jsonl or .npz file of vectors.")
    if path.suffix == ".npz":
        return _from_numpy(path)
    if path.suffix in (".jsonl", ".ndjson"):
        return _from_lines(path)
    raise UsageError(f"{path.name} has an unknown ending; give a .jsonl or .npz file of vectors.")


def insert(sink: Sink, space: VectorSpace, given: list[Given]) -> list[int]:
    """Replace a space's vectors of existing documents; return the ids of all documents changed.

    A vector belongs to a text, so documents with the same text share it. Any failure (an unknown
    id, a wrong length, NaN, a zero norm) refuses the whole file and lists every failure.
    """
    with sink.catalog.write() as connection:
        digests, failures = _resolve(connection, given)
        names = [f"{one.id}[{one.ordinal}]" for one in given]
        known = [index for index, digest in enumerate(digests) if digest is not None]
        try:
            rows = ledger.validate_vectors(
                [names[index] for index in known],
                [given[index].vector for index in known],
                space.dimension,
            )
        except InvalidVectorError as error:
            failures += error.failures
        if failures:
            raise InvalidVectorError(failures)
        wanted = [digest for digest in digests if digest is not None]
        changed = ledger.put_embeddings(connection, space.documents, wanted, rows)
        tell_spaces(connection, sink.store, changed, [])
    return changed


def _resolve(
    connection: apsw.Connection, given: list[Given]
) -> tuple[list[bytes | None], list[str]]:
    digests: list[bytes | None] = []
    failures: list[str] = []
    seen: dict[bytes, str] = {}
    for one in given:
        digest = _digest(connection, one)
        if digest is None:
            failures.append(f"{one.id}[{one.ordinal}]: no such document")
        elif digest in seen:
            failures.append(f"{one.id}[{one.ordinal}]: same text as {seen[digest]}, given twice")
            digest = None
        else:
            seen[digest] = one.id
        digests.append(digest)
    return digests, failures


def _digest(connection: apsw.Connection, one: Given) -> bytes | None:
    stored = graph.find(connection, one.id.encode(errors="replace").decode())
    if stored is None:
        return None
    return fulltext.digest_of(connection, stored.id, one.ordinal)


def _from_lines(path: Path) -> list[Given]:
    found: list[Given] = []
    failures: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                found.append(_from_row(json.loads(line)))
            except (ValueError, RecursionError) as error:
                failures.append(f"line {number}: {error}")
    if failures:
        raise InvalidVectorError(failures)
    return found


def _from_row(row: Any) -> Given:
    """Check the form of one object; its vector is checked with the others."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or "vector" not in row:
        raise ValueError("it is not an object with an id and a vector")
    return Given(row["id"], _ordinal(row.get("ordinal", 0)), row["vector"])


def _ordinal(value: object) -> int:
    if not isinstance(value, int | np.integer) or not 0 <= value < _MOST_ORDINALS:
        raise ValueError(f"{value!r:.40} is not an ordinal: 0 is a node's first document")
    return int(value)


def _from_numpy(path: Path) -> list[Given]:
    """Read arrays only: an array of objects would run what a stranger has pickled."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            ids, vectors = list(arrays["ids"]), list(arrays["vectors"])
            ordinals = list(arrays["ordinals"]) if "ordinals" in arrays else [0] * len(ids)
    except _UNREADABLE as error:
        raise UsageError(
            f"{path.name} is not a file of the arrays ids, vectors and, if you like, ordinals "
            f"({error}); write it with numpy.savez."
        ) from error
    if not len(ids) == len(vectors) == len(ordinals):
        raise UsageError(
            f"{path.name} has {len(ids)} ids, {len(vectors)} vectors and {len(ordinals)} "
            "ordinals; give as many of each."
        )
    return [_from_arrays(*row) for row in zip(ids, ordinals, vectors, strict=True)]


def _from_arrays(one: Any, ordinal: Any, vector: Any) -> Given:
    try:
        return Given(str(one), _ordinal(ordinal), vector)
    except ValueError as error:
        raise InvalidVectorError([f"{one}: {error}"]) from error


_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
)
"""What numpy lets through for a file that is no archive of arrays."""
