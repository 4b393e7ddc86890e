"""Results by channel and the values of a dimension, over a range of days."""

import datetime as dt

import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage

BREAKDOWN_SQL = f"""
SELECT channel_name, dimension, value, ROUND(SUM({decimal_of("cost")}), 9) AS cost, SUM({decimal_of("ihc")}) AS orders,
       ROUND(SUM({decimal_of("ihc_revenue")}), 9) AS revenue
FROM channel_breakdown
GROUP BY channel_name, dimension, value
ORDER BY channel_name, dimension, value
"""  # noqa: S608 - all of it stands here

BREAKDOWN_BY_DAY_SQL = """
SELECT date, channel_name, dimension, value, cost, ihc AS orders, ihc_revenue AS revenue
FROM channel_breakdown
ORDER BY date, channel_name, dimension, value
"""


def breakdown_by_day(storage: AssetStorage, first: dt.date, last: dt.date, dimension: str) -> pd.DataFrame:
    """The breakdown of the days from `first` to `last`, as it is stored; days that are not stored are left out.

    Returns:
        date (YYYY-MM-DD), channel_name, dimension, value, cost (NaN for a dimension of orders), orders, revenue; by
        date, channel, then value.
    """
    found = run_sql(BREAKDOWN_BY_DAY_SQL, storage.days("channel_breakdown", days_between(first, last)))
    return found[found["dimension"] == dimension].reset_index(drop=True)


def breakdown_over(storage: AssetStorage, first: dt.date, last: dt.date, dimension: str) -> pd.DataFrame:
    """The breakdown of the days from `first` to `last`, by touch date; days that are not stored are left out.

    Returns:
        channel_name, value, cost (NaN for a dimension of orders), orders, revenue; by channel, then value.
    """
    found = run_sql(BREAKDOWN_SQL, storage.days("channel_breakdown", days_between(first, last)))
    rows = found[found["dimension"] == dimension].drop(columns="dimension")
    return rows.reset_index(drop=True)
