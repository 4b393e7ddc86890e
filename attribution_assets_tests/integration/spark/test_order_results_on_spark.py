"""Spark reads from stored tables the orders' results that DuckDB reads."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.order_results import (
    channel_roles_over,
    markov_over,
    path_lengths,
    phase_shares,
    placed_over,
    time_lags,
    top_paths,
    unattributed_over,
)
from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 2, 29))
FIRST, LAST = DAYS[0], DAYS[-1]


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
        storage.write("channel_reporting", DayTable(day, table("channel_reporting"), {}, beside))
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


def test_spark_reads_the_same(
    with_orders: AssetStorage, with_roles: AssetStorage, with_paths: AssetStorage, spark: SqlEngine, tmp_path: Path
) -> None:
    assert with_orders is with_roles is with_paths
    on_spark = AssetStorage(str(tmp_path / "assets"), spark)
    for read in (unattributed_over, channel_roles_over, phase_shares, top_paths, path_lengths, time_lags, markov_over):
        pd.testing.assert_frame_equal(read(on_spark, FIRST, LAST), read(with_orders, FIRST, LAST), check_exact=True)
    assert placed_over(on_spark, FIRST, LAST) == placed_over(with_orders, FIRST, LAST)
