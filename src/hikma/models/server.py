"""Which server embeds texts, and how long is it waited for?"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Server:
    """An OpenAI-compatible server as a user configures it; nothing here opens a socket."""

    url: str
    """Up to and including the version, `http://localhost:11434/v1`."""
    key: str | None = field(default=None, repr=False)
    dimensions: int | None = None
    """Shorter vectors than the model's own, where the server can shorten; None asks for none."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a vector space records of a remote model: enough to use it without asking first."""

    dimension: int
    identity: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one request is tried; all times in seconds."""

    attempts: int = 8
    total_s: float = 300.0
    """No attempt begins later than this after the first one, whatever wait a server asks for."""
    connect_s: float = 10.0
    silence_s: float = 60.0
    """Longest time without a byte: a server may load its model first."""
    answer_s: float = 180.0
    """Longest time of one attempt: a server that drips is cut off."""
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


DOCUMENTS = Patience()
"""Indexing may wait; what was committed stays in any case."""

QUERY = Patience(2, 20.0, 3.0, 15.0, 15.0, 0.2, 1.0)
"""Somebody waits for the answer, and hybrid search can do without the vectors."""
