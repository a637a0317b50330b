"""A server's model: what is sent, what is believed of its answers, and every usual way to fail."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

import embedding_server as failing
from embedding_server import DIMENSION, EmbeddingServer, refuse, said
from hikma.catalog import ledger
from hikma.domain import Mode, Query
from hikma.engine import Engine
from hikma.errors import ConfigurationError, ModelError, SpaceMismatchError
from hikma.models import open_model, remote
from hikma.models.connections import ANSWER_BYTES
from hikma.models.remote import RemoteEmbedder, open_remote
from hikma.models.server import Known, Patience, Server
from hikma.settings import Settings, load_settings

NAME = "openai:embed-small"
TEXTS = [f"def open_file_{number}(path): return {number}" for number in range(100)]
KEY = "sk-very-secret-0123456789"
FAST = Patience(
    attempts=3,
    total_s=20.0,
    connect_s=5.0,
    silence_s=5.0,
    answer_s=10.0,
    first_wait_s=0.001,
    longest_wait_s=0.01,
)


@pytest.fixture
def server():
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def model(server):
    """Return an embedder that has learnt its server's model and forgot how."""
    opened = open_remote(NAME, Server(server.url, KEY), None, FAST)
    known = Known(opened.dimension, opened.document_identity)
    server.posts.clear()
    return RemoteEmbedder(NAME, Server(server.url, KEY), known, FAST, FAST)


def right(server, texts=TEXTS):
    return server.embedder.embed_documents(texts)


def assert_same(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


# What is sent


def test_texts_come_back_as_unit_vectors_in_their_order(server, model):
    rows = model.embed_documents(TEXTS)
    assert_same(rows, right(server))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert_same(model.embed_query(TEXTS[3]), right(server)[3])


def test_texts_travel_in_batches_with_model_and_key(server, model):
    model.embed_documents(TEXTS)
    assert sorted(len(post["content"]["input"]) for post in server.posts) == [4, 32, 32, 32]
    assert sorted(server.texts) == sorted(TEXTS)
    for post in server.posts:
        assert post["path"] == "/v1/embeddings"
        assert post["headers"]["Authorization"] == f"Bearer {KEY}"
        assert post["content"].keys() == {"model", "input"}
        assert post["content"]["model"] == "embed-small"


def test_a_batch_is_bounded_by_characters_too(server, model):
    model.embed_documents(["x" * remote.TEXT_CHARACTERS] * 32)
    sizes = [sum(map(len, post["content"]["input"])) for post in server.posts]
    assert len(sizes) == 3
    assert max(sizes) <= remote.REQUEST_CHARACTERS


def test_without_a_key_none_is_sent(server):
    open_remote(NAME, Server(server.url), None, FAST)
    assert "Authorization" not in server.posts[0]["headers"]


def test_no_text_asks_nothing(server, model):
    assert model.embed_documents([]).shape == (0, DIMENSION)
    assert server.posts == []


def test_what_no_server_takes_is_made_fit(server, model):
    """A lone surrogate is no Unicode, a blank text is refused, a long one is cut."""
    assert model.embed_documents(["a\udcffb", " \n", "y" * 9_000]).shape == (3, DIMENSION)
    assert server.texts == ["a?b", remote.BLANK, "y" * remote.TEXT_CHARACTERS]


def test_connections_are_kept_and_at_most_four_are_open(server, model):
    before = server.connections
    for _ in range(3):
        model.embed_documents(TEXTS * 3)
    assert server.connections - before == remote.WIDTH


def test_requests_run_side_by_side_but_no_more_than_four(server, model):
    running, most, lock = 0, 0, threading.Lock()

    def count(exchange, content):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        exchange.answer(failing.vectors(exchange, content))

    server.always = count
    assert_same(model.embed_documents(TEXTS * 3), np.tile(right(server), (3, 1)))
    assert most == remote.WIDTH


# What passes is tried again


@pytest.mark.parametrize(
    "failure",
    [
        refuse(429),
        refuse(429, Retry_After="0.05"),
        refuse(429, Retry_After="soon"),
        refuse(503, Retry_After=format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)),
        refuse(408),
        refuse(409),
        refuse(500),
        refuse(502),
        failing.reset,
        failing.vanish,
        failing.shortened,
        said(b'{"data": [{"index": 0, "embedd'),
        said(b"HTTP was not meant"),
    ],
)
def test_what_may_pass_is_tried_again(server, model, failure):
    server.script = [failure, failure]
    assert_same(model.embed_documents(TEXTS[:5]), right(server, TEXTS[:5]))
    assert len(server.posts) == 3


