"""A table of token vectors in MiniLM's own space: thousands of texts a second."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hikma.arrays import Vector, VectorRows
from hikma.errors import ModelError
from hikma.models.shipped import Shipped
from hikma.models.wordpiece import LONGEST_WORD, START, WORDS_KEPT, WordPieces, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

CODES, SCALES = "static_codes.npy", "static_scales.npy"

PARTS = 256
"""Length cap in parts of words: about 1,500 characters of code."""

FORM = f"static 1: identifier parts, weight 1 + ln(count), parts={PARTS}"

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[\W\d_]|$)|[^\W\d_][^\W\d_A-Z]*|\d+")
_WEIGHTS = 1 + np.log(np.arange(1, PARTS * LONGEST_WORD + 2, dtype=np.float32))


class StaticTable:
    """A vector for each word piece; a text's vector is the direction of their weighted sum.

    Every text begins with the piece [CLS], whose row is the mean that the fit found, so a text
    without any known word has a vector too.
    """

    dimension = 384

    def __init__(self, files: Shipped, pieces: WordPieces) -> None:
        self._pieces = pieces
        self._met: dict[str, tuple[int, ...]] = {}
        self.identity = files.identity(FORM, CODES, SCALES, "vocabulary.txt")
        try:
            self._codes: NDArray[np.int8] = np.load(files.path(CODES), mmap_mode="r")
            self._scales: NDArray[np.float32] = np.load(files.path(SCALES))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the token table cannot be read ({error}); reinstall hikma"
            ) from error

    def embed(self, texts: Sequence[str]) -> VectorRows:
        """Return one unit vector a text; shape (len(texts), 384)."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        for place, text in enumerate(texts):
            rows[place] = self._sum(self.counts(text))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def counts(self, text: str) -> Mapping[int, int]:
        """Return [CLS] and how often each piece occurs in the parts of the text's words."""
        found = {START: 1}
        for part, times in Counter(_PART.findall(text)[:PARTS]).items():
            for piece in self._of_part(part):
                found[piece] = found.get(piece, 0) + times
        return found

    def _of_part(self, part: str) -> tuple[int, ...]:
        known = self._met.get(part)
        if known is None:
            if len(self._met) >= WORDS_KEPT:
                self._met.clear()
            cut = self._pieces.of_word
            known = self._met[part] = tuple(piece for word in words(part) for piece in cut(word))
        return known

    def _sum(self, counts: Mapping[int, int]) -> Vector:
        """Add up the rows of a text; einsum without BLAS, so that the bits always repeat."""
        pieces = np.fromiter(counts, np.intp, len(counts))
        times = np.fromiter(counts.values(), np.intp, len(counts))
        weights = self._scales[pieces] * _WEIGHTS[times - 1]
        rows = self._codes.take(pieces, axis=0).astype(np.float32)
        total: Vector = np.einsum("i,ij->j", weights, rows)
        return total
