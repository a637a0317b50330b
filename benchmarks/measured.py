"""A command as a process: its time on the clock, its time on the cores, its memory at the peak."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds on the clock, seconds of all its processes on the cores, and MB at the peak.

    `peak_mb` adds up the peaks of the process and its children, so pages that they share count
    several times: an upper bound. `output` is what it printed.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def measured(command: Sequence[str], extra: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end; exits with its message where it fails.

    Bytecode is kept, as it is wherever a package is installed: compiling anew at each start would
    be most of a short run.
    """
    kept = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **(extra or {})},
    )
    peaks: dict[int, int] = {}
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
    watcher.start()
    before = os.times()
    output, errors = process.communicate()
    wall = time.perf_counter() - start
    after = os.times()
    watcher.join()
    if process.returncode not in (0, 1):  # a search that finds nothing ends with 1
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{errors}")
    cpu = sum(after[2:4]) - sum(before[2:4])
    return Measured(wall, cpu, sum(peaks.values()) / 1024, output)


def _watch(pid: int, peaks: dict[int, int]) -> None:
    """Keep the highest peak of memory, in KiB, that each process of a tree was seen to have."""
    while _note(pid, peaks):
        time.sleep(_POLL_S)


def _note(pid: int, peaks: dict[int, int]) -> bool:
    with suppress(OSError, IndexError, ValueError):
        text = Path(f"/proc/{pid}/status").read_text()
        if "VmHWM:" not in text:  # it has ended and is yet to be awaited
            return False
        peaks[pid] = max(peaks.get(pid, 0), int(text.split("VmHWM:")[1].split()[0]))
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                for child in listed.read_text().split():
                    _note(int(child), peaks)
        return True
    return False
