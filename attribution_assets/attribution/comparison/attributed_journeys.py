"""The journeys of attributed orders as arrays: what the attribution models and the path reports start from.

Which orders count, and what is exact about their sums, is said here. What is made of them is in `model_comparison.py`,
`conversion_paths.py` and `channel_roles.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution_assets.attribution.comparison.rule_models import Floats, Integers
from attribution_assets.attribution.tables.credit import ATTRIBUTED, CREDIT_COLUMNS

Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class AttributedJourneys:
    """The attributed orders of some days, with a journey each.

    Arrays are by journey, or by touchpoint: journey after journey, each from its first touchpoint to its last.

    Attributes:
        days: The days of the orders, YYYY-MM-DD, sorted.
        day: Place of the order's day in `days`, by journey.
        sizes: Touchpoints, by journey.
        revenue: Revenue of the order, by journey.
        conversion_time: Time of the order, by journey.
        session_time: Start of the visit, by touchpoint.
        channel: Place of the channel in `channels`, by touchpoint.
        channels: Names of the channels, sorted.
        credit: The columns initializer, holder, closer, ihc; a row per touchpoint.
    """

    days: npt.NDArray[np.str_]
    day: Integers
    sizes: Integers
    revenue: Floats
    conversion_time: Times
    session_time: Times
    channel: Integers
    channels: Sequence[str]
    credit: pd.DataFrame

    @property
    def journey(self) -> Integers:
        """The number of each touchpoint's journey."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def ends(self) -> Integers:
        """The row after each journey's last touchpoint."""
        return np.cumsum(self.sizes)


def attributed_journeys(attributions: pd.DataFrame, conversions: pd.DataFrame) -> AttributedJourneys:
    """The journeys of the orders that are attributed and are among the conversions of their day.

    Args:
        attributions: `ihc_attributions` of some days.
        conversions: `conversions` of these days.

    Raises:
        ValueError: The rows of a journey are not adjacent and in the order of their times.
    """
    attributed = attributions[(attributions["outcome"] == ATTRIBUTED).to_numpy()]
    credited, placed = _orders_on_their_days(attributed, conversions)
    counts = np.isin(credited, placed)
    touchpoints = attributed[counts]
    journey, orders = pd.factorize(credited[counts])
    session_time = touchpoints["session_time"].to_numpy("datetime64[us]")
    next_journey = np.diff(journey)
    if (next_journey < 0).any() or ((next_journey == 0) & (session_time[1:] < session_time[:-1])).any():
        raise ValueError("the rows of each journey must be adjacent, and in the order of their times")
    sizes = np.bincount(journey, minlength=len(orders))
    conversion_time = touchpoints["conversion_time"].to_numpy("datetime64[us]")[np.cumsum(sizes) - sizes]
    days, day = np.unique(conversion_time.astype("datetime64[D]"), return_inverse=True)
    channel, channels = pd.factorize(touchpoints["channel_name"], sort=True)
    return AttributedJourneys(
        days=days.astype(str),
        day=day,
        sizes=sizes,
        revenue=conversions["revenue"].to_numpy(float)[pd.Index(placed).get_indexer(pd.Index(orders))],
        conversion_time=conversion_time,
        session_time=session_time,
        channel=channel,
        channels=channels.tolist(),
        credit=touchpoints[[*CREDIT_COLUMNS]].reset_index(drop=True),
    )


def _orders_on_their_days(*tables: pd.DataFrame) -> list[Integers]:
    """A number by row for each table, the same where conv_id and day of conversion_time are: an id may be on two."""
    ids, _ = pd.factorize(np.concatenate([table["conv_id"].to_numpy(object) for table in tables]))
    times = np.concatenate([table["conversion_time"].to_numpy("datetime64[D]") for table in tables])
    days, day = np.unique(times, return_inverse=True)
    return np.split(ids * len(days) + day, np.cumsum([len(table) for table in tables])[:-1])


def sums_by_group(group: Integers, groups: int, *amounts: Floats) -> list[list[float]]:
    """Sums that are the same in whatever order the rows stand: each is exact until it is rounded once.

    Args:
        group: The group of each row, from 0 to below `groups`.
        groups: The number of groups; one without rows sums to 0.
        amounts: What is summed.

    Returns:
        The sum of each group, for each of the amounts.
    """
    by_group = np.argsort(group, kind="stable")
    rows = [slice(*ends) for ends in pairwise([0, *np.cumsum(np.bincount(group, minlength=groups)).tolist()])]
    sorted_amounts = [amount[by_group].tolist() for amount in amounts]
    return [[fsum(amount[of_group]) for of_group in rows] for amount in sorted_amounts]