@pytest.mark.parametrize("failure", [failing.hang, failing.drip, failing.drip_header])
def test_slowness_is_cut_off_and_tried_again(server, model, failure):
    """A drip never lets a byte wait for long: the whole answer has a limit too."""
    model._patience = replace(FAST, silence_s=0.15, answer_s=0.3)
    server.script = [failure]
    assert_same(model.embed_documents(TEXTS[:5]), right(server, TEXTS[:5]))
    assert len(server.posts) >= 2


def test_a_server_is_asked_again_as_late_as_it_wants(server, model):
    server.script = [refuse(429, Retry_After="0.2")]
    start = time.monotonic()
    model.embed_documents(TEXTS[:1])
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_wait_of_hours_is_not_waited_for(server, model, form):
    then = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    value = "7200" if form == "seconds" else then
    server.always = refuse(429, "slow down", Retry_After=value)
    with pytest.raises(ModelError, match=r"answered 429: slow down; run the command again later"):
        model.embed_documents(TEXTS[:1])
    assert len(server.posts) == 1


def test_what_never_passes_ends_with_the_last_reason(server, model):
    server.always = refuse(503, "loading model")
    with pytest.raises(ModelError, match=r"answered 503: loading model; see its log"):
        model.embed_documents(TEXTS[:1])
    assert len(server.posts) == FAST.attempts


def test_no_attempt_begins_after_the_whole_time(server, model):
    model._patience = replace(FAST, attempts=50, total_s=0.2, silence_s=0.1)
    server.always = failing.hang
    start = time.monotonic()
    with pytest.raises(ModelError, match="gave no answer"):
        model.embed_documents(TEXTS[:1])
    assert time.monotonic() - start < 2.0
    assert len(server.posts) < 10


def test_a_connection_that_the_server_closed_while_idle_costs_no_attempt(server, model):
    model._query_patience = replace(FAST, attempts=1)
    model.embed_query("a")
    server._server.cut_all()
    time.sleep(0.02)
    assert_same(model.embed_query("a"), right(server, ["a"])[0])


def test_waiting_is_told_to_the_log_and_prints_nothing(server, model, caplog, capfd):
    """Retries by other libraries' hooks would land on standard output, among the results."""
    server.script = [refuse(500, "busy")]
    with caplog.at_level(logging.INFO):
        model.embed_documents(TEXTS[:1])
    assert [record.name for record in caplog.records] == ["hikma.models.posting"]
    assert "answered 500: busy; see its log" in caplog.text
    assert capfd.readouterr() == ("", "")


