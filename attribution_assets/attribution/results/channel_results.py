"""Results by channel: cost, orders and revenue over a range of days, by attribution model and date basis.

Functions here read stored days and write nothing; which days these are is in `result_days.py`, and results by order,
such as paths and orders without credit, are in `order_results.py`. A day that is not stored is left out, and a range
without stored days gives an empty table with its columns. If a run replaces days during a read, the result can mix
older and newer days, but each day is read whole.

Credit counts by one of two date bases (`DateBasis`); cost always counts on the day on which it was spent. Amounts are
in the source's currency to 9 decimal places, orders to 12.
"""

import datetime as dt
import math
from collections.abc import Sequence

import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.finality import is_final
from attribution_assets.attribution.results.result_days import DateBasis, credited, reported_and_credit
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES, ORDER_PLACES
from attribution_assets.attribution.tables.schemas import RULE_MODELS

MODELS = ("ihc", *RULE_MODELS)
"""The models whose credit is stored by day. The Markov chain is computed per range: `order_results.markov_over`."""


_ORDERS, _REVENUE = f"SUM({decimal_of('orders')})", f"ROUND(SUM({decimal_of('revenue')}), 9)"

REPORTED_BY_DAY_SQL = """
SELECT date, channel_name, cost, ihc AS orders, ihc_revenue AS revenue
FROM channel_reporting
ORDER BY date, channel_name
"""

REPORTED_SQL = f"""
SELECT channel_name, ROUND(SUM({decimal_of("cost")}), 9) AS cost, SUM({decimal_of("ihc")}) AS orders,
       ROUND(SUM({decimal_of("ihc_revenue")}), 9) AS revenue
FROM channel_reporting
GROUP BY channel_name
ORDER BY channel_name
"""  # noqa: S608 - all of it stands here

RESULTS_BY_DAY_SQL = f"""
WITH credit AS (
    SELECT {{date}} AS date, channel_name, {_ORDERS} AS orders, {_REVENUE} AS revenue
    FROM model_comparison
    WHERE model = '{{model}}' AND conversion_date <= '{{until}}' AND ({{credited}})
    GROUP BY {{date}}, channel_name
)
SELECT COALESCE(r.date, credit.date) AS date, COALESCE(r.channel_name, credit.channel_name) AS channel_name,
       COALESCE(r.cost, 0) AS cost, COALESCE(credit.orders, 0) AS orders, COALESCE(credit.revenue, 0) AS revenue
FROM channel_reporting r
FULL OUTER JOIN credit ON credit.date = r.date AND credit.channel_name = r.channel_name
ORDER BY date, channel_name
"""  # noqa: S608 - all of it stands here; the placeholders are for a column, one of MODELS and dates

COMPARED_SQL = f"""
SELECT model, channel_name, {_ORDERS} AS orders, {_REVENUE} AS revenue
FROM model_comparison
WHERE {{credited}}
GROUP BY model, channel_name
ORDER BY model, channel_name
"""  # noqa: S608 - all of it stands here; the placeholder is for dates

SINCE_TOUCH_SQL = """
SELECT channel_name, {columns}
FROM model_comparison
WHERE model = '{model}' AND ({credited})
GROUP BY channel_name
ORDER BY channel_name
"""


def sum_within(figure: str, days: int) -> str:
    """SQL for the sum of a figure of `model_comparison` that was earned at most so many days after the touch."""
    within = f"CAST(conversion_date AS DATE) <= CAST(touch_date AS DATE) + INTERVAL '{days}' DAY"
    return f"SUM(CASE WHEN {within} THEN {decimal_of(figure)} ELSE 0 END)"


def results_by_day(  # noqa: PLR0913 - each is a choice of its own
    storage: AssetStorage,
    first: dt.date,
    last: dt.date,
    *,
    lookback_days: int,
    model: str = "ihc",
    basis: DateBasis = DateBasis.TOUCH,
    orders_until: dt.date | None = None,
) -> pd.DataFrame:
    """Cost and credit by day and channel from `first` to `last`.

    Model `ihc` by touch date gives the numbers of `channel_reporting`, to the last digit. Any other model or basis, and
    `orders_until`, give the credit of `model_comparison`, only on the `compared_days`: on other days cost or credit is
    not known.

    Args:
        storage: The stored days.
        first: First day of the result.
        last: Last day of the result.
        lookback_days: Length of the lookback window: orders up to so many days after a visit can credit it.
        model: One of `MODELS`.
        basis: The day on which credit counts.
        orders_until: Only the credit of orders placed up to this day counts; None for all orders.

    Returns:
        date (YYYY-MM-DD), channel_name, cost, orders, revenue, by date, then channel: channels with cost or credit.

    Raises:
        ValueError: `model` is not one of `MODELS`.
    """
    _require(model)
    if model == "ihc" and basis is DateBasis.TOUCH and orders_until is None:
        return run_sql(REPORTED_BY_DAY_SQL, storage.days("channel_reporting", days_between(first, last)))
    reported, credit = reported_and_credit(storage, first, last, lookback_days, basis)
    until = orders_until or dt.date.max
    sql = RESULTS_BY_DAY_SQL.format(date=basis, model=model, until=until, credited=credited(reported, basis))
    return run_sql(sql, reported, credit)


