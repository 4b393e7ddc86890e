"""The charts of a training: its two curves, and predicted against answered credit, as one SVG image in Markdown.

What a training is, is in `ihc_service/training/`; bar charts are in `bars.py`.
"""

from collections.abc import Sequence

import numpy as np

from attribution_assets.charts.bars import as_markdown
from attribution_assets.charts.style import BLUE, GREY, ORANGE, Row, Spec, chart
from attribution_assets.ihc_service.model import Floats
from attribution_assets.ihc_service.training.learning import Learned

SIDE = 220
MOST_DOTS = 300


def training_plots(found: Learned) -> str:
    """Initializer curve, closer curve, and predicted against answered ihc on journeys that were not learned from.

    Returns:
        Markdown with one image; its alternative text has the curves' values at five places each.
    """
    curves = _curves(found)
    words = "; ".join(f"{title}: {_in_words(*curve)}" for title, curve in curves.items())
    return as_markdown(training_spec(found), f"Conversion type {found.trained.name}. {words}")


def training_spec(found: Learned) -> Spec:
    """The charts as one Vega-Lite specification; its rows have panel, x and y."""
    rows: list[Row] = []
    panels = []
    for title, (hours, weights) in _curves(found).items():
        rows += [{"panel": title, "x": float(x), "y": float(y)} for x, y in zip(hours, weights, strict=True)]
        panels.append(_panel(title, "hours", [{"mark": {"type": "line", "color": BLUE}}]))
    if len(found.answered):
        title, step = "Answered ihc (up), predicted (across)", -(-len(found.answered) // MOST_DOTS)
        pairs = zip(found.predicted[::step], found.answered[::step], strict=True)
        rows += [{"panel": title, "x": float(predicted), "y": float(answered)} for predicted, answered in pairs]
        ends = {name: {"datum": place} for name, place in (("x", 0), ("y", 0), ("x2", 1), ("y2", 1))}
        diagonal = {"mark": {"type": "rule", "color": GREY, "strokeDash": [3, 2]}, "encoding": ends}
        dots = {"mark": {"type": "circle", "color": ORANGE, "size": 8, "opacity": 0.6}}
        panels.append(_panel(title, None, [dots, diagonal]))
    return chart({"hconcat": panels}, rows)


def _panel(title: str, unit: str | None, layers: Sequence[Spec]) -> Spec:
    x = {"field": "x", "type": "quantitative", "title": unit, "axis": {"grid": False, "tickCount": 4}}
    y = {"field": "y", "type": "quantitative", "title": None, "scale": {"domain": [0, 1]}, "axis": {"tickCount": 3}}
    kept = {"filter": {"field": "panel", "equal": title}}
    encoding = {"x": x, "y": y}
    return {
        "title": title,
        "width": SIDE,
        "height": SIDE,
        "transform": [kept],
        "layer": [{**layer, "encoding": layer.get("encoding", encoding)} for layer in layers],
    }


def _curves(found: Learned) -> dict[str, tuple[Floats, Floats]]:
    parameters = found.trained.parameters
    return {
        "Initializer: hours since the previous session": parameters.initializer_curve,
        "Closer: hours before the last session": parameters.closer_curve,
    }


def _in_words(hours: Floats, weights: Floats) -> str:
    places = np.linspace(0, hours[-1], 5)
    return ", ".join(f"{weight:.2f} at {place:.0f}" for place, weight in zip(places, np.interp(places, hours, weights)))  # noqa: B905 - of one length
