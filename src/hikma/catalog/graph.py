"""The graph of nodes and edges: who is it, and who are its neighbours?"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import apsw

from hikma.catalog import nodes, rows
from hikma.catalog.filters import resolve
from hikma.catalog.linking import facts, link_tests, link_tree
from hikma.catalog.nodes import StoredNode
from hikma.catalog.tables import EDGE_CODES, EDGE_KINDS
from hikma.domain import Edge, EdgeKind, Node, NodeId, NodeKind, Reference, Skip
from hikma.errors import CorruptFileError, NodeNotFoundError

__all__ = [
    "FileRows",
    "Relation",
    "StoredNode",
    "begins",
    "counts",
    "facts",
    "file_digests",
    "find",
    "is_empty",
    "languages",
    "link_tests",
    "link_tree",
    "neighbours",
    "put_file",
    "put_nodes",
    "put_skips",
    "remove_files",
    "remove_nodes",
    "resolve",
    "skipped_digests",
    "skips",
    "suggest",
    "symbol_lines",
]

_OF_FILE = "SELECT id FROM node WHERE file = :file UNION ALL SELECT :file"
_WITHIN_FILE = (EDGE_CODES[EdgeKind.CONTAINS], EDGE_CODES[EdgeKind.DEFINES])
_SUGGESTED_FROM = 2_000


@dataclass(frozen=True, slots=True)
class FileRows:
    """What putting a file wrote: the integer of each node, and the documents that went."""

    ids: Mapping[NodeId, int]
    removed_documents: list[int]


class Relation(NamedTuple):
    """An edge seen from one of its ends: `out` leads away from it, `in` towards it."""

    kind: EdgeKind
    direction: Literal["out", "in"]
    node: Node
    confidence: float


def file_digests(connection: apsw.Connection) -> dict[str, str]:
    """Return the content digest of every indexed file by its path."""
    found = rows.every(
        connection,
        "SELECT path, properties ->> 'digest' FROM node WHERE file IS NULL AND kind = 'file'",
    )
    return {path: digest or "" for path, digest in found}


def is_empty(connection: apsw.Connection) -> bool:
    """Tell whether no file was read into this index yet."""
    sql = "SELECT EXISTS (SELECT 1 FROM node WHERE file IS NULL AND kind = 'file')"
    return not rows.value(connection, sql) and not skips(connection)


def put_file(
    connection: apsw.Connection,
    of_file: Sequence[Node],
    edges: Sequence[Edge],
    references: Sequence[Reference],
) -> FileRows:
    """Make the graph of one file what is given; `of_file` starts with the file's own node.

    Keys that survive keep their ids; nodes that vanished go with their documents.
    """
    file, *rest = of_file
    nodes.put(connection, [file], None)
    file_id = _must_find(connection, file.id)
    known = len(rows.every(connection, _OF_FILE, {"file": file_id})) > 1
    nodes.put(connection, rest, file_id)
    stored = rows.every(
        connection,
        "SELECT key, id FROM node WHERE file = :file OR id = :file",
        {"file": file_id},
    )
    wanted = {node.id for node in of_file}
    vanished = sorted(number for key, number in stored if key not in wanted)
    ids = {key: number for key, number in stored if key in wanted}
    if len(ids) < len(wanted):
        raise CorruptFileError(
            f"Nodes of {file.path} were written and cannot be found: an index in the file is "
            "damaged; run `hikma doctor` for the extent."
        )
    removed = nodes.delete(connection, vanished)
    if known:
        _clear_relations(connection, file_id)
    connection.execute("DELETE FROM credited WHERE file = ?", (file_id,))
    _put_relations(connection, ids, edges, references)
    return FileRows(ids, removed)


def remove_files(connection: apsw.Connection, paths: Sequence[str]) -> list[int]:
    """Remove files' graphs; return the ids of their documents. A path unknown is no error.

    All in one: SQLite lets FTS5 write down what it holds before each statement that deletes what
    belongs to nodes, and merging what was written file by file takes most of the time.
    """
    if not paths:
        return []
    files = rows.column(
        connection,
        "SELECT id FROM node WHERE file IS NULL AND kind = 'file' "
        "AND path IN (SELECT value FROM carray(?))",
        (rows.texts(paths),),
    )
    ids = [one for file in files for one in rows.column(connection, _OF_FILE, {"file": file})]
    return nodes.delete(connection, ids)


def put_nodes(connection: apsw.Connection, given: Sequence[Node]) -> dict[NodeId, int]:
    """Write nodes that stand in no file; return the integer of each."""
    nodes.put(connection, given, None)
    return nodes.ids_of(connection, [node.id for node in given])


def remove_nodes(connection: apsw.Connection, keys: Sequence[NodeId]) -> list[int]:
    """Remove nodes that stand in no file; return the ids of their documents."""
    return nodes.delete(connection, sorted(nodes.ids_of(connection, keys).values()))


def find(connection: apsw.Connection, key: NodeId) -> StoredNode | None:
    """Return the node with a key."""
    sql = f"SELECT {nodes.COLUMNS} FROM node WHERE key = ?"  # noqa: S608 -- our own columns
    row = rows.first(connection, sql, (key,))
    return None if row is None else nodes.from_row(row)


def begins(connection: apsw.Connection, key: NodeId) -> StoredNode | None:
    """Return the one commit whose id begins like this, None where none or several do."""
    if not re.fullmatch(r"commit:[0-9a-f]{4,39}", key):
        return None
    sql = f"SELECT {nodes.COLUMNS} FROM node WHERE key GLOB ? LIMIT 2"  # noqa: S608 -- our own columns
    found = rows.every(connection, sql, (f"{key}*",))
    return nodes.from_row(found[0]) if len(found) == 1 else None


def suggest(connection: apsw.Connection, key: str, limit: int) -> list[NodeId]:
    """Return existing keys near one that does not exist, nearest first."""
    name = re.split(r"[#/.:]", key)[-1]
    keys = rows.column(
        connection,
        """
        SELECT key FROM node
         WHERE instr(lower(key), lower(:name)) OR (length(name) BETWEEN :short AND :long)
         ORDER BY instr(lower(name), lower(:name)) = 0, abs(length(name) - :length), key
         LIMIT :most
        """,
        {
            "name": name,
            "length": len(name),
            "short": len(name) - 2,
            "long": len(name) + 2,
            "most": _SUGGESTED_FROM,
        },
    )
    folded = {one.lower(): one for one in keys}
    near = difflib.get_close_matches(key.lower(), folded, n=limit, cutoff=0.5)
    return [folded[one] for one in near]


def symbol_lines(connection: apsw.Connection, files: Sequence[int]) -> list[tuple[int, int, str]]:
    """Return file, first line and name of what is defined in these files."""
    if not files:
        return []
    return rows.every(
        connection,
        "SELECT file, start_line, name FROM node "
        "WHERE file IN (SELECT value FROM carray(?)) AND start_line IS NOT NULL",
        (rows.numbers(files),),
    )


def neighbours(connection: apsw.Connection, node: int) -> list[Relation]:
    """Return a node's edges in both directions, by kind, direction and key."""
    found: list[Relation] = []
    for direction, mine, other in (("out", "source", "target"), ("in", "target", "source")):
        found_here = rows.every(
            connection,
            f"SELECT edge.kind, edge.confidence, {nodes.COLUMNS} FROM edge "  # noqa: S608 -- our names
            f"JOIN node ON node.id = edge.{other} WHERE edge.{mine} = ?",
            (node,),
        )
        for kind, confidence, *columns in found_here:
            other_end = nodes.from_row(columns).node
            end: Literal["out", "in"] = "out" if direction == "out" else "in"
            found.append(Relation(EDGE_KINDS[kind], end, other_end, confidence))
    return sorted(found, key=lambda one: (one.kind, one.direction, one.node.id))


