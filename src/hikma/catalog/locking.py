"""Who may write: one process at a time, named so that others can say whom they wait for."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hikma.errors import LockedFileError, ReadOnlyFileError, StorageFullError


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the writer's lock; `since` is ISO 8601."""

    pid: int
    purpose: str
    command: str
    since: str


class WriterLock:
    """The lock file beside a database, and a note of who holds it; re-entrant in a thread."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock  # noqa: PLC0415 -- searching never locks

        self._path = path
        self._lock = FileLock(f"{path}.lock")

    @contextmanager
    def held(self, purpose: str, wait_s: float) -> Iterator[None]:
        """Hold the lock; after `wait_s` seconds raise LockedFileError naming the holder."""
        self._acquire(wait_s)
        try:
            outermost = self._lock.lock_counter == 1
            if outermost:
                self._sign(purpose)
            try:
                yield
            finally:
                if outermost:
                    _note(self._path).unlink(missing_ok=True)
        finally:
            self._lock.release()

    def _acquire(self, wait_s: float) -> None:
        from filelock import Timeout  # noqa: PLC0415 -- as above

        try:
            self._lock.acquire(timeout=wait_s, poll_interval=0.02)
        except Timeout:
            raise LockedFileError(
                f"{self._path} is being written by {describe_holder(self._path)}; "
                f"waited {wait_s:g} s. Wait until it is done, then repeat."
            ) from None
        except OSError as error:
            raise _refused(self._path, error) from error

    def _sign(self, purpose: str) -> None:
        note = {
            "pid": os.getpid(),
            "purpose": purpose,
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500],
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        target = _note(self._path)
        # The lock is held, so nobody else writes this; one that was killed here left it to us.
        draft = target.with_name(f"{target.name}.draft")
        try:
            draft.write_text(json.dumps(note), encoding="utf-8", errors="backslashreplace")
            draft.replace(target)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _refused(self._path, error) from error


def holder(path: Path) -> Holder | None:
    """Return who holds the writer's lock of a database, None when nobody living does."""
    try:
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        found = Holder(int(note["pid"]), note["purpose"], note["command"], note["since"])
    except (OSError, ValueError, KeyError, TypeError):
        # No note, or one that a dying process left half-written: the lock itself is what counts.
        return None
    return found if is_alive(found.pid) else None


def describe_holder(path: Path) -> str:
    """Return words for who holds the lock, for messages."""
    found = holder(path)
    if found is None:
        return "another process"
    return f"process {found.pid} ({found.purpose}: `{found.command}`, since {found.since})"


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


def is_alive(pid: int) -> bool:
    """Tell whether a process runs on this machine."""
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True


def _refused(path: Path, error: OSError) -> ReadOnlyFileError | StorageFullError:
    if error.errno == errno.ENOSPC:
        return StorageFullError(f"No space is left beside {path}. Free some space and repeat.")
    return ReadOnlyFileError(
        f"{path.parent} cannot be written ({error.strerror}); check its permissions, or set "
        "HIKMA_DATABASE to a place that can be written."
    )
