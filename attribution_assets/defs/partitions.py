"""The days that every asset is partitioned by, and the windows that tie them together, as Dagster's objects."""

import datetime as dt

import dagster as dg

from attribution_assets.attribution.calendar.windows import Window


def daily_partitions(first_day: dt.date, last_day: dt.date | None = None) -> dg.DailyPartitionsDefinition:
    """Calendar days in UTC from the first day to yesterday, or to the last day if that is earlier."""
    end = (last_day + dt.timedelta(days=1)).isoformat() if last_day else None
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), end_date=end)


def window_mapping(window: Window, lookback_days: int) -> dg.TimeWindowPartitionMapping | None:
    """The partitions of an input that a partition reads; None stands for the same one."""
    if window is Window.LOOKBACK:
        return dg.TimeWindowPartitionMapping(start_offset=-lookback_days)
    if window is Window.ATTRIBUTION:
        return dg.TimeWindowPartitionMapping(end_offset=lookback_days)
    return None
