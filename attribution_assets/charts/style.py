"""What all charts have in common: colours, the place of their rows, and how a definition becomes a specification."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def finished(chart: Any) -> Spec:  # noqa: ANN401 - of any kind of chart
    """The specification of a chart. What it shows is said beside it, so its parts say nothing to screen readers."""
    spec: Spec = chart.configure(background="transparent", aria=False).configure_view(strokeWidth=0).to_dict()
    return spec


def with_rows(spec: Spec, rows: Sequence[Row], marks: Sequence[Row] = ()) -> Spec:
    """A specification with what it draws."""
    return {**spec, "datasets": {DATA: list(rows), MARKS: list(marks)}}


def distinct(names: Iterable[str]) -> list[str]:
    """The names, those that look alike with a number."""
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name} ({len(found) + 1})")
    return found
