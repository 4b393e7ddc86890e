"""What bounds requests to the API: bodies after decompression, how many at once, how many of a key, failed tries."""

import asyncio
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attribution_assets.api.problems import Problem

MOST_BODY_BYTES = 256 * 2**20
"""Of uploaded rows, after decompression, where --max-body says nothing."""

MOST_JSON_BYTES = 2**20
"""Of all other bodies."""

MOST_REQUESTS = 64
"""So many are answered at once."""

CALLS_AT_ONCE, CALLS_PER_SECOND = 2_000, 100
"""A key may make so many calls at once, and so many per second on end."""

FAILED_TRY_SECONDS, MOST_FAILED_TRY_SECONDS, FORGOTTEN_AFTER_SECONDS = 0.02, 2.0, 60.0
"""A call with a key that does not work waits so long before its answer, twice as long with each one from its address
within the time, up to the second."""

MOST_WAITING = 16
"""So many of them wait at once; further ones are refused."""

_CHUNK = 2**18


class BoundedUploads:
    """An application that gets bodies decompressed, and answers 413 to those that are longer than is allowed.

    Args:
        app: The application.
        most_bytes: The longest body of uploaded rows; of others it is MOST_JSON_BYTES.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most_bytes if "/rows/" in scope["path"] else min(self._most_bytes, MOST_JSON_BYTES)
        headers = {name: value for name, value in scope["headers"] if name in {b"content-encoding", b"content-length"}}
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        announced = headers.get(b"content-length", b"0")
        if encoding not in {"identity", "gzip", "x-gzip"}:
            await Problem(415, "Unsupported media type", "Content-Encoding may be gzip").response(scope, receive, send)
        elif announced.isdigit() and int(announced) > most:
            await _too_long(most).response(scope, receive, send)
        else:
            kept = [header for header in scope["headers"] if encoding == "identity" or header[0] not in headers]
            body = _Body(receive, most, compressed=encoding != "identity")
            await self._app({**scope, "headers": kept}, body.receive, send)


def _too_long(most: int) -> Problem:
    return Problem(413, "Body too long", f"the body is longer than {most:,} bytes: send it in parts")


class _Body:
    """The body of a request as it comes in, decompressed."""

    def __init__(self, receive: Receive, most: int, *, compressed: bool) -> None:
        self._receive, self._most, self._read = receive, most, 0
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if compressed else None
        self._rest, self._last, self._begun = b"", False, False

    async def receive(self) -> Message:
        """The next part."""
        if self._gzip is None:
            message = await self._receive()
            self._count(len(message.get("body", b"")))
            return message
        while True:
            if not self._rest and not self._last:
                message = await self._receive()
                if message["type"] != "http.request":
                    return message
                self._rest, self._last = message.get("body", b""), not message.get("more_body", False)
            part = self._decompressed()
            ended = self._last and not self._rest and len(part) < _CHUNK
            if ended and self._begun and not self._gzip.eof:
                raise HTTPException(400, "the body is not whole: its gzip data ends too early")
            if part or ended:
                return {"type": "http.request", "body": part, "more_body": not ended}

    def _decompressed(self) -> bytes:
        """At most a chunk of what has come in."""
        if self._gzip is None:
            return b""
        try:
            if self._gzip.eof and self._rest:  # a further member, as of files put one after another
                self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._begun = self._begun or bool(self._rest)
            part = self._gzip.decompress(self._rest, _CHUNK)
        except zlib.error as error:
            raise HTTPException(400, "the body cannot be read: it is no gzip data") from error
        self._rest = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
        self._count(len(part))
        return part

    def _count(self, read: int) -> None:
        self._read += read
        if self._read > self._most:
            problem = _too_long(self._most)
            raise HTTPException(413, problem.detail)


class BoundedConcurrency:
    """An application that answers so many requests at once, and refuses others with 503.

    Args:
        app: The application.
        most: How many.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_REQUESTS) -> None:
        self._app, self._most, self._under_way = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] != "/healthz" and self._under_way >= self._most:
            problem = Problem(503, "Busy", "too many requests are under way", headers={"Retry-After": "1"})
            await problem.response(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


class RateLimit:
    """How many calls each key may make: a bucket of them, which fills again. Used from one event loop."""

    def __init__(self, at_once: float = CALLS_AT_ONCE, per_second: float = CALLS_PER_SECOND) -> None:
        self._at_once, self._per_second = at_once, per_second
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Count a call.

        Raises:
            Problem: 429, there were too many.
        """
        now = time.monotonic()
        left, since = self._left.get(key, (self._at_once, now))
        left = min(self._at_once, left + (now - since) * self._per_second)
        self._left[key] = (max(left - 1, 0) if left >= 1 else left, now)
        if left < 1:
            seconds = max(1, round((1 - left) / self._per_second))
            detail = f"this key makes more than {self._per_second:g} calls per second: wait, and call again"
            raise Problem(429, "Too many requests", detail, headers={"Retry-After": str(seconds)})


class FailedTries:
    """Slows those who try keys. Used from one event loop."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting = 0

    async def slow(self, address: str) -> None:
        """Wait, longer with each failed try of an address.

        Raises:
            Problem: 429, too many are waiting.
        """
        if self._waiting >= MOST_WAITING:
            detail = "too many calls have a key that does not work"
            raise Problem(429, "Too many requests", detail, headers={"Retry-After": "5"})
        now = time.monotonic()
        tries, last = self._failed.pop(address, (0, now))
        tries = 0 if now - last > FORGOTTEN_AFTER_SECONDS else tries
        self._failed[address] = (tries + 1, now)
        while len(self._failed) > 10_000:  # noqa: PLR2004 - a bound on memory
            self._failed.popitem(last=False)
        async with self._one_waits():
            await asyncio.sleep(min(MOST_FAILED_TRY_SECONDS, FAILED_TRY_SECONDS * 2 ** min(tries, 10)))

    @asynccontextmanager
    async def _one_waits(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