def summed(results: pd.DataFrame, *by: str) -> pd.DataFrame:
    """What `results_by_day` gives, summed.

    Args:
        results: Has cost (NaN where it is not known), orders and revenue.
        by: Of which columns each pair of values has a row.

    Returns:
        These columns, cost, orders, revenue; by these columns.
    """
    sums = results.groupby([*by])[["cost", "orders", "revenue"]].agg(math.fsum)
    places = {"cost": AMOUNT_PLACES, "orders": ORDER_PLACES, "revenue": AMOUNT_PLACES}
    return sums.round(places).reset_index()


def compared_models(
    storage: AssetStorage, first: dt.date, last: dt.date, *, lookback_days: int, basis: DateBasis = DateBasis.TOUCH
) -> pd.DataFrame:
    """Cost and credit by model and channel from `first` to `last`, summed over the `compared_days`.

    By touch date, the credit of `ihc` is that of `channel_reporting`.

    Args:
        storage: The stored days.
        first: First day.
        last: Last day.
        lookback_days: Length of the lookback window.
        basis: The day on which credit counts.

    Returns:
        model, channel_name, cost, orders, revenue: for each of `MODELS`, in their order, the same channels by name.
    """
    reported, credit = reported_and_credit(storage, first, last, lookback_days, basis)
    by_channel = run_sql(REPORTED_SQL, reported).set_index("channel_name")
    compared = run_sql(COMPARED_SQL.format(credited=credited(reported, basis)), credit)
    if basis is DateBasis.TOUCH:
        ihc = by_channel[["orders", "revenue"]].reset_index().assign(model="ihc")
        compared = pd.concat([compared[compared["model"] != "ihc"], ihc], ignore_index=True)
    channels = sorted({*by_channel.index, *compared["channel_name"]})
    rows = pd.MultiIndex.from_product([MODELS, channels], names=["model", "channel_name"])
    result = compared.set_index(rows.names)[["orders", "revenue"]].reindex(rows, fill_value=0.0).reset_index()
    result.insert(2, "cost", result["channel_name"].map(by_channel["cost"]).fillna(0.0))
    return result


def roas_by_days_since_touch(  # noqa: PLR0913 - each is a choice of its own
    storage: AssetStorage,
    first: dt.date,
    last: dt.date,
    *,
    lookback_days: int,
    model: str = "ihc",
    days: Sequence[int] = (7, 30),
    last_day: dt.date | None = None,
) -> pd.DataFrame:
    """Cost of the visits from `first` to `last` by channel, and their earnings some days after the touch.

    Args:
        storage: The stored days.
        first: First day of the visits.
        last: Last day of the visits.
        lookback_days: Length of the lookback window.
        model: One of `MODELS`.
        days: Numbers of calendar days. For each, orders placed at most so many days after the day of the visit count.
        last_day: Last day of the calendar, see `is_final`.

    Returns:
        channel_name, cost, and for each of `days` orders_7, revenue_7, roas_7 and so on, by channel, over the
        `compared_days` by touch date. orders, revenue and ROAS are NaN if orders that could count have not been
        attributed yet, or if the number of days is beyond the lookback window; ROAS also without cost.

    Raises:
        ValueError: `model` is not one of `MODELS`.
    """
    _require(model)
    reported, credit = reported_and_credit(storage, first, last, lookback_days, DateBasis.TOUCH)
    columns = ", ".join(
        f"{sum_within('orders', n)} AS orders_{n}, ROUND({sum_within('revenue', n)}, 9) AS revenue_{n}" for n in days
    )
    of_days = credited(reported, DateBasis.TOUCH)
    earned = run_sql(SINCE_TOUCH_SQL.format(columns=columns, model=model, credited=of_days), credit)
    spent = run_sql(REPORTED_SQL, reported)[["channel_name", "cost"]]
    result = spent.merge(earned, "outer", "channel_name").fillna(0.0).sort_values("channel_name", ignore_index=True)
    known = credit.files.keys() - storage.empty_at_the_end(last_day)
    for place, n in enumerate(days):
        if n > lookback_days or not all(is_final(day, known, n, last_day) for day in reported.files):
            result[[f"orders_{n}", f"revenue_{n}"]] = float("nan")
        roas = result[f"revenue_{n}"] / result["cost"].where(result["cost"] != 0)
        result.insert(4 + 3 * place, f"roas_{n}", roas)
    return result


def _require(model: str) -> None:
    if model not in MODELS:
        raise ValueError(f"there is no model {model!r}: it takes one of {', '.join(MODELS)}")
