"""The job of bringing an index to a snapshot: plan, extract, write out, embed, store.

Whole files are committed in batches; the indexed `head` moves last, and until then the index says
that it is partial. A run that stops anywhere is finished by the next one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw

from hikma import embedding_ahead, planning, reading
from hikma.catalog import completeness, fulltext, graph, imports, state, vocabulary
from hikma.catalog.schema import Catalog
from hikma.domain import (
    Document,
    Entry,
    Node,
    NodeKind,
    Skip,
    Snapshot,
    SourceFile,
)
from hikma.planning import Outlook
from hikma.results import IndexReport
from hikma.sources.opening import Source
from hikma.sources.workers import run
from hikma.storing import Embedded, Sink, Tally, embed, move_vectors, put_vectors
from hikma.telemetry import Track

_SETTINGS, _NAME = "link_settings", "link_name"
"""Files whose text decided what imports mean; the repository's name in its links."""

WORKER_BYTES = 256 * 1024
"""Source that is worth starting one more worker for: a start costs as much as parsing this."""


def bring_up_to_date(
    sink: Sink, source: Source, outlook: Outlook, workers: int, track: Track
) -> IndexReport:
    """Index what an outlook found to have changed."""
    tally = Tally()
    plan = outlook.plan
    _begin(sink.catalog, outlook, tally)
    _remove(sink, plan.removed)
    todo = (*plan.added, *plan.modified)
    tally.source_bytes = sum(entry.size for entry in todo)
    done = 0
    batches = _batches(_read(source, todo, workers, tally), sink.batch_size)
    for batch, ready in _with_vectors(sink, batches, workers, tally):
        _store(sink, batch, ready, tally)
        done += len(batch)
        track("index", done, len(todo))
    with tally.watch.stage("link"):
        _finish(sink.catalog, source, outlook.snapshot, tally)
    return planning.with_counts(sink.catalog, _report(sink.catalog.path, outlook, tally))


def _report(database: Path, outlook: Outlook, tally: Tally) -> IndexReport:
    found = planning.report(database, outlook, tally.skips)
    spent = {name: round(seconds, 4) for name, seconds in tally.watch.seconds.items()}
    return replace(
        found,
        embedded=tally.embedded,
        source_bytes=tally.source_bytes,
        limitations=tuple(tally.limitations),
        stages={**found.stages, **spent},
    )


def _begin(catalog: Catalog, outlook: Outlook, tally: Tally) -> None:
    """Say that the index is partial from now on."""
    with catalog.write() as connection:
        tally.unlinked = _must_link(connection, outlook)
        if graph.is_empty(connection):
            # Nothing of another version is here, so a run that stops is continued, not repeated.
            state.put(connection, "form", planning.FORM)
        state.put(connection, "complete", "0")
        state.put(connection, completeness.CREDITED, "0")


def _must_link(connection: apsw.Connection, outlook: Outlook) -> bool:
    """Whether links change, as far as is known before any file is read."""
    plan = outlook.plan
    settings = set(json.loads(state.get(connection, _SETTINGS) or "[]"))
    return (
        bool(plan.added or plan.removed)
        or state.get(connection, "complete") != "1"
        or state.get(connection, "form") != planning.FORM
        or state.get(connection, _NAME) != outlook.snapshot.name
        or any(entry.path in settings for entry in plan.modified)
    )


def _read(
    source: Source, todo: Sequence[Entry], workers: int, tally: Tally
) -> Iterator[reading.Written | Skip]:
    """Stream files through the workers; one that cannot be read any more is a skip."""
    lost: list[Skip] = []

    def contents() -> Iterator[SourceFile]:
        for entry in todo:
            loaded = source.load(entry)
            if isinstance(loaded, Skip):
                lost.append(loaded)
            else:
                yield loaded

    enough = 1 + sum(entry.size for entry in todo) // WORKER_BYTES
    results = run(
        reading.read, contents(), workers=min(workers, enough), on_failure=reading.read_as_text
    )
    yield from tally.watch.awaited("extract", results)
    yield from lost


