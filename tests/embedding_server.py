"""A real OpenAI-compatible server on this machine that can be told to fail in every usual way."""

import base64
import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from fakes import HashingEmbedder

DIMENSION = 16


class EmbeddingServer:
    """Answers `POST /v1/embeddings`; the next failures, one a request, wait in `script`.

    A failure is a function of the exchange; when the script is empty, vectors are answered.
    """

    def __init__(self, dimension=DIMENSION, served=None, port=0):
        self.embedder = HashingEmbedder(dimension)
        self.served = served
        """What the server calls its model; None echoes the request."""
        self.script = []
        self.always = None
        """A failure of every request, once the script is empty."""
        self.posts = []
        """Every request so far: path, headers, content."""
        self._lock = threading.Lock()
        self.connections = 0
        self._server = _Listener(("127.0.0.1", port), _Exchange)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.close()

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def texts(self):
        """Every text asked for so far, those of refused requests too."""
        return [text for post in self.posts for text in post["content"]["input"]]

    def close(self):
        """Stop listening and cut the connections that are open."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.cut_all()

    def next_failure(self, post):
        """Note a request and return what is to go wrong with it."""
        with self._lock:
            self.posts.append(post)
            return self.script.pop(0) if self.script else self.always


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        self.open = set()
        super().__init__(*arguments)

    def get_request(self):
        accepted, address = super().get_request()
        self.owner.connections += 1
        self.open.add(accepted)
        return accepted, address

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def cut_all(self):
        for one in list(self.open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are part of the tests."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        post = {"path": self.path, "headers": dict(self.headers), "content": content}
        fail = self.server.owner.next_failure(post)
        if fail:
            fail(self, content)
        else:
            self.answer(vectors(self, content))

    def answer(self, content, status=200, **headers):
        """Send JSON (or bytes as they are) with a length."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Print nothing."""


def vectors(exchange, content):
    """Return a right answer, as a server writes it."""
    owner = exchange.server.owner
    rows = owner.embedder.embed_documents(content["input"]) * 3  # not unit vectors yet
    rows = rows[:, : content.get("dimensions", rows.shape[1])]
    items = [
        {"object": "embedding", "index": place, "embedding": row.tolist()}
        for place, row in enumerate(rows)
    ]
    named = content["model"] if owner.served is None else owner.served
    return {"object": "list", "data": items, "model": named, "usage": {"total_tokens": 1}}


# Failures


def refuse(status, message="no", **headers):
    """Answer with a status and OpenAI's error object."""

    def fail(exchange, content):
        exchange.answer({"error": {"message": message, "type": "x"}}, status, **headers)

    return fail


def changed(change):
    """Answer what `change` makes of a right answer."""

    def fail(exchange, content):
        exchange.answer(change(vectors(exchange, content)))

    return fail


def said(body, status=200, **headers):
    """Answer bytes as they are."""
    return lambda exchange, _content: exchange.answer(body, status, **headers)


def reset(exchange, content):
    """Send half of an answer, then a reset."""
    body = json.dumps(vectors(exchange, content)).encode()
    exchange.send_response(200)
    exchange.send_header("Content-Length", str(len(body)))
    exchange.end_headers()
    exchange.wfile.write(body[: len(body) // 2])
    exchange.wfile.flush()
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 s: closing resets
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    exchange.close_connection = True


def vanish(exchange, content):
    """Close without a word."""
    exchange.close_connection = True


def shortened(exchange, content):
    """Promise more bytes than are sent."""
    exchange.send_response(200)
    exchange.send_header("Content-Length", "100000")
    exchange.end_headers()
    exchange.wfile.write(b'{"data": [')
    exchange.close_connection = True


def hang(exchange, content):
    """Accept and be silent, longer than anyone waits here."""
    time.sleep(2)
    exchange.close_connection = True


def drip(exchange, content):
    """Send a byte now and then, each well before a time-out."""
    exchange.send_response(200)
    exchange.send_header("Content-Length", "100000")
    exchange.end_headers()
    with suppress(OSError):
        for _ in range(200):
            exchange.wfile.write(b" ")
            exchange.wfile.flush()
            time.sleep(0.01)
    exchange.close_connection = True


def drip_header(exchange, content):
    """Never finish the headers."""
    with suppress(OSError):
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(200):
            exchange.wfile.write(b"a")
            exchange.wfile.flush()
            time.sleep(0.01)
    exchange.close_connection = True


def announced(size):
    """Announce so many bytes and send none."""

    def fail(exchange, content):
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(size))
        exchange.end_headers()

    return fail


def streamed(size):
    """Send so many bytes without saying how many they will be."""

    def fail(exchange, content):
        exchange.close_connection = True
        with suppress(OSError):
            exchange.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            for _ in range(0, size, 1 << 20):
                exchange.wfile.write(b" " * (1 << 20))

    return fail


def encoded(answer):
    """Write vectors as base64, as `encoding_format` asks for."""
    for item in answer["data"]:
        packed = np.array(item["embedding"], "<f4").tobytes()
        item["embedding"] = base64.b64encode(packed).decode()
    return answer


def limited(characters, status=400, message="This model's maximum context length is 8 tokens"):
    """Refuse any request with a text of more characters."""

    def fail(exchange, content):
        if max(map(len, content["input"])) > characters:
            refuse(status, message)(exchange, content)
        else:
            exchange.answer(vectors(exchange, content))

    return fail
