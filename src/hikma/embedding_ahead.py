"""Vectors of a large run, made in a process of their own while this one writes what came before.

Whoever embeds takes what is ready and makes the rest itself, so nothing depends on that process.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from hikma.catalog import spaces
from hikma.domain import Document
from hikma.sources.workers import run
from hikma.storing import Embedded, Sink, without_vector

Batch = TypeVar("Batch")

ENOUGH_BYTES = 4 * 1024 * 1024
"""Source that is worth a process: its start costs as much as embedding a tenth of this."""


def ahead(
    sink: Sink, batches: Iterable[Batch], documents: Callable[[Batch], Sequence[Document]]
) -> Iterator[tuple[Batch, Embedded | None]]:
    """Yield each batch with the vectors that the answering model gives to its new texts.

    None where that model works in this process only, or its worker failed.
    """
    with sink.catalog.read() as connection:
        space = spaces.active(connection)[0]
    task = sink.embedder(space).apart
    if task is None:
        yield from ((batch, None) for batch in batches)
        return
    held: deque[tuple[Batch, list[bytes]]] = deque()

    def texts() -> Iterator[list[str]]:
        for batch in batches:
            meanings = {one.digest: one.meaning for one in documents(batch)}
            meanings = without_vector(sink, space.documents, meanings)
            held.append((batch, list(meanings)))
            yield list(meanings.values())

    for vectors in run(task, texts(), workers=1, on_failure=_nothing):
        batch, digests = held.popleft()
        yield batch, None if vectors is None else Embedded(space.documents, digests, vectors)


def _nothing(_texts: list[str], _reason: str) -> None:
    """Leave texts to the process that writes: there their fault is told as it always is."""
