"""Line charts over time: the coordinates of lines, marks and ticks, which a template of the dashboard draws as SVG.

Only geometry belongs here. The dashboard's style sheet sets colours, dashes and hatching, its templates set the texts
(`dashboard/templates/parts.html`); bar charts are in `bars.py`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 8, 22
MOST_MARKERS = 62
MOST_LABELS = 3
_STEPS = (1, 2, 2.5, 5, 10)


class Value(NamedTuple):
    """The value of a day or a week.

    Attributes:
        label: The day, or the week's first day.
        words: Text of the tooltip.
        value: The number, 0 or more; None leaves a gap in the line.
        provisional: Whether orders still to come can change it.
        partial: Whether it is a week of which not all days are shown.
    """

    label: str
    words: str
    value: float | None
    provisional: bool = False
    partial: bool = False


class Mark(NamedTuple):
    """A value's point in the chart, and the vertical strip that shows its tooltip. Pixels from the top left corner."""

    x: float
    y: float | None
    strip_x: float
    strip_width: float
    value: Value


class Tick(NamedTuple):
    """A label on an axis: its position in pixels, its text, and the text's alignment (SVG's `text-anchor`)."""

    place: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True)
class LineChart:
    """A line over time.

    Attributes:
        final: SVG path between final values, which only late rows can change.
        provisional: SVG path of the line's other parts: to, from and between provisional values.
        marks: The point of each value.
        hatched: x and width of each stretch of provisional values.
        across: Ticks of the horizontal axis.
        up: Ticks of the vertical axis.
        with_markers: Whether each value is drawn as a point: only up to `MOST_MARKERS` values.
    """

    final: str
    provisional: str
    marks: Sequence[Mark]
    hatched: Sequence[tuple[float, float]]
    across: Sequence[Tick]
    up: Sequence[Tick]
    with_markers: bool


def line_chart(values: Sequence[Value]) -> LineChart:
    """The line chart of one or more values, which are in chronological order."""
    steps = ticks_up_to(max((value.value for value in values if value.value is not None), default=0))
    height = HEIGHT - TOP - BOTTOM
    strip = (WIDTH - LEFT - RIGHT) / len(values)

    def y(amount: float) -> float:
        return round(TOP + height * (1 - amount / steps[-1]), 1)

    marks = [
        Mark(
            round(LEFT + (place + 0.5) * strip, 1),
            None if value.value is None else y(value.value),
            round(LEFT + place * strip, 2),
            round(strip, 2),
            value,
        )
        for place, value in enumerate(values)
    ]
    return LineChart(
        final=_path(marks, provisional=False),
        provisional=_path(marks, provisional=True),
        marks=marks,
        hatched=list(_stretches(marks)),
        across=_across(marks),
        up=[Tick(y(step), _short(step)) for step in steps],
        with_markers=len(values) <= MOST_MARKERS,
    )


def ticks_up_to(highest: float) -> list[float]:
    """Two to five round numbers from 0 to at least `highest`."""
    if highest <= 0:
        return [0, 1]
    rough = highest / 3
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))
    return [step * count for count in range(math.ceil(highest / step * (1 - 1e-9)) + 1)]


def _path(marks: Sequence[Mark], *, provisional: bool) -> str:
    """The pieces of the line between neighbouring values: with a provisional end, or with two final ends."""
    pieces: list[str] = []
    for left, right in pairwise(marks):
        if left.y is None or right.y is None:
            continue
        if (left.value.provisional or right.value.provisional) == provisional:
            start = f"L{right.x} {right.y}"
            pieces.append(
                start if pieces and pieces[-1].endswith(f"L{left.x} {left.y}") else f"M{left.x} {left.y}{start}"
            )
    return "".join(pieces)


def _stretches(marks: Sequence[Mark]) -> Iterator[tuple[float, float]]:
    start: Mark | None = None
    for mark in marks:
        if mark.value.provisional:
            start = start or mark
        elif start:
            yield start.strip_x, round(mark.strip_x - start.strip_x, 2)
            start = None
    if start:
        yield start.strip_x, round(WIDTH - RIGHT - start.strip_x, 2)


def _across(marks: Sequence[Mark]) -> list[Tick]:
    count = min(len(marks), MOST_LABELS)
    places = [round(number * (len(marks) - 1) / max(count - 1, 1)) for number in range(count)]
    anchors = ["middle"] if count == 1 else ["start", *["middle"] * (count - 2), "end"]
    ends = {"start": LEFT, "end": WIDTH - RIGHT}
    return [
        Tick(ends.get(anchor, marks[place].x), marks[place].value.label, anchor)
        for place, anchor in zip(places, anchors, strict=True)
    ]


def _short(amount: float) -> str:
    for size, suffix in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:g}{suffix}"
    return f"{amount:g}"
