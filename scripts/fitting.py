"""Fit one vector a word, so that a question's sum points where its answer's does.

Within a batch, each question must be nearest to its own answer and each answer to its own question
(InfoNCE, van den Oord et al. 2018, both ways), while a second figure a word learns how much it
counts in a question.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Rows: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.intp]
Features: TypeAlias = Any
"""A sparse matrix, one row a text; scipy's matrices are untyped."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Questions and their answers as features; rows that share a mark are no wrong answers.

    `group` is the language and package of a pair. `question`, `answer` and `file` number equal
    texts and files; a pair that is `loose` asks for a file, so all of that file answers it.
    """

    questions: Features
    answers: Features
    group: Sequence[tuple[str, str]]
    question: Places
    answer: Places
    file: Places
    loose: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the fit goes; the defaults are what the shipped table was made with."""

    epochs: int = 1
    batch: int = 1_024
    block: int = 256
    """Pairs of one package that stand together in a batch: the hard wrong answers."""
    rate: float = 0.005
    temperature: float = 0.05
    seed: int = 0


@dataclass(slots=True)
class Fitted:
    """A vector a word, and the logarithm of how much more it counts in a question."""

    table: Rows
    asked: Rows


def directions(features: Features, table: Rows) -> Rows:
    """Return the unit vectors of texts."""
    sums = features @ table
    return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32)


class Adam:
    """Adam's two running means, moved only for the rows that a batch touches."""

    def __init__(self, weights: Rows, rate: float, steps: int) -> None:
        self.weights, self.rate, self.steps, self.step = weights, rate, steps, 0
        self.first, self.second = np.zeros_like(weights), np.zeros_like(weights)

    def move(self, rows: Places, slope: Rows) -> None:
        """Take one step; the rate warms up over thirty steps and falls to a twentieth."""
        self.step += 1
        rate = self.rate * min(1, self.step / 30) * (1 - 0.95 * self.step / self.steps)
        first = self.first[rows] = 0.9 * self.first[rows] + 0.1 * slope
        second = self.second[rows] = 0.99 * self.second[rows] + 0.01 * slope * slope
        mean, spread = first / (1 - 0.9**self.step), second / (1 - 0.99**self.step)
        self.weights[rows] -= rate * mean / (np.sqrt(spread) + 1e-8)


def batches(pairs: Pairs, how: Schedule, random: np.random.Generator) -> list[Places]:
    """Return batches of one language each, made of blocks of one package each, in random order."""
    by_group: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, group in enumerate(pairs.group):
        by_group[group].append(place)
    blocks: dict[str, list[Places]] = defaultdict(list)
    for (language, _), some in by_group.items():
        places = random.permutation(np.array(some))
        blocks[language] += np.split(places, range(how.block, len(places), how.block))
    found: list[Places] = []
    for some_blocks in blocks.values():
        order = random.permutation(len(some_blocks))
        places = np.concatenate([some_blocks[one] for one in order])
        found += np.split(places, range(how.batch, len(places), how.batch))
    found = [one for one in found if len(one) > how.batch // 4]
    return [found[one] for one in random.permutation(len(found))]


def contrast(table: Rows, pairs: Pairs, how: Schedule) -> Iterator[tuple[Fitted, float]]:
    """Yield what is fitted after each epoch, and the epoch's mean loss in nats."""
    random = np.random.default_rng(how.seed)
    fitted = Fitted(table.copy(), np.zeros(len(table), np.float32))
    planned = [batches(pairs, how, random) for _ in range(how.epochs)]
    steps = sum(map(len, planned))
    vectors = Adam(fitted.table, how.rate, steps)
    asked = Adam(fitted.asked, how.rate, steps)
    for epoch in planned:
        lost = 0.0
        for places in epoch:
            loss, rows, slopes = _slopes(fitted, pairs, places, how.temperature)
            vectors.move(rows, slopes[0])
            asked.move(rows, slopes[1])
            lost += loss
        yield fitted, lost / len(epoch)


def _slopes(
    fitted: Fitted, pairs: Pairs, places: Places, temperature: float
) -> tuple[float, Places, tuple[Rows, Rows]]:
    """Return the loss, the rows that the batch touches, and the gradients by them."""
    questions, answers = pairs.questions[places], pairs.answers[places]
    rows = np.unique(np.concatenate([questions.indices, answers.indices]))
    table, weight = fitted.table[rows], np.exp(fitted.asked[rows])
    plain, answers = _narrow(questions, rows), _narrow(answers, rows)
    questions = plain.multiply(weight[None, :]).tocsr()
    asked, told = directions(questions, table), directions(answers, table)
    loss, pulls = pull(asked @ told.T, _wrong(pairs, places), temperature)
    of_questions = _tangent(questions, table, pulls @ told)
    of_answers = _tangent(answers, table, pulls.T @ asked)
    by_table = np.asarray(questions.T @ of_questions + answers.T @ of_answers, np.float32)
    by_weight = np.asarray(((plain.T @ of_questions) * table).sum(axis=1) * weight, np.float32)
    return loss, rows, (by_table, by_weight)


def _narrow(features: Features, rows: Places) -> Features:
    """Return features over some of the table's rows alone."""
    columns = np.searchsorted(rows, features.indices)
    shape = (features.shape[0], len(rows))
    return sparse.csr_matrix((features.data, columns, features.indptr), shape)


def _wrong(pairs: Pairs, places: Places) -> NDArray[np.bool_]:
    """Return which answers (columns) are wrong ones for which questions (rows)."""
    loose = pairs.loose[places]
    either = loose[:, None] | loose[None, :]
    same = _alike(pairs.question[places]) | _alike(pairs.answer[places])
    wrong: NDArray[np.bool_] = ~(same | (_alike(pairs.file[places]) & either))
    return wrong


def _alike(marks: Places) -> NDArray[np.bool_]:
    alike: NDArray[np.bool_] = marks[:, None] == marks[None, :]
    return alike


def pull(scores: Rows, wrong: NDArray[np.bool_], temperature: float) -> tuple[float, Rows]:
    """Return the questions' cross-entropy, and the gradient, by the scores, of the mean of both.

    Answers lie on the diagonal; what is neither there nor wrong takes no part.
    """
    own = np.eye(len(scores), dtype=bool)
    odds = np.where(wrong | own, scores / temperature, -1e9)
    across = np.exp(odds - odds.max(axis=1, keepdims=True))
    down = np.exp(odds - odds.max(axis=0, keepdims=True))
    across /= across.sum(axis=1, keepdims=True)
    down /= down.sum(axis=0, keepdims=True)
    loss = -float(np.log(np.maximum(np.diag(across), 1e-9)).mean())
    slope = (across + down - 2 * own) / (2 * len(scores) * temperature)
    return loss, np.asarray(slope, np.float32)


def _tangent(features: Features, table: Rows, gradient: Rows) -> Rows:
    """Carry a gradient by unit vectors back to the sums that they are the directions of."""
    sums = features @ table
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = sums / lengths
    along = (gradient * unit).sum(axis=1, keepdims=True)
    return np.asarray((gradient - along * unit) / lengths, np.float32)
