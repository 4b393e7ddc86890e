"""Bar charts as Vega-Lite specifications, and as SVG images in Markdown, which Dagster's UI shows in metadata.

What a chart is made of, with its text for screen readers, belongs here. The numbers to draw are chosen in
`report_plots.py` and on the dashboard; charts over time are in `over_time.py`.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from attribution_assets.attribution.tables.readable import readable
from attribution_assets.charts.rendering import Draw, svg
from attribution_assets.charts.style import BLUE, DARK, IN_ITS_PLACE, SMALL, Row, Spec, amount_of, chart, distinct

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

    def markdown(self, draw: Draw = svg) -> str:
        """The chart as a Markdown image, with `in_words` as its alternative text."""
        return as_markdown(self.spec(), self.in_words(), draw)

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
        panels = [self._panel(number, panel, end) for number, panel in enumerate(self.panels)]
        title = {"text": self.title, "anchor": "start"}
        return chart({"title": title, "hconcat": panels, "spacing": 8}, self._chart_rows(end))

    def _panel(self, number: int, panel: Sequence[Series], end: float) -> Spec:
        several = len(self.panels) > 1
        scale = {"domain": [one.name for one in panel], "range": [one.color for one in panel]}
        legend = None if several else {"orient": "top", "labelLimit": 0, "symbolType": "square"}
        names = {"labelLimit": 0, "ticks": False, "domain": False, "labels": not number}
        longest = end * (1 + TEXT_SPACE * len(self.panels))
        encoding = {
            "x": {"field": "bar", "type": "quantitative", "axis": None, "scale": {"domain": [0, longest]}},
            "y": {"field": "row", "type": "nominal", "sort": None, "title": None, "axis": names},
            **({"yOffset": {"field": "series", "sort": None}} if len(panel) > 1 else {}),
        }
        layers: list[Spec] = [
            {
                "mark": "bar",
                "encoding": {"color": {"field": "series", "title": None, "scale": scale, "legend": legend}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": DARK},
                "encoding": {"text": {"field": "text"}},
            },
        ]
        bars = {"encoding": encoding, "layer": layers}
        rule = {"type": "rule", "strokeDash": [3, 2], "color": DARK}
        line = [] if self.mark is None else [{"mark": rule, "encoding": {"x": {"datum": self.mark}}}]
        return {
            "width": WIDTH / len(self.panels),
            "height": max(len(self.rows), 1) * BAR * len(panel),
            "transform": [{"filter": {"field": "panel", "equal": panel[0].name}}],
            **({"title": {"text": panel[0].name, "fontSize": 11}} if several else {}),
            "layer": [bars, *line],
        }

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
    axis = {"labelAngle": 0, "labelOverlap": True, "ticks": False}
    x = {"field": "label", "type": "nominal", "sort": None, "title": None, "axis": axis}
    mark = {"type": "bar", "color": BLUE}
    return chart({**IN_ITS_PLACE, "height": SMALL, "mark": mark, "encoding": {"x": x, "y": amount_of("value")}}, rows)


def as_markdown(spec: Spec, words: str, draw: Draw = svg) -> str:
    """A chart as an SVG image in Markdown, with its words as alternative text."""
    image = b64encode(draw(spec).encode()).decode()
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
