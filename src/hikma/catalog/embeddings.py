"""Which live documents have a vector by a model, and which vector is it?"""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.catalog import rows
from hikma.catalog.validation import hash_of
from hikma.domain import NodeKind

_HELD = """
  FROM ledger JOIN embedding ON embedding.digest = ledger.digest
   AND embedding.model = (SELECT id FROM model WHERE identity = ?)
 WHERE NOT ledger.deleted
"""
_LACKING = """
NOT ledger.deleted AND NOT EXISTS (
  SELECT 1 FROM embedding WHERE embedding.digest = ledger.digest
     AND embedding.model = (SELECT id FROM model WHERE identity = ?))
"""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A text without a vector: where it came from. `name` is its node's id without the kind."""

    digest: bytes
    kind: NodeKind
    path: str
    name: str


def hashes_of(
    connection: apsw.Connection, ids: Sequence[int] | NDArray[np.int64], model: str
) -> dict[int, bytes]:
    """Return the hash of the vector that each live document has by a model, where it has one."""
    if not len(ids):
        return {}
    return dict(
        rows.every(
            connection,
            f"SELECT ledger.document_id, embedding.vector_hash {_HELD} "  # noqa: S608 -- our own clause
            "AND ledger.document_id IN (SELECT value FROM carray(?))",
            (model, rows.numbers(ids)),
        )
    )


def altered(
    connection: apsw.Connection, ids: Sequence[int] | NDArray[np.int64], model: str
) -> list[tuple[int, bytes]]:
    """Return the live documents whose vector is not what its hash says, each with its digest."""
    found = rows.every(
        connection,
        "SELECT ledger.document_id, ledger.digest, embedding.vector, embedding.vector_hash "  # noqa: S608 -- our own clause
        f"{_HELD} AND ledger.document_id IN (SELECT value FROM carray(?)) ORDER BY 1",
        (model, rows.numbers(ids)),
    )
    return [
        (document, digest)
        for document, digest, vector, vector_hash in found
        if hash_of(vector) != vector_hash
    ]


def embedded(connection: apsw.Connection, model: str) -> int:
    """Return how many live documents have a vector by a model."""
    sql = f"SELECT count(*) {_HELD}"
    return int(rows.value(connection, sql, (model,)))


def lacking(connection: apsw.Connection, model: str) -> int:
    """Return how many live documents have no vector by a model."""
    sql = f"SELECT count(*) FROM ledger WHERE {_LACKING}"  # noqa: S608 -- our own clause
    return int(rows.value(connection, sql, (model,)))


def origins(connection: apsw.Connection, model: str) -> list[Lacking]:
    """Return where the texts came from that have no vector by a model."""
    found = rows.every(
        connection,
        f"""
        SELECT ledger.digest, node.kind, node.path, node.key
          FROM ledger JOIN document ON document.id = ledger.document_id
          JOIN node ON node.id = document.node
         WHERE {_LACKING} ORDER BY ledger.document_id
        """,  # noqa: S608 -- our own clause
        (model,),
    )
    return [
        Lacking(digest, NodeKind(kind), path, key.partition(":")[2])
        for digest, kind, path, key in found
    ]
