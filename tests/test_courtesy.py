"""Who works for later gives way, with every thread, and no further by asking twice."""

import os
import subprocess
import sys

import pytest

from hikma import courtesy
from hikma.courtesy import STEPS, give_way

SCRIPT = """
import os, threading
from pathlib import Path
from hikma.courtesy import give_way
ended = threading.Event()
threads = [threading.Thread(target=ended.wait) for _ in range(3)]
for one in threads: one.start()
before = os.getpriority(os.PRIO_PROCESS, 0)
give_way(); give_way()
tasks = [int(one.name) for one in Path("/proc/self/task").iterdir()]
print(before, *{os.getpriority(os.PRIO_PROCESS, one) for one in tasks})
ended.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="its threads are counted one by one")
def test_every_thread_gives_way_once():
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    before, *after = map(int, found.stdout.split())
    assert after == [min(before + STEPS, 19)]


def test_a_system_without_priorities_is_left_as_it_is(monkeypatch):
    monkeypatch.delattr(os, "setpriority", raising=False)
    monkeypatch.setattr(courtesy, "_wanted", lambda: pytest.fail("asked"))
    give_way()
