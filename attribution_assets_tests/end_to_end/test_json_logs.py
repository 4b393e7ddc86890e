"""Log lines as JSON: of runs by the command, and of runs that Dagster executes from the code location."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attribution_assets_tests.support.command_process import COMMAND
from attribution_assets_tests.support.dagster_ui import running_dagster
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint, status
from attribution_assets_tests.support.shop import Shop

FIELDS = {"time", "level", "message", "run", "job", "asset", "day", "first_day", "last_day", "event", "error"}

Line = dict[str, Any]


@pytest.fixture
def json_shop(shop: Shop) -> Shop:
    """A shop with an order of two sessions, whose runs write JSON lines."""
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "Search", 0.5)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    shop.set(ATTRIBUTION_LOG_FORMAT="json")
    return shop


def run_process(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)  # noqa: S603 - our own


def lines_of(text: str) -> list[Line]:
    """What stderr holds, every line of it."""
    lines: list[Line] = [json.loads(line) for line in text.splitlines()]
    assert all(set(line) <= FIELDS and {"time", "level", "message"} <= set(line) for line in lines)
    return lines


def events(lines: list[Line], event: str) -> list[Line]:
    return [line for line in lines if line.get("event") == event]


def test_a_run_of_the_command_writes_a_json_object_a_line_to_stderr(json_shop: Shop) -> None:
    with IhcEndpoint() as endpoint:
        json_shop.asks(endpoint)
        done = run_process(*COMMAND, "run", "--start-date", "2024-02-26", "--end-date", "2024-02-27")
    assert done.returncode == 0, done.stderr
    lines = lines_of(done.stderr)
    *_, started = events(lines, "PIPELINE_START")[:2]
    assert started["job"] == "attribution"
    assert (started["first_day"], started["last_day"]) == ("2024-02-26", "2024-02-27")
    assert started["level"] == "debug"
    stored = [
        (line["asset"], line["day"]) for line in events(lines, "ASSET_MATERIALIZATION") if line["run"] == started["run"]
    ]
    assert ("ihc_attributions", "2024-02-26") in stored
    assert ("channel_reporting_csv", "2024-02-27") in stored
    checked = {(line["asset"], line["first_day"]) for line in events(lines, "ASSET_CHECK_EVALUATION")}
    assert ("conversions", "2024-02-26") in checked
    progress = [(line["level"], line["message"]) for line in lines if line.keys() == {"time", "level", "message"}]
    plan = "1 journeys with 2 touchpoints to ask for in 1 requests, 0 journeys known from the ledger"
    assert {("info", "sessions 2024-02-26: 1 rows"), ("info", plan)} <= set(progress)
    assert not [line for line in lines if line["level"] in {"warning", "error"}]
    assert "total" in done.stdout


def test_a_failing_run_says_in_the_lines_of_its_step_what_went_wrong_and_never_the_key(json_shop: Shop) -> None:
    with IhcEndpoint([status(403, f"no access with {KEY}")]) as endpoint:
        json_shop.asks(endpoint)
        done = run_process(*COMMAND, "run", "--start-date", "2024-02-26", "--end-date", "2024-02-26")
    assert done.returncode == 1
    lines = lines_of(done.stderr)
    [failed] = events(lines, "STEP_FAILURE")
    assert failed["level"] == "error"
    assert failed["asset"] == "ihc_attributions"
    assert failed["first_day"] == failed["last_day"] == "2024-02-26"
    assert "no access with ***" in failed["error"]
    assert lines[-1].keys() == {"time", "level", "message"}
    assert lines[-1]["level"] == "error"
    assert lines[-1]["message"].startswith("Failed: ihc_attributions: ")
    assert KEY not in done.stdout + done.stderr


def test_a_run_of_the_code_location_without_a_job_writes_them_too(json_shop: Shop) -> None:
    execute = ["-m", "dagster", "asset", "materialize", "-m", "attribution_assets.definitions"]
    (json_shop.folder / "home").mkdir()
    done = run_process(sys.executable, *execute, "--select", "conversions", "--partition", "2024-02-26")
    assert done.returncode == 0, done.stderr
    written = [line for line in done.stderr.splitlines() if line.startswith("{")]
    [stored] = events(lines_of("\n".join(written)), "ASSET_MATERIALIZATION")
    assert stored["asset"] == "conversions"
    assert stored["day"] == "2024-02-26"
    assert stored["job"] == "__ASSET_JOB"
    assert not [line for line in done.stderr.splitlines() if "ASSET_MATERIALIZATION" in line and line[0] != "{"]


def test_a_run_that_the_daemon_starts_writes_them_too(json_shop: Shop) -> None:
    with running_dagster(json_shop) as dagster:
        run = dagster.launch_range("2024-02-26", "2024-02-27", "extraction")
        dagster.wait_for_launched(run)
    written = (json_shop.folder / "code_server.log").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines_of("\n".join(line for line in written if line[0] == "{")) if line["run"] == run]
    stored = sorted((line["asset"], line["day"]) for line in events(lines, "ASSET_MATERIALIZATION"))
    days = ("2024-02-26", "2024-02-27")
    assert stored == [(asset, day) for asset in ("conversions", "sessions", "spend") for day in days]
    [ended] = events(lines, "PIPELINE_SUCCESS")
    assert ended["job"] == "extraction"


def test_another_format_is_refused_by_name(shop: Shop) -> None:
    shop.set(ATTRIBUTION_LOG_FORMAT="xml")
    refused = shop.run("2024-02-26", "2024-02-26")
    assert refused.exit_code == 2
    assert refused.output == "Not possible: ATTRIBUTION_LOG_FORMAT is 'xml': it takes text or json\n"


def test_the_code_location_does_not_load_with_another_format(tmp_path: Path) -> None:
    environment = os.environ | {"ATTRIBUTION_LOG_FORMAT": "xml"}
    load = [sys.executable, "-c", "import attribution_assets.definitions"]
    loaded = subprocess.run(load, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert loaded.stderr.splitlines()[-1] == (
        "attribution_assets.errors.ConfigurationError: ATTRIBUTION_LOG_FORMAT is 'xml': it takes text or json"
    )
