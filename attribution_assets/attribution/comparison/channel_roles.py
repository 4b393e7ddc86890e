"""Computes the table `channel_roles`: orders that each channel influenced and assisted, and its share of the phases.

Which orders count is in `attributed_journeys.py`.
"""

import numpy as np
import pandas as pd

from attribution_assets.attribution.comparison.attributed_journeys import (
    AttributedJourneys,
    sums_by_group,
)
from attribution_assets.attribution.comparison.rule_models import Integers
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES, ORDER_PLACES, PHASES


def channel_roles(journeys: AttributedJourneys) -> pd.DataFrame:
    """The role of each channel in the attributed orders of each day.

    A channel influences an order if it is anywhere in its journey. It assists the order if it is there before the last
    touchpoint, even if it is the last touchpoint's channel too: an assist interaction of Google Analytics'
    multi-channel funnels (https://support.google.com/analytics/answer/1191204). An order counts once for a channel,
    however many touchpoints of the channel its journey has.

    Args:
        journeys: The journeys of these orders.

    Returns:
        The table `channel_roles`, sorted by day of the orders, then channel. `influenced_orders` and `assisted_orders`
        are whole orders; initializer, holder and closer are sums of credit in the phase, to 12 decimal places; revenue
        is in the source's currency to 9.
    """
    channels = max(len(journeys.channels), 1)
    cells, cell = np.unique(np.repeat(journeys.day, journeys.sizes) * channels + journeys.channel, return_inverse=True)
    day, channel = np.divmod(cells, channels)
    is_last = np.zeros(len(cell), dtype=bool)
    is_last[journeys.ends - 1] = True

    def orders_and_revenue(journey: Integers, cell: Integers) -> tuple[Integers, list[float]]:
        order, of_cell = np.divmod(np.unique(journey * max(len(cells), 1) + cell), max(len(cells), 1))
        (revenue,) = sums_by_group(of_cell, len(cells), journeys.revenue[order])
        return np.bincount(of_cell, minlength=len(cells)), [round(amount, AMOUNT_PLACES) for amount in revenue]

    influenced = orders_and_revenue(journeys.journey, cell)
    assisted = orders_and_revenue(journeys.journey[~is_last], cell[~is_last])
    shares = sums_by_group(cell, len(cells), *(journeys.credit[phase].to_numpy() for phase in PHASES))
    return pd.DataFrame(
        {
            "channel_name": np.array(journeys.channels, dtype=object)[channel],
            "conversion_date": journeys.days.astype(object)[day],
            "influenced_orders": influenced[0],
            "influenced_revenue": np.array(influenced[1], dtype=float),
            "assisted_orders": assisted[0],
            "assisted_revenue": np.array(assisted[1], dtype=float),
            **{
                phase: np.array([round(share, ORDER_PLACES) for share in of_phase], dtype=float)
                for phase, of_phase in zip(PHASES, shares, strict=True)
            },
        }
    )
