"""What must hold before a migration goes a step on. Pure: facts in, gates with their values out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from hikma.catalog.migrations import Migration, Step
from hikma.catalog.samples import LIVE, REPLAY
from hikma.catalog.trials import Trial
from hikma.catalog.verifications import Verification
from hikma.errors import MigrationError

PERCENTS = (1.0, 10.0, 50.0)
"""Shares of the queries that the target answers on trial, in turn."""

LEAST_OVERLAP = 0.7
"""Of the answers of both ends; no migration may ask for less."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The table of every figure that a gate asks for; a migration may be begun with others."""

    samples: int = 400
    overlap_flat: float = 0.995
    overlap_approximate: float = 0.95
    topics: int = 10
    quality: float = 0.95
    slowdown: float = 1.2
    longest_ms: float = 2_000.0
    errors: float = 0.01
    lag: int = 1_000
    hold_s: float = 3_600.0
    soak_s: float = 259_200.0

    def __post_init__(self) -> None:
        """Raise MigrationError for an overlap that proves nothing."""
        for least in (self.overlap_flat, self.overlap_approximate):
            if not LEAST_OVERLAP <= least <= 1:
                raise MigrationError(
                    f"An overlap of {least:g} is no proof; ask for {LEAST_OVERLAP:g} to 1 with "
                    "--min-overlap."
                )

    @classmethod
    def of(cls, gates: Mapping[str, Any]) -> "Thresholds":
        """Return those that a migration was begun with."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in gates.items() if name in known})

    def asked(self) -> dict[str, Any]:
        """Return them as a migration keeps them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Compared:
    """What the target's answers are like beside the source's; None where nothing is known yet.

    `samples` are questions that are not equal, of one `kind`; `slowdown_low` and `slowdown_high`
    bound what the 95th percentiles say.
    """

    samples: int
    overlap_low: float | None
    errors: float
    source_p95_ms: float | None
    target_p95_ms: float | None
    slowdown_low: float | None = None
    slowdown_high: float | None = None
    kind: str = REPLAY


UNKNOWN = Compared(0, None, 0.0, None, None)
"""Nothing was compared yet."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the answers of both ends are, by the mean of one measure over the same topics."""

    source: float
    target: float
    measure: str
    topics: int
    origin: str

    @property
    def share(self) -> float | None:
        """The target's figure over the source's; None where nothing was found at the source."""
        return self.target / self.source if self.source else None


@dataclass(frozen=True, slots=True)
class Change:
    """What is known where the model changes: how many documents each end has no vector of."""

    source_lacks: int
    target_lacks: int
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class Owed:
    """What a space is owed, and what was refused so often that nobody tries any more."""

    pending: int
    parked: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a migration at one moment."""

    now: datetime
    copied: bool
    source: Owed
    target: Owed
    source_verified: Verification | None
    target_verified: Verification | None
    compared: Compared
    approximate: bool
    change: Change | None = None
    """None where both ends have one model."""
    trial: Trial = field(default_factory=Trial)


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition: what it looks at, what it saw, what it wants."""

    name: str
    value: str
    wanted: str
    holds: bool

    @property
    def is_hold(self) -> bool:
        """Whether it asks for nothing but time."""
        return self.name == "hold"


def gates(held: Migration, facts: Facts, asked: Thresholds) -> list[Gate]:
    """Return what must hold to leave the present step."""
    match held.step:
        case Step.BACKFILL:
            return [
                *_embedded(facts),
                _gate("copied", facts.copied, "all that was there", holds=facts.copied),
                _gate("parked", facts.target.parked, "0", holds=not facts.target.parked),
            ]
        case Step.VERIFY:
            return [_verified("verified", facts.target_verified, held, facts.now)]
        case Step.SHADOW:
            return _alike(facts, asked)
        case Step.CANARY:
            trial = _trial(facts.trial, asked)
            return [*_alike(facts, asked), *trial, _held(held, facts.now, asked.hold_s)]
        case Step.CUTOVER:
            return _reversed(facts, asked)
        case Step.SOAK:
            return [
                *_reversed(facts, asked),
                _verified("target verified", facts.target_verified, held, facts.now),
                _verified("source verified", facts.source_verified, held, facts.now),
                _held(held, facts.now, asked.soak_s),
            ]
    return []


def failing(found: Sequence[Gate]) -> list[Gate]:
    """Return the gates that do not hold."""
    return [one for one in found if not one.holds]


