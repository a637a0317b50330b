"""A row of a table that Hikma did not make: can it be taken over, and which document is it?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import Vector
from hikma.catalog.adopted import ROW_ID, Origin
from hikma.catalog.validation import hash_of
from hikma.documents import clean, words
from hikma.domain import Document, Fields, Node, NodeKind, Span

UNIT_TOLERANCE = 1e-4
"""A row this near to norm 1 is taken bit for bit."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table calls its columns; of the optional ones None means the usual name, if there."""

    id: str = "id"
    vector: str = "vector"
    text: str = "text"
    path: str | None = None
    name: str | None = None
    language: str | None = None
    start_line: str | None = None
    end_line: str | None = None


class ForeignRow(NamedTuple):
    """A row as the table gives it; `number` is its own at one version of the table."""

    number: int
    id: Any
    vector: NDArray[Any] | None
    text: Any
    path: Any = None
    name: Any = None
    language: Any = None
    start_line: Any = None
    end_line: Any = None


class ForeignRows(Protocol):
    """A table at one version, as often as it is asked for."""

    @property
    def origin(self) -> Origin:
        """Which table it is."""

    @property
    def dimension(self) -> int:
        """Length of its vectors."""

    @property
    def element(self) -> str:
        """Type of a vector's numbers: float16, float32 or float64."""

    @property
    def distance(self) -> str | None:
        """The distance that an index of its vectors declares, None without an index."""

    def __len__(self) -> int:
        """Count of rows."""

    def batches(self, size: int) -> Iterator[list[ForeignRow]]:
        """Yield all rows, `size` at most at a time."""


class Unit(NamedTuple):
    """A vector as it is stored, and what had to be done to it."""

    vector: Vector
    rounded: bool
    normalised: bool


@dataclass(slots=True)
class Keys:
    """Keys of nodes that are given already: a repeat gets a number."""

    used: set[str] = field(default_factory=set)
    repeats: dict[str, int] = field(default_factory=dict)

    def give(self, wanted: str) -> str:
        """Return a key that no other node has: the wanted one, or it with `~2`, `~3`."""
        key = wanted
        while key in self.used:
            self.repeats[wanted] = self.repeats.get(wanted, 1) + 1
            key = f"{wanted}~{self.repeats[wanted]}"
        self.used.add(key)
        return key


def id_text(row: ForeignRow) -> str:
    """Return a row's id as text; bytes as hex digits."""
    return row.id.hex() if isinstance(row.id, bytes) else str(row.id)


def wrong(row: ForeignRow, dimension: int) -> str | None:
    """Return why a row cannot be taken over, None where it can."""
    if row.id is None:
        return "it has no id"
    if row.text is None:
        return "it has no text"
    parts = {"id": id_text(row), "text": row.text, "path": row.path, "name": row.name}
    for what, value in {**parts, "language": row.language}.items():
        if value is not None and not isinstance(value, str):
            return f"its {what} is {type(value).__name__}, no text"
        if value is not None and clean(value) != value:
            return f"its {what} has characters that cannot be printed"
    return _wrong_lines(row) or _wrong_vector(row.vector, dimension)


def unit(vector: NDArray[Any]) -> Unit:
    """Return a sound vector as float32 of norm 1: as it is where it is near enough to that."""
    stored = vector.astype("<f4")
    rounded = bool((stored.astype(np.float64) != vector.astype(np.float64)).any())
    norm = float(np.linalg.norm(stored.astype(np.float64)))
    if abs(norm - 1.0) <= UNIT_TOLERANCE:
        return Unit(stored, rounded, normalised=False)
    return Unit((stored.astype(np.float64) / norm).astype("<f4"), rounded, normalised=True)


def node_of(row: ForeignRow, keys: Keys) -> Node:
    """Return the node of a row: a file where it has a path and no name, else a symbol."""
    own, path = id_text(row), row.path or ""
    is_file = bool(path) and not row.name
    name = path.rpartition("/")[2] if is_file else row.name or own
    return Node(
        id=keys.give(f"file:{path}" if is_file else f"symbol:{path}#{name}"),
        kind=NodeKind.FILE if is_file else NodeKind.SYMBOL,
        name=name,
        path=path,
        span=_span(row),
        language=row.language,
        properties={ROW_ID: own},
    )


def document_of(node: Node, row: ForeignRow, vector: Vector) -> Document:
    """Return the document of a row; its digest tells it from one of other text or vector."""
    text = str(row.text)
    fields = Fields(
        name=" ".join(dict.fromkeys(words(node.name))),
        path=" ".join(words(node.path)),
        signature="",
        documentation="",
        body=" ".join(words(text)),
    )
    span = node.span or Span(1, text.count("\n") + 1)
    return Document(node.id, 0, span, text, text, fields, digest_of(text, vector.tobytes()))


def digest_of(text: str, vector: bytes) -> bytes:
    """Return what tells a row from every other: 16 bytes over its text and its vector."""
    return blake2b(hash_of(vector) + text.encode(), digest_size=16).digest()


def _span(row: ForeignRow) -> Span | None:
    if row.start_line is None:
        return None
    end = row.start_line if row.end_line is None else row.end_line
    return Span(int(row.start_line), int(end))


def _wrong_lines(row: ForeignRow) -> str | None:
    for line in (row.start_line, row.end_line):
        if line is not None and not isinstance(line, int):
            return f"one of its lines is {type(line).__name__}, no whole number"
    span = _span(row)
    if span is None or 1 <= span.start_line <= span.end_line:
        return None
    return f"its lines are {span.start_line} to {span.end_line}"


def _wrong_vector(vector: NDArray[Any] | None, dimension: int) -> str | None:
    if vector is None:
        return "it has no vector"
    if len(vector) != dimension:
        return f"its vector has {len(vector)} dimensions, not {dimension}"
    with np.errstate(over="ignore"):
        stored = vector.astype(np.float32)
    if not np.isfinite(stored).all():
        return "its vector has a value that is not finite"
    if not stored.any():
        return "the norm of its vector is zero"
    return None
