"""The composition root and public API: everything is wired here, and nowhere else."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import apsw

from hikma import flags, freshness, placing, routing
from hikma.catalog import (
    adopted,
    checks,
    completeness,
    drafts,
    fulltext,
    graph,
    identity,
    imports,
    ledger,
    migrations,
    pulls,
    spaces,
)
from hikma.catalog.schema import Catalog
from hikma.documents import words
from hikma.domain import NodeId, Query, VectorSpace
from hikma.errors import UsageError
from hikma.models.choice import check_asked, first_space
from hikma.results import Freshness, IndexReport, SearchResult, Shown, Status
from hikma.settings import Settings, load_settings
from hikma.sources.roots import find_root
from hikma.telemetry import Track, silent
from hikma.vectors.checking import altered_codes
from hikma.wiring import Opened, Wiring

if TYPE_CHECKING:
    from hikma import search as searching
    from hikma.backing_up import Backup, Restored
    from hikma.catalog.collecting import Collected
    from hikma.moving import Mover
    from hikma.packing import Form
    from hikma.protocols import Embedder
    from hikma.ranking import Weights
    from hikma.results import VectorStats
    from hikma.sources.opening import Source
    from hikma.storing import Sink
    from hikma.updating import Job

DEFAULT_MODEL = "static"
WRITER_WAIT_S = 60.0
DRAIN_WAIT_S = 60.0
"""So long a command waits until stores outside the file have what it wrote."""


class Engine:
    """One repository and its file; use `Engine.open`, then `close` it or use `with`."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        revision: str | None = None,
        models: "Callable[[str], Embedder] | None" = None,
    ) -> None:
        """Hold what is needed to open the file; nothing is opened yet."""
        self.root = root
        self.settings = settings
        self.revision = revision
        self._models = models
        self.database = placing.database_of(root, settings, revision)
        self._catalog: Catalog | None = None
        self._wiring: Wiring | None = None
        self._through: VectorSpace | None = None

    @classmethod
    def open(
        cls,
        path: Path | str = ".",
        *,
        flags: Mapping[str, Any] | None = None,
        revision: str | None = None,
    ) -> Self:
        """Find the repository around `path` and read its settings."""
        root = find_root(Path(path))
        settings = load_settings(root, os.environ, flags or {})
        return cls(root, settings, _commit_of(root, revision) if revision else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and whatever answers from it."""
        still = self._wiring is None or self._wiring.close()
        if self._catalog and still:
            self._catalog.close()
        self._wiring = self._catalog = None

    @property
    def catalog(self) -> Catalog:
        """The open file; raises IndexMissingError when there is none."""
        if self._catalog is None:
            self._catalog = Catalog.open(self.database)
        return self._catalog

    def index(
        self,
        *,
        full: bool = False,
        dry_run: bool = False,
        history: bool = True,
        pull_requests: Path | None = None,
        track: Track = silent,
    ) -> IndexReport:
        """Bring the file to the repository as it now is: its tree first, then its history.

        `full` builds a fresh file beside the old one, which answers until the other is complete;
        with another `embedding_model` in the settings this is how the model is changed.
        `pull_requests` is a JSON file with titles, descriptions and states that git does not know.
        """
        from hikma.sources.accounts import read_accounts  # noqa: PLC0415 -- no search needs this
        from hikma.sources.opening import open_source  # noqa: PLC0415 -- likewise
        from hikma.updating import Job  # noqa: PLC0415 -- likewise

        given = {} if pull_requests is None else read_accounts(pull_requests)
        with closing(open_source(self.root, self.revision)) as source:
            if pull_requests and not (history and source.head):
                raise UsageError(f"{pull_requests} belongs to a history, and none is indexed here")
            if dry_run:
                return self._preview(source)
            placing.ignore_own_folder(self.database)
            catalog = self._create()
            with catalog.exclusive("hikma index", WRITER_WAIT_S):
                for left in (self.database, self._draft):  # by runs that were killed
                    drafts.sweep(left)
                drafts.discard(self._draft)
                with catalog.read() as connection:  # a full run must not lose them
                    adopted.refuse_indexing(connection, self.database)
                    fresh = migrations.is_fresh(connection, full=full)
                    given = {**pulls.accounts(connection, pulls.GIVEN), **given} if full else given
                job = Job(source, history, given, track, is_past=self.revision is not None)
                report = self._index_full(job) if full else self._index_into(catalog, job)
                if fresh:
                    self.migration.seed(self.settings)
                return replace(report, owed=self._wired(self.catalog).drain(DRAIN_WAIT_S))

    def at(self, revision: str) -> "Engine":
        """Return an engine on a commit's tree, in a file of its own; the caller closes it."""
        return Engine(self.root, self.settings, _commit_of(self.root, revision), self._models)

    def over(self, folder: Path, database: Path) -> "Engine":
        """Return an engine on another folder, with these settings; the caller closes it."""
        return Engine(folder, replace(self.settings, database=database), models=self._models)

    def through(self, space: VectorSpace) -> "Engine":
        """Return an engine whose queries one space answers; the caller closes it."""
        made = Engine(self.root, self.settings, self.revision, self._models)
        made._through = space
        return made

    def search(
        self, query: Query, form: "Form | None" = None, weights: "Weights | None" = None
    ) -> SearchResult:
        """Answer a query from the file; never writes.

        `form` tells what a query's budget is spent on, as a default each snippet, its place, its
        name; `weights` are other ones than the ranking's own.
        """
        from hikma import search as searching  # noqa: PLC0415 -- an index run ranks nothing

        with self.catalog.read():  # one state: the space that answers and the rows that it means
            sources = self.sources(query.text)
            sources = sources if weights is None else replace(sources, weights=weights)
            return searching.search(sources, query, form)

    def sources(self, key: str = "") -> "searching.Sources":
        """Return what a search reads from; ask for it in the read transaction of that search.

        `key` decides which space answers while one is on trial.
        """
        from hikma import search as searching  # noqa: PLC0415 -- an index run ranks nothing

        answering = self._answer(key)
        return searching.Sources(
            self.catalog,
            answering.store,
            answering.embedder,
            freshness.of_files(self.root, self.revision),
            self._freshness,
            proven=answering.proven,
            postings=self._wired(self.catalog).postings,
        )

    def status(self) -> Status:
        """Tell what is indexed, how fresh it is, and what the next run would do."""
        from hikma import planning  # noqa: PLC0415 -- a search must not pay for the parsers
        from hikma.sources.opening import open_source  # noqa: PLC0415 -- likewise

        with closing(open_source(self.root, self.revision)) as source:
            snapshot = source.snapshot()
        with self.catalog.read() as connection:
            plan = planning.make_plan(connection, snapshot)
            holder, space = self.catalog.holder(), self._space(connection)
            return Status(
                database=str(self.database),
                bytes=self.database.stat().st_size,
                index=self._freshness(connection),
                changed=len(plan.added) + len(plan.modified) + len(plan.removed),
                documents=fulltext.count(connection),
                kinds={kind.value: count for kind, count in graph.counts(connection).items()},
                languages=graph.languages(connection),
                imports=imports.counts(connection),
                gaps=completeness.gap_counts(connection),
                skips=tuple(graph.skips(connection)),
                space=space,
                writer=f"process {holder.pid}: {holder.command}" if holder else None,
                unloaded=self._wired(self.catalog).unloaded(space),
            )

    def show(self, node_id: NodeId) -> Shown:
        """Return a node, its text as indexed and its edges; NodeNotFoundError names near ids."""
        from hikma import showing  # noqa: PLC0415 -- no search needs it

        with self.catalog.read() as connection:
            digest_now = freshness.of_files(self.root, self.revision)
            return showing.show(connection, node_id, digest_now)

    def vector_stats(self) -> "VectorStats":
        """Count vectors by kind, and tell how many of the exact nearest the space finds."""
        with self.catalog.read() as connection:
            return self._wired(self.catalog).stats(connection, self._space(connection))

    def rebuild_vectors(self) -> int:
        """Build the search structure anew from the canonical rows; return how many it holds."""
        with self.catalog.exclusive("hikma vectors rebuild", WRITER_WAIT_S):
            # Asked inside: the process waited for may have changed the space.
            with self.catalog.read() as connection:
                space = self._space(connection)
            return self._wired(self.catalog).rebuild(space, DRAIN_WAIT_S)

    def insert_vectors(self, path: Path) -> int:
        """Bring vectors from a file for existing ids; return how many documents changed."""
        from hikma import insertion  # noqa: PLC0415 -- rarely used

        catalog = self.catalog
        given = insertion.read_vectors(path)
        with catalog.exclusive("hikma vectors insert", WRITER_WAIT_S):
            with catalog.read() as connection:
                space = self._space(connection)
                self._refuse_others(connection, space)
            count = len(insertion.insert(self._sink(catalog), space, given))
            self._wired(catalog).drain(DRAIN_WAIT_S)
            return count

    def collect(self, *, retired: bool = False) -> "Collected":
        """Drop what nothing refers to; with `retired` the vectors that migrations left, too."""
        from hikma.catalog import collecting  # noqa: PLC0415 -- rarely used

        with self.catalog.exclusive("hikma gc", WRITER_WAIT_S):
            drop = self._wired(self.catalog).drop_retired if retired else lambda: 0
            return collecting.collect(self.catalog, words, drop)

    def backup(self, path: Path, *, force: bool = False) -> "Backup":
        """Copy the index as it is now to a file, while it is in use; `force` replaces the file."""
        from hikma import backing_up  # noqa: PLC0415 -- rarely used

        return backing_up.backup(self.catalog, path, force=force)

    def restore(self, path: Path) -> "Restored":
        """Make a copy the index, whole or not at all; it is checked before."""
        from hikma import backing_up  # noqa: PLC0415 -- rarely used

        self.close()
        made = backing_up.restore(self.database, path, WRITER_WAIT_S)
        placing.ignore_own_folder(self.database)
        return made

    @property
    def migration(self) -> "Mover":
        """What moves the vectors to another space while they are searched."""
        from hikma.moving import Mover  # noqa: PLC0415 -- rarely used

        return Mover(self.catalog, self._wired(self.catalog), self.root, self.revision)

    def examine(self) -> Sequence[checks.Finding]:
        """Check the file's integrity and invariants; empty when it is sound."""
        with self.catalog.read() as connection:
            return [*checks.examine(connection), *altered_codes(self.catalog, connection)]

    def _create(self) -> Catalog:
        if self._catalog is None:
            self._catalog = Catalog.open(self.database, create=True)
        return self._catalog

    def _preview(self, source: "Source") -> IndexReport:
        from hikma import planning  # noqa: PLC0415 -- a search must not pay for the parsers

        catalog = self.catalog if self.database.exists() else None
        return planning.preview(catalog, self.database, source)

    def _index_into(self, catalog: Catalog, job: "Job") -> IndexReport:
        from hikma import updating  # noqa: PLC0415 -- a search must not pay for the parsers

        with catalog.write() as connection:
            held = ledger.space(connection)
            if held:
                self._refuse_others(connection, held)
            else:
                ledger.create_space(connection, self._wanted())
        return updating.update(self._sink(catalog), job, os.cpu_count() or 1)

    def _sink(self, catalog: Catalog) -> "Sink":
        from hikma.storing import Sink  # noqa: PLC0415 -- a search writes nothing

        with catalog.read() as connection:
            identity.check(connection, catalog.path)
        wiring = self._wired(catalog)
        size = self.settings.vector_batch_size
        return Sink(catalog, wiring.embedder, wiring.store, size)

    def _index_full(self, job: "Job") -> IndexReport:
        """Build beside the file, then copy every page into it in one transaction."""
        try:
            fresh = Catalog.open(self._draft, create=True)
            try:
                report = self._index_into(fresh, job)
                with fresh.write() as connection:
                    identity.settle(connection, self.database)
            finally:
                fresh.close()
            self.catalog.replace_by(self._draft)
            self._let_go()
        finally:
            drafts.discard(self._draft)
        return replace(report, database=str(self.database))

    @property
    def _draft(self) -> Path:
        """Where a full index is built until it is complete."""
        return self.database.with_name(f"{self.database.name}.full")

    def _answer(self, key: str = "") -> Opened:
        """Return what answers now; another process may have changed the space meanwhile."""
        if self._through is not None:
            return self._wired(self.catalog).open(routing.Route(self._through))
        with self.catalog.read() as connection:
            found = routing.route(connection, key) or routing.Route(self._space(connection))
            self._refuse_others(connection, found.proven or found.space)
        return self._wired(self.catalog).open(found)

    def _wired(self, catalog: Catalog) -> Wiring:
        """Return the stores and models of a file; those of a draft are not those of the file."""
        if catalog is not self._catalog:
            return Wiring(catalog, self.settings, self._models)
        if self._wiring is None:
            self._wiring = Wiring(catalog, self.settings, self._models)
        return self._wiring

    def _let_go(self) -> None:
        """Forget stores and models: the file is another one now."""
        if self._wiring:
            self._wiring.close()
        self._wiring = None

    def _wanted(self) -> VectorSpace:
        """Return the space of a fresh file: a model is changed by asking, never by the way."""
        with self.catalog.read() as connection:
            held = ledger.space(connection)
        name = self.settings.embedding_model or (held.model if held else DEFAULT_MODEL)
        model = self._wired(self.catalog).model(name, None)
        return first_space(self.settings, model, flags.backend(self.settings))

    def _refuse_others(self, connection: apsw.Connection, space: VectorSpace) -> None:
        """Refuse settings that ask for another space, or another state, than the file's."""
        flags.check(connection, self.settings, space)
        check_asked(self.settings, space)

    def _space(self, connection: apsw.Connection) -> VectorSpace:
        return spaces.answering(connection, self.database)

    def _freshness(self, connection: apsw.Connection) -> Freshness:
        return freshness.of_index(connection, self.root, self.revision)


def _commit_of(root: Path, revision: str) -> str | None:
    from hikma.sources.opening import commit_of  # noqa: PLC0415 -- for revisions only

    return commit_of(root, revision)
