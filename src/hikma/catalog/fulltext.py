"""The words: documents, their full text (FTS5), and who holds which word."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import apsw

from hikma.arrays import DocumentIds
from hikma.catalog import nodes, rows
from hikma.catalog.nodes import delete_words
from hikma.catalog.tables import FULLTEXT_COLUMNS, WORD_TABLES
from hikma.domain import BriefDocument, Document, NodeId, Span, StoredDocument
from hikma.errors import CorruptFileError

CODE, HISTORY = WORD_TABLES
"""Whose words: those of files and what stands in them, those of commits and pull requests."""

_MATCH = """
SELECT rowid, -bm25({words}, {weights}) AS score FROM {words}
 WHERE {words} MATCH ? {within} ORDER BY score DESC, rowid LIMIT ?
"""
_LOAD = f"""
SELECT document.id, document.ordinal, document.start_line, document.end_line, document.text,
       coalesce(file.properties, node.properties) ->> 'digest', {nodes.COLUMNS}
  FROM document JOIN node ON node.id = document.node
  LEFT JOIN node AS file ON file.id = node.file
"""  # noqa: S608 -- our own columns
_BRIEF = """
SELECT document.id, document.ordinal,
       iif(node.start_line IS NULL, NULL, document.start_line),
       iif(node.start_line IS NULL, NULL, document.end_line),
       node.id, coalesce(node.file, node.id), node.key, node.kind, node.name, node.qualified_name,
       node.path, node.language,
       iif(node.kind = 'commit', node.properties ->> 'pull_request', NULL),
       {text}
  FROM document JOIN node ON node.id = document.node
 WHERE document.id IN (SELECT value FROM carray(?))
"""
_HEADERS = "node.kind = 'symbol' AND node.language IN ('c', 'cpp')"
"""Whose texts are always read: that of a header may only say that there is a function."""
_TEXT_OF = "iif({}, document.text, '')"

_INSERT = """
INSERT INTO document(start_line, end_line, digest, text, runs, node, ordinal)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = """
UPDATE document SET start_line = ?, end_line = ?, digest = ?, text = ?, runs = ?
 WHERE node = ? AND ordinal = ?
"""

_Place: TypeAlias = tuple[int, int]
"""Where a document belongs: its node and ordinal."""


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """What putting documents wrote: (id, digest) of the new or changed ones, ids that went."""

    written: list[tuple[int, bytes]]
    removed: list[int]


class DocumentLines(NamedTuple):
    """A document's text with where its lines stand: `owner` is its file, or the commit itself."""

    id: int
    text: str
    start_line: int
    runs: bytes | None
    owner: int
    path: str
    name: str


def put_documents(
    connection: apsw.Connection,
    ids: Mapping[NodeId, int],
    documents: Sequence[Document],
    words: str = CODE,
) -> DocumentRows:
    """Make the documents of these nodes what is given; their words go to one of the two tables.

    A document is known by its node and ordinal, and keeps its id while that stays.
    """
    owners = list(ids.values())
    before = _present(connection, owners)
    wanted = {(ids[one.node], one.ordinal): one for one in documents}
    removed = sorted(before[place][0] for place in before.keys() - wanted.keys())
    delete_documents(connection, removed)
    _write_rows(connection, wanted, before)
    now = _present(connection, owners)
    if wanted.keys() - now.keys():
        raise CorruptFileError(
            "Documents were written and cannot be found: an index in the file is damaged; run "
            "`hikma doctor` for the extent."
        )
    written = [
        (now[place][0], one.digest)
        for place, one in wanted.items()
        if place not in before or before[place][1] != one.digest
    ]
    # Known documents first: FTS5 flushes its words where ids do not ascend.
    for verb, there in (("REPLACE", True), ("INSERT", False)):
        chosen = ((now[at][0], one) for at, one in wanted.items() if (at in before) is there)
        _write_words(connection, f"{verb} INTO {words}", chosen)
    return DocumentRows(written, removed)


