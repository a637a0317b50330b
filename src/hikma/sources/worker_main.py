"""What a parsing worker runs: one task over files that arrive on standard input.

Started by path in isolated mode, it knows nothing but the standard library until its parent has
said where to import from. It talks in frames: eight bytes of length, then a pickle. It ends when
its input does, and timers that no code can block end it when a file takes too long.
"""

import contextlib
import importlib
import os
import pickle
import queue
import resource
import signal
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

HEADER = struct.Struct("<Q")
"""The length of the pickle that follows."""

READY = "ready"
DONE = "done"
FAILED = "failed"
EXHAUSTED = "exhausted"
"""First halves of an answer: the second is None, a result, a reason, a reason to be replaced."""


class Setup(NamedTuple):
    """The first message: what to run, with which import path and limits.

    A file may take `timeout_s` of the processor, and `longest_s` by the clock: on a busy machine a
    harmless one waits for others.
    """

    search_path: list[str]
    module: str
    name: str
    timeout_s: float
    longest_s: float
    memory_bytes: int


def frame(message: object) -> bytes:
    """Return a message as it goes through a pipe."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(content)) + content


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when work stops
    for one in (signal.SIGALRM, signal.SIGPROF):  # the timers kill, whatever code is running
        signal.signal(one, signal.SIG_DFL)
    output = _claim_output()
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    setup = Setup(*pickle.loads(messages.get()))  # noqa: S301 -- written by our own parent
    try:
        task = _load(setup)
    except BaseException as error:  # noqa: BLE001 -- whatever an import raises goes to the parent
        _send(output, (FAILED, _reason(error)))
        return
    _limit_memory(setup.memory_bytes)
    _send(output, (READY, None))
    while True:
        for file in pickle.loads(messages.get()):  # noqa: S301 -- written by our own parent
            _limit_time(setup.timeout_s, setup.longest_s)
            answer = _answer(task, file)
            _limit_time(0, 0)
            _send(output, answer)


def _claim_output() -> int:
    """Keep standard output for frames: what a task prints must not fall between them."""
    output = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 -- pathlib costs 10 ms of start-up
        os.dup2(nowhere.fileno(), 1)
    return output


def _receive(messages: "queue.SimpleQueue[bytes]") -> None:
    """Queue what arrives; the end of input ends the process, even in the middle of a task."""
    # The whole of this thread's life is reading, so a parent that dies is noticed at once.
    with contextlib.suppress(MemoryError, OSError):
        while len(header := sys.stdin.buffer.read(HEADER.size)) == HEADER.size:
            messages.put(sys.stdin.buffer.read(*HEADER.unpack(header)))
    os._exit(1)


def _load(setup: Setup) -> Callable[[Any], Any]:
    sys.path[:] = setup.search_path
    target: Any = importlib.import_module(setup.module)
    for name in setup.name.split("."):
        target = getattr(target, name)
    loaded: Callable[[Any], Any] = target
    return loaded


def _limit_time(busy_s: float, clock_s: float) -> None:
    """End the process after so many seconds of its work or of the clock; never by zeros."""
    signal.setitimer(signal.ITIMER_PROF, busy_s)
    signal.setitimer(signal.ITIMER_REAL, clock_s)


def _limit_memory(memory_bytes: int) -> None:
    """Bound the address space and write no core dumps, as far as the system allows."""
    for kind, wanted in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError):  # macOS has no limit of address space
            resource.setrlimit(kind, (limit, hard))


def _answer(task: Callable[[Any], Any], file: object) -> bytes:
    """Return the frame for one file; no exception leaves it."""
    try:
        return frame((DONE, task(file)))
    except MemoryError:
        return frame((EXHAUSTED, "memory limit exceeded"))
    except BaseException as error:  # noqa: BLE001 -- SystemExit too is one file's failure
        return frame((FAILED, _reason(error)))


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _send(output: int, message: bytes | tuple[str, object]) -> None:
    content = memoryview(message if isinstance(message, bytes) else frame(message))
    while content:
        content = content[os.write(output, content) :]


if __name__ == "__main__":
    try:
        main()
    finally:
        # Not by the usual way out, which aborts while the other thread holds standard input.
        os._exit(1)
