"""The HTTP API on a free loopback port, in a thread of this process or as the command, and a client of it."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import requests
import uvicorn

from attribution_assets.api.access import Guard
from attribution_assets.api.app import create_app
from attribution_assets.api.keys import Keys, Scope
from attribution_assets.api.limits import MOST_BODY_BYTES
from attribution_assets.api.server import config, guarded
from attribution_assets.api.workers import Workers
from attribution_assets.operations.home import Home
from attribution_assets.operations.store import OperationStore
from attribution_assets_tests.support.ports import free_port
from attribution_assets_tests.support.waiting import wait_until

ENDED = {"succeeded", "failed", "canceled"}
OPERATION_SECONDS = 240


class ApiClient:
    """A program that calls the API.

    Args:
        url: where the API is, without a path.
        key: its API key; None for none.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.url, self._headers = url, {"Authorization": f"Bearer {key}"} if key else {}

    def call(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401 - as requests takes them
        """A call, with whatever requests takes."""
        headers = {**self._headers, **more.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path: str, **more: Any) -> requests.Response:  # noqa: ANN401 - as above
        """GET."""
        return self.call("GET", path, **more)

    def post(self, path: str, json: object = None, **more: Any) -> requests.Response:  # noqa: ANN401 - as above
        """POST, of JSON if it is given."""
        return self.call("POST", path, json=json, **more)

    def ask_for(self, data_set: str, **operation: object) -> str:
        """Ask for an operation: its address."""
        answer = self.post(f"/v1/data-sets/{data_set}/operations", operation)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def end_of(self, operation: str) -> dict[str, Any]:
        """An operation once it has ended."""
        wait_until(lambda: self.state_of(operation) in ENDED, OPERATION_SECONDS, lambda: self.get(operation).text)
        found: dict[str, Any] = self.get(operation).json()
        return found

    def state_of(self, operation: str) -> str:
        """The state of an operation."""
        return str(self.get(operation).json()["state"])


def new_key(name: str, *scopes: str, data_sets: Sequence[str] = ()) -> str:
    """A new API key, in the API's home of this folder."""
    return Keys(Home.from_environment()).create(name, data_sets, [Scope(scope) for scope in scopes])


@contextmanager
def running_api(*, workers: bool = False, most_bytes: int = MOST_BODY_BYTES, **settings: Any) -> Iterator[str]:  # noqa: ANN401 - uvicorn's
    """The address of the API in this process, with its home in this folder."""
    home = Home.from_environment()
    store, listener = OperationStore(home), socket.create_server(("127.0.0.1", 0))
    app = guarded(create_app(store), home, Guard(Keys(home)), "127.0.0.1", (), most_bytes)
    server = uvicorn.Server(config(app, log_config=None, **settings))
    thread = threading.Thread(target=server.run, args=([listener],))
    with listener, Workers(store).running() if workers else nullcontext():
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class ApiCommand:
    """The command `attribution-assets api` as a process that can be killed and started again.

    Args:
        folder: where it runs.
        options: its further options.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._port = folder, free_port()
        self._words = [
            str(Path(sys.executable).with_name("attribution-assets")),
            "api",
            "--port",
            str(self._port),
            *options,
        ]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._words, cwd=self._folder)  # noqa: S603 - our own command
        wait_until(self._answers, 60, lambda: "the API does not answer")

    @property
    def process_id(self) -> int:
        """The id of its process.

        Raises:
            ValueError: It has not been started.
        """
        if self._process is None:
            raise ValueError("the API has not been started")
        return self._process.pid

    def kill(self) -> None:
        """End it as kill -9 does; the processes of its operations go on."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def end(self) -> int:
        """End it as a service manager does: its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(30)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.ConnectionError:
            return False
