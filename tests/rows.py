"""Every row of an index by readable keys, so that two files of one state can be compared.

Left out is what a file may hold beside its state: integer ids, sequences, times, its own
name, tombstones and embeddings that no live document refers to.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from hikma.catalog import ledger, rows
from hikma.catalog.opening import open_reader
from hikma.catalog.schema import Catalog
from hikma.catalog.tables import vector_table
from hikma.vectors.sqlite import SqliteVectors

_TIMELESS = ("indexed_at", "ledger_sequence", "identity", "identity_place")
_SHOWN = 12
_WORDS = ("fulltext", "history_text")


_HISTORY = {
    "commits": (1, "SELECT hash, parents, time, author, email, gap FROM history"),
    "paths": (1, "SELECT path FROM path"),
    "changes": (
        3,
        "SELECT hash, path.path, parent, status, old.path, hunks FROM change "
        "JOIN history ON history.node = change.node JOIN path ON path.id = change.path "
        "LEFT JOIN path AS old ON old.id = change.old_path",
    ),
    "credited": (
        1,
        "SELECT node.key, credited.digest FROM credited JOIN node ON node.id = credited.file",
    ),
    "mentions": (
        2,
        "SELECT number, hash, brought FROM mention JOIN history ON history.node = mention.node",
    ),
    "accounts": (2, "SELECT number, source, facts FROM account"),
}
"""Tables of the history: how many columns are the key, and all that can be compared."""


def rows_of(database: Path) -> dict[str, dict[Any, Any]]:
    """Return every table as {readable key: the rest of the row}."""
    with closing(open_reader(database)) as connection:
        connection.execute("BEGIN")
        names = _names(connection)
        found = {
            "nodes": _nodes(connection),
            "edges": _edges(connection),
            "references": _references(connection),
            "documents": _documents(connection, names),
            "words": _words(connection, names),
            "lengths": _lengths(connection, names),
            "embeddings": _embeddings(connection),
            "ledger": _ledger(connection, names),
            "spaces": _spaces(connection),
            "codes": _codes(connection, names),
            "outbox": _outbox(connection, names),
            "imports": _imports(connection),
            **_history(connection),
            "skips": {one[0]: one[1:] for one in rows.every(connection, "SELECT * FROM skip")},
            "state": _state(connection),
        }
    return {**found, "vectors": _vectors(database, names)}


def differences(
    ours: Mapping[str, Mapping[Any, Any]], theirs: Mapping[str, Mapping[Any, Any]]
) -> list[str]:
    """Return what differs between two files' rows, some of it, readable; empty if nothing does."""
    found = []
    for table, one in ours.items():
        other = theirs[table]
        found += [f"{table}: only ours: {key!r}" for key in one.keys() - other.keys()]
        found += [f"{table}: only theirs: {key!r}" for key in other.keys() - one.keys()]
        found += [
            f"{table}: {key!r}: {one[key]!r} != {other[key]!r}"
            for key in one.keys() & other.keys()
            if one[key] != other[key]
        ]
    return sorted(line[:400] for line in found)[:_SHOWN]


def _names(connection: apsw.Connection) -> dict[int, tuple[str, int]]:
    """Return each document's readable key: its node's and its ordinal."""
    found = rows.every(
        connection,
        "SELECT document.id, node.key, document.ordinal FROM document "
        "JOIN node ON node.id = document.node",
    )
    return defaultdict(_stray, {number: (key, ordinal) for number, key, ordinal in found})


def _stray() -> tuple[str, int]:
    """Name what has no document, so that it shows up as a difference."""
    return "no such document", -1


def _nodes(connection: apsw.Connection) -> dict[str, tuple[Any, ...]]:
    found = rows.every(
        connection,
        "SELECT node.key, node.kind, repository.key, file.key, node.name, node.qualified_name, "
        "node.symbol_kind, node.signature, node.language, node.path, node.start_line, "
        "node.end_line, node.properties, node.documentation FROM node "
        "LEFT JOIN node AS repository ON repository.id = node.repository "
        "LEFT JOIN node AS file ON file.id = node.file",
    )
    return {key: rest for key, *rest in found}


def _edges(connection: apsw.Connection) -> dict[tuple[str, str, str], float]:
    found = rows.every(connection, "SELECT source, kind, target, confidence FROM edges")
    return {(source, kind, target): sure for source, kind, target, sure in found}


def _references(connection: apsw.Connection) -> dict[tuple[str, str], None]:
    sql = (
        "SELECT node.key, reference.name FROM reference LEFT JOIN node ON node.id = reference.node"
    )
    return dict.fromkeys(rows.every(connection, sql))


