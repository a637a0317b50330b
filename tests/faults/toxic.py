"""A proxy before a server that slows, cuts, starves or refuses what passes, as a test tells it."""

import socket
import threading
import time
from contextlib import suppress
from itertools import count
from typing import Self

_EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code><Message>The provided '
    b"token has expired.</Message><RequestId>1</RequestId></Error>"
)
EXPIRED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_EXPIRED), _EXPIRED)
)
_PIECE = 4_096
_REQUESTS = (b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ")


class Proxy:
    """Hands on bytes until it is told otherwise; what it is told holds for open connections too.

    `delay_s` holds back each piece, `rate` is bytes a second, `hangs` hands on nothing, `refuses`
    closes at once, `expired` says that the credentials are. Of `flaps` connections one is whole:
    the others end at once or, with `cut_after`, after so many bytes of an answer. `sees` is told
    each piece.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hangs = False
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def heal(self) -> None:
        """Hand everything on again."""
        self.delay_s = self.rate = 0.0
        self.hangs = self.refuses = self.expired = False
        self.flaps = self.cut_after = 0
        self.sees = lambda _: None

    def _accept(self) -> None:
        for number in count(1):
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections = number
            whole = not self.flaps or number % self.flaps == 0
            if self.refuses or not (whole or self.cut_after):
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._open |= {client, server}
            for ends, most in (((client, server), 0), ((server, client), not whole)):
                pump = threading.Thread(target=self._pump, args=(*ends, most * self.cut_after))
                pump.daemon = True
                pump.start()

    def _pump(self, source: socket.socket, target: socket.socket, most: int) -> None:
        """Hand on what one end says to the other, `most` bytes of it unless that is zero."""
        with suppress(OSError):
            passed = 0
            while piece := source.recv(_PIECE):
                while self.hangs:
                    time.sleep(0.01)
                if self.expired and piece.startswith(_REQUESTS):
                    source.sendall(EXPIRED)
                    break
                self.sees(piece)
                time.sleep(self.delay_s + (len(piece) / self.rate if self.rate else 0.0))
                passed += len(piece)
                if most and passed > most:
                    break
                target.sendall(piece)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
