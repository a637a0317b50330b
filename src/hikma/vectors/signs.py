"""Sign bits by column: which of many vectors may be like a query, at first by half of their bits.

Half of them, those where the query's values are great, leave a share several times as large; the
other half decides among these. It compares half of what lies in memory, and a search of many
vectors is mostly that.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import Mask, Vector

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Slots: TypeAlias = NDArray[np.int64]
"""Places in arrays of so many vectors, ascending."""
Words: TypeAlias = NDArray[np.uint64]
"""Bits by column, 64 a word."""
Counts: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""By how much the signs of vectors differ from a query's, shape (n,)."""

_BLOCK = 131_072
"""Vectors whose signs are compared at a time, word by word: of fewer Python's calls cost more than
the work, and two threads wait for its lock at each; of more the words leave the cores' cache."""
_SAMPLE = 8_192
"""Vectors, at least, by which it is guessed how alike the most alike are."""
_PACKED = 1_024
"""Codes whose signs are packed at a time: the process keeps what more of them take for a while."""
_ROUGH, _FEW = 5, 8
"""So many times the wanted ones pass the first half of their bits, where that is one in so many of
the vectors compared: to bring together the other bits of more takes longer than to compare all."""
_FEW_BROUGHT = 2
"""The same where those of the first half have to be brought together too."""
_HALVED = 6
"""Words from which on half of them tell enough."""
_SPARSE = 4
"""Where fewer than one in so many may be found, theirs alone are compared, word by word; one in
twice as many where a second core helps to compare all."""
_SCATTERED = range(10, 33)
"""One in so many: there NumPy takes up to three times as long to tell where a mask holds as where
it holds more, for it looks for each by itself."""
_EVEN = 0.4
"""Of the measure of `tells_by_sign`, below which it says no; real vectors have .56 to .68."""
_PLANES = (1, 2, 4)
"""What a sign that differs counts, by the bits of the query's value there: 1, 3, 5 or 7."""
_IN_A_BYTE = 3
"""Words of whose counts the sum fits a byte. Of more the counts are not held at a time either: from
some megabyte on the C library gives memory back after each search, and has it cleared anew."""
_EVERY_BIT = np.uint64(2**64 - 1)
_STEP = 0.55
"""Of the root mean square of a query's values, a step of them."""


