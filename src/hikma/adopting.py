"""The job of taking over a table that Hikma did not make: survey, write, compare bit for bit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import apsw
import numpy as np

from hikma import planning
from hikma.catalog import adopted, fulltext, graph, ledger, spaces, state, vocabulary
from hikma.catalog.schema import Catalog
from hikma.domain import Document, VectorSpace
from hikma.errors import StoreError, UsageError
from hikma.foreign_rows import (
    ForeignRow,
    ForeignRows,
    Keys,
    digest_of,
    document_of,
    id_text,
    node_of,
    unit,
    wrong,
)
from hikma.storing import Sink, move_vectors
from hikma.telemetry import Track

BATCH = 1_000
COSINE = "cosine"
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class WrongRow:
    """A row that cannot be taken over, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a table holds; `wrong` is by a row's number.

    `normalised` rows were not of norm 1, `rounded` ones had values that float32 has not.
    """

    rows: int
    wrong: dict[int, WrongRow]
    normalised: int
    rounded: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The file against the table that it was taken from: how many rows differ, and how."""

    rows: int
    missing: int
    extra: int
    mismatched: int
    duplicate: int

    @property
    def is_equal(self) -> bool:
        """Whether no row differs."""
        return not (self.missing or self.extra or self.mismatched or self.duplicate)


def survey(source: ForeignRows, track: Track) -> Survey:
    """Look at every row before anything is written."""
    found: dict[int, WrongRow] = {}
    seen: dict[str, int] = {}
    normalised = rounded = count = 0
    for batch in source.batches(BATCH):
        for row in batch:
            reason = wrong(row, source.dimension)
            own = "(none)" if row.id is None else id_text(row)
            if row.id is not None and seen.setdefault(own, row.number) != row.number:
                reason = "its id is given twice"
                found.setdefault(seen[own], WrongRow(own, reason))
            if reason or row.vector is None:
                found[row.number] = WrongRow(own, reason or "")
                continue
            made = unit(row.vector)
            normalised += made.normalised
            rounded += made.rounded
        count += len(batch)
        track("survey", count, len(source))
    return Survey(count, found, normalised, rounded)


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be done to rows so that they can be taken over; `distance` may be cosine."""

    skip_wrong: bool = False
    rounding: bool = False
    distance: str | None = None


def refuse(source: ForeignRows, found: Survey, consent: Consent) -> None:
    """Raise UsageError for wrong rows, no rows, loss by rounding, or an order that changes."""
    if found.wrong and not consent.skip_wrong:
        listed = "; ".join(f"{one.id}: {one.reason}" for one in [*found.wrong.values()][:_SHOWN])
        more = f" (+{len(found.wrong) - _SHOWN} more)" if len(found.wrong) > _SHOWN else ""
        raise UsageError(
            f"{len(found.wrong)} of {found.rows} rows cannot be taken over, nothing was written: "
            f"{listed}{more}. Correct them, or leave them out with --skip-wrong."
        )
    if found.rows == len(found.wrong):
        raise UsageError(
            f"{source.origin.table} has no row that can be taken over; name another table."
        )
    if found.rounded and not consent.rounding:
        raise UsageError(
            f"{found.rounded} of {found.rows} vectors of {source.origin.table} are of "
            f"{source.element} with values that float32 has not, and nothing was written; have "
            "them rounded with --round."
        )
    if consent.distance == COSINE or source.distance in {None, COSINE} or not found.normalised:
        return
    raise UsageError(
        f"An index of {source.origin.table} orders by {source.distance}, and {found.normalised} "
        "vectors are not of norm 1: by cosine, which Hikma orders by, the order would be another "
        "one. Choose that with --distance cosine."
    )


def write(sink: Sink, source: ForeignRows, found: Survey, track: Track) -> int:
    """Write every row that is not wrong to a fresh file; return how many there are."""
    keys, done = Keys(), 0
    for batch in source.batches(BATCH):
        good = [one for one in batch if one.number not in found.wrong]
        if good:
            _write(sink, good, keys)
        done += len(good)
        track("adopt", done, found.rows - len(found.wrong))
    with sink.catalog.write() as connection:
        _finish(connection, source)
    return done


def compare(catalog: Catalog, space: VectorSpace, source: ForeignRows, found: Survey) -> Comparison:
    """Read the table again and join it by id with what the file holds: texts, vectors, bit for bit.

    Sixteen bytes a row are kept in memory for it.
    """
    held: dict[str, bytes] = {}
    counts = Counter[str]()
    with catalog.read() as connection:
        for one in adopted.held_rows(connection, space.documents):
            own = one.row_id or ""
            counts[own] += 1
            held[own] = digest_of(one.text, one.vector or b"")
    missing = mismatched = total = 0
    for batch in source.batches(BATCH):
        for row in batch:
            if row.number in found.wrong:
                continue
            total += 1
            there = held.pop(id_text(row), None)
            missing += there is None
            mismatched += there is not None and there != _digest(row)
    duplicate = sum(count - 1 for count in counts.values())
    return Comparison(total, missing, len(held), mismatched, duplicate)


def require_equal(seen: Comparison) -> None:
    """Raise StoreError where a row differs."""
    if not seen.is_equal:
        raise StoreError(
            f"The file is not what the table holds: {seen.missing} rows missing, {seen.extra} "
            f"extra, {seen.mismatched} mismatched, {seen.duplicate} duplicate; nothing was kept. "
            "Repeat it; if it fails again, check the disk and the table."
        )


def _digest(row: ForeignRow) -> bytes:
    if row.vector is None:  # the table is no longer what it was: that is a mismatch
        return b""
    return digest_of(str(row.text), unit(row.vector).vector.tobytes())


def _write(sink: Sink, good: Sequence[ForeignRow], keys: Keys) -> None:
    """Write rows with their vectors in one transaction."""
    vectors = [unit(row.vector).vector for row in good if row.vector is not None]
    nodes = [node_of(row, keys) for row in good]
    documents: list[Document] = [
        document_of(node, row, vector)
        for node, row, vector in zip(nodes, good, vectors, strict=True)
    ]
    # Equal text and vector is one canonical row, as everywhere.
    unique = {one.digest: vector for one, vector in zip(documents, vectors, strict=True)}
    with sink.catalog.write() as connection:
        model = spaces.answering(connection, sink.catalog.path).documents
        ledger.put_embeddings(connection, model, list(unique), np.stack([*unique.values()]))
        ids = graph.put_nodes(connection, nodes)
        written = fulltext.put_documents(connection, ids, documents)
        vocabulary.put(connection, documents, sink.words)
        move_vectors(sink, connection, written.written, written.removed)


def _finish(connection: apsw.Connection, source: ForeignRows) -> None:
    adopted.put_origin(connection, source.origin)
    state.put(connection, "form", planning.FORM)
    state.put(connection, "head", "")
    state.put(connection, "indexed_at", datetime.now(UTC).isoformat(timespec="seconds"))
    state.put(connection, "complete", "1")