# What does not pass is an error at once


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            refuse(400, "input is wrong"),
            r"answered 400: input is wrong; check that the model embeds",
        ),
        (
            refuse(401, f"bad key {KEY}"),
            r"answered 401: bad key \(key\); set HIKMA_EMBEDDING_API_KEY",
        ),
        (refuse(403), r"answered 403: no; set HIKMA_EMBEDDING_API_KEY"),
        (refuse(404, "no such model"), r"answered 404: no such model; check the path of .* /v1"),
        (said(b"<html>404</html>", 404), r"answered 404: a web page; check the path"),
        (said(b'{"detail":"Not Found"}', 404), r"answered 404: Not Found;"),
        (said(b"", 404), r"answered 404: nothing more;"),
        (said(b"x" * 9_000, 400), r"answered 400: x{200};"),
        (said(b"[1]", 400), r"answered 400: \[1\];"),
        (
            said(b'{"error":{"code":"insufficient_quota","message":"pay"}}', 429),
            r"answered 429: insufficient_quota pay; run the command again later",
        ),
        (
            refuse(307, Location="http://elsewhere.example/v1/embeddings"),
            r"redirects to http://elsewhere.example/v1/embeddings, which is not followed; set HIKMA_",
        ),
        (refuse(301), r"redirects to nowhere, which is not followed"),
        (said(b"<!doctype html><p>Log in"), r"answered a web page; check HIKMA_EMBEDDING_URL"),
        (said(b"[]"), r"answered JSON that is no object"),
        (
            said(b'{"error": "out of memory"}'),
            r"answered with an error: out of memory; see its log",
        ),
        (said(b"{}"), r"answered without 'data'; check that the model embeds"),
        (said(b'{"data": {}}'), r"no list of vectors for 3 texts"),
        (said(b'{"data": [1, 2, 3]}'), r"something else than vectors"),
        (said(b'{"data": [{}, {}, {}]}'), r"answered without 'embedding'"),
    ],
)
def test_a_refusal_is_told_with_its_remedy_and_not_repeated(server, model, failure, told):
    server.always = failure
    with pytest.raises(ModelError, match=told) as raised:
        model.embed_documents(TEXTS[:3])
    assert str(raised.value).startswith(f"{server.url}/embeddings ")
    assert KEY not in str(raised.value)
    assert len(server.posts) == 1


def each(change):
    def apply(answer):
        for place, item in enumerate(answer["data"]):
            item.update(change(place, item["embedding"]))
        return answer

    return failing.changed(apply)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (failing.changed(lambda answer: {**answer, "data": answer["data"][1:]}), "2 vectors for 3"),
        (failing.changed(lambda answer: {**answer, "data": answer["data"] * 2}), "6 vectors for 3"),
        (each(lambda _place, _row: {"index": 0}), "each index from 0 up was to come once"),
        (each(lambda place, _row: {"index": place + 1}), "each index from 0 up"),
        (each(lambda place, _row: {"index": None if place else 0}), "each index from 0 up"),
        (each(lambda place, row: {"embedding": row[place:]}), r"of the lengths \[14, 15, 16\]"),
        (each(lambda _place, _row: {"embedding": []}), r"of the lengths \[0\]"),
        (each(lambda _place, row: {"embedding": [row]}), "no list of numbers"),
        (each(lambda _place, _row: {"embedding": ["a"]}), "something else than vectors"),
        (each(lambda _place, _row: {"embedding": [10**400]}), "something else than vectors"),
        (each(lambda _place, _row: {"embedding": None}), "no list of numbers"),
        (each(lambda _place, _row: {"embedding": "%%%"}), "something else than vectors"),
        (each(lambda _place, _row: {"embedding": "AAAA"}), "something else than vectors"),
        (each(lambda _place, row: {"embedding": [float("nan"), *row[1:]]}), "is not finite"),
        (each(lambda _place, row: {"embedding": [float("inf"), *row[1:]]}), "is not finite"),
        (each(lambda _place, row: {"embedding": [1e308] * len(row)}), "is not finite"),
        (each(lambda _place, row: {"embedding": [0.0] * len(row)}), "a vector of zeros"),
        (
            each(lambda _place, row: {"embedding": row[:8]}),
            "with 8 dimensions, and the file has 16",
        ),
        (
            failing.changed(lambda answer: {**answer, "model": "other"}),
            "with the model 'other', which is not what the file was built with; have",
        ),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_refused(server, model, failure, told):
    server.always = failure
    with pytest.raises(ModelError, match=told):
        model.embed_documents(TEXTS[:3])
    assert len(server.posts) == 1


def test_a_query_is_checked_like_a_document(server, model):
    server.always = each(lambda _place, row: {"embedding": [0.0] * len(row)})
    with pytest.raises(ModelError, match="a vector of zeros"):
        model.embed_query(TEXTS[0])


@pytest.mark.parametrize(
    "failure", [failing.announced(10**15), failing.streamed(ANSWER_BYTES + (2 << 20))]
)
def test_an_answer_beyond_all_measure_is_given_up(server, model, failure):
    server.always = failure
    with pytest.raises(ModelError, match="answered more than 64 MiB; check"):
        model.embed_documents(TEXTS[:1])
    assert len(server.posts) == 1


