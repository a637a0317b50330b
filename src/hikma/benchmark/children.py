"""Fresh processes, started, awaited and never left behind: memory, opening, several at once."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hikma.errors import StoreError

_COMMAND = (sys.executable, "-P", "-m", "hikma.benchmark.child")
"""-P: the present folder may be a stranger's, with modules of its own."""


@dataclass(frozen=True, slots=True)
class Room:
    """A built backend with the file of queries, for processes that open it themselves."""

    backend: str
    folder: Path
    queries: Path
    limit: int
    timeout_s: float

    def order(self, task: str, seconds: float = 0.0) -> str:
        """Return what a process is told, as one line."""
        return (
            json.dumps(
                {
                    "task": task,
                    "backend": self.backend,
                    "folder": str(self.folder),
                    "queries": str(self.queries),
                    "limit": self.limit,
                    "seconds": seconds,
                }
            )
            + "\n"
        )


def ask(room: Room, task: str) -> dict[str, Any]:
    """Do a task in a fresh process; StoreError when it fails or takes too long."""
    with _started() as process:
        try:
            out, errors = process.communicate(room.order(task), room.timeout_s)
        except subprocess.TimeoutExpired:
            raise _late(room) from None
        return _answer(room, process.returncode, out, errors)


def at_once(room: Room, count: int, seconds: float) -> list[list[float]]:
    """Ask from several processes at once, when all are ready; return the ms of each query."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_started()) for _ in range(count)]
        watch = threading.Timer(room.timeout_s, _kill, (processes,))
        watch.start()
        try:
            for one in processes:
                _tell(one, room.order("serve", seconds))
            ready = [one.stdout.readline() if one.stdout else "" for one in processes]
            for one in processes if all(ready) else ():
                _tell(one, "\n")
            ended = [(*one.communicate(), one.returncode) for one in processes]
        finally:
            late = not watch.is_alive()
            watch.cancel()
        if late:
            raise _late(room)
        return [_answer(room, code, out, errors)["ms"] for out, errors, code in ended]


@contextmanager
def _started() -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def _kill(processes: Sequence["subprocess.Popen[str]"]) -> None:
    for one in processes:
        one.kill()


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    if process.stdin:
        with suppress(BrokenPipeError):  # it has ended, and its last words say why
            process.stdin.write(line)
            process.stdin.flush()


def _answer(room: Room, code: int, out: str, errors: str) -> dict[str, Any]:
    lines: Sequence[str] = out.strip().splitlines()
    if code or not lines:
        said = (errors.strip().splitlines() or [f"exit {code}"])[-1]
        raise StoreError(f"a process with {room.backend} failed: {said[:300]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def _late(room: Room) -> StoreError:
    return StoreError(f"a process with {room.backend} took longer than {room.timeout_s:g} s")
