"""A table with a vector for each word of code and prose: thousands of texts a second."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hikma.arrays import Vector, VectorRows
from hikma.errors import ModelError
from hikma.models.shipped import Shipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

CODES, SCALES, WORDS = "static_codes.npy", "static_scales.npy", "static_words.txt"

DIMENSION = 384

PARTS = 256
"""Length cap in parts of words: about 1,500 characters of code."""

LONGEST_WORD, LONGEST_PIECE = 60, 24
"""Characters; a longer word is data and says nothing, no row has a longer name."""

PARTS_KEPT = 200_000
"""Parts whose rows are remembered, then forgotten all at once: a server's memory stays flat."""

FORM = f"static 2: identifier parts, longest known words, 1 + ln(count), parts={PARTS}"

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[\W\d_]|$)|[^\W\d_][^\W\d_A-Z]*|\d+")
_ASCII_PART = re.compile(r"[a-z]+|[0-9]+|[A-Z](?:[a-z]+|[A-Z]*(?![a-z]))")
"""The same parts of a text of ASCII, in a third of the time."""

_WEIGHTS = 1 + np.log(np.arange(1, PARTS * LONGEST_WORD + 2, dtype=np.float32))


def parts_of(text: str) -> list[str]:
    """Return the parts of the words of a text: `getUserName` is get, User, Name."""
    pattern = _ASCII_PART if text.isascii() else _PART
    return pattern.findall(text)[:PARTS]


def weights_of(counts: "NDArray[np.intp]") -> "NDArray[np.float32]":
    """Return the weight of a row that occurs so many times: 1 + ln(count)."""
    return _WEIGHTS[counts - 1]


class Tokens:
    """Which rows of the table a text adds up; row 0 belongs to every text."""

    def __init__(self, words: Sequence[str]) -> None:
        self._met = _Met(words)

    def __len__(self) -> int:
        return len(self._met.rows) + 1

    def counts(self, text: str) -> Mapping[int, int]:
        """Return how often each row occurs in a text, row 0 once before all others."""
        return Counter(chain((0,), *map(self._met.__getitem__, parts_of(text))))


class _Met(dict[str, tuple[int, ...]]):
    """The rows of every part of a word that was met, found where it is first looked up."""

    def __init__(self, words: Sequence[str]) -> None:
        self.rows = {word: row for row, word in enumerate(words, 1)}

    def __missing__(self, part: str) -> tuple[int, ...]:
        if len(self) >= PARTS_KEPT:
            self.clear()
        word = part.lower()
        row = self.rows.get(word)
        self[part] = found = self._cut(word) if row is None else (row,)
        return found

    def _cut(self, word: str) -> tuple[int, ...]:
        """Take the longest known word that an unknown one starts with, then so on with the rest.

        `filedownloader` is file, downloader. A letter that only fills a gap says nothing, nor does
        one that no row knows.
        """
        if len(word) > LONGEST_WORD:
            return ()
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(min(len(word), start + LONGEST_PIECE), start, -1):
                if (row := self.rows.get(word[start:end])) is not None:
                    break
            else:
                start += 1
                continue
            if end - start > 1 or len(word) <= 2:  # noqa: PLR2004 -- two letters are their letters
                found.append(row)
            start = end
        return tuple(found)


class StaticTable:
    """A vector for each word, and how much the word counts in a document and in a query.

    A text's vector is the direction of the weighted sum of its words' vectors. Row 0 is added to
    every text, so a text without any known word has a vector too.
    """

    def __init__(self, files: Shipped) -> None:
        try:
            words = Path(files.path(WORDS)).read_text(encoding="utf-8").split()
            # A plain view: of a memmap, NumPy would run Python code at every slice.
            codes: NDArray[np.int8] = np.load(files.path(CODES), mmap_mode="r").view(np.ndarray)
            scales: NDArray[np.float32] = np.load(files.path(SCALES))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the token table cannot be read ({error}); reinstall hikma"
            ) from error
        tokens = Tokens(words)
        identity = files.identity(FORM, CODES, SCALES, WORDS)
        self.documents = Side(identity, tokens, codes, scales[0])
        self.queries = Side(identity, tokens, codes, scales[1])


@dataclass(frozen=True, slots=True)
class Side:
    """An `Encoder` of one side: the rows of the table and what each is multiplied by there."""

    identity: str
    tokens: Tokens
    codes: "NDArray[np.int8]"
    scales: "NDArray[np.float32]"
    dimension: int = DIMENSION

    def embed(self, texts: Sequence[str]) -> VectorRows:
        """Return one unit vector a text; shape (len(texts), 384)."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        for place, text in enumerate(texts):
            rows[place] = self._sum(self.tokens.counts(text))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def _sum(self, counts: Mapping[int, int]) -> Vector:
        """Add up the rows of a text; einsum without BLAS, so that the bits always repeat."""
        rows = np.fromiter(counts, np.intp, len(counts))
        times = np.fromiter(counts.values(), np.intp, len(counts))
        weights = self.scales[rows] * weights_of(times)
        picked = self.codes.take(rows, axis=0).astype(np.float32)
        total: Vector = np.einsum("i,ij->j", weights, picked)
        return total
