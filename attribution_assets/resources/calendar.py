"""The days that can be materialized. As Dagster's partitions they are in `defs/partitions.py`."""

import datetime as dt

from attribution_assets.errors import ConfigurationError


def first_and_last_partition(first_day: dt.date, last_day: dt.date | None = None) -> tuple[dt.date, dt.date]:
    """The first day of the calendar, and its last one as of now: yesterday (UTC), or the last day if that is earlier.

    Raises:
        ConfigurationError: The first day is not over yet, so there is no day at all.
    """
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    last = min(yesterday, last_day or yesterday)
    if last < first_day:
        raise ConfigurationError(f"ATTRIBUTION_START_DATE is {first_day}: no day from there on is over yet")
    return first_day, last
