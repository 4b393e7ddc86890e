"""Results over time: cost and earnings of the chosen channels by day or week, as a table and as charts.

The geometry of the charts is in `charts/lines.py`.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from attribution_assets.charts.lines import LineChart, Value, line_chart
from attribution_assets.dashboard.choices import METRICS, Choices
from attribution_assets.dashboard.tables import Column, Table, result_columns, summed, written

COLUMN_OF = {metric: {"cpo": "CPO", "roas": "ROAS"}.get(metric, metric) for metric in METRICS}
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True)
class NamedChart:
    """A chart with its heading, and its latest value as text."""

    name: str
    chart: LineChart
    latest: str


@dataclass(frozen=True)
class OverTime:
    """The results over time.

    Attributes:
        table: A row per day or week.
        charts: A chart per metric, of all chosen channels together.
        by_channel: A chart per channel, of the chosen metric, each with its own scale; empty if no metric is chosen.
        has_provisional: Whether a day or week shown is provisional: orders still to come can change it.
        has_partial: Whether a week shown is partial: not all of its days are chosen.
    """

    table: Table
    charts: Sequence[NamedChart]
    by_channel: Sequence[NamedChart]
    has_provisional: bool
    has_partial: bool


def over_time(results: pd.DataFrame, choices: Choices, provisional: Collection[dt.date]) -> OverTime:
    """Sum the results by day or week.

    Args:
        results: date, channel_name, cost, orders, revenue of the days shown; a day without rows is a gap.
        choices: The reader's choices.
        provisional: The days whose results orders still to come can change.
    """
    periods = _periods(choices)
    rows = results.assign(period=[_period_start(dt.date.fromisoformat(date), choices.step) for date in results["date"]])
    of_all = summed(rows, "period", choices.margin).set_index("period").reindex(periods)
    changing = {_period_start(day, choices.step) for day in provisional}
    partial = {start for start in periods if choices.step == "week" and not _is_whole_week(start, choices)}
    notes = [", ".join(_notes(start in changing, start in partial)) for start in periods]
    frame = of_all.reset_index().assign(note=notes)
    frame["period"] = frame["period"].astype(str)

    def chart(name: str, figures: "pd.Series[float]") -> NamedChart:
        values = [
            Value(
                str(start),
                " ".join(filter(None, [f"{start}: {written(figure, 'amount')}", f"({note})" if note else ""])),
                None if pd.isna(figure) else float(figure),
                start in changing,
                start in partial,
            )
            for start, figure, note in zip(periods, figures, notes, strict=True)
        ]
        known = [value.value for value in values if value.value is not None]
        return NamedChart(name, line_chart(values), written(known[-1] if known else None, "amount"))

    period = Column("period", "Week from" if choices.step == "week" else "Day", "text")
    columns = [period, *result_columns(choices.model)]
    return OverTime(
        Table(
            "over_time",
            f"All chosen channels by {choices.step}",
            [*columns, Column("note", "Note", "text")],
            frame.assign(provisional=["yes" if start in changing else "no" for start in periods]),
            about={"provisional": "yes" if changing else "no"},
        ),
        [chart(name, of_all[COLUMN_OF[metric]]) for metric, name in METRICS.items()],
        [chart(channel, figures) for channel, figures in _by_channel(rows, choices, periods)],
        bool(changing),
        bool(partial),
    )


def _by_channel(
    rows: pd.DataFrame, choices: Choices, periods: list[dt.date]
) -> Iterator[tuple[str, "pd.Series[float]"]]:
    for channel, part in rows.groupby("channel_name") if choices.metric else ():
        of_channel = summed(part, "period", choices.margin).set_index("period").reindex(periods)
        yield str(channel), of_channel[COLUMN_OF[choices.metric]]


def _notes(provisional: bool, partial: bool) -> list[str]:  # noqa: FBT001  # both describe the same period
    return ["provisional"] * provisional + ["partial week"] * partial


def _periods(choices: Choices) -> list[dt.date]:
    step = WEEK if choices.step == "week" else dt.timedelta(days=1)
    start = _period_start(choices.first, choices.step)
    return [start + step * count for count in range((choices.last - start) // step + 1)]


def _period_start(day: dt.date, by: str) -> dt.date:
    return day - dt.timedelta(days=day.weekday()) if by == "week" else day


def _is_whole_week(start: dt.date, choices: Choices) -> bool:
    return choices.first <= start and start + WEEK - dt.timedelta(days=1) <= choices.last
