"""Which days of a range have to be made to bring the range up to date. What is fresh is not made again."""

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attribution_assets.attribution.freshness.lineage import StoredState
from attribution_assets.attribution.freshness.staleness import Stale
from attribution_assets.attribution.freshness.status import SettingsOf, attributed_with_other_settings

MOST_FRESH_BETWEEN = 14
"""So many fresh days between two that are due are made with them: another run takes longer than they do."""


def due_days(  # noqa: PLR0913, PLR0917 - all that can make a day due
    days: Sequence[dt.date],
    state: StoredState,
    stale: Stale,
    changed: Mapping[str, AbstractSet[dt.date]],
    settings: SettingsOf,
    shown: Mapping[str, Container[dt.date]],
) -> set[dt.date]:
    """The days that are not fresh: all assets of these are to be made, so that all their checks are evaluated too.

    Args:
        days: The days of the range.
        state: What is stored and published.
        stale: What of it is stale.
        changed: Source asset -> the days whose rows in the source are not those that were read.
        settings: What stands for the API's settings as they are now.
        shown: Asset in use -> the days that Dagster's history shows as materialized.
    """
    not_made = {
        day for asset, made in shown.items() for day in days if day not in state.stamps[asset] or day not in made
    }
    otherwise_made = attributed_with_other_settings(state, settings)
    due = not_made.union(otherwise_made, *changed.values(), *stale.days.values(), *stale.blocked.values())
    return due.intersection(days)
