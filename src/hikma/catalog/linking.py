"""What no single file knows: the folders that hold the files, and which symbol a test tests."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import apsw

from hikma.catalog import nodes, rows
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import EdgeKind, Node, NodeId, NodeKind

_CONTAINS, _TESTS = EDGE_CODES[EdgeKind.CONTAINS], EDGE_CODES[EdgeKind.TESTS]
_BY_NAME, _BY_REFERENCE = 0.9, 0.6
_SHORTEST_NAME = 3
_TEST_AFFIX = re.compile(r"^(test|tests|benchmark|bench|fuzz|example|it|should)|(test|tests|spec)$")
_HEADERS = (".h", ".hh", ".hpp", ".d.ts", ".pyi")


_FACTS = """
WITH top AS (SELECT * FROM node WHERE key = ?), inner AS (
  SELECT node.* FROM top JOIN node ON node.file = top.id)
SELECT key, kind, name, qualified_name, language, properties ->> 'package' FROM top
UNION ALL SELECT key, kind, name, qualified_name, language, '' FROM inner
UNION ALL SELECT inner.key, reference.name, '', '', '', '' FROM inner
  JOIN reference ON reference.node = inner.id WHERE inner.kind = 'test'
UNION ALL SELECT 'imports', module, import.name, keyword, '', '' FROM top
  JOIN import ON import.file = top.id
"""


def facts(connection: apsw.Connection, file: NodeId) -> frozenset[tuple[str | None, ...]]:
    """Return all that links read of a file: names, what its tests mention, imports, packages.

    Not its lines: while these facts stay, an edit changes no link from the file or to it.
    """
    return frozenset(rows.every(connection, _FACTS, (file,)))


def link_tree(connection: apsw.Connection, repository: Node) -> None:
    """Make the repository, its folders and their `contains` edges fit the indexed files.

    Idempotent; what already fits is not written.
    """
    files = dict(
        rows.every(
            connection,
            "SELECT path, id FROM node WHERE file IS NULL AND kind = 'file' ORDER BY path",
        )
    )
    top = _put_repository(connection, repository)
    folders = _put_folders(connection, files)
    places = {**folders, **files}
    wanted = {(folders.get(_parent(path), top), number) for path, number in places.items()}
    present = set(
        rows.every(
            connection,
            """
            SELECT source, target FROM edge JOIN node ON node.id = edge.source
             WHERE edge.kind = ? AND node.file IS NULL AND node.kind IN ('repository', 'directory')
            """,
            (_CONTAINS,),
        )
    )
    replace_edges(connection, _CONTAINS, dict.fromkeys(present, 1.0), dict.fromkeys(wanted, 1.0))
    connection.execute(
        "UPDATE node SET repository = :top WHERE file IS NULL AND repository IS NOT :top "
        "AND kind IN ('file', 'directory')",
        {"top": top},
    )


def link_tests(connection: apsw.Connection) -> None:
    """Make the `tests` edges fit the names that tests carry and mention.

    A test named after exactly one symbol tests it (confidence 0.9); a name that it mentions and
    exactly one symbol bears is tested too (0.6).
    """
    wanted: dict[tuple[int, int], float] = {}
    symbols = _symbols(connection)
    for test, language, name in rows.every(
        connection,
        "SELECT reference.node, node.language, reference.name FROM reference "
        "JOIN node ON node.id = reference.node WHERE node.kind = 'test'",
    ):
        target = _only(symbols.by_name.get(name.rsplit(".", 1)[-1], ()), language)
        if target is not None:
            wanted[test, target] = _BY_REFERENCE
    for test, language, qualified, name in rows.every(
        connection, "SELECT id, language, qualified_name, name FROM node WHERE kind = 'test'"
    ):
        target = _named_after(symbols, (qualified, name), language)
        if target is not None:
            wanted[test, target] = _BY_NAME
    present = {
        (source, target): confidence
        for source, target, confidence in rows.every(
            connection, "SELECT source, target, confidence FROM edge WHERE kind = ?", (_TESTS,)
        )
    }
    replace_edges(connection, _TESTS, present, wanted)


@dataclass(frozen=True, slots=True)
class _Symbol:
    id: int
    language: str | None
    path: str
    qualified_name: str


@dataclass(frozen=True, slots=True)
class _Symbols:
    """Symbols by their exact name, and by their plain (case and underscore blind) names."""

    by_name: dict[str, list[_Symbol]] = field(default_factory=lambda: defaultdict(list))
    by_plain: dict[str, list[_Symbol]] = field(default_factory=lambda: defaultdict(list))


def _symbols(connection: apsw.Connection) -> _Symbols:
    found = _Symbols()
    for number, language, path, qualified, name in rows.every(
        connection,
        "SELECT id, language, path, qualified_name, name FROM node WHERE kind = 'symbol'"
        " ORDER BY key",
    ):
        symbol = _Symbol(number, language, path, qualified or name)
        found.by_name[name].append(symbol)
        for plain in {_plain(name), _plain(qualified)}:
            found.by_plain[plain].append(symbol)
    return found


def _only(candidates: Iterable[_Symbol], language: str | None) -> int | None:
    """Return the one symbol meant, None when several could be.

    Overloads of one name in one file count as one. The test's own language is preferred, then a
    definition to its declaration in a header.
    """
    distinct: dict[tuple[str, str], _Symbol] = {}
    for symbol in candidates:
        distinct.setdefault((symbol.path, symbol.qualified_name), symbol)
    left = list(distinct.values())
    left = [one for one in left if one.language == language] or left
    if len(left) > 1:
        left = [one for one in left if not one.path.endswith(_HEADERS)]
    return left[0].id if len(left) == 1 else None


def _named_after(symbols: _Symbols, names: Iterable[str], language: str | None) -> int | None:
    """Return the symbol that a test's name spells: whole, qualified, or a title of a group."""
    for name in names:
        for part in (name, *name.split(" > ")):
            plain = "".join(_bare(segment) for segment in part.split("."))
            if len(plain) < _SHORTEST_NAME:
                continue
            target = _only(symbols.by_plain.get(plain, ()), language)
            if target is not None:
                return target
    return None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _bare(segment: str) -> str:
    """Strip what marks a name as a test's, so that `TestServer_Handle` leaves `serverhandle`."""
    return _TEST_AFFIX.sub("", _plain(segment))


