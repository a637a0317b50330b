"""Object storage that is slow, down, hanging, cut off or closed to us: told, and nothing is lost."""

import os
import time
from contextlib import suppress

import boto3
import journey as journeys
import pytest
from journey import (
    assert_answers,
    check,
    end,
    go,
    in_small_parts,  # noqa: F401 -- a fixture
    move,
    set_out,
)
from moto.server import ThreadedMotoServer
from toxic import Proxy

from hikma.catalog.migrations import Step
from hikma.errors import MigrationError, StoreError
from hikma.migration import backfilling, stepping
from hikma.vectors.lance import LanceVectors
from moving import vector

pytestmark = pytest.mark.faults
TIMEOUT_S = 1.0
ATTEMPTS = 6
"""Of LanceDB, before it says that a store cannot be reached."""


@pytest.fixture(scope="module")
def server():
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield running.get_host_and_port()
    running.stop()


@pytest.fixture
def proxy(server, monkeypatch):
    """Return a proxy before a bucket `journeys`, which is where the environment points to."""
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    host, port = server
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="journeys")
    client.close()
    with Proxy(host, port) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        monkeypatch.setattr(backfilling, "_WAIT_S", 0.1)
        monkeypatch.setattr(backfilling, "CHUNK", 100)
        monkeypatch.setattr(journeys, "WAIT_S", 1.0)
        monkeypatch.setattr(stepping, "_DRAIN_S", 0.1)
        monkeypatch.setattr(journeys, "LanceVectors", impatient)
        yield made


def impatient(catalog, space):
    return LanceVectors(catalog, space, TIMEOUT_S)


def begun(folder):
    return set_out(folder, location=f"s3://journeys/{os.urandom(4).hex()}")


def test_a_store_that_is_out_of_reach_is_told_in_time_and_loses_nothing(proxy, tmp_path):
    """Hanging while it is filled, with expired credentials on trial, down when it answers."""
    journey = begun(tmp_path)
    go(journey, Step.BACKFILL)
    proxy.hangs = True
    before = proxy.connections
    journey.write()
    with pytest.raises(StoreError, match=r"They stay owed; repeat"):
        stepping.advance(move(journey))
    assert proxy.connections - before <= ATTEMPTS, "each attempt is a time-out to wait for"
    journey.write()
    assert_answers(journey)
    proxy.heal()
    go(journey, Step.CANARY)
    held = journey.held_migration()
    stepping.advance(move(journey), 99.0)
    proxy.expired = True
    journey.write()
    assert_answers(journey, [3])  # by the one that is proven
    space = journey.target(held.target).space
    for patience_s in (10.0, 0.5):  # LanceDB asks six times, and gives up or is given up before
        patient = LanceVectors(journey.catalog, space, patience_s)
        with pytest.raises(StoreError, match="ExpiredToken: The provided token has expired"):
            patient.nearest(vector(1), 3)
    proxy.heal()
    go(journey, Step.CUTOVER)
    proxy.refuses = True
    journey.write()
    with pytest.raises(StoreError, match="check that the place can be reached"):
        journey.target(held.target).store.nearest(vector(1), 3)
    proxy.heal()
    journey.target(held.target).store.nearest(vector(1), 3)
    proxy.hangs = True
    for _ in range(2):  # its table is open, then it is not
        started = time.monotonic()
        with pytest.raises(StoreError, match=f"no answer in {TIMEOUT_S:g} s"):
            journey.target(held.target).store.nearest(vector(1), 3)
        assert time.monotonic() - started < 2 * TIMEOUT_S, "one time-out, not one an attempt"
    stepping.roll_back(journey.catalog, "it is down")
    proxy.hangs = True
    assert_answers(journey)
    check(journey, journey.written)
    journey.close()


def test_a_store_that_is_down_for_the_whole_backfill_is_filled_when_it_is_back(
    proxy, tmp_path, monkeypatch
):
    journey = begun(tmp_path)
    go(journey, Step.BACKFILL)
    proxy.refuses = True
    with pytest.raises(StoreError, match="still lacks"):
        stepping.advance(move(journey))
    journey.write()
    assert_answers(journey)
    proxy.heal()
    monkeypatch.setattr(journeys, "WAIT_S", 20.0)
    with journey.catalog.write() as connection:
        journeys.outbox.unpark(connection, journey.held_migration().target)
    end(journey, "go on")
    journey.close()


def test_a_slow_and_flapping_store_takes_everything_in_the_end(proxy, tmp_path, monkeypatch):
    journey = begun(tmp_path)
    toxics = iter([{"delay_s": 0.002}, {"flaps": 2}, {"rate": 1e6}, {"flaps": 3, "cut_after": 300}])

    def spoil(_):
        proxy.heal()
        for name, value in next(toxics, {}).items():
            setattr(proxy, name, value)

    before = proxy.connections
    while journey.held_migration().step is not Step.SOAK:
        with suppress(StoreError, MigrationError):  # what is owed, or compared, is not all there
            go(journey, Step.SOAK, spoil)
    proxy.heal()
    monkeypatch.setattr(journeys, "WAIT_S", 20.0)
    assert proxy.connections > before
    stepping.finalize(move(journey))
    check(journey, journey.written)
    journey.close()