def delete_documents(connection: apsw.Connection, ids: Iterable[int]) -> None:
    """Remove documents with their words; one that is not there is no error."""
    chosen = [(one,) for one in ids]
    delete_words(connection, [one for (one,) in chosen])
    connection.executemany("DELETE FROM document WHERE id = ?", chosen)


def match(
    connection: apsw.Connection,
    expression: str,
    limit: int,
    weights: Sequence[float],
    within: DocumentIds | None,
    words: str = CODE,
) -> list[tuple[int, float]]:
    """Return the best documents by BM25 and their positive scores, best first, ties by id.

    `weights` has one figure for each of name, path, signature, documentation, body.
    """
    if not expression or (within is not None and not len(within)):
        return []
    if len(weights) != len(FULLTEXT_COLUMNS):
        raise ValueError(f"{len(weights)} weights for {len(FULLTEXT_COLUMNS)} columns")
    # The plus sign keeps FTS5 from running the whole query once for each id.
    narrowed = "" if within is None else "AND +rowid IN (SELECT value FROM carray(?))"
    bound = (expression, limit) if within is None else (expression, rows.numbers(within), limit)
    return rows.every(
        connection, _MATCH.format(words=words, weights=listed(weights), within=narrowed), bound
    )


def listed(weights: Sequence[float]) -> str:
    """Return the weights of the columns as `bm25` is given them."""
    return ", ".join(repr(float(weight)) for weight in weights)


def named(
    connection: apsw.Connection, names: Sequence[str], limit: int, within: DocumentIds | None
) -> list[int]:
    """Return the first documents of nodes of exactly these names, by id."""
    if not names or (within is not None and not len(within)):
        return []
    narrowed = "" if within is None else "AND document.id IN (SELECT value FROM carray(?))"
    sql = f"""
        SELECT document.id FROM node JOIN document ON document.node = node.id
         WHERE node.name IN (SELECT value FROM carray(?)) AND document.ordinal = 0
           AND node.kind NOT IN ('commit', 'pull_request') {narrowed}
         ORDER BY document.id LIMIT ?
    """  # noqa: S608 -- our own clause
    bound = [rows.texts(names), *(() if within is None else (rows.numbers(within),)), limit]
    return [int(one) for one in rows.column(connection, sql, bound)]


def of_keys(
    connection: apsw.Connection, patterns: Sequence[str], within: DocumentIds | None
) -> list[int]:
    """Return the first documents of nodes whose ids fit any of these globs, by id."""
    if not patterns or (within is not None and not len(within)):
        return []
    narrowed = "" if within is None else "AND document.id IN (SELECT value FROM carray(?))"
    sql = f"""
        SELECT document.id FROM node JOIN document ON document.node = node.id
         WHERE node.key GLOB ? AND document.ordinal = 0 {narrowed} ORDER BY document.id LIMIT 10
    """  # noqa: S608 -- our own clause
    more = () if within is None else (rows.numbers(within),)
    found = [rows.column(connection, sql, (pattern, *more)) for pattern in patterns]
    return sorted({int(one) for some in found for one in some})


def quote(words: Iterable[str]) -> str:
    """Return the FTS5 expression for any of these words, each as a plain string.

    Text of a user reaches MATCH through here only, so none of it can act as syntax.
    """
    cleaned = (word.replace("\0", " ").replace('"', " ").strip() for word in words)
    return " OR ".join(f'"{word}"' for word in cleaned if word)


def load(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, StoredDocument]:
    """Return documents by id; an id that is not there is absent."""
    if not len(ids):
        return {}
    sql = f"{_LOAD} WHERE document.id IN (SELECT value FROM carray(?))"  # noqa: S608 -- our own columns
    return {row[0]: _stored(row) for row in rows.every(connection, sql, (rows.numbers(ids),))}


