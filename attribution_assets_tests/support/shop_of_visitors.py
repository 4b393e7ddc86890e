"""A shop with many made-up visitors, whose orders have journeys of several sessions."""

import datetime as dt

import numpy as np

from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.shop import Shop


def many_visitors(shop: Shop, days: list[dt.date], orders_a_day: int, seed: int = 1) -> None:
    """On each day, so many orders, each of a visitor of its own with one to four sessions in the five days before."""
    random = np.random.default_rng(seed)
    sessions, orders = [], []
    for day in days:
        for number in range(orders_a_day):
            visitor = f"{day}-{number}"
            ordered = dt.datetime.combine(day, dt.time(12), dt.UTC) + dt.timedelta(minutes=int(random.integers(0, 600)))
            orders.append((f"o{visitor}", visitor, *_written(ordered), 100.0))
            hours = [0.1, *(0.1 + float(gap) for gap in random.exponential(25, random.integers(0, 4)).cumsum())]
            for place, before in enumerate(hours):
                time = _written(ordered - dt.timedelta(hours=min(before, 110)))
                flags = [int(flag) for flag in random.random(2) < [0.6, 0.6]]
                sessions.append((f"s{visitor}-{place}", visitor, *time, f"Channel {random.integers(0, 4)}", *flags, 0))
    insert(shop.url, "session_sources", sessions)
    insert(shop.url, "conversions", orders)


def _written(time: dt.datetime) -> tuple[str, str]:
    return f"{time:%Y-%m-%d}", f"{time:%H:%M:%S}"
