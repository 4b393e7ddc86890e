"""How Dagster reaches the stored tables: an output is written day by day, an input arrives as the days it may read."""

import datetime as dt
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import dagster as dg

from attribution_assets.attribution.storage.stored_days import DayTable, MissingDaysError, StoredDays
from attribution_assets.defs.resources import DatabaseResource, Storage
from attribution_assets.instance.runs import say_which_process

MAY_MISS_DAYS = {"may_miss_days": True}
"""Metadata of an input whose window may hold days that have not been materialized yet."""


@dataclass(frozen=True)
class DailyTables:
    """What an asset hands over: each of the run's days with its table, in calendar order, made as it is written."""

    days: Generator[DayTable]


def partition_days(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[dt.date]:
    """The days that a run materializes or checks, in calendar order."""
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


class DailyTableIOManager(dg.ConfigurableIOManager):
    """Keeps one Parquet file per asset and day: replaced whole, days without rows too.

    What is also a result table is published from there at once, day by day.
    """

    storage: dg.ResourceDependency[Storage]
    database: dg.ResourceDependency[DatabaseResource]

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note which process the run is in."""
        if context.instance and context.run:
            say_which_process(context.instance, context.run)

    def handle_output(self, context: dg.OutputContext, obj: DailyTables) -> None:
        """Write each day as it comes, so that one day's table is in memory at a time.

        Raises:
            ValueError: The asset handed over other days than the run's, or not all of them.
        """
        asset, storage, results = context.asset_key.path[-1], self.storage.tables(), self.database.results()
        due = [dt.date.fromisoformat(key) for key in context.asset_partition_keys]
        with closing(obj.days) as tables:
            for table in tables:
                if not due or table.day != due.pop(0):
                    raise ValueError(f"{asset} made a table for {table.day}: expected the run's days in calendar order")
                storage.write(asset, table)
                results.publish(asset, table.day, storage)
        if due:
            raise ValueError(f"{asset} made no table for {due[0]}")

    def load_input(self, context: dg.InputContext) -> StoredDays:
        """The days of the input's partitions, unread.

        Raises:
            MissingDaysError: Days of the window have not been materialized, and the input does not allow for it.
        """
        asset = context.asset_key.path[-1]
        days = self.storage.tables().days(asset, map(dt.date.fromisoformat, context.asset_partition_keys))
        if days.missing and not (context.definition_metadata or {}).get("may_miss_days"):
            raise MissingDaysError(asset, days.missing)
        return days
