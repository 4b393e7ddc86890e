"""All tables of comparisons of some days' orders together: their journeys are read once.

What a table holds is said in its own module.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from attribution_assets.attribution.calendar.days import blocks
from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.channel_roles import channel_roles
from attribution_assets.attribution.comparison.conversion_paths import conversion_paths
from attribution_assets.attribution.comparison.model_comparison import model_comparison
from attribution_assets.attribution.storage.stored_days import StoredDays

_TOUCHPOINTS_TOGETHER: Final = 20_000
"""Of the days that are computed together: days of few orders take hardly longer together than one by itself."""


def comparisons_by_day(
    attributions: StoredDays, conversions: StoredDays, days: Sequence[dt.date], direct_channels: Collection[str]
) -> Iterator[tuple[dt.date, dict[str, pd.DataFrame]]]:
    """What `order_comparisons` gives, day by day.

    Args:
        attributions: `ihc_attributions`, with these days.
        conversions: The orders, with these days.
        days: The days, in calendar order.
        direct_channels: See `model_comparison.model_comparison`.

    Raises:
        MissingDaysError: A day is not stored.
        ValueError: See `attributed_journeys`.
    """

    def compared(touchpoints: pd.DataFrame, block: Sequence[dt.date]) -> Mapping[str, pd.DataFrame]:
        return order_comparisons(touchpoints, conversions.together(block), direct_channels)

    return in_blocks(attributions, days, compared)


def in_blocks(
    attributions: StoredDays,
    days: Sequence[dt.date],
    compared: Callable[[pd.DataFrame, Sequence[dt.date]], Mapping[str, pd.DataFrame]],
) -> Iterator[tuple[dt.date, dict[str, pd.DataFrame]]]:
    """The comparisons of each day, made for several days together.

    Args:
        attributions: `ihc_attributions`, with these days.
        days: The days, in calendar order.
        compared: Gives the tables of some days, by name, from their `ihc_attributions`.

    Raises:
        MissingDaysError: A day is not stored.
    """
    rows = {day: attributions.stamp(day).rows for day in days}
    for block in blocks(days, rows, _TOUCHPOINTS_TOGETHER):
        tables = compared(attributions.together(block), block)
        of_days = {name: by_day(table, "conversion_date", block) for name, table in tables.items()}
        for day in block:
            yield day, {name: next(parts)[1] for name, parts in of_days.items()}


def order_comparisons(
    attributions: pd.DataFrame, conversions: pd.DataFrame, direct_channels: Collection[str]
) -> dict[str, pd.DataFrame]:
    """The tables `model_comparison`, `conversion_paths` and `channel_roles` of some days, by name.

    Args:
        attributions: `ihc_attributions` of these days.
        conversions: Their `conversions`; an order that is not among those of its day does not count.
        direct_channels: See `model_comparison.model_comparison`.

    Raises:
        ValueError: See `attributed_journeys`.
    """
    journeys = attributed_journeys(attributions, conversions)
    return {
        "model_comparison": model_comparison(journeys, direct_channels),
        "conversion_paths": conversion_paths(journeys),
        "channel_roles": channel_roles(journeys),
    }
