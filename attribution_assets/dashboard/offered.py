"""What the reader can choose from: ranges of days, models, figures and so on, with their displayed names.

The keys stand in addresses. Which of them a reader has chosen, and how addresses say so, is in `choices.py`; goals are
in `goal_choices.py`.
"""

from attribution_assets.attribution.results.channel_results import MODELS

PRESETS = {
    "7": "last 7 days",
    "30": "last 30 days",
    "90": "last 90 days",
    "week": "last full week",
    "month": "last full month",
    "all": "all days",
}
"""Ranges that move along with the data: key in the address -> displayed name. Weeks begin on Monday."""

MARKOV = "markov"
METRICS = {"cost": "Cost", "orders": "Orders", "revenue": "Revenue", "profit": "Profit", "cpo": "CPO", "roas": "ROAS"}
MODEL_NAMES = {
    "ihc": "IHC",
    "first_touch": "first touch",
    "last_touch": "last touch",
    "last_non_direct": "last non-direct touch",
    "linear": "linear",
    "position_based": "position-based",
    "time_decay": "time decay",
    MARKOV: "Markov chain",
}
SORTS = ("channel", *METRICS, "change")
SPLITS = {"channel": "each channel", "model": "each model", "share": "each channel's share"}
OVERLAYS = {"before": "the period compared with", "average": "a moving average", "both": "both"}
COMPARED = {"before": "the days before", "year": "the same weekdays a year before"}
"""The periods that the chosen days are compared with: key in the address -> displayed name."""
STEPS = ("day", "week", "month")
OF_ORDERS = "order."
"""Stands in addresses before the name of a dimension of orders; the value is the one that orders shown have."""


def model_options() -> list[tuple[str, str]]:
    """The models that can be shown: key and displayed name of each."""
    return [(model, MODEL_NAMES[model]) for model in MODELS]


def against_options() -> list[tuple[str, str]]:
    """The models that IHC can be compared with: key and displayed name of each."""
    return [option for option in MODEL_NAMES.items() if option[0] != "ihc"]
