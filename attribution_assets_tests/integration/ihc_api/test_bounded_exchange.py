"""How long an exchange with the API may take, whatever the other side does, and that it can be broken off."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.errors import IhcTransientError
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint, stalls
from attribution_assets_tests.support.ihc_journeys import attribute, empty_ledger, journeys_of, quick_api
from attribution_assets_tests.support.raw_endpoint import RawEndpoint, Send, endless, http, silence, trickling

# An exchange that is given up during TLS leaves its socket to its thread, which may end, and close it, a test later.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
FOREVER = {
    "silence": silence,
    "a status line that trickles": trickling(http()),
    "headers that trickle": endless(b"X", before=b"HTTP/1.1 200 OK\r\nX: ", pause_seconds=0.2),
    "100 Continue without end": endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 Early Hints without end": endless(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "content that trickles": endless(b" ", before=HEADERS, pause_seconds=0.2),
    "chunks that trickle": endless(
        b"1\r\n \r\n", before=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", pause_seconds=0.2
    ),
    "content of an error that trickles": endless(b" ", before=b"HTTP/1.1 500 Oh\r\n\r\n", pause_seconds=0.2),
    "half an answer": lambda connection, closing: (connection.sendall(HEADERS), silence(connection, closing)),
}


def exchanges() -> list[Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ihc-exchange"]


def assert_nothing_is_left(endpoint: RawEndpoint | None = None) -> None:
    deadline = time.monotonic() + 60
    while exchanges() or (endpoint and endpoint.open_connections):
        assert time.monotonic() < deadline, (exchanges(), endpoint and endpoint.open_connections)
        time.sleep(0.05)


@pytest.mark.parametrize("reply", FOREVER.values(), ids=FOREVER.keys())
def test_an_answer_that_never_ends_is_given_up_in_time_and_asked_for_again(reply: Send) -> None:
    with RawEndpoint([reply, http()]) as endpoint:
        attribution = attribute(endpoint, {"a": 2}, answer_seconds=1, max_tries=5)
        assert_nothing_is_left(endpoint)
    assert set(attribution.touchpoints["outcome"]) == {"attributed"}
    assert attribution.retries >= 1

    began = time.monotonic()
    with RawEndpoint([reply]) as endpoint, pytest.raises(IhcTransientError) as raised:
        attribute(endpoint, {"a": 2}, answer_seconds=1, max_tries=1)
    assert str(raised.value) == (
        "gave up after 1 tries in 1 s: no answer from 127.0.0.1: not complete after 1 s (IHC_ANSWER_SECONDS)"
    )
    assert 1 <= time.monotonic() - began < 20


def test_the_content_of_a_redirect_is_not_waited_for() -> None:
    redirect = endless(b"x", before=b"HTTP/1.1 302 Found\r\nLocation: /v2\r\n\r\n", pause_seconds=0.2)
    with RawEndpoint([redirect]) as endpoint, pytest.raises(Exception, match="answered 302: /v2"):
        attribute(endpoint, {"a": 2})


def test_sending_to_one_that_does_not_read_is_given_up_in_time() -> None:
    with RawEndpoint([silence], reads_requests=False) as endpoint:
        api = {"max_sessions_per_request": 60_000, "answer_seconds": 2, "max_tries": 1}
        with pytest.raises(IhcTransientError, match="not complete after 2 s"):
            attribute(endpoint, {"a": 60_000}, **api)
        assert_nothing_is_left()  # the endpoint cannot see it: the end comes after what it does not read


@pytest.mark.parametrize("reply", [silence, endless(b"X: y\r\n", before=b"HTTP/1.1 200 OK\r\n", pause_seconds=0.2)])
def test_a_proxy_that_does_not_connect_is_given_up_in_time(reply: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with RawEndpoint([reply]) as proxy, empty_ledger() as ledger:
        monkeypatch.setenv("https_proxy", proxy.url)
        api = IhcApi("https://ihc.invalid/v1/compute_ihc", KEY, answer_seconds=1, max_tries=1)
        with IhcClient(api, ledger) as client, pytest.raises(IhcTransientError, match="gave up after 1 tries in 1 s"):
            client.attribute(journeys_of({"a": 1}))
        assert proxy.requests == 1
        assert_nothing_is_left(proxy)


def test_a_connection_that_is_not_accepted_is_given_up_in_time() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):  # as many as Linux lets wait; further ones get no answer at all
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        api = IhcApi(f"http://127.0.0.1:{full.getsockname()[1]}/", KEY, answer_seconds=1, max_tries=1)
        with (
            empty_ledger() as ledger,
            IhcClient(api, ledger) as client,
            pytest.raises(IhcTransientError, match="gave up after 1 tries in 1 s: no answer from 127"),
        ):
            client.attribute(journeys_of({"a": 1}))


def test_a_slow_answer_is_waited_for() -> None:
    with IhcEndpoint([stalls(3)]) as endpoint:
        attribution = attribute(endpoint, {"a": 1}, answer_seconds=60)
    assert (attribution.requests, attribution.retries) == (1, 0)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """An interrupt is a KeyboardInterrupt, also where the tests run in the background, as which a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_when(endpoint: RawEndpoint, requests: int) -> Thread:
    def interrupt() -> None:
        while endpoint.requests < requests:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("batchwise", [False, True])
