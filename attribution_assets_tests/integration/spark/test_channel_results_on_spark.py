"""Spark reads from stored tables the channels' results that DuckDB reads."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from attribution_assets.attribution.calendar.days import by_day, days_between
from attribution_assets.attribution.comparison.model_comparison import model_comparison
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.results.channel_results import (
    DateBasis,
    compared_models,
    results_by_day,
    roas_by_days_since_touch,
)
from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 2))
FIRST, LAST = DAYS[0], DAYS[-1]
LOOKBACK = 2
TOUCH, CONVERSION = DateBasis.TOUCH, DateBasis.CONVERSION
NOTHING = {"lookback_days": LOOKBACK}


def stored_shop(root: str, table: Table, orders: list[Row], costs: list[float]) -> AssetStorage:
    """Orders, their credit (even, so that all numbers are known), and what the package makes of them, all stored."""
    storage = AssetStorage(root)
    days = days_between(FIRST - dt.timedelta(days=LOOKBACK), LAST)
    sessions, conversions, credit = [], [], []
    for number, order in enumerate(orders):
        ordered = dt.datetime.combine(order["day"], dt.time(12))
        known = {
            "conv_id": f"o{number}",
            "user_id": f"u{number}",
            "conversion_time": ordered,
            "revenue": order["revenue"],
        }
        conversions.append(known)
        for place, (channel, hours) in enumerate(sorted(order["visits"], key=lambda visit: -visit[1])):
            visit = {
                "session_id": f"o{number}-{place}",
                "channel_name": channel,
                "session_time": ordered - dt.timedelta(hours=hours, minutes=4 - place),
                "cost": costs[place],
            }
            sessions.append(known | visit)
            credit.append(known | visit | {"ihc": 1 / len(order["visits"])})
    frames = {
        "sessions": table("sessions", *sessions),
        "conversions": table("conversions", *conversions),
        "ihc_attributions": table("ihc_attributions", *credit),
    }
    times = {"sessions": "session_time", "conversions": "conversion_time", "ihc_attributions": "conversion_time"}
    for asset, frame in frames.items():
        for day in days:
            storage.write(asset, DayTable(day, frame[frame[times[asset]].dt.date == day], {}))
    visited, placed, attributed = (storage.days(asset, days) for asset in frames)
    for day, report in by_day(channel_report(visited, attributed, placed, days[0], days[-1]), "date", days):
        storage.write("channel_reporting", DayTable(day, report, {}))
        comparison = model_comparison(attributed.frame(day), placed.frame(day), ("direct",))
        storage.write("model_comparison", DayTable(day, comparison, {}))
    return storage


def test_spark_reads_the_same_results(table: Table, spark: SqlEngine, tmp_path: Path) -> None:
    root = str(tmp_path / "shop")
    visits = [("Search", 47), ('Größe, "A"', 30), ("Email", 1)]
    orders = [{"day": day, "revenue": 0.07 * n, "visits": visits[: n % 3 + 1]} for n, day in enumerate(DAYS)]
    stored_shop(root, table, orders, [0.1, 0.2, 0.3, 0.4])
    for read in (
        *(
            lambda of, basis=basis, model=model: results_by_day(of, DAYS[1], LAST, **NOTHING, model=model, basis=basis)
            for basis in DateBasis
            for model in ("ihc", "position_based")
        ),
        lambda of: compared_models(of, DAYS[1], LAST, **NOTHING),
        lambda of: roas_by_days_since_touch(of, DAYS[1], DAYS[3], **NOTHING, days=(0, 1, 30)),
    ):
        pd.testing.assert_frame_equal(read(AssetStorage(root, spark)), read(AssetStorage(root)), check_exact=True)
