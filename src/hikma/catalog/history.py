"""Commits as rows: their nodes, whose children they are, what they changed, who wrote them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

from hikma.attribution import FileChange, Held
from hikma.catalog import nodes, pulls, rows
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import ChangeStatus, Commit, EdgeKind, Node

_MODIFIES = EDGE_CODES[EdgeKind.MODIFIES]
_HASH_BYTES = 20
_STATUSES = {status.value: status for status in ChangeStatus}


class Place(NamedTuple):
    """A file of today: its node, where it is and what it holds."""

    id: int
    path: str
    digest: str


def known(connection: apsw.Connection) -> set[str]:
    """Return the hex ids of all commits."""
    return {hash_.hex() for hash_ in rows.column(connection, "SELECT hash FROM history")}


def put_commits(
    connection: apsw.Connection, commits: Sequence[Commit], as_nodes: Sequence[Node]
) -> dict[str, int]:
    """Write commits that are not there yet; return the integer of each node by its key."""
    nodes.put(connection, as_nodes, None)
    ids = nodes.ids_of(connection, [node.id for node in as_nodes])
    numbered = [(ids[node.id], one) for one, node in zip(commits, as_nodes, strict=True)]
    connection.executemany(
        "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                bytes.fromhex(one.hash),
                b"".join(map(bytes.fromhex, one.parents)),
                one.time,
                one.author,
                one.email,
                one.gap,
            )
            for number, one in numbered
        ),
    )
    _put_changes(connection, numbered)
    pulls.put_mentions(connection, numbered)
    return ids


def remove_commits(connection: apsw.Connection, hashes: Sequence[str]) -> list[int]:
    """Remove commits with all that hangs on them; return the ids of their documents."""
    if not hashes:
        return []
    chosen = rows.blobs([bytes.fromhex(one) for one in hashes])
    sql = "SELECT node FROM history WHERE hash IN (SELECT value FROM carray(?))"
    removed = nodes.delete(connection, rows.column(connection, sql, (chosen,)))
    connection.execute(
        "DELETE FROM path WHERE id NOT IN (SELECT path FROM change) "
        "AND id NOT IN (SELECT old_path FROM change WHERE old_path IS NOT NULL)"
    )
    return removed


def parents(connection: apsw.Connection) -> dict[int, tuple[int, ...]]:
    """Return the parents of every commit, first parent first; 0 for one that is missing."""
    found = rows.every(connection, "SELECT node, hash, parents FROM history")
    numbers = {hash_: node for node, hash_, _ in found}
    return {
        node: tuple(
            numbers.get(packed[at : at + _HASH_BYTES], 0)
            for at in range(0, len(packed), _HASH_BYTES)
        )
        for node, _, packed in found
    }


def unknown(connection: apsw.Connection) -> dict[int, str]:
    """Return the commits of whose changes none is known, with their hex ids."""
    found = rows.every(
        connection,
        "SELECT node, hash FROM history WHERE gap <> '' "
        "AND NOT EXISTS (SELECT 1 FROM change WHERE change.node = history.node)",
    )
    return {node: hash_.hex() for node, hash_ in found}


def incomplete(connection: apsw.Connection) -> dict[str, tuple[str, int]]:
    """Return the commits (hex) that could not be read whole: why, and in how many files."""
    found = rows.every(
        connection,
        "SELECT hash, gap, (SELECT count(hunks) FROM change WHERE change.node = history.node) "
        "FROM history WHERE gap <> ''",
    )
    return {hash_.hex(): (gap, read) for hash_, gap, read in found}


def missing_parents(connection: apsw.Connection) -> int:
    """Return how many commits are named as parents and are not there."""
    found = rows.every(connection, "SELECT hash, parents FROM history")
    present = {hash_ for hash_, _ in found}
    named = {
        packed[at : at + _HASH_BYTES]
        for _, packed in found
        for at in range(0, len(packed), _HASH_BYTES)
    }
    return len(named - present)


def node_of(connection: apsw.Connection, hash_: str) -> int | None:
    """Return a commit's node by its hex id."""
    sql = "SELECT node FROM history WHERE hash = ?"
    row = rows.first(connection, sql, (bytes.fromhex(hash_),))
    return None if row is None else int(row[0])


def hash_of(connection: apsw.Connection, node: int) -> str:
    """Return a commit's hex id."""
    found: bytes = rows.value(connection, "SELECT hash FROM history WHERE node = ?", (node,))
    return found.hex()


def changes_of(connection: apsw.Connection, paths: Iterable[str]) -> list[FileChange]:
    """Return what happened to these paths and to those that they were called before."""
    found: list[FileChange] = []
    seen: set[str] = set()
    wanted = set(paths)
    while wanted:
        seen |= wanted
        some = _changes(connection, wanted)
        found += some
        wanted = {change.old_path for change in some if change.old_path} - seen
    return found


