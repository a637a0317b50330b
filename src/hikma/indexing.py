"""The job of bringing an index to a snapshot: plan, extract, write out, embed, store.

Whole files are committed in batches; the indexed `head` moves last, and until then the index says
that it is partial. A run that stops anywhere is finished by the next one.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import apsw

from hikma import documents, reading
from hikma.catalog import completeness, fulltext, graph, imports, ledger, state, vocabulary
from hikma.catalog.schema import Catalog
from hikma.domain import (
    Entry,
    IndexPlan,
    Node,
    NodeKind,
    Skip,
    Snapshot,
    SourceFile,
)
from hikma.linking import link_imports
from hikma.results import IndexReport
from hikma.sources import syntax
from hikma.sources.opening import Source
from hikma.sources.workers import run
from hikma.storing import Sink, Tally, embed, move_vectors
from hikma.telemetry import Track

FORM = f"{syntax.VERSION}.{documents.FORM}"
"""Version of extraction and text form; a file written with another one is read anew."""


WORKER_BYTES = 256 * 1024
"""Source that is worth starting one more worker for: a start costs as much as parsing this."""


def make_plan(connection: apsw.Connection, snapshot: Snapshot) -> IndexPlan:
    """Compare a snapshot with what is indexed; equal content is never read."""
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


def bring_up_to_date(sink: Sink, source: Source, workers: int, track: Track) -> IndexReport:
    """Index what changed; with nothing changed nothing is parsed, embedded or written."""
    start = time.perf_counter()
    tally = Tally()
    with tally.watch.stage("snapshot"):
        snapshot = source.snapshot()
        with sink.catalog.read() as connection:
            plan = make_plan(connection, snapshot)
            current = _is_current(connection, snapshot, plan)
            known = graph.skips(connection)
    if current:
        tally.skips += known
        return with_counts(sink.catalog, _report(sink.catalog.path, snapshot, plan, tally, start))
    _begin(sink.catalog)
    _remove(sink, plan.removed)
    todo = (*plan.added, *plan.modified)
    tally.source_bytes = sum(entry.size for entry in todo)
    done = 0
    for batch in _batches(_read(source, todo, workers, tally), sink.batch_size):
        _store(sink, batch, tally)
        done += len(batch)
        track("index", done, len(todo))
    with tally.watch.stage("link"):
        _finish(sink.catalog, source, snapshot, tally)
    return with_counts(sink.catalog, _report(sink.catalog.path, snapshot, plan, tally, start))


def with_counts(catalog: Catalog, done: IndexReport) -> IndexReport:
    """Add to a report what the file now holds."""
    with catalog.read() as connection:
        kinds = {kind.value: count for kind, count in graph.counts(connection).items()}
        documents_now = fulltext.count(connection)
        return replace(
            done, kinds=kinds, documents=documents_now, imports=imports.counts(connection)
        )


def _report(
    database: Path, snapshot: Snapshot, plan: IndexPlan, tally: Tally, start: float
) -> IndexReport:
    """Sum up a run from its tally; a file that turned out not to be worth indexing is a skip."""
    skipped = {skip.path for skip in tally.skips}
    return IndexReport(
        database=str(database),
        head=snapshot.head,
        added=sum(entry.path not in skipped for entry in plan.added),
        modified=sum(entry.path not in skipped for entry in plan.modified),
        removed=len(plan.removed),
        documents=0,
        embedded=tally.embedded,
        source_bytes=tally.source_bytes,
        kinds={},
        skips=tuple(sorted(tally.skips, key=lambda skip: skip.path)),
        limitations=tuple(tally.limitations),
        stages={name: round(spent, 4) for name, spent in tally.watch.seconds.items()},
        took_s=round(time.perf_counter() - start, 4),
    )


def preview(catalog: Catalog | None, database: Path, source: Source) -> IndexReport:
    """Report what a run would do, and do nothing; None is a file yet to be made."""
    start = time.perf_counter()
    snapshot = source.snapshot()
    if catalog is None:
        plan, tally = IndexPlan(snapshot.entries, (), ()), Tally(skips=list(snapshot.skips))
        return replace(_report(database, snapshot, plan, tally, start), dry_run=True)
    with catalog.read() as connection:
        plan = make_plan(connection, snapshot)
        tally = Tally(skips=_skips(connection, snapshot))
    return replace(
        with_counts(catalog, _report(database, snapshot, plan, tally, start)), dry_run=True
    )


def _is_current(connection: apsw.Connection, snapshot: Snapshot, plan: IndexPlan) -> bool:
    return (
        plan.empty
        and state.get(connection, "complete") == "1"
        and state.get(connection, "head") == (snapshot.head or "")
        and state.get(connection, "form") == FORM
        and graph.skips(connection) == _skips(connection, snapshot)
    )


def _skips(connection: apsw.Connection, snapshot: Snapshot) -> list[Skip]:
    """Return the snapshot's own skips and those known by content that still hold."""
    content = {entry.path: entry.digest for entry in snapshot.entries}
    # What another version would not read, this one may have read.
    judged = graph.skips(connection) if state.get(connection, "form") == FORM else []
    known = [skip for skip in judged if skip.digest and content.get(skip.path) == skip.digest]
    return sorted((*snapshot.skips, *known), key=lambda skip: skip.path)


