"""When things run: the jobs, and the schedules that request them. Sensors are in `sensors.py`. All are off at first."""

import datetime as dt

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from attribution_assets.partitions import first_and_last_partition, windows
from attribution_assets.settings import daily_hour

attribution_job = dg.define_asset_job(
    "attribution",
    selection=dg.AssetSelection.groups("attribution"),
    description="All assets of a day or of a range of days, with their checks",
)

extraction_job = dg.define_asset_job(
    "extraction",
    selection=dg.AssetSelection.assets("sessions", "conversions"),
    description="Reads days of the source again; what has changed makes stale what was made from it",
)

daily_schedule = dg.build_schedule_from_partitioned_job(
    attribution_job,
    name="daily",
    hour_of_day=daily_hour(),
    description="All assets of yesterday; the sensor restatement then brings the reports of the days before up to date",
)


@dg.schedule(
    job=extraction_job,
    name="weekly_check_up",
    cron_schedule=f"30 {daily_hour()} * * 1",
    execution_timezone="UTC",
    description="Reads the days of the last lookback window again, whatever their fingerprints say",
)
def weekly_check_up(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run over the days of the lookback window."""
    first, last = first_and_last_partition()
    start = max(first, last - dt.timedelta(days=windows.lookback_days))
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}", tags=range_tags(start, last))


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags by which Dagster runs the days from `first` to `last` in one run."""
    return {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
