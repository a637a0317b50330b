"""From a query's filter to the ids of the documents that satisfy it, before anything is ranked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import apsw
import numpy as np

from hikma.arrays import DocumentIds
from hikma.catalog import choosing, completeness, places, rows, state
from hikma.catalog.authors import Writer
from hikma.catalog.choosing import instant
from hikma.catalog.places import Place, Where
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import HISTORY_KINDS, EdgeKind, Filter, NodeKind
from hikma.errors import FilterError
from hikma.results import HISTORY_NONE, HISTORY_PARTIAL

_IN_FILES = frozenset({NodeKind.FILE, NodeKind.SYMBOL, NodeKind.TEST})
_CHANGING = _IN_FILES | HISTORY_KINDS
_HAS_PATH = _CHANGING | {NodeKind.DIRECTORY}
_MODIFIES = EDGE_CODES[EdgeKind.MODIFIES]
_NONE: DocumentIds = np.empty(0, dtype=np.int64)
_AT = "node.{} IN (SELECT value FROM carray(:places))"
_TOUCHED = """
node.id IN (SELECT target FROM edge
             WHERE kind = :modifies AND source IN (SELECT value FROM carray(:commits)))
"""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A filter with what the index holds of it.

    `today` are the files and folders; `writers` whom the filter's authors mean and `commits` what
    its authors and dates keep, each None where the filter says nothing of it.
    """

    asked: Filter
    kinds: frozenset[NodeKind]
    where: Where
    today: list[Place]
    writers: list[Writer] | None
    commits: DocumentIds | None

    @property
    def narrows(self) -> bool:
        """Whether the filter asks for more than kinds."""
        return self.commits is not None or self.where != Where()


def check(asked: Filter) -> None:
    """Raise FilterError for a filter that contradicts itself, whatever the index holds."""
    if asked.since and asked.until and instant(asked.since) > instant(asked.until):
        since, until = (one.isoformat(" ", "minutes") for one in (asked.since, asked.until))
        raise FilterError(
            f"since {since} is after until {until}: nothing lies between; exchange the two."
        )


def resolve(connection: apsw.Connection, asked: Filter) -> DocumentIds | None:
    """Return the documents that a filter keeps, by id; None when it keeps everything.

    A file, a symbol or a test has an author and a date through one commit that modified it. A
    commit has a path, a language and an extension through one file that it modified, as that was
    called then; a pull request through the commits that it merges. Raises FilterError for a kind,
    language, extension or author that the index does not have, and for a filter that no asked kind
    can satisfy.
    """
    if asked == Filter():
        return None
    kinds = _meaningful(connection, asked)
    where = places.where(asked)
    past = where != Where() and kinds & HISTORY_KINDS and completeness.has_commits(connection)
    today = places.places(connection) if past or where.asks_paths else []
    _check_where(connection, where, today, kinds)
    writers = choosing.meant(connection, asked)
    commits = choosing.commits(connection, writers, asked) if _asks_history(asked) else None
    wanted = _Wanted(asked, kinds, where, today, writers, commits)
    found = [_of_nodes(connection, wanted)]
    if past or (commits is not None and kinds & HISTORY_KINDS):
        found += _of_history(connection, wanted)
    return np.sort(np.concatenate(found))


def history_note(connection: apsw.Connection, asked: Filter) -> str | None:
    """Return what an answer may lack where a filter asks for history that is not complete."""
    if not _asks_history(asked) and not HISTORY_KINDS.intersection(asked.kinds):
        return None
    if completeness.completeness(connection, state.get(connection, "head")) == HISTORY_PARTIAL:
        return "history: not every commit is in the index yet; run `hikma index` to add the others"
    gaps = completeness.gap_counts(connection)
    listed = "; ".join(f"{count:,} commits: {reason}" for reason, count in gaps.items())
    return f"history: what lies behind a gap is not counted ({listed})" if gaps else None


def _asks_history(asked: Filter) -> bool:
    return bool(asked.authors or asked.since or asked.until)


def _meaningful(connection: apsw.Connection, asked: Filter) -> frozenset[NodeKind]:
    """Return the asked kinds (default: all) for which every given filter has a meaning."""
    _check_held(connection, "kind", {kind.value for kind in asked.kinds})
    kinds = frozenset(asked.kinds or NodeKind)
    for name, given, fitting in (
        ("language", asked.languages, _CHANGING),
        ("extension", asked.extensions, _CHANGING),
        ("path", asked.paths, _HAS_PATH),
        ("author", asked.authors, _CHANGING),
        ("date", asked.since or asked.until, _CHANGING),
    ):
        if given and not kinds & fitting:
            raise FilterError(
                f"The filter on {name} has no meaning for {', '.join(sorted(kinds))}; ask for "
                f"{', '.join(sorted(fitting))}, or drop the filter."
            )
        if given:
            kinds &= fitting
    if _asks_history(asked) and completeness.completeness(connection, None) == HISTORY_NONE:
        raise FilterError(
            "Filters on authors and dates ask the history, which this index does not hold; "
            "`hikma index` adds it where there is a git repository."
        )
    return kinds