def test_vectors_are_put_in_the_order_of_their_index(server, model):
    server.always = failing.changed(lambda answer: {**answer, "data": answer["data"][::-1]})
    assert_same(model.embed_documents(TEXTS), right(server))


def test_vectors_without_an_index_keep_their_order(server, model):
    def without(answer):
        return {**answer, "data": [{"embedding": one["embedding"]} for one in answer["data"]]}

    server.always = failing.changed(without)
    assert_same(model.embed_documents(TEXTS), right(server))


def test_base64_is_read_as_well(server, model):
    server.always = failing.changed(failing.encoded)
    assert_same(model.embed_documents(TEXTS), right(server))


def test_another_dimension_in_a_later_batch_is_refused(server, model):
    """Nothing of the call is returned: no vector of a mixed space is ever stored."""
    shorter = each(lambda _place, row: {"embedding": row[:8]})
    server.script = [None, shorter]
    with pytest.raises(ModelError, match="answered with 8 dimensions, and the file has 16"):
        model.embed_documents(TEXTS)


def test_after_a_failure_no_further_batch_is_begun(server, model):
    server.always = refuse(401)
    with pytest.raises(ModelError, match="answered 401"):
        model.embed_documents(TEXTS * 20)
    assert len(server.posts) <= remote.WIDTH


def test_after_a_failure_nothing_is_tried_again(server, model):
    """The other batches of the call do not wait for a server whose answer nobody wants."""
    failed = threading.Event()

    def late(exchange, content):
        failed.wait(5)
        time.sleep(0.05)
        refuse(503)(exchange, content)

    def first(exchange, content):
        refuse(401)(exchange, content)
        failed.set()

    server.script = [late, late, late, first]
    with pytest.raises(ModelError, match="answered 401"):
        model.embed_documents(TEXTS)
    assert len(server.posts) == 4


# Texts that are too long


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 512 tokens, you requested 700"),
        (413, "no"),
        (422, "inputs must have less than 512 tokens. Given: 700"),
        (500, "input is too large to process. increase the physical batch size"),
        (400, "the input length exceeds the context length"),
    ],
)
def test_a_text_that_is_too_long_is_halved_until_it_fits(server, model, status, message):
    """What is cut depends on the text alone: its batch mates are sent whole."""
    server.always = failing.limited(600, status, message)
    long, short = "word " * 300, "short"
    found = model.embed_documents([short, long, "other"])
    assert_same(found, right(server, [short, long[:375], "other"]))
    assert_same(model.embed_documents([long])[0], found[1])


def test_a_server_that_finds_everything_too_long_is_an_error(server, model):
    server.always = refuse(413, "payload too large")
    with pytest.raises(ModelError, match="answered 413: payload too large"):
        model.embed_documents(TEXTS[:2])
    assert len(server.posts) < 10


def test_a_limit_of_tokens_a_minute_is_not_a_text_too_long(server, model):
    server.script = [refuse(429, "Rate limit reached: tokens per min, limit 1000")]
    model.embed_documents(TEXTS[:2])
    assert [len(post["content"]["input"]) for post in server.posts] == [2, 2]


# Opening, identity, dimensions


def test_opening_learns_the_dimension_by_one_text(server):
    opened = open_model(NAME, Server(server.url))
    assert opened.dimension == DIMENSION
    assert server.texts == [remote.PROBE]


def test_opening_does_not_wait_long_for_a_server(server):
    server.always = refuse(503)
    with pytest.raises(ModelError, match="answered 503"):
        open_remote(NAME, Server(server.url), None, FAST)
    assert len(server.posts) == 2


def test_what_a_space_knows_is_not_asked_again():
    """No server is there at all: nothing is asked before the first text."""
    opened = open_model(NAME, Server("http://127.0.0.1:9/v1"), Known(8, "id"))
    assert (opened.dimension, opened.document_identity) == (8, "id")
    with pytest.raises(ModelError, match=r"gave no answer .*refused.*check HIKMA_EMBEDDING_URL"):
        opened.embed_query("a")


