"""Any OpenAI-compatible server as an embedder: texts and queries leave the machine for it alone.

The server's address is no part of the identity, for a server may move; what it calls its model is,
for a server may serve another one under the same address.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hikma.arrays import Vector, VectorRows
from hikma.errors import ConfigurationError, ModelError
from hikma.models import REMOTE
from hikma.models.abreast import abreast
from hikma.models.answers import Answered, read_answer
from hikma.models.posting import Poster, RefusedError
from hikma.models.server import DOCUMENTS, QUERY, Known, Patience, Server

PATH = "/embeddings"

TEXTS = 32
"""Texts a request at most: what servers with a limit of their own accept by default."""
TEXT_CHARACTERS = 4_000
"""Length cap; no server with 8,192 tokens or more refuses so much code."""
REQUEST_CHARACTERS = 60_000
WIDTH = 4
"""Requests side by side."""
SHORTEST = 100
"""A text of so few characters that is too long for the server is a failure."""
BLANK = "(blank)"
"""Stands for a text without a visible character, which servers refuse."""
PROBE = "hikma"

FORM = f"openai 1: characters={TEXT_CHARACTERS}, halved while the server finds a text too long"


class RemoteEmbedder:
    """An `Embedder` that asks a server; what it answers must be what the space was made with."""

    apart = None

    def __init__(
        self,
        name: str,
        server: Server | None,
        known: Known,
        patience: Patience = DOCUMENTS,
        query_patience: Patience = QUERY,
    ) -> None:
        """Hold what to ask; without a server every text is refused, and only then."""
        self.name = name
        self.dimension = known.dimension
        self.document_identity = self.query_identity = known.identity
        self._known = known
        self._endpoint = _Endpoint(name, server) if server else None
        self._patience = patience
        self._query_patience = query_patience

    def embed_documents(self, texts: Sequence[str]) -> VectorRows:
        """Embed texts, a few requests side by side; shape (len(texts), dimension)."""
        batches = list(_batches([_fit(text) for text in texts]))
        found = abreast(self._embed, batches, WIDTH)
        return np.concatenate([np.empty((0, self.dimension), np.float32), *found])

    def embed_query(self, text: str) -> Vector:
        """Embed one query, with the patience of somebody who waits."""
        vector: Vector = self._ask([_fit(text)], self._query_patience, threading.Event())[0]
        return vector

    def _embed(self, texts: Sequence[str], stopped: threading.Event) -> VectorRows:
        return self._ask(texts, self._patience, stopped)

    def _ask(
        self, texts: Sequence[str], patience: Patience, stopped: threading.Event
    ) -> VectorRows:
        """Ask for texts; halve a batch, then a text, while the server finds it too long.

        How much is cut off a text depends on the text and the server alone, not on its batch.
        """
        if self._endpoint is None:
            raise ModelError(
                f"the vectors are those of {self.name!r}, and no server is named that embeds; set "
                "HIKMA_EMBEDDING_URL, to http://localhost:11434/v1 for example."
            )
        try:
            answered = self._endpoint.ask(texts, patience, stopped)
        except RefusedError as error:
            if not error.too_long or (len(texts) == 1 and len(texts[0]) <= SHORTEST):
                raise
        else:
            self._check(answered, self._endpoint)
            return answered.rows
        middle = (len(texts) + 1) // 2
        halves = (
            [[texts[0][: len(texts[0]) // 2]]]
            if len(texts) == 1
            else [texts[:middle], texts[middle:]]
        )
        rows: VectorRows = np.concatenate([self._ask(half, patience, stopped) for half in halves])
        return rows

    def _check(self, answered: Answered, endpoint: "_Endpoint") -> None:
        """Refuse vectors of another model than the one that the file was built with."""
        found = answered.rows.shape[1]
        if found != self.dimension:
            raise ModelError(
                f"{endpoint.url} answered with {found} dimensions, and the file has "
                f"{self.dimension}; set HIKMA_VECTOR_DIMENSIONS as it was when the file was built, "
                f"have the server serve {endpoint.model!r} again, or build the file anew with "
                "`hikma index --full`."
            )
        if identity_of(endpoint.model, answered.served, found) != self._known.identity:
            raise ModelError(
                f"{endpoint.url} answered with the model {answered.served!r}, which is not what "
                "the file was built with; have the server serve that one again, or build the file "
                "anew with `hikma index --full`."
            )


class _Endpoint:
    """One server's embeddings of one model."""

    def __init__(self, name: str, server: Server) -> None:
        self.model = name.removeprefix(REMOTE)
        self._poster = Poster(server, PATH)
        self.url = self._poster.url
        wanted = {"dimensions": server.dimensions} if server.dimensions else {}
        self._fixed = {"model": self.model, **wanted}

    def ask(self, texts: Sequence[str], patience: Patience, stopped: threading.Event) -> Answered:
        """Embed texts by one request."""
        answer = self._poster.post({**self._fixed, "input": list(texts)}, patience, stopped)
        return read_answer(answer, len(texts), self.url)


def open_remote(
    name: str,
    server: Server | None,
    known: Known | None,
    patience: Patience = DOCUMENTS,
) -> RemoteEmbedder:
    """Open a server's model: as a space knows it, without asking, or by asking for one vector."""
    if known is None:
        known = _learn(name, server, replace(patience, attempts=2))  # whoever starts it waits
    return RemoteEmbedder(name, server, known, patience)


def identity_of(model: str, served: str, dimension: int) -> str:
    """Return the SHA-256 of what a vector depends on: never of the server's address."""
    parts = (FORM, f"model={model}", f"served={served}", f"dimension={dimension}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _learn(name: str, server: Server | None, patience: Patience) -> Known:
    """Ask a server for one vector: how long it is and what the model is called there."""
    if server is None:
        raise ConfigurationError(
            f"the model {name!r} needs a server; set HIKMA_EMBEDDING_URL, to "
            "http://localhost:11434/v1 for example."
        )
    endpoint = _Endpoint(name, server)
    answered = endpoint.ask([PROBE], patience, threading.Event())
    dimension = answered.rows.shape[1]
    if server.dimensions not in (None, dimension):
        raise ConfigurationError(
            f"HIKMA_VECTOR_DIMENSIONS = {server.dimensions}, but {name!r} at {endpoint.url} has "
            f"{dimension} and is not shortened there; leave it unset."
        )
    return Known(dimension, identity_of(endpoint.model, answered.served, dimension))


def _fit(text: str) -> str:
    """Return what is sent of a text: valid Unicode, capped, never blank."""
    sent = text[:TEXT_CHARACTERS].encode("utf-8", "replace").decode()
    return sent if sent.strip() else BLANK


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut texts into requests by count and by characters."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == TEXTS or size + len(text) > REQUEST_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