def _check_where(
    connection: apsw.Connection, where: Where, today: list[Place], kinds: frozenset[NodeKind]
) -> None:
    """Raise FilterError for a language or an extension that nothing in the index has.

    Of a file's parts some may be in other languages: of a page, of a notebook.
    """
    _check_held(connection, "language", where.languages)
    files = [place.path for place in today if place.kind != "directory"]
    lacking, held = set(where.extensions), map(places.extension_of, files)
    while lacking and (one := next(held, None)) is not None:
        lacking.discard(one)
    if not lacking:
        return
    extensions = set(map(places.extension_of, files))
    if not where.extensions <= extensions and kinds & HISTORY_KINDS:
        past = map(places.extension_of, rows.column(connection, "SELECT path FROM path"))
        extensions |= where.extensions.intersection(past)
    _check_known("extension", where.extensions, extensions)


def _check_held(connection: apsw.Connection, column: str, asked: frozenset[str] | set[str]) -> None:
    """Raise FilterError for a value that no node has; all that there are cost a reading of all."""
    if not asked:
        return
    # The plus sign: read until one has it, without an index that would be made for this query.
    sql = f"""
        SELECT count(*) FROM carray(?)
         WHERE EXISTS (SELECT 1 FROM node WHERE +{column} = value COLLATE NOCASE)
    """  # noqa: S608 -- our column
    if rows.value(connection, sql, (rows.texts(sorted(asked)),)) < len(asked):
        sql = f"SELECT DISTINCT lower({column}) FROM node WHERE {column} IS NOT NULL"  # noqa: S608 -- likewise
        _check_known(column, asked, rows.column(connection, sql))


def _check_known(what: str, asked: Iterable[str], present: Iterable[str]) -> None:
    choices = sorted(set(present) - {""})
    for value in sorted(asked):
        if value not in choices:
            listed = ", ".join(choices) or "none"
            raise FilterError(f"Nothing in this index has {what} {value!r}; it has: {listed}.")


def _of_nodes(connection: apsw.Connection, wanted: _Wanted) -> DocumentIds:
    """Return the documents of nodes that fit by what they are and who modified them."""
    where = wanted.where
    kinds = wanted.kinds - HISTORY_KINDS if wanted.narrows else wanted.kinds
    if not kinds:
        return _NONE
    bound: dict[str, object] = {}
    clauses = [_one_of("node.kind", kinds, bound)]
    if where.languages:
        clauses.append(_one_of("node.language COLLATE NOCASE", where.languages, bound))
    if wanted.commits is not None:
        if not len(wanted.commits):
            return _NONE
        clauses.append(_TOUCHED)
        bound |= {"modifies": _MODIFIES, "commits": rows.numbers(wanted.commits)}
    if not where.asks_paths:
        return rows.sorted_ids(connection, _fitting(clauses), bound)
    kept = [one.id for one in wanted.today if where.holds(one.path)]
    if not kept:
        return _NONE
    bound["places"] = rows.numbers(kept)
    # What stands in a place, and the place itself: no row is both.
    parts = (_fitting([_AT.format(column), *clauses]) for column in ("file", "id"))
    return rows.sorted_ids(connection, " UNION ALL ".join(parts), bound)


def _one_of(column: str, values: Iterable[str], bound: dict[str, object]) -> str:
    """Return a clause and bind its values: for the few of them faster than an array."""
    names = [f"value{at}" for at, _ in enumerate(values, len(bound))]
    bound |= zip(names, sorted(values), strict=True)
    return f"{column} IN ({', '.join(f':{name}' for name in names)})"


def _fitting(clauses: Sequence[str]) -> str:
    return (
        "SELECT document.id AS id FROM node CROSS JOIN document ON document.node = node.id "  # noqa: S608 -- fixed clauses
        f"WHERE {' AND '.join(clauses)}"
    )


def _of_history(connection: apsw.Connection, wanted: _Wanted) -> Iterator[DocumentIds]:
    """Yield the documents of commits, then those of pull requests."""
    located = merging = pulls = None
    if wanted.where != Where():
        paths = places.past_paths(connection, wanted.today, wanted.where)
        located = places.commits_at(connection, paths)
    if NodeKind.COMMIT in wanted.kinds:
        yield _documents(connection, wanted.commits, located)
    if NodeKind.PULL_REQUEST in wanted.kinds:
        if located is not None:
            merging = choosing.pulls_of(connection, located)
        if wanted.commits is not None:
            pulls = choosing.pulls(connection, wanted.writers, wanted.asked)
        yield _documents(connection, pulls, merging)


def _documents(
    connection: apsw.Connection, nodes: DocumentIds | None, others: DocumentIds | None
) -> DocumentIds:
    """Return the documents of the nodes that are in both; None, for one of them, is every node."""
    given = [one for one in (nodes, others) if one is not None]
    kept = reduce(partial(np.intersect1d, assume_unique=True), given)
    if not len(kept):
        return _NONE
    sql = "SELECT id FROM document WHERE node IN (SELECT value FROM carray(?))"
    return rows.sorted_ids(connection, sql, (rows.numbers(kept),))
