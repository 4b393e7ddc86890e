"""Weekly input for marketing-mix models: cost and visits by channel, and all orders, of each whole week.

A marketing-mix model explains all orders by what was spent, so orders without credit count too and no attribution is
in it. Results by attribution model are in `channel_results.py`.
"""

import datetime as dt
import re
from collections.abc import Iterable

import pandas as pd

from attribution_assets.attribution.calendar.days import days_between, whole_weeks
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage

COST_SQL = f"""
SELECT CAST(DATE_TRUNC('week', CAST(date AS DATE)) AS DATE) AS time, channel_name,
       ROUND(SUM({decimal_of("cost")}), 9) AS spend
FROM channel_reporting
GROUP BY CAST(DATE_TRUNC('week', CAST(date AS DATE)) AS DATE), channel_name
"""  # noqa: S608 - all of it stands here

IMPRESSIONS_SQL = f"""
SELECT CAST(DATE_TRUNC('week', CAST(date AS DATE)) AS DATE) AS time, channel_name,
       SUM({decimal_of("impressions")}) AS impressions
FROM spend
WHERE impressions IS NOT NULL
GROUP BY CAST(DATE_TRUNC('week', CAST(date AS DATE)) AS DATE), channel_name
"""  # noqa: S608 - the same

VISITS_SQL = """
SELECT CAST(DATE_TRUNC('week', session_time) AS DATE) AS time, channel_name, COUNT(*) AS visits
FROM sessions
GROUP BY CAST(DATE_TRUNC('week', session_time) AS DATE), channel_name
"""

ORDERS_SQL = f"""
SELECT CAST(DATE_TRUNC('week', conversion_time) AS DATE) AS time, COUNT(*) AS orders,
       ROUND(SUM({decimal_of("revenue")}), 9) AS revenue
FROM conversions
GROUP BY CAST(DATE_TRUNC('week', conversion_time) AS DATE)
"""  # noqa: S608 - the same


def weekly_marketing_mix(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The whole weeks, Monday to Sunday, from `first` to `last` of which each day has its report, visits and orders.

    Returns:
        A row per week: time (its Monday, YYYY-MM-DD), geo (`national`), orders, revenue, revenue_per_order (NaN without
        orders), then for each channel <channel>_spend, <channel>_visits and, if the source tells of any of these weeks,
        <channel>_impressions, with `_` for what is no letter or digit. Amounts are in the source's currency. Google's
        Meridian takes spend as media spend, impressions or visits as media and orders as KPI with its revenue; Meta's
        Robyn takes spend as paid media spends, impressions or visits as paid media variables.
    """
    weeks = _whole_weeks(storage, first, last)
    days = [day for of_week in weeks.values() for day in of_week]
    spend = run_sql(COST_SQL, storage.days("channel_reporting", days))
    visits = run_sql(VISITS_SQL, storage.days("sessions", days))
    shown = run_sql(IMPRESSIONS_SQL, storage.days("spend", days))
    placed = run_sql(ORDERS_SQL, storage.days("conversions", days))
    index = pd.Index([str(week) for week in weeks], name="time", dtype=object)
    result = _by_week(placed).reindex(index, fill_value=0)
    result.insert(0, "geo", "national")
    result["revenue_per_order"] = result["revenue"] / result["orders"].where(result["orders"] != 0)
    columns = {}
    channels = sorted({*spend["channel_name"], *visits["channel_name"], *shown["channel_name"]})
    for channel, name in zip(channels, _column_names(channels), strict=True):
        for figure, frame in (("spend", spend), ("visits", visits), ("impressions", shown)):
            of_channel = _by_week(frame[frame["channel_name"] == channel])[figure]
            if figure == "impressions" and of_channel.empty:
                continue
            columns[f"{name}_{figure}"] = of_channel.reindex(index, fill_value=0)
    return pd.concat([result, pd.DataFrame(columns, index=index)], axis="columns").reset_index()


def _whole_weeks(storage: AssetStorage, first: dt.date, last: dt.date) -> dict[dt.date, list[dt.date]]:
    days = days_between(first, last)
    empty = storage.empty_at_the_end()
    stored = set(days) - empty
    for table in ("channel_reporting", "sessions", "conversions"):
        stored &= storage.days(table, days).files.keys()
    return whole_weeks(stored)


def _by_week(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(time=frame["time"].astype(str).str[:10]).set_index("time")


def _column_names(channels: Iterable[str]) -> list[str]:
    """A name of letters, digits and `_` for each channel, no two alike."""
    names: list[str] = []
    for channel in channels:
        plain = re.sub(r"\W+", "_", channel).strip("_") or "channel"
        alike = sum(name == plain or name.startswith(f"{plain}__") for name in names)
        names.append(f"{plain}__{alike + 1}" if alike else plain)
    return names
