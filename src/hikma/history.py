"""The job of bringing an index's history to a head: commits newest first, then who touched what.

Commits are stored in batches, and each can be searched from then on; `history_head` moves last. A
run that stops anywhere is finished by the next one. Which symbols a commit touched follows from
what is stored of the commits and from today's lines alone, so any path leads to the same edges.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import chain, islice

import apsw

from hikma import commit_reading, crediting, documents, pull_requests
from hikma.catalog import completeness, fulltext, state, vocabulary
from hikma.catalog import history as stored
from hikma.catalog import pulls as stored_pulls
from hikma.commit_reading import WrittenCommit
from hikma.crediting import ReadFile
from hikma.domain import Commit
from hikma.pull_requests import Accounts
from hikma.results import HISTORY_COMPLETE, HistoryReport
from hikma.sources import commits
from hikma.sources.commits import CommitTask
from hikma.sources.past import Past
from hikma.sources.workers import run
from hikma.storing import Sink, Tally, embed, move_vectors, put_vectors
from hikma.telemetry import Track, silent

FORM = f"{commits.VERSION}.{documents.FORM}"
"""Version of what is read of a commit; a history written with another one is read anew."""

_FORM, _STOCK = "history_form", "history_stock"

BATCH_COMMITS = 500

WORKER_COMMITS = 200
"""Commits that are worth starting one more worker for."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run is done: how many workers, and who is told how far it is."""

    workers: int
    track: Track = silent


@dataclass(frozen=True, slots=True)
class Place:
    """Where the history is read: the repository, the commit that the tree is at, today's files."""

    past: Past
    head: str
    read: ReadFile


