"""A channel's share of the credit over time as a Vega-Lite specification: answered, expected, control limits."""

from collections.abc import Sequence
from typing import Final

from attribution_assets.charts.style import BLUE, GREY, IN_ITS_PLACE, ORANGE, SMALL, Row, Spec, amount_of, chart

PERCENT = 100

_LINE: Final[Spec] = {"type": "line", "invalid": "break-paths-filter-domains"}
_POINT: Final[Spec] = {"type": "point", "size": 70, "filled": True}
_X: Final[Spec] = {
    "field": "t", "type": "temporal", "title": None, "scale": {"type": "utc"},
    "axis": {"format": "%Y-%m-%d", "tickCount": 4, "labelOverlap": True, "labelFlush": True, "grid": False},
}  # fmt: skip


def share_limits_chart(rows: Sequence[Row]) -> Spec:
    """One channel's share over time, in percent.

    Args:
        rows: t and label (YYYY-MM-DD), value (the answered share), expected, lower and upper (limits of the expected
            one; None where they are not known), market and model (the share where that moved it; None elsewhere),
            note (text).
    """
    limits = {"type": "area", "color": GREY, "opacity": 0.25, "invalid": "break-paths-filter-domains"}
    near = {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout", "encodings": ["x"]}
    shown = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    layers = [
        _layer(limits, "lower", y2={"field": "upper"}),
        _layer({**_LINE, "color": GREY, "strokeDash": [5, 4]}, "expected"),
        _layer({**_LINE, "color": BLUE}, "value"),
        _layer({**_POINT, "color": GREY, "shape": "square"}, "market"),
        _layer({**_POINT, "color": ORANGE, "shape": "diamond"}, "model"),
        {
            **_layer({"type": "circle", "size": 70}, "value", opacity=shown),
            "params": [{"name": "near", "select": near}],
        },
    ]
    return chart({**IN_ITS_PLACE, "height": SMALL, "encoding": {"x": _X}, "layer": layers}, rows)


def _layer(mark: Spec, y: str, **more: Spec) -> Spec:
    return {"mark": mark, "encoding": {"y": {**amount_of(y), "scale": {"zero": False}}, **more}}
