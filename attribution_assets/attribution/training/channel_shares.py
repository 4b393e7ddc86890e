"""Channels' shares of the credit by day, as answered and as trained conversion types expect, with control limits.

What a type expects of a day's journeys moves only with the market; what the API answers beyond that, only with the
vendor's model. So each of the two has limits of its own, which tell what moved a share.
"""

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd

from attribution_assets.attribution.training.answered_days import AnsweredDays
from attribution_assets.attribution.training.drift import largest_usual_error
from attribution_assets.attribution.training.stored_answers import journeys_of
from attribution_assets.ihc_service.model import Floats, compute_ihc
from attribution_assets.ihc_service.training.trained_type import TrainedType

LEAST_DAYS, MOST_DAYS = 14, 28
"""The market's limits of a day come from so many days with orders before it."""
SIGMAS = 3
MEAN_RANGE = 1.128
"""The mean distance of two neighbouring values, in standard deviations, where values are normal."""
MARKET, MODEL = "market", "model"
COLUMNS = ("date", "channel_name", "orders", "answered", "expected", "tolerance")


def day_shares(date: str, answered: Iterable[tuple[TrainedType, pd.DataFrame]]) -> pd.DataFrame:
    """Each channel's share of a day's orders; no rows without orders.

    Args:
        date: the day, YYYY-MM-DD.
        answered: as `AnsweredDays.answers` gives them.

    Returns:
        date, channel_name, orders (of the whole day), answered, expected (shares, each with sum 1), tolerance (how far
        the two may be apart, as the types were learned).
    """
    frames, orders, tolerance = list[pd.DataFrame](), 0, 0.0
    for trained, touchpoints in answered:
        expected = compute_ihc(journeys_of(touchpoints).touchpoints, trained.parameters)[:, 3]
        frames.append(touchpoints[["channel_name"]].assign(answered=touchpoints["ihc"], expected=expected))
        of_type = touchpoints["conv_id"].nunique()
        orders, tolerance = orders + of_type, tolerance + of_type * largest_usual_error(trained)
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    shares = pd.concat(frames).groupby("channel_name", as_index=False).sum()
    shares[["answered", "expected"]] /= orders
    return shares.assign(date=date, orders=orders, tolerance=tolerance / orders)[list(COLUMNS)]


def shares_over(days: AnsweredDays, of: Iterable[dt.date]) -> pd.DataFrame:
    """The shares of several days, with limits: see `with_limits`.

    Args:
        days: the stored answers.
        of: which days; limits need `LEAST_DAYS` before the first one that they are wanted for.
    """
    frames = [frame for day in of if len(frame := day_shares(str(day), days.answers(day)))]
    return with_limits(pd.concat(frames) if frames else pd.DataFrame(columns=list(COLUMNS)))


def with_limits(shares: pd.DataFrame) -> pd.DataFrame:
    """Shares of all channels on each day, with control limits and what moved them beyond these.

    The market's is Laney's p' chart of `expected`: limits of `SIGMAS` deviations for the day's number of orders, by how
    much the days before spread beyond what such numbers explain, and at least by that. The model moved a share if
    `answered` is further from `expected` than the tolerance.

    Args:
        shares: as `day_shares` gives them, of any days.

    Returns:
        By date, then channel: the columns of `shares`, lower, upper (the market's limits; NaN with fewer than
        `LEAST_DAYS` days before), moved_by (`market`, `model`, `market and model`, or empty).
    """
    if shares.empty:
        return shares.assign(lower=[], upper=[], moved_by=[])
    days = shares.groupby("date")[["orders", "tolerance"]].first()
    found = []
    for channel, of_channel in shares.groupby("channel_name"):
        values = of_channel.set_index("date")[["answered", "expected"]].reindex(days.index, fill_value=0.0).join(days)
        lower, upper = _market_limits(values["expected"].to_numpy(), days["orders"].to_numpy(np.float64))
        market = (values["expected"] < lower) | (values["expected"] > upper)
        model = (values["answered"] - values["expected"]).abs() > values["tolerance"]
        moved_by = [" and ".join([MARKET] * m + [MODEL] * o) for m, o in zip(market, model, strict=True)]
        frame = values.reset_index().assign(channel_name=channel)[list(COLUMNS)]
        found.append(frame.assign(lower=lower, upper=upper, moved_by=moved_by))
    return pd.concat(found).sort_values(["date", "channel_name"], ignore_index=True)


def _market_limits(share: Floats, orders: Floats) -> tuple[Floats, Floats]:
    """Lower and upper limit of each day's share."""
    limits = np.full((2, len(share)), np.nan)
    for day in range(LEAST_DAYS, len(share)):
        before = slice(max(day - MOST_DAYS, 0), day)
        centre = share[before] @ orders[before] / orders[before].sum()
        part = (share[before] @ orders[before] + 0.5) / (orders[before].sum() + 1)  # never 0, as of a channel not seen
        error = np.sqrt(part * (1 - part) / orders)
        spread = np.abs(np.diff((share[before] - centre) / error[before])).mean() / MEAN_RANGE
        reach = SIGMAS * max(spread, 1.0) * error[day]
        limits[:, day] = max(centre - reach, 0.0), min(centre + reach, 1.0)
    return limits[0], limits[1]