def _batches(
    results: Iterable[reading.Written | Skip], batch_size: int
) -> Iterator[list[reading.Written | Skip]]:
    """Group whole files until they hold `batch_size` documents."""
    batch: list[reading.Written | Skip] = []
    size = 0
    for result in results:
        batch.append(result)
        size += len(result.documents) if isinstance(result, reading.Written) else 0
        if size >= batch_size:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _with_vectors(
    sink: Sink, batches: Iterator[list[reading.Written | Skip]], workers: int, tally: Tally
) -> Iterator[tuple[list[reading.Written | Skip], Embedded | None]]:
    """Yield batches with what another process has embedded of them, where one is worth it."""
    if workers == 1 or tally.source_bytes < embedding_ahead.ENOUGH_BYTES:
        yield from ((batch, None) for batch in batches)
        return
    ahead = embedding_ahead.ahead(sink, batches, _documents)
    yield from tally.watch.awaited("embed", ahead)


def _documents(batch: Sequence[reading.Written | Skip]) -> list[Document]:
    files = (one for one in batch if isinstance(one, reading.Written))
    return [one for file in files for one in file.documents]


def _store(
    sink: Sink, batch: Sequence[reading.Written | Skip], ready: Embedded | None, tally: Tally
) -> None:
    """Embed what has no vector yet, then commit the batch's rows in one transaction."""
    files = [one for one in batch if isinstance(one, reading.Written)]
    skips = [one for one in batch if isinstance(one, Skip)]
    tally.skips += skips
    tally.limitations += [
        Skip(one.extraction.path, one.extraction.limitation)
        for one in files
        if one.extraction.limitation
    ]
    documents = _documents(batch)
    made = embed(sink, documents, tally, ready)
    with tally.watch.stage("store"), sink.catalog.write() as connection:
        put_vectors(connection, made)
        tally.unlinked |= bool(skips)
        written, removed = _put(connection, files, tally)
        vocabulary.put(connection, documents, sink.words)
        removed += graph.remove_files(connection, [skip.path for skip in skips])
        move_vectors(sink, connection, written, removed)
    tally.documents += len(documents)


def _put(
    connection: apsw.Connection, files: Sequence[reading.Written], tally: Tally
) -> tuple[list[tuple[int, bytes]], list[int]]:
    """Write the rows of whole files; return documents written (id, digest) and removed (id)."""
    written: list[tuple[int, bytes]] = []
    removed: list[int] = []
    for file in files:
        found = file.extraction
        top = found.nodes[0].id
        before = None if tally.unlinked else graph.facts(connection, top)
        rows = graph.put_file(connection, found.nodes, found.edges, found.references)
        imports.put(connection, rows.ids[top], found.imports)
        tally.unlinked = before is None or before != graph.facts(connection, top)
        documents_rows = fulltext.put_documents(connection, rows.ids, file.documents)
        written += documents_rows.written
        removed += [*rows.removed_documents, *documents_rows.removed]
    return written, removed


def _remove(sink: Sink, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), sink.batch_size):
        some = paths[start : start + sink.batch_size]
        with sink.catalog.write() as connection:
            move_vectors(sink, connection, [], graph.remove_files(connection, some))


def _finish(catalog: Catalog, source: Source, snapshot: Snapshot, tally: Tally) -> None:
    """Link what spans files, record the skips, and only then move the head."""
    with catalog.write() as connection:
        if tally.unlinked:
            _link(connection, source, snapshot)
        read = {skip.path for skip in tally.skips}
        tally.skips += [s for s in planning.known_skips(connection, snapshot) if s.path not in read]
        graph.put_skips(connection, tally.skips)
        state.put(connection, "form", planning.FORM)
        state.put(connection, "head", snapshot.head or "")
        state.put(connection, "indexed_at", datetime.now(UTC).isoformat(timespec="seconds"))
        state.put(connection, "complete", "1")


def _link(connection: apsw.Connection, source: Source, snapshot: Snapshot) -> None:
    from hikma.linking import link_imports  # noqa: PLC0415 -- most edits change no link

    repository = Node(f"repository:{snapshot.name}", NodeKind.REPOSITORY, snapshot.name, "")
    read: set[str] = set()
    graph.link_tree(connection, repository)
    graph.link_tests(connection)
    link_imports(connection, _reader(source, snapshot, read))
    state.put(connection, _SETTINGS, json.dumps(sorted(read)))
    state.put(connection, _NAME, snapshot.name)


def _reader(source: Source, snapshot: Snapshot, asked: set[str]) -> Callable[[str], str | None]:
    """Return what reads a file of the snapshot as text; None for one that it lacks.

    The paths that it is asked for are added to `asked`.
    """
    entries = {entry.path: entry for entry in snapshot.entries}

    def read(path: str) -> str | None:
        asked.add(path)
        loaded = source.load(entries[path]) if path in entries else None
        return loaded.content.decode("utf-8", "replace") if isinstance(loaded, SourceFile) else None

    return read
