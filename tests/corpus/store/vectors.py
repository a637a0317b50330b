"""Vectors by id, checked at the door."""

import math


class InvalidVector(ValueError):
    """A vector that must not be stored."""


class VectorStore:
    """An in-memory store of vectors of one length."""

    def __init__(self, dimension):
        self.dimension = dimension
        self._rows = {}

    def validate(self, vector):
        """Refuse a vector of the wrong length, with a NaN, or of norm zero.

        Raises InvalidVector; nothing has been stored then.
        """
        if len(vector) != self.dimension:
            raise InvalidVector(f"expected {self.dimension} numbers, got {len(vector)}")
        if not all(math.isfinite(number) for number in vector):
            raise InvalidVector("a number is NaN or infinite")
        if not any(vector):
            raise InvalidVector("the norm is zero")

    def insert(self, key, vector):
        """Store a vector under a key, replacing what was there."""
        self.validate(vector)
        self._rows[key] = tuple(vector)

    def nearest(self, query, limit=10):
        """Return the keys of the `limit` vectors nearest to the query, nearest first."""
        self.validate(query)
        by_distance = sorted(self._rows, key=lambda key: math.dist(self._rows[key], query))
        return by_distance[:limit]

    def __len__(self):
        return len(self._rows)