def _alike(facts: Facts, asked: Thresholds) -> list[Gate]:
    """Return whether the target answers as the source does, as fast, and without failing."""
    found = facts.compared
    p95 = found.target_p95_ms
    slow = slowdown(found.source_p95_ms, p95)
    fast = p95 is not None and p95 < asked.longest_ms
    return [
        _sampled(found, asked),
        _overlapping(facts, asked) if facts.change is None else _as_good(facts.change, asked),
        _gate("p95 ms", _figure(p95), f"< {asked.longest_ms:g}", holds=fast),
        _gate(
            "p95 over the source's",
            _figure(slow) + _between(found.slowdown_low, found.slowdown_high),
            f"<= {asked.slowdown}",
            holds=slow is not None and slow <= asked.slowdown,
        ),
        _gate(
            "errors",
            f"{found.errors:.2%}",
            f"< {asked.errors:.0%}",
            holds=bool(found.samples) and found.errors < asked.errors,
        ),
        *_embedded(facts),
        _gate("parked", facts.target.parked, "0", holds=not facts.target.parked),
    ]


def _overlapping(facts: Facts, asked: Thresholds) -> Gate:
    """Return whether both ends, which have one model, find the same."""
    least = asked.overlap_approximate if facts.approximate else asked.overlap_flat
    low = facts.compared.overlap_low
    holds = low is not None and low >= least
    return _gate("overlap@10, lower bound", _figure(low), f">= {least}", holds=holds)


def _as_good(change: Change, asked: Thresholds) -> Gate:
    """Return whether another model's answers are as good: that they are others is its purpose."""
    found, wanted = change.quality, f">= {asked.quality} of it by {asked.topics} topics or more"
    if found is None:
        return _gate("quality", "unknown", wanted, holds=False)
    seen = (
        f"{found.measure} {found.target:.3f} after {found.source:.3f} by {found.topics} topics "
        f"({found.origin})"
    )
    good = found.share is not None and found.share >= asked.quality
    return _gate("quality", seen, wanted, holds=good and found.topics >= asked.topics)


def _embedded(facts: Facts) -> list[Gate]:
    """Return whether every document has a vector by the target's model, where that is another."""
    if facts.change is None:
        return []
    lacks = facts.change.target_lacks
    return [_gate("documents without a vector", lacks, "0", holds=not lacks)]


def _sampled(found: Compared, asked: Thresholds) -> Gate:
    """Return whether enough questions were compared that are not equal."""
    kind = "that were asked" if found.kind == LIVE else "replayed"
    seen, holds = f"{found.samples} different questions {kind}", found.samples >= asked.samples
    more = "" if holds or not found.samples else " (a small file gives no more; see `--samples`)"
    return _gate("samples", seen, f">= {asked.samples}{more}", holds=holds)


def _trial(found: Trial, asked: Thresholds) -> list[Gate]:
    """Return whether the source seldom had to answer what the target was asked."""
    if not found.asked:
        return []
    share = found.failed / found.asked
    seen = f"{found.failed} of {found.asked} ({share:.2%})"
    why = f", last: {found.error}" if found.error else ""
    wanted = f"< {asked.errors:.0%}"
    return [_gate("errors on trial", seen + why, wanted, holds=share < asked.errors)]


def _reversed(facts: Facts, asked: Thresholds) -> list[Gate]:
    """Return whether the source still receives all, so that there is a way back."""
    lag = facts.source.pending
    lacks = 0 if facts.change is None else facts.change.source_lacks
    return [
        *([_gate("source's documents without a vector", lacks, "0", holds=False)] if lacks else []),
        _gate("source owed", lag, f"<= {asked.lag}", holds=lag <= asked.lag),
        _gate("source parked", facts.source.parked, "0", holds=not facts.source.parked),
    ]


def _verified(name: str, found: Verification | None, held: Migration, now: datetime) -> Gate:
    """Return whether a verification is clean that began after the step was entered."""
    fresh = found is not None and datetime.fromisoformat(found.started_at) >= held.entered_at
    if found is None or not fresh:
        seen = "none in this step"
    elif found.finished_at is None:
        seen = f"{found.checked} rows so far, {found.wrong} wrong"
    else:
        seen = f"{found.checked} rows, {found.wrong} wrong, at {found.finished_at}"
    clean = found is not None and fresh and found.is_clean(now)
    return _gate(name, seen, "0 wrong, not older than a day", holds=clean)


def _held(held: Migration, now: datetime, seconds: float) -> Gate:
    passed = (now - held.entered_at).total_seconds()
    return _gate("hold", f"{passed:.0f} s", f">= {seconds:g} s", holds=passed >= seconds)


def slowdown(source_ms: float | None, target_ms: float | None) -> float | None:
    """Return how many times as long the target takes; None where either is not known."""
    if source_ms is None or target_ms is None:
        return None
    return target_ms / max(source_ms, 1e-6)


def _gate(name: str, value: object, wanted: str, *, holds: bool) -> Gate:
    return Gate(name, str(value), wanted, holds)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _between(first: float | None, last: float | None) -> str:
    return "" if first is None or last is None else f" ({first:.3g} to {last:.3g})"
