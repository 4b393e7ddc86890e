"""The journeys of a day's attributed orders as arrays: the common input of the comparisons.

This module selects the orders that count, and sums exactly. The tables are computed in `model_comparison.py`,
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
from attribution_assets.attribution.ihc_api.answers import CREDIT_COLUMNS

Times = npt.NDArray[np.datetime64]

ORDER_PLACES, AMOUNT_PLACES = 12, 9
"""Decimal places of sums of orders and of sums of money, as in the channel report."""


@dataclass(frozen=True)
class AttributedJourneys:
    """The attributed orders of one day; each has one journey.

    An array has one element per journey, or one per touchpoint: the touchpoints of the first journey in chronological
    order, then those of the next.

    Attributes:
        conversion_date: Day of the orders, YYYY-MM-DD; empty if there are none.
        sizes: Number of touchpoints, per journey.
        revenue: Revenue of the order in the source's currency, per journey.
        conversion_time: Time of the order, per journey.
        session_time: Start of the visit, per touchpoint.
        channel: Index of the channel in `channels`, per touchpoint.
        channels: Names of the channels, sorted.
        credit: The columns initializer, holder, closer, ihc; a row per touchpoint.
    """

    conversion_date: str
    sizes: Integers
    revenue: Floats
    conversion_time: Times
    session_time: Times
    channel: Integers
    channels: Sequence[str]
    credit: pd.DataFrame

    @property
    def journey(self) -> Integers:
        """Index of the journey, per touchpoint."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def ends(self) -> Integers:
        """Index after the last touchpoint, per journey."""
        return np.cumsum(self.sizes)


def attributed_journeys(attributions: pd.DataFrame, conversions: pd.DataFrame) -> AttributedJourneys:
    """The journeys of the orders that are attributed and are among the day's conversions.

    Args:
        attributions: The day's `ihc_attributions`.
        conversions: The day's `conversions`.

    Raises:
        ValueError: The rows of a journey are not adjacent or not in chronological order, or the orders were placed on
            several days.
    """
    revenue_of_order = pd.Series(conversions["revenue"].to_numpy(float), index=conversions["conv_id"])
    counts = (attributions["outcome"] == "attributed") & attributions["conv_id"].isin(revenue_of_order.index)
    touchpoints = attributions[counts]
    journey, conv_ids = pd.factorize(touchpoints["conv_id"])
    session_time = touchpoints["session_time"].to_numpy("datetime64[us]")
    next_journey = np.diff(journey)
    if (next_journey < 0).any() or ((next_journey == 0) & (session_time[1:] < session_time[:-1])).any():
        raise ValueError("the rows of each journey must be adjacent, and in the order of their times")
    sizes = np.bincount(journey, minlength=len(conv_ids))
    conversion_time = touchpoints["conversion_time"].to_numpy("datetime64[us]")[np.cumsum(sizes) - sizes]
    dates = np.unique(conversion_time.astype("datetime64[D]")).astype(str).tolist()
    if len(dates) > 1:
        raise ValueError(f"the orders must be of one day, but are of {', '.join(dates)}")
    channel, channels = pd.factorize(touchpoints["channel_name"], sort=True)
    return AttributedJourneys(
        conversion_date=dates[0] if dates else "",
        sizes=sizes,
        revenue=revenue_of_order.loc[conv_ids].to_numpy(),
        conversion_time=conversion_time,
        session_time=session_time,
        channel=channel,
        channels=channels.tolist(),
        credit=touchpoints[[*CREDIT_COLUMNS]].reset_index(drop=True),
    )


def sums_by_group(group: Integers, groups: int, *amounts: Floats) -> list[list[float]]:
    """Sum amounts by group, independent of the order of the rows: each sum is exact, and rounded only once.

    Args:
        group: Number of the group, from 0 to below `groups`, per row.
        groups: The number of groups; the sum of a group without rows is 0.
        amounts: Arrays to sum, each with one number per row.

    Returns:
        For each of the amounts, the sum of each group.
    """
    by_group = np.argsort(group, kind="stable")
    rows = [slice(*ends) for ends in pairwise([0, *np.cumsum(np.bincount(group, minlength=groups)).tolist()])]
    sorted_amounts = [amount[by_group].tolist() for amount in amounts]
    return [[fsum(amount[of_group]) for of_group in rows] for amount in sorted_amounts]
