"""Which store and which model belong to a space? They are opened here, once each, and closed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import apsw

from hikma.applying import Target, alone, drain
from hikma.catalog import identity, ledger, outbox, spaces
from hikma.catalog.postings import Postings
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import HikmaError, SpaceMismatchError
from hikma.models.choice import open_for
from hikma.protocols import Embedder, Nearest, VectorStore
from hikma.results import VectorStats
from hikma.routing import Route, Tried
from hikma.settings import Settings
from hikma.vectors.resident import ResidentVectors, open_store
from hikma.vectors.sqlite import SqliteVectors
from hikma.waiting import Awaited

if TYPE_CHECKING:
    from hikma.catalog.migrations import Migration
    from hikma.migration.shadowing import Shadow
    from hikma.migration.tallying import Tally
    from hikma.retrieval import Proven
    from hikma.vectors.lance import LanceVectors

_ONE_SHOT = 2
"""Questions of an engine before a target is asked them too, and words are kept: a command has no
time for that."""
_PATIENCE_S = 10.0
"""So long a target may take for such a question: its first one opens it."""
_SHARE = 0.1
"""Of the questions that a target is asked too."""


Told: TypeAlias = Callable[[str | None], None]
"""Is told of each query on trial why it failed; None where it did not."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """The space that answers, with its model and who knows what is near in it."""

    space: VectorSpace
    embedder: Embedder
    store: Nearest
    proven: "Proven | None" = None


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
        self._stores: dict[int, tuple[tuple[object, ...], VectorStore]] = {}
        self._embedders: dict[str, Embedder] = {}
        self._shadow: Shadow | None = None
        self._tally: Tally | None = None
        self._trials: dict[int, Awaited] = {}
        self._asked = 0
        self._postings: Postings | None = None

    @property
    def settings(self) -> Settings:
        """How stores are opened: where vectors are compared, how long a request may take."""
        return self._settings

    @property
    def postings(self) -> Postings | None:
        """What keeps words in memory, for an engine that also keeps the codes of vectors there."""
        scan = self._settings.vector_scan
        if scan == "disk" or (scan == "auto" and self._asked <= _ONE_SHOT):
            return None
        self._postings = self._postings or Postings(self._catalog)
        return self._postings

    def open(self, route: Route) -> Opened:
        """Return what answers a query; SpaceMismatchError for a model of another version."""
        space, proven = route.space, route.proven
        store: Nearest = self.store(space)
        if proven is not None and proven.documents != space.documents:
            return self._other_model(space, proven, self._telling(route.held))
        if proven is not None:
            store = Tried(self._awaited(space), self.store(proven), self._telling(route.held))
        self._asked += 1
        watched = route.watched
        if watched is not None and watched.documents != space.documents:
            watched = None  # its model would have to be asked too
        if watched is not None and route.held is not None and self._asked > _ONE_SHOT:
            store = self._shadowed(store, route.held, watched)
        return Opened(space, self.embedder(space), store)

    def _other_model(self, tried: VectorSpace, proven: VectorSpace, told: Told) -> Opened:
        """Return a space on trial whose model is another one, with whom to ask where it fails."""
        from hikma.retrieval import Proven  # noqa: PLC0415 -- only while a model is on trial

        rescue = Proven(self.store(proven), self.embedder(proven), told)
        try:
            return Opened(tried, self.embedder(tried), self._awaited(tried), rescue)
        except HikmaError as error:
            told(str(error))
            return Opened(proven, rescue.embedder, rescue.store)

    def _awaited(self, space: VectorSpace) -> Nearest:
        """Return a space on trial: what lies outside the file may hang."""
        store = self.store(space)
        if spaces.is_inside(space):
            return store
        if space.id not in self._trials or self._trials[space.id].store is not store:
            self._trials[space.id] = Awaited(store)
        return self._trials[space.id]

    def _telling(self, held: "Migration | None") -> Told:
        """Return what counts queries on trial, and says why the proven space had to answer one."""
        from hikma.migration.tallying import Tally  # noqa: PLC0415 -- only while one is on trial

        tally = self._tally = self._tally or Tally(self._catalog)

        def told(error: str | None) -> None:
            if error is not None:
                _log.warning("the space on trial failed, and the proven one answered: %s", error)
            if held is not None:
                tally.tell(held, error)

        return told

    def _shadowed(self, source: Nearest, held: "Migration", watched: VectorSpace) -> Nearest:
        """Return a store whose questions the target is asked too, later and elsewhere."""
        from hikma.migration import shadowing  # noqa: PLC0415 -- only while both are compared

        if self._shadow is None:
            self._shadow = shadowing.Shadow(self._catalog, _PATIENCE_S, _SHARE)
        shadow, target = self._shadow, self.store(watched)
        exact = watched.index_type == "flat"
        return shadowing.Shadowed(
            source, lambda one: shadow.observe(held, one, target, exact=exact)
        )

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
        place = self._place(space)
        held = self._stores.get(space.id)
        if held is None or held[0] != place:
            made = self._open_store(space)
            if held is not None:
                held[1].close()
            held = self._stores[space.id] = (place, made)
        return held[1]

    def _place(self, space: VectorSpace) -> tuple[object, ...]:
        """Return what makes a store another one: its row's state may change, and no more.

        What lies outside belongs to a file by its identity, and a restored file has another one.
        """
        name = ""
        if not spaces.is_inside(space):
            with self._catalog.read() as connection:
                name = identity.of(connection)
        place = (space.backend, space.location, space.documents, space.dimension)
        return (*place, space.index_type, name)

    def stats(self, connection: apsw.Connection, space: VectorSpace) -> VectorStats:
        """Count the vectors of the space that answers, and measure its recall."""
        from hikma.vectors.recalling import recall  # noqa: PLC0415 -- rarely used

        return VectorStats(ledger.stats(connection), recall(connection, space, self.store(space)))

    def unloaded(self, space: VectorSpace) -> str | None:
        """Tell why a space's codes are not in memory as was asked; None where nothing failed."""
        _, store = self._stores.get(space.id, (None, None))
        return store.unloaded if isinstance(store, ResidentVectors) else None

    def drain(self, wait_s: float) -> int:
        """Bring spaces outside the file what they are owed; return how many rows are left.

        What a space inside is owed lacks its vector, which `migrate advance` makes.
        """
        with self._catalog.read() as connection:
            active = spaces.active(connection)
        for one in active:
            if not spaces.is_inside(one):
                drain(Target(self._catalog, one, self.store(one)), wait_s)
        with self._catalog.read() as connection:
            return sum(outbox.backlog(connection, one.id).pending for one in active)

    def prepare(self, space: VectorSpace) -> int:
        """Make sure that a space can be written; return how many rows it holds already."""
        store = self.store(space)
        if not spaces.is_inside(space):
            cast("LanceVectors", store).prepare()
        return len(store)

    def complete(self, space: VectorSpace) -> None:
        """Have an index outside the file hold all of its space's rows."""
        if not spaces.is_inside(space):
            cast("LanceVectors", self.store(space)).complete()

    def rebuild(self, space: VectorSpace, wait_s: float) -> int:
        """Build a space's search structure anew from the canonical rows; return how many it has."""
        if spaces.is_inside(space):
            return SqliteVectors(self._catalog, space).rebuild()
        store = self.store(space)
        cast("LanceVectors", store).rebuild()
        self.drain(wait_s)
        return len(store)

    def drop_retired(self) -> int:
        """Give up the spaces that migrations have left; return how many there were.

        Raises StoreError where one cannot be reached, and LockedFileError where somebody still
        brings vectors to it; it is kept then, with those after it.
        """
        with self._catalog.read() as connection:
            left = spaces.retired(connection)
            outside = not all(spaces.is_inside(one) for one in left)
            identity.check(connection, self._catalog.path, kept=outside)
        for one in left:
            self._drop(one)
        return len(left)

    def _drop(self, space: VectorSpace) -> None:
        """Give up a space: its rows first, so that what fails on the way is tried again."""
        if spaces.is_inside(space):
            SqliteVectors(self._catalog, space).drop()
        else:
            with alone(self._catalog.path, space.id):
                cast("LanceVectors", self.store(space)).drop()
        with self._catalog.write() as connection:
            spaces.put_state(connection, space.id, spaces.DROPPED)

    def close(self) -> bool:
        """Close every store; tell whether none is busy in a thread that cannot be stopped."""
        threads = (self._shadow, self._tally, *self._trials.values())
        still = [one is None or one.close() for one in threads]
        self._trials.clear()
        self._shadow = self._tally = None
        for _, store in self._stores.values():
            store.close()
        self._stores.clear()
        if self._postings is not None:
            self._postings.close()
            self._postings = None
        return all(still)

    def _open_store(self, space: VectorSpace) -> VectorStore:
        if spaces.is_inside(space):
            return open_store(self._catalog, space, self._settings.vector_scan)
        from hikma.vectors.lance import LanceVectors  # noqa: PLC0415 -- 20 ms that most never need

        return LanceVectors(self._catalog, space, self._settings.vector_timeout_s)
