"""What stands beside the report: other attribution models over the same journeys, their paths, the channels' roles.

A day's tables are of the orders placed on it. All models share out the same orders and the same revenue.
"""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from attribution_assets.attribution.comparison.markov import markov_by_day
from attribution_assets.attribution.comparison.order_comparisons import order_comparison
from attribution_assets.attribution.freshness.lineage import (
    comparison_csv_inputs,
    markov_inputs,
    order_comparison_inputs,
)
from attribution_assets.attribution.reporting.report_file import write_stored_table
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays, versions_of
from attribution_assets.defs.assets.daily import daily_asset, described
from attribution_assets.defs.assets.metadata import Metadata, comparison_metadata
from attribution_assets.defs.io_managers import MAY_MISS_DAYS, DailyTables, partition_days
from attribution_assets.defs.partitions import lookback_window, windows
from attribution_assets.defs.resources import Reports

GROUP = "comparison"


def _of_orders(context: dg.AssetExecutionContext, attributions: StoredDays, conversions: StoredDays) -> DailyTables:
    """The asset's table of each day's attributed orders."""
    asset = context.asset_key.path[-1]

    def made() -> Iterator[tuple[DayTable, Metadata]]:
        versions = versions_of(attributions, conversions)
        for day, credit in attributions.frames():
            table = order_comparison(asset, credit, conversions.frame(day), windows)
            inputs = order_comparison_inputs(versions, asset, day, windows)
            yield DayTable(day, table, inputs), comparison_metadata(table)

    return described(context, made())


@daily_asset(group=GROUP, kinds={"pandas"})
def model_comparison(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays
) -> DailyTables:
    """Credit of the orders placed on the day by IHC and by rule models, by channel and touch date."""
    return _of_orders(context, ihc_attributions, conversions)


@daily_asset(group=GROUP, kinds={"pandas"})
def conversion_paths(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays
) -> DailyTables:
    """Which sequences of channels led to the day's orders, how long they were and how many days they took."""
    return _of_orders(context, ihc_attributions, conversions)


@daily_asset(group=GROUP, kinds={"pandas"})
def channel_roles(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays
) -> DailyTables:
    """Which orders of the day each channel influenced and assisted, and in which phase of the journey it stood."""
    return _of_orders(context, ihc_attributions, conversions)


@daily_asset(
    group=GROUP,
    kinds={"numpy"},
    ins={"conversion_paths": dg.AssetIn(partition_mapping=lookback_window, metadata=MAY_MISS_DAYS)},
)
def markov_comparison(context: dg.AssetExecutionContext, conversion_paths: StoredDays) -> DailyTables:
    """Credit by removal effect in a Markov chain of the paths of the day and of the L days before it."""

    def made() -> Iterator[tuple[DayTable, Metadata]]:
        versions = versions_of(conversion_paths)
        windows_of = {day: windows.paths_of(day) for day in partition_days(context)}
        for day, table in markov_by_day(conversion_paths, windows_of):
            yield DayTable(day, table, markov_inputs(versions, day, windows)), comparison_metadata(table)

    return described(context, made())


@daily_asset(
    group=GROUP,
    kinds={"csv"},
    ins={
        asset: dg.AssetIn(metadata=MAY_MISS_DAYS)
        for asset in ("model_comparison", "channel_roles", "markov_comparison")
    },
)
def comparison_csv(  # noqa: PLR0913, PLR0917 - the tables that it writes
    context: dg.AssetExecutionContext,
    model_comparison: StoredDays,
    conversion_paths: StoredDays,
    channel_roles: StoredDays,
    markov_comparison: StoredDays,
    reports: Reports,
) -> DailyTables:
    """The day's comparisons as files: `model_comparison_<day>.csv` and so on, one of each table that is stored."""
    tables = model_comparison, conversion_paths, channel_roles, markov_comparison

    def written() -> Iterator[tuple[DayTable, Metadata]]:
        for day in partition_days(context):
            stored = [table for table in tables if day in table.files]
            files = {table.asset: reports.file(f"{table.asset}_{day}.csv") for table in stored}
            versions = {table.asset: {day: write_stored_table(table, day, files[table.asset])} for table in stored}
            metadata = {asset: dg.MetadataValue.path(str(file)) for asset, file in files.items()}
            frame = pd.DataFrame({"path": [str(file) for file in files.values()]})
            yield DayTable(day, frame, comparison_csv_inputs(versions, day)), metadata

    return described(context, written())
