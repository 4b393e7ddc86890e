"""What became of each order: attributed, or left without credit for a reason; and which service attributed it."""

import pandas as pd

from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.credit import ATTRIBUTED, NO_SESSIONS, TOO_LONG, too_many_sessions

OUTCOMES_SQL = """
WITH outcome AS (
    SELECT conv_id, CAST(conversion_time AS DATE) AS day, MIN(outcome) AS outcome, MIN(reason) AS reason
    FROM ihc_attributions
    GROUP BY conv_id, CAST(conversion_time AS DATE)
)
SELECT c.conv_id, c.conversion_time,
       CASE WHEN t.conv_id IS NOT NULL THEN 'too_long' ELSE COALESCE(o.outcome, 'no_sessions') END AS outcome,
       CASE WHEN o.outcome <> 'attributed' THEN o.reason END AS reason, c.revenue, t.sessions, t.most_sessions
FROM conversions c
LEFT JOIN outcome o ON o.conv_id = c.conv_id AND o.day = CAST(c.conversion_time AS DATE)
LEFT JOIN too_long_orders t ON t.conv_id = c.conv_id AND t.conversion_time = c.conversion_time AND o.conv_id IS NULL
ORDER BY c.conversion_time, c.conv_id
"""


def order_outcomes(conversions: StoredDays, attributions: StoredDays, too_long: StoredDays) -> pd.DataFrame:
    """What became of each order whose day has been attributed.

    Args:
        conversions: The days whose orders are wanted.
        attributions: `ihc_attributions` of these days, as far as there are any.
        too_long: `too_long_orders` of these days.

    Returns:
        A row per order: conv_id, conversion_time, outcome (one of `credit.OUTCOMES`), reason (of refused and too_long,
        else None), revenue.
    """
    outcomes = run_sql(OUTCOMES_SQL, conversions.among(attributions.files), attributions, too_long)
    counts = outcomes.pop("sessions"), outcomes.pop("most_sessions")
    counted = outcomes["outcome"].eq(TOO_LONG) & counts[0].notna()
    outcomes.loc[counted, "reason"] = [
        too_many_sessions(int(sessions), int(most))
        for sessions, most in zip(*(c[counted] for c in counts), strict=True)
    ]
    return outcomes


def unattributed_orders(outcomes: pd.DataFrame, no_sessions: pd.DataFrame) -> pd.DataFrame:
    """The orders that got no credit.

    Args:
        outcomes: As `order_outcomes` gives them.
        no_sessions: Why orders have no session in their lookback window, see `why_no_sessions`.

    Returns:
        The `unattributed_orders` table by time, then order: reason (one of `credit.UNATTRIBUTED_OUTCOMES`), detail (the
        API's words, how long the journey is, or where the sessions are), revenue in the source's currency.
    """
    left = outcomes[outcomes["outcome"] != ATTRIBUTED].rename(columns={"outcome": "left_for"})
    left = left.merge(no_sessions, how="left", on=["conv_id", "conversion_time"])
    left["detail"] = left["detail"].where(left["left_for"] == NO_SESSIONS, left["reason"])
    left = left.drop(columns="reason").rename(columns={"left_for": "reason"})
    return left[["conv_id", "conversion_time", "reason", "detail", "revenue"]]


def answered_by(attributions: StoredDays) -> str:
    """Which service attributed these days' orders: the API's URL, or `credit.EMBEDDED`; several separated by commas."""
    found = run_sql("SELECT DISTINCT answered_by FROM ihc_attributions ORDER BY answered_by", attributions)
    return ", ".join(found["answered_by"])
