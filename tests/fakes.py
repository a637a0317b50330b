"""Working stand-ins for models: no weights, yet similar texts are near."""

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from hikma.arrays import Vector, VectorRows

_WORD = re.compile(r"[a-z]+|[0-9]+")


class HashingEmbedder:
    """Each word adds to a few buckets of its own, so that texts sharing words are near."""

    def __init__(self, dimension: int = 384, name: str = "hashing") -> None:
        self._dimension = dimension
        self._name = name
        self.apart = None
        self.embedded = 0
        """How many documents were embedded so far: what was reused was not."""

    @property
    def name(self) -> str:
        """What a user would configure."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    @property
    def document_identity(self) -> str:
        """Identity of the documents' side."""
        return blake2b(f"{self._name} {self._dimension}".encode(), digest_size=32).hexdigest()

    @property
    def query_identity(self) -> str:
        """Identity of the queries' side: the same."""
        return self.document_identity

    def embed_documents(self, texts: Sequence[str]) -> VectorRows:
        """Embed texts, a row each."""
        self.embedded += len(texts)
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        return np.stack([self._embed(text) for text in texts])

    def embed_query(self, text: str) -> Vector:
        """Embed one text."""
        return self._embed(text)

    def _embed(self, text: str) -> Vector:
        row = np.full(self._dimension, 1e-3)
        for word in _WORD.findall(re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()):
            digest = blake2b(word.encode(), digest_size=16).digest()
            for start in range(0, 16, 4):
                bucket = int.from_bytes(digest[start : start + 3], "little") % self._dimension
                row[bucket] += 1.0 if digest[start + 3] & 1 else -1.0
        return (row / np.linalg.norm(row)).astype(np.float32)
