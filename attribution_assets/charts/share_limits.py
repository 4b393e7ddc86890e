"""A channel's share of the credit over time as a Vega-Lite specification: answered, expected, control limits."""

import functools
from collections.abc import Sequence

import altair as alt

from attribution_assets.charts.over_time import BLUE, DATA, GAPS, GREY, ORANGE, SMALL, Row, Spec

PERCENT = 100


def share_limits_chart(rows: Sequence[Row]) -> Spec:
    """One channel's share over time, in percent.

    Args:
        rows: t and label (YYYY-MM-DD), value (the answered share), expected, lower and upper (limits of the expected
            one; None where they are not known), market and model (the share where that moved it; None elsewhere),
            note (text).
    """
    return {**_chart(), "datasets": {DATA: list(rows)}}


@functools.cache
def _chart() -> Spec:
    base = alt.Chart(alt.NamedData(DATA)).encode(
        alt.X("t:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(
            format="%Y-%m-%d", tickCount=4, labelOverlap=True, labelFlush=True, grid=False))
    )  # fmt: skip
    near = alt.selection_point(name="near", nearest=True, on="pointerover", clear="pointerout", encodings=["x"])
    layers = [
        base.mark_area(color=GREY, opacity=0.25, invalid=GAPS).encode(_y("lower"), alt.Y2("upper:Q")),
        base.mark_line(color=GREY, strokeDash=[5, 4], invalid=GAPS).encode(_y("expected")),
        base.mark_line(color=BLUE, invalid=GAPS).encode(_y("value")),
        base.mark_point(color=GREY, size=70, shape="square", filled=True).encode(_y("market")),
        base.mark_point(color=ORANGE, size=70, shape="diamond", filled=True).encode(_y("model")),
        base.mark_circle(size=70)
        .encode(_y("value"), opacity=alt.condition(near, alt.value(1), alt.value(0), empty=False))
        .add_params(near),
    ]
    chart = alt.layer(*layers, height=SMALL).properties(
        width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: Spec = chart.configure(background="transparent").configure_view(strokeWidth=0).to_dict()
    return spec


def _y(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=None, axis=alt.Axis(format="~s", tickCount=4), scale=alt.Scale(zero=False))
