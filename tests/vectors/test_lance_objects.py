"""LanceDB on object storage, against a real S3 server in this process."""

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from test_lance import batch, held, make, unit

from hikma.errors import StoreError
from hikma.vectors import lance_probe


@pytest.fixture(scope="module")
def server():
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(lance_probe, "_honest", set())
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket="vectors")
    yield client
    listed = client.list_objects_v2(Bucket="vectors").get("Contents", [])
    for one in listed:
        client.delete_object(Bucket="vectors", Key=one["Key"])
    client.delete_bucket(Bucket="vectors")
    client.close()


class Careless(BaseHTTPRequestHandler):
    """Hands everything to the server behind it, but for the condition of a PUT."""

    behind = ""

    def hand_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {k: v for k, v in self.headers.items() if k.lower() != "if-none-match"}
        connection = HTTPConnection(urlsplit(self.behind).netloc)
        connection.request(self.command, self.path, body=body, headers=kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_GET = do_DELETE = do_HEAD = do_POST = hand_on  # noqa: N815 -- its parent's names

    def log_message(self, format, *arguments):  # noqa: A002 -- the name that it overrides
        """Say nothing."""


@pytest.fixture
def careless(server):
    behind = type("Behind", (Careless,), {"behind": server})
    running = ThreadingHTTPServer(("127.0.0.1", 0), behind)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


def test_object_storage_keeps_what_a_folder_keeps(bucket, tmp_path):
    world = make(tmp_path / "index.db", "s3://vectors/some/prefix")
    vectors = unit(30)
    world.put(list(range(30)), vectors, range(30))
    world.store.delete([4])
    world.store.upsert(batch([5], vectors[6:7], [1]))
    expected = {one: vectors[one].tobytes() for one in range(30) if one != 4}
    assert held(world.store) == expected
    assert held(world.opened()) == expected
    assert len(world.store) == 29
    apart = 1 - vectors.astype(np.float64) @ vectors[9]
    apart[4] = 9
    found = [one.id for one in world.store.nearest(vectors[9], 5)]
    assert found == np.argsort(apart)[:5].tolist()
    keys = [one["Key"] for one in bucket.list_objects_v2(Bucket="vectors")["Contents"]]
    assert all(key.startswith("some/prefix/vectors_") for key in keys)
    assert not (tmp_path / "vectors.lance").exists()
    world.catalog.close()


def test_upkeep_reaches_object_storage_too(bucket, tmp_path):
    world = make(tmp_path / "index.db", "s3://vectors/kept")
    world.put([1, 2], unit(2))
    world.put([3], unit(1))
    assert world.store.optimize() is True
    assert held(world.opened()).keys() == {1, 2, 3}
    world.catalog.close()


def test_a_table_on_object_storage_can_be_rebuilt(bucket, tmp_path):
    world = make(tmp_path / "index.db", "s3://vectors/again")
    assert world.store.rebuild() == 0
    world.put([1, 2], unit(2))
    assert world.store.rebuild() == 2
    assert len(world.store) == 0
    assert bucket.list_objects_v2(Bucket="vectors").get("Contents", []) == []
    world.store.upsert(batch([1], unit(1)))
    assert held(world.store).keys() == {1}
    world.catalog.close()


def test_a_store_that_ignores_conditions_is_refused_before_anything_is_written(
    bucket, careless, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", careless)
    world = make(tmp_path / "index.db", "s3://vectors/prefix")
    with pytest.raises(StoreError, match="does not honour conditional PUT"):
        world.put([1], unit(1))
    assert bucket.list_objects_v2(Bucket="vectors").get("Contents", []) == []
    world.catalog.close()


def test_a_store_is_probed_once_a_process(bucket, tmp_path, monkeypatch):
    asked = []
    request = lance_probe._request
    monkeypatch.setattr(
        lance_probe, "_request", lambda *given: asked.append(given[0]) or request(*given)
    )
    for name in ("a", "b"):
        world = make(tmp_path / name / "index.db", "s3://vectors/prefix")
        world.put([1], unit(1))
        world.catalog.close()
    assert asked == ["PUT", "PUT", "DELETE"]


def test_a_store_that_forbids_writing_is_told_with_its_answer(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(lance_probe, "_request", lambda *_: (403, b""))
    world = make(tmp_path / "index.db", "s3://vectors/prefix")
    with pytest.raises(StoreError, match=r"HTTP 403.*rights"):
        world.put([1], unit(1))
    world.catalog.close()


def test_a_bucket_that_is_not_there_is_a_store_error(bucket, tmp_path):
    world = make(tmp_path / "index.db", "s3://nowhere/prefix")
    with pytest.raises(StoreError):
        world.put([1], unit(1))
    with pytest.raises(StoreError):
        world.store.nearest(unit(1)[0], 1)
    world.catalog.close()


def test_a_server_that_is_down_is_a_store_error_and_no_empty_list(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    world = make(tmp_path / "index.db", "s3://vectors/prefix")
    with pytest.raises(StoreError):
        world.put([1], unit(1))
    for ask in (lambda: world.store.nearest(unit(1)[0], 1), lambda: list(world.store.scan(5))):
        with pytest.raises(StoreError):
            ask()
    world.catalog.close()


@pytest.mark.parametrize("absent", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_keys_the_variables_are_named(bucket, tmp_path, monkeypatch, absent):
    world = make(tmp_path / "index.db", "s3://vectors/keyless")
    monkeypatch.delenv(absent)
    with pytest.raises(StoreError, match=f"{absent} not set"):
        world.put([1], unit(1))
    with pytest.raises(StoreError, match=f"keys of the environment .*set {absent} "):
        lance_probe.refuse_careless(world.store.place)
    world.catalog.close()
