"""One HTTP exchange with bounds on its time and on the bytes of its answer, whatever the other side sends.

An exchange runs in a thread of its own, so that whoever waits for it can give it up at any point: while a name is
looked up, while a connection is made, or in the middle of a header. The thread then ends too, as its socket is shut
down. Here belongs what `requests` does not bound by itself: its timeouts hold for each wait for bytes, not for their
sum, and it takes answers of any size. What an answer means is in `connection.py`.
"""

import gzip
import os
import socket
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, BytesIO, RawIOBase
from threading import Event, Lock, Thread, local
from typing import Any, Final, Generic, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter

Result = TypeVar("Result")

_POLL_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 0.25
"""An answer that comes so soon after an interrupt is still taken, as it has to be paid for."""
_CHUNK_BYTES: Final = 1 << 16
_MOST_BYTES_OF_ERROR: Final = 1 << 16
_SWITCHING_PROTOCOLS: Final = 101

BROKEN_ANSWER: Final = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError)
"""What `requests` and the libraries below it raise where an answer does not come, breaks off, or is no HTTP."""


class ContentError(Exception):
    """The content of an answer cannot be decompressed, or not within its bound."""


class UnknownEncodingError(ContentError):
    """The content of an answer is compressed in a way that was not asked for."""


class GivenUpError(Exception):
    """The exchange has not ended in time, or was interrupted."""


