"""Results over time: cost and earnings of the chosen channels by day, week or month, as a table and as charts.

How the charts look is in `charts/over_time.py`; what they show of several channels or models is in `compared_lines.py`.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from attribution_assets.charts.over_time import single_chart
from attribution_assets.charts.style import Row, Spec
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.offered import METRICS
from attribution_assets.dashboard.saved import Annotation
from attribution_assets.dashboard.tables import Column, Table, result_columns, with_figures, written

COLUMN_OF = {metric: {"cpo": "CPO", "roas": "ROAS"}.get(metric, metric) for metric in METRICS}
WINDOWS = {"day": 7, "week": 4, "month": 3}
"""How many days, weeks or months a moving average covers."""

LEAST_BEFORE, MOST_BEFORE, MOST_DEVIATIONS = 14, 28, 3.5
"""A day's value is unusual if it is further from the median of the 14 to 28 days before it than 3.5 times their usual
distance: 1.4826 times the median of their distances, which is a standard deviation where values are normal."""


@dataclass(frozen=True)
class NamedChart:
    """A chart with its heading.

    Attributes:
        key: Its name in addresses.
        name: Its heading.
        spec: Its specification for Vega-Lite.
        latest: Its latest value that is of a whole day, week or month, as text.
        words: What it shows, for those who cannot see it.
    """

    key: str
    name: str
    spec: Spec
    latest: str
    words: str


@dataclass(frozen=True)
class Periods:
    """The days, weeks or months that are shown.

    Attributes:
        step: `day`, `week` or `month`.
        starts: The first day of each.
        changing: Those that orders still to come can change.
        partial: Those of which not all days are chosen.
        annotations: What was written of the chosen days, by day.
    """

    step: str
    starts: Sequence[dt.date]
    changing: Collection[dt.date]
    partial: Collection[dt.date]
    annotations: Sequence[Annotation] = ()

    @classmethod
    def of(
        cls, choices: Choices, provisional: Collection[dt.date], annotations: Iterable[Annotation] = ()
    ) -> "Periods":
        """The periods of the chosen days.

        Args:
            choices: The reader's choices.
            provisional: The days that orders still to come can change.
            annotations: What was written of any days.
        """
        starts = [start_of(choices.first, choices.step)]
        while (after := _next(starts[-1], choices.step)) <= choices.last:
            starts.append(after)
        partial = {
            start
            for start in starts
            if start < choices.first or _next(start, choices.step) - dt.timedelta(days=1) > choices.last
        }
        changing = {start_of(day, choices.step) for day in provisional}
        return cls(choices.step, starts, changing, partial, annotations_within(annotations, choices))

    def note(self, start: dt.date) -> str:
        """What is to be known of a period, in words."""
        notes = ["provisional"] * (start in self.changing) + [f"partial {self.step}"] * (start in self.partial)
        written_of_it = [one.text for one in self.annotations if start_of(one.day, self.step) == start]
        return ", ".join([*notes, *written_of_it])

    @property
    def marks(self) -> list[Row]:
        """The annotations as marks of a chart, see `charts.over_time`, numbered in their order."""
        return [{"t": str(one.day), "number": str(number)} for number, one in enumerate(self.annotations, 1)]

    def figures(self, results: pd.DataFrame, margin: float, window: int = 1) -> pd.DataFrame:
        """The figures of each period, in their order; NaN for a period without rows.

        Args:
            results: date, cost, orders, revenue.
            margin: See `with_figures`.
            window: The number of periods that are summed up to each; NaN until there are as many.
        """
        starts = [start_of(dt.date.fromisoformat(date), self.step) for date in results["date"]]
        sums = results.groupby(pd.Index(starts, dtype=object))[["cost", "orders", "revenue"]].sum(min_count=1)
        sums = sums.reindex(list(self.starts)).astype("float64")
        return with_figures(sums.rolling(window).mean() if window > 1 else sums, margin)

    def rows(self, values: Iterable[float], **more: Iterable[float]) -> list[dict[str, object]]:
        """The rows of a chart's line, see `charts.over_time`; None where a value is NaN."""
        known = [_known(value) for value in values]
        columns = [[_known(value) for value in column] for column in more.values()]
        rows: list[dict[str, object]] = []
        for place, (start, value) in enumerate(zip(self.starts, known, strict=True)):
            beside = self.starts[max(place - 1, 0) : place + 2]
            rows.append(
                {
                    "t": str(start),
                    "label": str(start),
                    "value": value,
                    "final": None if start in self.changing else value,
                    "changing": value if any(near in self.changing for near in beside) else None,
                    "partial": value if start in self.partial else None,
                    "note": self.note(start),
                    **{name: column[place] for name, column in zip(more, columns, strict=True)},
                }
            )
        return rows