def change_counts(connection: apsw.Connection, paths: Sequence[str]) -> dict[str, int]:
    """Return how many changes each of these paths has; one without any is absent."""
    if not paths:
        return {}
    return dict(
        rows.every(
            connection,
            "SELECT path.path, count(*) FROM path CROSS JOIN change ON change.path = path.id "
            "WHERE path.path IN (SELECT value FROM carray(?)) GROUP BY path.id",
            (rows.texts(paths),),
        )
    )


def touched_paths(connection: apsw.Connection, hashes: Sequence[str]) -> set[str]:
    """Return the paths that these commits changed."""
    if not hashes:
        return set()
    return set(
        rows.column(
            connection,
            "SELECT DISTINCT path.path FROM history JOIN change ON change.node = history.node "
            "JOIN path ON path.id = change.path WHERE hash IN (SELECT value FROM carray(?))",
            (rows.blobs([bytes.fromhex(one) for one in hashes]),),
        )
    )


def files(connection: apsw.Connection) -> list[tuple[Place, bool]]:
    """Return today's files by path, and whether their commits are known as they now are."""
    found = rows.every(
        connection,
        """
        SELECT node.id, node.path, node.properties ->> 'digest' AS digest, credited.digest
          FROM node LEFT JOIN credited ON credited.file = node.id
         WHERE node.file IS NULL AND node.kind = 'file' ORDER BY node.path
        """,
    )
    return [(Place(*row[:3]), row[3] == row[2]) for row in found]


def lines_of(connection: apsw.Connection, files: Sequence[int]) -> dict[int, list[Held]]:
    """Return the lines of the symbols and tests of files, by file."""
    found = rows.every(
        connection,
        "SELECT file, id, start_line, end_line FROM node "
        "WHERE file IN (SELECT value FROM carray(?)) AND start_line IS NOT NULL ORDER BY id",
        (rows.numbers(files),),
    )
    held: dict[int, list[Held]] = {file: [] for file in files}
    for file, *lines in found:
        held[file].append(Held(*lines))
    return held


def name_of(connection: apsw.Connection, node: int) -> str:
    """Return a node's plain name."""
    return str(rows.value(connection, "SELECT name FROM node WHERE id = ?", (node,)))


def credit(
    connection: apsw.Connection, places: Sequence[Place], wanted: set[tuple[int, int]]
) -> None:
    """Make the `modifies` edges to these files and their symbols exactly (commit, target)."""
    files = rows.numbers([place.id for place in places])
    present = set(
        rows.every(
            connection,
            "SELECT source, target FROM edge WHERE kind = ? AND target IN (SELECT id FROM node "
            "WHERE file IN (SELECT value FROM carray(?)) UNION ALL SELECT value FROM carray(?))",
            (_MODIFIES, files, files),
        )
    )
    connection.executemany(
        "DELETE FROM edge WHERE source = ? AND kind = ? AND target = ?",
        ((source, _MODIFIES, target) for source, target in sorted(present - wanted)),
    )
    connection.executemany(
        "INSERT INTO edge VALUES (?, ?, ?, 1.0)",
        ((source, _MODIFIES, target) for source, target in sorted(wanted - present)),
    )
    connection.execute("DELETE FROM credited WHERE file IN (SELECT value FROM carray(?))", (files,))
    connection.executemany(
        "INSERT INTO credited VALUES (?, ?)", ((place.id, place.digest) for place in places)
    )


def _changes(connection: apsw.Connection, paths: Iterable[str]) -> list[FileChange]:
    found = rows.every(
        connection,
        """
        SELECT change.node, change.parent, change.status, path.path, coalesce(old.path, ''),
               change.hunks
          FROM path CROSS JOIN change ON change.path = path.id
          LEFT JOIN path AS old ON old.id = change.old_path
         WHERE path.path IN (SELECT value FROM carray(?))
        """,
        (rows.texts(sorted(paths)),),
    )
    spelled: dict[str, str] = {}  # a path stands in thousands of rows and once in memory
    return [
        FileChange(node, parent, _STATUSES[status], spelled.setdefault(path, path), old, hunks)
        for node, parent, status, path, old, hunks in found
    ]


def _put_changes(connection: apsw.Connection, numbered: Sequence[tuple[int, Commit]]) -> None:
    changes = [(number, change) for number, one in numbered for change in one.changes]
    spoken = {change.path for _, change in changes} | {c.old_path for _, c in changes if c.old_path}
    paths = _path_ids(connection, sorted(spoken))
    connection.executemany(
        "INSERT OR REPLACE INTO change(path, node, parent, status, old_path, hunks) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                paths[change.path],
                number,
                change.parent,
                change.status.value,
                paths.get(change.old_path),
                change.hunks,
            )
            for number, change in changes
        ),
    )


def _path_ids(connection: apsw.Connection, paths: Sequence[str]) -> dict[str, int]:
    if not paths:
        return {}
    connection.executemany("INSERT OR IGNORE INTO path(path) VALUES (?)", ((one,) for one in paths))
    sql = "SELECT path, id FROM path WHERE path IN (SELECT value FROM carray(?))"
    return dict(rows.every(connection, sql, (rows.texts(paths),)))
