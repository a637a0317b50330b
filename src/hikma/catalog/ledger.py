"""The truth about vectors: which document has which, in which space?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, VectorBatch, VectorRows
from hikma.catalog import identity as file_identity
from hikma.catalog import outbox, rows, state
from hikma.catalog.validation import hash_of, refuse_unfit, validate_vectors
from hikma.domain import NodeKind, VectorSpace
from hikma.errors import CorruptFileError, MissingVectorError, SpaceMismatchError
from hikma.results import SpaceStats

__all__ = [
    "ANSWERING",
    "create_space",
    "hash_of",
    "live",
    "missing",
    "put_embeddings",
    "record",
    "space",
    "stats",
    "tombstone",
    "validate_vectors",
    "vectors_of",
]

ANSWERING = "answering"
"""The state of the one space that answers queries."""

_SEQUENCE = "ledger_sequence"
_SHOWN_IDS = 5
_AT_ONCE = 4_096
"""Vectors read as one value: SQLite holds no more than a gigabyte in one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says of a document: when it last changed, its text's digest, its end."""

    sequence: int
    digest: bytes
    deleted: bool


def space(connection: apsw.Connection) -> VectorSpace | None:
    """Return the space that answers, None before the first is made."""
    row = rows.first(
        connection,
        "SELECT id, backend, location, model, documents, queries, dimension, metric, index_type, "
        "state FROM vector_space WHERE state = ?",
        (ANSWERING,),
    )
    return None if row is None else VectorSpace(*row)


def create_space(connection: apsw.Connection, wanted: VectorSpace) -> VectorSpace:
    """Add a space and return it with its id; the first one answers."""
    current = space(connection)
    if current is not None and wanted.state == ANSWERING:
        raise SpaceMismatchError(
            f"Space {current.id} ({current.backend}, {current.model}) answers already; move with "
            "`hikma migrate`."
        )
    made = replace(wanted, state=wanted.state if current else ANSWERING)
    file_identity.ensure(connection)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    number = rows.value(
        connection,
        """
        INSERT INTO vector_space(backend, location, model, documents, queries, dimension, metric,
                                 index_type, state, created_at, updated_at)
        VALUES (:backend, :location, :model, :documents, :queries, :dimension, :metric,
                :index_type, :state, :now, :now) RETURNING id
        """,
        {**asdict(made), "now": now},
    )
    return replace(made, id=number)


def missing(connection: apsw.Connection, model: str, digests: Sequence[bytes]) -> set[bytes]:
    """Return the digests that have no embedding by this model yet."""
    asked = set(digests)
    if not asked:
        return asked
    found = rows.column(
        connection,
        "SELECT digest FROM embedding JOIN model ON model.id = embedding.model "
        "WHERE model.identity = ? AND digest IN (SELECT value FROM carray(?))",
        (model, rows.blobs(list(asked))),
    )
    return asked - set(found)


def put_embeddings(
    connection: apsw.Connection, model: str, digests: Sequence[bytes], vectors: VectorRows
) -> list[int]:
    """Store canonical vectors; one that is there already is replaced.

    What was parked for want of them is due at once, in whatever space.
    Returns the ids of live documents whose vector thereby became another one: they share a text
    with the one that was meant, and every store must be told.
    """
    if not len(digests):
        return []
    refuse_unfit(digests, vectors)
    given = np.ascontiguousarray(vectors, dtype="<f4")
    number = _intern(connection, model)
    hashes = [hash_of(row.tobytes()) for row in given]
    before = _hashes(connection, number, digests)
    connection.executemany(
        """
        INSERT INTO embedding(digest, model, dimension, vector_hash, vector) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT(digest, model) DO UPDATE SET dimension = excluded.dimension,
          vector_hash = excluded.vector_hash, vector = excluded.vector
        WHERE vector_hash <> excluded.vector_hash
        """,
        (
            (digest, number, given.shape[1], vector_hash, row.tobytes())
            for digest, vector_hash, row in zip(digests, hashes, given, strict=True)
        ),
    )
    outbox.unpark_embedded(connection, digests)
    changed = [
        digest
        for digest, vector_hash in zip(digests, hashes, strict=True)
        if before.get(digest, vector_hash) != vector_hash
    ]
    return _rewrite(connection, model, changed)


