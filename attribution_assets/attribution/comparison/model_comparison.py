"""Computes the table `model_comparison`: the credit of each channel by IHC and by each rule-based model.

The rules are in `rule_models.py`. The Markov chain, which needs the orders of many days, is in `markov.py`.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from attribution_assets.attribution.comparison.attributed_journeys import (
    AttributedJourneys,
    sums_by_group,
)
from attribution_assets.attribution.comparison.rule_models import MODELS, Touchpoints
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES, ORDER_PLACES


def model_comparison(journeys: AttributedJourneys, direct_channels: Collection[str]) -> pd.DataFrame:
    """The credit of each channel and touch date by each model, from the attributed orders of each day.

    All models divide the same orders and the same revenue among channels. The sums by IHC can differ slightly, as the
    API rounds credit to 4 decimal places.

    Args:
        journeys: The journeys of these orders.
        direct_channels: The channels of direct visits, which no marketing led to; upper and lower case are equal.

    Returns:
        The table `model_comparison`, sorted by day of the orders, model, channel and touch date: `orders` to 12 decimal
        places, `revenue` in the source's currency to 9. Without orders and revenue there is no row.
    """
    touchpoints = _touchpoints(journeys, direct_channels)
    day = np.repeat(journeys.day, journeys.sizes)
    dates, date = np.unique(journeys.session_time.astype("datetime64[D]"), return_inverse=True)
    many_channels, many_dates = max(len(journeys.channels), 1), max(len(dates), 1)
    cells, cell = np.unique((day * many_channels + journeys.channel) * many_dates + date, return_inverse=True)
    day_and_channel, touch_date = np.divmod(cells, many_dates)
    of_day, channel = np.divmod(day_and_channel, many_channels)
    revenue = np.repeat(journeys.revenue, journeys.sizes)

    weights = {name: model(touchpoints) for name, model in MODELS.items()} | {"ihc": journeys.credit["ihc"].to_numpy()}
    names = sorted(weights)
    amounts = [amount for name in names for amount in (weights[name], weights[name] * revenue)]
    sums = iter(sums_by_group(cell, len(cells), *amounts))
    by_model = zip(*zip(sums, sums, strict=True), strict=True)
    orders, revenues = (
        np.array([round(amount, places) for of_model in measure for amount in of_model], dtype=float)
        for measure, places in zip(by_model, (ORDER_PLACES, AMOUNT_PLACES), strict=True)
    )
    columns = {
        "model": np.repeat(np.array(names, dtype=object), len(cells)),
        "channel_name": np.tile(np.array(journeys.channels, dtype=object)[channel], len(names)),
        "touch_date": np.tile(dates.astype(str).astype(object)[touch_date], len(names)),
        "conversion_date": np.tile(journeys.days.astype(object)[of_day], len(names)),
        "orders": orders,
        "revenue": revenues,
    }
    by_day = np.argsort(np.tile(of_day, len(names)), kind="stable")
    some = by_day[((orders > 0) | (revenues > 0))[by_day]]
    return pd.DataFrame({name: values[some] for name, values in columns.items()})


def _touchpoints(journeys: AttributedJourneys, direct_channels: Collection[str]) -> Touchpoints:
    last_time = np.repeat(journeys.session_time[journeys.ends - 1], journeys.sizes)
    direct_names = {name.casefold() for name in direct_channels}
    is_direct = np.array([name.casefold() in direct_names for name in journeys.channels], dtype=bool)
    return Touchpoints(
        sizes=journeys.sizes,
        age_days=(last_time - journeys.session_time) / np.timedelta64(1, "D"),
        direct=is_direct[journeys.channel],
    )