def briefs(
    connection: apsw.Connection, ids: Sequence[int], *, texts: bool, file_texts: bool
) -> list[BriefDocument]:
    """Return documents in short, by id; with all texts, or with those of whole files alone.

    Texts of C and C++ are always there.
    """
    if not len(ids):
        return []
    whole = f"node.kind = 'file' OR {_HEADERS}" if file_texts else _HEADERS
    text = "document.text" if texts else _TEXT_OF.format(whole)
    sql = f"{_BRIEF.format(text=text)} ORDER BY document.id"
    found = rows.every(connection, sql, (rows.numbers(ids),))
    return [BriefDocument._make((*row[:7], nodes.KINDS[row[7]], *row[8:])) for row in found]


def lines_of(
    connection: apsw.Connection, ids: DocumentIds, *, history: bool
) -> list[DocumentLines]:
    """Return the texts of these documents, by id; of commits only with `history`."""
    if not len(ids):
        return []
    without = "" if history else "AND node.kind NOT IN ('commit', 'pull_request')"
    sql = f"""
        SELECT document.id, document.text, document.start_line, document.runs,
               coalesce(node.file, node.id), node.path, node.name
          FROM document JOIN node ON node.id = document.node
         WHERE document.id IN (SELECT value FROM carray(?)) {without} ORDER BY document.id
    """  # noqa: S608 -- our own clause
    return [DocumentLines(*row) for row in rows.every(connection, sql, (rows.numbers(ids),))]


def every_id(connection: apsw.Connection) -> DocumentIds:
    """Return the ids of all documents, sorted."""
    return rows.ids(connection, "SELECT id FROM document ORDER BY id")


def documents_of(connection: apsw.Connection, node: int) -> list[StoredDocument]:
    """Return a node's documents in order."""
    sql = f"{_LOAD} WHERE document.node = ? ORDER BY document.ordinal"
    return [_stored(row) for row in rows.every(connection, sql, (node,))]


def digest_of(connection: apsw.Connection, node: int, ordinal: int) -> bytes | None:
    """Return the digest of a node's document, None when it has no such document."""
    sql = "SELECT digest FROM document WHERE node = ? AND ordinal = ?"
    row = rows.first(connection, sql, (node, ordinal))
    return None if row is None else bytes(row[0])


def count(connection: apsw.Connection) -> int:
    """Return how many documents there are."""
    return int(rows.value(connection, "SELECT count(*) FROM document"))


def _present(connection: apsw.Connection, owners: Sequence[int]) -> dict[_Place, tuple[int, bytes]]:
    """Return id and digest of the documents of nodes, by node and ordinal."""
    if not owners:
        return {}
    found = rows.every(
        connection,
        "SELECT node, ordinal, id, digest FROM document "
        "WHERE node IN (SELECT value FROM carray(?))",
        (rows.numbers(owners),),
    )
    return {(node, ordinal): (number, digest) for node, ordinal, number, digest in found}


def _write_rows(
    connection: apsw.Connection, wanted: Mapping[_Place, Document], before: Container[_Place]
) -> None:
    """Insert or update; not by UPSERT, for which FTS5 would flush its words at every row."""
    for sql, there in ((_INSERT, False), (_UPDATE, True)):
        connection.executemany(
            sql,
            (
                (
                    one.span.start_line,
                    one.span.end_line,
                    one.digest,
                    one.text,
                    one.runs or None,
                    *place,
                )
                for place, one in wanted.items()
                if (place in before) is there
            ),
        )


def _write_words(
    connection: apsw.Connection, into: str, numbered: Iterable[tuple[int, Document]]
) -> None:
    connection.executemany(
        f"{into}(rowid, name, path, signature, documentation, body) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                one.fields.name,
                one.fields.path,
                one.fields.signature,
                one.fields.documentation,
                one.fields.body,
            )
            for number, one in numbered
        ),
    )


def _stored(row: Sequence[Any]) -> StoredDocument:
    number, ordinal, start, end, text, digest, *columns = row
    return StoredDocument(
        id=number,
        node=nodes.from_row(columns).node,
        ordinal=ordinal,
        span=Span(start, end),
        text=text,
        file_digest=digest or "",
    )
