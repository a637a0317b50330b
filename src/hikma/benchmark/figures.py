"""What a benchmark found: figures by backend, size and operation, and what they rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

FORMAT, VERSION = "hikma-bench", 1
"""What a report says of itself: another version has other keys."""


class Operation(StrEnum):
    """What is measured."""

    SEARCH = "search"
    FILTERED = "filtered"
    HYBRID = "hybrid"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    CONCURRENT = "concurrent"
    COLD = "cold"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for; `timeout_s` ends a measurement, and fails a process that takes longer."""

    sizes: tuple[int, ...]
    backends: tuple[str, ...]
    operations: tuple[Operation, ...]
    queries: int = 100
    limit: int = 10
    seed: int = 0
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured: what figures depend on, and nothing that tells whose it is.

    `read_gb_s` is how fast one core sums memory that no cache holds; `load` the mean count of
    processes that wanted a core before the run, None where the system does not tell.
    """

    system: str
    architecture: str
    cores: int
    memory_bytes: int
    read_gb_s: float
    load: float | None
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Material:
    """What was measured with.

    `real` vectors of code were taken from the index, of all its `documents`. Of the queries some
    are `texts` of the repository, embedded in `embed_p50_ms` each, others vectors that were held
    out.
    `copy_similarity` is the cosine of a perturbed vector and the real one that it was made of.
    """

    model: str
    dimension: int
    documents: int
    real: int
    texts: int
    held_out: int
    embed_p50_ms: float | None
    embed_p95_ms: float | None
    copy_similarity: float


@dataclass(frozen=True, slots=True)
class Size:
    """So many vectors, of which a share is made from others by perturbation."""

    size: int
    perturbed: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a backend: `measured`, `absent` or `failed`, and then why."""

    backend: str
    title: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Times of one operation: `count` of them, with the 95 % interval of their median.

    `per_second` counts vectors where a batch is written, else operations. `cpu_ms` is processor
    time of the whole process for each. `recall` is against the exact nearest.
    """

    backend: str
    size: int
    operation: str
    count: int
    p50_ms: float
    low_ms: float
    high_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float
    cpu_ms: float | None = None
    recall: float | None = None

    @property
    def key(self) -> tuple[str, int, str]:
        """By what it is found again in another report."""
        return self.backend, self.size, self.operation


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a backend takes at a size.

    Memory is growth of a fresh process over itself before it opened anything. `disk_bytes` come on
    top of the canonical rows. `read_bytes` are those that no query can do without, `floor_ms` how
    long memory takes to give them; None where an index decides what is read.
    """

    backend: str
    size: int
    build_s: float
    disk_bytes: int
    read_bytes: int | None
    floor_ms: float | None
    steady_bytes: int | None = None
    peak_bytes: int | None = None

    def with_memory(self, steady: int, peak: int) -> "Footprint":
        """Return the same with what a fresh process grew by."""
        return replace(self, steady_bytes=steady, peak_bytes=peak)


@dataclass(frozen=True, slots=True)
class Law:
    """`cost = a * size ** b`; a measured cost is off by a factor of `residual`, typically."""

    backend: str
    cost: str
    a: float
    b: float
    residual: float
    points: int


@dataclass(frozen=True, slots=True)
class Win:
    """The stored backend with the least of a cost at a size, of those with enough recall."""

    cost: str
    size: int
    backend: str
    value: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """The size from which on `above` costs less than `below`, by their laws."""

    cost: str
    below: str
    above: str
    size: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Which backend the rule names, how sure it is, and why; `backend` None for none.

    `ratio` is the median of sqlite-vec's over LanceDB's, with its 95 % interval.
    """

    rule: str
    backend: str | None
    sure: bool
    reason: str
    size: int
    sqlite_vec: str | None = None
    lancedb: str | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A figure beside that of a former report; `what` is p50_ms, recall, steady_bytes, …"""

    backend: str
    size: int
    operation: str
    what: str
    before: float
    now: float
    ratio: float | None
    low: float | None
    high: float | None
    regression: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since a former report, and what speaks against comparing them."""

    changes: Sequence[Change]
    doubts: Sequence[str]
    only_before: int

    @property
    def regressions(self) -> list[Change]:
        """What became worse by more than noise."""
        return [one for one in self.changes if one.regression]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a run found."""

    format: str
    version: int
    hikma: str
    made_at: str
    took_s: float
    machine: Machine
    plan: Plan
    material: Material
    sizes: Sequence[Size]
    backends: Sequence[Outcome]
    figures: Sequence[Figure]
    footprints: Sequence[Footprint]
    laws: Sequence[Law]
    wins: Sequence[Win]
    crossings: Sequence[Crossing]
    recommendation: Recommendation
    notes: Sequence[str] = ()
    comparison: Comparison | None = field(default=None)

    @property
    def failures(self) -> list[Outcome]:
        """Backends that failed."""
        return [one for one in self.backends if one.state == "failed"]
