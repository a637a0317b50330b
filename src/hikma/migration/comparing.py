"""The job of asking two spaces the same: first one against itself, for that is the noise.

Both ends answer with the same filter and in alternating order, so that neither profits from what
the other has just warmed. A target that fails is a sample with its error, and never a crash.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, cycle, islice, zip_longest

import apsw
import numpy as np

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.catalog import rows, samples
from hikma.catalog.migrations import Migration
from hikma.catalog.samples import CONTROL, REPLAY, Sample
from hikma.catalog.schema import Catalog
from hikma.migration.gates import slowdown
from hikma.protocols import Embedder, Nearest

DEPTH = 10
"""Answers of each end that are compared, where nothing else is asked for."""
_CONTROLS = 8
"""One question in so many is put to the source twice."""
_DRAWS = 2_000
_CHUNK = 50
_MOST_WORDS = 14
_ERROR_SIGNS = 500
_FIXED = (
    "where is the configuration read",
    "how are errors reported",
    "parse the command line",
    "retry after a failure",
    "which tests cover this",
)


@dataclass(frozen=True, slots=True)
class Ends:
    """The two stores, their models, and whether the target's index is exact.

    `other` is the target's model where it is not the source's.
    """

    source: Nearest
    target: Nearest
    embedder: Embedder
    exact: bool
    other: Embedder | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What samples say; `_low` are lower 95 % bounds, `errors` a share; None where none are.

    The bounds are the lower of a bootstrap's over samples and of Wilson's (see `low`).
    `noise` is the overlap of the source with itself: what no target can be blamed for.
    `slowdown` is the target's 95th percentile over the source's.
    """

    samples: int
    overlap: float | None
    overlap_low: float | None
    agreement: float | None
    drift: float | None
    errors: float | None
    source_p95_ms: float | None
    target_p95_ms: float | None
    slowdown: float | None
    noise: float | None
    noise_low: float | None


@dataclass(frozen=True, slots=True)
class _Asking:
    """One way of asking both ends: the filter and the depth are theirs alike."""

    ends: Ends
    limit: int
    within: DocumentIds | None
    kind: str
    epoch: int


def compare(
    catalog: Catalog,
    held: Migration,
    ends: Ends,
    queries: Sequence[str],
    limit: int = DEPTH,
    within: DocumentIds | None = None,
) -> None:
    """Put questions to the source twice, then to both ends; raise what the source raises.

    The answers are kept in chunks, so that little is lost where the job is stopped.
    """
    itself = replace(ends, target=ends.source, exact=True, other=None)
    control = _Asking(itself, limit, within, CONTROL, held.epoch)
    _keep(catalog, held, control, queries[::_CONTROLS])
    _keep(catalog, held, _Asking(ends, limit, within, REPLAY, held.epoch), queries)


def _keep(catalog: Catalog, held: Migration, asking: _Asking, queries: Sequence[str]) -> None:
    for at in range(0, len(queries), _CHUNK):
        found = []
        for number, text in enumerate(queries[at : at + _CHUNK]):
            ours = asking.ends.embedder.embed_query(text)
            theirs = asking.ends.other.embed_query(text) if asking.ends.other else ours
            with catalog.read():  # both ends answer from one state of the ledger, and a short one
                found.append(_pair(asking, (ours, theirs), swapped=bool(number % 2)))
        with catalog.write() as connection:
            samples.put(connection, held.id, found)


def _pair(asking: _Asking, vectors: tuple[Vector, Vector], *, swapped: bool) -> Sample:
    """Ask both ends once, each by its model's vector, the target first where swapped."""
    limit, within = asking.limit, asking.within
    own, other = vectors
    trying = _timed if asking.kind == CONTROL else tried
    if swapped:
        theirs, target_ms, error = trying(asking.ends.target, other, limit, within)
        ours, source_ms, _ = _timed(asking.ends.source, own, limit, within)
    else:
        ours, source_ms, _ = _timed(asking.ends.source, own, limit, within)
        theirs, target_ms, error = trying(asking.ends.target, other, limit, within)
    blank = unmeasured(asking.kind, source_ms, error, exact=asking.ends.exact)
    blank = replace(blank, depth=limit, epoch=asking.epoch)
    return blank if error is not None else measured(blank, ours, theirs, target_ms)


def unmeasured(kind: str, source_ms: float, error: str | None, *, exact: bool) -> Sample:
    """Return a sample of which nothing is known yet but what the source took."""
    return Sample(kind, exact, None, None, None, source_ms, None, error)


def measured(
    blank: Sample, ours: Sequence[Neighbor], theirs: Sequence[Neighbor], target_ms: float
) -> Sample:
    """Return a sample with how far two answers to one question are alike."""
    return replace(
        blank,
        overlap=overlap(ours, theirs),
        agreement=agreement(ours, theirs),
        drift=drift(ours, theirs),
        target_ms=target_ms,
    )


def _timed(
    store: Nearest, vector: Vector, limit: int, within: DocumentIds | None
) -> tuple[list[Neighbor], float, str | None]:
    start = time.perf_counter()
    found = store.nearest(vector, limit, within)
    return found, 1_000 * (time.perf_counter() - start), None


def tried(
    store: Nearest, vector: Vector, limit: int, within: DocumentIds | None
) -> tuple[list[Neighbor], float, str | None]:
    """Return what a store on trial answers, in how many milliseconds, or how it failed."""
    try:
        return _timed(store, vector, limit, within)
    except Exception as error:  # noqa: BLE001 -- however it fails, that is its answer, and counts
        return [], 0.0, (str(error) or type(error).__name__)[:_ERROR_SIGNS]


