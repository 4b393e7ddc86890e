"""The exporter of metrics: what it exports after real runs, and what it does where something cannot be read or used."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from socket import socket

import pytest

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets_tests.support.command_process import COMMAND
from attribution_assets_tests.support.exporter import Exporter, Samples, running_exporter, value
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint, status
from attribution_assets_tests.support.shop import Shop

PROMTOOL = shutil.which("promtool")


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop after a run over its week that met a fault, and before a day that nobody has asked for."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        IhcEndpoint([status(503)], refused=["o2"]) as endpoint,
    ):
        shop = Shop(tmp_path_factory.mktemp("week"), monkeypatch)
        shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
        shop.session("s2", "ann", "2024-02-26 10:00:00", "Search", 0.5)
        shop.session("s3", "ben", "2024-02-26 11:00:00", "Search")
        shop.session("s4", "ben", "2024-02-28 11:00:00", "Search")
        shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
        shop.order("o2", "ben", "2024-02-27 09:00:00", 30.0)
        shop.asks(endpoint)
        result = shop.run("2024-02-20", "2024-02-27")
        assert result.exit_code == 0, result.output
        yield shop


@pytest.fixture(scope="module")
def exporter(week: Shop) -> Iterator[Exporter]:
    assert week.folder.exists()
    with running_exporter() as exporter:
        yield exporter


@pytest.fixture
def samples(exporter: Exporter) -> Samples:
    return exporter.samples()


def test_a_run_over_a_week_is_exported_by_what_it_did(samples: Samples) -> None:
    assert value(samples, "attribution_runs_total", dagster_job="attribution", status="success") == 1
    assert value(samples, "attribution_runs_total", dagster_job="attribution", status="failure") == 0
    assert value(samples, "attribution_run_duration_seconds_count", dagster_job="attribution") == 1
    assert value(samples, "attribution_run_duration_seconds_bucket", dagster_job="attribution", le="+Inf") == 1
    assert value(samples, "attribution_step_duration_seconds_count", step="journeys") == 1
    assert value(samples, "attribution_step_failures_total", step="journeys") == 0
    check = {"asset": "sessions", "check": "matches_schema"}
    assert value(samples, "attribution_check_evaluations_total", **check, result="passed") == 1
    assert value(samples, "attribution_check_problem_partitions", **check, result="failed") == 0
    assert value(samples, "attribution_api_requests_total", status="503") == 1
    assert value(samples, "attribution_api_requests_total", status="200") >= 1
    assert value(samples, "attribution_api_retries_total") >= 1
    assert value(samples, "attribution_journeys_total", answered_by="api") == 2
    assert value(samples, "attribution_ledger_answers") == 2


def test_days_are_exported_by_how_they_are_and_what_they_hold(samples: Samples) -> None:
    assert value(samples, "attribution_stored_partitions", asset="sessions") == 8
    assert value(samples, "attribution_missing_partitions", asset="sessions") == 1
    assert value(samples, "attribution_stale_partitions", asset="journeys") == 0
    assert value(samples, "attribution_blocked_partitions", asset="journeys") == 0
    assert value(samples, "attribution_provisional_partitions") == 4
    assert value(samples, "attribution_day_rows", asset="sessions", day="2024-02-26") == 2
    assert value(samples, "attribution_day_orders", day="2024-02-27", outcome="refused") == 1
    assert value(samples, "attribution_day_orders", day="2024-02-26", outcome="attributed") == 1


def test_days_are_exported_for_the_latest_lookback_window_only(samples: Samples) -> None:
    days = {dict(labels)["day"] for _, labels in samples if "day" in dict(labels)}
    assert days == {"2024-02-23", "2024-02-24", "2024-02-25", "2024-02-26", "2024-02-27"}
    per_day = [labels for name, labels in samples if name == "attribution_day_materialized_timestamp_seconds"]
    assert len(per_day) == len(always_in_use()) * len(days)


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed")
def test_promtool_finds_nothing_to_object_to(exporter: Exporter) -> None:
    checked = subprocess.run(  # noqa: S603 - Prometheus' own
        [str(PROMTOOL), "check", "metrics"], input=exporter.text(), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_only_this_machine_is_answered(exporter: Exporter) -> None:
    with closing(socket()) as probe:
        assert probe.connect_ex(("127.0.0.2", exporter.port)) != 0


def test_the_key_is_not_exported(exporter: Exporter) -> None:
    assert KEY not in exporter.text()


def test_what_cannot_be_read_is_left_out_and_told_of_and_the_rest_is_exported(exporter: Exporter, week: Shop) -> None:
    elsewhere = week.database.with_name("elsewhere.db")
    week.database.rename(elsewhere)
    without = exporter.samples()
    elsewhere.rename(week.database)
    assert value(without, "attribution_exporter_source_up", source="ledger") == 0
    assert value(without, "attribution_exporter_source_up", source="days") == 0
    assert value(without, "attribution_exporter_source_up", source="history") == 1
    assert ("attribution_ledger_answers", frozenset()) not in without
    assert value(without, "attribution_runs_total", dagster_job="attribution", status="success") == 1
    again = exporter.samples()
    assert value(again, "attribution_exporter_source_up", source="ledger") == 1
    assert value(again, "attribution_exporter_errors_total", source="ledger") == 1
    assert value(again, "attribution_ledger_answers") == 2


def test_a_port_that_is_taken_is_told_of_in_a_line(exporter: Exporter) -> None:
    second = subprocess.run(  # noqa: S603 - our own
        [*COMMAND, "metrics", "--port", str(exporter.port)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert second.stderr == "Failed: [Errno 98] Address already in use\n"


def test_it_ends_when_it_is_told_to_as_the_first_process_of_a_container_too(week: Shop) -> None:
    assert week.folder.exists()
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as it is for the first process, and for the child of this
    try:
        with running_exporter() as exporter:
            exporter.process.terminate()
            assert exporter.process.wait(30) == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_without_its_package_the_command_says_what_to_install(week: Shop) -> None:
    assert week.folder.exists()
    without = (
        "import sys; sys.modules['prometheus_client'] = None; from attribution_assets.command.cli import app; app()"
    )
    refused = subprocess.run([sys.executable, "-c", without, "metrics"], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert refused.returncode == 2
    assert refused.stderr == "Not possible: metrics needs a package: pip install 'attribution-assets[metrics]'\n"
