"""What stands beside the report: other attribution models over the same journeys, their paths, the channels' roles.

A day's tables are of the orders placed on it. All models share out the same orders and the same revenue.
"""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.comparison.markov import markov_by_day
from attribution_assets.attribution.freshness.lineage import made_from
from attribution_assets.attribution.freshness.records import ORDER_COMPARISONS
from attribution_assets.attribution.reporting.report_file import write_stored_table
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays, versions_of
from attribution_assets.defs.assets.daily import FILE, daily_asset, with_metadata
from attribution_assets.defs.assets.metadata import Metadata, comparison_metadata
from attribution_assets.defs.io_managers import DailyTables, partition_days
from attribution_assets.defs.resources import ReportingRules, Reports


def _of_orders(
    context: dg.AssetExecutionContext, attributions: StoredDays, conversions: StoredDays, windows: Windows
) -> DailyTables:
    """The asset's table of each day's attributed orders."""
    asset = context.asset_key.path[-1]

    def made() -> Iterator[tuple[DayTable, Metadata]]:
        versions = versions_of(attributions, conversions)
        for day, credit in attributions.frames():
            table = ORDER_COMPARISONS[asset](credit, conversions.frame(day), windows)
            yield DayTable(day, table, made_from(asset, versions, day, windows)), comparison_metadata(table)

    return with_metadata(context, made())


@daily_asset(kinds={"pandas", "parquet"})
def model_comparison(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays, rules: ReportingRules
) -> DailyTables:
    """Credit of the orders placed on the day by IHC and by rule models, by channel and touch date."""
    return _of_orders(context, ihc_attributions, conversions, rules.windows)


@daily_asset(kinds={"pandas", "parquet"})
def conversion_paths(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays, rules: ReportingRules
) -> DailyTables:
    """Which sequences of channels led to the day's orders, how long they were and how many days they took."""
    return _of_orders(context, ihc_attributions, conversions, rules.windows)


@daily_asset(kinds={"pandas", "parquet"})
def channel_roles(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays, rules: ReportingRules
) -> DailyTables:
    """Which orders of the day each channel influenced and assisted, and in which phase of the journey it stood."""
    return _of_orders(context, ihc_attributions, conversions, rules.windows)


@daily_asset(kinds={"numpy", "parquet"})
def markov_comparison(
    context: dg.AssetExecutionContext, conversion_paths: StoredDays, rules: ReportingRules
) -> DailyTables:
    """Credit by removal effect in a Markov chain of the paths of the day and of the L days before it."""

    def made() -> Iterator[tuple[DayTable, Metadata]]:
        versions, windows = versions_of(conversion_paths), rules.windows
        due = [day for day in partition_days(context) if day in conversion_paths.files]
        windows_of = {day: windows.read_by(day, Window.LOOKBACK) for day in due}
        for day, table in markov_by_day(conversion_paths, windows_of):
            inputs = made_from("markov_comparison", versions, day, windows)
            yield DayTable(day, table, inputs), comparison_metadata(table, "of_window")

    return with_metadata(context, made())


@daily_asset(kinds={"csv"}, tags=FILE)
def comparison_csv(  # noqa: PLR0913, PLR0917 - the tables that it writes
    context: dg.AssetExecutionContext,
    model_comparison: StoredDays,
    conversion_paths: StoredDays,
    channel_roles: StoredDays,
    markov_comparison: StoredDays,
    reports: Reports,
    rules: ReportingRules,
) -> DailyTables:
    """The day's comparisons as files: `model_comparison_<day>.csv` and so on, one of each table that is stored."""
    tables = model_comparison, conversion_paths, channel_roles, markov_comparison

    def written() -> Iterator[tuple[DayTable, Metadata]]:
        for day in conversion_paths.files:
            stored = [table for table in tables if day in table.files]
            files = {table.asset: reports.file(f"{table.asset}_{day}.csv") for table in stored}
            versions = {
                table.asset: {day: write_stored_table(table, day, files[table.asset], guard=rules.csv_guard)}
                for table in stored
            }
            metadata = {asset: dg.MetadataValue.path(str(file)) for asset, file in files.items()}
            frame = pd.DataFrame({"path": [str(file) for file in files.values()]})
            yield DayTable(day, frame, made_from("comparison_csv", versions, day, rules.windows)), metadata

    return with_metadata(context, written())
