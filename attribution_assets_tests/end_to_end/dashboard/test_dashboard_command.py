"""The command `dashboard` as a process of its own after real runs: the pipeline's health, and what it leaves alone."""

import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest

from attribution_assets_tests.support.command_process import COMMAND
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint, status
from attribution_assets_tests.support.ports import free_port
from attribution_assets_tests.support.shop import Shop

START_SECONDS = 180


@contextmanager
def dashboard(end: signal.Signals = signal.SIGINT) -> Iterator[str]:
    """The address of a running `attribution-assets dashboard`, which ends with exit code 0 when it gets a signal."""
    port = free_port()
    process = subprocess.Popen([*COMMAND, "dashboard", "--port", str(port)], stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{address}/static/icon.svg").close()  # noqa: S310 - loopback
                break
            except urllib.error.URLError:
                time.sleep(0.2)
        yield address
    finally:
        process.send_signal(end)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said


def page(address: str) -> str:
    """A page as it is sent."""
    with urllib.request.urlopen(address) as answer:  # noqa: S310 - loopback
        sent: str = answer.read().decode()
    assert KEY not in sent
    return sent


def text(address: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page(address))).split())


def files(folder: Path) -> dict[Path, bytes]:
    """What lies in a folder, without what a reader of SQLite leaves beside its file."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix[-4:] not in {"-shm", "-wal"}
    }


def a_few_days(shop: Shop) -> None:
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "Search", 0.5)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)


def test_the_health_page_tells_of_runs_days_and_requests_and_nothing_is_written(shop: Shop) -> None:
    a_few_days(shop)
    with IhcEndpoint([status(503)]) as endpoint:
        shop.asks(endpoint)
        assert shop.run("2024-02-24", "2024-02-26").exit_code == 0
    before = files(shop.folder)
    with dashboard() as address:
        health = text(f"{address}/health")
        overview = text(address)
        assert "Display > Search 2 1 90.00" in text(f"{address}/journeys")
    assert f"Attributed by {endpoint.url}." in overview
    assert "Display +28.00 2.00 0.33 30.00 6.00 15.00" in overview
    assert "Nothing is missing, stale or failed." in health
    assert "Requests to the IHC API: 2, of which 1 failed and 1 were retries" in health
    assert "200 1 503 1" in health
    assert "The ledger keeps the API's answers on 1 journeys." in health
    assert "Provisional, as orders still to come can change them: 2024-02-24 to 2024-02-26." in health
    assert files(shop.folder) == before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_what_it_has_made_of_chosen_orders_is_deleted_when_it_ends(
    shop: Shop, tmp_path: Path, end: signal.Signals
) -> None:
    a_few_days(shop)
    assert shop.run("2024-02-24", "2024-02-26").exit_code == 0
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shop.set(TMPDIR=str(temporary), ATTRIBUTION_ORDER_DIMENSIONS="market")
    with dashboard(end) as address:
        assert "Only orders with market" in text(f"{address}/?order.market=(none)")
        assert len([*temporary.rglob("*.parquet")]) > 0
    assert [*temporary.glob("attribution-page-*")] == []


def test_a_failed_run_and_what_cannot_be_read_are_told(shop: Shop) -> None:
    a_few_days(shop)
    with IhcEndpoint([status(401)]) as endpoint:
        shop.asks(endpoint)
        assert shop.run("2024-02-24", "2024-02-26").exit_code == 1
    shop.set(ATTRIBUTION_WEBSERVER_URL="http://dagster.test:3000")
    with dashboard() as address:
        health = text(f"{address}/health")
        assert "Failed runs of whose days some have not been made since: 1. When the cause is gone, run" in health
        assert "ihc_attributions: the IHC API answered 401" in health
        assert 'href="http://dagster.test:3000/runs/' in page(f"{address}/health")
        assert "There are no reports yet" in text(address)
        shop.database.write_bytes(b"no database")
        health = text(f"{address}/health")
    assert "The ledger cannot be read:" in health
    assert "Latest runs" in health
