"""All assets and all checks, found in their modules: a new one is in the graph by being written there."""

from collections.abc import Iterator

import dagster as dg

from attribution_assets.defs.assets import attribution as attribution_assets
from attribution_assets.defs.assets import breakdown as breakdown_assets
from attribution_assets.defs.assets import comparison as comparison_assets
from attribution_assets.defs.assets.daily import DailyAsset
from attribution_assets.defs.checks import attribution as attribution_checks
from attribution_assets.defs.checks import breakdown as breakdown_checks
from attribution_assets.defs.checks import comparison as comparison_checks
from attribution_assets.defs.checks import drift as drift_checks
from attribution_assets.defs.checks.daily import DailyCheck
from attribution_assets.instance.data_set_names import DataSetNames


def daily_assets() -> Iterator[DailyAsset]:
    """The assets, in the order in which they are written."""
    for module in (attribution_assets, breakdown_assets, comparison_assets):
        yield from (found for found in vars(module).values() if isinstance(found, DailyAsset))


def daily_checks() -> Iterator[DailyCheck]:
    """The checks."""
    yield from attribution_checks.schema_checks()
    yield from attribution_checks.usable_rows_checks()
    yield from attribution_checks.made_days_checks()
    for module in (attribution_checks, breakdown_checks, comparison_checks, drift_checks):
        yield from (found for found in vars(module).values() if isinstance(found, DailyCheck))


def check_keys(names: DataSetNames) -> list[dg.AssetCheckKey]:
    """The keys of a data set's checks."""
    return [names.check_key(check.asset, check.name) for check in daily_checks()]
