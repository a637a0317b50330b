"""Which commits and pull requests satisfy a filter's authors, dates and places?"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import apsw
import numpy as np

from hikma.arrays import DocumentIds
from hikma.catalog import authors, rows
from hikma.catalog.authors import Means, Writer
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import EdgeKind, Filter
from hikma.errors import FilterError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_FIRST, _LAST = -(2**63), 2**63 - 1
_MERGES = EDGE_CODES[EdgeKind.MERGES]
_PULLS = """
SELECT id, coalesce(properties ->> 'author', ''), coalesce(properties ->> 'date', '')
  FROM node WHERE kind = 'pull_request'
"""


def meant(connection: apsw.Connection, asked: Filter) -> list[Writer] | None:
    """Return the authors of commits whom a filter means, None when it names nobody.

    Raises FilterError for an author whom nobody is, of a commit or a pull request.
    """
    if not asked.authors:
        return None
    writers = _writers(connection)
    found: set[Writer] = set()
    for author in asked.authors:
        means = authors.means(author)
        some = set(filter(means, writers))
        if not some and not any(map(means, _pull_authors(connection))):
            raise FilterError(_unknown(connection, author, writers))
        found |= some
    return sorted(found)


def commits(
    connection: apsw.Connection, writers: Sequence[Writer] | None, asked: Filter
) -> DocumentIds:
    """Return the nodes of the commits by these authors (None: by anyone) within a filter's dates.

    A commit's date is its author's, to the second.
    """
    bounds = {"first": _FIRST, "last": _LAST}
    if asked.since:
        bounds["first"] = -((_EPOCH - instant(asked.since)) // _SECOND)
    if asked.until:
        bounds["last"] = (instant(asked.until) - _EPOCH) // _SECOND
    if writers is None:
        sql = "SELECT node AS id FROM history WHERE time BETWEEN :first AND :last"
        return rows.sorted_ids(connection, sql, bounds)
    sql = """
        SELECT history.node AS id FROM json_each(:writers) AS writer CROSS JOIN history
            ON author = writer.value ->> 0 AND email = writer.value ->> 1
         WHERE time BETWEEN :first AND :last
    """
    return rows.sorted_ids(connection, sql, {**bounds, "writers": json.dumps(writers)})


def pulls(
    connection: apsw.Connection, writers: Sequence[Writer] | None, asked: Filter
) -> DocumentIds:
    """Return the nodes of the pull requests that a filter's authors and dates keep.

    A pull request is by its own author and by the authors of the commits that it merges; its date
    is its own.
    """
    found = rows.every(connection, _PULLS)
    if writers is not None:
        own = _by_name([author for _, author, _ in found], asked.authors)
        merging = set(pulls_of(connection, commits(connection, writers, Filter())).tolist())
        found = [row for row in found if row[1] in own or row[0] in merging]
    if asked.since or asked.until:
        since, until = (one and instant(one) for one in (asked.since, asked.until))
        found = [row for row in found if _is_within(row[2], since, until)]
    return np.array(sorted(row[0] for row in found), dtype=np.int64)


def pulls_of(connection: apsw.Connection, merged: DocumentIds) -> DocumentIds:
    """Return the nodes of the pull requests that merge one of these commits, sorted."""
    if not len(merged):
        return merged
    sql = (
        "SELECT DISTINCT source AS id FROM edge "
        "WHERE kind = ? AND target IN (SELECT value FROM carray(?))"
    )
    return rows.sorted_ids(connection, sql, (_MERGES, rows.numbers(merged)))


def instant(moment: datetime) -> datetime:
    """Return a moment with its zone: UTC where it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _writers(connection: apsw.Connection) -> list[Writer]:
    return rows.every(connection, "SELECT DISTINCT author, email FROM history")


def _pull_authors(connection: apsw.Connection) -> list[Writer]:
    sql = (
        "SELECT DISTINCT properties ->> 'author' FROM node "
        "WHERE kind = 'pull_request' AND properties ->> 'author' IS NOT NULL"
    )
    return [(author, "") for author in rows.column(connection, sql)]


def _by_name(names: Sequence[str], asked: Sequence[str]) -> set[str]:
    """Return those of these names that one of the texts means."""
    tests: list[Means] = [authors.means(author) for author in asked]
    return {name for name in set(names) if name and any(means((name, "")) for means in tests)}


def _is_within(date: str, since: datetime | None, until: datetime | None) -> bool:
    """Whether a pull request's date is known and lies between others, both included."""
    try:
        moment = instant(datetime.fromisoformat(date))
    except ValueError:
        return False
    return (since is None or since <= moment) and (until is None or moment <= until)


def _unknown(connection: apsw.Connection, asked: str, writers: Sequence[Writer]) -> str:
    """Return what to say of an author whom nobody is: whom else it may have been meant for."""
    fact = f"Nobody in this index is called {asked!r}"
    names = {name for name, _ in writers}
    others = [one for one in _pull_authors(connection) if one[0] not in names]
    if listed := authors.near(asked, [*writers, *others]):
        return f"{fact}; near: {', '.join(listed)}."
    most = rows.every(
        connection,
        "SELECT author, email FROM history GROUP BY author, email "
        "ORDER BY count(*) DESC, author, email LIMIT ?",
        (authors.MOST_NEAR,),
    )
    return f"{fact}; most commits are by: {', '.join(map(authors.shown, most))}."
