"""Nodes as rows: written by key, read back whole, removed with all that hangs on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from hikma.catalog import rows
from hikma.domain import Node, NodeId, NodeKind, Span, SymbolKind

COLUMNS = (
    "node.id, node.key, node.kind, node.name, node.path, node.start_line, node.end_line, "
    "node.language, node.symbol_kind, node.qualified_name, node.signature, node.documentation, "
    "node.properties"
)
"""What `from_row` reads, in its order."""


@dataclass(frozen=True, slots=True)
class StoredNode:
    """A node with the integer that edges, documents and vectors know it by."""

    id: int
    node: Node


def put(connection: apsw.Connection, nodes: Sequence[Node], file: int | None) -> None:
    """Insert or update nodes by key; a key keeps its integer id."""
    connection.executemany(
        """
        INSERT INTO node(key, kind, file, name, qualified_name, symbol_kind, signature, language,
                         path, start_line, end_line, properties, documentation)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT(key) DO UPDATE SET
          kind = excluded.kind, file = excluded.file, name = excluded.name,
          qualified_name = excluded.qualified_name, symbol_kind = excluded.symbol_kind,
          signature = excluded.signature, language = excluded.language, path = excluded.path,
          start_line = excluded.start_line, end_line = excluded.end_line,
          properties = excluded.properties, documentation = excluded.documentation
        """,
        (_to_row(node, file) for node in nodes),
    )


def id_of(connection: apsw.Connection, key: NodeId) -> int | None:
    """Return a key's integer id."""
    row = rows.first(connection, "SELECT id FROM node WHERE key = ?", (key,))
    return None if row is None else int(row[0])


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
    connection.executemany("DELETE FROM fulltext WHERE rowid = ?", ((one,) for one in documents))
    connection.execute("DELETE FROM node WHERE id IN (SELECT value FROM carray(?))", (chosen,))
    return documents


def from_row(row: Sequence[Any]) -> StoredNode:
    """Return the node of a row of `COLUMNS`."""
    (number, key, kind, name, path, start, end, language, symbol, qualified, *texts) = row
    signature, documentation, properties = texts
    node = Node(
        id=key,
        kind=NodeKind(kind),
        name=name,
        path=path,
        span=None if start is None else Span(start, end),
        language=language,
        symbol_kind=None if symbol is None else SymbolKind(symbol),
        qualified_name=qualified,
        signature=signature,
        documentation=documentation,
        properties=json.loads(properties) if properties else {},
    )
    return StoredNode(number, node)


def _to_row(node: Node, file: int | None) -> tuple[Any, ...]:
    span = node.span
    properties = json.dumps(dict(node.properties), sort_keys=True) if node.properties else None
    return (
        node.id,
        node.kind.value,
        file,
        node.name,
        node.qualified_name,
        node.symbol_kind.value if node.symbol_kind else None,
        node.signature,
        node.language,
        node.path,
        span.start_line if span else None,
        span.end_line if span else None,
        properties,
        node.documentation,
    )
