"""The windows that tie days together: which days of one table another table's day is made from, and the reverse.

Only which days belong together is said here; what is made from them is in `freshness/lineage.py`.
"""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """How the days are tied together, and what else their tables follow from besides rows.

    Attributes:
        first_day: the first day of the calendar.
        lookback_days: length L of the lookback window.
        direct_channels: the channels that the model `last_non_direct` passes over.
    """

    first_day: dt.date
    lookback_days: int
    direct_channels: frozenset[str] = frozenset()

    def sessions_of(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last day of the sessions that journeys of the day's orders are made of."""
        return max(self.first_day, day - dt.timedelta(days=self.lookback_days)), day

    def orders_of(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last day of the orders that can credit the day's sessions."""
        return day, day + dt.timedelta(days=self.lookback_days)

    def paths_of(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last day of the orders that the day's Markov chain is made of."""
        return self.sessions_of(day)

    def chains_of(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last day of the Markov chains that the day's orders are in."""
        return self.orders_of(day)

    def days_touched_by(self, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
        """The days that can change when the days from `first` to `last` do."""
        return self.sessions_of(first)[0], self.orders_of(last)[1]
