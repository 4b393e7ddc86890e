"""When things run: the jobs, and the schedules that request them. Sensors are in `sensors.py`. All are off at first."""

import datetime as dt
from collections.abc import Mapping

import dagster as dg

from attribution_assets.attribution.freshness.lineage import SOURCE_ASSETS
from attribution_assets.attribution.freshness.staleness import Stage
from attribution_assets.defs.assets import attribution as assets
from attribution_assets.defs.assets import comparison as comparison_assets
from attribution_assets.defs.checks import attribution as asset_checks
from attribution_assets.defs.checks import comparison as comparison_checks
from attribution_assets.defs.partitions import first_and_last_partition, windows
from attribution_assets.defs.resources import Storage
from attribution_assets.instance.runs import ATTRIBUTION_JOB, EXTRACTION_JOB, RANGE_END_TAG, RANGE_START_TAG
from attribution_assets.settings import daily_hour

CHECKS = [
    key for check in dg.load_asset_checks_from_modules([asset_checks, comparison_checks]) for key in check.check_keys
]

attribution_job = dg.define_asset_job(
    ATTRIBUTION_JOB,
    selection=dg.AssetSelection.groups(assets.GROUP, comparison_assets.GROUP),
    description="All assets of a day or of a range of days, with their checks",
)

extraction_job = dg.define_asset_job(
    EXTRACTION_JOB,
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
def weekly_check_up(context: dg.ScheduleEvaluationContext, storage: Storage) -> list[dg.RunRequest] | dg.SkipReason:
    """The last lookback window, as far as it is in use, of both tables: a run each."""
    _, last = first_and_last_partition()
    start, tables = last - dt.timedelta(days=windows.lookback_days), storage.tables()
    in_use = {asset: [day for day in tables.stored_days(asset) if start <= day <= last] for asset in SOURCE_ASSETS}
    if not any(in_use.values()):
        return dg.SkipReason(f"Nothing was ever read of {start}..{last}.")
    week = f"{context.scheduled_execution_time:%Y-%m-%d}"
    return [stage_request(Stage([asset], days[0], last), f"{asset} {week}") for asset, days in in_use.items() if days]


def stage_request(stage: Stage, run_key: str, tags: Mapping[str, str] | None = None) -> dg.RunRequest:
    """A run of a stage's assets over its days, with their checks and no others."""
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[dg.AssetKey(asset) for asset in stage.assets],
        asset_check_keys=[check for check in CHECKS if check.asset_key.to_user_string() in stage.assets],
        tags={**range_tags(stage.first, stage.last), **(tags or {})},
    )


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags by which Dagster runs the days from `first` to `last` in one run."""
    return {RANGE_START_TAG: str(first), RANGE_END_TAG: str(last)}
