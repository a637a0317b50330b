"""Who works for later lets those go first who wait now."""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

STEPS = 10
"""Of the scheduler, below those who search: a tenth of their weight where both want to run.

Not the lowest: who holds the file's write lock must get on where every core is wanted.
"""
_LOWEST = 19
_THREADS = Path("/proc/self/task")


def give_way() -> None:
    """Give this process, and what it starts from now on, less of the processor than others get.

    Its threads too, which Linux counts one by one: those of LanceDB are there before it is asked
    anything. To ask twice changes nothing. Where a system knows no priorities, nor does this.
    """
    if not hasattr(os, "setpriority"):
        return
    wanted = _wanted()
    threads = [int(one.name) for one in _THREADS.iterdir()] if _THREADS.exists() else [0]
    for one in threads:
        with suppress(OSError):  # a thread that has ended meanwhile
            os.setpriority(os.PRIO_PROCESS, one, wanted)


@cache
def _wanted() -> int:
    """Return the priority below the one that this process was started with."""
    return min(os.getpriority(os.PRIO_PROCESS, 0) + STEPS, _LOWEST)
