"""Fit one vector a feature, so that the direction of a text's sum is where it should be.

First a ridge regression to the vectors that a deeper model gives the same texts, solved by
conjugate gradients with a diagonal preconditioner. Then a refinement of it: within a batch, a
function's code must be nearest to its own first sentence, while every text stays near the
deeper model's vector.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Rows: TypeAlias = NDArray[np.float32]
Features: TypeAlias = Any
"""A sparse matrix, one row a text; scipy's matrices are untyped."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as features with the deeper model's vectors of them."""

    features: Features
    vectors: Rows

    def __len__(self) -> int:
        return len(self.vectors)

    def at(self, places: NDArray[np.intp]) -> "Texts":
        """Return the texts at some places."""
        return Texts(self.features[places], self.vectors[places])


@dataclass(frozen=True, slots=True)
class Refinement:
    """How the second stage goes; the defaults are what the shipped table was made with."""

    epochs: int = 4
    batch: int = 512
    rate: float = 0.005
    temperature: float = 0.05
    closeness: float = 2.0
    seed: int = 0


def directions(features: Features, table: Rows) -> Rows:
    """Return the unit vectors of texts."""
    sums = features @ table
    return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32)


def ridge(texts: Texts, penalty: float, rounds: int) -> Rows:
    """Return the table W that minimises |A W - vectors|² + penalty |W|²; rows of A have norm 1."""
    lengths = np.sqrt(np.asarray(texts.features.multiply(texts.features).sum(axis=1)).ravel())
    scaled = (sparse.diags((1 / lengths).astype(np.float32)) @ texts.features).tocsr()
    turned = scaled.T.tocsr()
    weight = np.asarray(scaled.multiply(scaled).sum(axis=0)).ravel() + penalty
    inverse = (1 / weight).astype(np.float32)[:, None]
    table = np.zeros((scaled.shape[1], texts.vectors.shape[1]), np.float32)
    left = turned @ texts.vectors
    step = inverse * left
    size = (left * step).sum(axis=0)
    for _ in range(rounds):
        image = turned @ (scaled @ step) + penalty * step
        stride = size / np.maximum((step * image).sum(axis=0), 1e-20)
        table += stride * step
        left -= stride * image
        better = inverse * left
        following = (left * better).sum(axis=0)
        step = better + (following / np.maximum(size, 1e-20)) * step
        size = following
    return table


class Adam:
    """Adam's two running means, moved only for the rows that a batch touches."""

    def __init__(self, table: Rows, rate: float, steps: int) -> None:
        self.table, self.rate, self.steps, self.step = table, rate, steps, 0
        self.first, self.second = np.zeros_like(table), np.zeros_like(table)

    def move(self, gradient: Rows) -> None:
        """Take one step; the rate warms up over fifty steps and falls to a twentieth."""
        self.step += 1
        rate = self.rate * min(1, self.step / 50) * (1 - 0.95 * self.step / self.steps)
        rows = np.flatnonzero(np.abs(gradient).max(axis=1) > 0)
        slope = gradient[rows]
        first = self.first[rows] = 0.9 * self.first[rows] + 0.1 * slope
        second = self.second[rows] = 0.99 * self.second[rows] + 0.01 * slope * slope
        mean, spread = first / (1 - 0.9**self.step), second / (1 - 0.99**self.step)
        self.table[rows] -= rate * mean / (np.sqrt(spread) + 1e-8)


def refine(table: Rows, codes: Texts, sentences: Texts, texts: Texts, how: Refinement) -> Rows:
    """Return a table in which code i is nearest to sentence i; rows i of both belong together."""
    random = np.random.default_rng(how.seed)
    order = np.arange(len(codes))
    batches = len(codes) // how.batch
    adam = Adam(table.copy(), how.rate, how.epochs * batches)
    for _ in range(how.epochs):
        random.shuffle(order)
        for number in range(batches):
            places = np.sort(order[number * how.batch : (number + 1) * how.batch])
            others = np.sort(random.choice(len(texts), how.batch, replace=False))
            batch = codes.at(places), sentences.at(places), texts.at(others)
            adam.move(slope_of(adam.table, *batch, how))
    return adam.table


def slope_of(table: Rows, codes: Texts, sentences: Texts, texts: Texts, how: Refinement) -> Rows:
    """Return the gradient of the loss by the table."""
    here, asked, kept = (directions(one.features, table) for one in (codes, sentences, texts))
    deep = pull(sentences.vectors @ here.T, how.temperature)
    own = pull(asked @ here.T, how.temperature)
    of_codes = deep.T @ sentences.vectors + own.T @ asked
    of_sentences = own @ here - how.closeness / 2 / len(asked) * sentences.vectors
    of_texts = -how.closeness / len(kept) * texts.vectors
    parts = (
        back(codes.features, table, of_codes),
        back(sentences.features, table, of_sentences),
        back(texts.features, table, of_texts),
    )
    return np.asarray(sum(parts), np.float32)


def pull(scores: Rows, temperature: float) -> Rows:
    """Return the gradient, by the scores, of both cross-entropies whose answers lie diagonal."""
    odds = scores / temperature
    across = np.exp(odds - odds.max(axis=1, keepdims=True))
    down = np.exp(odds - odds.max(axis=0, keepdims=True))
    across /= across.sum(axis=1, keepdims=True)
    down /= down.sum(axis=0, keepdims=True)
    wanted = 2 * np.eye(len(scores), dtype=np.float32)
    return np.asarray((across + down - wanted) / (2 * len(scores) * temperature), np.float32)


def back(features: Features, table: Rows, gradient: Rows) -> Rows:
    """Carry a gradient by unit vectors back through the normalisation to the table."""
    sums = features @ table
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = sums / lengths
    tangent = (gradient - (gradient * unit).sum(axis=1, keepdims=True) * unit) / lengths
    return np.asarray(features.T @ tangent, np.float32)
