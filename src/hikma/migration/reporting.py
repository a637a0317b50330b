"""The report of a migration: everything that the file knows of it, and one page to read it on."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import apsw

from hikma.catalog import migrations, outbox, samples, spaces, verifications
from hikma.catalog.migrations import ENDED, Event, Migration
from hikma.catalog.outbox import Backlog
from hikma.catalog.samples import CONTROL, LIVE, REPLAY, Sample
from hikma.catalog.schema import Catalog
from hikma.catalog.verifications import Verification
from hikma.domain import VectorSpace
from hikma.drawing import page, shown, table
from hikma.migration import comparing, judging, picturing
from hikma.migration.comparing import Comparison
from hikma.migration.gates import Quality
from hikma.resampling import percentile

_PERCENTS = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay at a step; `seconds` until it was left, or until now."""

    state: str
    entered_at: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of one kind, `live` or `replay`, of a target whose index is exact or approximate.

    `overlaps` is how often each overlap came; `source_ms` and `target_ms` are pairs of a percentile
    and its milliseconds.
    """

    kind: str
    index: str
    comparison: Comparison
    overlaps: Mapping[float, int]
    source_ms: Sequence[tuple[float, float]]
    target_ms: Sequence[tuple[float, float]]
    errors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What the file knows of one migration at one moment."""

    id: int
    state: str
    paused: bool
    percent: float
    epoch: int
    begun_at: str
    made_at: str
    source: VectorSpace
    target: VectorSpace
    copied: int
    documents: int
    stays: Sequence[Stay]
    audit: Sequence[Event]
    source_verification: Verification | None
    target_verification: Verification | None
    samples: Mapping[str, int]
    parts: Sequence[Part]
    quality: Quality | None
    source_backlog: Backlog
    target_backlog: Backlog


def report(catalog: Catalog, migration_id: int) -> Report:
    """Return the report of a migration, of one state of the file; MigrationError if it is gone."""
    now = datetime.now(UTC)
    with catalog.read() as connection:
        held = migrations.required_by_id(connection, migration_id)
        audit = migrations.events(connection, held.id)
        return Report(
            id=held.id,
            state=held.step.value,
            paused=held.paused,
            percent=held.read_percent,
            epoch=held.epoch,
            begun_at=held.created_at,
            made_at=now.isoformat(timespec="seconds"),
            source=spaces.of(connection, held.source),
            target=spaces.of(connection, held.target),
            copied=migrations.copied(connection, held.id),
            documents=migrations.documents(connection),
            stays=list(_stays(audit, now)),
            audit=audit,
            source_verification=verifications.latest(connection, held.source),
            target_verification=verifications.latest(connection, held.target),
            samples=samples.counts(connection, held.id),
            parts=_parts(connection, held),
            quality=judging.quality(connection, held),
            source_backlog=outbox.backlog(connection, held.source),
            target_backlog=outbox.backlog(connection, held.target),
        )


def _stays(audit: Sequence[Event], now: datetime) -> Iterator[Stay]:
    """Yield how long each step was held; a pause, or another share, is no step of its own."""
    entered = [one for one in audit if one.source_state != one.target_state]
    for number, event in enumerate(entered):
        since = datetime.fromisoformat(event.created_at)
        if number + 1 < len(entered):
            until = datetime.fromisoformat(entered[number + 1].created_at)
        else:
            until = since if event.target_state in ENDED else now
        seconds = max(0.0, (until - since).total_seconds())  # a clock may have been set back
        yield Stay(event.target_state, event.created_at, round(seconds, 3), event.reason)


def _parts(connection: apsw.Connection, held: Migration) -> list[Part]:
    every = samples.of(connection, held.id)
    control = [one for one in every if one.kind == CONTROL]
    parts = []
    for kind in (REPLAY, LIVE):
        for index, exact in (("exact", True), ("approximate", False)):
            found = [one for one in every if (one.kind, one.exact) == (kind, exact)]
            parts += [_part(kind, index, found, control)] if found else []
    return parts


def _part(kind: str, index: str, found: Sequence[Sample], control: Sequence[Sample]) -> Part:
    answered = [one for one in found if one.error is None]
    levels = Counter(round(one.overlap, 3) for one in answered if one.overlap is not None)
    return Part(
        kind,
        index,
        comparing.summarised(found, control),
        dict(sorted(levels.items())),
        _curve([one.source_ms for one in answered]),
        _curve([one.target_ms for one in answered if one.target_ms is not None]),
        dict(Counter(one.error for one in found if one.error is not None).most_common(5)),
    )


def _curve(values: Sequence[float]) -> list[tuple[float, float]]:
    return [
        (float(percent), round(percentile(values, percent), 4))
        for percent in (_PERCENTS if values else ())
    ]


