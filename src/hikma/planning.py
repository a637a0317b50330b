"""What would a run do: the snapshot compared with what is indexed.

Apart from `indexing`, for most runs find nothing to do and need neither parsers nor models.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from hikma import documents
from hikma.catalog import adopted, fulltext, graph, imports, state
from hikma.catalog.schema import Catalog
from hikma.domain import IndexPlan, Skip, Snapshot
from hikma.results import IndexReport
from hikma.sources import contents
from hikma.sources.opening import Source

FORM = f"{contents.VERSION}.{documents.FORM}"
"""Version of extraction and text form; a file written with another one is read anew."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run finds before it does anything; `skips` are known from the last one.

    `started` is when the look began, by `time.perf_counter`; `spent` are seconds of it.
    """

    snapshot: Snapshot
    plan: IndexPlan
    current: bool
    skips: list[Skip]
    started: float
    spent: float


def look(catalog: Catalog, source: Source) -> Outlook:
    """List the files as they now are and compare them with what is indexed."""
    started = time.perf_counter()
    snapshot = source.snapshot()
    with catalog.read() as connection:
        plan = make_plan(connection, snapshot)
        current = _is_current(connection, snapshot, plan)
        known = graph.skips(connection)
    return Outlook(snapshot, plan, current, known, started, time.perf_counter() - started)


def make_plan(connection: apsw.Connection, snapshot: Snapshot) -> IndexPlan:
    """Compare a snapshot with what is indexed; equal content is never read.

    A file that was taken over from a table follows no snapshot: there is nothing to do.
    """
    if adopted.origin(connection) is not None:
        return IndexPlan((), (), ())
    indexed = graph.file_digests(connection)
    skipped = graph.skipped_digests(connection)
    known = skipped | indexed if state.get(connection, "form") == FORM else {}
    wanted = {entry.path: entry for entry in snapshot.entries}
    changed = [entry for entry in snapshot.entries if known.get(entry.path) != entry.digest]
    return IndexPlan(
        added=tuple(entry for entry in changed if entry.path not in indexed),
        modified=tuple(entry for entry in changed if entry.path in indexed),
        removed=tuple(sorted(indexed.keys() - wanted.keys())),
    )


def report(database: Path, outlook: Outlook, skips: Sequence[Skip]) -> IndexReport:
    """Return what a run found to do, for it to add what it did; took until now.

    `skips` are those of the whole run: a file that turned out not to be worth indexing is one.
    """
    skipped = {skip.path for skip in skips}
    plan = outlook.plan
    return IndexReport(
        database=str(database),
        head=outlook.snapshot.head,
        added=sum(entry.path not in skipped for entry in plan.added),
        modified=sum(entry.path not in skipped for entry in plan.modified),
        removed=len(plan.removed),
        documents=0,
        embedded=0,
        source_bytes=0,
        kinds={},
        skips=tuple(sorted(skips, key=lambda skip: skip.path)),
        limitations=(),
        stages={"snapshot": round(outlook.spent, 4)},
        took_s=round(time.perf_counter() - outlook.started, 4),
    )


def with_counts(catalog: Catalog, done: IndexReport) -> IndexReport:
    """Add to a report what the file now holds."""
    with catalog.read() as connection:
        kinds = {kind.value: count for kind, count in graph.counts(connection).items()}
        documents_now = fulltext.count(connection)
        return replace(
            done, kinds=kinds, documents=documents_now, imports=imports.counts(connection)
        )


def preview(catalog: Catalog | None, database: Path, source: Source) -> IndexReport:
    """Report what a run would do, and do nothing; None is a file yet to be made.

    Raises UsageError where the run itself would be refused.
    """
    if catalog is None:
        start = time.perf_counter()
        snapshot = source.snapshot()
        plan = IndexPlan(snapshot.entries, (), ())
        outlook = Outlook(
            snapshot,
            plan,
            current=False,
            skips=[],
            started=start,
            spent=time.perf_counter() - start,
        )
        found = report(database, outlook, snapshot.skips)
    else:
        with catalog.read() as connection:
            adopted.refuse_indexing(connection, database)
        outlook = look(catalog, source)
        with catalog.read() as connection:
            known = known_skips(connection, outlook.snapshot)
        found = with_counts(catalog, report(database, outlook, known))
    return replace(found, dry_run=True)


def _is_current(connection: apsw.Connection, snapshot: Snapshot, plan: IndexPlan) -> bool:
    return (
        plan.empty
        and state.get(connection, "complete") == "1"
        and state.get(connection, "head") == (snapshot.head or "")
        and state.get(connection, "form") == FORM
        and graph.skips(connection) == known_skips(connection, snapshot)
    )


def known_skips(connection: apsw.Connection, snapshot: Snapshot) -> list[Skip]:
    """Return the snapshot's own skips and those known by content that still hold."""
    content = {entry.path: entry.digest for entry in snapshot.entries}
    # What another version would not read, this one may have read.
    judged = graph.skips(connection) if state.get(connection, "form") == FORM else []
    known = [skip for skip in judged if skip.digest and content.get(skip.path) == skip.digest]
    return sorted((*snapshot.skips, *known), key=lambda skip: skip.path)
