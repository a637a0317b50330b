"""A table of token vectors in MiniLM's own space: thousands of texts a second."""

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np

from hikma.domain import VectorRows
from hikma.errors import ModelError
from hikma.models.shipped import Shipped
from hikma.models.wordpiece import START, WORDS_KEPT, WordPieces, words

CODES, SCALES = "static_codes.npy", "static_scales.npy"

TOKENS = 512
"""Length cap: distinct pieces of a text that are added up."""

BATCH = 64
"""Texts whose rows are gathered at once: 64 fit a core's cache, more are not faster."""

FORM = f"static 1: identifier parts, distinct pieces, tokens={TOKENS}"

_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[\W\d_]|$)|[^\W\d_][^\W\d_A-Z]*|\d+")


class StaticTable:
    """A vector for each word piece; a text's vector is the direction of its pieces' sum.

    Every text begins with the piece [CLS], whose row is the mean that the fit found, so a text
    without any known word has a vector too.
    """

    dimension = 384

    def __init__(self, files: Shipped, pieces: WordPieces) -> None:
        self._pieces = pieces
        self._met: dict[str, tuple[int, ...]] = {}
        self.identity = files.identity(FORM, CODES, SCALES, "vocabulary.txt")
        try:
            self._codes = np.load(files.path(CODES), mmap_mode="r")
            self._scales = np.load(files.path(SCALES))
        except (OSError, ValueError) as error:
            raise ModelError(f"the token table cannot be read ({error}); reinstall hikma") from error

    def embed(self, texts: Sequence[str]) -> VectorRows:
        """Return one unit vector a text; shape (len(texts), 384)."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            rows[start : start + BATCH] = self._sums([self.pieces(text) for text in batch])
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / norms

    def _sums(self, texts: Sequence[list[int]]) -> VectorRows:
        """Add up each text's rows, in the order of its pieces: the same bits in every batch."""
        pieces = np.fromiter(chain.from_iterable(texts), np.intp)
        starts = np.cumsum([0, *(len(text) for text in texts[:-1])])
        rows = self._codes[pieces].astype(np.float32)
        rows *= self._scales[pieces, None]
        sums: VectorRows = np.add.reduceat(rows, starts, axis=0)
        return sums

    def pieces(self, text: str) -> list[int]:
        """Return [CLS] and the distinct pieces of a text's words, compounds cut into parts."""
        found = dict.fromkeys((START,))
        for part in dict.fromkeys(_PARTS.findall(text)):
            for piece in self._of_part(part):
                found[piece] = None
        return list(found)[:TOKENS]

    def _of_part(self, part: str) -> tuple[int, ...]:
        known = self._met.get(part)
        if known is None:
            if len(self._met) >= WORDS_KEPT:
                self._met.clear()
            cut = self._pieces.of_word
            known = self._met[part] = tuple(piece for word in words(part) for piece in cut(word))
        return known
