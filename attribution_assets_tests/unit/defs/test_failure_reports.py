"""Failed runs are reported in the log, and by e-mail or in Slack where these are set up."""

import sys
from importlib.util import find_spec

import pytest

from attribution_assets.definitions import build_definitions
from attribution_assets.defs.automation.failure_reports import failure_reports
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import FailureReports

EMAIL = {
    "ATTRIBUTION_EMAIL_TO": "ann@shop.example, ben@shop.example",
    "ATTRIBUTION_EMAIL_FROM": "reports@shop.example",
    "ATTRIBUTION_EMAIL_PASSWORD": "s3cret-mail",
    "ATTRIBUTION_SMTP_HOST": "smtp.shop.example",
}
SLACK = {"ATTRIBUTION_SLACK_CHANNEL": "#reports", "ATTRIBUTION_SLACK_TOKEN": "xoxb-s3cret"}


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_address_of_the_ui_is_one_of_a_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_WEBSERVER_URL", "https://dagster.shop.example")
    assert FailureReports.from_environment().webserver_url == "https://dagster.shop.example"
    monkeypatch.setenv("ATTRIBUTION_WEBSERVER_URL", "dagster.shop.example")
    with pytest.raises(ConfigurationError, match="ATTRIBUTION_WEBSERVER_URL has to begin with http:// or https://"):
        failure_reports()


def test_by_default_failures_are_reported_in_the_log_alone() -> None:
    assert FailureReports.from_environment() == FailureReports()
    assert [sensor.name for sensor in failure_reports()] == ["failed_runs"]


def test_with_email_set_up_there_is_one_sensor_more(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, EMAIL)
    assert FailureReports.from_environment() == FailureReports(
        email_to=("ann@shop.example", "ben@shop.example"),
        email_from="reports@shop.example",
        email_password="s3cret-mail",  # noqa: S106  # made up
        smtp_host="smtp.shop.example",
    )
    assert [sensor.name for sensor in failure_reports()] == ["failed_runs", "failed_runs_by_email"]
    sensors = build_definitions().sensors or []
    assert {sensor.name for sensor in sensors} == {
        "restatement",
        "late_data",
        "freshness",
        "failed_runs",
        "failed_runs_by_email",
        "api_operations",
    }


def test_slack_without_its_package_is_refused_with_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, SLACK)
    monkeypatch.setitem(sys.modules, "dagster_slack", None)  # as if it were not installed
    with pytest.raises(ConfigurationError) as raised:
        failure_reports()
    assert str(raised.value) == (
        "ATTRIBUTION_SLACK_CHANNEL needs the package dagster-slack: pip install 'attribution-assets[slack]'"
    )


@pytest.mark.skipif(find_spec("dagster_slack") is None, reason="dagster-slack is not installed")
def test_with_slack_set_up_there_is_one_sensor_more(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, SLACK | EMAIL)
    assert [sensor.name for sensor in failure_reports()] == [
        "failed_runs",
        "failed_runs_by_email",
        "failed_runs_in_slack",
    ]


@pytest.mark.parametrize("group", [EMAIL, SLACK], ids=["email", "slack"])
def test_what_is_missing_of_settings_that_go_together_is_named(
    monkeypatch: pytest.MonkeyPatch, group: dict[str, str]
) -> None:
    first, *others = group
    monkeypatch.setenv(first, group[first])
    monkeypatch.setenv(others[-1], "")
    with pytest.raises(ConfigurationError) as raised:
        failure_reports()
    assert str(raised.value) == f"{', '.join(others)} must be set too, as {', '.join(group)} go together"


def test_no_secret_is_in_what_the_settings_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, EMAIL | SLACK)
    shown = repr(FailureReports.from_environment())
    assert "reports@shop.example" in shown
    assert "s3cret" not in shown
