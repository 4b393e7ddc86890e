"""Breaks the channel report down by dimensions: columns of visits, spend and orders beyond the channel.

Each dimension alone shares out what `channel_report.py` says of a channel; dimensions are not crossed with each other.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays, query_batches

NO_VALUE = "(none)"
"""Stands for a value that is missing, and for cost that is known for the channel only."""

# Credit, cost of visits and spend as in the report. Of a channel and day with spend, visits give no cost: their values
# keep their rows all the same.
BREAKDOWN_SQL = """
WITH dimensions AS ({dimensions}),
order_dimension_names AS ({order_dimensions}),
credit AS (
    SELECT a.channel_name, CAST(a.session_time AS DATE) AS day, a.session_id, a.conv_id,
           CAST(a.conversion_time AS DATE) AS order_day, {ihc} AS ihc, {ihc_revenue} AS ihc_revenue
    FROM ihc_attributions a
    JOIN conversions c ON c.conv_id = a.conv_id AND CAST(c.conversion_time AS DATE) = CAST(a.conversion_time AS DATE)
    WHERE a.outcome = 'attributed' AND CAST(a.session_time AS DATE) BETWEEN $first AND $last
),
visits AS (
    SELECT channel_name, CAST(session_time AS DATE) AS day, session_id, {cost} AS cost FROM sessions
),
paid AS (
    SELECT channel_name, CAST(date AS DATE) AS day, SUM({spent}) AS cost,
           SUM({impressions}) AS impressions, SUM({clicks}) AS clicks
    FROM spend
    GROUP BY channel_name, CAST(date AS DATE)
),
paid_for_values AS (
    SELECT dimension, channel_name, CAST(date AS DATE) AS day, value,
           {spent} AS cost, {impressions} AS impressions, {clicks} AS clicks
    FROM spend_by_dimension
),
parts AS (
    SELECT 0 AS of_orders, d.dimension, v.channel_name, v.day, s.value,
           CASE WHEN p.day IS NULL THEN v.cost ELSE CAST(0 AS DECIMAL(28, 12)) END AS cost,
           CAST(0 AS DECIMAL(28, 12)) AS ihc, CAST(0 AS DECIMAL(28, 12)) AS ihc_revenue,
           CAST(NULL AS DECIMAL(28, 12)) AS impressions, CAST(NULL AS DECIMAL(28, 12)) AS clicks
    FROM visits v
    CROSS JOIN dimensions d
    LEFT JOIN session_dimensions s
           ON s.session_id = v.session_id AND CAST(s.date AS DATE) = v.day AND s.dimension = d.dimension
    LEFT JOIN paid p ON p.channel_name = v.channel_name AND p.day = v.day
    UNION ALL
    SELECT 0, b.dimension, b.channel_name, b.day, b.value, b.cost,
           CAST(0 AS DECIMAL(28, 12)), CAST(0 AS DECIMAL(28, 12)), b.impressions, b.clicks
    FROM paid_for_values b
    JOIN dimensions d ON d.dimension = b.dimension
    UNION ALL
    SELECT 0, d.dimension, p.channel_name, p.day, NULL, p.cost,
           CAST(0 AS DECIMAL(28, 12)), CAST(0 AS DECIMAL(28, 12)), p.impressions, p.clicks
    FROM paid p
    CROSS JOIN dimensions d
    WHERE NOT EXISTS (
        SELECT 1 FROM paid_for_values b
        WHERE b.dimension = d.dimension AND b.channel_name = p.channel_name AND b.day = p.day
    )
    UNION ALL
    SELECT 0, d.dimension, c.channel_name, c.day, s.value, CAST(0 AS DECIMAL(28, 12)), c.ihc, c.ihc_revenue, NULL, NULL
    FROM credit c
    CROSS JOIN dimensions d
    LEFT JOIN session_dimensions s
           ON s.session_id = c.session_id AND CAST(s.date AS DATE) = c.day AND s.dimension = d.dimension
    UNION ALL
    SELECT 1, d.dimension, c.channel_name, c.day, o.value, NULL, c.ihc, c.ihc_revenue, NULL, NULL
    FROM credit c
    CROSS JOIN order_dimension_names d
    LEFT JOIN order_dimensions o
           ON o.conv_id = c.conv_id AND CAST(o.date AS DATE) = c.order_day AND o.dimension = d.dimension
    UNION ALL
    SELECT 1, d.dimension, r.channel_name, CAST(r.date AS DATE), NULL, NULL,
           CAST(0 AS DECIMAL(28, 12)), CAST(0 AS DECIMAL(28, 12)), NULL, NULL
    FROM channel_reporting r
    CROSS JOIN order_dimension_names d
    WHERE NOT EXISTS (SELECT 1 FROM credit c WHERE c.channel_name = r.channel_name AND c.day = CAST(r.date AS DATE))
)
SELECT channel_name, CAST(day AS STRING) AS date, dimension, COALESCE(value, '{no_value}') AS value,
       CASE WHEN of_orders = 0 THEN ROUND(SUM(cost), 9) END AS cost, SUM(ihc) AS ihc,
       ROUND(SUM(ihc_revenue), 9) AS ihc_revenue, SUM(impressions) AS impressions, SUM(clicks) AS clicks
