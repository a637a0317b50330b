"""What every indexing job does with documents: embed what has no vector yet, move the vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw
import numpy as np

from hikma.arrays import VectorRows
from hikma.catalog import ledger
from hikma.catalog.schema import Catalog
from hikma.domain import Document, Skip
from hikma.protocols import Embedder, VectorStore
from hikma.telemetry import Stopwatch


@dataclass(frozen=True, slots=True)
class Sink:
    """Where an index is written: the file, its vectors, its model.

    `words` are some that its vocabulary is known to hold.
    """

    catalog: Catalog
    store: VectorStore
    embedder: Embedder
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
    """Bring ledger and store to the documents, inside the same transaction."""
    ledger.tombstone(connection, removed)
    sink.store.delete(removed)
    ledger.record(connection, sink.embedder.document_identity, written)
    ids = np.array(sorted(document for document, _ in written), dtype=np.int64)
    if len(ids):
        sink.store.upsert(ledger.vectors_of(connection, ids))
