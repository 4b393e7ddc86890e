"""The results by weekday: what an average Monday, Tuesday and so on cost and earned."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.charts.bars import column_chart
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.offered import METRICS
from attribution_assets.dashboard.over_time import COLUMN_OF, NamedChart
from attribution_assets.dashboard.tables import Column, Table, result_columns, with_figures

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
USUAL_METRIC = "revenue"


@dataclass(frozen=True)
class Weekdays:
    """The results by weekday.

    Attributes:
        table: A row per weekday of the chosen days: how many there are, and the figures of an average one.
        chart: The chosen metric of each; revenue, if none is chosen.
    """

    table: Table
    chart: NamedChart


def by_weekday(
    results: pd.DataFrame, choices: Choices, shown: Collection[dt.date], provisional: Collection[dt.date]
) -> Weekdays:
    """The results of an average day of each weekday; CPO and ROAS are ratios of sums.

    Args:
        results: date, channel_name, cost, orders, revenue of the chosen channels and days.
        choices: The reader's choices.
        shown: The days that have results, also those on which the chosen channels have none.
        provisional: The days whose results orders still to come can change.
    """
    days = [day for day in days_between(choices.first, choices.last) if day in shown]
    counts = pd.Series([day.weekday() for day in days], dtype="int64").value_counts().sort_index()
    weekday = [dt.date.fromisoformat(date).weekday() for date in results["date"]]
    sums = results.groupby(pd.Index(weekday, dtype="int64"))[["cost", "orders", "revenue"]].sum(min_count=1)
    means = sums.reindex(counts.index, fill_value=0.0).div(counts, axis="index")
    frame = with_figures(means, choices.margin).assign(days=counts)
    frame.insert(0, "weekday", [NAMES[number] for number in frame.index])
    metric = choices.metric or USUAL_METRIC
    values = frame[COLUMN_OF[metric]].round(9)
    rows = [
        {
            "label": name[:3],
            "value": None if pd.isna(value) else float(value),
            "note": "1 day" if count == 1 else f"{count} days",
        }
        for name, value, count in zip(frame["weekday"], values, frame["days"], strict=True)
    ]
    what = f"{METRICS[metric]} of an average day"
    columns = [Column("weekday", "Weekday", "text"), Column("days", "Days", "count"), *result_columns(choices.model)]
    about = {"provisional": "yes" if provisional else "no"}
    return Weekdays(
        Table("weekdays", "An average day of each weekday", columns, frame.reset_index(drop=True), about=about),
        NamedChart("weekdays", what, column_chart(rows), "", f"{what}, by weekday; the table has its figures"),
    )
