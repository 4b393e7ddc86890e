"""Serving the API in the foreground: its HTTP protocol, and what stands around its application."""

import json
import signal
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attribution_assets.api.access import Guard, WithKeys
from attribution_assets.api.app import create_app
from attribution_assets.api.audit import Audited
from attribution_assets.api.data_set_files import require_folder
from attribution_assets.api.keys import Keys
from attribution_assets.api.limits import BoundedConcurrency, BoundedUploads
from attribution_assets.api.problems import MEDIA_TYPE, Problem, problem_of, unforeseen
from attribution_assets.api.webhook_sender import WebhookSender
from attribution_assets.api.workers import Workers
from attribution_assets.operations.home import Home
from attribution_assets.operations.store import OperationStore
from attribution_assets.serving import BOUNDED, KnownHosts, WholeRequests

FEWEST_BYTES_PER_SECOND = 1_000
"""A body that comes slower is not waited for."""


class TimedRequests(WholeRequests):
    """The protocol of the other servers, but long bodies have as long as they need while they come in steadily.

    What is not whole in time is answered with 408, what is no HTTP with 400, as problems.
    """

    _received = 0
    _was_paused = False

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        self._received += len(data)
        super().data_received(data)
        self._was_paused = self._was_paused or self.flow.read_paused

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._end_with(Problem(400, "Bad request", msg))

    def request_too_slow(self) -> None:
        """Wait on, if enough has come in or the application has not taken it yet; else answer 408."""
        steady = self._received >= FEWEST_BYTES_PER_SECOND * self.request_seconds
        if self._is_in_body() and (steady or self._was_paused):
            self._received, self._was_paused = 0, self.flow.read_paused
            self.watch_again()
        elif self._received and (self.cycle is None or not self.cycle.response_started or self.cycle.response_complete):
            self._end_with(Problem(408, "Request timeout", "the request was not whole in time: send it again"))
        else:
            self.transport.close()

    def _end_with(self, problem: Problem) -> None:
        body = json.dumps(problem.content).encode()
        head = f"HTTP/1.1 {problem.status} {problem.title}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        self.transport.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        self.transport.close()


class AnswersHead:
    """An application that answers HEAD where it answers GET, and the same; the server leaves the body away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        as_get = {"method": "GET"} if scope["type"] == "http" and scope["method"] == "HEAD" else {}
        await self._app({**scope, **as_get}, receive, send)


class _ErrorsAsProblems:
    """An application whose unforeseen errors are answered as problems: no stack trace leaves it, nor its log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - the outermost place: whatever it is, it is answered
            problem = problem_of(error) or unforeseen(error)
            if not started:
                await problem.response(scope, receive, send)


def guarded(app: ASGIApp, home: Home, guard: Guard, host: str, names: Sequence[str], most_bytes: int) -> ASGIApp:
    """An application with all that stands around it: hosts, keys, bounds, the audit log.

    Args:
        app: The application.
        home: Where the API keeps what it has to.
        guard: What calls are checked with.
        host: The address that its server listens on.
        names: Further names that it answers as.
        most_bytes: The longest body of uploaded rows, decompressed.
    """
    refusal = Problem(400, "Unknown host", "this server does not answer as this host: see --allowed-host").response
    inner = Audited(WithKeys(BoundedUploads(AnswersHead(app), most_bytes), guard), home)
    return KnownHosts(BoundedConcurrency(_ErrorsAsProblems(inner)), host, names, refusal)


def config(app: ASGIApp, **settings: Any) -> uvicorn.Config:  # noqa: ANN401 - as uvicorn has them
    """The settings of the server."""
    return uvicorn.Config(
        app, **{**BOUNDED, "http": TimedRequests, "access_log": False, "server_header": False, **settings}
    )


def serve(host: str, port: int, names: Sequence[str], most_bytes: int, *, workers: bool) -> None:
    """Serve the API until it is interrupted, carry out its operations, and send the events of its webhooks.

    Args:
        host: The address to listen on.
        port: The port.
        names: Names that it answers as, besides its address and loopback.
        most_bytes: The longest body of uploaded rows, decompressed.
        workers: Whether operations are carried out by processes of this server.

    Raises:
        ConfigurationError: ATTRIBUTION_API_HOME, ATTRIBUTION_DATA_SETS, ATTRIBUTION_WEBHOOK_NETWORKS or a variable that
            holds for all data sets cannot be used.
        RunRejectedError: Another server carries out its operations.
        SystemExit: The port is in use or not allowed.
    """
    require_folder()
    home = Home.from_environment()
    store = OperationStore(home)
    app = guarded(create_app(store), home, Guard(Keys(home)), host, names, most_bytes)
    # uvicorn raises the signal that ended it once more: that is to end the workers, and not this process at once
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sender, carried_out = WebhookSender(home).running(), Workers(store).running() if workers else nullcontext()
    with suppress(KeyboardInterrupt), sender, carried_out:
        uvicorn.Server(config(app, host=host, port=port, timeout_graceful_shutdown=5)).run()
