"""The report broken down by dimensions, and its CSV files: assets of settings that name dimensions."""

from collections.abc import Iterator

import dagster as dg

from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.freshness.lineage import made_from
from attribution_assets.attribution.reporting.channel_breakdown import breakdown_inputs, channel_breakdowns
from attribution_assets.attribution.reporting.report_file import write_stored_breakdown
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays, versions_of
from attribution_assets.defs.assets.addresses import DATABASE, ENGINE
from attribution_assets.defs.assets.csv_files import csv_files
from attribution_assets.defs.assets.daily import FILE, RESULT_TABLE, daily_asset, with_metadata
from attribution_assets.defs.assets.metadata import Metadata, breakdown_metadata
from attribution_assets.defs.io_managers import DailyTables
from attribution_assets.defs.resources import ReportingRules, Reports, Storage


@daily_asset(kinds={ENGINE, "parquet", DATABASE}, tags=RESULT_TABLE)
def channel_breakdown(  # noqa: PLR0913, PLR0917 - what it reads
    context: dg.AssetExecutionContext,
    channel_reporting: StoredDays,
    sessions: StoredDays,
    spend: StoredDays,
    ihc_attributions: StoredDays,
    conversions: StoredDays,
    storage: Storage,
    rules: ReportingRules,
) -> DailyTables:
    """Cost and credit of each channel of the day's report, shared out by the values of each dimension."""

    def broken_down() -> Iterator[tuple[DayTable, Metadata]]:
        due, windows = [*channel_reporting.files], rules.windows
        if not due:
            return
        beside = breakdown_inputs(storage.tables(), windows, due[0], due[-1])
        stored = beside._replace(
            report=channel_reporting, sessions=sessions, spend=spend, credit=ihc_attributions, orders=conversions
        )
        versions = versions_of(*stored)
        for block, breakdown in channel_breakdowns(stored, due, windows):
            for day, frame in by_day(breakdown, "date", block):
                inputs = made_from("channel_breakdown", versions, day, windows)
                yield DayTable(day, frame, inputs), breakdown_metadata(frame)

    return with_metadata(context, broken_down())


@daily_asset(kinds={"csv"}, tags=FILE)
def channel_breakdown_csv(
    context: dg.AssetExecutionContext, channel_breakdown: StoredDays, reports: Reports, rules: ReportingRules
) -> DailyTables:
    """The day's breakdown as the file `channel_breakdown_<day>.csv`."""
    return with_metadata(context, csv_files(channel_breakdown, reports, rules, write_stored_breakdown))
