"""The days that every asset is partitioned by, and the two windows that tie them together."""

import datetime as dt

import dagster as dg

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import direct_channels, first_day, lookback_days

daily = dg.DailyPartitionsDefinition(start_date=first_day().isoformat())
"""Calendar days in UTC from ATTRIBUTION_START_DATE to yesterday."""

lookback_window = dg.TimeWindowPartitionMapping(start_offset=-lookback_days())
"""A day's journeys read the sessions of the day and of the L days before it; its Markov chain the paths of as many."""

attribution_window = dg.TimeWindowPartitionMapping(end_offset=lookback_days())
"""A day's report reads the credit of the orders of the day and of the L days after it."""

windows = Windows(first_day(), lookback_days(), direct_channels())
"""The same two, and which channels are direct, for what does not know Dagster."""


def first_and_last_partition() -> tuple[dt.date, dt.date]:
    """The first day of the calendar, and its last one as of now: yesterday.

    Raises:
        ConfigurationError: ATTRIBUTION_START_DATE is not over yet, so there is no day at all.
    """
    keys = daily.get_first_partition_key(), daily.get_last_partition_key()
    if keys[0] is None or keys[1] is None:
        raise ConfigurationError(f"ATTRIBUTION_START_DATE is {first_day()}: no day from there on is over yet")
    return dt.date.fromisoformat(keys[0]), dt.date.fromisoformat(keys[1])
