"""The job of one whole run: the tree first, which can be searched at once, then the history."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hikma import planning
from hikma.catalog import pulls
from hikma.catalog.checks import suspecting_damage
from hikma.domain import Entry, SourceFile
from hikma.errors import AnsweringMovedError
from hikma.results import IndexReport
from hikma.sources.opening import Source
from hikma.sources.roots import git_dir_of
from hikma.storing import Sink
from hikma.telemetry import Track, silent


@dataclass(frozen=True, slots=True)
class Job:
    """What one run does: from where, with history or without, and who is told how far it is.

    `pull_requests` are those that the user describes, by number. `is_past` when the tree is a
    revision's: then nothing counts that its history does not lead to.
    """

    source: Source
    history: bool = True
    pull_requests: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    track: Track = silent
    is_past: bool = False


def update(sink: Sink, job: Job, workers: int) -> IndexReport:
    """Bring the tree up to date, then the history that leads to it.

    Where another model answers meanwhile than the file knew of, the run goes on with that one.
    """
    try:
        return _update(sink, job, workers)
    except AnsweringMovedError:
        return _update(sink, job, workers)


def _update(sink: Sink, job: Job, workers: int) -> IndexReport:
    source = job.source
    report = _bring_tree(sink, job, workers)
    head = report.head  # the snapshot's: the branch may have moved meanwhile
    if not job.history or head is None or git_dir_of(source.root) is None:
        if job.pull_requests:  # what the user gave is nowhere else
            with sink.catalog.write() as connection:
                pulls.put_accounts(connection, pulls.GIVEN, job.pull_requests)
        return report

    from hikma import history  # noqa: PLC0415 -- for what has one
    from hikma.sources.past import Past  # noqa: PLC0415 -- likewise

    def read(path: str) -> bytes | None:
        loaded = source.load(Entry(path, "", 0))
        return loaded.content if isinstance(loaded, SourceFile) else None

    with Past(source.root, head if job.is_past else None) as past, suspecting_damage(sink.catalog):
        place = history.Place(past, head, read)
        run = history.Run(workers, job.track)
        followed = history.bring_up_to_date(sink, place, job.pull_requests, run)
    report = replace(report, history=followed, embedded=report.embedded + followed.embedded)
    return planning.with_counts(sink.catalog, report)


def _bring_tree(sink: Sink, job: Job, workers: int) -> IndexReport:
    """Index what changed; with nothing changed nothing is parsed, embedded or written."""
    outlook = planning.look(sink.catalog, job.source)
    if outlook.current:
        report = planning.report(sink.catalog.path, outlook, outlook.skips)
        return planning.with_counts(sink.catalog, report)
    from hikma import indexing  # noqa: PLC0415 -- parsers, for runs that have something to do

    return indexing.bring_up_to_date(sink, job.source, outlook, workers, job.track)
