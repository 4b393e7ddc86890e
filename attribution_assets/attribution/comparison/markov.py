"""Computes the table `markov_comparison`: attribution by the removal effects of a first-order Markov chain.

The chain's states are the start, the channels and the order. The probability of a step from one state to another is its
relative frequency among all steps from that state. The removal effect of a channel is the share of orders that would be
lost if no journey continued from it, which is the probability of passing it between start and order. The orders of a
window of days are divided among channels in proportion to the removal effects.

Source: E. Anderl, I. Becker, F. von Wangenheim, J. H. Schumann, Mapping the customer journey: Lessons learned from
graph-based online attribution modeling, International Journal of Research in Marketing 33 (2016), 457-474. Unlike
there, journeys without an order are not part of the chain, so that without a removal every journey ends in an order.
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
    """The steps of some journeys, counted.

    Attributes:
        channels: The channels of the journeys, sorted.
        counts: Number of steps from a state (row) to a state (column). The states are the channels in their order; the
            last row is the start, the last column the order.
        orders: The number of journeys, each with one order.
        revenue: Revenue of these orders, in the source's currency.
    """

    channels: Sequence[str]
    counts: Integers
    orders: int
    revenue: float


def markov_comparison(paths: pd.DataFrame, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The credit of each channel by the Markov chain of a window's paths.

    Args:
        paths: The rows of `conversion_paths` of the window's days.
        first: First day of the window.
        last: Last day of the window.

    Returns:
        The table `markov_comparison`, sorted by channel: `removal_effect` from 0 to 1 and `orders`, both to 12 decimal
        places, `revenue` in the source's currency to 9.
    """
    return _credit(_steps_of(paths), first, last)


def markov_by_day(
    paths: StoredDays, windows: Mapping[dt.date, tuple[dt.date, dt.date]]
) -> Iterator[tuple[dt.date, pd.DataFrame]]:
    """The credit of each channel by the Markov chain of each day's window. Each day's paths are read once.

    Args:
        paths: The stored days of `conversion_paths` in the windows.
        windows: Day -> first and last day of its window, in calendar order.

    Yields:
        Each day with its table, as returned by `markov_comparison`.
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
    """The sum of several counts of steps."""
    channels = sorted({channel for part in parts for channel in part.channels})
    place = {channel: number for number, channel in enumerate(channels)}
    counts = np.zeros((len(channels) + 1, len(channels) + 1), dtype=np.int64)
    for part in parts:
        states = [*(place[channel] for channel in part.channels), len(channels)]
        counts[np.ix_(states, states)] += part.counts
    return Steps(channels, counts, sum(part.orders for part in parts), fsum(part.revenue for part in parts))


def removal_effects(steps: Integers) -> Floats:
    """The removal effect of each channel: the probability of passing it on the way from the start to the order.

    With the chain's fundamental matrix N, where N[a, c] is the mean number of visits to c from a on, it is
    N[start, c] / N[c, c]. It is computed by Gauss-Jordan elimination, one channel after another: only sums, products
    and quotients of single numbers in a fixed order, so that the result is the same on every machine.

    Args:
        steps: As in `Steps.counts`. Each channel is on some path from the start to the order.

    Returns:
        One number per channel, 0 to 1, to 12 decimal places.
    """
    passes = steps / np.maximum(steps.sum(axis=1, keepdims=True), 1)
    channels = range(len(steps) - 1)
    for channel in channels:
        passes += np.outer(passes[:, channel], passes[channel] / (1 - passes[channel, channel]))
    effects = passes[-1, channels] / (1 + passes[channels, channels])
    within: Floats = np.minimum(effects.round(ORDER_PLACES), 1.0)
    return within


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
    counts = np.zeros(states * states)
    for first in range(0, len(numbers), PATHS_AT_ONCE):
        block = numbers[first : first + PATHS_AT_ONCE]
        states_passed = state_of_number[np.concatenate(block)]
        times = np.repeat(orders[first : first + PATHS_AT_ONCE], [len(path) for path in block])
        counts += np.bincount(np.roll(states_passed, 1) * states + states_passed, times, minlength=len(counts))
    of_states = counts.astype(np.int64).reshape(states, states)
    return Steps(channels, of_states, int(orders.sum()), fsum(paths["revenue"]))