def record(connection: apsw.Connection, model: str, written: Sequence[tuple[int, bytes]]) -> None:
    """Enter documents with the digest of their text; each has its embedding already."""
    if not written:
        return
    lacking = missing(connection, model, [digest for _, digest in written])
    absent = [document for document, digest in written if digest in lacking]
    if absent:
        raise MissingVectorError(
            f"{len(absent)} documents have no vector ({_some(absent)}); embed them first."
        )
    first = _reserve(connection, len(written))
    connection.executemany(
        """
        INSERT INTO ledger(document_id, sequence, digest, deleted) VALUES (?, ?, ?, 0)
        ON CONFLICT(document_id) DO UPDATE SET sequence = excluded.sequence,
          digest = excluded.digest, deleted = 0
        """,
        (
            (document, sequence, digest)
            for sequence, (document, digest) in enumerate(written, first)
        ),
    )


def tombstone(connection: apsw.Connection, ids: Sequence[int]) -> None:
    """Mark documents as deleted; one that was never entered is no error."""
    first = _reserve(connection, len(ids))
    connection.executemany(
        "UPDATE ledger SET sequence = ?, deleted = 1 WHERE document_id = ? AND NOT deleted",
        ((sequence, int(one)) for sequence, one in enumerate(ids, first)),
    )


def vectors_of(
    connection: apsw.Connection, ids: Sequence[int] | NDArray[np.int64], model: str | None = None
) -> VectorBatch:
    """Return the canonical vectors of live documents, by ascending id; others are left out.

    `model` is a documents' identity; by default that of the space that answers.
    """
    answering = space(connection) if model is None else None
    identity = model if answering is None else answering.documents
    if not len(ids) or identity is None:
        dimension = answering.dimension if answering else 0
        return VectorBatch(np.empty(0, np.int64), np.empty((0, dimension), np.float32))
    asked = sorted(set(map(int, ids)))
    parts = [
        _read(connection, asked[at : at + _AT_ONCE], identity)
        for at in range(0, len(asked), _AT_ONCE)
    ]
    if len(parts) == 1:
        return parts[0]
    some = [one for one in parts if len(one.ids)] or parts[:1]
    vectors = np.concatenate([one.vectors for one in some])
    return VectorBatch(np.concatenate([one.ids for one in some]), vectors)


