"""What all charts have in common: colours, the place of their rows, and what surrounds a definition.

Definitions are Vega-Lite specifications written as they are, not made with Altair: importing it and having it build and
copy them would take a run that reports half a second more than drawing its charts does.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import vl_convert

Spec = dict[str, Any]
Row = Mapping[str, object]

BLUE, ORANGE, GREY, DARK = "#0072B2", "#D55E00", "#767d86", "#222"
SERIES_COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7a5195", "#8c564b", "#17877d", "#b5a300",
)  # fmt: skip
"""Colours of several series: Okabe and Ito's palette, which colour-blind people can tell apart, and three more."""

DATA, MARKS = "rows", "marks"
SMALL, LARGE = 140, 320
"""Heights, in pixels."""

IN_ITS_PLACE: Final[Spec] = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
"""The chart is as wide as its place."""


def chart(definition: Spec, rows: Sequence[Row], marks: Sequence[Row] = ()) -> Spec:
    """The specification of a chart. What it shows is said beside it, so its parts say nothing to screen readers.

    Args:
        definition: What is drawn of the rows.
        rows: What `{"name": DATA}` stands for, where a part of it does not name MARKS.
        marks: What `{"name": MARKS}` stands for.
    """
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{vl_convert.get_vegalite_versions()[-1]}.json",
        "config": {"view": {"strokeWidth": 0}, "aria": False, "background": "transparent"},
        "data": {"name": DATA},
        **definition,
        "datasets": {DATA: list(rows), MARKS: list(marks)},
    }


def amount_of(field: str, **axis: object) -> Spec:
    """The upright axis of a figure."""
    return {"field": field, "type": "quantitative", "title": None, "axis": {"format": "~s", "tickCount": 4, **axis}}


def distinct(names: Iterable[str]) -> list[str]:
    """The names, those that look alike with a number."""
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name} ({len(found) + 1})")
    return found
