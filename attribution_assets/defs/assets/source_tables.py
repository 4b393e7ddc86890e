"""The tables of the source database, as external assets: Dagster shows them, and makes nothing of them."""

from collections.abc import Iterator

import dagster as dg

from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.source.schemas import SOURCE_TABLES
from attribution_assets.defs.assets.addresses import SOURCE as SOURCE_KIND
from attribution_assets.defs.assets.addresses import kinds, source_table
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

SOURCE = "source"

DESCRIPTIONS = {
    "session_sources": "One row per visit: who came, when, and through which marketing channel",
    "session_costs": "One row per visit that cost something: what was paid for it",
    "conversions": "One row per order: who placed it, when, and what it is worth",
    "ad_spend": "If there: one row per day, channel, campaign and the like: what was spent on it",
}


def source_key(table: str, names: DataSetNames) -> dg.AssetKey:
    """The key of a source table: apart from the assets, one of which is named like it."""
    return names.key(SOURCE, table)


def source_assets(settings: Settings) -> Iterator[dg.AssetSpec]:
    """The source tables that assets read, with the columns that are read of them."""
    names = DataSetNames(settings.data_set)
    for table in dict.fromkeys(table for record in ASSETS.values() for table in record.source_tables):
        yield dg.AssetSpec(
            source_key(table, names),
            description=DESCRIPTIONS[table],
            group_name=settings.data_set or SOURCE,
            tags=names.tags,
            kinds=kinds({SOURCE_KIND}, settings),
            metadata={"dagster/column_schema": _columns(table)} | source_table(table, settings),
        )


def _columns(table: str) -> dg.TableSchema:
    """The columns of a source table, with what a usable value is; their types are the database's."""
    columns = SOURCE_TABLES[table].columns.items()
    return dg.TableSchema([dg.TableColumn(name, type="", description=column.description) for name, column in columns])
