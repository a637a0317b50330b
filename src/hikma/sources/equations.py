"""Which definitions are one function, in languages that write its clauses and signature apart?"""

from dataclasses import replace
from typing import NamedTuple

from hikma.sources.matches import NOTES, Found

_CLAUSED = frozenset({"function", "method", "macro"})


class _Key(NamedTuple):
    """What tells functions apart: where they stand, and their kind, name and parameters."""

    parent: int
    role: str
    name: str
    arity: int


def joined(found: list[Found]) -> list[Found]:
    """Make one of definitions of one name and arity that follow each other.

    The first gives header and place. One without a body is a declaration: the clauses that follow
    it are its body, and clauses that stand elsewhere beside it take its header.
    """
    kept: dict[int, Found] = {}
    last: dict[int, tuple[int, _Key]] = {}
    declared: dict[_Key, int] = {}
    for position, one in enumerate(found):
        if one.role in NOTES:
            kept[position] = one
            continue
        key = _Key(one.node.parent.id if one.node.parent else 0, one.role, one.name, one.arity)
        if one.role not in _CLAUSED:
            last.pop(key.parent, None)
            kept[position] = one
            continue
        at, before = last.get(key.parent, (-1, None))
        if before == key:
            kept[at] = _continued(kept[at], one)
            continue
        last[key.parent] = (position, key)
        kept[position] = one
        if one.body < 0:
            declared[key] = position
        elif key in declared:
            kept[position] = replace(one, declared=kept.pop(declared.pop(key)))
    return list(kept.values())


def _continued(first: Found, clause: Found) -> Found:
    end = max(first.end, clause.end)
    if first.body >= 0:
        return replace(first, end=end)
    return replace(first, end=end, body=clause.start, inside=clause.inside)
