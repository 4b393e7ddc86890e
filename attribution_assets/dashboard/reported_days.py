"""The days with a stored report, as far as the page has to know them: first, last, those that are missing, how old.

They are read in `stored_results.py`; which of them the reader looks at is in `choices.py`.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from attribution_assets.attribution.calendar.days import days_between

MOST_DAYS_BEHIND = 2


@dataclass(frozen=True)
class Reported:
    """The days with a stored report.

    Attributes:
        first: First day with a report.
        last: Last day with a report.
        days: All days with a report; days between `first` and `last` can be missing.
        data_ends: The last day of the calendar, for data that has ended.
        written: When the report of the last day was written, in UTC.
    """

    first: dt.date
    last: dt.date
    days: frozenset[dt.date] = frozenset()
    data_ends: dt.date | None = None
    written: dt.datetime | None = None

    def is_old(self, today: dt.date) -> bool:
        """Whether days have passed without a report: yesterday's may still be on its way, earlier ones are late."""
        due = today - dt.timedelta(days=MOST_DAYS_BEHIND)
        return self.last < min(due, self.data_ends or due)


def days_without(those: Collection[dt.date], first: dt.date, last: dt.date) -> list[dt.date]:
    """The days from `first` to `last` that are not in `those`, in calendar order."""
    return [day for day in days_between(first, last) if day not in those]
