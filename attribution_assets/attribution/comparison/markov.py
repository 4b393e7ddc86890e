"""Computes the table `markov_comparison`: attribution by the removal effects of a first-order Markov chain.

It is of a range of days, and computed whenever it is asked for: it is not stored.

The chain's states are the start, the channels and the order. The probability of a step from one state to another is its
relative frequency among all steps from that state. The removal effect of a channel is the share of orders that would be
lost if no journey continued from it, which is the probability of passing it between start and order. The orders are
divided among channels in proportion to the removal effects.

Source: E. Anderl, I. Becker, F. von Wangenheim, J. H. Schumann, Mapping the customer journey: Lessons learned from
graph-based online attribution modeling, International Journal of Research in Marketing 33 (2016), 457-474. Unlike
there, journeys without an order are not part of the chain, so that without a removal every journey ends in an order.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import pandas as pd

from attribution_assets.attribution.comparison.removal_effects import removal_effects
from attribution_assets.attribution.comparison.rule_models import Integers
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES, ORDER_PLACES

PATHS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Steps:
    """The steps of some journeys, counted.

    Attributes:
        channels: The channels of the journeys, sorted.
        origins: Of each kind of step, the state that it leaves: the number of a channel, or of the start, the last.
        targets: The state that it leads to: the number of a channel, or of the order, the last.
        counts: How many there are; 1 or more.
        orders: The number of journeys, each with one order.
        revenue: Revenue of these orders, in the source's currency.
    """

    channels: Sequence[str]
    origins: Integers
    targets: Integers
    counts: Integers
    orders: int
    revenue: float


def markov_comparison(paths: pd.DataFrame, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The credit of each channel by the Markov chain of the paths of a range of days.

    Args:
        paths: The rows of `conversion_paths` of these days.
        first: First day.
        last: Last day.

    Returns:
        channel_name, first_date, last_date (both YYYY-MM-DD), removal_effect, orders, revenue, sorted by channel:
        `removal_effect` from 0 to 1 and `orders`, both to 12 decimal places, `revenue` in the source's currency to 9.
    """
    return _credit(_steps_of(paths), first, last)


def _credit(steps: Steps, first: dt.date, last: dt.date) -> pd.DataFrame:
    effects = np.minimum(removal_effects(_probabilities(steps)).round(ORDER_PLACES), 1.0)
    share = (effects / fsum(effects)).tolist()
    channels = len(steps.channels)
    return pd.DataFrame(
        {
            "channel_name": np.array(steps.channels, dtype=object),
            "first_date": np.full(channels, first.isoformat(), dtype=object),
            "last_date": np.full(channels, last.isoformat(), dtype=object),
            "removal_effect": effects,
            "orders": np.array([round(steps.orders * part, ORDER_PLACES) for part in share], dtype=float),
            "revenue": np.array([round(steps.revenue * part, AMOUNT_PLACES) for part in share], dtype=float),
        }
    )


def _probabilities(steps: Steps) -> list[dict[int, float]]:
    """By state, the probability of a step to each channel."""
    states = len(steps.channels) + 1
    chances = steps.counts / np.bincount(steps.origins, steps.counts, minlength=states)[steps.origins]
    found: list[dict[int, float]] = [{} for _ in range(states)]
    for origin, target, chance in zip(steps.origins.tolist(), steps.targets.tolist(), chances.tolist(), strict=True):
        if target < len(steps.channels):
            found[origin][target] = chance
    return found


def _summed(kinds: Sequence[Integers], counts: Sequence[Integers], states: int) -> tuple[Integers, Integers, Integers]:
    """Origins, targets and counts of steps, each kind of which (origin * states + target) is there once, in order."""
    nothing = np.array([], dtype=np.int64)
    found, place = np.unique(np.concatenate([nothing, *kinds]), return_inverse=True)
    sums = np.bincount(place, np.concatenate([nothing, *counts]), minlength=len(found)).astype(np.int64)
    return found // states, found % states, sums


def _steps_of(paths: pd.DataFrame) -> Steps:
    """Count the steps of the journeys in rows of `conversion_paths`."""
    orders_of_path = paths.groupby("path", sort=False)["orders"].sum()
    orders = orders_of_path.to_numpy(np.int64)
    number_of: dict[str, int] = {}
    numbers = [
        np.array([*(number_of.setdefault(name, len(number_of)) for name in json.loads(path)), -1])
        for path in orders_of_path.index
    ]
    channels = sorted(number_of)
    states = len(channels) + 1
    state_of_number = np.empty(states, dtype=np.int64)
    state_of_number[[number_of[name] for name in channels]] = np.arange(len(channels))
    state_of_number[-1] = len(channels)
    kinds, counts = [], []
    for first in range(0, len(numbers), PATHS_AT_ONCE):
        block = numbers[first : first + PATHS_AT_ONCE]
        states_passed = state_of_number[np.concatenate(block)]
        times = np.repeat(orders[first : first + PATHS_AT_ONCE], [len(path) for path in block])
        origins, targets, summed = _summed([np.roll(states_passed, 1) * states + states_passed], [times], states)
        kinds.append(origins * states + targets)
        counts.append(summed)
    counted = _summed(kinds, counts, states)
    return Steps(channels, *counted, int(orders.sum()), fsum(paths["revenue"]))