def counts(connection: apsw.Connection) -> dict[NodeKind, int]:
    """Return how many nodes of each kind there are; kinds without one are absent."""
    found = rows.every(connection, "SELECT kind, count(*) FROM node GROUP BY kind ORDER BY kind")
    return {NodeKind(kind): count for kind, count in found}


def languages(connection: apsw.Connection) -> dict[str, int]:
    """Return how many symbols each language has, most first."""
    return dict(
        rows.every(
            connection,
            """
            SELECT language, count(*) AS symbols FROM node
             WHERE kind = 'symbol' AND language IS NOT NULL
             GROUP BY language ORDER BY symbols DESC, language
            """,
        )
    )


def put_skips(connection: apsw.Connection, skipped: Sequence[Skip]) -> None:
    """Replace the list of paths that are not indexed."""
    connection.execute("DELETE FROM skip")
    connection.executemany(
        "INSERT OR REPLACE INTO skip VALUES (?, ?, ?)",
        ((_printable(one.path), one.reason, one.digest) for one in skipped),
    )


def skips(connection: apsw.Connection) -> list[Skip]:
    """Return the paths that are not indexed and why, by path."""
    found = rows.every(connection, "SELECT path, reason, digest FROM skip ORDER BY path")
    return [Skip(path, reason, digest) for path, reason, digest in found]


def skipped_digests(connection: apsw.Connection) -> dict[str, str]:
    """Return the digests of the files that were read and then not indexed, by path."""
    return dict(
        rows.every(connection, "SELECT path, digest FROM skip WHERE digest <> '' ORDER BY path")
    )


def _clear_relations(connection: apsw.Connection, file: int) -> None:
    """Drop what a former version of a file said about its own nodes."""
    connection.execute(
        f"DELETE FROM edge WHERE kind IN {_WITHIN_FILE} AND source IN ({_OF_FILE})",  # noqa: S608 -- our codes
        {"file": file},
    )
    connection.execute(
        f"DELETE FROM reference WHERE node IN ({_OF_FILE})",  # noqa: S608 -- our statement
        {"file": file},
    )


def _put_relations(
    connection: apsw.Connection,
    ids: Mapping[NodeId, int],
    edges: Sequence[Edge],
    references: Sequence[Reference],
) -> None:
    def number(key: NodeId) -> int:
        return ids[key] if key in ids else _must_find(connection, key)

    # IGNORE, not REPLACE: for that FTS5 would flush its words at every row.
    connection.executemany(
        "INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?)",
        (
            (number(edge.source), EDGE_CODES[edge.kind], number(edge.target), edge.confidence)
            for edge in edges
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO reference VALUES (?, ?)",
        ((number(reference.source), reference.name) for reference in references),
    )


def _must_find(connection: apsw.Connection, key: NodeId) -> int:
    found = nodes.id_of(connection, key)
    if found is None:
        raise NodeNotFoundError(f"An edge names {key}, which is not in the index; index it first.")
    return found


def _printable(path: str) -> str:
    """Escape what is not Unicode in a path: SQLite stores UTF-8 only."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
