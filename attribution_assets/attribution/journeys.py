"""Builds customer journeys: which sessions led to which order."""

import pandas as pd

from attribution_assets.attribution.asset_storage import StoredDays
from attribution_assets.attribution.engine import run_sql

JOURNEYS_SQL = """
SELECT c.conv_id, c.conversion_time, s.session_id, s.session_time, s.channel_name,
       s.holder_engagement, s.closer_engagement, s.impression_interaction,
       CAST(CASE WHEN ROW_NUMBER() OVER (PARTITION BY c.conv_id ORDER BY s.session_time DESC, s.session_id DESC) = 1
                 THEN 1 ELSE 0 END AS BIGINT) AS conversion
FROM conversions c
JOIN sessions s ON s.user_id = c.user_id
WHERE s.session_time < c.conversion_time
  AND s.session_time >= c.conversion_time - INTERVAL '{lookback_days}' DAY
ORDER BY c.conversion_time, c.conv_id, s.session_time, s.session_id
"""


def customer_journeys(conversions: StoredDays, sessions: StoredDays, lookback_days: int) -> pd.DataFrame:
    """The customer journeys of all orders in `conversions`.

    A journey holds all sessions of the order's user with
    `conversion time - lookback <= session time < conversion time`, by time, then session id; its last touchpoint
    carries `conversion = 1`. An order without such a session has no row.

    Args:
        conversions: The days whose orders are wanted.
        sessions: At least these days and the `lookback_days` before them.
        lookback_days: Length of the lookback window.

    Returns:
        The `journeys` table: orders by time, the rows of a journey adjacent.
    """
    return run_sql(JOURNEYS_SQL.format(lookback_days=lookback_days), conversions, sessions)
