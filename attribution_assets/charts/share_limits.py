"""A channel's share of the credit over time as a Vega-Lite specification: answered, expected, control limits."""

from collections.abc import Sequence
from typing import Final

from attribution_assets.charts.over_time import DASHED, LINE, X, nearest
from attribution_assets.charts.style import BLUE, GREY, IN_ITS_PLACE, ORANGE, SMALL, Row, Spec, amount_of, chart

PERCENT = 100

_POINT: Final[Spec] = {"type": "point", "size": 70, "filled": True}


def share_limits_chart(rows: Sequence[Row]) -> Spec:
    """One channel's share over time, in percent.

    Args:
        rows: t and label (YYYY-MM-DD), value (the answered share), expected, lower and upper (limits of the expected
            one; None where they are not known), market and model (the share where that moved it; None elsewhere),
            note (text).
    """
    limits = {"type": "area", "color": GREY, "opacity": 0.25, "invalid": LINE["invalid"]}
    layers = [
        _layer(limits, "lower", y2={"field": "upper"}),
        _layer({**DASHED, "color": GREY}, "expected"),
        _layer({**LINE, "color": BLUE}, "value"),
        _layer({**_POINT, "color": GREY, "shape": "square"}, "market"),
        _layer({**_POINT, "color": ORANGE, "shape": "diamond"}, "model"),
        nearest(["x"]),
    ]
    return chart({**IN_ITS_PLACE, "height": SMALL, "encoding": {"x": X}, "layer": layers}, rows)


def _layer(mark: Spec, y: str, **more: Spec) -> Spec:
    return {"mark": mark, "encoding": {"y": {**amount_of(y), "scale": {"zero": False}}, **more}}
