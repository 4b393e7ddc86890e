"""The period that the chosen days are compared with, at the age that these have now: the one before, or a year before.

By touch date, credit arrives for as long as the lookback window: recent visits have not earned all yet. So what the
visits of the chosen days have earned is compared with what those of the period before had earned as many days after.
By conversion date, the credit of a day is complete as soon as its orders are attributed.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.results.channel_results import results_by_day
from attribution_assets.attribution.results.result_days import DateBasis, orders_known_until
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.reported_days import Reported, days_without
from attribution_assets.dashboard.stored_results import StoredResults


@dataclass(frozen=True)
class PeriodBefore:
    """The period compared with, with as many days as are chosen.

    Attributes:
        results: date, channel_name, cost, orders, revenue at equal age; None if the periods cannot be compared.
        why_not: Why they cannot, as the end of a sentence; empty if they can.
        share_by_then: Of the revenue that that period has now, the share that it had at that age; None if it
            had all of it, or has none.
    """

    results: pd.DataFrame | None = None
    why_not: str = ""
    share_by_then: float | None = None


def period_before(
    stored: StoredResults, reported: Reported, choices: Choices, shown: Collection[dt.date], lookback_days: int
) -> PeriodBefore:
    """The results of the period compared with.

    Args:
        stored: The stored days.
        reported: The days with a stored report.
        choices: The reader's choices.
        shown: The days that have results by the chosen model and date basis.
        lookback_days: Length of the lookback window.
    """
    first, last = choices.before

    def results(until: dt.date | None = None) -> pd.DataFrame:
        return stored.ask(
            results_by_day,
            first,
            last,
            lookback_days=lookback_days,
            model=choices.model,
            basis=choices.basis,
            orders_until=until,
        )

    if days_without(shown, first, last) or days_without(shown, choices.first, choices.last):
        return PeriodBefore(why_not="not all days of both periods have a report")
    if choices.basis is DateBasis.CONVERSION:
        return PeriodBefore(results())
    ends = (
        stored.ask(orders_known_until, *days, lookback_days, reported.data_ends)
        for days in ((choices.first, choices.last), choices.before)
    )
    known, known_before = ends
    if known is None or known_before is None:
        return PeriodBefore(why_not="orders of some of these days are not attributed yet")
    until = min(known - dt.timedelta(days=choices.shift), known_before)
    if until >= last + dt.timedelta(days=lookback_days):
        return PeriodBefore(results())
    by_then, now = results(until), results()
    if by_then["date"].nunique() < now["date"].nunique():
        return PeriodBefore(why_not="what these days had earned at this age is not stored: run them again")
    had, has = float(by_then["revenue"].sum()), float(now["revenue"].sum())
    return PeriodBefore(by_then, share_by_then=had / has if had < has else None)
