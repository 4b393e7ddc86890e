"""A program on loopback that webhooks are sent to, which checks signatures as Standard Webhooks has it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple, Self

Answer = int | Callable[[], int]


class Event(NamedTuple):
    """What came in: the header webhook-id, and the body."""

    id: str
    body: dict[str, Any]


class WebhookReceiver:
    """Takes events while its context is open.

    Args:
        answers: statuses of the first answers, or functions that give them when asked; 204 from then on.
        location: where answers lead that are redirects.

    Attributes:
        secret: what events have to be signed with; not checked while it is empty.
        received: what came, in order; what was not signed rightly is not in it, and answered with 401.
    """

    def __init__(self, answers: Sequence[Answer] = (), location: str = "") -> None:
        self.secret, self.received = "", list[Event]()
        self._answers, self._location, self._lock = [*answers], location, Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/events"

    def __enter__(self) -> Self:
        """Listen."""
        Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def kinds(self) -> list[str]:
        """Which events came, in order."""
        return [event.body["type"] for event in self.received]

    def _answer(self, headers: Any, body: bytes) -> int:  # noqa: ANN401 - of any case
        if self.secret and not _is_signed(self.secret, headers, body):
            return 401
        with self._lock:
            self.received.append(Event(headers["webhook-id"], json.loads(body)))
            answer = self._answers.pop(0) if self._answers else 204
        return answer if isinstance(answer, int) else answer()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver._answer(self.headers, body))
                self.send_header("Location", receiver._location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler


def _is_signed(secret: str, headers: Any, body: bytes) -> bool:  # noqa: ANN401 - of any case
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], f"v1,{expected}")
