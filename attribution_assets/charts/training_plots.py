"""The charts of a training: its two curves, and predicted against answered credit, as one SVG image in Markdown.

What a training is, is in `ihc_service/training/`; bar charts are in `bars.py`.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from itertools import starmap

import numpy as np

from attribution_assets.charts.bars import BLUE, ORANGE
from attribution_assets.ihc_service.model import Floats
from attribution_assets.ihc_service.training.learning import Learned

SIDE = 220
LEFT, TOP, BELOW = 36, 34, 36
PANEL = LEFT + SIDE + 14
MOST_DOTS = 1_500


def training_plots(found: Learned) -> str:
    """Initializer curve, closer curve, and predicted against answered ihc on journeys that were not learned from.

    Returns:
        Markdown with one image; its alternative text has the curves' values at five places each.
    """
    parameters, name = found.trained.parameters, found.trained.name
    curves = {
        "Initializer: hours since the previous session": parameters.initializer_curve,
        "Closer: hours before the last session": parameters.closer_curve,
    }
    panels = list(starmap(_curve, curves.items()))
    if len(found.answered):
        panels.append(_scatter(found))
    width, height = PANEL * len(panels) + 8, TOP + SIDE + BELOW
    body = "".join(f'<g transform="translate({PANEL * number})">{panel}</g>' for number, panel in enumerate(panels))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" font-family="sans-serif" font-size="11" fill="#222">'
        f'<rect width="{width}" height="{height}" rx="4" fill="#fff"/>{body}</svg>'
    )
    words = "; ".join(f"{title}: {_in_words(*curve)}" for title, curve in curves.items())
    plain = "".join(letter if letter.isalnum() else " " for letter in name)
    return f"![Conversion type {plain}. {words}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"


def _in_words(hours: Floats, weights: Floats) -> str:
    places = np.linspace(0, hours[-1], 5)
    return ", ".join(f"{weight:.2f} at {place:.0f}" for place, weight in zip(places, np.interp(places, hours, weights)))  # noqa: B905 - of one length


def _curve(title: str, curve: tuple[Floats, Floats]) -> str:
    hours, weights = curve
    end = float(hours[-1]) or 1.0
    points = " ".join(f"{_x(hour / end):.1f},{_y(weight):.1f}" for hour, weight in zip(hours, weights, strict=True))
    line = f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>'
    return _frame(title, [f"{end * part:.0f} h" for part in (0, 0.5, 1)]) + line


def _scatter(found: Learned) -> str:
    step = -(-len(found.answered) // MOST_DOTS)
    dots = "".join(
        f'<circle cx="{_x(predicted):.1f}" cy="{_y(answered):.1f}" r="1.5"/>'
        for predicted, answered in zip(found.predicted[::step], found.answered[::step], strict=True)
    )
    diagonal = f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#999" stroke-dasharray="3 2"/>'
    title = "Answered ihc (up), predicted (across)"
    return f'{_frame(title, ["0", "0.5", "1"])}{diagonal}<g fill="{ORANGE}" fill-opacity="0.6">{dots}</g>'


def _frame(title: str, across: Sequence[str]) -> str:
    grid = "".join(f'<path d="M{LEFT} {_y(part)}h{SIDE}" stroke="#ddd"/>' for part in (0, 0.5, 1))
    up = "".join(f'<text x="{LEFT - 5}" y="{_y(part) + 4}" text-anchor="end">{part:g}</text>' for part in (0, 0.5, 1))
    labels = "".join(
        f'<text x="{_x(part):.0f}" y="{TOP + SIDE + 16}" text-anchor="middle">{escape(label)}</text>'
        for part, label in zip((0, 0.5, 1), across, strict=True)
    )
    return f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>{grid}{up}{labels}'


def _x(part: float) -> float:
    return LEFT + part * SIDE


def _y(part: float) -> float:
    return TOP + SIDE * (1 - part)
