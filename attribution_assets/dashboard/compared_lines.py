"""A chart of several lines: one metric of several channels or models over time, or each channel's share of it."""

from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.results.channel_results import MODELS, results_by_day
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.charts.over_time import series_chart, share_chart
from attribution_assets.charts.style import SERIES_COLORS, distinct
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.offered import METRICS, MODEL_NAMES
from attribution_assets.dashboard.over_time import COLUMN_OF, NamedChart, Periods
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import Column, Table, knows_cost

ADDITIVE = ("cost", "orders", "revenue")
"""The metrics of which a channel has a share; others can be negative or do not add up."""


@dataclass(frozen=True)
class ComparedLines:
    """Several lines in one chart.

    Attributes:
        chart: The chart.
        table: The figures behind it: a row per line and period.
        left_out: What is not in it, as a sentence; empty if all is.
    """

    chart: NamedChart
    table: Table
    left_out: str


def compared_lines(
    stored: StoredResults,
    results: pd.DataFrame,
    choices: Choices,
    periods: Periods,
    lookback_days: int,
) -> ComparedLines | None:
    """The lines of the chosen metric; None if no metric is chosen or there is nothing to draw.

    Args:
        stored: The stored days.
        results: date, channel_name, cost, orders, revenue of the chosen channels and days.
        choices: The reader's choices.
        periods: The days, weeks or months of the chosen days.
        lookback_days: Length of the lookback window.
    """
    if not choices.metric or results.empty:
        return None
    share = choices.split == "share"
    metric = "revenue" if share and choices.metric not in ADDITIVE else choices.metric
    said = (
        f"{METRICS[choices.metric]} has no shares: those of the revenue are shown." if metric != choices.metric else ""
    )
    if metric not in ("orders", "revenue") and not knows_cost(results):
        metric, said = "revenue", f"{METRICS[metric]} is not known of single orders: their revenue is shown."
    parts: list[tuple[str, pd.DataFrame]]
    if choices.split == "model":
        parts = [(MODEL_NAMES[model], _by_model(stored, choices, model, lookback_days)) for model in MODELS]
    else:
        parts, others = _largest(results, share=share)
        said = " ".join(filter(None, [said, others]))
    names = distinct(readable(name) for name, _ in parts)
    figures = {
        name: periods.figures(part, choices.margin)[COLUMN_OF[metric]]
        for name, (_, part) in zip(names, parts, strict=True)
    }
    sums = pd.concat(figures.values(), axis="columns").sum(axis="columns")
    rows = [
        {**row, "series": name, "rank": rank}
        for rank, (name, values) in enumerate(figures.items())
        for row in periods.rows(values, share=values / sums.where(sums != 0))
    ]
    what = f"{METRICS[metric]}{', share' if share else ''}, by {choices.step}"
    draw = share_chart(rows, names) if share else series_chart(rows, names, periods.marks)
    words = (
        f"{what}, a line for {'each model' if choices.split == 'model' else 'each channel'}; the table has its figures"
    )
    chart = NamedChart("compared", what, draw, "", words)
    columns = [Column("series", "Of", "text"), Column("t", "From", "text"), Column("value", METRICS[metric], "ratio")]
    columns += [Column("share", "Share", "share")] if share else []
    frame = pd.DataFrame(rows).assign(provisional=lambda all_rows: all_rows["note"].str.contains("provisional"))
    frame["provisional"] = frame["provisional"].map({True: "yes", False: "no"})
    about = {"provisional": "yes" if periods.changing else "no"}
    about |= {"model": "all"} if choices.split == "model" else {}
    columns.append(Column("note", "Note", "text"))
    return ComparedLines(chart, Table("compared", what, columns, frame.astype({"value": float}), about=about), said)


def _by_model(stored: StoredResults, choices: Choices, model: str, lookback_days: int) -> pd.DataFrame:
    days = choices.first, choices.last
    found = stored.ask(results_by_day, *days, lookback_days=lookback_days, model=model, basis=choices.basis)
    return found[found["channel_name"].isin(choices.channels)] if choices.channels else found


def _largest(results: pd.DataFrame, *, share: bool) -> tuple[list[tuple[str, pd.DataFrame]], str]:
    """The channels with the largest cost plus revenue, as many as there are colours; of shares, the others together."""
    size = results.groupby("channel_name")[["cost", "revenue"]].sum().sum(axis="columns")
    ordered = size.sort_values(ascending=False, kind="stable").index.tolist()
    most = len(SERIES_COLORS)
    if len(ordered) <= most:
        return [(name, results[results["channel_name"] == name]) for name in ordered], ""
    drawn = ordered[: most - 1] if share else ordered[:most]
    parts = [(name, results[results["channel_name"] == name]) for name in drawn]
    if share:
        return [*parts, ("others", results[~results["channel_name"].isin(drawn)])], ""
    return parts, f"The {most} largest of {len(ordered)} channels; choose channels above to see others."
