"""A report over many days, a block of days at a time, so that memory is bounded by the block."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.reporting.channel_report import channel_report, with_phases
from attribution_assets.attribution.reporting.missing_sessions import why_no_sessions
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes, unattributed_orders
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays, query_batches


class ReportInputs(NamedTuple):
    """What the report of some days is made of, as far as it is stored.

    Attributes:
        sessions: `sessions` of `Window.AROUND` of the days.
        spend: `spend` of the days.
        credit: `ihc_attributions` of the days and of the lookback window's length after them.
        orders: `conversions` of the same days as `credit`.
        too_long: `too_long_orders` of the days.
    """

    sessions: StoredDays
    spend: StoredDays
    credit: StoredDays
    orders: StoredDays
    too_long: StoredDays


def report_inputs(storage: AssetStorage, windows: Windows, first: dt.date, last: dt.date) -> ReportInputs:
    """What the report of the days from `first` to `last` is made of, as it is stored."""
    around = days_between(windows.read_by(first, Window.AROUND)[0], windows.read_by(last, Window.AROUND)[1])
    credited_by = days_between(first, windows.read_by(last, Window.ATTRIBUTION)[1])
    return ReportInputs(
        storage.days("sessions", around),
        storage.days("spend", days_between(first, last)),
        storage.days("ihc_attributions", credited_by),
        storage.days("conversions", credited_by),
        storage.days("too_long_orders", days_between(first, last)),
    )


@dataclass(frozen=True)
class ReportBlock:
    """The report of some adjacent days.

    Attributes:
        days: the days.
        report: `channel_reporting` of these days, see `channel_report`.
        outcomes: what became of the orders placed on these days, see `order_outcomes`.
        unattributed: those of these orders that got no credit, see `unattributed_orders`.
        credit: `ihc_attributions` of these days and of the lookback window's length after them.
        orders: `conversions` of the same days as `credit`.
    """

    days: Sequence[dt.date]
    report: pd.DataFrame
    outcomes: pd.DataFrame
    unattributed: pd.DataFrame
    credit: StoredDays
    orders: StoredDays

    def with_phases(self) -> pd.DataFrame:
        """The report with what its channels have of each phase, see `with_phases`."""
        return with_phases(self.report, self.credit, self.orders, self.days[0], self.days[-1])


def report_blocks(inputs: ReportInputs, days: Sequence[dt.date], windows: Windows) -> Iterator[ReportBlock]:
    """The report of the days, block by block.

    Args:
        inputs: What it is made of.
        days: The days to report, in calendar order.
        windows: How the days are tied together.
    """
    for first, last in adjacent_ranges(days):
        for block in query_batches(inputs.orders, days_between(first, last)):
            yield _report_block(inputs, block, windows)


def _report_block(inputs: ReportInputs, days: Sequence[dt.date], windows: Windows) -> ReportBlock:
    first, last = days[0], days[-1]
    until = windows.read_by(last, Window.ATTRIBUTION)[1]
    credit, orders = inputs.credit.within(first, until), inputs.orders.within(first, until)
    placed, attributed, too_long = (table.within(first, last) for table in (orders, credit, inputs.too_long))
    outcomes = order_outcomes(placed, attributed, too_long)
    around = inputs.sessions.within(windows.read_by(first, Window.AROUND)[0], windows.read_by(last, Window.AROUND)[1])
    return ReportBlock(
        days,
        channel_report(
            inputs.sessions.within(first, last), inputs.spend.within(first, last), credit, orders, first, last
        ),
        outcomes,
        unattributed_orders(outcomes, why_no_sessions(placed, attributed, too_long, around, windows)),
        credit,
        orders,
    )
