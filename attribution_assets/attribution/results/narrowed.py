"""Stored days narrowed to some orders, or with groups of channels in place of their channels.

`NarrowedStorage` gives out days as `AssetStorage` does, so that all functions of this folder work on them alike. What
they read is made anew from the touchpoints of the orders when it is first asked for, and lies in a temporary folder.
It is for one state of the stored days: where a run changes them, a new one is to be made.
"""

import atexit
import datetime as dt
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from upath import UPath

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.comparison.order_comparisons import in_blocks, order_comparisons
from attribution_assets.attribution.results.result_days import DateBasis, compared_days
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.arrow import stored_form
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES, ORDER_PLACES

NO_VALUE = "(none)"
"""Stands for orders without a value, as in `channel_breakdown`."""

COMPARISONS = ("model_comparison", "conversion_paths", "channel_roles")

ORDER_VALUES_SQL = """
SELECT DISTINCT dimension, value
FROM order_dimensions
ORDER BY dimension, value
"""

CREDIT_SQL = f"""
SELECT touch_date AS date, channel_name, SUM({decimal_of("orders")}) AS ihc,
       ROUND(SUM({decimal_of("revenue")}), 9) AS ihc_revenue
FROM model_comparison
WHERE model = 'ihc'
GROUP BY touch_date, channel_name
ORDER BY date, channel_name
"""  # noqa: S608 - all of it stands here


@dataclass(frozen=True)
class Narrowing:
    """Which orders count, and which channels stand together.

    Attributes:
        orders: Dimension of orders -> the value that an order must have to count, `NO_VALUE` for none.
        groups: Channel -> the group that stands in its place; a channel that has that name itself counts in it.
    """

    orders: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def order_values(storage: AssetStorage, first: dt.date, last: dt.date) -> Mapping[str, list[str]]:
    """The values that orders placed from `first` to `last` have, by dimension of orders."""
    found = run_sql(ORDER_VALUES_SQL, storage.days("order_dimensions", days_between(first, last)))
    return {str(name): [*values] for name, values in found.groupby("dimension")["value"]}


