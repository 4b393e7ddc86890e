"""Content of the page "Journeys": paths, path lengths, time lags, channel roles, and ROAS by days since the touch.

The tables count the orders placed on the chosen days; only ROAS by days since the touch is about the visits of these
days. Cost and return by channel are on the page "Cost and return" (`overview.py`).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.comparison.conversion_paths import path_in_words
from attribution_assets.attribution.results.channel_results import roas_by_days_since_touch
from attribution_assets.attribution.results.cohorts import AGES, weekly_cohorts
from attribution_assets.attribution.results.order_results import (
    answered_by_over,
    channel_roles_over,
    path_lengths,
    time_lags,
    top_paths,
)
from attribution_assets.attribution.results.result_days import DateBasis, compared_days, known_until
from attribution_assets.charts.over_time import series_chart
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.over_time import NamedChart, Periods
from attribution_assets.dashboard.reported_days import Reported, days_without
from attribution_assets.dashboard.saved import NOTHING_SAVED, Saved
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import OF_ORDERS, Column, Table, orders_kind, spoken

SINCE_TOUCH = (7, 30)
LEAST_WEEKS = 2


@dataclass(frozen=True)
class JourneysPage:
    """The content of the page "Journeys".

    Attributes:
        answered_by: The services that attributed the orders, see `order_outcomes.answered_by`.
        offered: The channels offered for choice.
        since_touch: By channel, cost, orders, revenue and ROAS 7 and 30 days after the visits. Each number of days
            counts the visits until its day in `known_until`.
        known_until: 7 or 30 -> the last day of visits whose earnings after so many days are final.
        cohorts: What the visits of each whole week have earned 1, 7, 14 and 30 days after.
        cohort_chart: Its ROAS as a chart; None with fewer than two weeks.
        roles: Orders that each channel influenced and assisted.
        paths: The most frequent paths.
        lengths: Orders by number of touchpoints.
        lags: Orders by days from the first touchpoint to the order.
        missing: The days without a report or without the credit of all models yet, in words.
    """

    answered_by: str
    offered: Sequence[str]
    since_touch: Table
    known_until: Mapping[int, dt.date]
    cohorts: Table
    cohort_chart: NamedChart | None
    roles: Table
    paths: Table
    lengths: Table
    lags: Table
    missing: str

    @property
    def tables(self) -> Sequence[Table]:
        """All tables, in the order of the page."""
        return self.since_touch, self.cohorts, self.roles, self.paths, self.lengths, self.lags

    @property
    def charts(self) -> Sequence[NamedChart]:
        """All charts."""
        return [self.cohort_chart] if self.cohort_chart else []


def journeys_page(
    stored: StoredResults, reported: Reported, choices: Choices, lookback_days: int, saved: Saved = NOTHING_SAVED
) -> JourneysPage:
    """Compute the content of the page "Journeys"; arguments as for `overview.overview`."""
    days = choices.first, choices.last
    until = {
        number: day
        for number in SINCE_TOUCH
        if number <= lookback_days and (day := stored.ask(known_until, *days, number, reported.data_ends))
    }
    since = _since_touch(stored, reported, choices, until, lookback_days)
    compared = stored.ask(compared_days, *days, lookback_days=lookback_days, basis=DateBasis.TOUCH)
    roles = stored.ask(channel_roles_over, *days)
    ages = [age for age in AGES if age <= lookback_days]
    cohorts = _cohorts(stored, reported, choices, ages, lookback_days)
    names = sorted({*since["channel_name"], *roles["channel_name"], *choices.channels})
    if choices.channels:
        since, roles = (frame[frame["channel_name"].isin(choices.channels)] for frame in (since, roles))
    channel, orders, revenue = Column("channel_name", "Channel", "text"), Column("orders", "Orders", "count"), _REVENUE
    since_columns = [
        Column(f"{figure}_{number}", f"{heading} {number} days", kind)
        for number in until
        for figure, heading, kind in (
            ("cost", "Cost, visits older than", "amount"),
            ("orders", "Orders after", orders_kind(choices.model)),
            ("revenue", "Revenue after", "amount"),
            ("roas", "ROAS after", "ratio"),
        )
    ]
    return JourneysPage(
        stored.ask(answered_by_over, choices.first, choices.last + dt.timedelta(days=lookback_days)),
        names,
        Table(
            "since_touch",
            "What the visits of these days have earned",
            [channel, *since_columns],
            since,
            about={"date_basis": "touch_date"},
        ),
        until,
        cohorts,
        _cohort_chart(cohorts, ages, Periods.of(choices, (), saved.annotations)),
        Table(
            "roles",
            "Orders that each channel took part in",
            [
                channel,
                Column("influenced_orders", "Orders influenced", "count"),
                Column("influenced_revenue", "Their revenue"),
                Column("assisted_orders", "Orders assisted", "count"),
                Column("assisted_revenue", "Their revenue"),
            ],
            roles.sort_values(["influenced_orders", "channel_name"], ascending=[False, True], ignore_index=True),
            about=OF_ORDERS,
        ),
        Table(
            "paths",
            "The most frequent paths to an order",
            [Column("path", "Path", "text"), Column("touchpoints", "Touchpoints", "count"), orders, revenue],
            _in_words(stored.ask(top_paths, *days)),
            about=OF_ORDERS,
        ),
        Table(
            "lengths",
            "Orders by the length of their path",
            [Column("touchpoints", "Touchpoints", "count"), orders, revenue, _SHARE],
            _with_share(stored.ask(path_lengths, *days)),
            about=OF_ORDERS,
        ),
        Table(
            "lags",
            "Orders by the days from the first touchpoint to the order",
            [Column("days_to_conversion", "Days", "count"), orders, revenue, _SHARE],
            _with_share(stored.ask(time_lags, *days)),
            about=OF_ORDERS,
        ),
        spoken(days_without(reported.days.intersection(compared), *days)),
    )


_REVENUE, _SHARE = Column("revenue", "Revenue"), Column("share", "Share of orders", "share")


def _since_touch(
    stored: StoredResults, reported: Reported, choices: Choices, until: Mapping[int, dt.date], lookback_days: int
) -> pd.DataFrame:
    """channel_name, then cost_7, orders_7, revenue_7, roas_7 and so on for each number of days; by descending cost."""
    result = pd.DataFrame({"channel_name": pd.Series(dtype=object)})
    for number, last in until.items():
        earned = stored.ask(
            roas_by_days_since_touch,
            choices.first,
            last,
            lookback_days=lookback_days,
            model=choices.model,
            days=(number,),
            last_day=reported.data_ends,
        )
        result = result.merge(earned.rename(columns={"cost": f"cost_{number}"}), "outer", "channel_name")
    costs = [f"cost_{number}" for number in until]
    return result.sort_values([*costs, "channel_name"], ascending=[False] * len(costs) + [True], ignore_index=True)


def _cohorts(
    stored: StoredResults, reported: Reported, choices: Choices, ages: Sequence[int], lookback_days: int
) -> Table:
    weeks = stored.ask(
        weekly_cohorts,
        choices.first,
        choices.last,
        lookback_days=lookback_days,
        model=choices.model,
        channels=choices.channels,
        last_day=reported.data_ends,
    )
    of_ages = [Column(f"roas_{age}", f"ROAS after {_days(age)}", "ratio") for age in ages]
    of_ages += [Column(f"revenue_{age}", f"Revenue after {_days(age)}") for age in ages]
    columns = [Column("week", "Visits of the week from", "text"), Column("cost", "Cost"), *of_ages]
    return Table(
        "cohorts", "What the visits of each week have earned", columns, weeks, about={"date_basis": "touch_date"}
    )


def _cohort_chart(cohorts: Table, ages: Sequence[int], periods: Periods) -> NamedChart | None:
    weeks = cohorts.frame
    if len(weeks) < LEAST_WEEKS or not ages or weeks[[f"roas_{age}" for age in ages]].isna().all(axis=None):
        return None
    names = [f"after {_days(age)}" for age in ages]
    rows = []
    for age, name in zip(ages, names, strict=True):
        for week, roas in zip(weeks["week"], weeks[f"roas_{age}"], strict=True):
            value = None if pd.isna(roas) else float(roas)
            rows.append({"t": week, "label": week, "series": name, "value": value, "final": value, "note": ""})
    words = "ROAS of the visits of each week, a line for each age; the table below has its figures"
    return NamedChart("cohorts", "ROAS of the visits of each week", series_chart(rows, names, periods.marks), "", words)


def _days(age: int) -> str:
    return f"{age} day{'s' if age > 1 else ''}"


def _with_share(orders: pd.DataFrame) -> pd.DataFrame:
    return orders.assign(share=orders["orders"] / orders["orders"].sum())


def _in_words(paths: pd.DataFrame) -> pd.DataFrame:
    return paths.assign(path=[path_in_words(path) for path in paths["path"]])
