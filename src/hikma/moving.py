"""The engine's side of a migration: the stores, models and settings that its jobs are given."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeAlias

import apsw

from hikma import applying, flags
from hikma.applying import Target
from hikma.catalog import adopted, embeddings, identity, migrations, outbox, owning, spaces
from hikma.catalog import state as stored
from hikma.catalog.embeddings import Lacking
from hikma.catalog.migrations import Migration, Step
from hikma.catalog.schema import Catalog
from hikma.catalog.verifications import Verification
from hikma.courtesy import give_way
from hikma.domain import VectorSpace
from hikma.errors import MigrationError
from hikma.migration import asking, comparing, embedding, gates, judging, stepping, verifying
from hikma.migration import status as reading
from hikma.migration.backfilling import leave_trail
from hikma.migration.embedding import Making
from hikma.migration.gates import Quality, Thresholds
from hikma.migration.status import MigrationStatus
from hikma.migration.stepping import Move
from hikma.migration.throttle import FEW_ROWS, Throttle
from hikma.models.choice import space_for
from hikma.probing import Prober
from hikma.settings import Settings
from hikma.telemetry import Track, silent
from hikma.wiring import Wiring

Judge: TypeAlias = Callable[[VectorSpace, VectorSpace], Quality]
"""Has two spaces answer the same topics."""

_SHORT = frozenset({Step.CUTOVER, Step.SOAK})
"""Steps that bring a few rows, or look at rows where nobody is compared with before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where vectors are to move and by which model; what the gates are to ask for.

    Without a backend they stay in theirs, at its place, by another model.
    """

    backend: str | None = None
    location: str = ""
    index_type: str | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    model: str | None = None


class Mover:
    """The migration of one file; every call reads the durable state anew."""

    def __init__(self, catalog: Catalog, wiring: Wiring, root: Path, revision: str | None) -> None:
        """Hold what opens the two ends, and where texts are read again for another model."""
        self._catalog = catalog
        self._wiring = wiring
        self._root = root
        self._revision = revision
        self._prober: Prober | None = None

    def start(self, wanted: Wanted) -> MigrationStatus:
        """Begin: from now on every write reaches both ends; the copying follows.

        Raises MigrationError for a second migration, a target that is where vectors are now or
        that holds rows already, and another model for a file whose texts cannot be read again;
        StoreError for a location and ConfigurationError for a model that cannot be used.
        """
        with self._catalog.read() as connection:
            identity.check(connection, self._catalog.path)
            source = self._answering(connection)
            migrations.refuse_second(connection)
        target = self._space(source, wanted)
        if _place(target) == _place(source):
            raise MigrationError(
                f"The vectors are in {source.backend} already ({source.index_type}), by the model "
                f"{source.model!r}; choose another backend, --model, --location or --index-type."
            )
        if target.documents != source.documents:
            self._refuse_model(target)
        with ExitStack() as kept:
            with self._catalog.write() as connection:
                held = migrations.begin(connection, source, target, wanted.thresholds.asked())
                made = spaces.of(connection, held.target)
                if not spaces.is_inside(made):
                    # Before any writer sees the target: what it holds then is nobody's of today.
                    kept.enter_context(applying.alone(self._catalog.path, made.id))
            try:  # outside the transaction: a slow place must not keep writers waiting
                self._refuse_filled(made)
            except BaseException as error:
                stepping.roll_back(self._catalog, f"never began: {error}")
                raise
        with self._catalog.write() as connection:
            migrations.step_to(connection, held, Step.BACKFILL, "every writer writes to both")
        return self.status()

    def _refuse_model(self, target: VectorSpace) -> None:
        """Refuse another model where texts cannot be read again, or where it does not work."""
        from hikma import planning  # noqa: PLC0415 -- parsers, which only this and indexing need

        with self._catalog.read() as connection:
            taken = adopted.origin(connection)
            form = stored.get(connection, "form")
        if taken is not None:
            raise MigrationError(
                f"{self._catalog.path} was taken over from the table {taken.table} in "
                f"{taken.location}, and what its texts say to another model is not in it; take it "
                "over again with vectors of that model."
            )
        if form != planning.FORM:
            raise MigrationError(
                f"{self._catalog.path} was written by another version, whose texts differ; run "
                "`hikma index`, then repeat."
            )
        self._wiring.embedder(target).embed_documents(["probe"])

    def _refuse_filled(self, target: VectorSpace) -> None:
        rows = self._wiring.prepare(target)
        if rows and not spaces.is_inside(target):
            raise MigrationError(
                f"The target holds {rows} rows already; give another --location, or empty it."
            )

    def seed(self, settings: Settings) -> None:
        """Bring a file that was just made to where the flags of rollout want it."""
        if not (settings.dual_write_vectors or settings.compare_backends):
            return
        with self._catalog.read() as connection:
            source = self._answering(connection)
        self.start(Wanted(flags.other(source), settings.vector_location or ""))
        while settings.compare_backends and self._held().step is not Step.SHADOW:
            self.advance()

    def status(self) -> MigrationStatus:
        """Return where the running migration, or the last one, stands."""
        with self._catalog.read() as connection:
            held = migrations.last(connection)
            seen = [] if held.step in migrations.ENDED else self._gates(connection, held)
            return reading.status(connection, held, seen)

    def advance(
        self,
        percent: float | None = None,
        rate: float | None = None,
        track: Track = silent,
        judge: Judge | None = None,
    ) -> MigrationStatus:
        """Do the present step's work and go one step on; MigrationError where a gate is shut.

        `judge` is asked where the model changes, once both ends hold everything.
        """
        with self._timed() as prober:
            stepping.advance(self._move(rate, track, prober.times, judge), percent)
        return self.status()

    def auto(
        self, rate: float | None = None, track: Track = silent, judge: Judge | None = None
    ) -> MigrationStatus:
        """Go on as gates hold, up to the last step, which needs consent."""
        with self._timed() as prober:
            stepping.auto(self._move(rate, track, prober.times, judge))
        return self.status()

    @contextmanager
    def gently(self) -> Iterator[Self]:
        """Yield this one, whose process gives way to all who search: for one that does no more."""
        with Prober(self._catalog.path, self._wiring.settings) as prober:
            if self._may_be_noticed():
                prober.begin()  # before: it searches as everybody does
            give_way()
            self._prober = prober
            try:
                yield self
            finally:
                self._prober = None  # closed, whatever became of the work

    def judge(self, judge: Judge) -> Quality:
        """Have both ends judged, and keep it; MigrationError where both have one model."""
        move = self._move(None, silent)
        if not move.changes_model:
            raise MigrationError(
                "Both ends have one model, and are compared by what they find; topics judge "
                "another model."
            )
        found = judge(move.source.space, move.target.space)
        judging.keep_quality(self._catalog, self._held(), found)
        return found

    def pause(self, reason: str = "") -> MigrationStatus:
        """Stop the migration's own work; who reads and writes notices nothing."""
        return self._pause(reason, paused=True)

    def resume(self) -> MigrationStatus:
        """Let the migration work again; what was parked is tried again."""
        with self._catalog.write() as connection:
            held = migrations.required(connection)
            for end in (held.source, held.target):
                outbox.unpark(connection, end)
        return self._pause("", paused=False)

    def roll_back(self, reason: str) -> MigrationStatus:
        """Give the source its place back at once."""
        stepping.roll_back(self._catalog, reason)
        return self.status()

    def verify(self, *, source: bool = False, track: Track = silent) -> Verification:
        """Compare the target, or the source, with the ledger row by row."""
        held = self._held()
        return verifying.verify(self._end(source=source), held.epoch, track)

    def repair(self, *, source: bool = False) -> int:
        """Bring what is wrong or parked; return how many rows were wrong."""
        end = self._end(source=source)
        with self._catalog.write() as connection:
            outbox.unpark(connection, end.space.id)
        self._embed(end, lambda *_: None, silent)
        count = verifying.repair(end)
        applying.drain(end, 60.0)
        return count

    def own(self) -> None:
        """Make a copied file independent of its original: what lies elsewhere is owed anew."""
        with self._catalog.write() as connection:
            owning.own(connection, self._catalog.path)

    def finalize(self, track: Track = silent) -> MigrationStatus:
        """End the migration; there is no way back from here."""
        stepping.finalize(self._move(None, track))
        return self.status()

    def _answering(self, connection: apsw.Connection) -> VectorSpace:
        return spaces.answering(connection, self._catalog.path)

    def _space(self, source: VectorSpace, wanted: Wanted) -> VectorSpace:
        if wanted.model in (None, source.model):
            embedder = self._wiring.embedder(source)
        else:
            embedder = self._wiring.model(wanted.model, None)
        if wanted.backend is not None:
            index_type = wanted.index_type or "flat"
            return space_for(embedder, wanted.backend, wanted.location, index_type)
        location = wanted.location or source.location
        index_type = wanted.index_type or source.index_type
        return space_for(embedder, source.backend, location, index_type)

    def _gates(self, connection: apsw.Connection, held: Migration) -> list[gates.Gate]:
        return stepping.gates_now(self._move(None, silent), connection, held)

    def _pause(self, reason: str, *, paused: bool) -> MigrationStatus:
        with self._catalog.write() as connection:
            held = migrations.required(connection)
            migrations.set_paused(connection, held, reason, paused=paused)
        return self.status()

    def _may_be_noticed(self) -> bool:
        """Whether a step is to come whose work those who search may have to wait for."""
        with self._catalog.read() as connection:
            held = migrations.running(connection)
            known = migrations.documents(connection) >= FEW_ROWS
        return known and (held is None or held.step not in _SHORT)

    @contextmanager
    def _timed(self) -> Iterator[Prober]:
        """Yield who times searches: the one of this process, or one for a single call."""
        if self._prober is not None:
            yield self._prober
            return
        with Prober(self._catalog.path, self._wiring.settings) as prober:
            yield prober

    def _held(self) -> Migration:
        with self._catalog.read() as connection:
            return migrations.required(connection)

    def _end(self, *, source: bool) -> Target:
        """Return the space that answers where no migration runs, else one of the two ends."""
        with self._catalog.read() as connection:
            held = migrations.running(connection)
            answering = self._answering(connection)
            number = answering.id if held is None else held.source if source else held.target
            space = spaces.of(connection, number)
        return Target(self._catalog, space, self._wiring.store(space))

    def _move(
        self,
        rate: float | None,
        track: Track,
        probes: Callable[[], list[float]] = list,
        judge: Judge | None = None,
    ) -> Move:
        held = self._held()
        with self._catalog.read() as connection:
            source, target = (spaces.of(connection, end) for end in (held.source, held.target))
        before = held.gates.get("before_ms")
        throttle = Throttle(self._catalog, held.id, probes, rate, before)

        def wait(rows: int, of: int) -> None:
            throttle.wait(rows, of)
            with self._catalog.write() as connection:
                leave_trail(connection, held.id, rows)

        return Move(
            self._catalog,
            Target(self._catalog, source, self._wiring.store(source)),
            Target(self._catalog, target, self._wiring.store(target)),
            self._compare(source, target, throttle.rest),
            self._compared,
            throttle.wait,
            track,
            lambda end: self._embed(end, wait, track),
            judge and (lambda: judge(source, target)),
            throttle.rest,
            lambda: self._wiring.complete(target),
        )

    def _embed(self, end: Target, wait: Callable[[int, int], None], track: Track) -> None:
        """Give documents the vectors by an end's model that they lack."""
        with self._catalog.read() as connection:
            held = migrations.running(connection)
            if not embeddings.lacking(connection, end.space.documents):
                return
        from hikma import rereading  # noqa: PLC0415 -- parsers, for what lacks a vector

        def goes_on() -> bool:
            with self._catalog.read() as connection:
                now = migrations.running(connection)
            return now is None or held is None or (now.epoch == held.epoch and not now.paused)

        def texts(lacking: Sequence[Lacking]) -> Iterator[tuple[bytes, str]]:
            origin = rereading.Origin(self._root, self._revision, os.cpu_count() or 1)
            return rereading.texts(self._catalog, origin, lacking)

        embedder = self._wiring.embedder(end.space)
        embedding.embed(end, Making(embedder, texts, wait, goes_on, track))

    def _compare(
        self, source: VectorSpace, target: VectorSpace, rest: Callable[[float], None]
    ) -> Callable[[Migration, int], None]:
        def compare(held: Migration, count: int) -> None:
            with self._catalog.read() as connection:
                since = migrations.epoch_of(connection, held.id, Step.SHADOW)
                asked = asking.unasked(connection, held.id, count, since)
            other = self._wiring.embedder(target)
            ends = comparing.Ends(
                self._wiring.store(source),
                self._wiring.store(target),
                self._wiring.embedder(source),
                exact=target.index_type == "flat",
                other=None if source.documents == target.documents else other,
            )
            comparing.compare(self._catalog, held, ends, asked, rest=rest)

        return compare

    def _compared(self, connection: apsw.Connection, number: int) -> gates.Compared:
        held = migrations.required_by_id(connection, number)
        kind, found = comparing.judged(
            connection,
            number,
            Thresholds.of(held.gates).samples,
            migrations.epoch_of(connection, number, Step.SHADOW),
        )
        return gates.Compared(
            found.questions,
            found.overlap_low,
            found.errors or 0.0,
            found.source_p95_ms,
            found.target_p95_ms,
            found.slowdown_low,
            found.slowdown_high,
            kind,
        )


def _place(space: VectorSpace) -> tuple[str, str, str, str]:
    return space.backend, space.location, space.index_type, space.documents
