"""Two encoders of one space as one embedder: one side for documents, one for queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hikma.arrays import Vector, VectorRows


class Encoder(Protocol):
    """Texts to unit vectors, by a model that knows what it is made of."""

    @property
    def identity(self) -> str:
        """What its vectors depend on."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    def embed(self, texts: Sequence[str]) -> VectorRows:
        """Return one unit vector a text; shape (len(texts), dimension)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An `Embedder` whose sides share a space; a model without sides is its own other side."""

    name: str
    documents: Encoder
    queries: Encoder
    apart: Callable[[list[str]], VectorRows] | None = None

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self.documents.dimension

    @property
    def document_identity(self) -> str:
        """Identity of the documents' side."""
        return self.documents.identity

    @property
    def query_identity(self) -> str:
        """Identity of the queries' side."""
        return self.queries.identity

    def embed_documents(self, texts: Sequence[str]) -> VectorRows:
        """Embed texts; shape (len(texts), dimension), rows of norm 1."""
        return self.documents.embed(texts)

    def embed_query(self, text: str) -> Vector:
        """Embed one query; shape (dimension,), norm 1."""
        vector: Vector = self.queries.embed([text])[0]
        return vector
