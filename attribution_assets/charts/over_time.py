"""Charts over time as Vega-Lite specifications: one figure, or one figure of several channels, models or ages.

A chart is defined here, once. Its data is rows that `dashboard/over_time.py` prepares. The page draws it with
Vega-Lite's script, and `rendering.py` as SVG or PNG. Marks are annotations: t (YYYY-MM-DD) and number, by which the
text beside the chart names it.
"""

from collections.abc import Sequence
from typing import Final

from attribution_assets.charts.style import (
    BLUE,
    GREY,
    IN_ITS_PLACE,
    LARGE,
    MARKS,
    ORANGE,
    SERIES_COLORS,
    SMALL,
    Row,
    Spec,
    amount_of,
    chart,
)

X: Final[Spec] = {
    "field": "t", "type": "temporal", "title": None, "scale": {"type": "utc"},
    "axis": {"format": "%Y-%m-%d", "tickCount": 4, "labelOverlap": True, "labelFlush": True, "grid": False},
}  # fmt: skip
LINE: Final[Spec] = {"type": "line", "invalid": "break-paths-filter-domains"}
"""A line has a gap where there is no value."""
DASHED: Final[Spec] = {**LINE, "strokeDash": [5, 4]}
ALONE: Final[Spec] = {"type": "circle", "size": 30}
"""A value with a gap on both sides, of which a line shows nothing."""

ANNOTATIONS: Final[list[Spec]] = [
    {"data": {"name": MARKS}, "mark": {"type": "rule", "color": GREY, "strokeDash": [4, 2]}},
    {
        "data": {"name": MARKS},
        "mark": {"type": "text", "color": GREY, "baseline": "bottom", "dy": -2},
        "encoding": {"text": {"field": "number"}, "y": {"value": 0}},
    },
]
"""A line at the day of each annotation, with its number above."""


def single_chart(rows: Sequence[Row], marks: Sequence[Row] = ()) -> Spec:
    """One figure over time.

    Args:
        rows: t and label (YYYY-MM-DD), value, final and changing (the value where it is final, and where the line to
            it can still change; None elsewhere), before (that of the period compared with), average (moving), anomaly
            (the value where it is one), partial (the value where its period is partial), note (text).
        marks: Annotations.
    """
    layers = [
        _layer({"type": "line", "color": GREY, "strokeWidth": 1, "strokeDash": [1, 2]}, "before"),
        _layer({"type": "line", "color": ORANGE, "strokeWidth": 1}, "average"),
        _layer({**LINE, "color": BLUE}, "final"),
        _layer({**DASHED, "color": BLUE}, "changing"),
        _layer({**ALONE, "color": BLUE}, "alone"),
        _layer({"type": "point", "color": BLUE, "size": 60, "filled": False}, "partial"),
        _layer({"type": "point", "color": ORANGE, "size": 90, "shape": "diamond", "filled": True}, "anomaly"),
        *ANNOTATIONS,
        nearest(["x"]),
    ]
    return chart({**IN_ITS_PLACE, "height": SMALL, "encoding": {"x": X}, "layer": layers}, _with_alone(rows), marks)


def series_chart(rows: Sequence[Row], names: Sequence[str], marks: Sequence[Row] = ()) -> Spec:
    """One figure over time of several channels or models, on one scale.

    Args:
        rows: As for `single_chart`, and series: the name of the row's series.
        names: All series, in the order of their colours.
        marks: Annotations.
    """
    color = _color(names)
    faded = {"condition": {"param": "chosen", "value": 1}, "value": 0.12}
    chosen = {"name": "chosen", "select": {"type": "point", "fields": ["series"]}, "bind": "legend"}
    layers = [
        {**_layer(LINE, "final", color=color, opacity=faded), "params": [chosen]},
        _layer(DASHED, "changing", color=color, opacity=faded),
        _layer(ALONE, "alone", color=color, opacity=faded),
        _layer({"type": "point", "size": 50, "filled": False}, "partial", color=color, opacity=faded),
        *ANNOTATIONS,
        nearest(["x", "y"], color=color),
    ]
    return chart({**IN_ITS_PLACE, "height": LARGE, "encoding": {"x": X}, "layer": layers}, _with_alone(rows), marks)


def share_chart(rows: Sequence[Row], names: Sequence[str]) -> Spec:
    """Each series' share of their sum over time, stacked to 100 %; arguments as for `series_chart`."""
    encoding = {
        "x": {
            "field": "label", "type": "ordinal", "title": None,
            "axis": {"labelAngle": 0, "labelOverlap": True, "ticks": False},
        },
        "y": {**amount_of("value", format=".0%"), "stack": "normalize"},
        "color": _color(names),
        "order": {"field": "rank", "type": "quantitative"},
        "detail": {"field": "label"},
    }  # fmt: skip
    return chart({**IN_ITS_PLACE, "height": LARGE, "mark": "bar", "encoding": encoding}, rows)


def _with_alone(rows: Sequence[Row]) -> list[Row]:
    """The rows, and alone: the value where the rows before and after it have none, or are of another series."""
    found: list[Row] = []
    for place, row in enumerate(rows):
        beside = [*rows[max(place - 1, 0) : place], *rows[place + 1 : place + 2]]
        joined = any(near["value"] is not None and near.get("series") == row.get("series") for near in beside)
        found.append({**row, "alone": None if joined else row["value"]})
    return found


def _layer(mark: Spec, y: str, **more: Spec) -> Spec:
    return {"mark": mark, "encoding": {"y": amount_of(y), **more}}


def nearest(directions: Sequence[str], **more: Spec) -> Spec:
    """A mark at the value that is nearest to the pointer or finger; the page writes down what it says."""
    shown = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    pointed = {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout", "encodings": directions}
    layer = _layer({"type": "circle", "size": 70}, "value", opacity=shown, **more)
    return {**layer, "params": [{"name": "near", "select": pointed}]}


def _color(names: Sequence[str]) -> Spec:
    scale = {"domain": list(names), "range": list(SERIES_COLORS[: len(names)])}
    legend = {"orient": "bottom", "columns": 2, "symbolLimit": 0}
    return {"field": "series", "type": "nominal", "title": None, "scale": scale, "legend": legend}
