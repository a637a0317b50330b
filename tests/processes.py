"""Work on an index in other processes, as several terminals would; some of them are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

_DRIVER = Path(__file__).with_name("driver.py")


class Driver:
    """A process of a script that forks one child for each job; use it with `with`."""

    def __init__(self, script: Path = _DRIVER) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONPATH": str(_DRIVER.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._answer()  # it has imported everything

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._process.stderr.close()

    def start(self, do: str, root: Path, database: Path, **job) -> int:
        """Start a job; return the process that does it."""
        return self._ask(do=do, root=str(root), database=str(database), **job)["pid"]

    def finish(self, child: int) -> int:
        """Wait for a job; return its wait status, zero if all went well."""
        return self._ask(do="wait", pid=child)["status"]

    def time(self, do: str, root: Path, database: Path, **job) -> float:
        """Do a job without disturbing it; return the seconds that it took."""
        start = time.perf_counter()
        assert self.finish(self.start(do, root, database, **job)) == 0, f"{do} failed"
        return time.perf_counter() - start

    def kill_after(self, seconds: float, do: str, root: Path, database: Path, **job) -> bool:
        """Kill a job in the middle; tell whether it was still at work."""
        child = self.start(do, root, database, **job)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        return os.WIFSIGNALED(self.finish(child))

    def _ask(self, **job) -> dict[str, int]:
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, int]:
        line = self._process.stdout.readline()
        assert line, f"the driver ended: {self._process.stderr.read()}"
        return json.loads(line)
