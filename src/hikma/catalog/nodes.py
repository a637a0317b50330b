"""Nodes as rows: written by key, read back whole, removed with all that hangs on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from hikma.catalog import rows
from hikma.catalog.tables import WORD_TABLES
from hikma.domain import Node, NodeId, NodeKind, Span, SymbolKind

COLUMNS = (
    "node.id, node.key, node.kind, node.name, node.path, node.start_line, node.end_line, "
    "node.language, node.symbol_kind, node.qualified_name, node.signature, node.documentation, "
    "node.properties"
)
"""What `from_row` reads, in its order."""


_INSERT = """
INSERT INTO node(key, kind, file, name, qualified_name, symbol_kind, signature, language, path,
                 start_line, end_line, properties, documentation)
VALUES (:key, :kind, :file, :name, :qualified_name, :symbol_kind, :signature, :language, :path,
        :start_line, :end_line, :properties, :documentation)
"""
_UPDATE = """
UPDATE node SET kind = :kind, file = :file, name = :name, qualified_name = :qualified_name,
       symbol_kind = :symbol_kind, signature = :signature, language = :language, path = :path,
       start_line = :start_line, end_line = :end_line, properties = :properties,
       documentation = :documentation
 WHERE key = :key
"""

KINDS = {kind.value: kind for kind in NodeKind}
_SYMBOL_KINDS = {kind.value: kind for kind in SymbolKind}
"""A look into a dictionary is a fifth of a call of the class, and a search reads hundreds."""


@dataclass(frozen=True, slots=True)
class StoredNode:
    """A node with the integer that edges, documents and vectors know it by."""

    id: int
    node: Node


def put(connection: apsw.Connection, nodes: Sequence[Node], file: int | None) -> None:
    """Insert or update nodes by key; a key keeps its integer id."""
    if not nodes:
        return
    keys = rows.texts([node.id for node in nodes])
    sql = "SELECT key FROM node WHERE key IN (SELECT value FROM carray(?))"
    present = set(rows.column(connection, sql, (keys,)))
    # Not by UPSERT, for which FTS5 would flush its words at every row.
    absent = [_to_row(node, file) for node in nodes if node.id not in present]
    connection.executemany(_INSERT, absent)
    connection.executemany(_UPDATE, (_to_row(node, file) for node in nodes if node.id in present))


def documentations(connection: apsw.Connection, kind: NodeKind) -> list[str]:
    """Return what is written about the nodes of a kind, of a commit its message, by id."""
    sql = "SELECT documentation FROM node WHERE kind = ? AND documentation <> '' ORDER BY id"
    return rows.column(connection, sql, (kind.value,))


def id_of(connection: apsw.Connection, key: NodeId) -> int | None:
    """Return a key's integer id."""
    row = rows.first(connection, "SELECT id FROM node WHERE key = ?", (key,))
    return None if row is None else int(row[0])


def ids_of(connection: apsw.Connection, keys: Sequence[NodeId]) -> dict[NodeId, int]:
    """Return the integer ids of the keys that are there."""
    if not keys:
        return {}
    sql = "SELECT key, id FROM node WHERE key IN (SELECT value FROM carray(?))"
    return dict(rows.every(connection, sql, (rows.texts(keys),)))


def delete(connection: apsw.Connection, ids: Sequence[int]) -> list[int]:
    """Remove nodes with their edges, references, documents and full text.

    Returns the ids of the removed documents, which the ledger and the stores must drop too.
    """
    if not ids:
        return []
    chosen = rows.numbers(ids)
    documents = rows.column(
        connection,
        "SELECT id FROM document WHERE node IN (SELECT value FROM carray(?)) ORDER BY id",
        (chosen,),
    )
    delete_words(connection, documents)
    connection.execute("DELETE FROM node WHERE id IN (SELECT value FROM carray(?))", (chosen,))
    return documents


def delete_words(connection: apsw.Connection, documents: Sequence[int]) -> None:
    """Remove the words of documents, whichever table holds them."""
    for table in WORD_TABLES:
        connection.executemany(
            f"DELETE FROM {table} WHERE rowid = ?",  # noqa: S608 -- our own names
            ((one,) for one in documents),
        )


def from_row(row: Sequence[Any]) -> StoredNode:
    """Return the node of a row of `COLUMNS`."""
    (number, key, kind, name, path, start, end, language, symbol, qualified, *texts) = row
    signature, documentation, properties = texts
    node = Node(
        id=key,
        kind=KINDS[kind],
        name=name,
        path=path,
        span=None if start is None else Span(start, end),
        language=language,
        symbol_kind=None if symbol is None else _SYMBOL_KINDS[symbol],
        qualified_name=qualified,
        signature=signature,
        documentation=documentation,
        properties=json.loads(properties) if properties else {},
    )
    return StoredNode(number, node)


def _to_row(node: Node, file: int | None) -> dict[str, Any]:
    span = node.span
    return {
        "key": node.id,
        "kind": node.kind.value,
        "file": file,
        "name": node.name,
        "qualified_name": node.qualified_name,
        "symbol_kind": node.symbol_kind.value if node.symbol_kind else None,
        "signature": node.signature,
        "language": node.language,
        "path": node.path,
        "start_line": span.start_line if span else None,
        "end_line": span.end_line if span else None,
        "properties": (
            json.dumps(dict(node.properties), sort_keys=True) if node.properties else None
        ),
        "documentation": node.documentation,
    }