def _documents(
    connection: apsw.Connection, names: Mapping[int, tuple[str, int]]
) -> dict[tuple[str, int], tuple[Any, ...]]:
    found = rows.every(connection, "SELECT id, start_line, end_line, digest, text FROM document")
    return {names[number]: rest for number, *rest in found}


def _words(
    connection: apsw.Connection, names: Mapping[int, tuple[str, int]]
) -> dict[tuple[str, int], set[tuple[str, str, int]]]:
    """Return each document's words with column and place, as the full text holds them."""
    found: dict[tuple[str, int], set[tuple[str, str, int]]] = defaultdict(set)
    for table in _WORDS:
        connection.execute(
            f"CREATE VIRTUAL TABLE temp.{table}_word USING fts5vocab('main', '{table}', 'instance')"
        )
        for term, number, column, place in connection.execute(f"SELECT * FROM temp.{table}_word"):  # noqa: S608 -- our tables
            found[names[number]].add((term, column, place))
    return dict(found)


def _lengths(
    connection: apsw.Connection, names: Mapping[int, tuple[str, int]]
) -> dict[tuple[str, int], bytes]:
    """Return what BM25 divides by: the length of each document, and of all together."""
    lengths: dict[tuple[str, int], bytes] = {}
    for table in _WORDS:
        found = rows.every(connection, f"SELECT id, sz FROM {table}_docsize")  # noqa: S608 -- our tables
        total = rows.value(connection, f"SELECT block FROM {table}_data WHERE id = 1")  # noqa: S608 -- likewise
        some = total if total.strip(b"\0") else b""  # zeros, or nothing yet: no word either way
        lengths |= {**{names[number]: size for number, size in found}, (table, 0): some}
    return lengths


def _embeddings(connection: apsw.Connection) -> dict[tuple[str, bytes], tuple[Any, ...]]:
    found = rows.every(
        connection,
        "SELECT model.identity, digest, dimension, vector_hash, vector FROM embedding "
        "JOIN model ON model.id = embedding.model WHERE digest IN (SELECT digest FROM document)",
    )
    return {(model, digest): rest for model, digest, *rest in found}


def _ledger(
    connection: apsw.Connection, names: Mapping[int, tuple[str, int]]
) -> dict[tuple[str, int], tuple[Any, ...]]:
    sql = "SELECT document_id, digest FROM ledger WHERE NOT deleted"
    return {names[number]: rest for number, *rest in rows.every(connection, sql)}


def _spaces(connection: apsw.Connection) -> dict[int, tuple[Any, ...]]:
    found = rows.every(connection, "SELECT * FROM vector_space")
    return {number: rest for number, *rest, _created, _updated in found}


def _codes(
    connection: apsw.Connection, names: Mapping[int, tuple[str, int]]
) -> dict[tuple[str, int], bytes]:
    """Return what sqlite-vec holds."""
    space = ledger.space(connection)
    table = vector_table(space.id) if space else ""
    sql = "SELECT 1 FROM sqlite_schema WHERE name = ?"
    if rows.first(connection, sql, (table,)) is None:
        return {}
    sql = f"SELECT rowid, code FROM {table}"  # noqa: S608 -- our table
    return {names[number]: code for number, code in connection.execute(sql)}


def _outbox(
    connection: apsw.Connection, names: Mapping[int, tuple[str, int]]
) -> dict[tuple[str, int], int]:
    found = rows.every(connection, "SELECT document_id, space FROM outbox")
    return {names[number]: space for number, space in found}


def _imports(connection: apsw.Connection) -> dict[tuple[str, ...], None]:
    sql = (
        "SELECT node.key, module, import.name, keyword FROM import "
        "JOIN node ON node.id = import.file"
    )
    return dict.fromkeys(rows.every(connection, sql))


def _history(connection: apsw.Connection) -> dict[str, dict[Any, Any]]:
    """Return the tables of commits and pull requests, each by hash, path or number."""
    return {
        name: {tuple(row[:keys]): row[keys:] for row in rows.every(connection, sql)}
        for name, (keys, sql) in _HISTORY.items()
    }


def _state(connection: apsw.Connection) -> dict[str, str]:
    found = dict(rows.every(connection, "SELECT key, value FROM state"))
    kept = {key: value for key, value in found.items() if key not in _TIMELESS}
    return {key: value for key, value in kept.items() if not key.endswith("_generation")}


def _vectors(database: Path, names: Mapping[int, tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """Return what the store hands back of what it was given."""
    with closing(Catalog.open(database)) as catalog:
        with catalog.read() as connection:
            space = ledger.space(connection)
        if space is None:
            return {}
        return {
            names[number]: vector.tobytes()
            for batch in SqliteVectors(catalog, space).scan(500)
            for number, vector in zip(batch.ids.tolist(), batch.vectors, strict=True)
        }
