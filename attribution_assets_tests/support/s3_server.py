"""A server that speaks S3 (moto's), on loopback, which notes what it is asked: for tests with an object store."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from threading import Thread
from typing import Any, Self

import pytest

SECRET = "test-secret-0123456789"  # noqa: S105  # of a server that asks for none

_Start = Callable[..., Any]


class S3Server:
    """A running server.

    Attributes:
        url: its endpoint.
        requests: how often each kind of request has come: GET, HEAD, PUT, POST, DELETE or, of a bucket, LIST.
        refuses: whether it denies everybody everything.
    """

    def __init__(self) -> None:
        moto = pytest.importorskip("moto.moto_server.werkzeug_app", reason="moto[server] is not installed")
        serving = pytest.importorskip("werkzeug.serving", reason="moto[server] is not installed")

        class Silent(serving.WSGIRequestHandler):  # type: ignore[misc,name-defined]  # imported above
            def log(self, *_: object) -> None:
                pass

        self._moto = moto.DomainDispatcherApplication(moto.create_backend_app)
        self._server = serving.make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.requests: Counter[str] = Counter()
        self.refuses = False
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def _answer(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        listing = environ["REQUEST_METHOD"] == "GET" and "list-type=" in environ["QUERY_STRING"]
        self.requests["LIST" if listing else environ["REQUEST_METHOD"]] += 1
        if self.refuses:
            start("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
        answer: Iterable[bytes] = self._moto(environ, start)
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


_numbers = count(1)


@pytest.fixture(scope="session")
def running_s3_server() -> Iterator[S3Server]:
    """The server of all tests; those that need it are skipped where moto or s3fs is not installed."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_server(running_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, found and logged in to by way of the environment variables that AWS documents."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

    for variable in list(os.environ):
        if variable.startswith("AWS_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ENDPOINT_URL", running_s3_server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield running_s3_server
    running_s3_server.refuses = False
    s3fs.S3FileSystem.clear_instance_cache()  # clients keep the endpoint and the credentials that they began with


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """The URL of an empty bucket, `s3://<name>`."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

    url = f"s3://bucket-{next(_numbers)}"
    s3fs.S3FileSystem().mkdir(url)
    s3_server.requests.clear()
    return url