@pytest.mark.parametrize("reply", [silence, FOREVER["headers that trickle"]])
def test_an_interrupt_gives_up_what_is_under_way(sqlite_url: str, reply: Send, batchwise: bool) -> None:  # noqa: FBT001 - pytest's form
    journeys = journeys_of(dict.fromkeys("abcd", 1))
    with RawEndpoint([reply]) as endpoint:
        api = quick_api(endpoint, max_journeys_per_request=1, max_concurrent_requests=2)
        interrupting = interrupt_when(endpoint, 2)
        began = time.monotonic()
        with IhcClient(api, Ledger(sqlite_url)) as client, pytest.raises(KeyboardInterrupt):
            list(client.attribute_each([journeys])) if batchwise else client.attribute(journeys)
        assert time.monotonic() - began < 20
        interrupting.join()
        assert_nothing_is_left(endpoint)
    assert rows_of(sqlite_url, "ihc_claim") == rows_of(sqlite_url, "ihc_claimant") == []


@pytest.mark.usefixtures("_interruptible")
def test_an_answer_that_comes_right_after_an_interrupt_is_kept(sqlite_url: str) -> None:
    def late(connection: socket.socket, closing: threading.Event) -> None:
        closing.wait(0.25)  # 0.05 s after the interrupt
        connection.sendall(http())

    with RawEndpoint([late]) as endpoint:
        interrupting = interrupt_when(endpoint, 1)
        with IhcClient(quick_api(endpoint), Ledger(sqlite_url)) as client, pytest.raises(KeyboardInterrupt):
            list(client.attribute_each([journeys_of({"a": 2})]))
        interrupting.join()
    assert [row[1] for row in rows_of(sqlite_url, "ihc_answer")] == ["a"]


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_ends_the_waiting_for_the_journeys_of_another_client(sqlite_url: str) -> None:
    journeys, api = journeys_of({"a": 2}), {"answer_seconds": 8, "max_tries": 1}
    with RawEndpoint([silence]) as endpoint:
        with (
            IhcClient(quick_api(endpoint, **api), Ledger(sqlite_url)) as asking,
            IhcClient(quick_api(endpoint, **api), Ledger(sqlite_url)) as waiting,
        ):
            first = Thread(target=pytest.raises, args=(IhcTransientError, asking.attribute, journeys))
            first.start()
            interrupting = interrupt_when(endpoint, 1)
            while not endpoint.requests:
                time.sleep(0.01)
            with pytest.raises(KeyboardInterrupt):
                list(waiting.attribute_each([journeys]))
            assert first.is_alive()
            first.join()
            interrupting.join()
        assert endpoint.requests == 1
