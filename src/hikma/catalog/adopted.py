"""What was taken over from a table that Hikma did not make: where from, and its rows as held."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import apsw

from hikma.catalog import state
from hikma.domain import HISTORY_KINDS, Node
from hikma.errors import UsageError

ROW_ID = "adopted_id"
"""The property of a node that holds the row's own id."""
_KEY = "adopted"
_HELD = """
SELECT document.id, node.properties ->> 'adopted_id', document.text, embedding.vector
  FROM document JOIN node ON node.id = document.node
  LEFT JOIN ledger ON ledger.document_id = document.id AND NOT ledger.deleted
  LEFT JOIN embedding ON embedding.digest = ledger.digest
   AND embedding.model = (SELECT id FROM model WHERE identity = ?)
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """The table that a file was taken over from, at one version of it."""

    location: str
    table: str
    version: int


class HeldRow(NamedTuple):
    """A row as the file holds it; None where it lacks the id or the vector."""

    document: int
    row_id: str | None
    text: str
    vector: bytes | None


def origin(connection: apsw.Connection) -> Origin | None:
    """Return what the file was taken over from, None for one that was indexed."""
    held = state.get(connection, _KEY)
    return None if held is None else Origin(**json.loads(held))


def put_origin(connection: apsw.Connection, found: Origin) -> None:
    """Say what the file is taken over from."""
    state.put(connection, _KEY, json.dumps(asdict(found)))


def follows_file(node: Node) -> bool:
    """Whether a node changes with a file; neither a commit nor a row taken over does."""
    return node.kind not in HISTORY_KINDS and ROW_ID not in node.properties


def refuse_indexing(connection: apsw.Connection, path: Path) -> None:
    """Raise UsageError for a file that was taken over: a run would drop every row of it."""
    found = origin(connection)
    if found is not None:
        raise UsageError(
            f"{path} was taken over from the table {found.table} in {found.location}, and indexing "
            "would drop its rows; index into another file (HIKMA_DATABASE), or delete this one."
        )


def held_rows(connection: apsw.Connection, model: str) -> Iterator[HeldRow]:
    """Yield every row with its canonical vector; `model` is the documents' identity."""
    for row in connection.execute(_HELD, (model,)):
        yield HeldRow(*row)