def _put_repository(connection: apsw.Connection, repository: Node) -> int:
    sql = "SELECT id, key FROM node WHERE file IS NULL AND kind = 'repository'"
    found = rows.every(connection, sql)
    present = {key: number for number, key in found}
    nodes.delete(connection, [number for key, number in present.items() if key != repository.id])
    nodes.put(connection, [repository], None)
    return nodes.id_of(connection, repository.id) or 0


def _put_folders(connection: apsw.Connection, files: Iterable[str]) -> dict[str, int]:
    """Create and remove directory nodes; return the id of each by its path."""
    wanted = {
        parent.as_posix()
        for folder in {_parent(path) for path in files} - {""}
        for parent in (PurePosixPath(folder), *PurePosixPath(folder).parents)
    } - {"."}
    sql = "SELECT path, id FROM node WHERE file IS NULL AND kind = 'directory'"
    present = dict(rows.every(connection, sql))
    nodes.delete(connection, [present[path] for path in sorted(present.keys() - wanted)])
    missing = sorted(wanted - present.keys())
    nodes.put(connection, [_folder(path) for path in missing], None)
    return dict(rows.every(connection, sql))


def _folder(path: str) -> Node:
    name = PurePosixPath(path).name
    return Node(f"directory:{path}", NodeKind.DIRECTORY, name, path, qualified_name=path)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def replace_edges(
    connection: apsw.Connection,
    kind: int,
    present: Mapping[tuple[int, int], float],
    wanted: Mapping[tuple[int, int], float],
) -> None:
    """Write only the difference between the edges (source, target) that are and should be."""
    gone = sorted(present.keys() - wanted.keys())
    changed = sorted(ends for ends, sure in wanted.items() if present.get(ends) != sure)
    connection.executemany(
        "DELETE FROM edge WHERE source = ? AND target = ? AND kind = ?",
        ((*ends, kind) for ends in gone),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO edge(source, target, kind, confidence) VALUES (?, ?, ?, ?)",
        ((*ends, kind, wanted[ends]) for ends in changed),
    )
