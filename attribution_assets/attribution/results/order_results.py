"""Results by order: outcomes, paths, time lags and channel roles of the orders placed in a range of days.

All days here are days of orders. Results by channel are in `channel_results.py`; as there, functions read stored days
and write nothing, and days that are not stored are left out. Amounts are in the source's currency to 9 decimal places.
"""

import datetime as dt
from typing import NamedTuple

import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.comparison.markov import markov_comparison
from attribution_assets.attribution.reporting.order_outcomes import answered_by
from attribution_assets.attribution.results.result_days import DateBasis, compared_days
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import companion_table
from attribution_assets.attribution.tables.credit import PHASES

UNATTRIBUTED = companion_table("channel_reporting")

_ORDERS, _REVENUE = "CAST(SUM(orders) AS BIGINT) AS orders", f"ROUND(SUM({decimal_of('revenue')}), 9) AS revenue"

UNATTRIBUTED_SQL = f"""
SELECT reason, COUNT(*) AS orders, {_REVENUE}
FROM unattributed_orders
GROUP BY reason
ORDER BY reason
"""  # noqa: S608 - all of it stands here

PLACED_SQL = f"SELECT COUNT(*) AS orders, {_REVENUE} FROM conversions"  # noqa: S608 - the same

ROLES_SQL = f"""
SELECT channel_name,
       CAST(SUM(influenced_orders) AS BIGINT) AS influenced_orders,
       ROUND(SUM({decimal_of("influenced_revenue")}), 9) AS influenced_revenue,
       CAST(SUM(assisted_orders) AS BIGINT) AS assisted_orders,
       ROUND(SUM({decimal_of("assisted_revenue")}), 9) AS assisted_revenue,
       SUM({decimal_of("initializer")}) AS initializer,
       SUM({decimal_of("holder")}) AS holder,
       SUM({decimal_of("closer")}) AS closer
FROM channel_roles
GROUP BY channel_name
ORDER BY channel_name
"""  # noqa: S608 - the same

TOP_PATHS_SQL = f"""
SELECT path, MIN(touchpoints) AS touchpoints, {_ORDERS}, {_REVENUE}
FROM conversion_paths
GROUP BY path
ORDER BY orders DESC, revenue DESC, path
LIMIT $most
"""  # noqa: S608 - the same

PATH_LENGTHS_SQL = f"""
SELECT touchpoints, {_ORDERS}, {_REVENUE}
FROM conversion_paths
GROUP BY touchpoints
ORDER BY touchpoints
"""  # noqa: S608 - the same

TIME_LAGS_SQL = f"""
SELECT days_to_conversion, {_ORDERS}, {_REVENUE}
FROM conversion_paths
GROUP BY days_to_conversion
ORDER BY days_to_conversion
"""  # noqa: S608 - the same


class PlacedOrders(NamedTuple):
    """The orders placed on some days, with and without credit.

    Attributes:
        orders: number of orders.
        revenue: revenue of these orders, in the source's currency.
    """

    orders: int
    revenue: float


def placed_over(storage: AssetStorage, first: dt.date, last: dt.date) -> PlacedOrders:
    """The orders placed from `first` to `last`, on the days whose attributions and unattributed orders are stored."""
    days = days_between(first, last)
    attributed = storage.days("ihc_attributions", days).among(storage.days("channel_reporting", days).files)
    placed = run_sql(PLACED_SQL, storage.days("conversions", days).among(attributed.files))
    return PlacedOrders(int(placed["orders"][0]), float(placed["revenue"].fillna(0.0)[0]))


def unattributed_over(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The orders placed from `first` to `last` without credit: reason, orders, revenue, by reason.

    The reasons are no_sessions, too_long and refused; a reason without orders has no row.
    """
    return run_sql(UNATTRIBUTED_SQL, storage.days(UNATTRIBUTED, days_between(first, last)))


def answered_by_over(storage: AssetStorage, first: dt.date, last: dt.date) -> str:
    """The services that attributed the orders placed from `first` to `last`, see `order_outcomes.answered_by`.

    For the credit of visits, `last` must be later by the lookback window: orders of these days credit the visits too.
    """
    return answered_by(storage.days("ihc_attributions", days_between(first, last)))


def channel_roles_over(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The table `channel_roles` summed over orders placed from `first` to `last`, by channel; its columns but the date.

    An order counts once for each channel that influenced or assisted it, so these columns can sum to more than the
    number of orders. In the columns of the phases, the shares of an order sum to 1 over its channels, or to 0 in a
    phase without credit.
    """
    return run_sql(ROLES_SQL, storage.days("channel_roles", days_between(first, last)))


def phase_shares(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Each channel's share of the three phases of orders placed from `first` to `last`.

    Returns:
        channel_name, initializer, holder, closer, by channel: each phase sums to 1 over the channels, so that a channel
        whose initializer is greater than its closer opens more than it closes. NaN for a phase without any credit.
    """
    phases = channel_roles_over(storage, first, last).set_index("channel_name")[[*PHASES]]
    totals = phases.sum()
    return (phases / totals.where(totals != 0)).reset_index()


def top_paths(storage: AssetStorage, first: dt.date, last: dt.date, most: int = 20) -> pd.DataFrame:
    """The most frequent paths of attributed orders placed from `first` to `last`.

    Returns:
        path (as in `conversion_paths`), touchpoints, orders, revenue: at most `most` rows, by descending orders, then
        descending revenue.
    """
    return run_sql(TOP_PATHS_SQL, storage.days("conversion_paths", days_between(first, last)), most=most)


def path_lengths(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Attributed orders placed from `first` to `last` by length of their journey: touchpoints, orders, revenue."""
    return run_sql(PATH_LENGTHS_SQL, storage.days("conversion_paths", days_between(first, last)))


def time_lags(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Attributed orders placed from `first` to `last` by the days from their first touchpoint to the order.

    Returns:
        days_to_conversion (whole days of 24 hours), orders, revenue; by days.
    """
    return run_sql(TIME_LAGS_SQL, storage.days("conversion_paths", days_between(first, last)))


def markov_over(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The credit by the Markov chain of the paths of attributed orders placed from `first` to `last`.

    As `markov.markov_comparison` gives it, over the days from `first` to `last`.

    Only `compared_days` by conversion date count, as in `compared_models` by conversion date.
    """
    days = compared_days(storage, first, last, lookback_days=0, basis=DateBasis.CONVERSION)
    paths = storage.days("conversion_paths", days)
    return markov_comparison(run_sql("SELECT path, orders, revenue FROM conversion_paths", paths), first, last)
