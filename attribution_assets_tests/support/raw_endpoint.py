r"""An IHC endpoint on loopback that sends bytes as they are, for answers that no HTTP server would give.

    with RawEndpoint([http(b"Retry-After: never", status=b"429 Slow down"), trickling(b"HTTP/1.1 200 OK\r\n")]) as raw:
        api = IhcApi(raw.url, KEY)

Requests meet the replies in the order of their arrival, one each, and the last one again and again. A reply is bytes,
after which the connection is closed, or a function that sends what it wants.
"""

import json
import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, Self

from attribution_assets_tests.support.ihc_endpoint import credit

Send = Callable[[socket.socket, Event], None]
Reply = bytes | Send


def good_answer(**changes: object) -> bytes:
    """The answer to the journey `a` of two touchpoints, see `journeys_of`; `changes` are put in place of its parts."""
    phases = ("initializer", "holder", "closer", "ihc")
    rows = [
        {"conversion_id": "a", "session_id": f"a-{place}"} | dict(zip(phases, numbers, strict=True))
        for place, numbers in enumerate(credit(2), start=1)
    ]
    answer: dict[str, Any] = {"statusCode": 200, "value": rows, "partialFailureErrors": []}
    return json.dumps(answer | changes).encode()


def http(*headers: bytes, content: bytes | None = None, status: bytes = b"200 OK", length: bool = True) -> bytes:
    """A whole answer with these header lines, by default the good one; `length` adds the line that tells its length."""
    body = good_answer() if content is None else content
    lines = [b"HTTP/1.1 " + status, *headers, *([b"Content-Length: %d" % len(body)] if length else [])]
    return b"\r\n".join([*lines, b"", body])


def endless(piece: bytes, *, before: bytes = b"", pause_seconds: float = 0) -> Send:
    """`before`, then the same piece again and again, until the other side has gone."""

    def send(connection: socket.socket, closing: Event) -> None:
        connection.sendall(before)
        while not closing.wait(pause_seconds) if pause_seconds else not closing.is_set():
            connection.sendall(piece)

    return send


def trickling(answer: bytes, *, before: bytes = b"", pause_seconds: float = 0.2) -> Send:
    """`before`, then the answer byte by byte with a pause after each."""

    def send(connection: socket.socket, closing: Event) -> None:
        connection.sendall(before)
        for byte in answer:
            connection.sendall(bytes([byte]))
            if closing.wait(pause_seconds):
                return

    return send


def silence(connection: socket.socket, closing: Event) -> None:
    """Nothing, until the other side has gone; nothing is read either."""
    gone = select.poll()
    gone.register(connection, select.POLLRDHUP)
    while not (closing.is_set() or gone.poll(100)):
        pass


class RawEndpoint:
    """The endpoint; a context manager that serves from threads of its own.

    Args:
        replies: what requests meet, see the module.
        reads_requests: whether it waits for the end of a request's content before it replies.

    Attributes:
        url: address of `compute_ihc`.
        requests: how many connections have sent something.
        open_connections: how many are open.
    """

    def __init__(self, replies: Sequence[Reply], *, reads_requests: bool = True) -> None:
        self._replies = iter(replies[:-1])
        self._last, self._reads_requests = replies[-1], reads_requests
        self._closing, self._lock, self._threads = Event(), Lock(), list[Thread]()
        self.requests = self.open_connections = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1/compute_ihc"
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def answer_with(self, reply: Reply) -> None:
        """From now on, all requests meet this reply."""
        self._replies, self._last = iter(()), reply

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                connection, _ = self._listener.accept()
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.open_connections += 1
        try:
            with connection, suppress(OSError):  # the client may leave
                connection.settimeout(30)
                if self._reads_requests:
                    _read_request(connection)
                with self._lock:
                    self.requests += 1
                    reply = next(self._replies, self._last)
                if isinstance(reply, bytes):
                    connection.sendall(reply)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1)  # the end of the other side: closing earlier could reset what it still reads
                else:
                    reply(connection, self._closing)
        finally:
            with self._lock:
                self.open_connections -= 1


def _read_request(connection: socket.socket) -> None:
    """Headers of a request and, after them, as much as they announce."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (chunk := connection.recv(1 << 16)):
            raise ConnectionAbortedError("the client has left")
        request += chunk
    headers, _, content = request.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in headers.lower().split(b"\r\n") if line.startswith(b"content-length")]
    missing = int(lengths[0]) - len(content) if lengths else 0
    while missing > 0 and (chunk := connection.recv(min(missing, 1 << 16))):
        missing -= len(chunk)
