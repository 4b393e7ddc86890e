"""Bar charts as Vega-Lite specifications, and as SVG images in Markdown, which Dagster's UI shows in metadata.

What a chart is made of, with its text for screen readers, belongs here. The numbers to draw are chosen in
`report_plots.py` and on the dashboard; charts over time are in `over_time.py`.
"""

import functools
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import altair as alt

from attribution_assets.attribution.tables.readable import readable
from attribution_assets.charts.rendering import svg
from attribution_assets.charts.style import BLUE, DARK, DATA, SMALL, Row, Spec, distinct, finished, with_rows

WIDTH: Final = 380
"""Width of all panels together, in pixels; the rows' names stand left of them."""
BAR: Final = 15
"""Height of a bar with its distance to the next, in pixels."""
TEXT_SPACE: Final = 0.16
"""Part of the scale that is kept free for the text after the longest bar."""

LONGEST_NAME: Final = 26
_TRILLIONS: Final = 999.5e12
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<&!~])")
"""Characters with a meaning in Markdown, which are escaped."""


@dataclass(frozen=True)
class Series:
    """Bars of one colour, one per row.

    Attributes:
        name: its name in the legend.
        values: one value per row, 0 or more; None where a row has no value.
        color: colour of the bars.
    """

    name: str
    values: Sequence[float | None]
    color: str = BLUE


@dataclass(frozen=True)
class BarChart:
    """A bar chart with horizontal bars, all on one scale that starts at 0.

    Attributes:
        title: the subject and the days.
        rows: the rows' names, any text.
        panels: groups of series; panels stand side by side, the series of a panel below each other in each row.
        shown: writes a number as text.
        mark: the value at which a dashed line crosses the bars; None for no line.
        limit: highest end of the scale; a longer bar is cut off, and an arrow stands after its number.
    """

    title: str
    rows: Sequence[str]
    panels: Sequence[Sequence[Series]]
    shown: Callable[[float], str]
    mark: float | None = None
    limit: float = float("inf")

    def markdown(self) -> str:
        """The chart as a Markdown image, with `in_words` as its alternative text."""
        return as_markdown(self.spec(), self.in_words())

    def in_words(self) -> str:
        """The chart as text: its title, the names of the series, and the numbers of each row in the same order."""
        series = [one for panel in self.panels for one in panel]
        rows = [
            f"{readable(name, LONGEST_NAME)} {' / '.join(map(self._written, numbers))}"
            for name, *numbers in zip(self.rows, *(one.values for one in series), strict=True)
        ]
        return f"{self.title}, {' / '.join(one.name for one in series)}: {'; '.join(rows)}"

    def spec(self) -> Spec:
        """The chart as a Vega-Lite specification; its rows have row, panel, series, value, bar (cut off) and text."""
        series = [one for panel in self.panels for one in panel]
        values = [value for one in series for value in one.values if value is not None]
        end = max([min(max(values, default=0), self.limit), self.mark or 0]) or 1
        colors = alt.Scale(domain=[one.name for one in series], range=[one.color for one in series])
        legend = alt.Legend(orient="top", labelLimit=0, symbolType="square", title=None)
        single = len(self.panels) == 1
        panels = [
            self._panel(number, panel, end).encode(
                alt.Color("series:N", scale=colors, legend=legend if single else None)
            )
            for number, panel in enumerate(self.panels)
        ]
        title = alt.Title(self.title, anchor="start")
        chart = alt.hconcat(*panels, data=alt.NamedData(DATA), spacing=8).properties(title=title)
        return with_rows(finished(chart), self._chart_rows(end))

    def _panel(self, number: int, panel: Sequence[Series], end: float) -> alt.LayerChart:
        names = alt.Axis(labelLimit=0, ticks=False, domain=False, labels=not number)
        y = alt.Y("row:N", sort=None, title=None, axis=names)
        x = alt.X("bar:Q", axis=None, scale=alt.Scale(domain=[0, end * (1 + TEXT_SPACE * len(self.panels))]))
        base = alt.Chart().encode(x, y)
        if len(panel) > 1:
            base = base.encode(yOffset=alt.YOffset("series:N", sort=None))
        layers = [base.mark_bar(), base.mark_text(align="left", dx=4).encode(text="text:N", color=alt.value(DARK))]
        if self.mark is not None:
            rule = alt.Chart().mark_rule(strokeDash=[3, 2])
            layers.append(rule.encode(x=alt.datum(self.mark), color=alt.value(DARK)))
        size = {"width": WIDTH / len(self.panels), "height": max(len(self.rows), 1) * BAR * len(panel)}
        layered = alt.layer(*layers, **size).transform_filter(alt.datum.panel == panel[0].name)
        return layered if len(self.panels) == 1 else layered.properties(title=alt.Title(panel[0].name, fontSize=11))

    def _chart_rows(self, end: float) -> list[Row]:
        rows = distinct(readable(name, LONGEST_NAME) for name in self.rows)
        return [
            {
                "row": row,
                "panel": panel[0].name,
                "series": one.name,
                "value": value,
                "bar": min(value or 0.0, end),
                "text": self._written(value) + " \N{RIGHTWARDS ARROW}" * (value is not None and value > end),
            }
            for panel in self.panels
            for one in panel
            for row, value in zip(rows, one.values, strict=True)
        ]

    def _written(self, value: float | None) -> str:
        return "n/a" if value is None else self.shown(value)


def column_chart(rows: Sequence[Row]) -> Spec:
    """Upright bars, in the order of the rows, as wide as their place.

    Args:
        rows: label, value, note (text).
    """
    return with_rows(_columns(), rows)


@functools.cache
def _columns() -> Spec:
    x = alt.X("label:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format="~s", tickCount=4))
    bars = alt.Chart(alt.NamedData(DATA)).mark_bar(color=BLUE).encode(x, y)
    return finished(bars.properties(height=SMALL, width="container"))


def as_markdown(spec: Spec, words: str) -> str:
    """A chart as an SVG image in Markdown, with its words as alternative text."""
    image = b64encode(svg(spec).encode()).decode()
    escaped = _MARKDOWN.sub(r"\\\1", " ".join(readable(words, None).split()))
    return f"![{escaped}](data:image/svg+xml;base64,{image})"


def amount(value: float) -> str:
    """A number of 0 or more in few characters: `0`, `1,234`, `12.30`, `0.0042`, `1.23M`, `1.23bn`, `1,234tn`."""
    if value >= _TRILLIONS:
        return f"{value / 1e12:,.0f}tn"
    for unit, name in ((1e12, "tn"), (1e9, "bn"), (1e6, "M")):
        if value >= 0.9995 * unit:
            return f"{value / unit:.3g}{name}"
    if value >= 99.995:  # noqa: PLR2004 - from here on, decimal places are left out
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"  # noqa: PLR2004 - below, two significant digits


def percent(value: float) -> str:
    """A share as `12.3%`."""
    return "<0.1%" if 0 < value < 0.0005 else f"{value:.1%}"  # noqa: PLR2004 - would be rounded to 0.0%
