"""The job of going a step on: do its work, look at its gates, take the edge or say why not."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import apsw

from hikma.applying import Target, drain
from hikma.catalog import embeddings, migrations, outbox, spaces, trials, verifications
from hikma.catalog.migrations import LINE, Migration, Step
from hikma.catalog.schema import Catalog
from hikma.errors import MigrationError
from hikma.migration import judging
from hikma.migration.backfilling import backfill
from hikma.migration.gates import (
    PERCENTS,
    UNKNOWN,
    Change,
    Compared,
    Facts,
    Gate,
    Owed,
    Quality,
    Thresholds,
    failing,
    gates,
)
from hikma.migration.verifying import repair, verify
from hikma.telemetry import Track, silent

_JUDGED = frozenset({Step.SHADOW, Step.CANARY})
"""Where answers decide; elsewhere their thousands of samples need not be summed up."""
_DRAIN_S = 60.0
_REPAIRS = 2
_NAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Move:
    """A migration's two ends, and what its work needs beside them.

    `compare` brings samples of answers to so many questions, `compared` sums them up. `wait` holds
    a chunk back, `rest` is told how long a part of some work took. `embed` gives documents the
    vectors by an end's model that they lack; `complete` has the target's index hold all it was
    brought, before its answers are looked at; `judge` has both ends answer the same topics, None
    where there are none.
    """

    catalog: Catalog
    source: Target
    target: Target
    compare: Callable[[Migration, int], None]
    compared: Callable[[apsw.Connection, int], Compared]
    wait: Callable[[int], None]
    track: Track = silent
    embed: Callable[[Target], None] = lambda _: None
    judge: Callable[[], Quality] | None = None
    rest: Callable[[float], None] = lambda _: None
    complete: Callable[[], None] = lambda: None

    @property
    def changes_model(self) -> bool:
        """Whether the two ends have different models."""
        return self.source.space.documents != self.target.space.documents


def facts(move: Move, connection: apsw.Connection, held: Migration) -> Facts:
    """Return what is known now, in one state of the file."""
    return Facts(
        datetime.now(UTC),
        migrations.is_copied(connection, held),
        _owed(connection, held.source),
        _owed(connection, held.target),
        verifications.latest(connection, held.source),
        verifications.latest(connection, held.target),
        move.compared(connection, held.id) if held.step in _JUDGED else UNKNOWN,
        move.target.space.index_type != "flat",
        _change(move, connection, held) if move.changes_model else None,
        trials.of(held),
    )


def _change(move: Move, connection: apsw.Connection, held: Migration) -> Change:
    lacks = [
        embeddings.lacking(connection, end.space.documents) for end in (move.source, move.target)
    ]
    return Change(lacks[0], lacks[1], judging.quality(connection, held))


def gates_now(move: Move, connection: apsw.Connection, held: Migration) -> list[Gate]:
    """Return the gates of the present step with what they see."""
    return gates(held, facts(move, connection, held), Thresholds.of(held.gates))


def advance(move: Move, percent: float | None = None) -> Migration:
    """Do the present step's work, then go one step on.

    Raises MigrationError listing every gate that does not hold, for a paused migration, and
    before `finalize`, which is asked for by name.
    """
    held = _held(move)
    if held.paused:
        raise MigrationError("The migration is paused; go on with `hikma migrate resume`.")
    if held.step is Step.SOAK:
        raise MigrationError("Only the end is left; ask for it with `hikma migrate finalize`.")
    step, share = _next(held, percent)
    if step is held.step is Step.CANARY and share is not None and share <= held.read_percent:
        return _narrow(move, held, share)
    _work(move, held)
    with move.catalog.write() as connection:
        now = migrations.required_by_id(connection, held.id)
        if (now.step, now.epoch) != (held.step, held.epoch):
            raise MigrationError(
                f"Migration {held.id} went from {held.step} to {now.step} meanwhile; look at "
                "`hikma migrate status` and repeat."
            )
        if now.paused:
            return now
        _refuse(now, gates_now(move, connection, now))
        return migrations.step_to(connection, now, step, "gates hold", percent=share)


def _narrow(move: Move, held: Migration, share: float) -> Migration:
    """Take queries off the trial; that needs no gate."""
    with move.catalog.write() as connection:
        return migrations.step_to(connection, held, Step.CANARY, "narrowed", percent=share)


def auto(move: Move, nap_s: float = _NAP_S) -> Migration:
    """Go on as gates hold, wait out what asks for time, roll back where a trial goes wrong.

    Ends where nothing but consent is left: both ends are verified after the time of soak. And where
    it is paused. Raises MigrationError for a gate that neither time nor a way back opens.
    """
    while True:
        held = _held(move)
        if held.paused:
            return held
        if held.step is Step.SOAK:
            if not _must_wait(move, held):
                return _soaked(move, held)
            time.sleep(nap_s)
            continue
        try:
            advance(move)
        except MigrationError as error:
            with move.catalog.read() as connection:
                now = migrations.required(connection)
                left = failing(gates_now(move, connection, now))
            if now.paused or now.epoch != held.epoch:
                continue  # somebody else's doing: look again
            if not left or (now.step is not Step.CANARY and not all(one.is_hold for one in left)):
                raise
            if all(one.is_hold for one in left):
                time.sleep(nap_s)
            else:
                return roll_back(move.catalog, f"by itself: {error}")


def _must_wait(move: Move, held: Migration) -> bool:
    """Whether the time that a step asks for has not passed yet."""
    with move.catalog.read() as connection:
        return any(one.is_hold for one in failing(gates_now(move, connection, held)))


def _soaked(move: Move, held: Migration) -> Migration:
    """Verify both ends, and raise MigrationError naming each gate that is shut even so."""
    _verify_both(move, held)
    with move.catalog.read() as connection:
        now = migrations.required(connection)
        _refuse(now, gates_now(move, connection, now))
    return now


def _verify_both(move: Move, held: Migration) -> None:
    _drain(move, move.source)
    _drain(move, move.target)
    for end in (move.source, move.target):
        verify(end, held.epoch, move.track, move.rest)


def roll_back(catalog: Catalog, reason: str) -> Migration:
    """Give the source its place back, whatever the step; the next query of any process sees it."""
    with catalog.write() as connection:
        held = migrations.required(connection)
        return migrations.step_to(connection, held, Step.ROLLED_BACK, reason)


def finalize(move: Move) -> Migration:
    """End the migration: from now on the source receives nothing, and there is no way back."""
    held = _held(move)
    if held.step is not Step.SOAK:
        raise MigrationError(f"The migration is at {held.step}; it is finalized after soak.")
    _verify_both(move, held)
    with move.catalog.write() as connection:
        held = migrations.required_by_id(connection, held.id)
        _refuse(held, gates_now(move, connection, held))
        return migrations.step_to(connection, held, Step.FINALIZED, "asked for")


def _work(move: Move, held: Migration) -> None:
    """Do what a step is there for, as far as it is not done."""
    match held.step:
        case Step.BACKFILL:
            move.embed(move.target)
            backfill(move.target, held, move.wait, move.track)
        case Step.VERIFY:
            _verify(move, held)
            move.complete()
        case Step.SHADOW | Step.CANARY:
            if move.changes_model:
                _try_model(move, held)
            wanted = Thresholds.of(held.gates).samples
            with move.catalog.read() as connection:
                known = move.compared(connection, held.id).samples
            if known < wanted:
                move.compare(held, wanted)
        case Step.CUTOVER:
            _drain(move, move.source)


def _try_model(move: Move, held: Migration) -> None:
    """Give the other model what it lacks, and judge it once a trial."""
    if spaces.is_inside(move.target.space):
        _drain(move, move.target)
    else:  # what is owed there is answered from the canonical rows
        move.embed(move.target)
    with move.catalog.read() as connection:
        known = judging.quality(connection, held)
    if known is None and move.judge is not None:
        judging.keep_quality(move.catalog, held, move.judge())


def _verify(move: Move, held: Migration) -> None:
    """Compare until nothing is wrong; what is wrong is owed and brought, twice at most."""
    for _ in range(_REPAIRS):
        _drain(move, move.target)
        if not verify(move.target, held.epoch, move.track, move.rest).wrong:
            return
        repair(move.target)
    _drain(move, move.target)
    verify(move.target, held.epoch, move.track, move.rest)


def _drain(move: Move, end: Target) -> None:
    move.embed(end)
    left = drain(end, _DRAIN_S)
    if left.pending:
        raise MigrationError(
            f"Space {end.space.id} is still owed {left.pending} rows ({left.parked} parked): "
            f"{left.reason}. Repeat when it can be written, after `hikma migrate resume` where "
            "rows are parked."
        )


def _next(held: Migration, percent: float | None) -> tuple[Step, float | None]:
    """Return the next step and, on trial, the next share of queries."""
    after = LINE[LINE.index(held.step) + 1]
    if after is Step.CANARY:
        return Step.CANARY, _share(percent) if percent is not None else PERCENTS[0]
    if held.step is not Step.CANARY:
        if percent is not None:
            raise MigrationError(f"At {held.step} no share of the queries is on trial; see canary.")
        return after, None
    if percent is not None and percent < migrations.FULL_PERCENT:
        return Step.CANARY, _share(percent)
    wider = [one for one in PERCENTS if one > held.read_percent]
    return (Step.CANARY, wider[0]) if wider and percent is None else (Step.CUTOVER, None)


def _share(percent: float) -> float:
    if not 0 <= percent <= migrations.FULL_PERCENT:
        raise MigrationError(f"percent = {percent:g}; choose 0 to 100.")
    return percent


def _refuse(held: Migration, found: list[Gate]) -> None:
    left = failing(found)
    if left:
        listed = "; ".join(f"{one.name}: {one.value}, wanted {one.wanted}" for one in left)
        raise MigrationError(
            f"The migration stays at {held.step}: {listed}. Repeat when that holds, or roll back "
            "and begin with other thresholds (`hikma migrate start --help`)."
        )


def _owed(connection: apsw.Connection, space: int) -> Owed:
    left = outbox.backlog(connection, space)
    return Owed(left.pending, left.parked)


def _held(move: Move) -> Migration:
    with move.catalog.read() as connection:
        return migrations.required(connection)
