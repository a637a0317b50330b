"""One address of one server, over connections that are kept open between requests.

The standard library's client, bounded in time and size: a request goes to the named server and
nowhere else. Redirects are not followed, and proxies that the environment names are not used.
"""

import io
import selectors
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, cast
from urllib.parse import urlsplit

from hikma.models.server import Patience

ANSWER_BYTES = 64 << 20
"""More is no answer to the few texts of one request."""


class OversizedAnswerError(Exception):
    """An answer announces, or has, more than `ANSWER_BYTES`."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whatever it means."""

    status: int
    headers: Message
    content: bytes


class Connections:
    """Posts to one address; idle connections are closed when this is dropped."""

    def __init__(self, url: str) -> None:
        """Hold the address; the first request connects."""
        parts = urlsplit(url)
        self._path = parts.path
        self._address = (parts.hostname or "", parts.port)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: list[HTTPConnection] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)

    def post(self, body: bytes, headers: Mapping[str, str], patience: Patience) -> Response:
        """Send a request and read its answer; raises OversizedAnswerError.

        Also OSError, HTTPException or UnicodeError when there is no answer, or no whole one.
        """
        limits = _Limits(time.monotonic() + patience.answer_s, patience.silence_s)
        connection = self._take() or self._connect(patience)
        try:
            _paced(connection).limits = limits
            connection.request("POST", self._path, body, headers)
            with closing(connection.getresponse()) as response:
                content = _read(response)
                is_reusable = response.isclosed() and not response.will_close
        except BaseException:
            connection.close()
            raise
        if is_reusable:
            with self._lock:
                self._idle.append(connection)
        else:
            connection.close()
        return Response(response.status, response.headers, content)

    def _connect(self, patience: Patience) -> HTTPConnection:
        host, port = self._address
        connection: HTTPConnection = (
            HTTPSConnection(host, port, timeout=patience.connect_s, context=self._tls)
            if self._tls
            else HTTPConnection(host, port, timeout=patience.connect_s)
        )
        connection.connect()
        connection.sock = cast("socket.socket", _PacedSocket(connection.sock))
        return connection

    def _take(self) -> HTTPConnection | None:
        """Return an idle connection that the server has not closed meanwhile."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if _is_quiet(_paced(connection).inner):
                return connection
            connection.close()


@dataclass(frozen=True, slots=True)
class _Limits:
    """When one exchange must be over, on the clock of `time.monotonic`."""

    deadline: float
    silence_s: float

    def left(self) -> float:
        """Return the seconds until a byte must have come; raises TimeoutError at the end."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole answer took too long")
        return min(left, self.silence_s)


class _PacedSocket:
    """What http.client needs of a socket, whose own time-out would bound single bytes only."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner = inner
        self.limits = _Limits(0.0, 0.0)

    def sendall(self, content: bytes) -> None:
        self.inner.settimeout(self.limits.left())
        self.inner.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_PacedReader(self.inner, self.limits))

    def close(self) -> None:
        self.inner.close()


class _PacedReader(io.RawIOBase):
    """One answer's bytes; its file keeps the socket open until the answer is read."""

    def __init__(self, inner: socket.socket, limits: _Limits) -> None:
        self._inner = inner
        self._file = inner.makefile("rb", buffering=0)
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._inner.settimeout(self._limits.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _paced(connection: HTTPConnection) -> _PacedSocket:
    return cast("_PacedSocket", connection.sock)


def _read(response: HTTPResponse) -> bytes:
    """Read a whole answer; raises IncompleteRead for one that was cut off."""
    announced = response.length or 0
    content = b"" if announced > ANSWER_BYTES else response.read(ANSWER_BYTES + 1)
    if max(announced, len(content)) > ANSWER_BYTES:
        raise OversizedAnswerError
    if response.length:
        raise IncompleteRead(content, response.length)
    return content


def _is_quiet(inner: socket.socket) -> bool:
    """Tell whether nothing has arrived, not even the end, on a connection that waits."""
    with selectors.DefaultSelector() as selector:
        selector.register(inner, selectors.EVENT_READ)
        return not selector.select(0)


def _close_all(connections: list[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()
