"""What all assets have in common: partitioned by day, a range of days in one run, tables handed over day by day."""

import warnings
from collections.abc import Callable, Generator, Iterable, Mapping

import dagster as dg

from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.defs.assets.metadata import Metadata, column_schema, table_metadata
from attribution_assets.defs.io_managers import DailyTables
from attribution_assets.defs.partitions import daily

# Dagster calls these beta; both are pinned by tests. A range of days in one run is what keeps a backfill in order.
warnings.filterwarnings(
    "ignore", "(Parameter `backfill_policy`|Function `pandera_schema_to_dagster_type`)", dg.BetaWarning
)


def daily_asset(
    *, group: str, kinds: set[str], ins: Mapping[str, dg.AssetIn] | None = None, pool: str | None = None
) -> Callable[[Callable[..., DailyTables | None]], dg.AssetsDefinition]:
    """Make an asset of a function: by day, a range of days in one run, its columns those of its table's schema."""

    def decorate(function: Callable[..., DailyTables | None]) -> dg.AssetsDefinition:
        decorator = dg.asset(
            partitions_def=daily,
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name=group,
            owners=["team:marketing-analytics"],
            kinds=kinds,
            ins=ins,
            pool=pool,
            metadata=column_schema(function.__name__),
        )
        return decorator(function)

    return decorate


def described(context: dg.AssetExecutionContext, days: Iterable[tuple[DayTable, Metadata]]) -> DailyTables:
    """The days as they are handed over, each with its metadata in the UI."""

    def noted() -> Generator[DayTable]:
        for table, metadata in days:
            context.add_asset_metadata(metadata | table_metadata(table.frame), partition_key=table.day.isoformat())
            yield table

    return DailyTables(noted())
