"""The API's rows and results on a free loopback port, in a thread of this process, for one data set of a test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from attribution_assets.api import results, rows
from attribution_assets.api.home import Home
from attribution_assets.api.keys import Keys, Scope
from attribution_assets.api.problems import add_problem_handlers
from attribution_assets.data_sets import data_sets
from attribution_assets.settings import Settings

DATA_SET = "shop_de"


class ApiServer:
    """A running server with one data set, and a client of it that has a key.

    Args:
        address: Where it listens.
        keys: Its keys.
        folder: The folder of the data sets' files.
        monkeypatch: Sets environment variables.
    """

    def __init__(self, address: str, keys: Keys, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.address, self.keys, self._folder, self._monkeypatch = address, keys, folder, monkeypatch
        self.client = requests.Session()
        self.client.headers["Authorization"] = f"Bearer {keys.create('tests', [], [*Scope])}"

    @property
    def settings(self) -> Settings:
        """The data set's settings as they are now."""
        return data_sets().usable[DATA_SET]

    def set(self, **attributes: str) -> None:
        """Write the data set's file, with these attributes too."""
        named = {"start_date": "2024-02-20", "lookback_days": "4"} | attributes
        (self._folder / f"{DATA_SET}.yaml").write_text("".join(f"{name}: {value}\n" for name, value in named.items()))

    def move_to(self, url: str) -> None:
        """Have the data set's rows lie in another database."""
        self._monkeypatch.setenv("URL_OF_THE_SHOP", url)
        self.set(database_url="{env: URL_OF_THE_SHOP}")

    def send(
        self,
        table: str,
        body: str | bytes,
        type_: str = "application/x-ndjson",
        **more: Any,  # noqa: ANN401 - requests' own arguments
    ) -> requests.Response:
        """POST rows."""
        body = body.encode() if isinstance(body, str) else body
        headers = {"Content-Type": type_, **more.pop("headers", {})}
        return self.client.post(self._url(f"rows/{table}"), data=body, headers=headers, timeout=60, **more)

    def delete(self, row: str) -> requests.Response:
        """DELETE a row, `table/id`."""
        return self.client.delete(self._url(f"rows/{row}"), timeout=60)

    def get(self, result: str, accept: str = "application/json", **more: Any) -> requests.Response:  # noqa: ANN401 - the same
        """GET a result; `more` are query parameters, or `headers`."""
        headers = {"Accept": accept, **more.pop("headers", {})}
        return self.client.get(self._url(result), headers=headers, params=more, timeout=60)

    def _url(self, path: str) -> str:
        return f"{self.address}/v1/data-sets/{DATA_SET}/{path}"


@contextmanager
def running_api(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """The server, as long as the context is open. What it writes lies in the folder, which becomes the current one."""
    monkeypatch.chdir(folder)
    files = folder / "data_sets"
    files.mkdir()
    monkeypatch.setenv("ATTRIBUTION_DATA_SETS", str(files))
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "home"))
    app = FastAPI()
    app.state.keys = Keys(Home(folder / "api"))
    add_problem_handlers(app)
    app.include_router(rows.router())
    app.include_router(results.router())
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            api = ApiServer(f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.keys, files, monkeypatch)
            api.set()
            yield api
            api.client.close()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """A server whose data set keeps its rows in its own SQLite file."""
    with running_api(tmp_path, monkeypatch) as server:
        yield server
