"""The job of asking two spaces the same: first one against itself, for that is the noise.

Both ends answer with the same filter and in alternating order, so that neither profits from what
the other has just warmed. A target that fails is a sample with its error, and never a crash.
What samples prove is counted by questions: one that is asked again proves nothing more.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Neighbor, Vector
from hikma.catalog import ledger, samples
from hikma.catalog.migrations import Migration
from hikma.catalog.samples import CONTROL, LIVE, REPLAY, Sample
from hikma.catalog.schema import Catalog
from hikma.errors import StoreError
from hikma.migration.asking import question_of
from hikma.migration.gates import slowdown
from hikma.protocols import Embedder, Nearest
from hikma.resampling import interval, percentile

DEPTH = 10
"""Answers of each end that are compared, where nothing else is asked for."""
_CONTROLS = 8
"""One question in so many is put to the source twice."""
_FILTERED = 3
"""One question in so many is put with a filter, the same one for both ends."""
_DRAWS = 2_000
_ENOUGH = 100
"""Live samples that may tell of errors before they are enough to decide."""
_CHUNK = 50
_ERROR_SIGNS = 500
_IN_A_ROW = 3
"""Failures of the source one after another that end the comparison: it is not slow, it is gone."""


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
    """What samples say; `_low` and `_high` bound 95 %, `errors` is a share; None where none are.

    `questions` counts those that are not equal and that both ends answered with something; the
    bounds of the overlap are the lower of a bootstrap's over them and of Wilson's (see `low`).
    `noise` is the overlap of the source with itself: what no target can be blamed for.
    `slowdown` is the target's 95th percentile over the source's.
    """

    samples: int
    questions: int
    filtered: int
    overlap: float | None
    overlap_low: float | None
    agreement: float | None
    drift: float | None
    errors: float | None
    source_p95_ms: float | None
    target_p95_ms: float | None
    slowdown: float | None
    slowdown_low: float | None
    slowdown_high: float | None
    noise: float | None
    noise_low: float | None


@dataclass(frozen=True, slots=True)
class _Asking:
    """One way of asking both ends: filters, chosen from `ids`, and the depth are theirs alike."""

    ends: Ends
    limit: int
    ids: DocumentIds
    kind: str
    epoch: int

    def within(self, number: int) -> DocumentIds | None:
        """Return the filter of a question: every second document, every third or every fourth."""
        turn, rest = divmod(number, _FILTERED)
        return self.ids[turn % 3 :: 2 + turn % 3] if rest == _FILTERED - 1 else None


def compare(
    catalog: Catalog,
    held: Migration,
    ends: Ends,
    queries: Sequence[str],
    limit: int = DEPTH,
    rest: Callable[[float], None] = lambda _: None,
) -> None:
    """Put questions to the source twice, then to both ends.

    One that the source cannot answer tells nothing: it is put once more at the end, then left out.
    Raises StoreError where the source fails several times in a row. The answers are kept in chunks,
    so that little is lost where the job is stopped. After each question `rest` is told how many
    seconds it took.
    """
    asked = list(enumerate(queries))
    with catalog.read() as connection:
        ids = ledger.live_ids(connection)
    itself = replace(ends, target=ends.source, exact=True, other=None)
    control = _Asking(itself, limit, ids, CONTROL, held.epoch)
    _keep(catalog, held, control, asked[::_CONTROLS], rest)
    replay = _Asking(ends, limit, ids, REPLAY, held.epoch)
    left = _keep(catalog, held, replay, asked, rest)
    _keep(catalog, held, replay, left, rest)


def _keep(
    catalog: Catalog,
    held: Migration,
    asking: _Asking,
    queries: Sequence[tuple[int, str]],
    rest: Callable[[float], None],
) -> list[tuple[int, str]]:
    """Ask, keep the answers, and return the questions that the source could not answer."""
    left: list[tuple[int, str]] = []
    in_a_row = 0
    for at in range(0, len(queries), _CHUNK):
        found = []
        for number, text in queries[at : at + _CHUNK]:
            start = time.perf_counter()
            try:
                found.append(_sample(catalog, asking, number, text))
                in_a_row = 0
            except StoreError:
                left.append((number, text))
                in_a_row += 1
                if in_a_row == _IN_A_ROW:
                    raise
            rest(time.perf_counter() - start)
        with catalog.write() as connection:
            samples.put(connection, held.id, found)
    return left


def _sample(catalog: Catalog, asking: _Asking, number: int, text: str) -> Sample:
    ours = asking.ends.embedder.embed_query(text)
    theirs = asking.ends.other.embed_query(text) if asking.ends.other else ours
    with catalog.read():  # both ends answer from one state of the ledger, and a short one
        made = _pair(asking, (ours, theirs), number)
    return replace(made, question=question_of(text.encode()))


def _pair(asking: _Asking, vectors: tuple[Vector, Vector], number: int) -> Sample:
    """Ask both ends once, each by its model's vector, the target first every other time."""
    limit, within = asking.limit, asking.within(number)
    own, other = vectors
    trying = _timed if asking.kind == CONTROL else tried
    if number % 2:
        theirs, target_ms, error = trying(asking.ends.target, other, limit, within)
        ours, source_ms, _ = _timed(asking.ends.source, own, limit, within)
    else:
        ours, source_ms, _ = _timed(asking.ends.source, own, limit, within)
        theirs, target_ms, error = trying(asking.ends.target, other, limit, within)
    blank = unmeasured(asking.kind, source_ms, error, exact=asking.ends.exact)
    filtered = within is not None
    blank = replace(blank, depth=limit, epoch=asking.epoch, filtered=filtered)
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
        answers=max(len(ours), len(theirs)),
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


