"""What trained conversion types expect of journeys that the API has not been asked about.

It is never stored and never a result.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.training.answered_days import TypesInUse
from attribution_assets.attribution.training.stored_answers import journeys_of
from attribution_assets.ihc_service.model import compute_ihc


def expected_credit(
    days: Iterable[tuple[pd.DataFrame, pd.DataFrame]], in_use: TypesInUse, revenue: "pd.Series[float]"
) -> pd.DataFrame:
    """Orders and revenue by channel that trained types expect; orders of a type that is not trained are left out.

    Args:
        days: the tables `journeys` and `order_types` of each day.
        in_use: the conversion types.
        revenue: of each order, by conv_id.

    Returns:
        channel_name, orders, revenue, by channel.
    """
    credited = list[pd.DataFrame]()
    for journeys, named in days:
        for trained, of_type in in_use.by_type(journeys, named):
            ihc = compute_ihc(journeys_of(of_type).touchpoints, trained.parameters)[:, 3]
            value = ihc * of_type["conv_id"].map(revenue).to_numpy("float64")
            credited.append(pd.DataFrame({"channel_name": of_type["channel_name"], "orders": ihc, "revenue": value}))
    if not credited:
        return pd.DataFrame({"channel_name": [], "orders": [], "revenue": []})
    return pd.concat(credited).groupby("channel_name", as_index=False).sum()


@dataclass(frozen=True)
class Preview:
    """What is expected of stored days that have not been attributed.

    Attributes:
        days: the days.
        orders: their orders with a journey.
        expected: as `expected_credit` gives it.
    """

    days: list[dt.date]
    orders: int
    expected: pd.DataFrame


def preview(storage: AssetStorage, in_use: TypesInUse) -> Preview | None:
    """What is expected of the days whose journeys are stored, and which have not been attributed; None without any.

    Args:
        storage: where the assets' tables lie.
        in_use: the conversion types.
    """
    journeys, orders = storage.all_days("journeys"), storage.all_days("conversions")
    due = journeys.files.keys() - storage.stored_days("ihc_attributions")
    days = sorted(day for day in due if day in orders.files and journeys.stamp(day).rows)
    if not days or not in_use.trained:
        return None
    named, frames = storage.all_days("order_types"), {day: journeys.frame(day) for day in days}
    revenue = pd.concat([orders.frame(day, "conv_id", "revenue") for day in days]).set_index("conv_id")["revenue"]
    expected = expected_credit(((frame, named.frame(day)) for day, frame in frames.items()), in_use, revenue)
    return Preview(days, sum(frame["conv_id"].nunique() for frame in frames.values()), expected)
