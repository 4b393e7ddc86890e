"""The servers: which hosts they answer as, half-sent requests, and the size of what they read."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from attribution_assets.ihc_service.server import embedded_ihc_service
from attribution_assets.serving import BOUNDED, REFUSAL, BoundedBodies, KnownHosts, WholeRequests

MOST_BYTES = 100_000


class ImpatientRequests(WholeRequests):
    """The protocol with a shorter time."""

    request_seconds = 0.5


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@contextmanager
def server(host: str = "127.0.0.1", names: tuple[str, ...] = ()) -> Iterator[int]:
    """The port of a server that was told to listen on `host`, and answers with the length of a body."""
    app = BoundedBodies(Starlette(routes=[Route("/", _length, methods=["GET", "POST"])]), MOST_BYTES)
    settings = BOUNDED | {"http": ImpatientRequests, "log_config": None, "log_level": "critical"}
    served = uvicorn.Server(uvicorn.Config(KnownHosts(app, host, names), **settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=served.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            served.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server() as port:
        yield port


def answer(port: int, *parts: bytes) -> str:
    """All that comes back until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def status_as(port: int, host: str) -> int:
    said = answer(port, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return int(said.split(" ")[1])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8050", "localhost.", "127.0.0.1", "127.0.0.1:8050", "127.0.0.2", "[::1]", "[::1]:8050"],
)
def test_a_server_on_loopback_answers_as_loopback(port: int, host: str) -> None:
    assert status_as(port, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "localhost.evil.example.com", "127.0.0.1.evil.example.com", "192.168.1.5"),
        *("[2001:db8::1]", "localhost@evil.example.com", "user:localhost", "", "[::1", "127.0.0.1:80:80"),
    ],
)
def test_a_server_on_loopback_refuses_any_other_host(port: int, host: str) -> None:
    said = answer(port, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith("HTTP/1.1 421 ")
    assert said.endswith(f"\r\n\r\n{REFUSAL}")


def test_a_request_of_a_load_balancer_without_a_host_is_answered_and_one_with_two_is_refused(port: int) -> None:
    assert answer(port, b"GET / HTTP/1.0\r\n\r\n").startswith("HTTP/1.1 200 ")
    assert answer(port, b"GET / HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 400 ")
    assert answer(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n").startswith("HTTP/1.1 400 ")


def test_a_server_on_all_addresses_answers_as_any_address_but_as_no_unknown_name() -> None:
    for host in ("0.0.0.0", "::"):  # noqa: S104 - it is told so, and listens on loopback
        with server(host) as port:
            hosts = ("10.0.0.7:9700", "[fd00::7]:9700", "localhost", "metrics", "evil.example.com")
            assert [status_as(port, each) for each in hosts] == [200, 200, 200, 421, 421]


def test_a_server_answers_as_its_own_address_and_as_the_names_that_it_was_given() -> None:
    with server("192.0.2.7", ("Shop.example.com", "metrics:9700")) as port:
        hosts = ("192.0.2.7:8050", "shop.example.com", "SHOP.example.com:443", "metrics:1", "192.0.2.8", "example.com")
        assert [status_as(port, each) for each in hosts] == [200, 200, 200, 200, 421, 421]


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_a_connection_with_a_half_sent_request_is_ended(port: int, half: bytes) -> None:
    assert "200" not in answer(port, half)


def test_a_request_that_trickles_in_is_ended_too(port: int) -> None:
    ended = threading.Event()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:

        def trickle() -> None:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
            while not ended.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert connection.recv(100) == b""
        except ConnectionResetError:
            pass
        finally:
            ended.set()
            thread.join()


def test_a_second_request_of_a_connection_has_its_own_time(port: int) -> None:
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for _ in range(4):
            connection.sendall(whole)
            assert connection.recv(65_536).endswith(b"0")
            time.sleep(0.2)
        connection.sendall(whole[:20])
        assert connection.recv(100) == b""


def test_a_body_that_is_too_long_is_refused_and_so_are_headers(port: int) -> None:
    start = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    body = b"x" * MOST_BYTES
    assert answer(port, start + b"Content-Length: %d\r\n\r\n" % MOST_BYTES, body).endswith(str(MOST_BYTES))
    too_long = answer(port, start + b"Content-Length: %d\r\n\r\n" % (MOST_BYTES + 1), body + b"x")
    assert too_long.startswith("HTTP/1.1 413 ")
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (MOST_BYTES + 1, body + b"x")
    assert answer(port, start + chunked).startswith("HTTP/1.1 413 ")
    assert answer(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000).startswith("HTTP/1.1 400 ")


def test_the_embedded_service_refuses_other_hosts() -> None:
    with embedded_ihc_service() as url:
        port = urlsplit(url).port or 0
        assert [status_as(port, host) for host in ("localhost", "evil.example.com")] == [404, 421]


def test_the_embedded_service_refuses_a_body_of_more_than_64_megabytes_in_its_own_form() -> None:
    length = 64 * 2**20 + 1
    with embedded_ihc_service() as url:
        connection = HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=30)
        connection.request("POST", "/v1/compute_ihc?conv_type_id=x", b" " * length)
        answered = connection.getresponse()
        envelope = json.loads(answered.read())
        connection.close()
    assert answered.status == 413
    assert envelope == {
        "statusCode": 413,
        "value": None,
        "partialFailureErrors": [],
        "message": "the body is longer than 67,108,864 bytes",
    }


def test_the_embedded_service_takes_as_long_a_body_as_its_sessions_may_need() -> None:
    with embedded_ihc_service(max_sessions_per_request=100_000) as url:
        connection = HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=30)
        connection.request("POST", "/v1/compute_ihc?conv_type_id=x", b" " * (64 * 2**20 + 1))
        assert connection.getresponse().status == 400  # as it is no JSON
        connection.close()
