"""A fresh process with one backend: what it takes to open it, in memory and time, and to ask it.

`python -m hikma.benchmark.child` reads one JSON object from standard input and prints one.
"""

import gc
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hikma.benchmark.backends import BACKENDS

_STATUS = Path("/proc/self/status")
_WARM = 10
_KIB = 1024


def main() -> None:
    """Do one task and print what it found."""
    asked = json.loads(sys.stdin.readline())
    task = {"memory": _memory, "cold": _cold, "serve": _serve}[asked["task"]]
    queries = np.load(asked["queries"])
    sys.stdout.write(json.dumps(task(asked, queries)) + "\n")


def _memory(asked: dict[str, Any], queries: Any) -> dict[str, int]:
    """Return by how many bytes the process grew: when it had answered, and at most."""
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = _resident("VmRSS")
    store = BACKENDS[asked["backend"]].open(Path(asked["folder"]))
    for query in queries:
        store.nearest(query, asked["limit"])
    gc.collect()
    steady, peak = _resident("VmRSS") - before, _resident("VmHWM") - before
    store.close()
    return {"steady": max(steady, 0), "peak": max(peak, steady, 0)}


def _cold(asked: dict[str, Any], queries: Any) -> dict[str, float]:
    """Return the milliseconds from nothing opened, its library not loaded, to a first answer."""
    start = time.perf_counter()
    store = BACKENDS[asked["backend"]].open(Path(asked["folder"]))
    store.nearest(queries[0], asked["limit"])
    took = (time.perf_counter() - start) * 1e3
    store.close()
    return {"ms": took}


def _serve(asked: dict[str, Any], queries: Any) -> dict[str, list[float]]:
    """Say when ready, wait for a line, then ask for so many seconds."""
    store = BACKENDS[asked["backend"]].open(Path(asked["folder"]))
    for number in range(_WARM):
        store.nearest(queries[number % len(queries)], asked["limit"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    took: list[float] = []
    end = time.perf_counter() + asked["seconds"]
    while (start := time.perf_counter()) < end:
        store.nearest(queries[len(took) % len(queries)], asked["limit"])
        took.append((time.perf_counter() - start) * 1e3)
    store.close()
    return {"ms": took}


def _resident(name: str) -> int:
    """Return bytes of this process in memory, now (VmRSS) or at most (VmHWM)."""
    if _STATUS.exists():
        text = _STATUS.read_text(encoding="ascii", errors="replace")
        return int(text.split(f"{name}:")[1].split()[0]) * _KIB
    import resource  # noqa: PLC0415 -- not on every system

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * _KIB


if __name__ == "__main__":
    main()
