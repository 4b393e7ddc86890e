"""The windows that tie the days of the assets together. Which asset reads which window is said in `records`."""

import datetime as dt
from dataclasses import dataclass
from enum import Enum


class Window(Enum):
    """The days of an input that one day of an asset reads.

    Attributes:
        DAY: the same day.
        LOOKBACK: the day and the L days before it.
        ATTRIBUTION: the day and the L days after it, whose orders can credit its sessions.
        AROUND: from 2 L days before the day to L days after it: where the sessions of its orders are looked for.
    """

    DAY = "day"
    LOOKBACK = "lookback"
    ATTRIBUTION = "attribution"
    AROUND = "around"


class JourneyEnd(Enum):
    """Where a journey ends: the values of ATTRIBUTION_JOURNEY_END.

    Attributes:
        BEFORE: with the last session before the order.
        AT: with the last session up to the order's own second, which is in it.
    """

    BEFORE = "before"
    AT = "at"


@dataclass(frozen=True)
class Windows:
    """How the days are tied together, and what else their tables follow from besides rows.

    Attributes:
        first_day: the first day of the calendar.
        lookback_days: length L of the lookback window.
        direct_channels: the channels that the model `last_non_direct` passes over.
        most_sessions: how many sessions a journey may have; orders with more are too long.
        journey_end: where the lookback window ends.
        last_day: the last day of the calendar, for data that has ended; None if it goes on.
        csv_guard: whether names in CSV files are guarded against being taken for formulas.
        dimensions: columns of visits and spend by which the report is broken down.
        order_dimensions: columns of orders by which credit is broken down.
    """

    first_day: dt.date
    lookback_days: int
    direct_channels: frozenset[str] = frozenset()
    most_sessions: int = 200
    journey_end: JourneyEnd = JourneyEnd.BEFORE
    last_day: dt.date | None = None
    csv_guard: bool = True
    dimensions: tuple[str, ...] = ()
    order_dimensions: tuple[str, ...] = ()

    def read_by(self, day: dt.date, window: Window) -> tuple[dt.date, dt.date]:
        """First and last day of an input that the day of an asset reads."""
        if window is Window.DAY:
            return day, day
        lookback = dt.timedelta(days=self.lookback_days)
        if window is Window.LOOKBACK:
            return max(self.first_day, day - lookback), day
        later = min(day + lookback, self.last_day or dt.date.max)
        if window is Window.ATTRIBUTION:
            return day, later
        return max(self.first_day, day - 2 * lookback), later

    def readers_of(self, day: dt.date, window: Window) -> tuple[dt.date, dt.date]:
        """First and last day of an asset that read the day of an input."""
        if window is Window.AROUND:
            lookback = dt.timedelta(days=self.lookback_days)
            return max(self.first_day, day - lookback), day + 2 * lookback
        opposite = {Window.LOOKBACK: Window.ATTRIBUTION, Window.ATTRIBUTION: Window.LOOKBACK}
        return self.read_by(day, opposite.get(window, window))

    def days_touched_by(self, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
        """The days that can change when the days from `first` to `last` do."""
        return self.read_by(first, Window.LOOKBACK)[0], self.read_by(last, Window.ATTRIBUTION)[1]
