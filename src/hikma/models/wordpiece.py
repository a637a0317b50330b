"""How is a text cut into the word pieces that both embedded models know?"""

import re
import unicodedata
from pathlib import Path

UNKNOWN, START, SEPARATOR = 100, 101, 102
"""Ids of the pieces [UNK], [CLS] and [SEP] in BERT's vocabulary."""

LONGEST_WORD = 100
"""Longer words are unknown, as in BERT; this also bounds the quadratic search for pieces."""

WORDS_KEPT = 200_000
"""Words whose pieces are remembered, then forgotten all at once: a server's memory stays flat."""

_ASCII = re.compile(r"[0-9a-z]+|[!-/:-@\[-`{-~]")

_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Code points that BERT takes for words of their own."""


class _Separated(dict[int, str]):
    """Maps a code point to itself, to nothing, or to itself between spaces; filled as met."""

    def __missing__(self, code: int) -> str:
        self[code] = spaced = _spaced(chr(code))
        return spaced


def _spaced(char: str) -> str:
    if char in "\t\n\r":
        return " "
    category = unicodedata.category(char)
    if category == "Mn" or category[0] == "C" or char == "\ufffd":
        return ""
    if category[0] == "Z":
        return " "
    if category[0] == "P" or (char.isascii() and not char.isalnum()) or _is_ideograph(ord(char)):
        return f" {char} "
    return char.lower()


def _is_ideograph(code: int) -> bool:
    return any(first <= code <= last for first, last in _IDEOGRAPHS)


_SEPARATED = _Separated()


def words(text: str) -> list[str]:
    """Return BERT's basic tokens: lower case, no accents, punctuation and ideographs alone."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    return unicodedata.normalize("NFD", text).translate(_SEPARATED).split()


class WordPieces:
    """BERT's uncased WordPiece vocabulary, with the pieces of the words met so far."""

    def __init__(self, pieces: list[str]) -> None:
        self._ids = dict(zip(pieces, range(len(pieces)), strict=True))
        self._met: dict[str, tuple[int, ...]] = {}

    @classmethod
    def open(cls, path: str) -> "WordPieces":
        """Read a vocabulary: one piece a line, its id the number of the line."""
        text = Path(path).read_text(encoding="utf-8")
        return cls(text.rstrip("\n").split("\n"))

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self, text: str, limit: int) -> list[int]:
        """Return the first `limit` piece ids of a text."""
        found: list[int] = []
        for word in words(text):
            found += self.of_word(word)
            if len(found) >= limit:
                return found[:limit]
        return found

    def of_word(self, word: str) -> tuple[int, ...]:
        """Return the ids of one lower-case word; [UNK] if no row of pieces spells it."""
        known = self._met.get(word)
        if known is None:
            if len(self._met) >= WORDS_KEPT:
                self._met.clear()
            known = self._met[word] = self._cut(word)
        return known

    def _cut(self, word: str) -> tuple[int, ...]:
        """Take the longest piece that the word starts with, then so on with the rest."""
        if len(word) > LONGEST_WORD:
            return (UNKNOWN,)
        found: list[int] = []
        start, ids = 0, self._ids
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if (piece := ids.get(mark + word[start:end])) is not None:
                    break
            else:
                return (UNKNOWN,)
            found.append(piece)
            start = end
        return tuple(found)
