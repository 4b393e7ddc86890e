"""An IHC endpoint on loopback for tests: real HTTP, answers that are easy to foretell, and faults on order.

    with IhcEndpoint([status(503), None, lost_journey]) as endpoint:
        api = IhcApi(endpoint.url, KEY)

Requests meet the faults in the order of their arrival, one each; None stands for a good answer, and so does the end of
the faults. A fault is a function of the good answer, so that a test can write its own. There is no model of
attribution: credit depends on a touchpoint's place in its journey alone (see `credit`).
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "test-key-0123456789"
Answer = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the endpoint sends.

    Attributes:
        body: bytes are sent as they are, anything else as JSON.
        status: HTTP status.
        headers: beside the content's type and length.
        cut_after: bytes of the body after which the connection is closed; 0 closes it without a status.
        stall_seconds: wait before the status.
        trickle_seconds: wait before each byte of the body.
    """

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    stall_seconds: float = 0
    trickle_seconds: float = 0


Fault = Callable[[Answer], Reply]


@dataclass(frozen=True)
class Received:
    """One request as it arrived: headers in lower case, parameters of the address, and the decoded body."""

    headers: dict[str, str]
    parameters: dict[str, list[str]]
    body: dict[str, Any]

    @property
    def journeys(self) -> dict[str, list[str]]:
        """The session ids of each conversion id, in the order in which they arrived."""
        sessions: dict[str, list[str]] = {}
        for touchpoint in self.body["customer_journeys"]:
            sessions.setdefault(touchpoint["conversion_id"], []).append(touchpoint["session_id"])
        return sessions


def credit(touchpoints: int) -> list[tuple[float, float, float, float]]:
    """Initializer (all to the first), holder (even), closer (all to the last) and ihc (rising evenly) of a journey."""
    n = touchpoints
    return [(float(k == 1), 1 / n, float(k == n), 2 * k / (n * (n + 1))) for k in range(1, n + 1)]


def status(code: int, message: object = "trouble", **headers: str) -> Fault:
    """A status with a JSON message; underscores in the headers' names stand for hyphens."""
    return lambda _: Reply({"message": message}, code, {name.replace("_", "-"): text for name, text in headers.items()})


def body_status(code: int) -> Fault:
    """Status 200, but an answer whose own statusCode is this, without a value."""
    return lambda _: Reply({"statusCode": code, "value": None, "partialFailureErrors": []})


def sends(body: object) -> Fault:
    """Status 200 with this body."""
    return lambda _: Reply(body)


def stalls(seconds: float) -> Fault:
    """The good answer, late."""
    return lambda answer: Reply(answer, stall_seconds=seconds)


def trickles(seconds: float) -> Fault:
    """The good answer, with so much time before each byte."""
    return lambda answer: Reply(answer, trickle_seconds=seconds)


def reset(answer: Answer) -> Reply:
    """Close the connection instead of answering."""
    return Reply(answer, cut_after=0)


def cut_off(answer: Answer) -> Reply:
    """Close the connection in the middle of the body."""
    return Reply(answer, cut_after=40)


def truncated(answer: Answer) -> Reply:
    """Send a body that is whole for HTTP, but breaks off as JSON."""
    return Reply(json.dumps(answer).encode()[:40])


def lost_journey(answer: Answer) -> Reply:
    """Leave out the credit of the first journey, unless it is the only one."""
    ids = [row["conversion_id"] for row in answer["value"]]
    lost = ids[0] if len(set(ids)) > 1 else None
    return Reply(answer | {"value": [row for row in answer["value"] if row["conversion_id"] != lost]})


def lost_row(answer: Answer) -> Reply:
    """Leave out the credit of the first touchpoint."""
    return Reply(answer | {"value": answer["value"][1:]})


def doubled_row(answer: Answer) -> Reply:
    """Send the credit of the first touchpoint twice."""
    return Reply(answer | {"value": [*answer["value"], answer["value"][0]]})


def first_row(**changes: object) -> Fault:
    """Change fields of the first row of credit."""
    return lambda answer: Reply(answer | {"value": [answer["value"][0] | changes, *answer["value"][1:]]})


class IhcEndpoint(ThreadingHTTPServer):
    """The endpoint; a context manager that serves from a thread of its own.

    Args:
        faults: what goes wrong, see the module; may be endless.
        latency_seconds: how long each reply takes at least, from the arrival of its request.
        refused: conversion ids answered with partial failures of statusCode 406 for each of their touchpoints.
        excluded: session ids answered with a partial failure of statusCode 206, the rest of the journey with credit.

    Attributes:
        url: address of `compute_ihc`.
        received: all requests, in the order of arrival.
        connections: how many were opened.
        most_under_way: most requests that were being answered at one time.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        faults: Iterable[Fault | None] = (),
        *,
        latency_seconds: float = 0,
        refused: Collection[str] = (),
        excluded: Collection[str] = (),
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/compute_ihc"
        self.received: list[Received] = []
        self.connections = self.most_under_way = self._under_way = 0
        self._faults, self._latency = iter(faults), latency_seconds
        self._refused, self._excluded = frozenset(refused), frozenset(excluded)
        self._lock, self.closing = Lock(), Event()
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Count the connection."""
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing: a client that hangs up is part of the tests."""

    def reply_to(self, received: Received) -> Reply:
        """Count the request, and answer it or meet the next fault."""
        began = time.monotonic()
        with self._lock:
            self.received.append(received)
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            fault = next(self._faults, None)
        answer = self._answer(received)
        reply = fault(answer) if fault else Reply(answer)
        self.closing.wait(max(0.0, began + self._latency - time.monotonic()))
        self.closing.wait(reply.stall_seconds)
        with self._lock:
            self._under_way -= 1
        return reply

    def _answer(self, received: Received) -> Answer:
        value, failures = [], []
        for conversion_id, session_ids in received.journeys.items():
            refused = conversion_id in self._refused
            named = session_ids if refused else [session for session in session_ids if session in self._excluded]
            reason = "error in parsing customer journey" if refused else "Session/Impression excluded"
            failures += [
                {
                    "trigger": {"conversion_id": conversion_id, "session_id": session_id},
                    "reason": reason,
                    "statusCode": 406 if refused else 206,
                }
                for session_id in named
            ]
            rest = [session_id for session_id in session_ids if session_id not in named]
            value += [
                {"conversion_id": conversion_id, "session_id": session_id}
                | dict(zip(("initializer", "holder", "closer", "ihc"), numbers, strict=True))
                for session_id, numbers in zip(rest, credit(len(rest)), strict=True)
            ]
        value.reverse()  # nobody promises an order
        return {"statusCode": 206 if failures else 200, "value": value, "partialFailureErrors": failures}


class _Handler(BaseHTTPRequestHandler):
    server: IhcEndpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): text for name, text in self.headers.items()}
        reply = self.server.reply_to(Received(headers, parse_qs(urlsplit(self.path).query), body))
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.close_connection = reply.cut_after is not None
        if reply.cut_after == 0:
            return
        self.send_response(reply.status)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(content)), "Set-Cookie": "visitor=1"}
        for name, text in (sent | dict(reply.headers)).items():
            self.send_header(name, text)
        self.end_headers()
        if not reply.trickle_seconds:
            self.wfile.write(content[: reply.cut_after])
            return
        for byte in content:
            if self.server.closing.wait(reply.trickle_seconds):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""
