"""Bar charts as SVG images in Markdown, which Dagster's UI shows in an asset's metadata.

Only drawing belongs here, with the alternative text for screen readers. The numbers to draw are chosen in
`report_plots.py`; line charts are in `lines.py`. A chart has its own white background, so that it looks the same in the
UI's dark theme; its colours are from Okabe and Ito's palette, which colour-blind people can tell apart.
"""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from attribution_assets.attribution.tables.readable import readable

BLUE, ORANGE = "#0072B2", "#D55E00"

WIDTH: Final = 600
FIRST_BAR: Final = 160
"""Distance of the bars from the left edge, in pixels; the rows' names stand left of them."""

LONGEST_NAME: Final = 26
_MARGIN: Final = 8
_VALUE: Final = 56
_BAR: Final = 11
_HEAD: Final = 44
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
        limit: highest end of the scale; a longer bar is cut off and has a white stroke near its end.
    """

    title: str
    rows: Sequence[str]
    panels: Sequence[Sequence[Series]]
    shown: Callable[[float], str]
    mark: float | None = None
    limit: float = float("inf")

    def markdown(self) -> str:
        """The chart as a Markdown image, with `in_words` as its alternative text."""
        image, words = b64encode(self.svg().encode()).decode(), _MARKDOWN.sub(r"\\\1", self.in_words())
        return f"![{words}](data:image/svg+xml;base64,{image})"

    def in_words(self) -> str:
        """The chart as text: its title, the names of the series, and the numbers of each row in the same order."""
        series = [one for panel in self.panels for one in panel]
        rows = [
            f"{_short(name)} {' / '.join(map(self._written, numbers))}"
            for name, *numbers in zip(self.rows, *(one.values for one in series), strict=True)
        ]
        return f"{self.title}, {' / '.join(one.name for one in series)}: {'; '.join(rows)}"

    def svg(self) -> str:
        """The chart as an SVG document."""
        step = _BAR * max(map(len, self.panels)) + 5
        height = _HEAD + step * len(self.rows) + _MARGIN
        title = escape(_plain(self.title))
        names = "".join(
            f'<text y="{_HEAD + step * row + step / 2 + 1.5:.0f}">{escape(_short(name), quote=False)}</text>'
            for row, name in enumerate(self.rows)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            f' role="img" font-family="sans-serif" font-size="11" fill="#222"><title>{title}</title>'
            f'<rect width="{WIDTH}" height="{height}" rx="4" fill="#fff"/>'
            f'<text x="{_MARGIN}" y="17" font-size="12" font-weight="bold">{title}</text>'
            f'<g text-anchor="end" transform="translate({FIRST_BAR - 6})">{names}</g>{self._panels(step, height)}</svg>'
        )

    def _panels(self, step: int, height: int) -> str:
        values = [value for panel in self.panels for one in panel for value in one.values if value is not None]
        end = max([min(max(values, default=0), self.limit), self.mark or 0]) or 1
        wide = (WIDTH - _MARGIN - FIRST_BAR) / len(self.panels)
        length = wide - _VALUE
        bars_and_lines, texts = [], []
        for number, panel in enumerate(self.panels):
            left = FIRST_BAR + number * wide
            for place, one in enumerate(panel):
                legend, top = left + place * wide / len(panel), _HEAD + _BAR * place + _BAR / 2
                bars, cuts = [f"M{_n(legend)} 33h8"], []
                texts.append(_text(legend + 12, 37, one.name))
                for row, value in enumerate(one.values):
                    middle = top + step * row
                    bar = 0 if value is None else min(value, end) / end * length
                    if bar:
                        bars.append(f"M{_n(left)} {_n(middle)}h{_n(bar)}")
                    if value is not None and value > end:
                        cuts.append(f"M{_n(left + bar - 12)} {_n(middle + 6)}l5-12")
                    texts.append(_text(left + bar + 4, middle + 4, self._written(value)))
                bars_and_lines.append(_lines(bars, f'stroke="{one.color}" stroke-width="9"'))
                bars_and_lines.append(_lines(cuts, 'stroke="#fff" stroke-width="3"'))
            if self.mark is not None:
                line = f"M{_n(left + self.mark / end * length)} {_HEAD - 3}V{height - 5}"
                bars_and_lines.append(_lines([line], 'stroke="#222" stroke-dasharray="3 2"'))
        readable = 'stroke="#fff" stroke-width="3" paint-order="stroke"'
        return f"{''.join(bars_and_lines)}<g {readable}>{''.join(texts)}</g>"

    def _written(self, value: float | None) -> str:
        return "n/a" if value is None else self.shown(value)


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


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}">{escape(text, quote=False)}</text>'


def _lines(drawn: Sequence[str], how: str) -> str:
    return f'<path {how} d="{"".join(drawn)}"/>' if drawn else ""


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _plain(text: str) -> str:
    """The text on one line, control characters as escapes: XML forbids them."""
    return " ".join(readable(text).split())


def _short(name: str) -> str:
    """The name cut to `LONGEST_NAME` characters, of which start and end are kept; East Asian wide ones count twice."""
    letters = _plain(name)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in letters)
    if len(letters) + wide <= LONGEST_NAME:
        return letters
    kept = (LONGEST_NAME - 1) // (4 if wide else 2)
    return f"{letters[:kept]}…{letters[-kept:]}"
