"""Codes in memory: which of them may be the nearest to a query, in three looks.

Each is at fewer vectors: sign bits of all against those of the query, then against the query in
three bits, then codes against its values. A fourth one, at canonical rows, is the caller's.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hikma.arrays import DocumentIds, Mask, Vector, among, greatest
from hikma.vectors.signs import Slots, Words, alike, least, planes_of, signs_of, weighed

CodeRows: TypeAlias = NDArray[np.int8]
"""Codes, shape (count, dimension)."""

Fits: TypeAlias = NDArray[np.float32]
"""How near some vectors are, the greater the nearer, shape (n,)."""

SCALE = 8_192.0
"""The length that a query is given before its values become whole numbers: with codes of unit
vectors every sum of products stays below 2 ** 24, so float32 adds them exactly, in any order."""
UNCLIPPED = 384
"""Values of a unit vector up to which none is too great for its code."""
_WORTH_TWO = 262_144
"""Vectors from which on a second thread compares signs too, where a core is free."""
_ROWS = 1_024
"""Codes that are multiplied at a time: as floats they take 1.5 MB; fewer mean more calls."""
_LATER, _LATER_SHARE = 2_048, 64
"""So many changed vectors, or one in so many, are held apart before all are put in order, which
copies everything."""
_APART = 5 * SCALE / 6**0.5
"""Five standard deviations of the difference of two products, for a code is its value rounded: by
as much a vector must be behind another one for its canonical row to be surely so."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How many vectors pass each look, and for which canonical rows are read.

    `looks` are how many pass the first look and the second, with all that equal the last one;
    `rows` how many pass the third at most. Of them those that are surely not among the nearest
    `least` do not.
    """

    looks: tuple[int, int]
    rows: int
    least: int


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
        self, query: Vector, depth: Depth, within: DocumentIds | None, threads: int = 1
    ) -> DocumentIds:
        """Return the ids of those that may be the nearest, in no order.

        With two `threads` a free core helps with the first look.
        """
        steps = whole(query)
        mask = _both(self.live, None if within is None else among(self.ids, within))
        slots, planes = alike(self.signs, steps, depth.looks[0], mask, threads), planes_of(steps)
        if len(slots) > depth.looks[1]:
            fitting = weighed(self.signs.take(slots, axis=1), planes)
            slots = slots.take(least(fitting, depth.looks[1]))
        found, fits = self.ids.take(slots), self._fits(slots, steps, planes)
        if len(self.later_ids):
            found, fits = self._with_later(found, fits, within, steps)
        return found.take(_nearest(fits, found, depth))

    def _fits(self, slots: Slots, steps: Vector, planes: Words) -> Fits:
        """Return how near some vectors are: by codes, else by signs."""
        if self.codes is None:
            return _by_signs(self.signs.take(slots, axis=1), planes)
        return products(self.codes, slots, steps)

    def _with_later(
        self, found: DocumentIds, fits: Fits, within: DocumentIds | None, steps: Vector
    ) -> tuple[DocumentIds, Fits]:
        """Return ids, and how near they are, with those of what stands apart."""
        ids, codes = self.later_ids, self.later_codes
        if within is not None:
            kept = among(ids, within)
            ids, codes = ids[kept], codes[kept]
        if self.codes is None:
            near = _by_signs(signs_of(codes), planes_of(steps))
        else:
            near = products(codes, None, steps)
        return np.concatenate([found, ids]), np.concatenate([fits, near])

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


def whole(query: Vector) -> NDArray[np.float32]:
    """Return a query as whole numbers in proportion to its values."""
    values = query.astype(np.float64)
    length = float(np.sqrt(values @ values)) or 1.0
    return np.rint(values * (SCALE / length)).astype(np.float32)


def products(codes: CodeRows, slots: Slots | None, steps: Vector) -> Fits:
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


def _by_signs(columns: Words, planes: Words) -> Fits:
    """Return how near some vectors are by their signs alone."""
    return -weighed(columns, planes).astype(np.float32)


def _nearest(fits: Fits, ids: DocumentIds, depth: Depth) -> Slots:
    """Return where those stand that may be among the nearest `least`: `rows` of them at most."""
    if len(fits) <= depth.least:
        return np.arange(len(fits))
    least_fit = np.partition(fits, -depth.least)[-depth.least]
    kept = np.flatnonzero(fits >= least_fit - _APART)
    if len(kept) <= depth.rows:
        return kept
    return kept.take(greatest(fits.take(kept), ids.take(kept), depth.rows))


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
