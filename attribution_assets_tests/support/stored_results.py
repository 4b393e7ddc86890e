"""Stored days that a page can show: made by the functions that the assets call, without a run."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.comparison.order_comparisons import order_comparisons
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.reporting.missing_sessions import why_no_sessions
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes, unattributed_orders
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, companion_table
from attribution_assets.attribution.tables.schemas import TABLES

LOOKBACK_DAYS = 4
ENGAGED = {"holder_engagement": 1, "closer_engagement": 1, "impression_interaction": 0}


class Visit(NamedTuple):
    """A visit on a day, by a channel, at a cost."""

    day: dt.date
    channel: str
    cost: float


class Order(NamedTuple):
    """An order on a day, its revenue, its visits in their order, the credit of each, and its values by dimension."""

    day: dt.date
    revenue: float
    visits: Sequence[Visit] = ()
    credit: Sequence[float] = ()
    dimensions: Mapping[str, str] = MappingProxyType({})


def store_results(
    storage: AssetStorage,
    days: Sequence[dt.date],
    orders: Iterable[Order],
    more_visits: Iterable[Visit] = (),
    answered_by: str = "embedded",
) -> None:
    """Store all that is reported of some days.

    Args:
        storage: Where to.
        days: The days, without gaps.
        orders: The orders of these days; their visits too lie on these days.
        more_visits: Visits that are in no order's journey.
        answered_by: Who attributed the orders.
    """
    sessions: list[dict[str, object]] = [_session(f"m{place}", visit) for place, visit in enumerate(more_visits)]
    conversions: list[dict[str, object]] = []
    touchpoints: list[dict[str, object]] = []
    values: list[dict[str, object]] = []
    for number, order in enumerate(orders):
        placed = {"conv_id": f"o{number}", "conversion_time": pd.Timestamp(order.day) + pd.Timedelta(hours=23)}
        conversions.append({**placed, "user_id": f"u{number}", "revenue": order.revenue})
        of_order = {"conv_id": f"o{number}", "date": str(order.day)}
        values += [{**of_order, "dimension": name, "value": value} for name, value in order.dimensions.items()]
        for place, (visit, credit) in enumerate(zip(order.visits, order.credit, strict=True)):
            session = _session(f"o{number}s{place}", visit, place)
            sessions.append(session)
            shares = dict.fromkeys(("initializer", "holder", "closer", "ihc"), credit)
            answer = {"outcome": "attributed", "reason": None, "answered_by": answered_by}
            touchpoints.append({**placed, **session, **shares, **answer})
    tables = {"sessions": sessions, "conversions": conversions, "ihc_attributions": touchpoints}
    frames = {name: pd.DataFrame(rows, columns=list(TABLES[name].columns)) for name, rows in tables.items()}
    for day in days:
        for name, frame in frames.items():
            time = pd.to_datetime(frame["session_time" if name == "sessions" else "conversion_time"])
            storage.write(name, DayTable(day, frame[time.dt.date == day], {}, _beside(name, day, values)))
    _derive(storage, days)


def _derive(storage: AssetStorage, days: Sequence[dt.date]) -> None:
    sessions, credit, placed = (storage.days(name, days) for name in ("sessions", "ihc_attributions", "conversions"))
    report = channel_report(sessions, storage.days("spend", days), credit, placed, days[0], days[-1])
    too_long = storage.days("too_long_orders", days)
    why = why_no_sessions(placed, credit, too_long, sessions, Windows(days[0], len(days)))
    left = unattributed_orders(order_outcomes(placed, credit, too_long), why)
    reports, lefts = by_day(report, "date", days), by_day(left, "conversion_time", days)
    for (day, of_day), (_, left_of_day) in zip(reports, lefts, strict=True):
        storage.write("channel_reporting", DayTable(day, of_day, {}, {"unattributed_orders": left_of_day}))
        compared = order_comparisons(credit.frame(day), placed.frame(day), ["direct"])
        storage.write("model_comparison", DayTable(day, compared.pop("model_comparison"), {}, compared))


def _session(session_id: str, visit: Visit, place: int = 0) -> dict[str, object]:
    time = pd.Timestamp(visit.day) + pd.Timedelta(hours=8 + place)
    known = {"session_id": session_id, "user_id": "u", "session_time": time, "channel_name": visit.channel}
    return known | ENGAGED | {"cost": visit.cost}


def _beside(name: str, day: dt.date, values: Sequence[dict[str, object]]) -> dict[str, pd.DataFrame]:
    of_day = [row for row in values if row["date"] == str(day)]
    return _none_set_aside(name) | (
        {"order_dimensions": pd.DataFrame(of_day)} if of_day and name == "conversions" else {}
    )


def _none_set_aside(name: str) -> dict[str, pd.DataFrame]:
    none = pd.DataFrame({"row_key": [], "reason": [], "row": [], "amount": []}, dtype=object)
    return {} if name == "ihc_attributions" else {companion_table(name): none.astype({"amount": "float64"})}
