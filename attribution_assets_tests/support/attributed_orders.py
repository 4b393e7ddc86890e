"""Attributed orders with their journeys, as a day's tables and as hypothesis draws them.

What the model and path reports must make of them is in `model_oracle.py`.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from hypothesis import strategies as st

DAY = dt.date(2024, 2, 26)
MIDNIGHT = dt.datetime(2024, 2, 26)  # noqa: DTZ001 - all times are UTC, without a zone
CHANNELS = ("Search", "Email", "DIRECT", "Ä < B", 'a", "b', "Search ×2 > Email")  # noqa: RUF001 - as people write it


@dataclass(frozen=True)
class Order:
    """An order with its journey.

    Attributes:
        visits: Channel and time of each touchpoint, by time.
        revenue: Value of the order.
        ordered: Time of the order.
        outcome: What became of it.
    """

    visits: tuple[tuple[str, dt.datetime], ...]
    revenue: float = 100.0
    ordered: dt.datetime = MIDNIGHT + dt.timedelta(hours=12)
    outcome: str = "attributed"

    @property
    def credit(self) -> list[tuple[float | None, ...]]:
        """Of each touchpoint: initializer (all to the first), holder (even), closer (all to the last), ihc (even)."""
        size = len(self.visits)
        if self.outcome != "attributed":
            return [(None,) * 4] * size
        return [(float(place == 0), 1 / size, float(place == size - 1), 1 / size) for place in range(size)]


def came_by(*channels: str, revenue: float = 100.0) -> Order:
    """An order at noon, whose visits were one hour, two hours, ... before it, the last one of the last channel."""
    noon = MIDNIGHT + dt.timedelta(hours=12)
    times = [noon - dt.timedelta(hours=len(channels) - place) for place in range(len(channels))]
    return Order(tuple(zip(channels, times, strict=True)), revenue)


def ihc_attributions(orders: Iterable[Order]) -> pd.DataFrame:
    """The table `ihc_attributions` of the orders, journey after journey."""
    rows = [
        (f"o{number}", order.ordered, f"o{number}-{place:03}", time, channel, *credit, order.outcome, None, "embedded")
        for number, order in enumerate(orders)
        for place, ((channel, time), credit) in enumerate(zip(order.visits, order.credit, strict=True))
    ]
    columns = ["conv_id", "conversion_time", "session_id", "session_time", "channel_name"]
    columns += ["initializer", "holder", "closer", "ihc", "outcome", "reason", "answered_by"]
    times = {"conversion_time": "datetime64[us]", "session_time": "datetime64[us]"}
    numbers = dict.fromkeys(["initializer", "holder", "closer", "ihc"], "float64")
    return pd.DataFrame(rows, columns=columns).astype(times | numbers)


def conversions(orders: Iterable[Order]) -> pd.DataFrame:
    """The table `conversions` of the orders."""
    rows = [(f"o{number}", f"u{number}", order.ordered, order.revenue) for number, order in enumerate(orders)]
    table = pd.DataFrame(rows, columns=["conv_id", "user_id", "conversion_time", "revenue"])
    return table.astype({"conversion_time": "datetime64[us]", "revenue": "float64"})


@st.composite
def _an_order(draw: st.DrawFn) -> Order:
    ordered = MIDNIGHT + draw(st.timedeltas(dt.timedelta(0), dt.timedelta(days=1, microseconds=-1)))
    shortest, longest = dt.timedelta(microseconds=1), dt.timedelta(days=30)
    ages = draw(st.lists(st.timedeltas(shortest, longest), min_size=1, max_size=7))
    visits = tuple((draw(st.sampled_from(CHANNELS)), ordered - age) for age in sorted(ages, reverse=True))
    revenue = draw(st.integers(0, 20_000)) / 100
    return Order(visits, revenue, ordered, draw(st.sampled_from(["attributed"] * 4 + ["refused"])))


ORDERS = st.lists(_an_order(), max_size=7)
"""The orders of `DAY`, most of them attributed."""
