"""The job of reading texts again: what a model was given is not kept, and another must be given it.

A text that its file or commit no longer yields is left out; the next index run writes it anew.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hikma import commit_reading, documents, pull_requests, reading
from hikma.catalog.embeddings import Lacking
from hikma.catalog.schema import Catalog
from hikma.domain import HISTORY_KINDS, Document, Entry, NodeKind, Skip, SourceFile
from hikma.sources.commits import CommitTask
from hikma.sources.opening import Source, open_source
from hikma.sources.past import Past
from hikma.sources.roots import git_dir_of
from hikma.sources.workers import run


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file's texts came from, and how many workers may read there."""

    root: Path
    revision: str | None
    workers: int


def texts(
    catalog: Catalog, origin: Origin, lacking: Sequence[Lacking]
) -> Iterator[tuple[bytes, str]]:
    """Yield the digest and the meaning of every text asked for that can still be read, once."""
    left = {one.digest for one in lacking}
    for document in chain(
        _of_files(origin, lacking, left),
        _of_commits(origin, lacking, left),
        _of_pulls(catalog, lacking),
    ):
        meaning = document.meaning
        if document.digest in left and documents.digest_of(meaning) == document.digest:
            left.discard(document.digest)
            yield document.digest, meaning


def _of_files(origin: Origin, lacking: Sequence[Lacking], left: set[bytes]) -> Iterator[Document]:
    """Yield what files give now; a file whose parsing failed then may be read as text again."""
    asked = [one for one in lacking if one.kind not in HISTORY_KINDS]
    if not asked:
        return
    with closing(open_source(origin.root, origin.revision)) as source:
        paths = {one.path for one in asked}
        entries = {one.path: one for one in source.snapshot().entries if one.path in paths}
        found = run(
            reading.read,
            _loaded(source, entries.values()),
            workers=origin.workers,
            on_failure=reading.read_as_text,
        )
        yield from _documents(found)
        paths = {one.path for one in asked if one.digest in left}
        rest = [entry for path, entry in entries.items() if path in paths]
        yield from _documents(reading.read_as_text(one, "") for one in _loaded(source, rest))


def _loaded(source: Source, entries: Iterable[Entry]) -> Iterator[SourceFile]:
    for entry in entries:
        if isinstance(loaded := source.load(entry), SourceFile):
            yield loaded


def _documents(found: Iterable[reading.Written | Skip]) -> Iterator[Document]:
    for one in found:
        if isinstance(one, reading.Written):
            yield from one.documents


def _of_commits(origin: Origin, lacking: Sequence[Lacking], left: set[bytes]) -> Iterator[Document]:
    """Yield what commits give; one that could not be read whole then may give its words alone."""
    asked = [one for one in lacking if one.kind is NodeKind.COMMIT]
    if not asked or git_dir_of(origin.root) is None:
        return
    with Past(origin.root) as past:
        tasks = {
            one.name: CommitTask(past.root, one.name, one.name in past.cut_off) for one in asked
        }
        for written in run(
            commit_reading.read,
            tasks.values(),
            workers=origin.workers,
            on_failure=commit_reading.read_words,
            timeout_s=commit_reading.TIMEOUT_S,
            memory_bytes=commit_reading.WORKER_BYTES,
        ):
            yield from written.documents
        for name in {one.name for one in asked if one.digest in left}:
            yield from commit_reading.read_words(tasks[name], "").documents


def _of_pulls(catalog: Catalog, lacking: Sequence[Lacking]) -> Iterator[Document]:
    numbers = {int(one.name) for one in lacking if one.kind is NodeKind.PULL_REQUEST}
    for some in pull_requests.batches(sorted(numbers)):
        with catalog.read() as connection:
            found = pull_requests.documents_of(connection, some)
        yield from found
