"""What the history says of today's files and symbols: who was meant by words, who changes together.

Commits whose words answer vote for what they modified; files that changed in the same commits as
the best ones come along with them.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import apsw

from hikma.catalog import history, rows
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import BriefDocument, EdgeKind

_MODIFIES = EDGE_CODES[EdgeKind.MODIFIES]
_IMPORTS = EDGE_CODES[EdgeKind.IMPORTS]
_HALF_LIFE_S = 2 * 365 * 86_400
"""A commit two years older than the newest that answers counts half."""
_SWEEP_TARGETS, _SWEEP_FILES = 200, 20
"""A commit that touched more says nothing of any one of them."""
_RECENT = 100
"""Commits of one file that are looked at for what changed with it."""
_VOTED = 60


@dataclass(frozen=True, slots=True)
class Votes:
    """Shares of what commits vote for, by node and by file, over that of the most voted."""

    nodes: Mapping[int, float] = field(default_factory=dict)
    files: Mapping[int, float] = field(default_factory=dict)


def votes(connection: apsw.Connection, scores: Mapping[int, float]) -> Votes:
    """Return what commits vote for; `scores` are those of their documents, by document id.

    A vote is the score over the best, halved for every two years of age, over the square root of
    the number of targets.
    """
    best = max(scores.values(), default=0.0)
    if best <= 0:
        return Votes()
    commits = rows.every(
        connection,
        "SELECT document.id, history.node, history.time FROM document "
        "JOIN history ON history.node = document.node "
        "WHERE document.id IN (SELECT value FROM carray(?))",
        (rows.numbers(sorted(scores)),),
    )
    newest = max((time for _, _, time in commits), default=0)
    weights: dict[int, float] = defaultdict(float)
    for document, node, time in commits:
        weights[node] += scores[document] / best * 0.5 ** ((newest - time) / _HALF_LIFE_S)
    return _counted(_targets(connection, list(weights)), weights)


def _targets(
    connection: apsw.Connection, commits: Sequence[int]
) -> dict[int, list[tuple[int, int]]]:
    """Return (node, file) of what each commit modified; nothing of a sweep."""
    if not commits:
        return {}
    found = rows.every(
        connection,
        """
        SELECT source, target, coalesce(node.file, node.id)
          FROM edge JOIN node ON node.id = target
         WHERE edge.kind = :modifies AND source IN (SELECT value FROM carray(:commits))
           AND (SELECT count(*) FROM edge AS every
                 WHERE every.source = edge.source AND every.kind = :modifies) <= :most
        """,
        {"modifies": _MODIFIES, "commits": rows.numbers(commits), "most": _SWEEP_TARGETS},
    )
    targets: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for source, *target in found:
        targets[source].append((target[0], target[1]))
    return targets


def _counted(
    targets: Mapping[int, Sequence[tuple[int, int]]], weights: Mapping[int, float]
) -> Votes:
    nodes: dict[int, float] = defaultdict(float)
    files: dict[int, float] = defaultdict(float)
    for commit in sorted(targets):  # sums of floats depend on their order
        share = weights[commit] / math.sqrt(len(targets[commit]))
        for node, _ in targets[commit]:
            nodes[node] += share
        for file in {file for _, file in targets[commit]}:
            files[file] += share
    return Votes(_over_most(nodes), _over_most(files))


def _over_most(votes: Mapping[int, float]) -> dict[int, float]:
    most = max(votes.values(), default=1.0)
    return {one: share / most for one, share in votes.items()}


def voted_documents(connection: apsw.Connection, given: Votes) -> list[int]:
    """Return the first documents of the nodes with most votes, most first, ties by node."""
    chosen = sorted(given.nodes, key=lambda node: (-given.nodes[node], node))[:_VOTED]
    if not chosen:
        return []
    sql = (
        "SELECT node, id FROM document WHERE ordinal = 0 AND node IN (SELECT value FROM carray(?))"
    )
    ids = dict(rows.every(connection, sql, (rows.numbers(chosen),)))
    return [ids[node] for node in chosen if node in ids]


def shares(given: Votes, documents: Iterable[BriefDocument]) -> dict[int, float]:
    """Return each document's share of the votes: half its node's, half its file's."""
    if not given.files:
        return {}
    return {
        one.id: (given.nodes.get(one.node, 0.0) + given.files.get(one.file, 0.0)) / 2
        for one in documents
    }


def changed_with(connection: apsw.Connection, paths: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return for each path which files changed with it: the cosine of their sets of commits.

    Of a file's commits the latest hundred are looked at, and none that changed many files.
    """
    return {path: _changed_with(connection, path) for path in paths}


def _changed_with(connection: apsw.Connection, path: str) -> dict[str, float]:
    found = rows.every(
        connection,
        """
        WITH mine AS (
          SELECT change.node FROM path CROSS JOIN change ON change.path = path.id
            JOIN history ON history.node = change.node
           WHERE path.path = :path AND change.parent = 0
           ORDER BY history.time DESC, history.node LIMIT :recent
        )
        SELECT path.path, count(*) FROM mine CROSS JOIN change ON change.node = mine.node
          JOIN path ON path.id = change.path
         WHERE change.parent = 0
           AND (SELECT count(*) FROM change AS every WHERE every.node = mine.node) <= :most
         GROUP BY path.id
        """,
        {"path": path, "recent": _RECENT, "most": _SWEEP_FILES},
    )
    together = dict(found)
    mine = together.pop(path, 0)
    counts = history.change_counts(connection, sorted(together))
    return {
        other: count / math.sqrt(mine * max(counts.get(other, count), count))
        for other, count in together.items()
    }


def importers(connection: apsw.Connection, files: Iterable[int]) -> dict[int, int]:
    """Return how many files import each of these; one that none imports is absent."""
    sql = (
        "SELECT target, count(*) FROM edge "
        "WHERE target IN (SELECT value FROM carray(?)) AND kind = ? GROUP BY target"
    )
    chosen = sorted(set(files))
    if not chosen:
        return {}
    return dict(rows.every(connection, sql, (rows.numbers(chosen), _IMPORTS)))
