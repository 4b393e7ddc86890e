"""What stands beside the report: other attribution models over the same journeys, their paths, the channels' roles.

A day's tables are of the orders placed on it. All models share out the same orders and the same revenue.
"""

from collections.abc import Iterator

import dagster as dg

from attribution_assets.attribution.comparison.order_comparisons import comparisons_by_day
from attribution_assets.attribution.freshness.lineage import made_from
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays, versions_of
from attribution_assets.defs.assets.daily import daily_asset, with_metadata
from attribution_assets.defs.assets.metadata import Metadata, comparison_metadata
from attribution_assets.defs.io_managers import DailyTables
from attribution_assets.defs.resources import ReportingRules


@daily_asset(kinds={"pandas", "parquet"})
def model_comparison(
    context: dg.AssetExecutionContext, ihc_attributions: StoredDays, conversions: StoredDays, rules: ReportingRules
) -> DailyTables:
    """Credit of the orders placed on the day by IHC and by rule models, by channel and touch date.

    Beside it are the tables `conversion_paths` (which sequences of channels led to these orders, and in how many days)
    and `channel_roles` (which of them each channel influenced and assisted, and its share of the phases of IHC).
    """

    def compared() -> Iterator[tuple[DayTable, Metadata]]:
        versions, windows = versions_of(ihc_attributions, conversions), rules.windows
        days, direct = [*ihc_attributions.files], windows.direct_channels
        for day, tables in comparisons_by_day(ihc_attributions, conversions, days, direct):
            inputs, metadata = made_from("model_comparison", versions, day, windows), comparison_metadata(tables)
            yield DayTable(day, tables.pop("model_comparison"), inputs, tables), metadata

    return with_metadata(context, compared())
