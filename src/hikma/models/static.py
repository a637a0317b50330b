"""A table of token vectors in MiniLM's own space: thousands of texts a second."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hikma.arrays import Vector, VectorRows
from hikma.errors import ModelError
from hikma.models.shipped import Shipped
from hikma.models.wordpiece import LONGEST_WORD, START, WORDS_KEPT, WordPieces, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

CODES, SCALES, WHOLE = "static_codes.npy", "static_scales.npy", "static_words.txt"

PARTS = 256
"""Length cap in parts of words: about 1,500 characters of code."""

FORM = f"static 1: identifier parts, weight 1 + ln(count), parts={PARTS}"

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[\W\d_]|$)|[^\W\d_][^\W\d_A-Z]*|\d+")
_WEIGHTS = 1 + np.log(np.arange(1, PARTS * LONGEST_WORD + 2, dtype=np.float32))


def parts_of(text: str) -> list[str]:
    """Return the parts of the words of a text: `getUserName` is get, User, Name."""
    return _PART.findall(text)[:PARTS]


def weights_of(counts: "NDArray[np.intp]") -> "NDArray[np.float32]":
    """Return the weight of a token that occurs so many times: 1 + ln(count)."""
    return _WEIGHTS[counts - 1]


class Tokens:
    """Which rows of the table a text adds up: whole words of code first, else word pieces."""

    def __init__(self, pieces: WordPieces, whole: Sequence[str]) -> None:
        first = len(pieces)
        self._pieces = pieces
        self._whole = {word: (first + place,) for place, word in enumerate(whole)}
        self._met: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._pieces) + len(self._whole)

    def counts(self, text: str) -> Mapping[int, int]:
        """Return how often each token occurs in a text, [CLS] once before all others."""
        found = {START: 1}
        for part, times in Counter(parts_of(text)).items():
            for token in self._of_part(part):
                found[token] = found.get(token, 0) + times
        return found

    def _of_part(self, part: str) -> tuple[int, ...]:
        known = self._met.get(part)
        if known is None:
            if len(self._met) >= WORDS_KEPT:
                self._met.clear()
            known = self._met[part] = self._whole.get(part.lower()) or self._spelt(part)
        return known

    def _spelt(self, part: str) -> tuple[int, ...]:
        return tuple(piece for word in words(part) for piece in self._pieces.of_word(word))


class StaticTable:
    """A vector for each token; a text's vector is the direction of their weighted sum.

    Every text begins with the token [CLS], whose row is the mean that the fit found, so a text
    without any known word has a vector too.
    """

    dimension = 384

    def __init__(self, files: Shipped, pieces: WordPieces) -> None:
        self.identity = files.identity(FORM, CODES, SCALES, WHOLE, "vocabulary.txt")
        try:
            whole = Path(files.path(WHOLE)).read_text(encoding="utf-8").split()
            # A plain view: of a memmap, NumPy would run Python code at every slice.
            codes: NDArray[np.int8] = np.load(files.path(CODES), mmap_mode="r")
            self._codes = codes.view(np.ndarray)
            self._scales: NDArray[np.float32] = np.load(files.path(SCALES))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the token table cannot be read ({error}); reinstall hikma"
            ) from error
        self._tokens = Tokens(pieces, whole)

    def embed(self, texts: Sequence[str]) -> VectorRows:
        """Return one unit vector a text; shape (len(texts), 384)."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        for place, text in enumerate(texts):
            rows[place] = self._sum(self._tokens.counts(text))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def _sum(self, counts: Mapping[int, int]) -> Vector:
        """Add up the rows of a text; einsum without BLAS, so that the bits always repeat."""
        tokens = np.fromiter(counts, np.intp, len(counts))
        times = np.fromiter(counts.values(), np.intp, len(counts))
        weights = self._scales[tokens] * weights_of(times)
        rows = self._codes.take(tokens, axis=0).astype(np.float32)
        total: Vector = np.einsum("i,ij->j", weights, rows)
        return total
