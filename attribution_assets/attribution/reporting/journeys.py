"""Builds customer journeys: which sessions led to which order, and which orders have too many of them."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.sql.engine import run_sql, run_sql_by_day
from attribution_assets.attribution.storage.stored_days import StoredDays, query_batches

# The lookback window of the order c: from its start to before its end.
START_SQL = "c.conversion_time - INTERVAL '$lookback_days' DAY"
END_SQL = {
    JourneyEnd.BEFORE: "c.conversion_time",
    JourneyEnd.AT: "DATE_TRUNC('second', c.conversion_time) + INTERVAL '1' SECOND",
}

# What a journey consists of: the sessions of each order's lookback window.
IN_THE_WINDOW_SQL = """
FROM {orders} c
JOIN sessions s ON s.user_id = c.user_id
WHERE s.session_time < {end}
  AND s.session_time >= {start}
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

# Counted without joining each order with its sessions: the sessions of a user stand in one line by time, and between
# them the two ends of each window, which know how many came before.
TOO_LONG_SQL = """
WITH frequent AS (
    SELECT user_id FROM sessions
    WHERE user_id IN (SELECT user_id FROM conversions)
    GROUP BY user_id HAVING COUNT(*) > $most_sessions
),
placed AS (
    SELECT c.conv_id, c.conversion_time, c.user_id, {start} AS window_start, {end} AS window_end
    FROM conversions c JOIN frequent f ON f.user_id = c.user_id
),
line AS (
    SELECT user_id, window_end AS instant, 0 AS visit, 1 AS side, conv_id, conversion_time FROM placed
    UNION ALL
    SELECT user_id, window_start, 0, -1, conv_id, conversion_time FROM placed
    UNION ALL
    SELECT s.user_id, s.session_time, 1, 0, NULL, NULL FROM sessions s JOIN frequent f ON f.user_id = s.user_id
),
counted AS (
    SELECT conv_id, conversion_time, user_id, side,
           SUM(visit) OVER (PARTITION BY user_id ORDER BY instant, visit
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS visits_before
    FROM line
)
SELECT conv_id, conversion_time, user_id, CAST(SUM(side * visits_before) AS BIGINT) AS sessions,
       CAST($most_sessions AS BIGINT) AS most_sessions
FROM counted
WHERE side <> 0
GROUP BY conv_id, conversion_time, user_id
HAVING SUM(side * visits_before) > $most_sessions
ORDER BY conversion_time, conv_id
"""

MISSED_SQL = """
SELECT DISTINCT c.conv_id, c.conversion_time
{sessions_in_the_window}
ORDER BY c.conversion_time, c.conv_id
"""

WITHOUT_TOO_LONG_SQL = """(
    SELECT o.* FROM conversions o
    WHERE NOT EXISTS (
        SELECT 1 FROM ({too_long}) t WHERE t.conv_id = o.conv_id AND t.conversion_time = o.conversion_time
    )
)"""

WITHOUT_JOURNEY_SQL = """(
    SELECT o.* FROM conversions o
    WHERE NOT EXISTS (SELECT 1 FROM journeys j WHERE j.conv_id = o.conv_id)
      AND NOT EXISTS (SELECT 1 FROM too_long_orders t WHERE t.conv_id = o.conv_id)
)"""


class JourneysOfDay(NamedTuple):
    """The journeys of the orders of one day.

    Attributes:
        day: The day.
        table: The table `journeys`: orders by time, the rows of a journey adjacent.
        too_long: The table `too_long_orders`: those that have more sessions than a request may hold, and so no rows in
            `table`; by time, then order.
    """

    day: dt.date
    table: pa.Table
    too_long: pd.DataFrame


def customer_journeys(conversions: StoredDays, sessions: StoredDays, windows: Windows) -> Iterator[JourneysOfDay]:
    """The customer journeys of all orders in `conversions`, one day after another.

    A journey holds all sessions of the order's user with
    `conversion time - lookback <= session time < conversion time`, by time, then session id; its last touchpoint
    carries `conversion = 1`. Where journeys end `at` the order, sessions of the order's own second are in it too,
    fractions of the second aside. An order without such a session has no row. Neither has one with more than
    `windows.most_sessions` of them, which are counted but not joined.

    Args:
        conversions: The days whose orders are wanted.
        sessions: At least these days and those of the lookback window before them.
        windows: Length and end of the lookback window, and how many sessions a journey may have.
    """
    window = dt.timedelta(days=windows.lookback_days)
    for days in query_batches(conversions):
        orders, reached = conversions.within(days[0], days[-1]), sessions.within(days[0] - window, days[-1])
        counted = run_sql(too_long_sql(windows), orders, reached, **query_parameters(windows))
        too_long = dict(by_day(counted, "conversion_time", days))
        built = "conversions" if counted.empty else WITHOUT_TOO_LONG_SQL.format(too_long=too_long_sql(windows))
        tables = run_sql_by_day(
            over_the_window(JOURNEYS_SQL, windows, built),
            orders,
            reached,
            by="conversion_time",
            days=days,
            **query_parameters(windows),
        )
        for day, table in tables:
            yield JourneysOfDay(day, table, too_long[day])


def orders_without_their_journey(
    conversions: StoredDays, sessions: StoredDays, journeys: StoredDays, too_long: StoredDays, windows: Windows
) -> pd.DataFrame:
    """The orders that have a session in their lookback window, but no journey: conv_id, conversion_time.

    Args:
        conversions: The days whose orders are looked at.
        sessions: As for `customer_journeys`, as far as they are stored.
        journeys: The stored journeys of the same days.
        too_long: The stored `too_long_orders` of the same days.
        windows: As for `customer_journeys`.
    """
    sql = over_the_window(MISSED_SQL, windows, WITHOUT_JOURNEY_SQL)
    return run_sql(sql, conversions, sessions, journeys, too_long, **query_parameters(windows))


def too_long_sql(windows: Windows) -> str:
    """The query that counts the orders with too many sessions, its `$` parameters still to be written in."""
    return TOO_LONG_SQL.format(start=START_SQL, end=END_SQL[windows.journey_end])


def over_the_window(sql: str, windows: Windows, orders: str) -> str:
    """One of the queries above with what a journey consists of, its `$` parameters still to be written in."""
    joined = IN_THE_WINDOW_SQL.format(orders=orders, start=START_SQL, end=END_SQL[windows.journey_end])
    return sql.format(sessions_in_the_window=joined.strip())


def query_parameters(windows: Windows) -> dict[str, int]:
    """What is written in for the `$` parameters of these queries."""
    return {"lookback_days": windows.lookback_days, "most_sessions": windows.most_sessions}
