"""Small stored tables of the orders of four days: what became of them, their paths, their channels' roles."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 2, 29))


def path_row(day: dt.date, path: list[str], days: int, orders: int, revenue: float) -> Row:
    """A row of `conversion_paths`."""
    known = {"path": json.dumps(path, ensure_ascii=False), "touchpoints": len(path), "conversion_date": str(day)}
    return known | {"days_to_conversion": days, "orders": orders, "revenue": revenue}


def left_over(*rows: tuple[str, float]) -> pd.DataFrame:
    """A day's `unattributed_orders`, by reason and revenue."""
    columns = ["conv_id", "conversion_time", "reason", "detail", "revenue"]
    noon = pd.Timestamp("2024-02-26 12:00:00")
    frame = pd.DataFrame(
        [(f"o{n}", noon, reason, None, revenue) for n, (reason, revenue) in enumerate(rows)], columns=columns
    )
    return frame.astype(dict.fromkeys(("conv_id", "reason", "detail"), "object")).astype(
        {"conversion_time": "datetime64[us]", "revenue": "float64"}
    )


@pytest.fixture
def with_orders(storage: AssetStorage, table: Table, keep: Keep) -> AssetStorage:
    """Orders of four days, of which the last has no report yet."""
    orders = [
        {"conv_id": f"{day}-{n}", "conversion_time": f"{day} 12:00:00", "revenue": revenue}
        for day in DAYS
        for n, revenue in enumerate([0.1, 0.2, 40.0])
    ]
    keep(storage, "conversions", table("conversions", *orders), DAYS)
    keep(storage, "ihc_attributions", table("ihc_attributions"), DAYS)
    left = [
        left_over(("no_sessions", 0.1), ("refused", 0.2)),
        left_over(),
        left_over(("no_sessions", 0.2), ("too_long", 40.0)),
    ]
    for day, beside in zip(DAYS, left, strict=False):
        report = DayTable(day, table("channel_reporting"), {}, {"unattributed_orders": beside})
        storage.write("channel_reporting", report)
    return storage


def role(day: dt.date, channel: str, influenced: int, assisted: int, **phases: float) -> Row:
    """A row of `channel_roles`; an order is worth 0.1."""
    counts = {"influenced_orders": influenced, "influenced_revenue": influenced / 10}
    counts |= {"assisted_orders": assisted, "assisted_revenue": assisted / 10}
    return {"conversion_date": str(day), "channel_name": channel, **counts, **phases}


@pytest.fixture
def with_roles(storage: AssetStorage, table: Table, keep: Keep) -> AssetStorage:
    """The roles of two channels on three days."""
    rows = [
        role(DAYS[0], "Search", 3, 1, initializer=0.1, holder=0.5, closer=1.0),
        role(DAYS[0], "Email", 2, 2, initializer=0.9, holder=0.5, closer=0.0),
        role(DAYS[1], "Search", 5, 0, initializer=0.2, holder=0.0, closer=3.0),
        role(DAYS[1], "Email", 1, 1, initializer=2.8, holder=3.0, closer=0.0),
        role(DAYS[2], "Email", 64, 64, initializer=64.0, holder=0.0, closer=64.0),
    ]
    keep(storage, "channel_roles", table("channel_roles", *rows), DAYS)
    return storage


@pytest.fixture
def with_paths(storage: AssetStorage, table: Table, keep: Keep) -> AssetStorage:
    """The paths of orders on three days."""
    search, both, long = ["Search"], ["Email", "Search"], ["Email", "Search", "Search"]
    rows = [
        path_row(DAYS[0], search, 0, 2, 0.1),
        path_row(DAYS[0], both, 3, 1, 5.0),
        path_row(DAYS[1], search, 0, 1, 0.2),
        path_row(DAYS[1], search, 3, 1, 1.0),
        path_row(DAYS[1], ["Email"], 1, 1, 7.0),
        path_row(DAYS[1], ["Direct"], 1, 1, 7.0),
        path_row(DAYS[2], long, 4, 64, 64.0),
    ]
    keep(storage, "conversion_paths", table("conversion_paths", *rows), DAYS)
    return storage