def overlap(ours: Sequence[Neighbor], theirs: Sequence[Neighbor]) -> float:
    """Return which share of the longer of two answers both have; 1 of nothing."""
    wanted, given = {one.id for one in ours}, {one.id for one in theirs}
    longer = max(len(wanted), len(given))
    return len(wanted & given) / longer if longer else 1.0


def agreement(ours: Sequence[Neighbor], theirs: Sequence[Neighbor]) -> float | None:
    """Return Kendall's tau of the order of what both found (Kendall, 1938); None below two."""
    place = {one.id: at for at, one in enumerate(theirs)}
    shared = [place[one.id] for one in ours if one.id in place]
    pairs = list(combinations(shared, 2))
    if not pairs:
        return None
    return sum(1 if before < after else -1 for before, after in pairs) / len(pairs)


def drift(ours: Sequence[Neighbor], theirs: Sequence[Neighbor]) -> float:
    """Return the largest difference of the distance of one document at both ends."""
    apart = {one.id: one.distance for one in theirs}
    return max((abs(one.distance - apart[one.id]) for one in ours if one.id in apart), default=0.0)


def summary(connection: apsw.Connection, migration: int, epoch_from: int = 0) -> Comparison:
    """Return what the samples of a migration since an epoch say (see `Comparison`)."""
    every = samples.of(connection, migration, epoch_from=epoch_from)
    control = [one for one in every if one.kind == CONTROL]
    return summarised([one for one in every if one.kind != CONTROL], control)


def summarised(found: Sequence[Sample], control: Sequence[Sample]) -> Comparison:
    """Return what samples say, beside those of the source against itself."""
    answered = [one for one in found if one.error is None]
    overlaps = _known([one.overlap for one in answered])
    noise = _known([one.overlap for one in control])
    ours = percentile([one.source_ms for one in answered], 95)
    theirs = percentile(_known([one.target_ms for one in answered]), 95)
    return Comparison(
        samples=len(found),
        overlap=_mean(overlaps),
        overlap_low=low(overlaps, _depth(answered)),
        agreement=_mean(_known([one.agreement for one in answered])),
        drift=max(_known([one.drift for one in answered]), default=None),
        errors=(len(found) - len(answered)) / len(found) if found else None,
        source_p95_ms=ours,
        target_p95_ms=theirs,
        slowdown=slowdown(ours, theirs),
        noise=_mean(noise),
        noise_low=low(noise, _depth(control)),
    )


def low(values: Sequence[float], depth: int = DEPTH) -> float | None:
    """Return the lower end of the 95 % interval of a mean overlap: percentiles of a bootstrap.

    Where all samples are alike a bootstrap knows no doubt; Wilson's bound for the answers in them
    does, and the lower one counts: ten samples never prove what four hundred do. Wilson takes the
    answers as independent: questions that go wrong as a whole must be seen to lower the bound.
    Overlaps take few values, so a draw of samples is one of how often each comes; fixed seed.
    """
    if not values:
        return None
    levels, often = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    drawn = np.random.default_rng(0).multinomial(len(values), often / len(values), _DRAWS)
    means = drawn @ levels / len(values)
    plain = float(levels @ often) / len(values)
    return float(min(np.percentile(means, 2.5), _wilson(min(plain, 1.0), len(values) * depth)))


def _wilson(share: float, count: int) -> float:
    """Return the lower end of Wilson's 95 % interval for a share of `count` (Wilson, 1927)."""
    z = 1.959964
    middle = share + z * z / (2 * count)
    spread = z * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return max(0.0, (middle - spread) / (1 + z * z / count))


def questions(connection: apsw.Connection, count: int) -> list[str]:
    """Return so many questions of the file's own, the same ones each time.

    First sentences of documentation, subjects of commits, names, qualified names, in turn and from
    all over the file, and a few fixed; where there are fewer, they come again.
    """
    pools = (
        "documentation FROM node WHERE documentation <> ''",
        "name FROM node WHERE kind = 'commit'",
        "name FROM node WHERE kind IN ('symbol', 'test', 'file')",
        "qualified_name FROM node WHERE qualified_name LIKE '%.%'",
    )
    drawn = [_spread(connection, pool, count) for pool in pools]
    mixed = chain.from_iterable(zip_longest(*drawn))
    known = dict.fromkeys(filter(None, (*_FIXED, *mixed)))
    return list(islice(cycle(known), count))


def _spread(connection: apsw.Connection, pool: str, count: int) -> list[str]:
    """Return texts of a pool in equal steps from its first to its last."""
    column, _, origin = pool.partition(" ")
    found = rows.ids(connection, f"SELECT id {origin} ORDER BY id")
    if not len(found) or not count:
        return []
    chosen = found[np.unique(np.linspace(0, len(found) - 1, count).astype(np.int64))]
    sql = f"SELECT {column} FROM node WHERE id IN (SELECT value FROM carray(?)) ORDER BY id"  # noqa: S608 -- our own column
    return [_short(str(one)) for one in rows.column(connection, sql, (rows.numbers(chosen),))]


def _short(text: str) -> str:
    """Return the first sentence of a text, a dozen words at most."""
    first = text.strip().split("\n", 1)[0].split(". ", 1)[0]
    return " ".join(first.split()[:_MOST_WORDS])


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return a percentile, None of nothing."""
    return float(np.percentile(values, share)) if values else None


def _depth(found: Sequence[Sample]) -> int:
    """Return the least depth that samples have, the careful one to take."""
    return min((one.depth for one in found), default=DEPTH)


def _known(values: Sequence[float | None]) -> list[float]:
    return [one for one in values if one is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
