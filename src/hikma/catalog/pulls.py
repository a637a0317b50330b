"""Pull requests as rows: what commits, references and the user say of them, what they merged."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import apsw

from hikma.catalog import rows
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import Commit, EdgeKind

GIVEN, REFERENCE = "given", "reference"
"""Sources of an account: a file of the user's, a reference `refs/pull/N/head`."""

_MERGES = EDGE_CODES[EdgeKind.MERGES]
_ID = 20


class Mention(NamedTuple):
    """A commit that speaks of a pull request, with its words and what its merge brought."""

    hash: str
    author: str
    date: str
    message: str
    brought: tuple[str, ...]


def put_mentions(connection: apsw.Connection, numbered: Iterable[tuple[int, Commit]]) -> None:
    """Write which pull requests commits, each with its node, speak of."""
    connection.executemany(
        "INSERT OR REPLACE INTO mention VALUES (?, ?, ?)",
        (
            (one.pull.number, node, b"".join(map(bytes.fromhex, one.pull.brought)))
            for node, one in numbered
            if one.pull
        ),
    )


def numbers_of(connection: apsw.Connection, hashes: Sequence[str]) -> set[int]:
    """Return the pull requests that these commits speak of, or that are said to merge them."""
    if not hashes:
        return set()
    spoken = rows.column(
        connection,
        "SELECT number FROM mention JOIN history ON history.node = mention.node "
        "WHERE hash IN (SELECT value FROM carray(?))",
        (rows.blobs([bytes.fromhex(one) for one in hashes]),),
    )
    merged = rows.column(
        connection,
        "SELECT number FROM account, json_each(facts, '$.commits') AS one "
        "WHERE one.value IN (SELECT value FROM carray(?))",
        (rows.texts(hashes),),
    )
    return {*spoken, *merged}


def numbers(connection: apsw.Connection) -> set[int]:
    """Return every pull request that anyone speaks of, or spoke of when its node was made."""
    sql = (
        "SELECT number FROM mention UNION SELECT number FROM account UNION "
        "SELECT properties ->> 'number' FROM node WHERE kind = 'pull_request'"
    )
    return set(rows.column(connection, sql))


def mentions(connection: apsw.Connection, numbers: Sequence[int]) -> dict[int, list[Mention]]:
    """Return the commits that speak of pull requests, by number, newest first."""
    found: dict[int, list[Mention]] = {number: [] for number in numbers}
    for number, hash_, author, date, message, brought in rows.every(
        connection,
        """
        SELECT mention.number, history.hash, history.author,
               coalesce(node.properties ->> 'date', ''), node.documentation, mention.brought
          FROM mention JOIN history ON history.node = mention.node
          JOIN node ON node.id = mention.node
         WHERE mention.number IN (SELECT value FROM carray(?))
         ORDER BY mention.number, history.time DESC, history.hash
        """,
        (rows.numbers(numbers),),
    ):
        ids = (brought[at : at + _ID].hex() for at in range(0, len(brought), _ID))
        found[number].append(Mention(hash_.hex(), author, date, message, tuple(ids)))
    return found


def messages(connection: apsw.Connection) -> list[str]:
    """Return the messages of all commits."""
    return rows.column(connection, "SELECT documentation FROM node WHERE kind = 'commit'")


def words_of(
    connection: apsw.Connection, hashes: Sequence[str]
) -> dict[str, list[tuple[int, str, bytes]]]:
    """Return the documents of commits as ordinal, text and digest, by hex id."""
    found: dict[str, list[tuple[int, str, bytes]]] = {hash_: [] for hash_ in hashes}
    if not hashes:
        return found
    for hash_, *words in rows.every(
        connection,
        "SELECT history.hash, document.ordinal, document.text, document.digest FROM history "
        "JOIN document ON document.node = history.node "
        "WHERE history.hash IN (SELECT value FROM carray(?)) ORDER BY document.id",
        (rows.blobs([bytes.fromhex(one) for one in hashes]),),
    ):
        found[hash_.hex()].append((words[0], words[1], words[2]))
    return found


def put_accounts(
    connection: apsw.Connection, source: str, accounts: Mapping[int, Mapping[str, Any]]
) -> set[int]:
    """Write what a source says of pull requests; return the numbers for which that is another."""
    changed = other_accounts(connection, source, accounts)
    connection.executemany(
        "INSERT OR REPLACE INTO account VALUES (?, ?, ?)",
        ((number, source, _written(accounts[number])) for number in sorted(changed)),
    )
    return changed


def other_accounts(
    connection: apsw.Connection, source: str, accounts: Mapping[int, Mapping[str, Any]]
) -> set[int]:
    """Return the numbers for which a source says something else than what is held."""
    sql = "SELECT number, facts FROM account WHERE source = ?"
    present = dict(rows.every(connection, sql, (source,)))
    return {number for number, said in accounts.items() if present.get(number) != _written(said)}


def drop_accounts(connection: apsw.Connection, source: str, numbers: Iterable[int]) -> None:
    """Forget what a source said of pull requests."""
    connection.executemany(
        "DELETE FROM account WHERE source = ? AND number = ?", ((source, one) for one in numbers)
    )


def accounts(
    connection: apsw.Connection, source: str, numbers: Sequence[int] | None = None
) -> dict[int, dict[str, Any]]:
    """Return what a source says of these pull requests (None: of all), by number."""
    sql = "SELECT number, facts FROM account WHERE source = ?"
    bound: list[Any] = [source]
    if numbers is not None:
        sql += " AND number IN (SELECT value FROM carray(?))"
        bound.append(rows.numbers(numbers))
    found = rows.every(connection, f"{sql} ORDER BY number", bound)
    return {number: json.loads(facts) for number, facts in found}


def link(connection: apsw.Connection, merged: Mapping[int, Iterable[str]]) -> None:
    """Make the `merges` edges of pull requests, by node, lead to those of the commits we hold."""
    if not merged:
        return
    connection.execute(
        "DELETE FROM edge WHERE kind = ? AND source IN (SELECT value FROM carray(?))",
        (_MERGES, rows.numbers(list(merged))),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO edge SELECT ?, ?, node, 1.0 FROM history WHERE hash = ?",
        (
            (node, _MERGES, bytes.fromhex(hash_))
            for node, hashes in merged.items()
            for hash_ in hashes
        ),
    )


def _written(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True)
