"""Which store and which model belong to a space? They are opened here, once each, and closed."""

from collections.abc import Callable
from dataclasses import dataclass

from hikma.applying import Target, drain
from hikma.catalog import ledger, outbox, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import SpaceMismatchError
from hikma.models.choice import open_for
from hikma.protocols import Embedder, Nearest, VectorStore
from hikma.routing import Route, Tried
from hikma.settings import Settings
from hikma.vectors.resident import open_store
from hikma.vectors.sqlite import SqliteVectors


@dataclass(frozen=True, slots=True)
class Opened:
    """The space that answers, with its model and who knows what is near in it."""

    space: VectorSpace
    embedder: Embedder
    store: Nearest


class Wiring:
    """The stores and models of one file; a model that two spaces have is opened once."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        models: Callable[[str], Embedder] | None = None,
    ) -> None:
        """Open nothing yet; `models` stand in for those that the settings name."""
        self._catalog = catalog
        self._settings = settings
        self._models = models
        self._stores: dict[int, tuple[VectorSpace, VectorStore]] = {}
        self._embedders: dict[str, Embedder] = {}
        self.failures: list[str] = []

    def open(self, route: Route) -> Opened:
        """Return what answers a query; SpaceMismatchError for a model of another version."""
        space, proven = route.space, route.proven
        store: Nearest = self.store(space)
        if proven is not None and proven.documents == space.documents:
            store = Tried(store, self.store(proven), self._failed)
        return Opened(space, self.embedder(space), store)

    def _failed(self, reason: str) -> None:
        self.failures.append(reason)

    def embedder(self, space: VectorSpace) -> Embedder:
        """Return the model of a space."""
        if space.documents not in self._embedders:
            found = self.model(space.model, space)
            if (found.document_identity, found.query_identity) != (space.documents, space.queries):
                raise SpaceMismatchError(
                    f"{self._catalog.path} was built by another version of the model "
                    f"{space.model!r}; build it anew with `hikma index --full`."
                )
            self._embedders[space.documents] = found
        return self._embedders[space.documents]

    def model(self, name: str, held: VectorSpace | None) -> Embedder:
        """Return a model by the name that a user configures."""
        return self._models(name) if self._models else open_for(self._settings, name, held)

    def store(self, space: VectorSpace) -> VectorStore:
        """Return what holds a space's vectors."""
        held = self._stores.get(space.id)
        if held is None or not _is_same_place(held[0], space):
            made = self._open_store(space)
            if held is not None:
                held[1].close()
            held = self._stores[space.id] = (space, made)
        return held[1]

    def drain(self, wait_s: float) -> int:
        """Bring spaces outside the file what they are owed; return how many rows are left."""
        with self._catalog.read() as connection:
            outside = [one for one in spaces.active(connection) if not spaces.is_inside(one)]
        left = [drain(Target(self._catalog, one, self.store(one)), wait_s) for one in outside]
        return sum(one.pending for one in left)

    def rebuild(self, space: VectorSpace, wait_s: float) -> int:
        """Build a space's search structure anew from the canonical rows; return how many it has."""
        if spaces.is_inside(space):
            return SqliteVectors(self._catalog, space).rebuild()
        with self._catalog.write() as connection:
            outbox.enqueue(connection, space.id, ledger.every_id(connection))
        self.drain(wait_s)
        return len(self.store(space))

    def close(self) -> None:
        """Close every store."""
        for _, store in self._stores.values():
            store.close()
        self._stores.clear()

    def _open_store(self, space: VectorSpace) -> VectorStore:
        if spaces.is_inside(space):
            return open_store(self._catalog, space, self._settings.vector_scan)
        from hikma.vectors.lance import LanceVectors  # noqa: PLC0415 -- an extra, slow to import

        return LanceVectors(self._catalog, space)


def _is_same_place(one: VectorSpace, other: VectorSpace) -> bool:
    """Whether two rows of one id mean the same vectors: its state may change, and no more."""
    return (one.backend, one.location, one.documents, one.dimension, one.index_type) == (
        other.backend,
        other.location,
        other.documents,
        other.dimension,
        other.index_type,
    )