def test_without_a_server_only_embedding_fails():
    opened = open_model(NAME, None, Known(8, "id"))
    with pytest.raises(ModelError, match=r"'openai:embed-small'.*set HIKMA_EMBEDDING_URL"):
        opened.embed_query("a")
    with pytest.raises(ModelError, match="set HIKMA_EMBEDDING_URL"):
        opened.embed_documents(["a"])
    with pytest.raises(ConfigurationError, match="needs a server; set HIKMA_EMBEDDING_URL"):
        open_model(NAME)


def test_identity_is_of_the_model_and_not_of_the_address():
    with EmbeddingServer() as one, EmbeddingServer() as moved, EmbeddingServer(8) as shorter:
        identities = [
            open_model(name, Server(at.url)).document_identity
            for name, at in ((NAME, one), (NAME, moved), (NAME, shorter), ("openai:b", one))
        ]
    assert identities[0] == identities[1]
    assert len(set(identities)) == 3
    assert all(len(one) == 64 for one in identities)


def test_shorter_vectors_are_asked_for_and_checked(server):
    opened = open_remote(NAME, Server(server.url, dimensions=8), None, FAST)
    assert opened.embed_documents(TEXTS[:2]).shape == (2, 8)
    assert {post["content"]["dimensions"] for post in server.posts} == {8}
    server.always = failing.changed(
        lambda answer: failing.encoded({**answer, "data": answer["data"]})
    )
    with pytest.raises(ConfigurationError, match=r"HIKMA_VECTOR_DIMENSIONS = 99.*has 16.*unset"):
        open_remote(NAME, Server(server.url, dimensions=99), None, FAST)


def test_a_key_is_in_no_representation():
    settings = Settings(embedding_api_key=KEY)
    assert KEY not in f"{settings!r} {Server('http://a/v1', KEY)!r}"


def test_an_embedder_that_is_dropped_leaves_no_connection_open(server, model):
    """An unclosed socket would be a warning, and a warning fails the test."""
    model.embed_documents(TEXTS)
    del model


def test_the_embedded_models_load_no_client():
    code = (
        "import sys\nimport hikma.engine\nfrom hikma.models import open_model\n"
        "open_model('static').embed_query('a')\n"
        "print(sorted({'http.client', 'stamina', 'ssl', 'urllib.request'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


# Settings


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "https://api.openai.com/v1", "http://[::1]:80/v1/"]
)
def test_an_address_is_taken_from_the_environment(tmp_path, url):
    environment = {"HIKMA_EMBEDDING_URL": url, "HIKMA_EMBEDDING_API_KEY": KEY}
    found = load_settings(tmp_path, environment, {"embedding_model": NAME})
    assert (found.embedding_url, found.embedding_api_key) == (url, KEY)
    assert found.embedding_model == NAME


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "ftp://a/v1",
        "http:///v1",
        "http://user:hunter2@a/v1",
        "http://a/v1?api-version=hunter2",
        "http://a/v1#x",
        "http://a:99999/v1",
        "http://a b/v1",
    ],
)
def test_a_wrong_address_is_refused_unshown(tmp_path, url):
    """It may carry a password."""
    with pytest.raises(ConfigurationError) as failure:
        load_settings(tmp_path, {"HIKMA_EMBEDDING_URL": url}, {})
    assert "HIKMA_EMBEDDING_URL = (not shown): give http(s)://HOST:PORT/v1" in str(failure.value)
    assert url not in str(failure.value)


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Other: 1", f"{KEY} ", f"ä{KEY}"])
def test_a_key_that_is_no_header_is_refused_unshown(tmp_path, key):
    with pytest.raises(
        ConfigurationError, match=r"API_KEY = \(not shown\): give visible"
    ) as failure:
        load_settings(tmp_path, {"HIKMA_EMBEDDING_API_KEY": key}, {})
    assert KEY not in str(failure.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("embedding_url = 'http://a/v1'", "embedding_url: a repository does not choose where"),
        (f"embedding_api_key = '{KEY}'", "embedding_api_key: a repository is no place for"),
        ("embedding_api_key = 17091709", "embedding_api_key: a repository is no place for"),
        (f"embeding_api_key = '{KEY}'", "no such setting .did you mean embedding_api_key"),
    ],
)
def test_a_repository_names_neither_server_nor_key(tmp_path, line, told):
    """A stranger's hikma.toml would have code, and the user's key, sent to the stranger."""
    (tmp_path / "hikma.toml").write_text(line, encoding="utf-8")
    for environment in ({}, {"HIKMA_EMBEDDING_URL": "http://b/v1", "HIKMA_EMBEDDING_API_KEY": "k"}):
        with pytest.raises(ConfigurationError, match=told) as failure:
            load_settings(tmp_path, environment, {})
        assert KEY not in str(failure.value)
        assert "17091709" not in str(failure.value)


