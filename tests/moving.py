"""A file with two spaces, written as indexing does, and a dictionary that knows what is right."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fakes import HashingEmbedder
from hikma.applying import Target
from hikma.arrays import VectorBatch
from hikma.catalog import ledger, migrations, outbox, spaces
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import InvalidVectorError, ModelError, StoreError
from hikma.storing import Sink, Tally, embed, move_vectors, put_vectors
from hikma.vectors.exact import best, distances
from hikma.vectors.lance import LanceVectors
from hikma.vectors.sqlite import SqliteVectors
from reference import ReferenceVectors

DIMENSION = 8
MODEL, OTHER = "model", "other"
SPACE = VectorSpace(
    0, "sqlite-vec", "", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "answering"
)
OUTSIDE = VectorSpace(0, "double", "there", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "")
TABLE = replace(OUTSIDE, backend="lancedb", location="")


_NODE = """
INSERT OR IGNORE INTO node(id, key, kind, name, qualified_name, signature, path, documentation)
VALUES (1, 'file:made.py', 'file', 'made.py', '', '', 'made.py', '')
"""
_DOCUMENT = """
INSERT INTO document(id, node, ordinal, start_line, end_line, digest, text)
SELECT asked.id, 1, asked.id, 1, 1, CAST(asked.text AS BLOB), asked.text
  FROM (SELECT ? AS id, 'text ' || ? AS text) AS asked WHERE true
    ON CONFLICT(id) DO UPDATE SET digest = excluded.digest, text = excluded.text
"""


def vector(seed):
    """Return a unit vector that a seed decides."""
    row = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return row / np.linalg.norm(row)


def near(rows, query, limit):
    """Return the ids of the nearest of some rows, by their bytes."""
    exact = query.astype(np.float64)
    apart = [
        (1.0 - float((np.frombuffer(row, "<f4").astype(np.float64) * exact).sum()), one)
        for one, row in rows.items()
    ]
    return [one for _, one in sorted(apart)[:limit]]


def by(space, model):
    """Return a space's description with another model."""
    return replace(space, model=model, documents=model, queries=model)


class Text(NamedTuple):
    """What is embedded of a document: all that a model needs of it."""

    seed: int

    @property
    def meaning(self):
        """What the model is given."""
        return f"text {self.seed}"

    @property
    def digest(self):
        """What the file knows it by."""
        return self.meaning.encode()


class Seeded(HashingEmbedder):
    """A model that finds no two texts alike, and whose server may be away.

    Both models give vectors of one length: only the values tell whose they are.
    """

    def __init__(self, name, first):
        super().__init__(DIMENSION, name)
        self.first = first
        self.fails = False

    @property
    def document_identity(self):
        """The name: that of a space's description above."""
        return self.name

    def vector(self, seed):
        """Return what it gives the text of a seed, its server there or not."""
        return vector(self.first + seed)

    def _embed(self, text):
        if self.fails:
            raise ModelError("its server is gone; start it")
        return self.vector(int(text.removeprefix("text ")))


def two_models():
    """Return the models by their names; one gives a seed's text the vector of that seed."""
    return {MODEL: Seeded(MODEL, 0), OTHER: Seeded(OTHER, 100_000)}


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


class Table(LanceVectors):
    """A table of LanceDB that can be down."""

    def __init__(self, catalog, space):
        super().__init__(catalog, space)
        self.down = False

    def upsert(self, batch):
        self._reach()
        super().upsert(batch)

    def delete(self, ids):
        self._reach()
        super().delete(ids)

    def nearest(self, query, limit, within=None):
        self._reach()
        return super().nearest(query, limit, within)

    _reach = Outside._reach


@dataclass
class World:
    """The file, its stores by space, and every live document's vector as it should be."""

    path: Path
    catalog: Catalog
    right: dict[int, bytes] = field(default_factory=dict)
    stores: dict[int, object] = field(default_factory=dict)
    models: dict[str, Seeded] = field(default_factory=two_models)
    outside: type = Outside

    def embedder(self, space):
        """Return the model of a space."""
        return self.models[space.documents]

    @property
    def sink(self):
        """Where a run writes."""
        return Sink(self.catalog, self.embedder, self.store, 100)

    def store(self, space):
        """Return a space's store: in the file, or outside it."""
        if space.id not in self.stores:
            kind = SqliteVectors if spaces.is_inside(space) else self.outside
            self.stores[space.id] = kind(self.catalog, space)
        return self.stores[space.id]

    def target(self, number):
        """Return a space with its store, as jobs are given it."""
        with self.catalog.read() as connection:
            space = spaces.of(connection, number)
        return Target(self.catalog, space, self.store(space))

    def put(self, seeds):
        """Write documents, each with the text of a seed, as a run of indexing does.

        Every active model embeds them; ledger and spaces are written in one transaction.
        """
        texts = {one: Text(seed) for one, seed in seeds.items()}
        made = embed(self.sink, list(texts.values()), Tally())
        with self.catalog.write() as connection:
            connection.execute(_NODE)
            connection.executemany(_DOCUMENT, ((one, *text) for one, text in texts.items()))
            put_vectors(connection, made)
            written = [(one, text.digest) for one, text in texts.items()]
            move_vectors(self.sink, connection, written, [])
        self.right |= {one: vector(seed).tobytes() for one, seed in seeds.items()}

    def remove(self, ids):
        """Delete documents."""
        with self.catalog.write() as connection:
            connection.executemany("DELETE FROM document WHERE id = ?", ((one,) for one in ids))
            move_vectors(self.sink, connection, [], ids)
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
        return near(self.right, vector(seed), limit)


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
