"""How is a file cut into pieces of whole lines? All lines here are counted from 0."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from struct import Struct

from hikma.domain import Section

PIECE_CHARACTERS = 1_600
"""Longest piece; models read 128 to 256 tokens, the rest of a longer text is not seen."""
ELLIPSIS = "…"
"""A line that stands where lines of another owner were left out."""

_RUN = Struct("<2I")
_WORD = re.compile(r"\w")


def sectioned(
    sections: Sequence[Section], owned: Sequence[int], lines: Sequence[str]
) -> Iterator[tuple[str, list[int]]]:
    """Yield owned lines by the section that they stand in, with its title."""
    starts = [section.span.start_line - 1 for section in sections]
    before = [line for line in owned if line < starts[0]]
    if any(lines[line].strip() for line in before):
        yield "", before
    for index, section in enumerate(sections):
        end = starts[index + 1] if index + 1 < len(starts) else len(lines)
        run = owned[bisect_left(owned, starts[index]) : bisect_left(owned, end)]
        if run:
            yield section.title, list(run)


def pieces(owned: Sequence[int], lines: Sequence[str]) -> Iterator[list[int]]:
    """Cut owned lines into pieces of whole lines, preferring to end where a block ends."""
    piece: list[int] = []
    size = 0
    for line in owned:
        while piece and size + len(lines[line]) > PIECE_CHARACTERS:
            cut = _cut(piece, lines)
            if any(lines[i].strip() for i in piece[:cut]):
                yield _trimmed(piece[:cut], lines)
            piece = piece[cut:]
            size = sum(len(lines[i]) + 1 for i in piece)
        piece.append(line)
        size += len(lines[line]) + 1
    if any(_WORD.search(lines[i]) for i in piece):
        yield _trimmed(piece, lines)


def _cut(piece: Sequence[int], lines: Sequence[str]) -> int:
    """Return how many lines to keep: up to the outermost block start in the second half."""
    best, best_cost = len(piece), 1_000
    for position in range(len(piece) // 2, len(piece)):
        text = lines[piece[position]]
        if not text.strip():
            continue
        after_blank = not lines[piece[position - 1]].strip() if position else False
        indent = len(text) - len(text.lstrip())
        cost = indent * 2 + (0 if after_blank else 3) + (6 if text.lstrip()[0] in "})]" else 0)
        if cost <= best_cost:
            best, best_cost = position, cost
    return max(best, 1)


def _trimmed(piece: Sequence[int], lines: Sequence[str]) -> list[int]:
    start, end = 0, len(piece)
    while start < end and not lines[piece[start]].strip():
        start += 1
    while end > start and not lines[piece[end - 1]].strip():
        end -= 1
    return list(piece[start:end])


def join(piece: Sequence[int], lines: Sequence[str]) -> str:
    """Join lines, an ellipsis where lines of another owner were left out."""
    shown: list[str] = []
    previous = piece[0] - 1
    for line in piece:
        if line != previous + 1 and shown and shown[-1] != ELLIPSIS:
            shown.append(ELLIPSIS)
        shown.append(lines[line][:PIECE_CHARACTERS])
        previous = line
    return "\n".join(shown)


def line_numbers(text: str, start_line: int, runs: bytes) -> list[int]:
    """Return for each line of a document's text its line in the file, 0 for an ellipsis.

    `runs` are little-endian 32-bit pairs (first line of the file, lines), one for each run of
    lines; empty where the text is one run from `start_line` on.
    """
    lines = text.split("\n")
    if not runs:
        return list(range(start_line, start_line + len(lines)))
    numbers: list[int] = []
    for first, count in _RUN.iter_unpack(runs):
        if numbers and lines[len(numbers) - 1] != ELLIPSIS:
            numbers.append(0)
        numbers += range(first, first + count)
    return numbers


def runs(piece: Sequence[int], start_line: int) -> bytes:
    """Return where a piece's lines stand, as `line_numbers` reads it."""
    starts = [at for at, line in enumerate(piece) if at == 0 or line != piece[at - 1] + 1]
    if len(starts) == 1 and piece[0] + 1 == start_line:
        return b""
    ends = [*starts[1:], len(piece)]
    pairs = zip(starts, ends, strict=True)
    return b"".join(_RUN.pack(piece[at] + 1, end - at) for at, end in pairs)
