"""What every indexing job does with documents: embed what has no vector yet, move the vectors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import apsw
import numpy as np

from hikma.arrays import VectorRows
from hikma.catalog import ledger, outbox, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import Document, Skip, VectorSpace
from hikma.errors import AnsweringMovedError, HikmaError, MissingVectorError
from hikma.protocols import Embedder, VectorStore
from hikma.telemetry import Stopwatch


@dataclass(frozen=True, slots=True)
class Sink:
    """Where an index is written: the file, the models and the stores of its spaces.

    `words` are some that its vocabulary is known to hold.
    """

    catalog: Catalog
    embedder: Callable[[VectorSpace], Embedder]
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


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors that one model gave to texts which had none by it."""

    model: str
    digests: list[bytes]
    vectors: VectorRows

    def of(self, digests: list[bytes]) -> "Embedded | None":
        """Return the same of these texts, in this order; None unless all are here."""
        places = {digest: place for place, digest in enumerate(self.digests)}
        if not places.keys() >= set(digests):
            return None
        return Embedded(self.model, digests, self.vectors[[places[one] for one in digests]])


def embed(
    sink: Sink, documents: Sequence[Document], tally: Tally, ready: Embedded | None = None
) -> list[Embedded]:
    """Embed the texts that no vector exists for yet, in a fixed order, by each active model.

    What is `ready` is not made again. A space that only receives stops nobody who writes: where its
    model fails, its vectors stay missing, and are owed to it.
    """
    texts = {document.digest: document.meaning for document in documents}
    with tally.watch.stage("embed"):
        with sink.catalog.read() as connection:
            active = spaces.active(connection)
        made = list(_by_each(sink, active, texts, ready))
    tally.embedded += len({digest for one in made for digest in one.digests})
    return made


def _by_each(
    sink: Sink, active: Sequence[VectorSpace], texts: dict[bytes, str], ready: Embedded | None
) -> Iterator[Embedded]:
    models = {space.documents: space for space in reversed(active)}  # the one that answers stays
    for model, space in reversed(models.items()):
        wanted = without_vector(sink, model, texts)
        digests = list(wanted)
        if ready and ready.model == model and (picked := ready.of(digests)):
            yield picked
            continue
        try:
            vectors = sink.embedder(space).embed_documents(list(wanted.values()))
        except HikmaError:
            if space is active[0]:
                raise
        else:
            yield Embedded(model, digests, vectors)


def without_vector(sink: Sink, model: str, texts: dict[bytes, str]) -> dict[bytes, str]:
    """Return those of some texts, by digest, that have no vector of a model yet."""
    with sink.catalog.read() as connection:
        missing = ledger.missing(connection, model, list(texts))
    return {digest: text for digest, text in texts.items() if digest in missing}


def put_vectors(connection: apsw.Connection, made: Sequence[Embedded]) -> None:
    """Store canonical vectors, before the documents that have them are entered."""
    for one in made:
        ledger.put_embeddings(connection, one.model, one.digests, one.vectors)


def move_vectors(
    sink: Sink,
    connection: apsw.Connection,
    written: Sequence[tuple[int, bytes]],
    removed: Sequence[int],
) -> None:
    """Bring ledger and stores to the documents, inside the same transaction.

    Raises AnsweringMovedError where a model answers by now that was not active at the embedding.
    """
    answering = spaces.answering(connection, sink.catalog.path).documents
    ledger.tombstone(connection, removed)
    try:
        ledger.record(connection, answering, written)
    except MissingVectorError as error:
        raise AnsweringMovedError(
            f"{sink.catalog.path}: another model answers by now ({error}); repeat."
        ) from error
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
        batch = ledger.vectors_of(connection, ids, space.documents)
        lacking = np.setdiff1d(ids, batch.ids)
        # With them goes what is held of documents whose former text alone has a vector here.
        store(space).delete([*removed, *lacking.tolist()])
        if len(batch.ids):
            store(space).upsert(batch)
        outbox.forget(connection, space.id, [*written, *removed])
        outbox.enqueue(connection, space.id, lacking)