FROM parts
GROUP BY of_orders, dimension, channel_name, day, COALESCE(value, '{no_value}')
ORDER BY date, dimension, channel_name, value
"""


class BreakdownInputs(NamedTuple):
    """What the breakdown of some days is made of, as far as it is stored.

    Attributes:
        report: `channel_reporting` of the days.
        sessions: `sessions` of the days.
        spend: `spend` of the days.
        credit: `ihc_attributions` of the days and of the lookback window's length after them.
        orders: `conversions` of the same days as `credit`.
        of_sessions: `session_dimensions` of the days.
        of_spend: `spend_by_dimension` of the days.
        of_orders: `order_dimensions` of the same days as `credit`.
    """

    report: StoredDays
    sessions: StoredDays
    spend: StoredDays
    credit: StoredDays
    orders: StoredDays
    of_sessions: StoredDays
    of_spend: StoredDays
    of_orders: StoredDays


def breakdown_inputs(storage: AssetStorage, windows: Windows, first: dt.date, last: dt.date) -> BreakdownInputs:
    """What the breakdown of the days from `first` to `last` is made of, as it is stored."""
    days, credited_by = days_between(first, last), days_between(first, windows.read_by(last, Window.ATTRIBUTION)[1])
    return BreakdownInputs(
        storage.days("channel_reporting", days),
        storage.days("sessions", days),
        storage.days("spend", days),
        storage.days("ihc_attributions", credited_by),
        storage.days("conversions", credited_by),
        storage.days("session_dimensions", days),
        storage.days("spend_by_dimension", days),
        storage.days("order_dimensions", credited_by),
    )


def channel_breakdowns(
    inputs: BreakdownInputs, days: Sequence[dt.date], windows: Windows
) -> Iterator[tuple[Sequence[dt.date], pd.DataFrame]]:
    """The breakdown of the days, some adjacent ones at a time.

    Args:
        inputs: What it is made of.
        days: The days to break down, in calendar order.
        windows: How the days are tied together, and by which dimensions they are broken down.

    Yields:
        Days with their `channel_breakdown`: cost, ihc and ihc_revenue of each channel, shared out by the values of each
        dimension; by date, dimension, channel, value. Cost by a dimension of orders is empty (NaN), and so are
        impressions and clicks that the source does not give.
    """
    sql = breakdown_sql(windows)
    for first, last in adjacent_ranges(days):
        for block in query_batches(inputs.orders, days_between(first, last)):
            until = windows.read_by(block[-1], Window.ATTRIBUTION)[1]
            of_days = (table.within(block[0], block[-1]) for table in (inputs.report, inputs.sessions, inputs.spend))
            later = (table.within(block[0], until) for table in (inputs.credit, inputs.orders, inputs.of_orders))
            beside = (table.within(block[0], block[-1]) for table in (inputs.of_sessions, inputs.of_spend))
            yield block, run_sql(sql, *of_days, *later, *beside, first=block[0], last=block[-1])


def breakdown_sql(windows: Windows) -> str:
    """The query for the dimensions of the settings, its `$` parameters still to be written in."""
    return BREAKDOWN_SQL.format(
        dimensions=_names(windows.dimensions),
        order_dimensions=_names(windows.order_dimensions),
        no_value=NO_VALUE,
        ihc=decimal_of("a.ihc"),
        ihc_revenue=decimal_of("(a.ihc * c.revenue)"),
        cost=decimal_of("COALESCE(cost, 0)"),
        spent=decimal_of("cost"),
        impressions=decimal_of("impressions"),
        clicks=decimal_of("clicks"),
    )


def _names(dimensions: Sequence[str]) -> str:
    """Rows with these names, which hold letters, digits, `_`, `-`, `.` and blanks alone."""
    rows = " UNION ALL ".join(f"SELECT '{name}' AS dimension" for name in dimensions)
    return rows or "SELECT 'none' AS dimension WHERE 1 = 0"
