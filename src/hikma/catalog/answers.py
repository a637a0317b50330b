"""What can an answer be? The files and symbols that have documents, and where they stand."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import apsw

from hikma.catalog import rows
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import EdgeKind, NodeId


class Answer(NamedTuple):
    """A symbol or test that a search can return, with its lines (1-based, both included)."""

    id: NodeId
    name: str
    start_line: int
    end_line: int


def answers(connection: apsw.Connection) -> Mapping[str, Sequence[Answer]]:
    """Return every indexed file by path, with the symbols and tests in it that have documents.

    A small undocumented constant has none: its lines belong to the code around it.
    """
    found: dict[str, list[Answer]] = defaultdict(list)
    for path in rows.column(connection, "SELECT path FROM node WHERE kind = 'file'"):
        found[path] = []
    for path, *answer in rows.every(
        connection,
        "SELECT path, key, name, start_line, end_line FROM node WHERE file IS NOT NULL "
        "AND start_line IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM document WHERE document.node = node.id) ORDER BY id",
    ):
        found[path].append(Answer(*answer))
    return dict(found)


def modified(connection: apsw.Connection, most: int) -> list[tuple[NodeId, str, list[str]]]:
    """Return commits that modified some of today's files, newest first: id, message, paths.

    Merges and the first commits say little of what they bring; neither do sweeps over more files
    than `most`.
    """
    found = rows.every(
        connection,
        """
        SELECT said.key, said.documentation, file.path
          FROM history JOIN node AS said ON said.id = history.node
          JOIN edge ON edge.source = history.node AND edge.kind = ?
          JOIN node AS file ON file.id = edge.target AND file.kind = 'file'
         WHERE length(history.parents) = 20
           AND (SELECT count(*) FROM change WHERE change.node = history.node) <= ?
         ORDER BY history.time DESC, history.node, file.path
        """,
        (EDGE_CODES[EdgeKind.MODIFIES], most),
    )
    grouped: dict[NodeId, tuple[NodeId, str, list[str]]] = {}
    for key, message, path in found:
        grouped.setdefault(key, (key, message, []))[2].append(path)
    return list(grouped.values())


def every_id(connection: apsw.Connection) -> set[NodeId]:
    """Return the ids of all nodes."""
    return set(rows.column(connection, "SELECT key FROM node"))