class NarrowedStorage(AssetStorage):
    """The stored days, narrowed; for any number of threads.

    The report of a day says cost as it is: no source tells which orders it was spent for.

    Args:
        storage: The stored days.
        narrowing: How they are narrowed.
        lookback_days: Length of the lookback window.
        direct_channels: See `model_comparison.model_comparison`.
    """

    def __init__(
        self, storage: AssetStorage, narrowing: Narrowing, lookback_days: int, direct_channels: Collection[str]
    ) -> None:
        vars(self).update(vars(storage))  # the same place, from which it only reads
        self._storage, self._narrowing = storage, narrowing
        self._lookback, self._direct = dt.timedelta(days=lookback_days), direct_channels
        self._folder = Path(tempfile.mkdtemp(prefix="attribution-page-"))
        delete = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        atexit.register(delete)  # the command's process ends before finalizers have their turn
        self._made: dict[str, dict[dt.date, UPath]] = {}
        self._orders_of: dict[dt.date, pd.DataFrame] = {}
        self._lock = threading.Lock()

    def days(self, asset: str, days: Iterable[dt.date]) -> StoredDays:
        """See `AssetStorage.days`."""
        stored = self._storage.days(asset, days)
        orders = self._narrowing.orders
        with self._lock:
            if asset in COMPARISONS:
                self._compare(stored)
            elif asset == "channel_reporting":
                stored = self._make_reports(stored)
            elif asset == "conversions" and orders:
                self._make(asset, stored, lambda day: {asset: self._orders(day)})
            elif asset == "unattributed_orders" and orders:
                self._make(asset, stored, lambda day: {asset: self._unattributed(stored, day)})
            else:
                return stored
        return self._of_made(stored)

    def _of_made(self, stored: StoredDays) -> StoredDays:
        made = self._made.get(stored.asset, {})
        return replace(stored, files={day: made[day] for day in stored.files})

    def _make(self, asset: str, stored: StoredDays, tables: Callable[[dt.date], Mapping[str, pd.DataFrame]]) -> None:
        for day in stored.files:
            if day not in self._made.get(asset, {}):
                for name, frame in tables(day).items():
                    self._keep(name, day, frame)

    def _compare(self, stored: StoredDays) -> None:
        """Make the tables of `COMPARISONS` of days that one of them has."""
        due = [day for day in stored.files if day not in self._made.get(stored.asset, {})]
        for day, tables in in_blocks(self._storage.days("ihc_attributions", due), due, self._compared):
            for name, frame in tables.items():
                self._keep(name, day, frame)

    def _keep(self, name: str, day: dt.date, frame: pd.DataFrame) -> None:
        path = self._folder / f"{name}-{day}.parquet"
        pq.write_table(stored_form(name, frame), path)
        self._made.setdefault(name, {})[day] = path  # type: ignore[assignment]  # as in `AssetStorage`, a local path

    def _orders(self, day: dt.date) -> pd.DataFrame:
        """The `conversions` of a day that count."""
        if day not in self._orders_of:
            self._orders_of[day] = self._read_orders(day)
        return self._orders_of[day]

    def _read_orders(self, day: dt.date) -> pd.DataFrame:
        orders = self._storage.days("conversions", [day]).frame(day)
        of_orders = self._storage.days("order_dimensions", [day]).frame(day)
        for dimension, value in self._narrowing.orders.items():
            named = of_orders[of_orders["dimension"] == dimension]
            if value == NO_VALUE:
                orders = orders[~orders["conv_id"].isin(named.loc[named["value"] != value, "conv_id"])]
            else:
                orders = orders[orders["conv_id"].isin(named.loc[named["value"] == value, "conv_id"])]
        return orders.reset_index(drop=True)

    def _unattributed(self, stored: StoredDays, day: dt.date) -> pd.DataFrame:
        left = stored.frame(day)
        return left[left["conv_id"].isin(self._orders(day)["conv_id"])].reset_index(drop=True)

    def _compared(self, touchpoints: pd.DataFrame, days: Sequence[dt.date]) -> Mapping[str, pd.DataFrame]:
        """The tables of `COMPARISONS` of the days' orders that count."""
        orders = pd.concat([self._orders(day) for day in days], ignore_index=True)
        tables = order_comparisons(touchpoints, orders, self._direct)
        if not self._narrowing.groups:
            return tables
        grouped = touchpoints.assign(channel_name=self._in_groups(touchpoints["channel_name"]))
        models = tables["model_comparison"]
        models = models.assign(channel_name=self._in_groups(models["channel_name"]))
        keys = ["model", "channel_name", "touch_date", "conversion_date"]
        sums = models.groupby(keys, as_index=False)[["orders", "revenue"]].sum()
        models = sums.round({"orders": ORDER_PLACES, "revenue": AMOUNT_PLACES})
        return order_comparisons(grouped, orders, self._direct) | {"model_comparison": models}

    def _make_reports(self, stored: StoredDays) -> StoredDays:
        """Make the reports of the days, with the credit of the orders that count; without all of it, a day has none."""
        if not stored.files:
            return self._of_made(stored)
        first, last = min(stored.files), max(stored.files)
        if self._narrowing.orders:
            lookback = self._lookback.days
            known = compared_days(self._storage, first, last, lookback_days=lookback, basis=DateBasis.TOUCH)
            stored = stored.among(known)
        due = [day for day in stored.files if day not in self._made.get("channel_reporting", {})]
        if not due:
            return self._of_made(stored)
        reports = stored.together(due)
        reports["channel_name"] = self._in_groups(reports["channel_name"])
        if self._narrowing.orders:
            days = days_between(min(due), max(due) + self._lookback)
            compared = self._storage.days("model_comparison", days)
            self._compare(compared)
            credit = run_sql(CREDIT_SQL, self._of_made(compared))
            reports = reports.assign(ihc=0.0, ihc_revenue=0.0)
            reports = pd.concat([reports, credit.assign(cost=0.0)[reports.columns]], ignore_index=True)
        sums = reports.groupby(["channel_name", "date"], as_index=False)[["cost", "ihc", "ihc_revenue"]].sum()
        sums = sums.round({"cost": AMOUNT_PLACES, "ihc": ORDER_PLACES, "ihc_revenue": AMOUNT_PLACES})
        for day in due:
            self._keep("channel_reporting", day, sums[sums["date"] == str(day)].reset_index(drop=True))
        return self._of_made(stored)

    def _in_groups(self, channels: "pd.Series[str]") -> "pd.Series[str]":
        groups = self._narrowing.groups
        return channels.map(lambda channel: groups.get(channel, channel)).astype(object)