def _begin(catalog: Catalog) -> None:
    with catalog.write() as connection:
        if not graph.file_digests(connection) and not graph.skips(connection):
            # Nothing of another version is here, so a run that stops is continued, not repeated.
            state.put(connection, "form", FORM)
        state.put(connection, "complete", "0")
        state.put(connection, completeness.CREDITED, "0")


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
    while True:
        with tally.watch.stage("extract"):
            result = next(results, None)
        if result is None:
            break
        yield result
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


def _store(sink: Sink, batch: Sequence[reading.Written | Skip], tally: Tally) -> None:
    """Embed what has no vector yet, then commit the batch's rows in one transaction."""
    files = [one for one in batch if isinstance(one, reading.Written)]
    skips = [one for one in batch if isinstance(one, Skip)]
    tally.skips += skips
    tally.limitations += [
        Skip(one.extraction.path, one.extraction.limitation)
        for one in files
        if one.extraction.limitation
    ]
    digests, vectors = embed(sink, [one for file in files for one in file.documents], tally)
    with tally.watch.stage("store"), sink.catalog.write() as connection:
        ledger.put_embeddings(connection, sink.embedder.document_identity, digests, vectors)
        written, removed = _put(connection, files)
        texts = chain.from_iterable(one.documents for one in files)
        vocabulary.put(connection, texts, sink.words)
        removed += list(
            chain.from_iterable(graph.remove_file(connection, skip.path) for skip in skips)
        )
        move_vectors(sink, connection, written, removed)
    tally.documents += sum(len(one.documents) for one in files)
    tally.embedded += len(digests)


def _put(
    connection: apsw.Connection, files: Sequence[reading.Written]
) -> tuple[list[tuple[int, bytes]], list[int]]:
    """Write the rows of whole files; return documents written (id, digest) and removed (id)."""
    written: list[tuple[int, bytes]] = []
    removed: list[int] = []
    for file in files:
        found = file.extraction
        rows = graph.put_file(connection, found.nodes, found.edges, found.references)
        imports.put(connection, rows.ids[found.nodes[0].id], found.imports)
        documents_rows = fulltext.put_documents(connection, rows.ids, file.documents)
        written += documents_rows.written
        removed += [*rows.removed_documents, *documents_rows.removed]
    return written, removed


def _remove(sink: Sink, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), sink.batch_size):
        some = paths[start : start + sink.batch_size]
        with sink.catalog.write() as connection:
            removed = [one for path in some for one in graph.remove_file(connection, path)]
            move_vectors(sink, connection, [], removed)


def _finish(catalog: Catalog, source: Source, snapshot: Snapshot, tally: Tally) -> None:
    """Link what spans files, record the skips, and only then move the head."""
    repository = Node(f"repository:{snapshot.name}", NodeKind.REPOSITORY, snapshot.name, "")
    with catalog.write() as connection:
        graph.link_tree(connection, repository)
        graph.link_tests(connection)
        link_imports(connection, _reader(source, snapshot))
        read = {skip.path for skip in tally.skips}
        tally.skips += [s for s in _skips(connection, snapshot) if s.path not in read]
        graph.put_skips(connection, tally.skips)
        state.put(connection, "form", FORM)
        state.put(connection, "head", snapshot.head or "")
        state.put(connection, "indexed_at", datetime.now(UTC).isoformat(timespec="seconds"))
        state.put(connection, "complete", "1")


def _reader(source: Source, snapshot: Snapshot) -> Callable[[str], str | None]:
    """Return what reads a file of the snapshot as text; None for one that it lacks."""
    entries = {entry.path: entry for entry in snapshot.entries}

    def read(path: str) -> str | None:
        loaded = source.load(entries[path]) if path in entries else None
        return loaded.content.decode("utf-8", "replace") if isinstance(loaded, SourceFile) else None

    return read
