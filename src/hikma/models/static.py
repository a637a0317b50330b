"""A table of token vectors in MiniLM's own space: thousands of texts a second."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hikma.domain import VectorRows
from hikma.errors import ModelError
from hikma.models.shipped import Shipped
from hikma.models.wordpiece import START, WORDS_KEPT, WordPieces, words

CODES, SCALES = "static_codes.npy", "static_scales.npy"

PARTS = 256
"""Length cap in parts of words: about 1,500 characters of code."""

BATCH = 64
"""Texts whose rows are gathered at once: they fit a core's cache, more are not faster."""

FORM = f"static 1: identifier parts, weight 1 + ln(count), parts={PARTS}"

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[\W\d_]|$)|[^\W\d_][^\W\d_A-Z]*|\d+")
_WEIGHTS = 1 + np.log(np.arange(1, PARTS * 100 + 1, dtype=np.float32))


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
        for start in range(0, len(texts), BATCH):
            batch = [self.counts(text) for text in texts[start : start + BATCH]]
            rows[start : start + BATCH] = self._sums(batch)
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

    def _sums(self, texts: Sequence[Mapping[int, int]]) -> VectorRows:
        """Add up each text's rows one after the other: the same bits in every batch."""
        pieces = np.fromiter(chain.from_iterable(texts), np.intp)
        counts = np.fromiter(chain.from_iterable(text.values() for text in texts), np.intp)
        starts = np.cumsum([0, *(len(text) for text in texts[:-1])])
        rows = self._codes[pieces].astype(np.float32)
        rows *= (self._scales[pieces] * _WEIGHTS[counts - 1])[:, None]
        sums: VectorRows = np.add.reduceat(rows, starts, axis=0)
        return sums
