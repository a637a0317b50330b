"""Tasks for test_sources_workers, importable by a worker: some do what hostile files could cause."""

import os
import signal
import sys
import time
from pathlib import Path

from fakes import HashingEmbedder


def echo(file):
    """Return what came in."""
    return file.path, file.content


def process_id(file):
    """Return who ran this."""
    return os.getpid()


def act(file):
    """Do what the content says, else shout it."""
    word, _, argument = file.content.decode().partition(" ")
    actions = {
        "exit": lambda: os._exit(3),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "abort": os.abort,
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "spin": _spin,
        "wait": lambda: time.sleep(float(argument)),
        "bomb": lambda: bytearray(4 << 30),
        "raise": lambda: int("no number"),
        "leave": lambda: sys.exit(0),
        "lambda": lambda: lambda: None,
        "print": lambda: print("noise " * 100_000, flush=True),  # noqa: T201 -- the point
        "hoard": lambda: _HOARD.append(bytearray(int(argument))),
        "path": lambda: list(sys.path),
        "environment": lambda: sorted(os.environ),
        "mark": lambda: _mark(Path(argument)),
        "hold": lambda: _hold(Path(argument)),
        "close": lambda: os.closerange(0, 100),
    }
    done = actions[word]() if word in actions else None
    return done or word.upper()


_HOARD = []


def _spin():
    while True:
        pass


def _mark(place):
    place.write_text(str(os.getpid()))
    time.sleep(60)


def _hold(place):
    """Stay in C code for ever, so that no other thread of this process can run."""
    place.write_text(str(os.getpid()))
    sum(iter(int, 1))


def embed(texts):
    """Embed as the fake model does, but for texts that kill who reads them."""
    if any("fatality" in text for text in texts):
        os.kill(os.getpid(), signal.SIGKILL)
    return HashingEmbedder(16).embed_documents(texts)
