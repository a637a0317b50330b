"""Is what is asked for possible? All of it is checked before anything is measured."""

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hikma.benchmark.backends import BACKENDS, Backend
from hikma.benchmark.figures import Operation, Plan
from hikma.errors import BenchmarkError

SIZES = (100, 1_000, 5_000, 10_000)
_LARGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Options as they were given; None and empty for what is left to the defaults."""

    sizes: str | None = None
    backends: str | None = None
    operations: str | None = None
    queries: int = 100
    limit: int = 10
    seed: int = 0
    timeout_s: float = 60.0


def plan_of(asked: Asked, backends: Mapping[str, Backend] = BACKENDS) -> Plan:
    """Return the plan that options mean; BenchmarkError for one that cannot be."""
    sizes = SIZES if asked.sizes is None else _sizes(asked.sizes)
    names = (
        tuple(backends) if asked.backends is None else _chosen("backend", asked.backends, backends)
    )
    every = {one.value: one for one in Operation}
    wanted = every if asked.operations is None else _chosen("operation", asked.operations, every)
    positive = (
        ("--queries", asked.queries),
        ("--limit", asked.limit),
        ("--timeout", asked.timeout_s),
    )
    for option, value in positive:
        if not value > 0:
            raise BenchmarkError(f"{option} {value:g}: give a number above 0.")
    if asked.seed < 0:
        raise BenchmarkError(f"--seed {asked.seed}: give 0 or more.")
    if asked.limit > min(sizes):
        raise BenchmarkError(
            f"--limit {asked.limit} is more than the {min(sizes):,} vectors of the smallest size; "
            "give a smaller limit, or larger sizes."
        )
    operations = tuple(one for one in Operation if one in set(wanted))
    return Plan(sizes, names, operations, asked.queries, asked.limit, asked.seed, asked.timeout_s)


def check_written(path: Path, suffix: str, option: str) -> None:
    """Raise BenchmarkError for a file that could not be written in the end."""
    if suffix and path.suffix.lower() != suffix:
        raise BenchmarkError(f"{option} {path}: the name must end in {suffix}.")
    folder = path.absolute().parent
    if path.is_dir():
        reason = os.strerror(errno.EISDIR)
    elif not folder.is_dir():
        reason = f"there is no folder {folder}"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = os.strerror(errno.EACCES)
    else:
        return
    raise BenchmarkError(f"{option} {path} cannot be written ({reason}); name another file.")


def _sizes(text: str) -> tuple[int, ...]:
    found = set()
    for part in _parts(text, "--sizes"):
        plain = part.replace("_", "")
        if not plain.isdecimal() or not 0 < int(plain) <= _LARGEST:
            raise BenchmarkError(
                f"--sizes {part}: give whole numbers from 1 to {_LARGEST}, as 100,1000,5000."
            )
        found.add(int(plain))
    return tuple(sorted(found))


def _chosen(what: str, text: str, known: Iterable[str]) -> tuple[str, ...]:
    parts = _parts(text, f"--{what}s")
    for part in parts:
        if part not in known:
            raise BenchmarkError(f"there is no {what} {part!r}; choose of {', '.join(known)}.")
    return tuple(one for one in known if one in parts)


def _parts(text: str, option: str) -> list[str]:
    parts = [one.strip() for one in text.split(",") if one.strip()]
    if not parts:
        raise BenchmarkError(f"{option} is empty; leave it out for the default.")
    return parts