def to_html(found: Report) -> str:
    """Return one page that needs nothing else, to be read in the light and in the dark."""
    title = f"Migration {found.id}: {found.source.title} to {found.target.title}"
    stays = [(one.state, one.seconds, _span(one.seconds)) for one in found.stays]
    parts = [part for one in found.parts for part in _section(one)]
    return page(
        title,
        picturing.STYLE,
        (
            table((), _facts(found)),
            "<h2>Time at each step</h2>",
            picturing.bars("Time at each step", stays),
            table(("step", "entered", "for", "why"), _stay_cells(found)),
            "<h2>Verification</h2>",
            table(_VERIFIED, _verified(found)),
            "<h2>Comparison</h2>",
            *(parts or ["<p>No answers were compared yet.</p>"]),
            "<h2>Audit</h2>",
            table(("time", "epoch", "from", "to", "why"), _audited(found)),
        ),
    )


def _facts(found: Report) -> Iterator[Sequence[object]]:
    held = ", paused" if found.paused else ""
    yield "state", f"{found.state}{held} (epoch {found.epoch})"
    yield "queries that the target answers", f"{found.percent:g} %"
    yield "begun", found.begun_at
    yield "this report", found.made_at
    yield "copied", f"{found.copied:,} of {found.documents:,} entries"
    for name, left in (("source", found.source_backlog), ("target", found.target_backlog)):
        why = f": {left.error}" if left.error else ""
        yield f"{name} is owed", f"{left.pending:,} rows, {left.parked:,} of them parked{why}"
    if found.quality is not None:
        one = found.quality
        by = f"{one.measure} by {one.topics:,} topics ({one.origin})"
        yield f"quality, {by}", f"source {one.source:.3f}, target {one.target:.3f}"
    said = ", ".join(f"{count:,} {kind}" for kind, count in found.samples.items())
    yield "answers compared", said or "none"


def _stay_cells(found: Report) -> Iterator[Sequence[object]]:
    for one in found.stays:
        yield one.state, one.entered_at, _span(one.seconds), one.reason


_VERIFIED = ("space", "compared", "missing", "extra", "mismatched", "duplicate", "began", "ended")


def _verified(found: Report) -> Iterator[Sequence[object]]:
    both = (("source", found.source_verification), ("target", found.target_verification))
    for name, one in both:
        if one is None:
            yield name, "never", "", "", "", "", "", ""
        else:
            counts = (one.checked, one.missing, one.extra, one.mismatched, one.duplicate)
            numbers = [f"{count:,}" for count in counts]
            yield name, *numbers, one.started_at, one.finished_at or "not yet"


def _section(part: Part) -> Iterator[str]:
    one = part.comparison
    title = f"{part.index.capitalize()} index, {part.kind}"
    yield f"<h3>{shown(title)}: {one.samples:,} answers</h3>"
    yield table(
        ("measure", "value", "95 % bounds"),
        (
            ("different questions", f"{one.questions:,}", ""),
            ("answers within a filter", f"{one.filtered:,}", ""),
            ("overlap", _figure(one.overlap), _least(one.overlap_low)),
            ("noise floor: the source with itself", _figure(one.noise), _least(one.noise_low)),
            ("agreement of the order (Kendall's tau)", _figure(one.agreement), ""),
            ("largest difference of a distance", _figure(one.drift, ".2e"), ""),
            ("errors", _figure(one.errors, ".2%"), ""),
            ("source, p95", _figure(one.source_p95_ms, ".2f", " ms"), ""),
            ("target, p95", _figure(one.target_p95_ms, ".2f", " ms"), ""),
            ("target over source", _figure(one.slowdown, ".2f"), _slowdown_bounds(one)),
        ),
    )
    yield "<h4>How far answers overlap</h4>"
    yield picturing.histogram("Overlap of the answers", part.overlaps)
    yield "<h4>Latency by percentile</h4>"
    yield picturing.quantiles("Latency", {"source": part.source_ms, "target": part.target_ms})
    if part.errors:
        yield "<h4>Errors of the target</h4>"
        yield table(("error", "answers"), part.errors.items())


def _audited(found: Report) -> Iterator[Sequence[object]]:
    for one in found.audit:
        yield one.created_at, one.epoch, one.source_state, one.target_state, one.reason


def _span(seconds: float) -> str:
    """Return a length of time as people say it."""
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2f} s"


def _figure(value: float | None, form: str = ".4f", unit: str = "") -> str:
    return "unknown" if value is None else f"{value:{form}}{unit}"


def _least(value: float | None) -> str:
    return "unknown" if value is None else f">= {value:.4f}"


def _slowdown_bounds(one: Comparison) -> str:
    if one.slowdown_low is None or one.slowdown_high is None:
        return "unknown"
    return f"{one.slowdown_low:.2f} to {one.slowdown_high:.2f}"
