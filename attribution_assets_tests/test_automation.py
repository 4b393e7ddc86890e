"""When things run by themselves: nothing at first, and what the schedules request once they are turned on."""

import datetime as dt

import dagster as dg
import pytest

from attribution_assets.automation import range_tags, weekly_check_up
from attribution_assets.definitions import build_definitions
from attribution_assets.errors import ConfigurationError
from attribution_assets.partitions import first_and_last_partition
from attribution_assets.resources import daily_hour, from_environment, max_rejected_share


def test_schedules_and_sensors_are_off_until_somebody_turns_them_on() -> None:
    repository = build_definitions().get_repository_def()
    states = {each.name: each.default_status.value for each in (*repository.schedule_defs, *repository.sensor_defs)}
    assert states == dict.fromkeys(["daily", "weekly_check_up", "restatement", "late_data", "failed_runs"], "STOPPED")


@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for_partition`:DeprecationWarning")  # its own
def test_the_daily_schedule_requests_all_assets_of_yesterday_at_five() -> None:
    schedule = build_definitions().resolve_schedule_def("daily")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "UTC")
    context = dg.build_schedule_context(scheduled_execution_time=dt.datetime(2024, 3, 10, 5, tzinfo=dt.UTC))
    tick = schedule.evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests or []] == ["2024-03-09"]
    assert schedule.job_name == "attribution"


def test_the_weekly_check_up_reads_the_days_of_the_lookback_window_again() -> None:
    assert (weekly_check_up.cron_schedule, weekly_check_up.job_name) == ("30 5 * * 1", "extraction")
    before = first_and_last_partition()[1]
    request = weekly_check_up(
        dg.build_schedule_context(scheduled_execution_time=dt.datetime(2024, 3, 11, 5, 30, tzinfo=dt.UTC))
    )
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "2024-03-11"
    assert request.tags in [
        range_tags(last - dt.timedelta(days=4), last) for last in (before, first_and_last_partition()[1])
    ]


@pytest.mark.parametrize(("text", "hour"), [("", 5), ("0", 0), ("23", 23), ("07", 7)])
def test_the_hour_of_the_daily_schedule_is_as_set(monkeypatch: pytest.MonkeyPatch, text: str, hour: int) -> None:
    monkeypatch.setenv("ATTRIBUTION_DAILY_HOUR", text)
    assert daily_hour() == hour


@pytest.mark.parametrize("text", ["24", "-1", "5.5", "five", " 5", "5h"])
def test_an_hour_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ATTRIBUTION_DAILY_HOUR", text)
    with pytest.raises(ConfigurationError) as raised:
        daily_hour()
    assert str(raised.value) == f"ATTRIBUTION_DAILY_HOUR is {text!r}: it takes a whole number from 0 to 23"


@pytest.mark.parametrize(("text", "share"), [("", 0.01), ("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001)])
def test_the_share_of_rows_that_may_be_rejected_is_as_set(
    monkeypatch: pytest.MonkeyPatch, text: str, share: float
) -> None:
    monkeypatch.setenv("ATTRIBUTION_MAX_REJECTED_SHARE", text)
    assert max_rejected_share() == share


@pytest.mark.parametrize("text", ["1.01", "-0.1", "1%", "nan", "inf", "few"])
def test_a_share_that_there_is_not_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ATTRIBUTION_MAX_REJECTED_SHARE", text)
    with pytest.raises(ConfigurationError) as raised:
        from_environment(references=False)
    assert str(raised.value) == f"ATTRIBUTION_MAX_REJECTED_SHARE is {text!r}: it takes a number from 0 to 1"
