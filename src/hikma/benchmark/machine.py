"""What is known of the machine: no name and no path, but how fast it reads memory."""

import os
import platform
import shutil
import time
from importlib import metadata
from pathlib import Path

import apsw
import numpy as np

from hikma.benchmark.figures import Machine, Plan
from hikma.errors import BenchmarkError

_READ_BYTES = 256 << 20
"""More than any cache holds."""
_TIMES = 15
_COPIES = 5
"""Of the vectors in memory at once while a size is measured: the array, NumPy's own, a graph, codes
of two stores, and what building takes."""
_ON_DISK = 12
"""Likewise on the disk, with every backend's own canonical rows."""
_PACKAGES = ("numpy", "apsw", "sqlite-vec", "lancedb", "faiss-cpu", "usearch")


def machine() -> Machine:
    """Return the facts, with a measurement of a fraction of a second."""
    return Machine(
        platform.system(),
        platform.machine(),
        cores(),
        _memory_bytes(),
        round(read_rate() / 1e9, 2),
        round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        {"python": platform.python_version(), "sqlite": apsw.sqlite_lib_version(), **_versions()},
    )


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_rate() -> float:
    """Return bytes a second at which one core sums float32 values in memory, at best."""
    values = np.ones(_READ_BYTES // 4, np.float32)
    took = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        values.sum()
        took.append(time.perf_counter() - start)
    return float(values.nbytes / min(took))


def refuse_too_large(plan: Plan, dimension: int, folder: Path) -> None:
    """Raise BenchmarkError for a size that memory or the disk has no room for."""
    each = dimension * 4
    rooms = (
        ("memory", _available_bytes() // (each * _COPIES)),
        (f"the disk of {folder}", shutil.disk_usage(folder).free // (each * _ON_DISK)),
    )
    for what, most in rooms:
        if max(plan.sizes) > most:
            raise BenchmarkError(
                f"{max(plan.sizes):,} vectors of {dimension} dimensions are more than {what} has "
                f"room for; the largest size here is {most:,}."
            )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _available_bytes() -> int:
    """Return how much may be taken without anything else giving way."""
    listed = Path("/proc/meminfo")
    if listed.exists():
        text = listed.read_text(encoding="ascii")
        return int(text.split("MemAvailable:")[1].split()[0]) * 1024
    return _memory_bytes() // 2
