"""The days that results are made of: which have a report, can be compared, are final, and when they were written.

Nothing here sums or shares out; what channels cost and earned on these days is in `channel_results.py`. Functions read
stored days and write nothing; if a run replaces days during a read, what is read can mix older and newer days.
"""

import datetime as dt
from enum import StrEnum
from itertools import takewhile

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.calendar.finality import final_and_provisional, is_final
from attribution_assets.attribution.storage.asset_storage import SOURCE_TABLES, AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays, companion_table, names_of

READ_TABLES = (
    *SOURCE_TABLES,
    *names_of("spend"),
    "ihc_attributions",
    "channel_reporting",
    companion_table("channel_reporting"),
    "model_comparison",
    "conversion_paths",
    "channel_roles",
    "channel_breakdown",
)
"""The stored tables that the modules of this folder and the HTTP API's results read."""


class DateBasis(StrEnum):
    """The day on which credit counts: the day of the visit, as its cost, or the day of the order, as its revenue."""

    TOUCH = "touch_date"
    CONVERSION = "conversion_date"


def known_until(
    storage: AssetStorage, first: dt.date, last: dt.date, days: int, last_day: dt.date | None = None
) -> dt.date | None:
    """The last day of visits whose earnings some days after the touch are final, for all visits from `first` on.

    Args:
        storage: The stored days.
        first: First day of the visits.
        last: Last day of the visits.
        days: Number of days after the touch.
        last_day: Last day of the calendar, see `is_final`.

    Returns:
        A day with a stored report; None if even the earnings of the first such day are not final.
    """
    reported = storage.days("channel_reporting", days_between(first, last)).files
    compared = storage.days("model_comparison", days_between(first, last + dt.timedelta(days=days))).files
    credited = compared.keys() - storage.empty_at_the_end(last_day)
    known = list(takewhile(lambda day: is_final(day, credited, days, last_day), reported))
    return known[-1] if known else None


def orders_known_until(
    storage: AssetStorage, first: dt.date, last: dt.date, lookback_days: int, last_day: dt.date | None = None
) -> dt.date | None:
    """The last day up to which the orders of every day from `first` on have been attributed.

    Two periods can be compared at equal age up to this day: what the visits of each had earned so many days after.

    Args:
        storage: The stored days.
        first: First day of the visits.
        last: Last day of the visits.
        lookback_days: Length of the lookback window.
        last_day: Last day of the calendar, see `is_final`.

    Returns:
        A day from `first` to `last` plus the lookback window; None if orders of an earlier day are not attributed yet.
    """
    days = days_between(first, last + dt.timedelta(days=lookback_days))
    known = storage.days("ihc_attributions", days).files.keys() - storage.empty_at_the_end(last_day)
    without_gap = list(takewhile(lambda day: day in known, days))
    return without_gap[-1] if without_gap and len(without_gap) == len(known) else None


def compared_days(
    storage: AssetStorage, first: dt.date, last: dt.date, *, lookback_days: int, basis: DateBasis
) -> list[dt.date]:
    """The compared days: days from `first` to `last` with a report and with all models' credit of the same orders.

    A day is left out while its orders, or by touch date the orders of any day that can credit its visits, have been
    attributed and are not yet in `model_comparison`.

    Args:
        storage: The stored days.
        first: First day.
        last: Last day.
        lookback_days: Length of the lookback window.
        basis: The day on which credit counts.
    """
    reported, _ = reported_and_credit(storage, first, last, lookback_days, basis)
    return list(reported.files)


def final_and_provisional_days(
    storage: AssetStorage, first: dt.date, last: dt.date, lookback_days: int, last_day: dt.date | None = None
) -> tuple[list[dt.date], list[dt.date]]:
    """The days of stored reports from `first` to `last`, split into final and provisional ones.

    A provisional report can be changed by orders that are still to be attributed, a final one only by late rows.

    Args:
        storage: The stored days.
        first: First day.
        last: Last day.
        lookback_days: Length of the lookback window.
        last_day: Last day of the calendar, see `is_final`.

    Returns:
        The final days, then the provisional days.
    """
    days = days_between(first, last)
    attributed = storage.days("ihc_attributions", days_between(first, last + dt.timedelta(days=lookback_days))).files
    reported = storage.days("channel_reporting", days).files
    return final_and_provisional(
        reported, attributed.keys() - storage.empty_at_the_end(last_day), lookback_days, last_day
    )


def reported_days(storage: AssetStorage) -> list[dt.date]:
    """The days with a stored report up to the last day with data, in calendar order; days can be missing between.

    A report without rows at the end is left out too, if of its day no source table is stored.
    """
    empty = storage.empty_at_the_end()
    read = {day for table in SOURCE_TABLES for day in storage.stored_days(table)}
    days = [day for day in storage.stored_days("channel_reporting") if day not in empty]
    while days and days[-1] not in read and not storage.days("channel_reporting", days[-1:]).stamps()[days[-1]].rows:
        days.pop()
    return days


def report_written_at(storage: AssetStorage, day: dt.date) -> dt.datetime:
    """When the stored report of a day was written, in UTC.

    Raises:
        KeyError: The day has no stored report.
        OSError: The file cannot be looked at.
    """
    written = storage.days("channel_reporting", [day]).files[day].stat().st_mtime
    return dt.datetime.fromtimestamp(written, dt.UTC)


def last_written_at(storage: AssetStorage) -> dt.datetime | None:
    """When any of the stored reports was written last, in UTC; None without any. Errors as for `report_written_at`."""
    files = storage.all_days("channel_reporting").files
    return max((report_written_at(storage, day) for day in files), default=None)


def results_version(storage: AssetStorage) -> str:
    """A fingerprint that changes whenever a stored day of `READ_TABLES` changes; opens no file."""
    return storage.state_of(*READ_TABLES)


def reported_and_credit(
    storage: AssetStorage, first: dt.date, last: dt.date, lookback_days: int, basis: DateBasis
) -> tuple[StoredDays, StoredDays]:
    """`channel_reporting` on the `compared_days`, and `model_comparison` of the orders that can credit these days."""
    reach = dt.timedelta(days=lookback_days if basis is DateBasis.TOUCH else 0)
    around = days_between(first, last + reach)
    compared = storage.days("model_comparison", around)
    due = [day for day in storage.days("ihc_attributions", around).files if day not in compared.files]
    reported = storage.days("channel_reporting", days_between(first, last)).among(compared.files)
    waiting = {day for day in reported.files if any(day <= other <= day + reach for other in due)}
    reported = reported.among(reported.files.keys() - waiting)
    return reported, compared if basis is DateBasis.TOUCH else compared.among(reported.files)


def credited(reported: StoredDays, basis: DateBasis) -> str:
    """SQL condition: the row's credit counts on one of the days of `reported`."""
    ranges = [f"{basis} BETWEEN '{first}' AND '{last}'" for first, last in adjacent_ranges(reported.files)]
    return " OR ".join(ranges) or "FALSE"
