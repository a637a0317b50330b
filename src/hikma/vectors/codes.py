"""Codes in memory: which of them may be the nearest to a query, in three looks.

Each is at fewer vectors: sign bits of all against those of the query, then against the query in
three bits, then codes against its values. A fourth one, at canonical rows, is the caller's.
"""

import threading
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Mask, Vector, among, greatest

Slots: TypeAlias = NDArray[np.int64]
"""Places in the arrays of `Codes`, ascending."""
Words: TypeAlias = NDArray[np.uint64]
"""Bits by column, 64 a word."""
CodeRows: TypeAlias = NDArray[np.int8]
"""Codes, shape (count, dimension)."""

SCALE = 8_192.0
"""The length that a query is given before its values become whole numbers: with codes of unit
vectors every sum of products stays below 2 ** 24, so float32 adds them exactly, in any order."""
_SIGN_WORDS = 196_608
"""Words of 64 signs that are compared at a time: fewer, and Python's calls cost more than work."""
_WORTH_TWO = 262_144
"""Vectors from which on a second thread compares half of their signs, where a core is free."""
_SAMPLE = 8_192
"""Vectors, at least, by which it is guessed how alike the most alike are."""
_PACKED = 16_384
"""Codes whose signs are packed at a time."""
_ROWS = 512
"""Codes that are multiplied at a time: as floats they stay in a core's cache."""
_LATER, _LATER_SHARE = 2_048, 64
"""So many changed vectors, or one in so many, are held apart before all are put in order, which
copies everything."""
_EVEN = 0.4
"""Of the measure of `tells_by_sign`, below which it says no; real vectors have .56 to .68."""
_PLANES = (1, 2, 4)
"""What a sign that differs counts, by the bits of the query's value there: 1, 3, 5 or 7."""
_STEP = 0.55
"""Standard deviations of a query's values to a step of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """The vectors of a space at one state of the file.

    Shapes: ids (n,) ascending, signs (words, n): sign bits by column, 64 a word, codes
    (n, dimension) or None where signs alone are held. `live` (n,) are those that still count, None
    for all. What came later, a small share, stands apart: later_ids (m,) ascending,
    later_codes (m, dimension).
    """

    generation: str | None
    ids: DocumentIds
    signs: Words
    codes: CodeRows | None
    live: Mask | None
    later_ids: DocumentIds
    later_codes: CodeRows

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return int(self.later_codes.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        held = (self.ids, self.signs, self.codes, self.live, self.later_ids, self.later_codes)
        return sum(one.nbytes for one in held if one is not None)

    @property
    def is_worth_two(self) -> bool:
        """Whether a second thread makes a search sooner."""
        return len(self.ids) >= _WORTH_TWO

    def nearest(
        self,
        query: Vector,
        looks: tuple[int, int],
        wanted: int,
        within: DocumentIds | None,
        threads: int = 1,
    ) -> DocumentIds:
        """Return the ids of the `wanted` nearest, nearest first; what is equally near goes by id.

        `looks` are how many vectors pass the first look and the second, with all that equal the
        last one. With two `threads` the first look takes half its time.
        """
        steps = whole(query)
        planes = _planes(steps)
        mask = _both(self.live, None if within is None else among(self.ids, within))
        slots = self._alike(planes, looks, mask, threads)
        later = np.arange(len(self.later_ids))
        if within is not None and len(later):
            later = later[among(self.later_ids, within)]
        found = np.concatenate([self.ids[slots], self.later_ids[later]])
        if self.codes is None:
            both = self.signs.take(slots, axis=1), signs_of(self.later_codes[later])
            fits = -_differences(np.concatenate(both, axis=1), planes).astype(np.float32)
        else:
            of_later = products(self.later_codes, later, steps)
            fits = np.concatenate([products(self.codes, slots, steps), of_later])
        return found[greatest(fits, found, wanted)]

    def patched(
        self, generation: str | None, changed: DocumentIds, ids: DocumentIds, codes: CodeRows
    ) -> "Codes":
        """Return the state in which, of the ids that have changed, only these have a code."""
        live = np.ones(len(self.ids), np.bool_) if self.live is None else self.live.copy()
        live[among(self.ids, changed)] = False
        kept = ~among(self.later_ids, changed)
        later_ids = np.concatenate([self.later_ids[kept], ids])
        order = np.argsort(later_ids, kind="stable")
        made = replace(
            self,
            generation=generation,
            live=live,
            later_ids=later_ids[order],
            later_codes=np.concatenate([self.later_codes[kept], codes])[order],
        )
        few = max(_LATER, len(self.ids) // _LATER_SHARE)
        mostly_live = 2 * int(np.count_nonzero(live)) >= len(live)
        return made if mostly_live and len(later_ids) < few else _merged(made, live)

    def _alike(
        self, planes: Words, looks: tuple[int, int], mask: Mask | None, threads: int
    ) -> Slots:
        """Return the slots whose signs fit the query best, ascending, after two looks."""
        slots = self._signed_alike(planes[:, :1], looks[0], mask, threads)
        if len(slots) <= looks[1]:
            return slots
        columns = self.signs.take(slots, axis=1)
        return slots[_least(_differences(columns, planes), looks[1], None)]

    def _signed_alike(self, signs: Words, wanted: int, mask: Mask | None, threads: int) -> Slots:
        """Return the slots whose signs differ least from the query's, ascending."""
        count = len(self.ids) if mask is None else int(np.count_nonzero(mask))
        if count <= wanted:
            return np.arange(count) if mask is None else np.flatnonzero(mask)
        if mask is not None and count * 4 < len(mask):
            slots = np.flatnonzero(mask)
            return slots[_least(_differences(self.signs.take(slots, axis=1), signs), wanted, None)]
        return _least(_differences(self.signs, signs, threads), wanted, mask)


