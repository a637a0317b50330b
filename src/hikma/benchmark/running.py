"""The job: an indexed repository and a plan → a report. Its index is only read."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from hikma.benchmark import measuring, repository, scaling
from hikma.benchmark.backends import BACKENDS, Backend
from hikma.benchmark.figures import FORMAT, VERSION, Law, Outcome, Plan, Report, Size
from hikma.benchmark.machine import machine, refuse_too_large
from hikma.benchmark.material import Drawn, draw
from hikma.benchmark.recommending import recommend
from hikma.benchmark.tally import Tally
from hikma.catalog import spaces
from hikma.catalog.locking import is_alive
from hikma.engine import Engine
from hikma.errors import BenchmarkError
from hikma.telemetry import Track, silent

_PREFIX = "hikma-bench"


def run(
    engine: Engine,
    plan: Plan,
    track: Track = silent,
    backends: Mapping[str, Backend] = BACKENDS,
) -> Report:
    """Measure; a backend that fails is in the report with its error, and the others go on.

    Raises IndexMissingError without an index, BenchmarkError for a plan that cannot be.
    """
    start = time.monotonic()
    present = [name for name in plan.backends if not backends[name].absence]
    if not present:
        said = "; ".join(backends[name].absence for name in plan.backends)
        raise BenchmarkError(f"none of the backends asked for can be measured: {said}.")
    with engine.catalog.read() as connection:
        dimension = spaces.answering(connection, engine.database).dimension
    with workplace() as folder:
        refuse_too_large(plan, dimension, folder)
        drawn = draw(engine, plan)
        tally = Tally(plan, machine(), backends, present, notes=list(drawn.notes))
        for size in plan.sizes:
            measuring.measure(tally, drawn, size, folder / str(size), track)
            shutil.rmtree(folder / str(size))
        repository.measure(engine, tally, drawn)
    return _report(tally, drawn, round(time.monotonic() - start, 2))


@contextmanager
def workplace() -> Iterator[Path]:
    """Yield a temporary folder that is gone afterwards; those of runs that were killed go too."""
    for one in Path(tempfile.gettempdir()).glob(f"{_PREFIX}.*"):
        owner = one.name.split(".")[1]
        if owner.isdecimal() and not is_alive(int(owner)):
            shutil.rmtree(one, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}.{os.getpid()}."))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def _report(tally: Tally, drawn: Drawn, took_s: float) -> Report:
    plan = tally.plan
    found = scaling.costs(tally.figures, tally.footprints)
    laws = scaling.laws(found)
    recalls = {
        (one.backend, one.size): one.recall
        for one in tally.figures
        if one.operation == "search" and one.recall is not None
    }
    outcomes = _outcomes(tally)
    troubles = {one.backend: one.reason for one in outcomes if one.state != "measured"}
    return Report(
        FORMAT,
        VERSION,
        metadata.version("hikma"),
        datetime.now(UTC).isoformat(timespec="seconds"),
        took_s,
        tally.machine,
        plan,
        drawn.facts,
        [Size(one, drawn.perturbed(one)) for one in plan.sizes],
        outcomes,
        tally.figures,
        tally.footprints,
        laws,
        scaling.wins(
            found, recalls, [name for name in plan.backends if tally.backends[name].keeps]
        ),
        scaling.crossings(laws, plan.sizes),
        recommend(plan.sizes[-1], tally.runs, troubles, plan.seed),
        _notes(tally, drawn, laws),
    )


def _notes(tally: Tally, drawn: Drawn, laws: Sequence[Law]) -> list[str]:
    """Return what must be known of the figures beside them."""
    notes = list(tally.notes)
    for name, sizes in tally.unindexed.items():
        listed = ", ".join(f"{one:,}" for one in sizes)
        notes.append(
            f"{name} makes no index of so few as {listed} vectors: it compared all of them"
        )
    short = {
        (one.size, one.operation): one.count
        for one in tally.figures
        if one.operation.startswith(("search", "filtered")) and one.count < drawn.queries.shape[0]
    }
    notes += [
        f"{operation} of {size:,} ended after {count:,} queries, by --timeout"
        for (size, operation), count in short.items()
    ]
    if not laws:
        notes.append(
            f"no law of cost against size: it takes {scaling.LEAST_POINTS} sizes of "
            f"{scaling.LEAST_SIZE:,} vectors or more"
        )
    return notes


def _outcomes(tally: Tally) -> list[Outcome]:
    found = []
    for name in tally.plan.backends:
        backend = tally.backends[name]
        if backend.absence:
            found.append(Outcome(name, backend.title, "absent", backend.absence))
        elif name in tally.failures:
            found.append(Outcome(name, backend.title, "failed", tally.failures[name]))
        else:
            found.append(Outcome(name, backend.title, "measured"))
    lost = tally.failures.get(repository.REPOSITORY)
    if lost:
        title = "the repository's own index"
        found.append(Outcome(repository.REPOSITORY, title, "failed", lost))
    return found
