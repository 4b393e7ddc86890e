"""Reports what each channel cost and earned on each day.

What became of the orders is in `order_outcomes.py`, the ratios of cost, orders and revenue are in `ratios.py`.
"""

import datetime as dt

import pandas as pd

from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.credit import PHASES

# Sums are made of decimals, so that they are the same in whatever order rows are added. Large amounts have no exact
# twelfth place themselves: amounts keep 9. Credit is small enough to keep them all.
REPORT_SQL = """
WITH visits AS (
    SELECT channel_name, CAST(session_time AS DATE) AS day, SUM({cost}) AS cost
    FROM sessions
    GROUP BY channel_name, CAST(session_time AS DATE)
),
paid AS (
    SELECT channel_name, CAST(date AS DATE) AS day, SUM({spend}) AS cost
    FROM spend
    GROUP BY channel_name, CAST(date AS DATE)
),
cost AS (
    SELECT COALESCE(paid.channel_name, visits.channel_name) AS channel_name, COALESCE(paid.day, visits.day) AS day,
           COALESCE(paid.cost, visits.cost) AS cost
    FROM visits
    FULL OUTER JOIN paid ON paid.channel_name = visits.channel_name AND paid.day = visits.day
),
credit AS (
    SELECT a.channel_name, CAST(a.session_time AS DATE) AS day, SUM({ihc}) AS ihc, SUM({ihc_revenue}) AS ihc_revenue
    FROM ihc_attributions a
    JOIN conversions c ON c.conv_id = a.conv_id AND CAST(c.conversion_time AS DATE) = CAST(a.conversion_time AS DATE)
    WHERE a.outcome = 'attributed' AND CAST(a.session_time AS DATE) BETWEEN $first AND $last
    GROUP BY a.channel_name, CAST(a.session_time AS DATE)
)
SELECT COALESCE(cost.channel_name, credit.channel_name) AS channel_name,
       CAST(COALESCE(cost.day, credit.day) AS STRING) AS date,
       ROUND(COALESCE(cost.cost, 0), 9) AS cost,
       COALESCE(credit.ihc, 0) AS ihc,
       ROUND(COALESCE(credit.ihc_revenue, 0), 9) AS ihc_revenue
FROM cost
FULL OUTER JOIN credit ON credit.channel_name = cost.channel_name AND credit.day = cost.day
ORDER BY date, channel_name
""".format(  # noqa: S608 - all of it stands here
    cost=decimal_of("COALESCE(cost, 0)"),
    spend=decimal_of("cost"),
    ihc=decimal_of("a.ihc"),
    ihc_revenue=decimal_of("(a.ihc * c.revenue)"),
)

# Of what is only shown, so that it does not determine the version of a report.
PHASES_SQL = """
SELECT a.channel_name, CAST(CAST(a.session_time AS DATE) AS STRING) AS date,
       SUM({initializer}) AS initializer, SUM({holder}) AS holder, SUM({closer}) AS closer
FROM ihc_attributions a
JOIN conversions c ON c.conv_id = a.conv_id AND CAST(c.conversion_time AS DATE) = CAST(a.conversion_time AS DATE)
WHERE a.outcome = 'attributed' AND CAST(a.session_time AS DATE) BETWEEN $first AND $last
GROUP BY a.channel_name, CAST(a.session_time AS DATE)
ORDER BY date, a.channel_name
""".format(**{phase: decimal_of(f"COALESCE(a.{phase}, 0)") for phase in PHASES})


def channel_report(  # noqa: PLR0913, PLR0917 - what it reads
    sessions: StoredDays,
    spend: StoredDays,
    attributions: StoredDays,
    conversions: StoredDays,
    first: dt.date,
    last: dt.date,
) -> pd.DataFrame:
    """Cost and credit by channel and touch date from `first` to `last`.

    Cost is what was spent on the channel and day, if there is a row of that; else that of all its sessions, converting
    or not (none known counts 0). It is summed before credit is joined. Credit lands on the channel and day of the
    session.

    Args:
        sessions: The days reported.
        spend: The same days, as far as there are any.
        attributions: `ihc_attributions` of the days reported and of the lookback window's length after them, as far as
            there are any.
        conversions: The orders of the same days.
        first: First day reported.
        last: Last day reported.

    Returns:
        The `channel_reporting` table by date, then channel: `cost` and `ihc_revenue` in the source's currency to 9
        decimal places, `ihc` in orders to 12.
    """
    return run_sql(REPORT_SQL, sessions, spend, attributions, conversions, first=first, last=last)


def with_phases(
    report: pd.DataFrame, attributions: StoredDays, conversions: StoredDays, first: dt.date, last: dt.date
) -> pd.DataFrame:
    """The report with what its channels have of each phase, by touch date like the credit.

    Args:
        report: As `channel_report` gives it.
        attributions: As for `channel_report`, as are the others.
        conversions: The orders of the same days.
        first: First day reported.
        last: Last day reported.

    Returns:
        The rows of the report with `initializer`, `holder` and `closer` beside: sums of the touchpoints' shares, in
        orders.
    """
    phases = run_sql(PHASES_SQL, attributions, conversions, first=first, last=last)
    joined = report.merge(phases, how="left", on=["channel_name", "date"])
    return joined.fillna(dict.fromkeys(PHASES, 0.0))


def by_channel(report: pd.DataFrame) -> pd.DataFrame:
    """The report summed over its days: a row per channel with channel_name, cost, ihc, ihc_revenue, by falling cost.

    The phases are summed too, if it has them.
    """
    totals = report.groupby("channel_name", as_index=False).sum(numeric_only=True)
    return totals.sort_values(["cost", "channel_name"], ascending=[False, True], ignore_index=True)
