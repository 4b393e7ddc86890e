"""A client that openapi-python-client generates from the kept schema comes from nothing to a report, as the README."""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from attribution_assets.api.schema import KEPT
from attribution_assets_tests.support.api_server import ENDED, OPERATION_SECONDS, ApiCommand, new_key
from attribution_assets_tests.support.waiting import wait_until

PACKAGE = "generated_client"
FLAGS = {"holder_engagement": 1, "closer_engagement": 1, "impression_interaction": 0}
SESSIONS = [
    {"session_id": "s1", "user_id": "ann", "timestamp": "2024-02-03T09:00:00Z", "channel_name": "Search", **FLAGS},
    {"session_id": "s2", "user_id": "ann", "timestamp": "2024-02-04T09:00:00Z", "channel_name": "Display", **FLAGS},
]
CONVERSIONS = [{"conv_id": "o1", "user_id": "ann", "timestamp": "2024-02-04T12:00:00Z", "revenue": 80}]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the command `api` in an empty folder, with the embedded IHC service."""
    monkeypatch.chdir(tmp_path)
    command = ApiCommand(tmp_path)
    try:
        command.start()
        yield command.url
    finally:
        command.end()


@pytest.fixture
def call(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """`call("tag.operation", ...)`: what the operation of the generated client answers."""
    config = Path("config.yaml")
    config.write_text(f"package_name_override: {PACKAGE}\npost_hooks: []\n")
    generator = str(Path(sys.executable).with_name("openapi-python-client"))
    options = ["--path", str(KEPT), "--config", str(config), "--meta", "none", "--output-path", PACKAGE]
    subprocess.run([generator, "generate", *options], check=True, capture_output=True)  # noqa: S603 - a tool of the tests
    monkeypatch.syspath_prepend(str(tmp_path))
    made = import_module(PACKAGE).AuthenticatedClient(url, new_key("me", "admin"), raise_on_unexpected_status=True)
    with made as client:
        yield lambda operation, *args, **named: import_module(f"{PACKAGE}.api.{operation}").sync(
            *args, client=client, **named
        )


@pytest.mark.slow
def test_the_generated_client_comes_from_nothing_to_a_report(call: Callable[..., Any]) -> None:
    models = import_module(f"{PACKAGE}.models")
    new = models.NewDataSet(name="shop_de", start_date=dt.date(2024, 2, 1), end_date=dt.date(2024, 2, 29))
    assert call("data_sets.create_data_set", body=new).name == "shop_de"
    assert call("data_sets.create_data_set", body=new).type_ == "/docs#data-set-exists"
    for table, rows in (("sessions", SESSIONS), ("conversions", CONVERSIONS)):
        body = [models.PutRowsJsonBodyItem.from_dict(row) for row in rows]
        taken = call("rows_in.put_rows", "shop_de", models.PutRowsTable(table), body=body)
        assert (taken.stored, taken.rejected) == (len(rows), [])
    operation = call("operations.create_operation", "shop_de", body=models.Attribute(kind="attribute"))
    shown = lambda: call("operations.get_operation", operation.id)  # noqa: E731 - what is waited for
    wait_until(lambda: str(shown().state) in ENDED, OPERATION_SECONDS, lambda: str(shown()))
    assert (str(shown().state), shown().error) == ("succeeded", None)
    days = {"first_day": dt.date(2024, 2, 1), "last_day": dt.date(2024, 2, 29)}
    report = call("results_out.report", "shop_de", **days)
    assert [(row.date, row.channel_name) for row in report.data] == [
        ("2024-02-03", "Search"),
        ("2024-02-04", "Display"),
    ]
    assert sum(row.ihc_revenue for row in report.data) == pytest.approx(80)
    assert report.next_ is None
