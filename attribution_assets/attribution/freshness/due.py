"""Which days of a range have to be made to bring the range up to date. What is fresh is not made again.

All assets of these days are to be made, so that all their checks are evaluated too.
"""

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attribution_assets.attribution.freshness.lineage import StoredState
from attribution_assets.attribution.freshness.staleness import Stale
from attribution_assets.attribution.freshness.status import SettingsOf, attributed_with_other_settings


def days_without_an_asset(
    days: Sequence[dt.date], state: StoredState, shown: Mapping[str, Container[dt.date]]
) -> set[dt.date]:
    """Those of the days of which an asset is not stored, or not shown.

    Args:
        days: The days of the range.
        state: What is stored and published.
        shown: Asset in use -> the days that Dagster's history shows as materialized.
    """
    return {day for asset, made in shown.items() for day in days if day not in state.stamps[asset] or day not in made}


def days_made_otherwise(
    days: Sequence[dt.date],
    state: StoredState,
    stale: Stale,
    changed: Mapping[str, AbstractSet[dt.date]],
    settings: SettingsOf,
) -> set[dt.date]:
    """Those of the days that are stored, but not as they would be made now.

    Args:
        days: The days of the range.
        state: What is stored and published.
        stale: What of it is stale.
        changed: Source asset -> the days whose rows in the source are not those that were read.
        settings: What stands for the API's settings as they are now.
    """
    otherwise_made = attributed_with_other_settings(state, settings)
    due = otherwise_made.union(*changed.values(), *stale.days.values(), *stale.blocked.values())
    return due.intersection(days)
