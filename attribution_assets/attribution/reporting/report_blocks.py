"""A report over many days, a block of days at a time, so that memory is bounded by the block."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.reporting.channel_report import channel_report, with_phases
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes, unattributed_orders
from attribution_assets.attribution.storage.stored_days import StoredDays, query_batches


@dataclass(frozen=True)
class ReportBlock:
    """The report of some adjacent days.

    Attributes:
        days: the days.
        report: `channel_reporting` of these days, see `channel_report`.
        outcomes: what became of the orders placed on these days, see `order_outcomes`.
        credit: `ihc_attributions` of these days and of the lookback window's length after them.
        orders: `conversions` of the same days as `credit`.
    """

    days: Sequence[dt.date]
    report: pd.DataFrame
    outcomes: pd.DataFrame
    credit: StoredDays
    orders: StoredDays

    def with_phases(self) -> pd.DataFrame:
        """The report with what its channels have of each phase, see `with_phases`."""
        return with_phases(self.report, self.credit, self.orders, self.days[0], self.days[-1])

    def unattributed(self) -> pd.DataFrame:
        """The orders placed on these days that got no credit, see `unattributed_orders`."""
        return unattributed_orders(self.outcomes)


def report_blocks(
    sessions: StoredDays, credit: StoredDays, orders: StoredDays, days: Sequence[dt.date], lookback_days: int
) -> Iterator[ReportBlock]:
    """The report of the days, block by block.

    Args:
        sessions: `sessions` of the days.
        credit: `ihc_attributions` of the days and of the lookback window's length after them, as far as there are any.
        orders: `conversions` of the same days.
        days: The days to report, in calendar order.
        lookback_days: Length L of the lookback window.
    """
    lookback = dt.timedelta(days=lookback_days)
    for block in (block for range_ in adjacent_ranges(days) for block in query_batches(orders, days_between(*range_))):
        first, last = block[0], block[-1]
        window_credit, window_orders = (stored.within(first, last + lookback) for stored in (credit, orders))
        yield ReportBlock(
            block,
            channel_report(sessions.within(first, last), window_credit, window_orders, first, last),
            order_outcomes(orders.within(first, last), credit.within(first, last)),
            window_credit,
            window_orders,
        )
