"""What all assets have in common: partitioned by day, a range of days in one run, tables handed over day by day.

Inputs, windows and groups come from the asset's record (`attribution/freshness/records.py`).
"""

import hashlib
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

from attribution_assets.attribution.freshness.records import ASSETS, AssetRecord
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.defs.assets.addresses import code_of, delivered, kinds
from attribution_assets.defs.assets.metadata import Metadata, column_schema, table_metadata
from attribution_assets.defs.assets.source_tables import source_key
from attribution_assets.defs.io_managers import READ_BY, DailyTables
from attribution_assets.defs.partitions import daily_partitions, window_mapping
from attribution_assets.defs.resource_names import with_resources_of
from attribution_assets.instance.dagster_internals import add_metadata
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

RESULT_TABLE, FILE = {"delivers": "result-table"}, {"delivers": "file"}
"""Tags of the assets that people read, in the database or as files."""


@dataclass(frozen=True)
class DailyAsset:
    """An asset without its calendar: the function that makes its days, and what Dagster shows of it.

    Attributes:
        function: the function, named like the asset's record.
        kinds: its kinds in the UI, see `addresses.kinds`.
        tags: its tags in the UI, to filter by.
        pool: the pool that its step takes a place in, see `pool_of`.
    """

    function: Callable[..., DailyTables | None]
    kinds: frozenset[str]
    tags: Mapping[str, str]
    pool: str | None

    def definition(self, settings: Settings) -> dg.AssetsDefinition:
        """The asset by day, a range of days in one run; inputs and windows are those of its record."""
        with warnings.catch_warnings():
            # Dagster calls these beta; tests pin what they do. A range of days in one run keeps a backfill in order.
            beta = "(Parameter `backfill_policy`|Function `pandera_schema_to_dagster_type`)"
            warnings.filterwarnings("ignore", beta, dg.BetaWarning)
            return self._definition(ASSETS[self.function.__name__], settings)

    def _definition(self, record: AssetRecord, settings: Settings) -> dg.AssetsDefinition:
        names = DataSetNames(settings.data_set)
        decorator = dg.asset(
            key=names.key(record.name),
            io_manager_key=names.of("io_manager"),
            partitions_def=daily_partitions(settings.first_day, settings.last_day),
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name=settings.data_set or record.group,
            owners=["team:marketing-analytics"],
            kinds=kinds(self.kinds, settings),
            tags={**self.tags, **names.tags},
            deps=[source_key(table, names) for table in record.source_tables],
            ins={
                given.asset: dg.AssetIn(
                    key=names.key(given.asset),
                    partition_mapping=window_mapping(given.window, settings.lookback_days),
                    metadata={READ_BY: record.name},
                )
                for given in record.dagster_inputs()
            },
            pool=pool_of(self.pool, settings) if self.pool else None,
            metadata=column_schema(record.name) | delivered(record.name, self.kinds, settings) | code_of(self.function),
        )
        return decorator(with_resources_of(self.function, names))


def pool_of(pool: str, settings: Settings) -> str | None:
    """The pool of the API's account: data sets with the same key share it, as they share its limits.

    Args:
        pool: the pool of the environment's data set, and of those that ask with its key.
        settings: the data set's settings. Without a key there is no account, and no pool.
    """
    if settings.data_set and not settings.ihc_api_key:
        return None
    if settings.own_account and settings.ihc_api_key:
        return f"{pool}_{hashlib.sha256(settings.ihc_api_key.encode()).hexdigest()[:8]}"
    return pool


def daily_asset(
    *, kinds: set[str], tags: Mapping[str, str] | None = None, pool: str | None = None
) -> Callable[[Callable[..., DailyTables | None]], DailyAsset]:
    """Make an asset of the function of that name; the calendar comes with the settings, see `DailyAsset.definition`."""
    return lambda function: DailyAsset(function, frozenset(kinds), tags or {}, pool)


def with_metadata(context: dg.AssetExecutionContext, days: Iterable[tuple[DayTable, Metadata]]) -> DailyTables:
    """The days as they are handed over, each with its metadata in the UI."""

    def described() -> Generator[DayTable]:
        of_days = dict[str, Metadata]()
        for table, metadata in days:
            of_days[table.day.isoformat()] = metadata | table_metadata(table.frame)
            yield table
        add_metadata(context.get_step_execution_context(), context.asset_key, of_days)

    return DailyTables(described())
