"""What is written to the result tables in one transaction, see `result_tables.py`."""

import datetime as dt
from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from attribution_assets.attribution.database.database import insert_rows
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.published_tables import DAY, JOURNEY, ORDER, tables_with
from attribution_assets.attribution.tables.credit import ATTRIBUTED, TOO_LONG, too_many_sessions

# `date` without a type, so that PostgreSQL takes it for whatever the column is
_CLAIMED_BY_OTHER_DAYS = (
    "SELECT o.conv_id, o.date FROM {order} o WHERE o.date <> :date"
    " AND o.conv_id IN (SELECT conv_id FROM {order} WHERE date = :date) ORDER BY o.date"
)
_FORGET_JOURNEYS = (
    "DELETE FROM {journey} WHERE conv_id IN"
    " (SELECT conv_id FROM {order} WHERE date = :date UNION SELECT conv_id FROM published_order)"
)


class Publication:
    """What is published in one transaction.

    Args:
        connection: of the transaction.
        prefix: of the tables.
    """

    def __init__(self, connection: sa.Connection, prefix: str) -> None:
        self._connection, self._prefix = connection, prefix

    def attributions(
        self, day: dt.date, attributions: pa.Table, too_long: pd.DataFrame | None, storage: AssetStorage
    ) -> None:
        """Publish the journeys and orders of a day."""
        connection, tables = self._connection, {"order": self._prefix + ORDER, "journey": self._prefix + JOURNEY}
        orders = _orders_with_sessions(attributions, too_long)
        by_others = sa.text(_CLAIMED_BY_OTHER_DAYS.format_map(tables))
        claimed_by = {  # an order that other days claim too is the latest one's
            str(conv_id): dt.date.fromisoformat(str(date))
            for conv_id, date in connection.execute(by_others, {"date": day.isoformat()})
            if str(conv_id) not in orders
        }
        released: dict[dt.date, set[str]] = {}
        for conv_id, other in claimed_by.items():
            released.setdefault(other, set()).add(conv_id)
        connection.exec_driver_sql("CREATE TEMPORARY TABLE published_order (conv_id text)")
        insert_rows(connection, "published_order", ["conv_id"], zip(orders, strict=True))
        connection.execute(sa.text(_FORGET_JOURNEYS.format_map(tables)), {"date": day.isoformat()})
        connection.exec_driver_sql("DROP TABLE published_order")
        connection.execute(self._delete(ORDER), {"date": day.isoformat()})
        rows = ((conv_id, day.isoformat(), *what_became) for conv_id, what_became in orders.items())
        insert_rows(connection, self._prefix + ORDER, self._table(ORDER).columns.keys(), rows)
        self._insert_journeys(attributions.filter(pc.equal(attributions["outcome"], ATTRIBUTED)))
        # an order that has moved is the other day's now, whichever of the two was published last
        for other, conv_ids in released.items():
            stored = storage.days("ihc_attributions", [other])
            if other in stored.files:
                theirs = stored.table(other)
                released_here = pc.is_in(theirs["conv_id"], pa.array(sorted(conv_ids), pa.string()))
                self._insert_journeys(theirs.filter(pc.and_(released_here, pc.equal(theirs["outcome"], ATTRIBUTED))))

    def replace_days(self, table: str, days: Mapping[dt.date, pa.Table], columns: Sequence[str] | None = None) -> None:
        """Replace the rows of some days in a table, of which these columns are there; without any, all."""
        dates = [day.isoformat() for day in days]
        self._connection.execute(self._delete(table), [{"date": date} for date in dates])
        names = columns or self._table(table).columns.keys()
        for date, of_day in zip(dates, days.values(), strict=True):
            dated = (
                of_day if "date" in of_day.column_names else of_day.append_column("date", pa.repeat(date, len(of_day)))
            )
            values = [dated[name].to_pylist() for name in names]
            insert_rows(self._connection, self._prefix + table, names, zip(*values, strict=True))

    def record(self, asset: str, versions: Mapping[dt.date, str]) -> None:
        """Record which versions of an asset's days are published."""
        days = self._table(DAY)
        rows = [{"asset": asset, "date": day.isoformat(), "version": version} for day, version in versions.items()]
        forget = sa.text(f"DELETE FROM {days.name} WHERE asset = :asset AND date = :date")  # noqa: S608  as for `_delete`
        self._connection.execute(forget, rows)
        self._connection.execute(sa.insert(days), rows)

    def _delete(self, table: str) -> sa.TextClause:
        return sa.text(f"DELETE FROM {self._prefix}{table} WHERE date = :date")  # noqa: S608  names of this module, and of a data set

    def _insert_journeys(self, touchpoints: pa.Table) -> None:
        columns = self._table(JOURNEY).columns.keys()
        rows = zip(*(touchpoints[column].to_pylist() for column in columns), strict=True)
        insert_rows(self._connection, self._prefix + JOURNEY, columns, rows)

    def _table(self, name: str) -> sa.Table:
        return tables_with(self._prefix).tables[self._prefix + name]


def _orders_with_sessions(attributions: pa.Table, too_long: pd.DataFrame | None) -> dict[str, tuple[str, str | None]]:
    """What became of the day's orders that have sessions: conv_id -> outcome and reason, of the first touchpoint."""
    latest_first = (attributions[name].to_pylist()[::-1] for name in ("conv_id", "outcome", "reason"))
    orders = {conv_id: (outcome, reason) for conv_id, outcome, reason in zip(*latest_first, strict=True)}
    if too_long is not None:
        limits = zip(too_long["conv_id"], too_long["sessions"], too_long["most_sessions"], strict=True)
        for conv_id, sessions, most in limits:
            orders.setdefault(conv_id, (TOO_LONG, too_many_sessions(sessions, most)))
    return orders
