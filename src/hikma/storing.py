"""What every indexing job does with documents: embed what has no vector yet, move the vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import apsw
import numpy as np

from hikma.arrays import VectorRows
from hikma.catalog import ledger, outbox, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import Document, Skip, VectorSpace
from hikma.errors import AnsweringMovedError
from hikma.protocols import Embedder, VectorStore
from hikma.telemetry import Stopwatch


@dataclass(frozen=True, slots=True)
class Sink:
    """Where an index is written: the file, the answering space's model, the stores of spaces.

    `words` are some that its vocabulary is known to hold.
    """

    catalog: Catalog
    embedder: Embedder
    store: Callable[[VectorSpace], VectorStore]
    batch_size: int
    words: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Tally:
    """Counts of one run; `unlinked` when links between files may not be what they should be."""

    documents: int = 0
    embedded: int = 0
    source_bytes: int = 0
    unlinked: bool = False
    skips: list[Skip] = field(default_factory=list)
    limitations: list[Skip] = field(default_factory=list)
    watch: Stopwatch = field(default_factory=Stopwatch)


def embed(
    sink: Sink, documents: Sequence[Document], tally: Tally
) -> tuple[list[bytes], VectorRows]:
    """Embed the texts that no vector exists for yet, in a fixed order."""
    texts = {document.digest: document.meaning for document in documents}
    with tally.watch.stage("embed"):
        identity = sink.embedder.document_identity
        with sink.catalog.read() as connection:
            missing = ledger.missing(connection, identity, list(texts))
        digests = [digest for digest in texts if digest in missing]
        return digests, sink.embedder.embed_documents([texts[digest] for digest in digests])


def move_vectors(
    sink: Sink,
    connection: apsw.Connection,
    written: Sequence[tuple[int, bytes]],
    removed: Sequence[int],
) -> None:
    """Bring ledger and stores to the documents, inside the same transaction.

    Raises AnsweringMovedError where another model answers by now.
    """
    active = spaces.active(connection)
    if active and active[0].documents != sink.embedder.document_identity:
        raise AnsweringMovedError(f"{sink.catalog.path}: another model answers now; repeat.")
    ledger.tombstone(connection, removed)
    ledger.record(connection, sink.embedder.document_identity, written)
    tell_spaces(connection, sink.store, [document for document, _ in written], removed)


def tell_spaces(
    connection: apsw.Connection,
    store: Callable[[VectorSpace], VectorStore],
    written: Sequence[int],
    removed: Sequence[int],
) -> None:
    """Bring what the ledger says of documents to every active space, or owe it that.

    A space in the file is written at once, as far as its vectors are there; what another model
    must still compute, and what lies outside the file, is owed.
    """
    ids = np.array(sorted(written), dtype=np.int64)
    for space in spaces.active(connection):
        if not spaces.is_inside(space):
            outbox.enqueue(connection, space.id, [*written, *removed])
            continue
        store(space).delete(removed)
        batch = ledger.vectors_of(connection, ids, space.documents)
        if len(batch.ids):
            store(space).upsert(batch)
        outbox.enqueue(connection, space.id, np.setdiff1d(ids, batch.ids))
