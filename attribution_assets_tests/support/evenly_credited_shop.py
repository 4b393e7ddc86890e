"""A shop of a few orders with even credit, stored with what the package makes of them: all its numbers are known."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.model_comparison import model_comparison
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 2))
LOOKBACK = 2


def stored_shop(root: str, table: Table, orders: list[Row], costs: list[float]) -> AssetStorage:
    """Orders, their credit (even, so that all numbers are known), and what the package makes of them, all stored."""
    storage = AssetStorage(root)
    days = days_between(DAYS[0] - dt.timedelta(days=LOOKBACK), DAYS[-1])
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
    reports = channel_report(visited, storage.days("spend", days), attributed, placed, days[0], days[-1])
    for day, report in by_day(reports, "date", days):
        storage.write("channel_reporting", DayTable(day, report, {}))
        comparison = model_comparison(attributed_journeys(attributed.frame(day), placed.frame(day)), ("direct",))
        storage.write("model_comparison", DayTable(day, comparison, {}))
    return storage
