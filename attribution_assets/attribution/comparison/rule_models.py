"""Rule-based attribution models: each divides an order among its touchpoints by a fixed rule.

A model is a function from touchpoints to weights: a touchpoint's weight is its share of its order, and the weights of
an order sum to 1. The weights are summed by channel in `model_comparison.py`, not here. The rules are Google Analytics'
default models for multi-channel funnels (https://support.google.com/analytics/answer/1665189); each docstring quotes
the model's name there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HALF_LIFE_DAYS: Final = 7.0
SHARE_OF_AN_END: Final = 0.4


@dataclass(frozen=True)
class Touchpoints:
    """The touchpoints of some journeys: those of the first journey in chronological order, then those of the next.

    Attributes:
        sizes: Number of touchpoints, at least 1, per journey.
        age_days: Days from the touchpoint to the last one of its journey, per touchpoint.
        direct: Whether the channel is a direct one, per touchpoint.
    """

    sizes: Integers
    age_days: Floats
    direct: npt.NDArray[np.bool_]

    @cached_property
    def starts(self) -> Integers:
        """Index of the first touchpoint, per journey."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def size(self) -> Integers:
        """Number of touchpoints of the journey, per touchpoint."""
        return np.repeat(self.sizes, self.sizes)

    @cached_property
    def position(self) -> Integers:
        """Position in the journey, from 0, per touchpoint."""
        return np.arange(len(self.size)) - np.repeat(self.starts, self.sizes)


def first_touch(touchpoints: Touchpoints) -> Floats:
    """The first touchpoint gets all ("First Interaction")."""
    return np.where(touchpoints.position == 0, 1.0, 0.0)


def last_touch(touchpoints: Touchpoints) -> Floats:
    """The last touchpoint gets all ("Last Interaction")."""
    return np.where(touchpoints.position == touchpoints.size - 1, 1.0, 0.0)


def last_non_direct(touchpoints: Touchpoints) -> Floats:
    """The last touchpoint that is not direct gets all; if all are direct, the last one ("Last Non-Direct Click")."""
    places = np.where(touchpoints.direct, -1, touchpoints.position)
    latest = np.maximum.reduceat(places, touchpoints.starts)
    credited = np.where(latest == -1, touchpoints.sizes - 1, latest)
    return np.where(touchpoints.position == np.repeat(credited, touchpoints.sizes), 1.0, 0.0)


def linear(touchpoints: Touchpoints) -> Floats:
    """All touchpoints get the same ("Linear")."""
    return 1.0 / touchpoints.size


def position_based(touchpoints: Touchpoints) -> Floats:
    """The first and the last touchpoint get 40% each, those between share 20% evenly ("Position Based").

    If there are two touchpoints, each gets half; a single one gets all.
    """
    at_an_end = (touchpoints.position == 0) | (touchpoints.position == touchpoints.size - 1)
    between = np.maximum(touchpoints.size - 2, 1)
    weights = np.where(at_an_end, SHARE_OF_AN_END, (1 - 2 * SHARE_OF_AN_END) / between)
    return np.where(touchpoints.size > 2, weights, 1.0 / touchpoints.size)  # noqa: PLR2004 - the two ends


def time_decay(touchpoints: Touchpoints) -> Floats:
    """A touchpoint gets half as much as one 7 days later: 2^(-age / 7 days), scaled to a sum of 1 ("Time Decay").

    Google Analytics counts the age back from the order; here it is counted back from the last touchpoint. That gives
    the same proportions, and the weights of a journey cannot all round to 0, however long before the order it ended.
    """
    weights = np.exp2(-touchpoints.age_days / HALF_LIFE_DAYS)
    totals = np.add.reduceat(weights, touchpoints.starts)
    return np.asarray(weights / np.repeat(totals, touchpoints.sizes))


MODELS: Final[Mapping[str, Callable[[Touchpoints], Floats]]] = {
    "first_touch": first_touch,
    "last_touch": last_touch,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position_based": position_based,
    "time_decay": time_decay,
}
"""Name of the model, as in `schemas.RULE_MODELS` -> the model."""
