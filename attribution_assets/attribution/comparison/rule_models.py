"""Attribution models that split an order over its touchpoints by a fixed rule.

Each model is a function from touchpoints to their weights: the share of its order that each gets. They sum to 1 for
each order. What the weights add up to by channel is in `model_comparison.py`.
The rules are Google Analytics' default models for multi-channel funnels
(https://support.google.com/analytics/answer/1665189), under whose names each is named in quotes below.
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
    """The touchpoints of some journeys, journey after journey, each from its first touchpoint to its last.

    Attributes:
        sizes: The number of touchpoints of each journey, at least 1.
        age_days: Days from each touchpoint to the last one of its journey.
        direct: Whether each touchpoint's channel is direct.
    """

    sizes: Integers
    age_days: Floats
    direct: npt.NDArray[np.bool_]

    @cached_property
    def starts(self) -> Integers:
        """The row of each journey's first touchpoint."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def size(self) -> Integers:
        """The number of touchpoints of each touchpoint's journey."""
        return np.repeat(self.sizes, self.sizes)

    @cached_property
    def position(self) -> Integers:
        """The place of each touchpoint in its journey, from 0."""
        return np.arange(len(self.size)) - np.repeat(self.starts, self.sizes)


def first_touch(touchpoints: Touchpoints) -> Floats:
    """All to the first touchpoint ("First Interaction")."""
    return np.where(touchpoints.position == 0, 1.0, 0.0)


def last_touch(touchpoints: Touchpoints) -> Floats:
    """All to the last touchpoint ("Last Interaction")."""
    return np.where(touchpoints.position == touchpoints.size - 1, 1.0, 0.0)


def last_non_direct(touchpoints: Touchpoints) -> Floats:
    """All to the last touchpoint that is not direct, or to the last one if all are ("Last Non-Direct Click")."""
    places = np.where(touchpoints.direct, -1, touchpoints.position)
    latest = np.maximum.reduceat(places, touchpoints.starts)
    credited = np.where(latest == -1, touchpoints.sizes - 1, latest)
    return np.where(touchpoints.position == np.repeat(credited, touchpoints.sizes), 1.0, 0.0)


def linear(touchpoints: Touchpoints) -> Floats:
    """The same to each touchpoint ("Linear")."""
    return 1.0 / touchpoints.size


def position_based(touchpoints: Touchpoints) -> Floats:
    """40% to the first and to the last touchpoint, 20% evenly to those between ("Position Based").

    Of two touchpoints each gets half, a single one gets all.
    """
    at_an_end = (touchpoints.position == 0) | (touchpoints.position == touchpoints.size - 1)
    between = np.maximum(touchpoints.size - 2, 1)
    weights = np.where(at_an_end, SHARE_OF_AN_END, (1 - 2 * SHARE_OF_AN_END) / between)
    return np.where(touchpoints.size > 2, weights, 1.0 / touchpoints.size)  # noqa: PLR2004 - the two ends


def time_decay(touchpoints: Touchpoints) -> Floats:
    """To each touchpoint half as much as to one 7 days later: 2^(-age / 7 days), scaled to 1 ("Time Decay").

    Google Analytics counts the age back from the order. Counted back from the last touchpoint, as here, the proportions
    are the same, and the weights of a journey cannot all become 0, however long before the order it ended.
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
"""The models by their names in `schemas.RULE_MODELS`."""