def loaded(
    generation: str | None, ids: DocumentIds, codes: CodeRows, *, signs_only: bool = False
) -> Codes:
    """Return codes as they lie in the file, in order, with their signs."""
    if np.any(ids[1:] <= ids[:-1]):
        order = np.argsort(ids, kind="stable")
        ids, codes = ids[order], codes[order]
    held = None if signs_only else codes
    return Codes(generation, ids, signs_of(codes), held, None, ids[:0].copy(), codes[:0].copy())


def _merged(held: Codes, live: Mask) -> Codes:
    """Return the same state with nothing apart."""
    ids = np.concatenate([held.ids[live], held.later_ids])
    order = np.argsort(ids, kind="stable")
    both = (held.signs[:, live], signs_of(held.later_codes))
    signs = np.concatenate(both, axis=1).take(order, axis=1)
    codes = held.codes
    if codes is not None:
        codes = np.concatenate([codes[live], held.later_codes])[order]
    nothing = held.later_ids[:0].copy(), held.later_codes[:0].copy()
    return Codes(held.generation, ids[order], signs, codes, None, *nothing)


def signs_of(codes: CodeRows) -> Words:
    """Return the sign bits of codes by column, shape (words, n)."""
    words = -(-codes.shape[1] // 64)
    signs = np.empty((words, len(codes)), np.uint64)
    for start in range(0, len(codes), _PACKED):
        bits = np.packbits(codes[start : start + _PACKED] >= 0, axis=1)
        filled = np.zeros((len(bits), words * 8), np.uint8)
        filled[:, : bits.shape[1]] = bits
        signs[:, start : start + _PACKED] = filled.view(np.uint64).T
    return signs


def whole(query: Vector) -> NDArray[np.float32]:
    """Return a query as whole numbers in proportion to its values."""
    values = query.astype(np.float64)
    length = float(np.sqrt(values @ values)) or 1.0
    return np.rint(values * (SCALE / length)).astype(np.float32)


def tells_by_sign(query: Vector) -> bool:
    """Tell whether signs say which vectors are near: not where a few values decide.

    The measure is 2 / pi where values are normally distributed and 1 / dimension for an axis.
    """
    values = query.astype(np.float64)
    return float(np.abs(values).sum()) ** 2 >= _EVEN * len(values) * float(values @ values)


def products(codes: CodeRows, slots: Slots | None, steps: Vector) -> NDArray[np.float32]:
    """Return the dot product with a query of whole numbers, exactly: of some slots, None for all.

    It is `vecdot`, row by row: a matrix product would start threads of its own.
    """
    count = len(codes if slots is None else slots)
    found = np.empty(count, np.float32)
    held = np.empty((min(_ROWS, count), codes.shape[1]), np.int8)
    floats = np.empty(held.shape, np.float32)
    for start in range(0, count, _ROWS):
        end = min(start + _ROWS, count)
        if slots is None:
            rows = codes[start:end]
        else:
            rows = codes.take(slots[start:end], axis=0, out=held[: end - start], mode="clip")
        floats[: end - start] = rows
        np.vecdot(floats[: end - start], steps, out=found[start:end])
    return found


def _differences(columns: Words, query: Words, threads: int = 1) -> NDArray[np.uint32]:
    """Return for each vector how much its signs differ from the query's, shape (n,).

    A sign that differs counts 1, and for each plane that has its bit what that plane is worth;
    `query` (words, 1 + planes) are the query's signs and those planes.
    """
    words, count = columns.shape
    most = 64 * words * sum(_PLANES[: query.shape[1]])
    found = np.zeros(count, np.min_scalar_type(most))
    # NumPy lets go of Python's lock while it compares.
    half = count // 2 if threads > 1 else count
    beside = threading.Thread(target=_differ, args=(columns[:, half:], query, found[half:]))
    if half < count:
        beside.start()
    _differ(columns[:, :half], query, found[:half])
    if half < count:
        beside.join()
    return found


def _differ(columns: Words, query: Words, found: NDArray[np.uint32]) -> None:
    """Add to `found` what signs differ by, a block at a time."""
    words, count = columns.shape
    block = min(max(1, count), max(1_024, _SIGN_WORDS // words))
    held, bits = np.empty((2, words, block), np.uint64), np.empty((words, block), np.uint8)
    for start in range(0, count, block):
        part = columns[:, start : start + block]
        width = part.shape[1]
        differing = np.bitwise_xor(part, query[:, :1], out=held[0, :, :width])
        for worth, plane in zip(_PLANES, query.T[:, :, None], strict=False):
            of_plane = differing
            if worth > 1:
                of_plane = np.bitwise_and(differing, plane, out=held[1, :, :width])
            counts = np.bitwise_count(of_plane, out=bits[:, :width])
            # Three counts of at most 64 fit a byte, and bytes are added fastest.
            for some in range(0, words, 3):
                sums = np.add.reduce(counts[some : some + 3], axis=0, dtype=np.uint8)
                found[start : start + width] += (
                    sums if worth == 1 else sums * found.dtype.type(worth)
                )


def _planes(steps: Vector) -> Words:
    """Return a query's signs, and the two bits of how great each of its values is: (words, 3)."""
    step = _STEP * float(steps.std()) or 1.0
    great = np.minimum(np.abs(steps) / step, 3).astype(np.int8)
    bits = np.stack([steps >= 0, great & 1 != 0, great & 2 != 0])
    return signs_of(bits.view(np.int8) - 1)


def _least(differences: NDArray[np.uint32], wanted: int, mask: Mask | None) -> Slots:
    """Return about the `wanted` least, with all that equal the last: a sample tells the bound."""
    step = max(1, len(differences) // _SAMPLE)
    while True:
        sample = differences[::step]
        sample = sample if mask is None else sample[mask[::step]]
        below = np.cumsum(np.bincount(sample)) if len(sample) else np.zeros(1, np.int64)
        bound = int(np.searchsorted(below, wanted / step))
        kept = differences <= bound
        slots = np.flatnonzero(kept if mask is None else kept & mask)
        if step == 1 or 2 * len(slots) >= wanted:
            return slots
        step = 1


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
