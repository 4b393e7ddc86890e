"""What the servers of this package have in common: the hosts that they answer as, and requests that end in time.

A page of another site can have a browser ask a server on loopback or behind a firewall, by a name of its own that it
lets point there (DNS rebinding). So a request must be addressed to a known host: its header `Host` names loopback, the
address that the server listens on, or a name that it was given. A server on all addresses (0.0.0.0, ::) answers to any
address too, as probes of Kubernetes, Prometheus and published ports use them; no name can be let point at an address.
"""

import asyncio
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import h11
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 15
"""How long a request may take to arrive whole, from the connection, or the answer before it, to its body's end."""

MISDIRECTED = 421
REFUSAL = "This server does not answer as the host of this address: --allowed-host NAME lets it answer as NAME.\n"
_HOST = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](:\d*)?|(?P<name>[^\s:/@\[\]]+)(:\d*)?")


def host_named(text: str) -> str | None:
    """The name or address in a header `Host`, in lower case and without its port; None if there is none."""
    found = _HOST.fullmatch(text)
    return (found["v6"] or found["name"]).lower().rstrip(".") or None if found else None


class KnownHosts:
    """An application that answers only requests to known hosts.

    Args:
        app: The application.
        host: The address that its server listens on.
        names: Further names that it answers as.
        refusal: What answers the others; without it, 421 does.
    """

    def __init__(self, app: ASGIApp, host: str, names: Iterable[str] = (), refusal: ASGIApp | None = None) -> None:
        self._app, self._refusal = app, refusal or PlainTextResponse(REFUSAL, MISDIRECTED)
        self._names = {"localhost", host.lower(), *(host_named(name) for name in names)}
        address = _address(host)
        self._any_address = address is not None and address.is_unspecified

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app if scope["type"] != "http" or self._knows(scope) else self._refusal
        await app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        named = [host_named(value.decode("latin-1")) for name, value in scope["headers"] if name == b"host"]
        if not named:  # HTTP/1.0 of a load balancer; browsers always name it
            return True
        if len(named) != 1 or named[0] is None:
            return False
        address = _address(named[0])
        return named[0] in self._names or (address is not None and (self._any_address or address.is_loopback))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class BoundedBodies:
    """An application that refuses requests with a longer body with 413, as it refuses others.

    Args:
        app: The application.
        most_bytes: The longest body that it reads.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                raise HTTPException(413, f"the body is longer than {self._most_bytes:,} bytes")
            return message

        await self._app(scope, bounded, send)


class WholeRequests(H11Protocol):
    """Uvicorn's HTTP protocol, which ends a connection whose request is not whole in time; headers take up to 64 kB.

    Uvicorn itself waits without an end for headers and bodies.
    """

    request_seconds: float = REQUEST_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def request_too_slow(self) -> None:
        """The time is over, and the request is not whole."""
        self.transport.close()

    def watch_again(self) -> None:
        """Give the request the same time once more."""
        self._stop_waiting()
        self._watch()

    def _watch(self) -> None:
        if not self._is_awaited():
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self.request_too_slow)

    def _is_awaited(self) -> bool:
        return self.conn.their_state is h11.IDLE or self._is_in_body()

    def _is_in_body(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


BOUNDED: dict[str, Any] = {"http": WholeRequests, "ws": "none", "lifespan": "off"}
"""The settings of uvicorn that all servers share."""
