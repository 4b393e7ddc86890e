"""The API for one data set of a test: its rows and its results."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from attribution_assets.api.keys import Scope
from attribution_assets.data_sets import data_sets
from attribution_assets.settings import Settings
from attribution_assets_tests.support.api_server import new_key, running_api

DATA_SET = "shop_de"


class ApiServer:
    """A running server with one data set, and a client of it that has a key.

    Args:
        address: Where it listens.
        client: What calls it, with a key.
        folder: The folder of the data sets' files.
        monkeypatch: Sets environment variables.
    """

    def __init__(self, address: str, client: requests.Session, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = client
        self._address, self._folder, self._monkeypatch = address, folder, monkeypatch

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
        return f"{self._address}/v1/data-sets/{DATA_SET}/{path}"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """The API with a data set that keeps its rows in its own SQLite file; all lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    files = tmp_path / "data_sets"
    files.mkdir()
    monkeypatch.setenv("ATTRIBUTION_DATA_SETS", str(files))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with running_api() as address, requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {new_key('tests', *Scope)}"
        server = ApiServer(address, client, files, monkeypatch)
        server.set()
        yield server
