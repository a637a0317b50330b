"""Vectors and queries of the indexed repository: real ones, and said so where they are not."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import apsw
import numpy as np

from hikma.arrays import DocumentIds, VectorRows
from hikma.benchmark.figures import Material, Plan
from hikma.catalog import ledger, nodes, spaces
from hikma.domain import NodeKind, VectorSpace
from hikma.engine import Engine
from hikma.errors import BenchmarkError, HikmaError
from hikma.resampling import percentile

SINGLES, BATCHES, BATCH = 20, 5, 100
"""Writes that are timed: of one vector, of a batch, and vectors in one."""
_SPARE = 2 * SINGLES + BATCHES * BATCH
_COPY_SIMILARITY = 0.9
_HELD_OUT_SHARE = 10
"""At most one of so many stored vectors becomes a query."""
_AT_ONCE = 5_000
_LEAST_WORDS, _MOST_CHARACTERS = 3, 300


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is measured with: the first n vectors are those of size n.

    `spare` are written while writes are timed; `texts` belong to the first queries.
    """

    facts: Material
    vectors: VectorRows
    spare: VectorRows
    queries: VectorRows
    texts: Sequence[str]
    notes: Sequence[str]

    def perturbed(self, size: int) -> float:
        """Return the share of a size's vectors that are made from others."""
        return round(max(0, size - self.facts.real) / size, 4)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries from texts, with the seconds that each took to embed, and why there are no more."""

    texts: Sequence[str]
    vectors: VectorRows
    seconds: Sequence[float]
    note: str = ""


def draw(engine: Engine, plan: Plan) -> Drawn:
    """Return vectors and queries of an indexed repository, the same for the same index and seed.

    Raises IndexMissingError without an index, BenchmarkError for one without vectors.
    """
    random = np.random.default_rng(plan.seed)
    with engine.catalog.read() as connection:
        space = spaces.answering(connection, engine.database)
        asked = _embedded(engine, connection, space, plan)
        ids = ledger.live_ids(connection)
        held_out = min(plan.queries - len(asked.texts), len(ids) // _HELD_OUT_SHARE)
        wanted = random.permutation(ids)[: max(plan.sizes) + held_out]
        real = _vectors(connection, space, wanted)
    if len(real) <= held_out:
        raise BenchmarkError(f"{engine.database} holds no vectors; run `hikma index` first.")
    aside, real = real[:held_out], real[held_out:]
    queries = np.concatenate((asked.vectors, aside))
    facts = _facts(space, asked, (len(ids), len(real)), held_out)
    return Drawn(
        facts,
        extended(real, max(plan.sizes), random),
        perturbed(real[random.integers(0, len(real), _SPARE)], random),
        queries,
        asked.texts,
        [asked.note] if asked.note else [],
    )


def extended(real: VectorRows, count: int, random: np.random.Generator) -> VectorRows:
    """Return so many vectors: the real ones, then perturbed copies of them in turn."""
    made = np.empty((count, real.shape[1]), np.float32)
    made[: len(real)] = real[:count]
    for start in range(len(real), count, _AT_ONCE):
        end = min(start + _AT_ONCE, count)
        made[start:end] = perturbed(real[np.arange(start, end) % len(real)], random)
    return made


def perturbed(rows: VectorRows, random: np.random.Generator) -> VectorRows:
    """Return unit vectors beside others, at a cosine of about .9 in a random direction."""
    noise = random.standard_normal(rows.shape, np.float32)
    noise *= sqrt(1 / _COPY_SIMILARITY**2 - 1) / np.linalg.norm(noise, axis=1, keepdims=True)
    moved = rows + noise
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return moved


def _vectors(connection: apsw.Connection, space: VectorSpace, ids: DocumentIds) -> VectorRows:
    """Return the vectors of documents in the order asked, so that fewer are always the first."""
    made = [np.empty((0, space.dimension), np.float32)]
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        batch = ledger.vectors_of(connection, part, space.documents)
        made.append(batch.vectors[np.searchsorted(batch.ids, part[np.isin(part, batch.ids)])])
    return np.concatenate(made)


def _embedded(
    engine: Engine, connection: apsw.Connection, space: VectorSpace, plan: Plan
) -> _Asked:
    texts = _texts(connection, plan)
    nothing = np.empty((0, space.dimension), np.float32)
    if not texts:
        return _Asked((), nothing, ())
    try:
        embedder = engine.sources().embedder
        embedder.embed_query(texts[0])  # its first question opens it
        vectors, seconds = [], []
        for text in texts:
            start = time.perf_counter()
            vectors.append(embedder.embed_query(text))
            seconds.append(time.perf_counter() - start)
    except HikmaError as error:
        return _Asked((), nothing, (), f"queries are stored vectors, for no text: {error}")
    return _Asked(texts, np.stack(vectors), seconds)


def _texts(connection: apsw.Connection, plan: Plan) -> list[str]:
    """Return first lines of documentation and of commits' messages, half of each where it can."""
    random = np.random.default_rng(plan.seed)
    drawn = []
    for kind in (NodeKind.SYMBOL, NodeKind.COMMIT):
        lines = (one.strip().split("\n", 1)[0] for one in nodes.documentations(connection, kind))
        said = list(dict.fromkeys(filter(_says_something, lines)))
        drawn.append([said[at] for at in random.permutation(len(said))])
    written, committed = drawn
    half = max(plan.queries // 2, plan.queries - len(committed))
    found = written[:half]
    return list(dict.fromkeys([*found, *committed[: plan.queries - len(found)]]))


def _says_something(line: str) -> bool:
    return len(line.split()) >= _LEAST_WORDS and len(line) <= _MOST_CHARACTERS


def _facts(space: VectorSpace, asked: _Asked, counts: tuple[int, int], held_out: int) -> Material:
    took = [round(percentile(asked.seconds or [0.0], share) * 1e3, 4) for share in (50, 95)]
    p50, p95 = took if asked.texts else (None, None)
    return Material(
        space.model,
        space.dimension,
        *counts,
        len(asked.texts),
        held_out,
        p50,
        p95,
        _COPY_SIMILARITY,
    )
