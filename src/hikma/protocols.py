"""The seams that have more than one implementation: vector stores and embedders."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from hikma.arrays import DocumentIds, Neighbor, Vector, VectorBatch, VectorRows


class Nearest(Protocol):
    """Who is near: all that a search asks of a store."""

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the `limit` documents nearest by cosine distance, nearest first, ties by id.

        With `within`, only those ids are considered and never fewer than the true nearest
        `limit` of them are returned.
        """


class VectorStore(Nearest, Protocol):
    """Vectors by document id, and who is near.

    A store that cannot hand back what it was given, bit for bit, is not a VectorStore: `scan`
    returns exactly the float32 values of the latest `upsert` of each id. Every id that is
    upserted already has its canonical row in the file's ledger. Vectors are unit vectors,
    for the catalog refuses all others.
    """

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    def upsert(self, batch: VectorBatch) -> None:
        """Insert or replace; idempotent. All or nothing."""

    def delete(self, ids: Sequence[int]) -> None:
        """Remove the ids; an id that is not there is no error."""

    def scan(self, batch_size: int, after: int = -1) -> Iterator[VectorBatch]:
        """Yield what has an id above `after` in ascending order, `batch_size` rows at most."""

    def __len__(self) -> int:
        """Count of ids held."""

    def close(self) -> None:
        """Release what the store holds open."""


class Embedder(Protocol):
    """Text to unit vectors; documents and queries may be embedded differently.

    Identities are SHA-256 hex digests over everything that a vector depends on: weights,
    tokenizer, length cap and text form.
    """

    @property
    def name(self) -> str:
        """The name that a user configures: `static`, `minilm`, `openai:MODEL`."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    @property
    def document_identity(self) -> str:
        """Identity of the documents' side."""

    @property
    def query_identity(self) -> str:
        """Identity of the queries' side."""

    @property
    def apart(self) -> Callable[[list[str]], VectorRows] | None:
        """What embeds documents in another process: a module's own function.

        None where a process more would gain nothing, or cannot have what the model needs.
        """

    def embed_documents(self, texts: Sequence[str]) -> VectorRows:
        """Embed texts; shape (len(texts), dimension), rows of norm 1."""

    def embed_query(self, text: str) -> Vector:
        """Embed one query; shape (dimension,), norm 1."""
