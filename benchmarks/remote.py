"""What the client of a remote model costs: texts a second beside plain sequential calls.

    python benchmarks/remote.py [--texts 2000] [--dimension 768] [--latency-ms 0 20]

The server is a process of its own that answers random vectors after a fixed time a request; the
peer posts the same texts with urllib, first one text a request, then in batches of the same size.
"""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np

from hikma.models.remote import TEXTS, open_remote
from hikma.models.server import Server

TEXT = "def read_settings(path, environment): return merged(defaults, path, environment) " * 8


def serve(pipe: Connection, dimension: int, latency_s: float) -> None:
    """Answer one prepared vector for every text."""
    row = np.random.default_rng(0).standard_normal(dimension).tolist()
    vector = json.dumps(row).encode()

    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(latency_s)
            items = b",".join(
                b'{"index":%d,"embedding":%s}' % (place, vector)
                for place in range(len(asked["input"]))
            )
            body = b'{"model":"echo","data":[%s]}' % items
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    pipe.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def running(dimension: int, latency_s: float) -> Iterator[str]:
    """Yield the address of a server that lives as long as the block."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, dimension, latency_s), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{ours.recv()}/v1"
    process.terminate()
    process.join()


def plain(url: str, texts: Sequence[str], size: int) -> None:
    """Post with urllib, one request after the other, and read the vectors unchecked."""
    for start in range(0, len(texts), size):
        body = json.dumps({"model": "echo", "input": texts[start : start + size]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/embeddings", body, headers)  # noqa: S310 -- our own server
        with urllib.request.urlopen(request) as response:  # noqa: S310 -- likewise
            answer = json.load(response)
        np.array([one["embedding"] for one in answer["data"]], np.float32)


def rate(work: Callable[[], object], count: int) -> float:
    """Return the best of three runs in texts a second."""
    spent = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return count / min(spent)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0.0, 20.0])
    asked = parser.parse_args(arguments)
    texts = [f"{number} {TEXT}" for number in range(asked.texts)]
    few = texts[: max(TEXTS, asked.texts // 10)]
    print("| latency ms | one by one /s | batches /s | hikma /s | to one by one | to batches |")
    print("|--:|--:|--:|--:|--:|--:|")
    for latency in asked.latency_ms:
        with running(asked.dimension, latency / 1_000) as url:
            model = open_remote("openai:echo", Server(url), None)
            single = rate(partial(plain, url, few, 1), len(few))
            batched = rate(partial(plain, url, texts, TEXTS), len(texts))
            ours = rate(partial(model.embed_documents, texts), len(texts))
        print(
            f"| {latency:g} | {single:,.0f} | {batched:,.0f} | {ours:,.0f} "
            f"| {ours / single:.1f} | {ours / batched:.1f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
