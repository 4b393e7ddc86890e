"""Which reported days are final, and which are provisional because orders still to be attributed can credit them."""

import datetime as dt
from collections.abc import Container, Iterable

from attribution_assets.attribution.calendar.days import days_between


def has_ended(last_day: dt.date | None) -> bool:
    """Whether the calendar has ended with its last day; None: it goes on."""
    return last_day is not None and last_day < dt.datetime.now(dt.UTC).date()


def is_final(day: dt.date, attributed: Container[dt.date], lookback_days: int, last_day: dt.date | None = None) -> bool:
    """Whether all orders that can credit the day's sessions have been attributed; until then the day is provisional.

    Args:
        day: The day of the report.
        attributed: The days whose orders have been attributed, up to the last day with data: a day that was run
            before its rows arrived is not one of them.
        lookback_days: Length of the lookback window.
        last_day: The last day of the calendar, after which no order follows; None if it goes on.
    """
    until = min(day + dt.timedelta(days=lookback_days), last_day or dt.date.max)
    return all(later in attributed for later in days_between(day, until))


def final_and_provisional(
    days: Iterable[dt.date], attributed: Container[dt.date], lookback_days: int, last_day: dt.date | None = None
) -> tuple[list[dt.date], list[dt.date]]:
    """The days of final reports and those of provisional ones, in the order given; arguments as for `is_final`."""
    reported = list(days)
    final = [day for day in reported if is_final(day, attributed, lookback_days, last_day)]
    known = set(final)
    return final, [day for day in reported if day not in known]