class Exchange(Generic[Result]):
    """One exchange over a `BoundedSession`, in a daemon thread.

    Args:
        run: makes the exchange, and returns its result.
    """

    def __init__(self, run: Callable[[], Result]) -> None:
        self._run = run
        self._ended = Event()
        self._lock = Lock()
        self._given_up = False
        self._socket: socket.socket | None = None
        self._result: Result
        self._error: BaseException | None = None

    def result(self, seconds: float, interrupted: Event) -> Result:
        """Run the exchange.

        Args:
            seconds: how long it may take in all.
            interrupted: gives it up when it is set, after a short grace.

        Raises:
            GivenUpError: it took longer, or was interrupted.
            Exception: whatever `run` raises.
        """
        Thread(target=self._work, name="ihc-exchange", daemon=True).start()
        deadline, graced = time.monotonic() + seconds, False
        while not self._ended.wait(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic()))):
            if interrupted.is_set() and not graced:
                deadline, graced = min(deadline, time.monotonic() + _GRACE_SECONDS), True
            if time.monotonic() >= deadline:
                self._give_up()
                raise GivenUpError("interrupted" if graced else f"not complete after {seconds:g} s")
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._result
        finally:
            del error  # its traceback holds this frame, and what the frame holds stays open

    def watch(self, connected: socket.socket) -> None:
        """Take note of the socket that the exchange uses from now on.

        It is known by a second descriptor, as TLS takes the first one over, and `http.client` closes it early.

        Raises:
            ConnectionAbortedError: the exchange has been given up; nothing must be sent any more.
        """
        with self._lock:
            if self._given_up:
                raise ConnectionAbortedError("given up before anything was sent")
            self._unwatch()
            self._socket = socket.socket(fileno=os.dup(connected.fileno()))

    def go_on(self) -> None:
        """See that the exchange may go on: Linux gives out what arrives on a socket also after it has been shut down.

        Raises:
            ConnectionAbortedError: it has been given up.
        """
        if self._given_up:
            raise ConnectionAbortedError("given up")

    def _unwatch(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _give_up(self) -> None:
        with self._lock, suppress(OSError):  # the other side may have closed it
            self._given_up = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        _OF_THREAD.exchange = self
        try:
            self._result = self._run()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the result
            self._error = error
        finally:
            with self._lock:
                self._unwatch()
            self._ended.set()


class _OfThread(local):
    exchange: Exchange[Any] | None = None


_OF_THREAD: Final = _OfThread()


class BoundedSession(requests.Session):
    """A session of `requests` for exchanges; it follows no redirect, and does not even read where one leads."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - as the base class has it
        """Nowhere."""
        return


class BoundedAdapter(HTTPAdapter):
    """Makes connections that tell the exchange of their thread which socket it uses."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _watch_connections(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the base class has it
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if manager.pool_classes_by_scheme["http"].ConnectionCls.response_class is not _FinalResponse:
            _watch_connections(manager)
        return manager

    def close(self) -> None:
        """Close the connections that are kept open, also while an old error still holds their pool."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it has no other way to be iterated over
                if (pool := manager.pools.get(key)) is not None:
                    pool.close()
        super().close()


def _watch_connections(manager: Any) -> None:  # noqa: ANN401 - the manager of any kind of proxy
    manager.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _watched(pool.ConnectionCls)})
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _watched(connection_class: Any) -> type:  # noqa: ANN401 - the connection of any kind of proxy
    """A connection class of urllib3 that shows each of its sockets to the exchange: new ones before TLS begins."""

    class Watched(connection_class):  # type: ignore[misc]
        response_class = _FinalResponse

        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            if _OF_THREAD.exchange is not None:
                try:
                    _OF_THREAD.exchange.watch(connected)
                except BaseException:
                    connected.close()
                    raise
            return connected

        def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
            if _OF_THREAD.exchange is not None and self.sock is not None:
                _OF_THREAD.exchange.watch(self.sock)
            super().request(*args, **kwargs)

    return Watched


class _Reading(RawIOBase):
    """Reads from a socket as long as the exchange of this thread may go on."""

    def __init__(self, source: RawIOBase) -> None:
        self._source, self._exchange = source, _OF_THREAD.exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - `Buffer` is there from Python 3.12 on
        taken = self._source.readinto(buffer)
        if self._exchange is not None:  # its end, too, is no answer: TLS would begin after the headers of a proxy
            self._exchange.go_on()
        return taken

    def close(self) -> None:
        self._source.close()
        super().close()


class _FinalResponse(HTTPResponse):
    """A response that is not an interim one (RFC 9110, 15.2), of which `http.client` passes over 100 alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().__init__(*args, **kwargs)
        self.fp = BufferedReader(_Reading(self.fp.detach()))

    def begin(self) -> None:
        """Read status and headers, again after each interim response."""
        super().begin()
        while 100 <= self.status < 200 and self.status != _SWITCHING_PROTOCOLS:  # noqa: PLR2004 - 1xx is its name
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first one was read
            super().begin()
        self.msg.defects.clear()  # urllib3 logs them with a traceback, and has no other use for them
        self.msg.set_payload("")


@dataclass(frozen=True)
class Received:
    """An answer.

    Attributes:
        status: its HTTP status.
        headers: its headers.
        content: its content, decompressed; of one that is not 2xx no more than the beginning, of a 3xx nothing.
    """

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    content: bytes


def received(response: requests.Response, most_bytes: int) -> Received:
    """Read an answer that is being streamed.

    Args:
        response: the answer.
        most_bytes: bound on the content of an answer with a status of 2xx, before and after it is decompressed.

    Raises:
        ContentError: the content of an answer with a status of 2xx is larger, or cannot be decompressed.
        OSError: it breaks off; `requests` and urllib3 raise errors of their own too.
    """
    status, headers = response.status_code, response.headers
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if 200 <= status < 300:  # noqa: PLR2004 - 2xx is the name of this class
        return Received(status, headers, _decompressed(_content(response, most_bytes), encoding, most_bytes))
    content = b""
    if not 300 <= status < 400:  # noqa: PLR2004 - 3xx is the name of this class; its content says nothing
        with suppress(ContentError, *BROKEN_ANSWER):
            content = _content(response, _MOST_BYTES_OF_ERROR, or_beginning=True)
            content = _decompressed(content, encoding, _MOST_BYTES_OF_ERROR)
    return Received(status, headers, content)


def _content(response: requests.Response, most_bytes: int, *, or_beginning: bool = False) -> bytes:
    content = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):  # read, unlike read1, trusts chunk sizes
        content += chunk
        if len(content) > most_bytes:
            if or_beginning:
                return bytes(content[:most_bytes])
            raise ContentError(f"more than {most_bytes} bytes")
    return bytes(content)


def _decompressed(content: bytes, encoding: str, most_bytes: int) -> bytes:
    if encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip"):
        raise UnknownEncodingError(encoding)
    try:
        decompressed = gzip.GzipFile(fileobj=BytesIO(content)).read(most_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ContentError(f"no gzip: {error}") from None
    if len(decompressed) > most_bytes:
        raise ContentError(f"more than {most_bytes} bytes when decompressed")
    return decompressed