def overlap(ours: Sequence[Neighbor], theirs: Sequence[Neighbor]) -> float | None:
    """Return which share of the longer of two answers both have; None where both are empty."""
    wanted, given = {one.id for one in ours}, {one.id for one in theirs}
    longer = max(len(wanted), len(given))
    return len(wanted & given) / longer if longer else None


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


def judged(
    connection: apsw.Connection, migration: int, wanted: int, epoch_from: int = 0
) -> tuple[str, Comparison]:
    """Return what decides: questions that somebody asked where there are enough, else replayed."""
    live = summary(connection, migration, epoch_from, LIVE)
    if live.questions >= wanted:
        return LIVE, live
    replayed = summary(connection, migration, epoch_from)
    many = live.samples >= _ENOUGH  # of fewer, one that failed would be too large a share
    errors = max(filter(None, (replayed.errors, live.errors if many else None)), default=None)
    return REPLAY, replace(replayed, errors=errors if errors is not None else replayed.errors)


def summary(
    connection: apsw.Connection, migration: int, epoch_from: int = 0, kind: str = REPLAY
) -> Comparison:
    """Return what the samples of one kind since an epoch say (see `Comparison`)."""
    found, control = (samples.of(connection, migration, one, epoch_from) for one in (kind, CONTROL))
    return summarised(found, control)


def summarised(found: Sequence[Sample], control: Sequence[Sample]) -> Comparison:
    """Return what samples say, beside those of the source against itself."""
    answered = [one for one in found if one.error is None]
    overlaps, answers = _by_question(answered)
    noise, repeated = _by_question(control)
    ours = [one.source_ms for one in answered]
    theirs = _known([one.target_ms for one in answered])
    source, target = _p95(ours), _p95(theirs)
    bounds = slowdown_bounds(ours, theirs)
    return Comparison(
        samples=len(found),
        questions=len(overlaps),
        filtered=sum(one.filtered for one in found),
        overlap=_mean(overlaps),
        overlap_low=low(overlaps, answers),
        agreement=_mean(_known([one.agreement for one in answered])),
        drift=max(_known([one.drift for one in answered]), default=None),
        errors=(len(found) - len(answered)) / len(found) if found else None,
        source_p95_ms=source,
        target_p95_ms=target,
        slowdown=slowdown(source, target),
        slowdown_low=bounds and bounds[0],
        slowdown_high=bounds and bounds[1],
        noise=_mean(noise),
        noise_low=low(noise, repeated),
    )


def _by_question(found: Sequence[Sample]) -> tuple[list[float], int]:
    """Return the mean overlap of each question, and how many answers they have together."""
    alike: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for one in found:
        if one.overlap is not None:
            alike[one.question].append((one.overlap, one.answers))
    means = [fmean(overlap for overlap, _ in each) for each in alike.values()]
    answers = sum(fmean(count for _, count in each) for each in alike.values())
    return means, round(answers)


def low(values: Sequence[float], answers: int | None = None) -> float | None:
    """Return the lower end of the 95 % interval of a mean overlap: percentiles of a bootstrap.

    Where all questions are alike a bootstrap knows no doubt; Wilson's bound for the answers to them
    does, and the lower one counts: ten questions never prove what four hundred do. Wilson takes the
    answers as independent: questions that go wrong as a whole must be seen to lower the bound.
    Overlaps take few values, so a draw of them is one of how often each comes; fixed seed.
    """
    if not values:
        return None
    count = len(values) * DEPTH if answers is None else answers
    levels, often = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    drawn = np.random.default_rng(0).multinomial(len(values), often / len(values), _DRAWS)
    means = drawn @ levels / len(values)
    plain = float(levels @ often) / len(values)
    return min(interval(means)[0], _wilson(min(plain, 1.0), max(count, 1)))


def slowdown_bounds(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the slow-down: percentiles of a bootstrap, None of nothing.

    What stands at a rank of a sample that is drawn with repeats is a value whose place in the order
    follows a beta distribution, so the draws need not be made. Both ends are taken as independent,
    which can only widen it; fixed seed.
    """
    if not ours or not theirs:
        return None
    chance = np.random.default_rng(0)
    source, target = (_drawn(np.sort(one), chance) for one in (ours, theirs))
    return interval(target / np.maximum(source, 1e-6))


def _drawn(ordered: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """Return 95th percentiles as a bootstrap would draw them."""
    count = len(ordered)
    rank = max(1, round(0.95 * count))
    places = chance.beta(rank, count - rank + 1, _DRAWS)
    return ordered[np.minimum((places * count).astype(np.int64), count - 1)]


def _wilson(share: float, count: int) -> float:
    """Return the lower end of Wilson's 95 % interval for a share of `count` (Wilson, 1927)."""
    z = 1.959964
    middle = share + z * z / (2 * count)
    spread = z * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return max(0.0, (middle - spread) / (1 + z * z / count))


def _p95(values: Sequence[float]) -> float | None:
    return percentile(values, 95) if values else None


def _known(values: Sequence[float | None]) -> list[float]:
    return [one for one in values if one is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