def _read(connection: apsw.Connection, asked: Sequence[int], identity: str) -> VectorBatch:
    """Return some documents' vectors, which SQLite writes as one value.

    Row by row takes a third longer, and lets go of Python's lock and takes it again for each.
    """
    bound = (rows.numbers(asked), identity)
    ids, vectors, count, least, most, others = rows.every(connection, _VECTORS, bound)[0]
    if least != most or others or (count and least % 4):
        facts = f"{least} to {most} bytes, {others} of another type"
        raise CorruptFileError(
            f"A canonical vector is no vector ({facts}); run `hikma doctor` for the extent."
        )
    numbers = np.fromstring(ids or "", dtype=np.int64, sep=",")
    flat = np.frombuffer(vectors or b"", dtype="<f4").astype(np.float32, copy=False)
    return VectorBatch(numbers, flat.reshape(count, (least or 0) // 4))


_VECTORS = """
SELECT group_concat(ledger.document_id), CAST(group_concat(embedding.vector, '') AS BLOB), count(*),
       min(octet_length(embedding.vector)), max(octet_length(embedding.vector)),
       count(CASE WHEN typeof(embedding.vector) <> 'blob' THEN 1 END)
  FROM carray(?) AS asked
  CROSS JOIN ledger ON ledger.document_id = asked.value AND NOT ledger.deleted
  CROSS JOIN embedding ON embedding.digest = ledger.digest
   AND embedding.model = (SELECT id FROM model WHERE identity = ?)
"""


def alive(connection: apsw.Connection, ids: DocumentIds) -> DocumentIds:
    """Return which of these documents are live, sorted."""
    sql = "SELECT document_id FROM ledger WHERE document_id IN (SELECT value FROM carray(?))"
    found = rows.ids(connection, f"{sql} AND NOT deleted", (rows.numbers(ids),))
    return np.sort(found)


def entries_of(
    connection: apsw.Connection, ids: Sequence[int] | NDArray[np.int64]
) -> dict[int, Entry]:
    """Return what the ledger says of documents, deleted ones too; an unknown one is absent."""
    if not len(ids):
        return {}
    found = rows.every(
        connection,
        "SELECT document_id, sequence, digest, deleted FROM ledger "
        "WHERE document_id IN (SELECT value FROM carray(?))",
        (rows.numbers(ids),),
    )
    return {one: Entry(sequence, digest, bool(deleted)) for one, sequence, digest, deleted in found}


def some(connection: apsw.Connection, turn: int) -> int | None:
    """Return the id of some live document, another one at each turn; None where there is none."""
    last = int(rows.value(connection, "SELECT ifnull(max(document_id), 0) FROM ledger"))
    sql = "SELECT document_id FROM ledger WHERE document_id >= ? AND NOT deleted LIMIT 1"
    row = rows.first(connection, sql, (turn * 7_919 % (last + 1),)) or rows.first(
        connection, sql, (0,)
    )
    return None if row is None else int(row[0])


def last_sequence(connection: apsw.Connection) -> int:
    """Return the last sequence number that was given, 0 before the first."""
    return int(state.get(connection, _SEQUENCE) or 0)


def live(connection: apsw.Connection) -> int:
    """Return how many documents have a live entry."""
    return int(rows.value(connection, "SELECT count(*) FROM ledger WHERE NOT deleted"))


def live_ids(connection: apsw.Connection) -> DocumentIds:
    """Return the ids of all documents that have a live entry, sorted."""
    sql = "SELECT document_id FROM ledger WHERE NOT deleted ORDER BY document_id"
    return rows.ids(connection, sql)


def stats(connection: apsw.Connection) -> list[SpaceStats]:
    """Return how each kind's documents stand in the space that answers."""
    answering = space(connection)
    if answering is None:
        return []
    found = rows.every(
        connection,
        """
        SELECT node.kind, count(*), count(embedding.id),
               count(CASE WHEN ledger.digest <> document.digest THEN 1 END)
          FROM document JOIN node ON node.id = document.node
          LEFT JOIN ledger ON ledger.document_id = document.id AND NOT ledger.deleted
          LEFT JOIN embedding ON embedding.digest = ledger.digest
           AND embedding.model = (SELECT id FROM model WHERE identity = ?)
         GROUP BY node.kind ORDER BY node.kind
        """,
        (answering.documents,),
    )
    width = answering.dimension
    return [
        SpaceStats(NodeKind(kind), total, total - held, stale, width, held * width * 4)
        for kind, total, held, stale in found
    ]


def _intern(connection: apsw.Connection, model: str) -> int:
    row = rows.first(connection, "SELECT id FROM model WHERE identity = ?", (model,))
    if row is None:
        sql = "INSERT INTO model(identity) VALUES (?) RETURNING id"
        row = rows.first(connection, sql, (model,))
    return 0 if row is None else int(row[0])


def _hashes(
    connection: apsw.Connection, model: int, digests: Sequence[bytes]
) -> dict[bytes, bytes]:
    return dict(
        rows.every(
            connection,
            "SELECT digest, vector_hash FROM embedding "
            "WHERE model = ? AND digest IN (SELECT value FROM carray(?))",
            (model, rows.blobs(digests)),
        )
    )


def _rewrite(connection: apsw.Connection, model: str, digests: Sequence[bytes]) -> list[int]:
    """Enter anew the live documents with these digests, whose vector has changed."""
    if not digests:
        return []
    sharing = rows.every(
        connection,
        "SELECT document_id, digest FROM ledger WHERE NOT deleted "
        "AND digest IN (SELECT value FROM carray(?)) ORDER BY document_id",
        (rows.blobs(digests),),
    )
    record(connection, model, sharing)
    return [row[0] for row in sharing]


def _reserve(connection: apsw.Connection, count: int) -> int:
    """Return the first of `count` sequence numbers that nothing had before."""
    last = last_sequence(connection)
    state.put(connection, _SEQUENCE, str(last + count))
    return last + 1


def _some(ids: Sequence[int]) -> str:
    more = ", …" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(str(one) for one in ids[:_SHOWN_IDS]) + more
