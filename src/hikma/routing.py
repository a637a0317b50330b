"""Which space answers this query? The durable state says it, at every query anew."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import apsw

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.catalog import ledger, migrations, spaces
from hikma.catalog.migrations import Migration, Step
from hikma.domain import VectorSpace
from hikma.errors import CatalogError, MissingVectorError, StoreError
from hikma.protocols import Nearest

_COMPARING = frozenset({Step.SHADOW, Step.CANARY})
BUCKETS = 10_000
"""Of a hundred percent: a hundredth of a percent is the smallest share."""


@dataclass(frozen=True, slots=True)
class Route:
    """The space that answers; `proven` is whom to ask where that one is on trial and fails.

    `held` is the migration that is at its trial; `watched` is its target, which is asked the same
    off the request's path.
    """

    space: VectorSpace
    proven: VectorSpace | None = None
    held: Migration | None = None
    watched: VectorSpace | None = None


def bucket(salt: bytes, key: str) -> int:
    """Return where a query stands from 0 to 9,999: the same one always in the same place."""
    digest = blake2b(salt + b"|" + key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def is_tried(held: Migration, key: str) -> bool:
    """Whether a query belongs to the share that the target answers; a larger share holds it too."""
    return bucket(held.salt, key) < held.read_percent * BUCKETS / migrations.FULL_PERCENT


def route(connection: apsw.Connection, key: str) -> Route | None:
    """Return which space answers a query; None in a file that has no space yet."""
    held = migrations.running(connection)
    if held is not None and held.step is Step.CANARY and is_tried(held, key):
        target, source = spaces.of(connection, held.target), spaces.of(connection, held.source)
        return Route(target, source, held)
    answering = ledger.space(connection)
    if answering is not None and held is not None and held.step in _COMPARING:
        return Route(answering, None, held, spaces.of(connection, held.target))
    return None if answering is None else Route(answering)


class Tried:
    """A store on trial: where it fails, the one that it is to replace answers, and that is told."""

    def __init__(self, tried: Nearest, proven: Nearest, told: Callable[[str | None], None]) -> None:
        """Ask `tried` first; of each query `told` gets why it failed, None where it did not."""
        self._tried = tried
        self._proven = proven
        self._told = told

    def nearest(
        self, query: Vector, limit: int, within: DocumentIds | None = None
    ) -> list[Neighbor]:
        """Return the nearest by the store on trial, else by the proven one."""
        try:
            found = self._tried.nearest(query, limit, within)
        except (StoreError, CatalogError, MissingVectorError, apsw.Error) as error:
            self._told(str(error))
            return self._proven.nearest(query, limit, within)
        self._told(None)
        return found
