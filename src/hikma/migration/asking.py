"""What are two spaces asked? Questions of the file's own, each once."""

from hashlib import blake2b
from itertools import chain, islice, zip_longest

import apsw
import numpy as np

from hikma.arrays import DocumentIds
from hikma.catalog import rows, samples
from hikma.catalog.samples import REPLAY

_MOST_WORDS, _PIECE_WORDS = 14, 6
_PIECES = 40
"""Pieces of one text that are taken as questions, at most."""
_FIXED = (
    "where is the configuration read",
    "how are errors reported",
    "parse the command line",
    "retry after a failure",
    "which tests cover this",
)


def question_of(asked: bytes, within: DocumentIds | None = None) -> int:
    """Return a number that equal questions with equal filters share, and others do not."""
    digest = blake2b(asked, digest_size=8)
    if within is not None:
        digest.update(b"|" + within.tobytes())
    return int.from_bytes(digest.digest(), "big", signed=True)


def unasked(connection: apsw.Connection, migration: int, count: int, epoch_from: int) -> list[str]:
    """Return questions that were not replayed since an epoch, so that there are `count` in all."""
    asked = samples.questions(connection, migration, REPLAY, epoch_from)
    drawn = questions(connection, count)
    return [text for text in drawn if question_of(text.encode()) not in asked]


def questions(connection: apsw.Connection, count: int) -> list[str]:
    """Return so many questions of the file's own, each once and the same ones each time.

    First sentences of documentation, subjects of commits, names, qualified names, in turn and from
    all over the file, and a few fixed; where they are too few, pieces of the texts too. There are
    fewer where the file says no more.
    """
    pools = (
        "documentation FROM node WHERE documentation <> ''",
        "name FROM node WHERE kind = 'commit'",
        "name FROM node WHERE kind IN ('symbol', 'test', 'file')",
        "qualified_name FROM node WHERE qualified_name LIKE '%.%'",
    )
    drawn = [_spread(connection, pool, count) for pool in pools]
    mixed = chain.from_iterable(zip_longest(*drawn))
    known = dict.fromkeys(filter(None, (*_FIXED, *map(_short, filter(None, mixed)))))
    if len(known) < count:
        texts = _spread(connection, "text FROM document WHERE text <> ''", count)
        known |= dict.fromkeys(filter(None, chain.from_iterable(zip_longest(*map(_pieces, texts)))))
    return list(islice(known, count))


def _spread(connection: apsw.Connection, pool: str, count: int) -> list[str]:
    """Return texts of a pool in equal steps from its first to its last."""
    column, _, origin = pool.partition(" ")
    table = origin.split()[1]
    found = rows.ids(connection, f"SELECT id {origin} ORDER BY id")
    if not len(found) or not count:
        return []
    chosen = found[np.unique(np.linspace(0, len(found) - 1, count).astype(np.int64))]
    sql = f"SELECT {column} FROM {table} WHERE id IN (SELECT value FROM carray(?)) ORDER BY id"  # noqa: S608 -- our own names
    return [str(one) for one in rows.column(connection, sql, (rows.numbers(chosen),))]


def _pieces(text: str) -> list[str]:
    """Return runs of words of a text, one after the other."""
    said = text.split()[: _PIECES * _PIECE_WORDS]
    return [" ".join(said[at : at + _PIECE_WORDS]) for at in range(0, len(said), _PIECE_WORDS)]


def _short(text: str) -> str:
    """Return the first sentence of a text, a dozen words at most."""
    first = text.strip().split("\n", 1)[0].split(". ", 1)[0]
    return " ".join(first.split()[:_MOST_WORDS])
