"""Attributes the orders of a window of days by the removal effects of a first-order Markov chain.

The chain's states are the start, the channels and the order; a journey goes from each touchpoint to the next with the
relative frequency of that step among all steps from its channel. The removal effect of a channel is the share of the
orders that would be lost if the channel led nowhere, so the probability to pass it on the way from the start. Orders
are shared out in proportion to the removal effects.

Source: E. Anderl, I. Becker, F. von Wangenheim, J. H. Schumann, Mapping the customer journey: Lessons learned from
graph-based online attribution modeling, International Journal of Research in Marketing 33 (2016), 457-474. Journeys
without an order are no part of the paths here, so nothing is lost but through removal.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import pandas as pd

from attribution_assets.attribution.comparison.rule_models import Floats, Integers
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES, ORDER_PLACES

PATHS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Steps:
    """The steps that some journeys took.

    Attributes:
        channels: The channels of the journeys, sorted.
        counts: How often each step was taken, from state (row) to state (column): the channels, then one that stands
            for the start in its row and for the order in its column.
        orders: The number of journeys, each of which led to an order.
        revenue: Of these orders.
    """

    channels: Sequence[str]
    counts: Integers
    orders: int
    revenue: float


def markov_comparison(paths: pd.DataFrame, first: dt.date, last: dt.date) -> pd.DataFrame:
    """What the Markov chain of a window's paths credits to each channel.

    Args:
        paths: The rows of `conversion_paths` of the window's days.
        first: First day of the window.
        last: Last day of the window.

    Returns:
        The `markov_comparison` table by channel: `removal_effect` from 0 to 1 and `orders` to 12 decimal places,
        `revenue` in the source's currency to 9.
    """
    return _credit(_steps_of(paths), first, last)


def markov_by_day(
    paths: StoredDays, windows: Mapping[dt.date, tuple[dt.date, dt.date]]
) -> Iterator[tuple[dt.date, pd.DataFrame]]:
    """What the Markov chain of each day's window credits to each channel. Each day's paths are read once.

    Args:
        paths: `conversion_paths` of the windows' days, as far as they are stored.
        windows: Day -> first and last day of its window, in calendar order.

    Yields:
        Each day with its `markov_comparison` table, see `markov_comparison`.
    """
    held: dict[dt.date, Steps] = {}
    for day, (first, last) in windows.items():
        within = paths.within(first, last)
        held = {each: held.get(each) or _steps_of(paths.frame(each)) for each in within.files}
        yield day, _credit(_together(held.values()), first, last)


def _credit(steps: Steps, first: dt.date, last: dt.date) -> pd.DataFrame:
    effects = removal_effects(steps.counts)
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


def _together(parts: Collection[Steps]) -> Steps:
    """The steps of all journeys of the parts."""
    channels = sorted({channel for part in parts for channel in part.channels})
    place = {channel: number for number, channel in enumerate(channels)}
    counts = np.zeros((len(channels) + 1, len(channels) + 1), dtype=np.int64)
    for part in parts:
        states = [*(place[channel] for channel in part.channels), len(channels)]
        counts[np.ix_(states, states)] += part.counts
    return Steps(channels, counts, sum(part.orders for part in parts), fsum(part.revenue for part in parts))


def removal_effects(steps: Integers) -> Floats:
    """The probability to pass each channel on the way from the start to the order.

    By the fundamental matrix N, whose N[a, c] is the mean number of passes of c after a, this is N[start, c] / N[c, c].
    It is worked out by letting ways lead through one more channel after another: only sums, products and quotients of
    single numbers in a fixed order, so that the result is the same on every machine.

    Args:
        steps: As `Steps.counts` has them. Each channel is on some way from the start to the order.

    Returns:
        By channel, 0 to 1, to 12 decimal places.
    """
    passes = steps / np.maximum(steps.sum(axis=1, keepdims=True), 1)
    channels = range(len(steps) - 1)
    for channel in channels:
        passes += np.outer(passes[:, channel], passes[channel] / (1 - passes[channel, channel]))
    effects = passes[-1, channels] / (1 + passes[channels, channels])
    within: Floats = np.minimum(effects.round(ORDER_PLACES), 1.0)
    return within


def _steps_of(paths: pd.DataFrame) -> Steps:
    """The steps that the journeys of `conversion_paths` took."""
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
    counts = np.zeros(states * states)
    for first in range(0, len(numbers), PATHS_AT_ONCE):
        block = numbers[first : first + PATHS_AT_ONCE]
        states_passed = state_of_number[np.concatenate(block)]
        times = np.repeat(orders[first : first + PATHS_AT_ONCE], [len(path) for path in block])
        counts += np.bincount(np.roll(states_passed, 1) * states + states_passed, times, minlength=len(counts))
    of_states = counts.astype(np.int64).reshape(states, states)
    return Steps(channels, of_states, int(orders.sum()), fsum(paths["revenue"]))
