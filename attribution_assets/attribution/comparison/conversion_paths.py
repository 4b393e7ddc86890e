"""Computes the table `conversion_paths`: orders by the sequence of channels in their journey, and by its duration.

Which orders count is in `attributed_journeys.py`.
"""

import json
from itertools import groupby, pairwise

import numpy as np
import pandas as pd

from attribution_assets.attribution.comparison.attributed_journeys import (
    AttributedJourneys,
    sums_by_group,
)
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES


def conversion_paths(journeys: AttributedJourneys) -> pd.DataFrame:
    """The attributed orders of each day, counted by path and by whole days from the first touchpoint to the order.

    Args:
        journeys: The journeys of these orders.

    Returns:
        The table `conversion_paths`, sorted by day of the orders, path, then days. `path` is a JSON list of channel
        names, one per touchpoint; `revenue` is in the source's currency to 9 decimal places.
    """
    written = [json.dumps(name, ensure_ascii=False) for name in journeys.channels]
    names = [written[channel] for channel in journeys.channel.tolist()]
    ends = journeys.ends.tolist()
    path = [f"[{', '.join(names[start:end])}]" for start, end in pairwise([0, *ends])]
    first_time = journeys.session_time[journeys.ends - journeys.sizes]
    # a touchpoint of the order's own second may be later by a fraction of it
    days = np.maximum((journeys.conversion_time - first_time) // np.timedelta64(1, "D"), 0).tolist()

    dates = journeys.days.tolist()
    rows = [*zip(journeys.day.tolist(), path, days, strict=True)]
    number_of = {row: number for number, row in enumerate(sorted(set(rows)))}
    group = np.array([number_of[row] for row in rows], dtype=np.int64)
    (revenue,) = sums_by_group(group, len(number_of), journeys.revenue)
    touchpoints = np.zeros(len(number_of), dtype=np.int64)
    touchpoints[group] = journeys.sizes
    return pd.DataFrame(
        {
            "path": np.array([row_path for _, row_path, _ in number_of], dtype=object),
            "days_to_conversion": np.array([row_days for *_, row_days in number_of], dtype=np.int64),
            "conversion_date": np.array([dates[day] for day, *_ in number_of], dtype=object),
            "touchpoints": touchpoints,
            "orders": np.bincount(group, minlength=len(number_of)),
            "revenue": np.array([round(amount, AMOUNT_PLACES) for amount in revenue], dtype=float),
        }
    )


def path_in_words(path: str) -> str:
    """A path of `conversion_paths` as readable text; a channel repeated in a row is written once, with its count."""
    visits = [(name, len(list(repeats))) for name, repeats in groupby(json.loads(path))]
    return " > ".join(f"{name} \N{MULTIPLICATION SIGN}{times}" if times > 1 else name for name, times in visits)