@dataclass(frozen=True)
class OverTime:
    """The results over time.

    Attributes:
        table: A row per day, week or month.
        charts: A chart per metric, of all chosen channels together.
        unusual: A sentence for each unusual day of a metric.
        has_provisional: Whether a period shown is provisional: orders still to come can change it.
        has_partial: Whether a period shown is partial: not all of its days are chosen.
        annotations: What was written of the chosen days, in the order of the numbers in the charts.
    """

    table: Table
    charts: Sequence[NamedChart]
    unusual: Sequence[str]
    has_provisional: bool
    has_partial: bool
    annotations: Sequence[Annotation]


def over_time(
    results: pd.DataFrame, results_before: pd.DataFrame | None, choices: Choices, periods: Periods
) -> OverTime:
    """Sum the results by day, week or month.

    Args:
        results: date, channel_name, cost, orders, revenue of the days shown; a day without rows is a gap.
        results_before: Those of the period compared with, at equal age; None if they cannot be compared.
        choices: The reader's choices.
        periods: The days, weeks or months of the chosen days.
    """
    now = periods.figures(results, choices.margin)
    beside: dict[str, pd.DataFrame] = {}
    if choices.overlay in ("before", "both") and results_before is not None:
        beside["before"] = periods.figures(_shifted(results_before, choices.shift), choices.margin)
    if choices.overlay in ("average", "both"):
        beside["average"] = periods.figures(results, choices.margin, WINDOWS[periods.step])
    charts, sentences = [], []
    for metric, name in METRICS.items():
        column = COLUMN_OF[metric]
        values = now[column]
        odd = unusual(values, periods)
        lines = {overlay: frame[column] for overlay, frame in beside.items()}
        of_metric = replace(periods, changing=()) if metric == "cost" else periods
        rows = of_metric.rows(values, **lines, anomaly=values.where(odd))
        latest = [row for row in rows if row["value"] is not None and row["partial"] is None]
        words = f"{name} by {periods.step} of all chosen channels; the table below has its figures"
        kind = "cpo" if metric == "cpo" else "amount"
        if values.isna().all():
            continue
        charts.append(NamedChart(metric, name, single_chart(rows, periods.marks), _latest(latest, kind), words))
        sentences += [f"{name} on {day}: {written(values[day], kind)}" for day in values.index[odd]]
    frame = now.rename_axis("period").reset_index()
    frame = frame.assign(
        period=frame["period"].astype(str),
        note=[periods.note(start) for start in periods.starts],
        provisional=["yes" if start in periods.changing else "no" for start in periods.starts],
    )
    first = Column("period", "Day" if periods.step == "day" else f"{periods.step.capitalize()} from", "text")
    columns = [first, *result_columns(choices.model), Column("note", "Note", "text")]
    about = {"provisional": "yes" if periods.changing else "no"}
    return OverTime(
        Table("over_time", f"All chosen channels by {periods.step}", columns, frame, about=about),
        charts,
        sentences,
        bool(periods.changing),
        bool(periods.partial),
        periods.annotations,
    )


def annotations_within(annotations: Iterable[Annotation], choices: Choices) -> list[Annotation]:
    """Those of the chosen days."""
    return [one for one in annotations if choices.first <= one.day <= choices.last]


def unusual(values: "pd.Series[float]", periods: Periods) -> "pd.Series[bool]":
    """Which final days have an unusual value, see `MOST_DEVIATIONS`; of weeks and months, none."""
    numbers = values.to_numpy(dtype="float64")
    found = [False] * len(numbers)
    for place, start in enumerate(periods.starts if periods.step == "day" else ()):
        before = numbers[max(place - MOST_BEFORE, 0) : place]
        before = before[~np.isnan(before)]
        if len(before) >= LEAST_BEFORE and start not in periods.changing:
            middle = np.median(before)
            distance = float(np.median(np.abs(before - middle))) * 1.4826
            found[place] = bool(abs(numbers[place] - middle) > MOST_DEVIATIONS * distance > 0)
    return pd.Series(found, index=values.index)


def start_of(day: dt.date, step: str) -> dt.date:
    """The first day of the day, week (from Monday) or month that a day is in."""
    if step == "month":
        return day.replace(day=1)
    return day - dt.timedelta(days=day.weekday()) if step == "week" else day


def _next(start: dt.date, step: str) -> dt.date:
    if step == "month":
        return (start + dt.timedelta(days=31)).replace(day=1)
    return start + dt.timedelta(days=7 if step == "week" else 1)


def _shifted(results: pd.DataFrame, days: int) -> pd.DataFrame:
    """The period compared with, each of its days on the chosen day that it is compared with."""
    later = [str(dt.date.fromisoformat(date) + dt.timedelta(days=days)) for date in results["date"]]
    return results.assign(date=later)


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _latest(rows: Sequence[Mapping[str, object]], kind: str) -> str:
    if not rows:
        return ""
    return written(rows[-1]["value"], kind) + (" so far" if rows[-1]["final"] is None else "")
