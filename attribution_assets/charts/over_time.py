"""Charts over time as Vega-Lite specifications: one figure, or one figure of several channels, models or ages.

A chart is defined here with Altair, once. Its data is rows that `dashboard/over_time.py` prepares. The page draws it
with Vega-Lite's script, and `rendering.py` as SVG or PNG. Marks are annotations: t (YYYY-MM-DD), label (start of the
day, week or month) and number, by which the text beside the chart names it.
"""

import functools
from collections.abc import Sequence
from typing import Any, Final, Literal

import altair as alt

from attribution_assets.charts.style import (
    BLUE,
    DATA,
    GREY,
    LARGE,
    MARKS,
    ORANGE,
    SERIES_COLORS,
    SMALL,
    Row,
    Spec,
    finished,
    with_rows,
)

GAPS: Final = "break-paths-filter-domains"
"""A line has a gap where there is no value."""


def single_chart(rows: Sequence[Row], marks: Sequence[Row] = ()) -> Spec:
    """One figure over time.

    Args:
        rows: t and label (YYYY-MM-DD), value, final and changing (the value where it is final, and where the line to
            it can still change; None elsewhere), before (that of the period before), average (moving), anomaly (the
            value where it is one), partial (the value where its period is partial), note (text).
        marks: Annotations.
    """
    return with_rows(_single(), rows, marks)


def series_chart(rows: Sequence[Row], names: Sequence[str], marks: Sequence[Row] = ()) -> Spec:
    """One figure over time of several channels or models, on one scale.

    Args:
        rows: As for `single_chart`, and series: the name of the row's series.
        names: All series, in the order of their colours.
        marks: Annotations.
    """
    return with_rows(_series(tuple(names)), rows, marks)


def share_chart(rows: Sequence[Row], names: Sequence[str]) -> Spec:
    """Each series' share of their sum over time, stacked to 100 %; arguments as for `series_chart`."""
    return with_rows(_share(tuple(names)), rows)


@functools.cache
def _single() -> Spec:
    base, x = _base()
    layers = [
        base.mark_line(color=GREY, strokeWidth=1, strokeDash=[1, 2]).encode(x, _y("before")),
        base.mark_line(color=ORANGE, strokeWidth=1).encode(x, _y("average")),
        base.mark_line(color=BLUE, invalid=GAPS).encode(x, _y("final")),
        base.mark_line(color=BLUE, invalid=GAPS, strokeDash=[5, 4]).encode(x, _y("changing")),
        base.mark_point(color=BLUE, size=60, filled=False).encode(x, _y("partial")),
        base.mark_point(color=ORANGE, size=90, shape="diamond", filled=True).encode(x, _y("anomaly")),
        *_annotations(x),
        _nearest(base.encode(x), ["x"]),
    ]
    return _in_its_place(alt.layer(*layers, height=SMALL))


@functools.cache
def _series(names: tuple[str, ...]) -> Spec:
    base, x = _base()
    chosen = alt.selection_point(name="chosen", fields=["series"], bind="legend")
    faded = alt.condition(chosen, alt.value(1), alt.value(0.12))
    line = base.encode(x, color=_color(names), opacity=faded)
    layers = [
        line.mark_line(invalid=GAPS).encode(_y("final")).add_params(chosen),
        line.mark_line(invalid=GAPS, strokeDash=[5, 4]).encode(_y("changing")),
        line.mark_point(size=50, filled=False).encode(_y("partial")),
        *_annotations(x),
        _nearest(base.encode(x, color=_color(names)), ["x", "y"]),
    ]
    return _in_its_place(alt.layer(*layers, height=LARGE))


@functools.cache
def _share(names: tuple[str, ...]) -> Spec:
    base, _ = _base()
    x = alt.X("label:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False))
    y = alt.Y("value:Q", stack="normalize", title=None, axis=alt.Axis(format=".0%", tickCount=4))
    return _in_its_place(
        base.mark_bar()
        .encode(x, y, color=_color(names), order=alt.Order("rank:Q"), detail="label:N")
        .properties(height=LARGE)
    )


def _annotations(x: alt.X) -> list[alt.Chart]:
    """A line at the day of each annotation, with its number above."""
    base = alt.Chart(alt.NamedData(MARKS)).encode(x)
    return [
        base.mark_rule(color=GREY, strokeDash=[4, 2]),
        base.mark_text(color=GREY, baseline="bottom", dy=-2).encode(y=alt.value(0), text="number:N"),
    ]


def _base() -> tuple[alt.Chart, alt.X]:
    base = alt.Chart(alt.NamedData(DATA))
    x = alt.X("t:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(
        format="%Y-%m-%d", tickCount=4, labelOverlap=True, labelFlush=True, grid=False))  # fmt: skip
    return base, x


def _y(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=None, axis=alt.Axis(format="~s", tickCount=4))


def _nearest(base: alt.Chart, directions: Sequence[Literal["x", "y"]]) -> alt.Chart:
    """A mark at the value that is nearest to the pointer or finger; the page writes down what it says."""
    near = alt.selection_point(name="near", nearest=True, on="pointerover", clear="pointerout", encodings=directions)
    shown = alt.condition(near, alt.value(1), alt.value(0), empty=False)
    mark: alt.Chart = base.mark_circle(size=70).encode(_y("value"), opacity=shown).add_params(near)
    return mark


def _color(names: tuple[str, ...]) -> alt.Color:
    scale = alt.Scale(domain=list(names), range=list(SERIES_COLORS[: len(names)]))
    return alt.Color("series:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=2, symbolLimit=0))


def _in_its_place(chart: Any) -> Spec:  # noqa: ANN401 - of any kind of chart
    """The chart as wide as its place."""
    return finished(chart.properties(width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding")))