@dataclass(frozen=True, slots=True)
class _Plan:
    """What must be read and removed, newest first.

    `whole` when nothing that was derived before can be kept: the first run, one that goes on where
    another stopped, or a head that first parents do not lead from to the one before: lines are
    followed along them. `again` are commits that could not be read whole (see
    `catalog.history.incomplete`); perhaps they can now.
    """

    added: Iterable[str]
    removed: Sequence[str]
    whole: bool
    again: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a run has read: commits, and the pull requests whose nodes need no other look."""

    hashes: list[str]
    told: set[int]


def is_current(connection: apsw.Connection, place: Place, given: Accounts) -> bool:
    """Whether the history is all that a head, the clone and the user say."""
    return (
        completeness.completeness(connection, place.head) == HISTORY_COMPLETE
        and state.get(connection, _FORM) == FORM
        and not _has_gained(connection, place.past)
        and crediting.is_current(connection)
        and pull_requests.is_current(connection, place.past, given)
    )


def _has_gained(connection: apsw.Connection, past: Past) -> bool:
    """Whether objects have come since, where some were missing."""
    return state.get(connection, _STOCK) not in (None, "", past.stock())


def _is_other_cut(connection: apsw.Connection, past: Past) -> bool:
    """Whether a shallow clone ended elsewhere: what merges brought is told otherwise now."""
    held, now = state.get(connection, _STOCK), past.stock()
    return bool(held) and str(held).split()[0] != now.split()[0]


def bring_up_to_date(sink: Sink, place: Place, given: Accounts, run_: Run) -> HistoryReport:
    """Bring commits, pull requests and who touched what to a head.

    `given` are pull requests as the user describes them, by number. With nothing changed nothing
    is read or written.
    """
    start = time.perf_counter()
    tally = Tally()
    past, head = place.past, place.head
    with tally.watch.stage("walk"), sink.catalog.read() as connection:
        if is_current(connection, place, given):
            return _report(sink, 0, 0, tally, start)
        plan = _plan(connection, past, head)
        spoken = stored_pulls.numbers_of(connection, plan.removed)
    _begin(sink)
    _remove(sink, past, plan.removed)
    read = _add(sink, past, plan, run_, tally)
    with tally.watch.stage("credit"):
        scope = crediting.Scope(read.hashes, plan.whole)
        crediting.credit(sink.catalog, past, head, scope, place.read)
    with tally.watch.stage("pull_requests"):
        numbers = None if plan.whole else spoken | _spoken(sink, read.hashes)
        pull_requests.put(sink, past, given, pull_requests.Scope(numbers, read.told), tally)
    _finish(sink, place)
    return _report(sink, len(read.hashes), len(plan.removed), tally, start)


def _plan(connection: apsw.Connection, past: Past, head: str) -> _Plan:
    held = state.get(connection, completeness.HEAD)
    unlike = state.get(connection, _FORM) != FORM or _is_other_cut(connection, past)
    complete = state.get(connection, completeness.COMPLETE) == "1"
    if not unlike and complete and held and not _has_gained(connection, past):
        if held == head:
            return _Plan((), (), whole=False)
        if (difference := past.difference(head, held)) is not None:
            added, removed = difference
            straight = past.leads_straight(head, held, set(added))
            return _Plan(added, removed, whole=bool(removed) or not straight)
    known = stored.known(connection)
    if unlike or not known:
        return _Plan(past.reachable(head), sorted(known), whole=True)
    wanted = list(past.reachable(head))
    removed = sorted(known - set(wanted))
    gaps = stored.incomplete(connection)
    again = {one: gaps[one] for one in wanted if one in gaps}
    return _Plan([one for one in wanted if one not in known], removed, whole=True, again=again)


def _begin(sink: Sink) -> None:
    with sink.catalog.write() as connection:
        if state.get(connection, _FORM) != FORM and not stored.known(connection):
            state.put(connection, _FORM, FORM)
        state.put(connection, completeness.COMPLETE, "0")


def _remove(sink: Sink, past: Past, hashes: Sequence[str]) -> None:
    for at in range(0, len(hashes), BATCH_COMMITS):
        with sink.catalog.write() as connection:
            removed = stored.remove_commits(connection, hashes[at : at + BATCH_COMMITS])
            move_vectors(sink, connection, [], removed)
    with sink.catalog.write() as connection:
        state.put(connection, _FORM, FORM)
        state.put(connection, _STOCK, past.stock())


def _add(sink: Sink, past: Past, plan: _Plan, run_: Run, tally: Tally) -> _Read:
    """Read commits in workers and store them in batches."""
    tasks = (
        CommitTask(past.root, hash_, hash_ in past.cut_off)
        for hash_ in chain(plan.added, plan.again)
    )
    total = len(plan.added) if isinstance(plan.added, Sized) else None
    enough = run_.workers if total is None else 1 + total // WORKER_COMMITS
    results = run(
        commit_reading.read,
        tasks,
        workers=min(run_.workers, enough),
        on_failure=commit_reading.read_words,
        timeout_s=commit_reading.TIMEOUT_S,
        memory_bytes=commit_reading.WORKER_BYTES,
    )
    read = _Read([], set())
    while batch := _next(results, tally):
        batch = [one for one in batch if plan.again.get(one.commit.hash) != _known_of(one.commit)]
        _store(sink, batch, tally)
        read.hashes.extend(one.commit.hash for one in batch)
        found = [one.commit for one in batch]
        with tally.watch.stage("pull_requests"):
            read.told.update(pull_requests.put_alone(sink, found, tally))
        read.told.difference_update(
            one.pull.number for one in found if one.pull and one.pull.is_merge
        )
        run_.track("history", len(read.hashes), total)
    return read


def _known_of(commit: Commit) -> tuple[str, int]:
    """Return what `stored.incomplete` tells of a commit."""
    return commit.gap, sum(change.hunks is not None for change in commit.changes)


def _next(results: Iterator[WrittenCommit], tally: Tally) -> list[WrittenCommit]:
    with tally.watch.stage("read"):
        return list(islice(results, BATCH_COMMITS))


def _store(sink: Sink, batch: Sequence[WrittenCommit], tally: Tally) -> None:
    """Embed what has no vector yet, then commit the batch's rows in one transaction."""
    written = [document for one in batch for document in one.documents]
    made = embed(sink, written, tally)
    with tally.watch.stage("store"), sink.catalog.write() as connection:
        put_vectors(connection, made)
        ids = stored.put_commits(
            connection, [one.commit for one in batch], [one.node for one in batch]
        )
        rows = fulltext.put_documents(connection, ids, written, fulltext.HISTORY)
        vocabulary.put(connection, written, sink.words)
        move_vectors(sink, connection, rows.written, rows.removed)
    tally.documents += len(written)


def _spoken(sink: Sink, hashes: Sequence[str]) -> set[int]:
    with sink.catalog.read() as connection:
        return stored_pulls.numbers_of(connection, hashes)


def _finish(sink: Sink, place: Place) -> None:
    with sink.catalog.write() as connection:
        lacking = stored.incomplete(connection) or stored.missing_parents(connection)
        state.put(connection, _STOCK, place.past.stock() if lacking else "")
        state.put(connection, completeness.HEAD, place.head)
        state.put(connection, completeness.COMPLETE, "1")
        state.put(connection, completeness.CREDITED, "1")


def _report(sink: Sink, added: int, removed: int, tally: Tally, start: float) -> HistoryReport:
    with sink.catalog.read() as connection:
        gaps = completeness.gap_counts(connection)
        missing = stored.missing_parents(connection)
    return HistoryReport(
        added=added,
        removed=removed,
        embedded=tally.embedded,
        gaps=gaps,
        missing=missing,
        stages={name: round(spent, 4) for name, spent in tally.watch.seconds.items()},
        took_s=round(time.perf_counter() - start, 4),
    )
