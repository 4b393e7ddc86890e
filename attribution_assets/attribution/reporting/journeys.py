"""Builds customer journeys: which sessions led to which order."""

import datetime as dt
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.sql.engine import run_sql, run_sql_by_day
from attribution_assets.attribution.storage.stored_days import StoredDays, query_batches

# What a journey consists of: the sessions of each order's lookback window.
IN_THE_WINDOW_SQL = """
FROM conversions c
JOIN sessions s ON s.user_id = c.user_id
WHERE s.session_time < c.conversion_time
  AND s.session_time >= c.conversion_time - INTERVAL '$lookback_days' DAY
"""

JOURNEYS_SQL = """
SELECT c.conv_id, c.conversion_time, s.session_id, s.session_time, s.channel_name,
       s.holder_engagement, s.closer_engagement, s.impression_interaction,
       CAST(CASE WHEN ROW_NUMBER() OVER (PARTITION BY c.conv_id, c.conversion_time
                                           ORDER BY s.session_time DESC, s.session_id DESC) = 1
                 THEN 1 ELSE 0 END AS BIGINT) AS conversion
{sessions_in_the_window}
ORDER BY c.conversion_time, c.conv_id, s.session_time, s.session_id
"""

MISSED_SQL = """
SELECT DISTINCT c.conv_id, c.conversion_time
{sessions_in_the_window}
  AND c.conv_id NOT IN (SELECT conv_id FROM journeys)
ORDER BY c.conversion_time, c.conv_id
"""


def customer_journeys(
    conversions: StoredDays, sessions: StoredDays, lookback_days: int
) -> Iterator[tuple[dt.date, pa.Table]]:
    """The customer journeys of all orders in `conversions`, one day after another.

    A journey holds all sessions of the order's user with
    `conversion time - lookback <= session time < conversion time`, by time, then session id; its last touchpoint
    carries `conversion = 1`. An order without such a session has no row.

    Args:
        conversions: The days whose orders are wanted.
        sessions: At least these days and the `lookback_days` before them.
        lookback_days: Length of the lookback window.

    Yields:
        Each day of `conversions` with its `journeys` table: orders by time, the rows of a journey adjacent.
    """
    window = dt.timedelta(days=lookback_days)
    for days in query_batches(conversions):
        orders, reached = conversions.within(days[0], days[-1]), sessions.within(days[0] - window, days[-1])
        yield from run_sql_by_day(
            over_the_window(JOURNEYS_SQL),
            orders,
            reached,
            by="conversion_time",
            days=days,
            lookback_days=lookback_days,
        )


def sessions_missing(conversions: StoredDays, sessions: StoredDays, windows: Windows) -> list[dt.date]:
    """The days of `sessions` without which journeys would be cut short; a day without orders needs none.

    Args:
        conversions: The days whose orders are wanted.
        sessions: The days of their lookback windows.
        windows: How the days are tied together.
    """
    ordered = [day for day, stamp in conversions.stamps().items() if stamp.rows]
    needed = {read for day in ordered for read in days_between(*windows.read_by(day, Window.LOOKBACK))}
    return [day for day in sessions.missing if day in needed]


def orders_without_their_journey(
    conversions: StoredDays, sessions: StoredDays, journeys: StoredDays, lookback_days: int
) -> pd.DataFrame:
    """The orders that have a session in their lookback window, but no row in `journeys`: conv_id, conversion_time.

    Args:
        conversions: The days whose orders are looked at.
        sessions: As for `customer_journeys`, as far as they are stored.
        journeys: The stored journeys of the same days.
        lookback_days: Length of the lookback window.
    """
    return run_sql(over_the_window(MISSED_SQL), conversions, sessions, journeys, lookback_days=lookback_days)


def over_the_window(sql: str) -> str:
    """One of the queries above with what a journey consists of, and `$lookback_days` still to be written in."""
    return sql.format(sessions_in_the_window=IN_THE_WINDOW_SQL.strip())
