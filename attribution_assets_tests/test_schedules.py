"""What the schedules request when their time has come."""

import datetime as dt

import dagster as dg
import pytest
from whole_shop import LOOKBACK_DAYS

from attribution_assets.automation import range_tags
from attribution_assets.definitions import defs
from attribution_assets.partitions import first_and_last_partition

MONDAY = dt.datetime(2024, 3, 11, 5, 0, tzinfo=dt.UTC)


def schedule(name: str) -> dg.ScheduleDefinition:
    return defs.get_repository_def().get_schedule_def(name)


def requested_by(name: str) -> dg.RunRequest:
    """The one run that the schedule requests on a Monday."""
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(instance, MONDAY, repository_def=defs.get_repository_def()) as context,
    ):
        (request,) = schedule(name).evaluate_tick(context).run_requests or []
    return request


@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for:DeprecationWarning")  # Dagster itself
def test_the_daily_schedule_requests_all_assets_of_yesterday() -> None:
    daily = schedule("daily")
    assert (daily.job_name, daily.cron_schedule, daily.execution_timezone) == ("attribution", "0 5 * * *", "UTC")
    request = requested_by("daily")
    assert (request.partition_key, request.asset_selection) == ("2024-03-10", None)


def test_the_weekly_check_up_reads_the_last_lookback_window_again_in_one_run() -> None:
    weekly = schedule("weekly_check_up")
    assert (weekly.job_name, weekly.cron_schedule, weekly.execution_timezone) == ("extraction", "30 5 * * 1", "UTC")
    before = first_and_last_partition()[1]
    request = requested_by("weekly_check_up")
    last = dt.date.fromisoformat(request.tags["dagster/asset_partition_range_end"])
    assert before <= last <= first_and_last_partition()[1]  # equal, but for a run of this test at midnight
    assert range_tags(last - dt.timedelta(days=LOOKBACK_DAYS), last).items() <= request.tags.items()
    assert (request.run_key, request.partition_key, request.asset_selection) == ("2024-03-11", None, None)
