"""The job of asking two spaces the same: first one against itself, for that is the noise.

Both ends answer with the same filter and in alternating order, so that neither profits from what
the other has just warmed. A target that fails is a sample with its error, and never a crash.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import apsw
import numpy as np

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.catalog import rows, samples
from hikma.catalog.migrations import Migration
from hikma.catalog.samples import CONTROL, REPLAY, Sample
from hikma.catalog.schema import Catalog
from hikma.errors import CatalogError, MissingVectorError, StoreError
from hikma.protocols import Embedder, Nearest

DEPTH = 10
"""Answers of each end that are compared."""
_CONTROLS = 8
"""One question in so many is put to the source twice."""
_DRAWS = 2_000
_CHUNK = 50
_MOST_WORDS = 14
_FIXED = (
    "where is the configuration read",
    "how are errors reported",
    "parse the command line",
    "retry after a failure",
    "which tests cover this",
)
_FAILURES = (StoreError, CatalogError, MissingVectorError, apsw.Error)


@dataclass(frozen=True, slots=True)
class Ends:
    """The two stores, the model that both have, and whether the target's index is exact."""

    source: Nearest
    target: Nearest
    embedder: Embedder
    exact: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What samples say; `_low` are lower 95 % bounds, `errors` a share; None where none are.

    `noise` is the overlap of the source with itself: what no target can be blamed for.
    """

    samples: int
    overlap: float | None
    overlap_low: float | None
    agreement: float | None
    drift: float | None
    errors: float | None
    source_p95_ms: float | None
    target_p95_ms: float | None
    noise: float | None
    noise_low: float | None


def compare(
    catalog: Catalog,
    held: Migration,
    ends: Ends,
    queries: Sequence[str],
    within: DocumentIds | None = None,
) -> None:
    """Put questions to both ends, keep the answers in chunks; raise what the source raises."""
    for at in range(0, len(queries), _CHUNK):
        with catalog.read():
            found = list(_asked(ends, queries[at : at + _CHUNK], at, within))
        with catalog.write() as connection:
            samples.put(connection, held.id, found)


def _asked(
    ends: Ends, queries: Sequence[str], first: int, within: DocumentIds | None
) -> Iterator[Sample]:
    for number, text in enumerate(queries, first):
        vector = ends.embedder.embed_query(text)
        if number % _CONTROLS == 0:
            yield _pair(
                Ends(ends.source, ends.source, ends.embedder, exact=True),
                vector,
                within,
                CONTROL,
                swapped=False,
            )
        yield _pair(ends, vector, within, REPLAY, swapped=bool(number % 2))


def _pair(
    ends: Ends, vector: Vector, within: DocumentIds | None, kind: str, *, swapped: bool
) -> Sample:
    """Ask both ends once, the target first where they are swapped."""
    if swapped:
        theirs, target_ms, error = _tried(ends.target, vector, within)
        ours, source_ms = _timed(ends.source, vector, within)
    else:
        ours, source_ms = _timed(ends.source, vector, within)
        theirs, target_ms, error = _tried(ends.target, vector, within)
    if error is not None:
        return Sample(kind, ends.exact, None, None, None, source_ms, None, error)
    return Sample(
        kind,
        ends.exact,
        overlap(ours, theirs),
        agreement(ours, theirs),
        drift(ours, theirs),
        source_ms,
        target_ms,
    )


def _timed(
    store: Nearest, vector: Vector, within: DocumentIds | None
) -> tuple[list[Neighbor], float]:
    start = time.perf_counter()
    found = store.nearest(vector, DEPTH, within)
    return found, 1_000 * (time.perf_counter() - start)


def _tried(
    store: Nearest, vector: Vector, within: DocumentIds | None
) -> tuple[list[Neighbor], float, str | None]:
    try:
        return *_timed(store, vector, within), None
    except _FAILURES as error:
        return [], 0.0, str(error)[:500]


def overlap(ours: Sequence[Neighbor], theirs: Sequence[Neighbor]) -> float:
    """Return which share of what the source found the target found too; 1 of nothing."""
    wanted = {one.id for one in ours}
    return len(wanted & {one.id for one in theirs}) / len(wanted) if wanted else 1.0


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


def summary(connection: apsw.Connection, migration: int) -> Comparison:
    """Return what the samples of a migration say; bounds by bootstrap over samples, fixed seed."""
    every = samples.of(connection, migration)
    control = [one for one in every if one.kind == CONTROL]
    found = [one for one in every if one.kind != CONTROL]
    answered = [one for one in found if one.error is None]
    overlaps = _known([one.overlap for one in answered])
    noise = _known([one.overlap for one in control])
    return Comparison(
        samples=len(found),
        overlap=_mean(overlaps),
        overlap_low=low(overlaps),
        agreement=_mean(_known([one.agreement for one in answered])),
        drift=max(_known([one.drift for one in answered]), default=None),
        errors=(len(found) - len(answered)) / len(found) if found else None,
        source_p95_ms=_p95([one.source_ms for one in answered]),
        target_p95_ms=_p95(_known([one.target_ms for one in answered])),
        noise=_mean(noise),
        noise_low=low(noise),
    )


def low(values: Sequence[float]) -> float | None:
    """Return the lower end of the 95 % interval of a mean overlap: percentiles of a bootstrap.

    Where all samples are alike a bootstrap knows no doubt; Wilson's bound for the answers in them
    does, and the lower one counts: ten samples never prove what four hundred do.
    """
    if not values:
        return None
    given = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(0).choice(given, (_DRAWS, len(given))).mean(axis=1)
    return float(min(np.percentile(drawn, 2.5), _wilson(float(given.mean()), len(given) * DEPTH)))


def _wilson(share: float, count: int) -> float:
    """Return the lower end of Wilson's 95 % interval for a share of `count` (Wilson, 1927)."""
    z = 1.959964
    middle = share + z * z / (2 * count)
    spread = z * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return (middle - spread) / (1 + z * z / count)


def questions(connection: apsw.Connection, count: int) -> list[str]:
    """Return so many questions of the file's own, the same ones each time.

    First sentences of documentation, subjects of commits, names, qualified names, a few fixed;
    where there are fewer, they come again.
    """
    sources = (
        "SELECT documentation FROM node WHERE documentation <> '' ORDER BY id LIMIT ?",
        "SELECT name FROM node WHERE kind = 'commit' ORDER BY id LIMIT ?",
        "SELECT DISTINCT name FROM node WHERE kind IN ('symbol', 'file') ORDER BY name LIMIT ?",
        "SELECT qualified_name FROM node WHERE qualified_name LIKE '%.%' ORDER BY id LIMIT ?",
    )
    texts = [_short(str(one)) for sql in sources for one in rows.column(connection, sql, (count,))]
    known = list(dict.fromkeys([*_FIXED, *filter(None, texts)]))
    turned = [known[(at * 7_919) % len(known)] for at in range(max(count, 1))]
    return turned[:count]


def _short(text: str) -> str:
    """Return the first sentence of a text, a dozen words at most."""
    first = text.strip().split("\n", 1)[0].split(". ", 1)[0]
    return " ".join(first.split()[:_MOST_WORDS])


def _known(values: Sequence[float | None]) -> list[float]:
    return [one for one in values if one is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _p95(values: Sequence[float]) -> float | None:
    return float(np.percentile(values, 95)) if values else None