@pytest.mark.parametrize("name", ["openai:", "openai:a b", "openai", "OpenAI:x", "openai:ä"])
def test_a_model_name_is_checked(tmp_path, name):
    with pytest.raises(ConfigurationError, match=r"'minilm', or 'openai:MODEL' with HIKMA_EMBED"):
        load_settings(tmp_path, {"HIKMA_EMBEDDING_MODEL": name}, {})


# A repository


FILES = {
    f"part{number}.py": "".join(
        f"def step_{number}_{inner}(value):\n    '''Take step {inner}.'''\n"
        f"    total = value + {inner}\n    return total * {number}\n\n\n"
        for inner in range(10)
    )
    for number in range(8)
}


@pytest.fixture
def repository(make_repository):
    return make_repository(FILES)


@pytest.fixture
def engine_on(repository):
    """Open engines that are closed in the end."""
    opened = []

    def on(server=None, url=None, **wanted):
        url = server.url if server else url
        settings = Settings(embedding_model=NAME, embedding_url=url, vector_batch_size=10, **wanted)
        opened.append(Engine(repository.root, settings))
        return opened[-1]

    yield on
    for one in opened:
        one.close()


def vector_rows(engine):
    with engine.catalog.read() as connection:
        return dict(connection.execute("SELECT digest, vector FROM embedding"))


def test_a_repository_is_indexed_and_searched_by_a_server(server, engine_on):
    engine = engine_on(server)
    engine.index()
    assert len(vector_rows(engine)) == len(server.texts) - 1  # less the probe
    space = engine.status().space
    assert (space.model, space.dimension) == (NAME, DIMENSION)
    result = engine.search(Query("take step 7", mode=Mode.SEMANTIC))
    assert result.hits
    assert server.texts[-1] == "take step 7"
    posts = len(server.posts)
    engine.index()
    assert len(server.posts) == posts
    assert engine.examine() == []


def test_a_run_whose_server_fails_is_continued_by_the_next(engine_on):
    """What was committed is not sent again; the rows are those of a run without a failure."""
    with EmbeddingServer() as server:
        server.script = [None] * 5
        server.always = refuse(401, "key expired")
        broken = engine_on(server)
        with pytest.raises(ModelError, match="answered 401: key expired"):
            broken.index()
        kept = vector_rows(broken)
        assert kept
        assert broken.status().index.partial
        answered = {text for post in server.posts[:5] for text in post["content"]["input"]}
        server.posts.clear()
        server.always = None
        engine_on(server).index()
        assert answered & set(server.texts) == set()
        whole = vector_rows(broken)
        assert len(whole) == len(kept) + len(server.texts)
        assert kept.items() < whole.items()
        assert not broken.status().index.partial


