"""A server that is killed while rows come in has stored all rows of an upload or none, and leaves no file behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from attribution_assets_tests.support.api_server import ApiClient, ApiCommand, new_key
from attribution_assets_tests.support.databases import rows_of

ROWS = "/v1/data-sets/shop_de/rows/costs"
CSV = {"Content-Type": "text/csv"}
SENT = 30_000
LINES = ["session_id,cost\n", *(f"s{number},{number}\n" for number in range(SENT))]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiCommand]:
    """The command `api` without its workers, whose temporary files have a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    command = ApiCommand(tmp_path, "--no-workers")
    try:
        command.start()
        yield command
    finally:
        command.end()


def killed_after(api: ApiCommand, lines: int) -> Iterator[bytes]:
    """The body; the server is killed once so many lines of it have been sent."""
    for number in range(0, len(LINES), 1_000):
        if number >= lines:
            api.kill()
        yield "".join(LINES[number : number + 1_000]).encode()


@pytest.mark.parametrize("lines", [1, 15_000])
def test_an_upload_that_a_kill_breaks_off_has_stored_nothing_and_can_be_sent_again(api: ApiCommand, lines: int) -> None:
    client = ApiClient(api.url, new_key("admin", "admin"))
    assert client.post("/v1/data-sets", {"name": "shop_de"}).status_code == 201
    assert client.call("POST", ROWS, data="session_id,cost\ns0,5\n", headers=CSV).json()["stored"] == 1
    with pytest.raises(requests.ConnectionError):
        client.call("POST", ROWS, data=killed_after(api, lines), headers=CSV)
    assert rows_of("sqlite:///data/data_sets/shop_de.db", "session_costs") == [("s0", 5.0)]
    assert list(Path("temporary").iterdir()) == []
    api.start()
    again = [client.call("POST", ROWS, data="".join(LINES), headers=CSV).json() for _ in range(2)]
    assert [(each["stored"], each["unchanged"]) for each in again] == [(SENT, 0), (0, SENT)]
    assert len(rows_of("sqlite:///data/data_sets/shop_de.db", "session_costs")) == SENT