def signs_of(codes: NDArray[np.int8]) -> Words:
    """Return the sign bits of codes by column, shape (words, n)."""
    signs = np.empty((-(-codes.shape[1] // 64), len(codes)), np.uint64)
    for start in range(0, len(codes), _PACKED):
        signs[:, start : start + _PACKED] = _packed(codes[start : start + _PACKED] >= 0).T
    return signs


def planes_of(steps: Vector) -> Words:
    """Return a query's signs, and the two bits of how great each of its values is: (words, 3)."""
    step = _STEP * sqrt(float(steps @ steps) / len(steps)) or 1.0
    great = np.minimum(np.abs(steps) / step, 3).astype(np.uint8)
    bits = np.empty((len(_PLANES), len(steps)), np.bool_)
    bits[0], bits[1], bits[2] = steps >= 0, great & 1, great & 2
    return _packed(bits).T


def tells_by_sign(query: Vector) -> bool:
    """Tell whether signs say which vectors are near: not where a few values decide.

    The measure is 2 / pi where values are normally distributed and 1 / dimension for an axis.
    """
    return float(np.abs(query).sum()) ** 2 >= _EVEN * len(query) * float(query @ query)


def alike(columns: Words, steps: Vector, wanted: int, mask: Mask | None, threads: int = 1) -> Slots:
    """Return about the `wanted` slots whose signs differ least from a query's, ascending.

    All that equal the last one are among them. With two `threads` a free core helps comparing.
    """
    count = columns.shape[1] if mask is None else int(np.count_nonzero(mask))
    if count <= wanted:
        return np.arange(count) if mask is None else np.flatnonzero(mask)
    query = _packed((steps >= 0)[None])[0]
    sparse = mask is not None and count * _SPARSE * threads < len(mask)
    compared, few = (count, _FEW_BROUGHT) if sparse else (columns.shape[1], _FEW)
    first, rest = _halves(steps, worth=few * _ROUGH * wanted <= compared)
    passing = _ROUGH * wanted if rest else wanted
    if mask is not None and sparse:
        brought = _where(mask, count)
        near = _at(columns, query, first, brought)
        found = _sampled_least(near, passing, None)
        slots = brought.take(found)
    else:
        near = _differences(columns, query, first, threads)
        slots = found = _sampled_least(near, passing, mask)
    if not rest:
        return slots
    differing = np.add(near.take(found), _at(columns, query, rest, slots), dtype=np.intp)
    return slots.take(least(differing, wanted))


def weighed(columns: Words, planes: Words) -> Counts:
    """Return for each vector how much its signs differ from a query's of `planes_of`."""
    masks = planes.T[:, :, None].copy()
    masks[0] = _EVERY_BIT  # all that differ count, whatever the query's sign
    counts = np.bitwise_count((columns ^ planes[:, :1]) & masks)
    exact = np.min_scalar_type(64 * len(columns) * sum(_PLANES))
    found: Counts = np.array(_PLANES, exact) @ np.add.reduce(counts, axis=1, dtype=exact)
    return found


def least(differing: Counts, wanted: int) -> Slots:
    """Return where the `wanted` least stand, with all that equal the last one."""
    return np.flatnonzero(differing <= _bound(differing, wanted))


def _where(mask: Mask, count: int) -> Slots:
    """Return where a mask holds, as it does so many times."""
    if len(mask) // count not in _SCATTERED:
        return np.flatnonzero(mask)
    more = np.ones(len(mask) // 8, np.bool_)
    return np.flatnonzero(np.concatenate([mask, more]))[:count]


def _halves(steps: Vector, *, worth: bool) -> tuple[list[int], list[int]]:
    """Return which words to compare at first, where a query is greatest, and which then."""
    weights = np.add.reduceat(steps * steps, range(0, len(steps), 64)).tolist()
    order = sorted(range(len(weights)), key=weights.__getitem__, reverse=True)
    half = len(order) // 2 if worth and len(order) >= _HALVED else len(order)
    return order[:half], order[half:]


def _differences(columns: Words, query: Words, words: Sequence[int], threads: int) -> Counts:
    """Return for each vector how many signs of some words differ from the query's."""
    found = np.zeros(columns.shape[1], np.min_scalar_type(64 * len(words)))
    given = columns, query, words, found, iter(range(0, len(found), _BLOCK))
    if threads == 1:
        _differ(*given)
        return found
    # NumPy lets go of Python's lock while it compares. Each takes the next block that is left, for
    # a core that sleeps may take longer to come than all blocks do: then it is not waited for.
    beside = _second_core().submit(_differ, *given)
    _differ(*given)
    if not beside.cancel():
        beside.result()
    return found


@cache
def _second_core() -> "ThreadPoolExecutor":
    """Return the thread that compares beside one that searches."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- few searches need it

    return ThreadPoolExecutor(1, "signs")


def _differ(
    columns: Words, query: Words, words: Sequence[int], found: Counts, blocks: Iterator[int]
) -> None:
    """Add to `found` by how many signs they differ, in the blocks that are left."""
    block = min(_BLOCK, len(found))
    held, counts = np.empty(block, np.uint64), np.empty((_IN_A_BYTE, block), np.uint8)
    for at in blocks:
        width = min(block, len(found) - at)
        for some in range(0, len(words), _IN_A_BYTE):
            each = words[some : some + _IN_A_BYTE]
            for word, row in zip(each, counts, strict=False):
                column = columns[word, at : at + width]
                differing = np.bitwise_xor(column, query[word], held[:width])
                np.bitwise_count(differing, out=row[:width])
            found[at : at + width] += _added(counts[: len(each), :width])


def _at(columns: Words, query: Words, words: Sequence[int], slots: Slots) -> Counts:
    """Return by how many signs of some words a few vectors differ."""
    held = np.empty((len(words), len(slots)), np.uint64)
    for word, row in zip(words, held, strict=True):
        columns[word].take(slots, out=row, mode="clip")
    held ^= query[words, None]
    return _added(np.bitwise_count(held))


def _packed(bits: NDArray[np.bool_]) -> Words:
    """Return rows of bits, 64 a word, shape (n, words)."""
    packed = np.packbits(bits, axis=1)
    if packed.shape[1] % 8 == 0:
        return packed.view(np.uint64)
    filled = np.zeros((len(bits), -(-bits.shape[1] // 64) * 8), np.uint8)
    filled[:, : packed.shape[1]] = packed
    return filled.view(np.uint64)


def _added(counts: NDArray[np.uint8]) -> Counts:
    """Return the sums of counts of at most 64: some fit a byte, and bytes are added fastest."""
    found: Counts = np.add.reduce(counts[:_IN_A_BYTE], axis=0, dtype=np.uint8)
    if len(counts) > _IN_A_BYTE:
        found = found.astype(np.min_scalar_type(64 * len(counts)))
    for some in range(_IN_A_BYTE, len(counts), _IN_A_BYTE):
        found += np.add.reduce(counts[some : some + _IN_A_BYTE], axis=0, dtype=np.uint8)
    return found


def _sampled_least(differing: Counts, wanted: int, mask: Mask | None) -> Slots:
    """Return about the `wanted` least, with all that equal the last: a sample tells the bound."""
    step = max(1, len(differing) // _SAMPLE)
    while True:
        sample = differing[::step]
        bound = _bound(sample if mask is None else sample[mask[::step]], wanted / step)
        kept = differing <= bound
        slots = np.flatnonzero(kept if mask is None else kept & mask)
        if step == 1 or 2 * len(slots) >= wanted:
            return slots
        step = 1


def _bound(differing: Counts, wanted: float) -> int:
    """Return by how much the last of the `wanted` that differ least does."""
    if len(differing) <= wanted:
        return int(differing.max(initial=0))
    # Whole numbers, few of them different: to count them takes a quarter of what selecting does.
    return bisect_left(np.cumsum(np.bincount(differing)), ceil(wanted))