def test_a_killed_run_sends_nothing_again_that_was_committed(repository, engine_on):
    with EmbeddingServer() as server:
        server.script = [None] * 4  # the probe and three batches
        server.always = failing.hang
        variables = {"EMBEDDING_MODEL": NAME, "EMBEDDING_URL": server.url, "VECTOR_BATCH_SIZE": 10}
        environment = {f"HIKMA_{name}": str(value) for name, value in variables.items()}
        run = subprocess.Popen(
            [sys.executable, "-m", "hikma", "index", str(repository.root)],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while len(server.posts) < 5:
            assert run.poll() is None
            time.sleep(0.01)
        run.kill()
        run.wait()
        committed = {text for post in server.posts[1:4] for text in post["content"]["input"]}
        server.posts.clear()
        server.always = None
        engine = engine_on(server)
        engine.index()
        assert committed & set(server.texts) == set()
        assert len(vector_rows(engine)) == len(committed) + len(server.texts)


def test_an_interrupt_is_not_held_up_by_a_server_that_hangs(repository):
    with EmbeddingServer() as server:
        server.script = [None]
        server.always = failing.hang
        variables = {"EMBEDDING_MODEL": NAME, "EMBEDDING_URL": server.url}
        run = subprocess.Popen(
            [sys.executable, "-m", "hikma", "index", str(repository.root)],
            env={**os.environ, **{f"HIKMA_{name}": value for name, value in variables.items()}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while len(server.posts) < 2:
            assert run.poll() is None
            time.sleep(0.01)
        start = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, told = run.communicate()
        assert time.monotonic() - start < 1.5  # it hangs for two seconds
        assert run.returncode == 130
        assert b"what was committed stays" in told


def test_a_server_that_is_gone_fails_the_run_and_another_at_any_address_goes_on(
    server, repository, engine_on
):
    engine_on(server).index()
    server.close()
    repository.write("more.py", "ADDED = 'quite another thing'\n")
    with pytest.raises(ModelError, match=r"gave no answer.*committed stays"):
        engine_on(server).index()
    with EmbeddingServer() as moved:
        engine_on(moved).index()
        assert len(moved.texts) == 1


def test_without_an_address_words_still_answer(server, engine_on):
    engine_on(server).index()
    apart = engine_on()
    posts = len(server.posts)
    result = apart.search(Query("step_3_4"))
    assert result.hits[0].name == "step_3_4"
    assert "set HIKMA_EMBEDDING_URL" in result.degraded[0]
    with pytest.raises(ModelError, match="set HIKMA_EMBEDDING_URL"):
        apart.search(Query("step", mode=Mode.SEMANTIC))
    assert apart.search(Query("step_3_4", mode=Mode.LEXICAL)).degraded == ()
    apart.index()  # nothing has changed, so nothing is asked
    assert len(server.posts) == posts


def test_a_server_that_now_has_another_model_is_not_believed(server, engine_on):
    engine_on(server).index()
    server.served = "embed-large"
    result = engine_on(server).search(Query("step_3_4"))
    assert result.hits
    assert "with the model 'embed-large', which is not what" in result.degraded[0]


def test_a_first_run_without_an_address_says_what_to_set(engine_on):
    with pytest.raises(ConfigurationError, match="needs a server; set HIKMA_EMBEDDING_URL"):
        engine_on().index()


def test_dimensions_are_the_files(server, engine_on):
    engine_on(server, vector_dimensions=8).index()
    assert engine_on(server, vector_dimensions=8).search(Query("step")).degraded == ()
    assert "set HIKMA_VECTOR_DIMENSIONS" in engine_on(server).search(Query("step")).degraded[0]
    with pytest.raises(SpaceMismatchError, match="dimension 8, not 4"):
        engine_on(server, vector_dimensions=4).search(Query("step"))


def test_more_dimensions_than_the_file_can_hold_are_refused(engine_on):
    with (
        EmbeddingServer(8_200) as server,
        pytest.raises(ConfigurationError, match=r"8,200 dimensions.*8,192 at most; ask for fewer"),
    ):
        engine_on(server).index()


def test_no_key_and_no_address_is_stored(server, engine_on):
    engine = engine_on(server, embedding_api_key=KEY)
    engine.index()
    with engine.catalog.read() as connection:
        assert ledger.space(connection).location == ""
    engine.close()
    content = b"".join(path.read_bytes() for path in engine.database.parent.iterdir())
    assert NAME.encode() in content
    assert KEY.encode() not in content
    assert server.url.encode() not in content
