"""The job of giving documents the vectors of a model that they have none of yet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from hikma.applying import Target
from hikma.catalog import embeddings, ledger
from hikma.catalog.embeddings import Lacking
from hikma.errors import MigrationError
from hikma.protocols import Embedder
from hikma.telemetry import Track, silent

BATCH = 100
"""Texts that are embedded, and whose vectors are stored, at a time: a kill loses no more."""
_SHOWN = 3

Texts: TypeAlias = Callable[[Sequence[Lacking]], Iterator[tuple[bytes, str]]]
"""Reads texts again: yields the digest and the meaning of each that is still there."""


@dataclass(frozen=True, slots=True)
class Making:
    """What makes vectors: the model of a space, and who reads texts.

    `wait` is called before each batch with its rows and with those of all, to hold it back;
    `goes_on` tells whether the work is still wanted.
    """

    embedder: Embedder
    texts: Texts
    wait: Callable[[int, int], None]
    goes_on: Callable[[], bool]
    track: Track = silent


def embed(target: Target, making: Making) -> None:
    """Embed what has no vector by the space's model; what was stored before is not done again.

    Raises MigrationError naming the files of which a text is no longer what was indexed.
    """
    model = target.space.documents
    with target.catalog.read() as connection:
        lacking = embeddings.origins(connection, model)
        had = embeddings.embedded(connection, model)
    if not lacking:
        return
    done, total = had, had + len(lacking)
    texts = making.texts(lacking)
    while batch := list(islice(texts, BATCH)):
        making.wait(len(batch), len(lacking))
        if not making.goes_on():
            return
        done += _store(target, making, dict(batch))
        making.track("embed", done, total)
    with target.catalog.read() as connection:
        left = embeddings.origins(connection, model)
    if left:
        raise _left(target, left)


def _store(target: Target, making: Making, texts: dict[bytes, str]) -> int:
    """Embed a batch, and keep it; another process may have embedded some of it meanwhile."""
    model = target.space.documents
    with target.catalog.read() as connection:
        missing = ledger.missing(connection, model, list(texts))
    digests = [digest for digest in texts if digest in missing]
    vectors = making.embedder.embed_documents([texts[digest] for digest in digests])
    with target.catalog.write() as connection:
        ledger.put_embeddings(connection, model, digests, vectors)
    return len(texts)


def _left(target: Target, left: Sequence[Lacking]) -> MigrationError:
    names = list(dict.fromkeys(one.path or one.name for one in left))
    more = f" (+{len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return MigrationError(
        f"{len(left)} documents have no vector by the model {target.space.model!r}, for what was "
        f"indexed of them is no longer there: {', '.join(names[:_SHOWN])}{more}. Run "
        "`hikma index`, which embeds what changed, then repeat; if they stay, roll back and run "
        "`hikma index --full`."
    )
