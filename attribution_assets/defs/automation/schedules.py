"""The schedules, all off at first: when the jobs run. Sensors are in `sensors`."""

import datetime as dt
from typing import Any

import dagster as dg

from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.defs.automation.jobs import jobs, stage_request
from attribution_assets.defs.resource_names import with_resources_of
from attribution_assets.defs.resources import ReportingRules, Storage
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import days_tag
from attribution_assets.resources.calendar import first_and_last_partition
from attribution_assets.settings import Settings


def schedules(settings: Settings) -> list[Any]:  # the type of a schedule of an asset job is private to Dagster
    """The schedules at the hour of the settings."""
    names = DataSetNames(settings.data_set)
    attribution, extraction = jobs(names)
    daily = dg.schedule(
        job=attribution,
        name=names.of("daily"),
        cron_schedule=f"0 {settings.daily_hour} * * *",
        execution_timezone="UTC",
        description=(
            "All assets of yesterday; the sensor restatement then brings the reports of the days before up to date"
        ),
    )
    weekly = dg.schedule(
        job=extraction,
        name=names.of("weekly_check_up"),
        cron_schedule=f"30 {settings.daily_hour} * * 1",
        execution_timezone="UTC",
        description="Reads the days of the last lookback window again, whatever their fingerprints say",
    )
    return [daily(with_resources_of(daily_run, names)), weekly(with_resources_of(weekly_check_up, names))]


def daily_run(context: dg.ScheduleEvaluationContext, rules: ReportingRules) -> dg.RunRequest | dg.SkipReason:
    """The day before the scheduled time, unless the data has ended before."""
    yesterday, windows = context.scheduled_execution_time.date() - dt.timedelta(days=1), rules.windows
    if yesterday < windows.first_day or (windows.last_day and yesterday > windows.last_day):
        why = f"{yesterday} is not one of the days: see ATTRIBUTION_START_DATE, ATTRIBUTION_END_DATE."
        return dg.SkipReason(rules.names.in_attributes(why))
    return dg.RunRequest(
        run_key=f"{yesterday}", partition_key=f"{yesterday}", tags=days_tag(yesterday, yesterday) | rules.names.tags
    )


def weekly_check_up(
    context: dg.ScheduleEvaluationContext, storage: Storage, rules: ReportingRules
) -> list[dg.RunRequest] | dg.SkipReason:
    """The last lookback window, as far as it is in use, of each source asset: a run each."""
    _, last = first_and_last_partition(rules.windows.first_day, rules.windows.last_day)
    start, tables = last - dt.timedelta(days=rules.lookback_days), storage.tables()
    in_use = {asset: [day for day in tables.stored_days(asset) if start <= day <= last] for asset in SOURCE_ASSETS}
    if not any(in_use.values()):
        return dg.SkipReason(f"Nothing was ever read of {start}..{last}.")
    week = f"{context.scheduled_execution_time:%Y-%m-%d}"
    names = rules.names
    return [
        stage_request(names, Stage([asset], days[0], last), f"{asset} {week}") for asset, days in in_use.items() if days
    ]
