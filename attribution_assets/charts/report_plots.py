"""The three bar charts of a channel report, of one day or of a range of days: which numbers they show.

How bars are drawn is in `bars.py`. The report is computed in `attribution/reporting/channel_report.py`.
"""

from collections.abc import Sequence

import pandas as pd

from attribution_assets.attribution.tables.credit import PHASES
from attribution_assets.charts.bars import BarChart, Series, amount, percent
from attribution_assets.charts.rendering import Draw, svg
from attribution_assets.charts.style import BLUE, ORANGE

MOST_ROWS = 12
"""Maximum rows of a chart. With more channels, those with the largest cost plus revenue have a row each, and the others
are summed in the last row."""

BREAK_EVEN = 1.0
LONGEST_BAR = 3
"""A bar of ROAS is cut off at this many times the ROAS of all channels together, or this many times 1 if that is more.

Without the limit, a channel that costs next to nothing would make the other bars too short to compare."""

_NUMBERS = ["cost", "ihc_revenue", *PHASES]


def report_plots(report: pd.DataFrame, period: str, draw: Draw = svg) -> str:
    """Cost against attributed revenue, ROAS, and who opened, held and closed the orders: by channel, in Markdown.

    Args:
        report: A row per channel: channel_name, cost, ihc_revenue, initializer, holder, closer.
        period: The day or days, for the titles.
        draw: Draws the charts.

    Returns:
        The charts below each other; a chart without any number is left out. Empty for a report without rows.
    """
    channels = _chart_rows(report)
    if not channels:
        return ""
    names = [name for name, _ in channels]
    cost, revenue, *phases = zip(*(numbers for _, numbers in channels), strict=True)
    spent, earned = sum(cost), sum(revenue)
    charts = [
        BarChart(
            f"Cost and attributed revenue by channel, {period}",
            names,
            [
                [
                    Series(f"cost ({amount(spent)} in all)", cost, ORANGE),
                    Series(f"attributed revenue ({amount(earned)} in all)", revenue, BLUE),
                ]
            ],
            amount,
        )
    ]
    if spent:
        legend = f"attributed revenue / cost ({amount(earned / spent)} in all; the dashed line is at 1)"
        roas = Series(legend, _ratios(revenue, cost))
        limit = LONGEST_BAR * max(BREAK_EVEN, earned / spent)
        charts.append(BarChart(f"ROAS by channel, {period}", names, [[roas]], amount, BREAK_EVEN, limit))
    if any(map(any, phases)):
        shares = (_ratios(phase, [sum(phase)] * len(phase)) for phase in phases)
        panels = [[Series(name, of_phase)] for name, of_phase in zip(PHASES, shares, strict=True)]
        charts.append(BarChart(f"Share of each phase by channel, {period}", names, panels, percent))
    return "\n\n".join(chart.markdown(draw) for chart in charts)


def _chart_rows(report: pd.DataFrame) -> list[tuple[str, list[float]]]:
    """The rows of the charts, by descending cost plus revenue: the channel's name with its `_NUMBERS`."""
    numbers: list[list[float]] = report[_NUMBERS].to_numpy().tolist()
    rows = zip(report["channel_name"].tolist(), numbers, strict=True)
    channels = sorted(rows, key=lambda row: (-row[1][0] - row[1][1], row[0]))
    if len(channels) <= MOST_ROWS:
        return channels
    drawn, others = channels[: MOST_ROWS - 1], channels[MOST_ROWS - 1 :]
    together = [sum(column) for column in zip(*(of_one for _, of_one in others), strict=True)]
    return [*drawn, (f"{len(others)} others", together)]


def _ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float | None]:
    return [above / below if below else None for above, below in zip(numerators, denominators, strict=True)]
