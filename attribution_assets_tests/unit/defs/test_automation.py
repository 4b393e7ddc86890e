"""When things run by themselves: nothing at first, and what the schedules request once they are turned on."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import dagster as dg
import pandas as pd
import pytest

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.automation.jobs import range_tags
from attribution_assets.defs.automation.schedules import daily_run, schedules
from attribution_assets.errors import ConfigurationError
from attribution_assets.resources import Storage, resources_of
from attribution_assets.resources.calendar import first_and_last_partition
from attribution_assets.settings import Settings


def test_schedules_and_sensors_are_off_until_somebody_turns_them_on() -> None:
    repository = build_definitions().get_repository_def()
    states = {each.name: each.default_status.value for each in (*repository.schedule_defs, *repository.sensor_defs)}
    assert states == dict.fromkeys(
        ["daily", "weekly_check_up", "restatement", "late_data", "freshness", "failed_runs", "api_operations"],
        "STOPPED",
    )


def daily_tick(day: dt.date) -> dg.RunRequest | str:
    """What the daily schedule requests on a day at five, or why nothing; the data ends on 2024-03-20."""
    settings = replace(Settings.from_environment(), last_day=dt.date(2024, 3, 20))
    definitions = build_definitions(settings)
    schedule = definitions.resolve_schedule_def("daily")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "UTC")
    assert schedule.job_name == "attribution"
    context = dg.build_schedule_context(
        scheduled_execution_time=dt.datetime.combine(day, dt.time(5), dt.UTC),
        resources={"rules": resources_of(settings).rules},
        repository_def=definitions.get_repository_def(),
    )
    tick = schedule.evaluate_tick(context)
    return tick.run_requests[0] if tick.run_requests else str(tick.skip_message)


def test_the_daily_schedule_requests_all_assets_of_yesterday_at_five() -> None:
    request = daily_tick(dt.date(2024, 3, 10))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2024-03-09"
    assert request.tags["days"] == "2024-03-09"


def test_the_daily_schedule_requests_nothing_of_days_outside_the_calendar() -> None:
    assert isinstance(daily_tick(dt.date(2024, 3, 21)), dg.RunRequest)
    for day in (dt.date(2024, 2, 20), dt.date(2024, 3, 22)):
        yesterday = day - dt.timedelta(days=1)
        assert daily_tick(day) == (
            f"{yesterday} is not one of the days: see ATTRIBUTION_START_DATE, ATTRIBUTION_END_DATE."
        )


def test_the_daily_schedule_of_a_named_data_set_names_its_attributes() -> None:
    rules = resources_of(replace(Settings.from_environment(), data_set="shop_de")).rules
    context = dg.build_schedule_context(scheduled_execution_time=dt.datetime(1999, 1, 2, 5, tzinfo=dt.UTC))
    request = daily_run(context, rules)
    assert isinstance(request, dg.SkipReason)
    assert request.skip_message == (
        "1999-01-01 is not one of the days: see start_date of the data set shop_de, end_date."
    )


MONDAY = dt.datetime(2024, 3, 11, 5, 30, tzinfo=dt.UTC)


def weekly_requests(storage: AssetStorage) -> list[dg.RunRequest] | dg.SkipReason:
    """What the weekly check-up requests with these tables."""
    rules = resources_of(Settings.from_environment()).rules
    root = str(storage._root)  # noqa: SLF001  # its folder, as a setting
    context = dg.build_schedule_context(
        scheduled_execution_time=MONDAY, resources={"storage": Storage(root=root), "rules": rules}
    )
    _, weekly = schedules(Settings.from_environment())
    result: list[dg.RunRequest] | dg.SkipReason = weekly(context)
    return result


def test_the_weekly_check_up_reads_the_lookback_window_again_as_far_as_it_is_in_use(
    storage: AssetStorage, table: Callable[..., pd.DataFrame]
) -> None:
    _, weekly = schedules(Settings.from_environment())
    assert (weekly.cron_schedule, weekly.job_name) == ("30 5 * * 1", "extraction")
    last = first_and_last_partition(dt.date(2024, 2, 20))[1]
    for asset, days in {"sessions": (5, 3, 0), "conversions": (1, 0)}.items():
        for ago in days:
            storage.write(asset, DayTable(last - dt.timedelta(days=ago), table(asset), {}))
    sessions, conversions = weekly_requests(storage)
    assert (sessions.run_key, conversions.run_key) == ("sessions 2024-03-11", "conversions 2024-03-11")
    assert sessions.tags == range_tags(last - dt.timedelta(days=3), last)
    assert conversions.tags == range_tags(last - dt.timedelta(days=1), last)
    assert sessions.asset_selection == [dg.AssetKey("sessions")]
    assert {(key.asset_key.to_user_string(), key.name) for key in sessions.asset_check_keys or []} == {
        ("sessions", "matches_schema"),
        ("sessions", "rows_are_usable"),
    }


def test_the_weekly_check_up_of_what_was_never_read_requests_nothing(storage: AssetStorage) -> None:
    skipped = weekly_requests(storage)
    assert isinstance(skipped, dg.SkipReason)
    assert (skipped.skip_message or "").startswith("Nothing was ever read of ")


@pytest.mark.parametrize(("text", "hour"), [("", 5), ("0", 0), ("23", 23), ("07", 7)])
def test_the_hour_of_the_daily_schedule_is_as_set(monkeypatch: pytest.MonkeyPatch, text: str, hour: int) -> None:
    monkeypatch.setenv("ATTRIBUTION_DAILY_HOUR", text)
    assert Settings.from_environment().daily_hour == hour


@pytest.mark.parametrize("text", ["24", "-1", "5.5", "five", " 5", "5h"])
def test_an_hour_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ATTRIBUTION_DAILY_HOUR", text)
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment()
    assert str(raised.value) == f"ATTRIBUTION_DAILY_HOUR is {text!r}: it takes a whole number from 0 to 23"


@pytest.mark.parametrize(("text", "share"), [("", 0.01), ("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001)])
def test_the_share_of_rows_that_may_be_rejected_is_as_set(
    monkeypatch: pytest.MonkeyPatch, text: str, share: float
) -> None:
    monkeypatch.setenv("ATTRIBUTION_MAX_REJECTED_SHARE", text)
    assert Settings.from_environment().max_rejected_share == share


@pytest.mark.parametrize("text", ["1.01", "-0.1", "1%", "nan", "inf", "few"])
def test_a_share_that_there_is_not_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ATTRIBUTION_MAX_REJECTED_SHARE", text)
    with pytest.raises(ConfigurationError) as raised:
        resources_of(Settings.from_environment())
    assert str(raised.value) == f"ATTRIBUTION_MAX_REJECTED_SHARE is {text!r}: it takes a number from 0 to 1"


def test_a_key_in_the_address_is_not_in_what_says_who_attributed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IHC_API_URL", "https://api.test/v1/compute_ihc?key=k3y")
    monkeypatch.setenv("IHC_API_KEY", "k3y")
    account = resources_of(Settings.from_environment()).ihc_api
    assert account.answered_by == "https://api.test/v1/compute_ihc?key=***"
