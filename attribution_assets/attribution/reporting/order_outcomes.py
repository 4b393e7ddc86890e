"""What became of each order: attributed, or left without credit for a reason; and which service attributed it."""

import pandas as pd

from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.credit import ATTRIBUTED

OUTCOMES_SQL = """
WITH outcome AS (
    SELECT conv_id, CAST(conversion_time AS DATE) AS day, MIN(outcome) AS outcome, MIN(reason) AS reason
    FROM ihc_attributions
    GROUP BY conv_id, CAST(conversion_time AS DATE)
)
SELECT c.conv_id, c.conversion_time, COALESCE(o.outcome, 'no_sessions') AS outcome,
       CASE WHEN o.outcome <> 'attributed' THEN o.reason END AS reason, c.revenue
FROM conversions c
LEFT JOIN outcome o ON o.conv_id = c.conv_id AND o.day = CAST(c.conversion_time AS DATE)
ORDER BY c.conversion_time, c.conv_id
"""


def order_outcomes(conversions: StoredDays, attributions: StoredDays) -> pd.DataFrame:
    """What became of each order whose day has been attributed.

    Args:
        conversions: The days whose orders are wanted.
        attributions: `ihc_attributions` of these days, as far as there are any.

    Returns:
        A row per order: conv_id, conversion_time, outcome (one of `credit.OUTCOMES`), reason (of refused and too_long,
        else None), revenue.
    """
    return run_sql(OUTCOMES_SQL, conversions.among(attributions.files), attributions)


def unattributed_orders(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The orders that got no credit.

    Args:
        outcomes: As `order_outcomes` gives them.

    Returns:
        The `unattributed_orders` table by time, then order: reason (one of `credit.UNATTRIBUTED_OUTCOMES`), detail (the
        API's words, or how long the journey is), revenue in the source's currency.
    """
    left = outcomes[outcomes["outcome"] != ATTRIBUTED].reset_index(drop=True)
    left = left.rename(columns={"reason": "detail", "outcome": "reason"})
    return left[["conv_id", "conversion_time", "reason", "detail", "revenue"]]


def answered_by(attributions: StoredDays) -> str:
    """Which service attributed these days' orders: the API's URL, or `credit.EMBEDDED`; several separated by commas."""
    found = run_sql("SELECT DISTINCT answered_by FROM ihc_attributions ORDER BY answered_by", attributions)
    return ", ".join(found["answered_by"])
