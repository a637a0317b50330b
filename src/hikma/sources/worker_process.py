"""One worker process, seen from its parent: start it, feed it, notice its end, leave no zombie."""

import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hikma.errors import WorkerError
from hikma.sources import worker_main

_START_S = 60.0
_GRACE_S = 2.0
_CHUNK = 1 << 20
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Lost(Exception):  # noqa: N818 -- an event inside this package, not an error that leaves it
    """A worker ended; `final` says that the file is to blame and not what came before it."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


def import_path(entries: Sequence[str]) -> list[str]:
    """Return where a worker may import from: as here, without the folder that we were run in.

    That folder may be the repository itself, and its `json.py` must not be imported.
    """
    here = Path.cwd()
    package = str(Path(__file__).parents[2])
    kept = [entry for entry in entries if Path(entry).is_absolute() and Path(entry) != here]
    return kept if package in kept else [*kept, package]


class WorkerProcess:
    """A child process with its two pipes, used by one thread at a time."""

    def __init__(self, setup: worker_main.Setup) -> None:
        self._timeout_s = setup.timeout_s
        self._longest_s = setup.longest_s
        self._buffer = bytearray()
        self._process = _start()
        self._pipes = [pipe for pipe in (self._process.stdin, self._process.stdout) if pipe]
        self._input, self._output = (pipe.fileno() for pipe in self._pipes)
        os.set_blocking(self._input, False)
        self._first = worker_main.frame(tuple(setup))

    def await_ready(self) -> None:
        """Send the set-up and wait; WorkerError where the worker cannot begin."""
        deadline = time.monotonic() + _START_S
        try:
            self._write(self._first, deadline)
            status, value = self._read(deadline)
        except Lost as lost:
            raise WorkerError(f"a worker did not start: {lost.reason}") from lost
        if status != worker_main.READY:
            raise WorkerError(f"a worker did not start: {value}")

    def answers(self, items: list[Any]) -> Iterator[tuple[str, Any]]:
        """Yield the answer for each item; raises Lost at the one that ended the worker."""
        allowed = self._longest_s + _GRACE_S
        self._write(worker_main.frame(items), time.monotonic() + _START_S)
        for _ in items:
            status, value = self._read(time.monotonic() + allowed)
            if status == worker_main.EXHAUSTED:
                raise Lost(value)
            yield status, value

    def kill(self) -> None:
        """End the process at once, from any thread; it is awaited by `close`."""
        self._process.kill()

    def close(self) -> None:
        """End the process, await it and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()

    def _write(self, content: bytes, deadline: float) -> None:
        left = memoryview(content)
        while left:
            self._await(self._input, select.POLLOUT, deadline)
            try:
                left = left[os.write(self._input, left[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._ended() from None

    def _read(self, deadline: float) -> tuple[str, Any]:
        (length,) = worker_main.HEADER.unpack(self._take(worker_main.HEADER.size, deadline))
        answer: tuple[str, Any] = pickle.loads(self._take(length, deadline))  # noqa: S301 -- our own worker's
        return answer

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._await(self._output, select.POLLIN, deadline)
            chunk = os.read(self._output, _CHUNK)
            if not chunk:
                raise self._ended()
            self._buffer += chunk
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _await(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise self._overdue()

    def _overdue(self) -> Lost:
        return Lost(f"time limit of {self._timeout_s:g} s exceeded", final=True)

    def _ended(self) -> Lost:
        """Return why the process ended."""
        try:
            status = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return Lost("worker closed its pipe")
        if status in {-signal.SIGALRM, -signal.SIGPROF}:
            return self._overdue()
        if status < 0:
            return Lost(f"worker killed by {signal.Signals(-status).name}")
        return Lost(f"worker exited with status {status}")


def _start() -> "subprocess.Popen[bytes]":
    """Start an isolated interpreter: nothing of the working folder or the user's start-up files."""
    if not sys.executable:
        raise WorkerError("this Python does not know its own executable; run a normal python")
    # A parser of hostile files has no use for the API keys that an environment may hold.
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", worker_main.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            bufsize=0,
        )
    except OSError as error:
        raise WorkerError(f"a worker did not start: {error}; free memory or processes") from error
