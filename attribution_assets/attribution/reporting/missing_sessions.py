"""Why an order has no session in its lookback window: where the sessions of its visitor are instead."""

import datetime as dt

import pandas as pd

from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.stored_days import StoredDays

# The sessions and orders of a user stand in one line by time: an order need not be joined with each session.
NEAREST_SQL = """
WITH lost AS (
    SELECT c.conv_id, c.conversion_time, c.user_id FROM conversions c
    WHERE NOT EXISTS (SELECT 1 FROM too_long_orders t
                      WHERE t.conv_id = c.conv_id AND t.conversion_time = c.conversion_time)
      AND NOT EXISTS (SELECT 1 FROM ihc_attributions a
                      WHERE a.conv_id = c.conv_id
                        AND CAST(a.conversion_time AS DATE) = CAST(c.conversion_time AS DATE))
),
line AS (
    SELECT user_id, conversion_time AS instant, 0 AS visit, conv_id FROM lost
    UNION ALL
    SELECT user_id, session_time, 1, NULL FROM sessions WHERE user_id IN (SELECT user_id FROM lost)
),
beside AS (
    SELECT conv_id, instant AS conversion_time, user_id,
           MAX(CASE WHEN visit = 1 THEN instant END)
               OVER (PARTITION BY user_id ORDER BY instant, visit
                     ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last_before,
           MIN(CASE WHEN visit = 1 THEN instant END)
               OVER (PARTITION BY user_id ORDER BY instant, visit
                     ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS first_after
    FROM line
)
SELECT conv_id, conversion_time, user_id, last_before, first_after
FROM beside
WHERE conv_id IS NOT NULL
ORDER BY conversion_time, conv_id
"""

NO_VISITOR = "the order has no user_id"


def why_no_sessions(
    conversions: StoredDays, attributions: StoredDays, too_long: StoredDays, sessions: StoredDays, windows: Windows
) -> pd.DataFrame:
    """Where the sessions are of the visitors whose orders have none in their lookback window.

    Looked at are the days of `Window.AROUND` of each order, as far as they are stored.

    Args:
        conversions: The days whose orders are wanted; of days that have not been attributed, there is nothing to say.
        attributions: `ihc_attributions` of these days.
        too_long: `too_long_orders` of these days.
        sessions: The sessions of the days around them.
        windows: How the days are tied together.

    Returns:
        A row per order without a session: conv_id, conversion_time, detail; by time, then order.
    """
    placed = conversions.among(attributions.files)
    nearest = run_sql(NEAREST_SQL, placed, attributions, too_long, sessions)
    details = [
        NO_VISITOR if pd.isna(user) else _detail(ordered, _known(before), _known(after), windows)
        for ordered, user, before, after in zip(
            nearest["conversion_time"],
            nearest["user_id"],
            nearest["last_before"],
            nearest["first_after"],
            strict=True,
        )
    ]
    found = nearest[["conv_id", "conversion_time"]]
    return found.assign(detail=pd.Series(details, index=found.index, dtype=object))


def _known(time: pd.Timestamp) -> dt.datetime | None:
    return None if pd.isna(time) else time.to_pydatetime(warn=False)


def _detail(ordered: pd.Timestamp, before: dt.datetime | None, after: dt.datetime | None, windows: Windows) -> str:
    first, last = windows.read_by(ordered.date(), Window.AROUND)
    own_second = {visit.replace(microsecond=0) for visit in (before, after) if visit}
    if ordered.to_pydatetime(warn=False).replace(microsecond=0) in own_second:
        return "a visit in the order's own second, which ATTRIBUTION_JOURNEY_END=at counts"
    earlier = before.date() if before and before.date() >= first else None
    later = after.date() if after and after.date() <= last else None
    if earlier and later:
        return f"no visit in the lookback window: the last before it on {earlier}, the first after on {later}"
    if earlier:
        return f"all visits before the lookback window, the last on {earlier}"
    if later:
        return f"all visits after the order, the first on {later}"
    return "the visitor was never seen in the stored days, from two lookback windows before the order to one after it"
