"""A file with two spaces, written as indexing does, and a dictionary that knows what is right."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hikma.applying import Target
from hikma.arrays import VectorBatch
from hikma.catalog import ledger, migrations, outbox, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import InvalidVectorError, StoreError
from hikma.storing import tell_spaces
from hikma.vectors.exact import best, distances
from hikma.vectors.sqlite import SqliteVectors
from reference import ReferenceVectors

DIMENSION = 8
MODEL = "model"
SPACE = VectorSpace(
    0, "sqlite-vec", "", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "answering"
)
OUTSIDE = VectorSpace(0, "double", "there", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "")


def vector(seed):
    """Return a unit vector that a seed decides."""
    row = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return row / np.linalg.norm(row)


class Outside(ReferenceVectors):
    """A store outside the file that can be down, refuse single rows, or die half-way."""

    def __init__(self, catalog, space):
        super().__init__(DIMENSION)
        self.catalog, self.space = catalog, space
        self.down = False
        self.refused = set()
        self.sequences = {}
        self.writes = 0

    def upsert(self, batch):
        self._reach()
        poison = self.refused.intersection(batch.ids.tolist())
        if poison:
            raise InvalidVectorError([f"{one}: refused" for one in sorted(poison)])
        sequences = batch.sequences if batch.sequences is not None else np.zeros(len(batch.ids))
        kept = [
            at
            for at, (one, sequence) in enumerate(
                zip(batch.ids.tolist(), sequences.tolist(), strict=True)
            )
            if self.sequences.get(one, -1) <= sequence
        ]
        self.sequences |= {int(batch.ids[at]): int(sequences[at]) for at in kept}
        super().upsert(VectorBatch(batch.ids[kept], batch.vectors[kept]))
        self.writes += 1

    def delete(self, ids):
        self._reach()
        for one in ids:
            self.sequences.pop(int(one), None)
        super().delete(ids)

    def nearest(self, query, limit, within=None):  # noqa: ARG002 -- as in the protocol
        """Return the nearest as every store outside the file does: live ones, exactly scored."""
        self._reach()
        with self.catalog.read() as connection:
            held = np.array(sorted(self._rows), dtype=np.int64)
            ids = np.union1d(held, outbox.pending(connection, self.space.id))
            batch = ledger.vectors_of(connection, ids, self.space.documents)
        return best(batch.ids, distances(batch.vectors, query), limit)

    def _reach(self):
        if self.down:
            raise StoreError("there cannot be reached; repeat when it can")


@dataclass
class World:
    """The file, its stores by space, and every live document's vector as it should be."""

    path: Path
    catalog: Catalog
    right: dict[int, bytes] = field(default_factory=dict)
    stores: dict[int, object] = field(default_factory=dict)

    def store(self, space):
        """Return a space's store: in the file, or the double outside it."""
        if space.id not in self.stores:
            kind = SqliteVectors if spaces.is_inside(space) else Outside
            self.stores[space.id] = kind(self.catalog, space)
        return self.stores[space.id]

    def target(self, number):
        """Return a space with its store, as jobs are given it."""
        with self.catalog.read() as connection:
            space = spaces.of(connection, number)
        return Target(self.catalog, space, self.store(space))

    def put(self, seeds):
        """Write documents, each with the vector of a seed: ledger and spaces in one transaction."""
        rows = np.stack([vector(seed) for seed in seeds.values()])
        digests = [f"text {seed}".encode() for seed in seeds.values()]
        with self.catalog.write() as connection:
            ledger.put_embeddings(connection, MODEL, digests, rows)
            ledger.record(connection, MODEL, list(zip(seeds, digests, strict=True)))
            tell_spaces(connection, self.store, list(seeds), [])
        self.right |= {one: vector(seed).tobytes() for one, seed in seeds.items()}

    def remove(self, ids):
        """Delete documents."""
        with self.catalog.write() as connection:
            ledger.tombstone(connection, ids)
            tell_spaces(connection, self.store, [], ids)
        for one in ids:
            self.right.pop(one, None)

    def begin(self, wanted=OUTSIDE, **gates):
        """Begin a migration; return it."""
        with self.catalog.write() as connection:
            source = ledger.space(connection)
            return migrations.begin(connection, source, wanted, gates)

    def held(self, number):
        """Return what a space holds."""
        store = self.target(number).store
        return {
            int(one): row.tobytes()
            for batch in store.scan(7)
            for one, row in zip(batch.ids, batch.vectors, strict=True)
        }

    def nearest(self, number, seed, limit):
        """Return what a space says is near."""
        return [one.id for one in self.target(number).store.nearest(vector(seed), limit)]

    def near(self, seed, limit):
        """Return what is near."""
        query = vector(seed).astype(np.float64)
        apart = [
            (1.0 - float((np.frombuffer(row, "<f4").astype(np.float64) * query).sum()), one)
            for one, row in self.right.items()
        ]
        return [one for _, one in sorted(apart)[:limit]]


def reopen(world):
    """Open the file anew, as after a crash; what lies outside it is still there."""
    world.catalog.close()
    world.catalog = Catalog.open(world.path)
    for number, store in list(world.stores.items()):
        if isinstance(store, Outside):
            store.catalog = world.catalog
        else:
            del world.stores[number]


def make_world(folder):
    """Return a world whose file has one space that answers, and no document."""
    catalog = Catalog.open(folder / "index.db", create=True)
    with catalog.write() as connection:
        ledger.create_space(connection, SPACE)
    return World(folder / "index.db", catalog)
