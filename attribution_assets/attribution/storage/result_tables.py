"""The result tables: where people query what was attributed, in the database that also holds the source tables.

What is published is what the asset storage holds at that moment, and says exactly that; nothing here computes credit.

    attribution_customer_journey(conv_id, session_id, ihc)          one row per touchpoint of an attributed order
    attribution_order(conv_id, date, outcome, reason)               one row per order and day that has a journey:
                                                                    attributed, too_long or refused, with the reason
    channel_reporting(channel_name, date, cost, ihc, ihc_revenue)   one row per channel and day
    unattributed_order(conv_id, date, reason, detail, revenue)      one row per order without credit
    attribution_day(asset, date, version)                           which version of a stored day is published
    channel_breakdown(channel_name, date, dimension, value, cost,   where there are dimensions: one row per channel,
                      ihc, ihc_revenue [, impressions] [, clicks])  day, dimension and value

Those of a named data set have its name before theirs, as in `shop_de__channel_reporting`.

Days are replaced in one transaction, which reads the storage after it has begun: whoever of several writers of a day
publishes last publishes what the last of them stored. Which journeys belong to a day is known from attribution_order,
so that an order that moved to another day, vanished, or lost its attribution leaves nothing behind, in whatever order
days are published. Tables that exist are used as they are (column types included), the others are created.

    DatabaseError
    └── ResultTablesError     the database cannot be written, or a table lacks a column
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from zlib import crc32

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from attribution_assets.attribution.database.database import (
    REAL,
    Database,
    DatabaseError,
    column_types,
    insert_rows,
    missing_parts,
)
from attribution_assets.attribution.database.own_tables import OwnTables
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import companion_table
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.attribution.tables.credit import ATTRIBUTED, TOO_LONG, too_many_sessions

JOURNEY = "attribution_customer_journey"
ORDER = "attribution_order"
REPORT = "channel_reporting"
UNATTRIBUTED = "unattributed_order"
DAY = "attribution_day"
BREAKDOWN = "channel_breakdown"
PUBLISHED_AS = {
    "ihc_attributions": (JOURNEY, ORDER),
    "channel_reporting": (REPORT, UNATTRIBUTED),
    "channel_breakdown": (BREAKDOWN,),
}
"""Asset -> the result tables that its days go into, the one of the asset's own rows first."""
TOO_LONG_ORDERS = companion_table("journeys")
PUBLISHED_TABLES = {
    "ihc_attributions": ("ihc_attributions", TOO_LONG_ORDERS),
    "channel_reporting": ("channel_reporting", companion_table("channel_reporting")),
    "channel_breakdown": ("channel_breakdown",),
}
"""Published asset -> the stored tables that are published with it."""


@cache
def _tables(prefix: str) -> sa.MetaData:
    """The result tables, each with the prefix before its name, but for the breakdown's."""
    tables = sa.MetaData()
    sa.Table(
        prefix + JOURNEY,
        tables,
        sa.Column("conv_id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("ihc", REAL),
    )
    sa.Table(
        prefix + ORDER,
        tables,
        sa.Column("conv_id", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True, index=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
    )
    sa.Table(
        prefix + REPORT,
        tables,
        sa.Column("channel_name", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("cost", REAL),
        sa.Column("ihc", REAL),
        sa.Column("ihc_revenue", REAL),
    )
    sa.Table(
        prefix + UNATTRIBUTED,
        tables,
        sa.Column("conv_id", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True, index=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("revenue", REAL),
    )
    sa.Table(
        prefix + DAY,
        tables,
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
    )
    return tables


@cache
def _breakdown(prefix: str) -> sa.Table:
    """The breakdown's table, made when the first breakdown is published: most shops have none."""
    return sa.Table(
        prefix + BREAKDOWN,
        sa.MetaData(),
        sa.Column("channel_name", sa.Text, nullable=False),
        sa.Column("date", sa.Text, nullable=False, index=True),
        sa.Column("dimension", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),  # of any length, so it is no part of a key
        sa.Column("cost", REAL),
        sa.Column("ihc", REAL),
        sa.Column("ihc_revenue", REAL),
        sa.Column("impressions", REAL),
        sa.Column("clicks", REAL),
    )


_OPTIONAL_COLUMNS = ("impressions", "clicks")

_ADVISORY_LOCK = 4_972_036_115

# `date` without a type, so that PostgreSQL takes it for whatever the column is
_CLAIMED_BY_OTHER_DAYS = (
    "SELECT o.conv_id, o.date FROM {order} o WHERE o.date <> :date"
    " AND o.conv_id IN (SELECT conv_id FROM {order} WHERE date = :date) ORDER BY o.date"
)
_FORGET_JOURNEYS = (
    "DELETE FROM {journey} WHERE conv_id IN"
    " (SELECT conv_id FROM {order} WHERE date = :date UNION SELECT conv_id FROM published_order)"
)


class ResultTablesError(DatabaseError):
    """The result tables cannot be written."""


class ResultTables:
    """The result tables of one database. Making one connects to nothing; each method connects and lets go again.

    Args:
        url: as for `database.Database`.
        prefix: stands before the name of each table, so that several data sets can share a database.
        makes_file: as for `database.Database`.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str, prefix: str = "", *, makes_file: bool = False) -> None:
        self._database = Database(url, error=ResultTablesError, makes_file=makes_file)
        self._prefix = prefix
        self._columns = {name: tuple(table.columns.keys()) for name, table in _tables(prefix).tables.items()}
        self._tables = OwnTables(
            self._database,
            self._columns,
            self._make_tables,
            advisory_lock=_ADVISORY_LOCK + crc32(prefix.encode()),
            error=ResultTablesError,
        )

    def __repr__(self) -> str:
        """Which database it is, without user and password."""
        return f"ResultTables({self._database})"

    def publish(self, asset: str, days: Sequence[dt.date], storage: AssetStorage) -> None:
        """Make the result tables say of the asset's days what the storage holds, all of them in one transaction.

        Args:
            asset: `ihc_attributions`, `channel_reporting` or `channel_breakdown`; of other assets nothing is published.
            days: days that are stored: of the orders, or of the report.
            storage: the stored tables.

        Raises:
            MissingDaysError: a day is not stored.
            ResultTablesError: the tables cannot be written, or one lacks a column; they are as they were.
        """
        if asset not in PUBLISHED_TABLES or not days:
            return
        with self._tables.writing() as connection:
            publication = _Publication(connection, self._prefix)
            stored = [storage.days(name, days) for name in PUBLISHED_TABLES[asset]]
            there = {
                day: {of.asset: of.day(day) for of in stored if of.asset == asset or day in of.files} for day in days
            }
            if asset == "ihc_attributions":
                for day, held in there.items():
                    too_long = held[TOO_LONG_ORDERS].frame if TOO_LONG_ORDERS in held else None
                    publication.attributions(day, held[asset].table, too_long, storage)
            elif asset == BREAKDOWN:
                columns = self._breakdown_columns(connection)
                publication.replace_days(BREAKDOWN, {day: held[asset].table for day, held in there.items()}, columns)
            else:
                publication.replace_days(REPORT, {day: held[asset].table for day, held in there.items()})
                unattributed = companion_table(asset)
                without_rows = ARROW_SCHEMAS[unattributed].empty_table()
                kept = {
                    day: held[unattributed].table if unattributed in held else without_rows
                    for day, held in there.items()
                }
                publication.replace_days(UNATTRIBUTED, kept)
            versions = {
                day: published_version(*(table.stamp.version for table in held.values())) for day, held in there.items()
            }
            publication.record(asset, versions)

    def _breakdown_columns(self, connection: sa.Connection) -> list[str]:
        """The columns of the breakdown's table, which is made if there is none."""
        table = _breakdown(self._prefix)
        there = column_types(connection, table.name)
        if not there:
            table.create(connection)
            days = _tables(self._prefix).tables[self._prefix + DAY]
            connection.execute(sa.delete(days).where(days.c.asset == BREAKDOWN))  # a table that was taken away
            return table.columns.keys()
        columns = [name for name in table.columns.keys() if name in there or name not in _OPTIONAL_COLUMNS]  # noqa: SIM118 - not a mapping
        if missing := missing_parts(connection, {table.name: columns}):
            raise ResultTablesError(
                f"The {self._database} lacks {', '.join(missing)}. Add it, or rename that table away: a new one is made"
                " then."
            )
        return columns

    def drop(self) -> None:
        """Delete the tables, as with the data set that they are of.

        Raises:
            ResultTablesError: They cannot be deleted.
        """
        with self._database.writing() as connection:
            _tables(self._prefix).drop_all(connection)
            _breakdown(self._prefix).drop(connection, checkfirst=True)

    def published(self) -> dict[str, dict[dt.date, str]]:
        """Asset -> day -> the version that was published last, see `published_version`; none where a table is gone.

        Raises:
            ResultTablesError: the database cannot be read.
        """
        published: dict[str, dict[dt.date, str]] = {asset: {} for asset in PUBLISHED_TABLES}
        with self._database.reading() as connection:
            if all(column_types(connection, table) for table in self._columns):
                for asset, date, version in connection.execute(
                    sa.select(_tables(self._prefix).tables[self._prefix + DAY])
                ):
                    published[asset][dt.date.fromisoformat(date)] = version
            if published[BREAKDOWN] and not column_types(connection, self._prefix + BREAKDOWN):
                published[BREAKDOWN] = {}
        return published

    def _make_tables(self, connection: sa.Connection) -> None:
        tables, day = _tables(self._prefix), self._prefix + DAY
        there = {table for table in self._columns if column_types(connection, table)}
        tables.create_all(connection)
        if day in there and len(there) < len(self._columns):
            connection.execute(sa.delete(tables.tables[day]))  # a table that was taken away holds no published day


def published_version(*versions: str) -> str:
    """The version of a published day: those of the stored tables that it is published from."""
    return " ".join(versions)


class _Publication:
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
            conv_id: dt.date.fromisoformat(str(date))
            for conv_id, date in connection.execute(by_others, {"date": day.isoformat()})
            if conv_id not in orders
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
        return _tables(self._prefix).tables[self._prefix + name]


def _orders_with_sessions(attributions: pa.Table, too_long: pd.DataFrame | None) -> dict[str, tuple[str, str | None]]:
    """What became of the day's orders that have sessions: conv_id -> outcome and reason, of the first touchpoint."""
    latest_first = (attributions[name].to_pylist()[::-1] for name in ("conv_id", "outcome", "reason"))
    orders = {conv_id: (outcome, reason) for conv_id, outcome, reason in zip(*latest_first, strict=True)}
    if too_long is not None:
        limits = zip(too_long["conv_id"], too_long["sessions"], too_long["most_sessions"], strict=True)
        for conv_id, sessions, most in limits:
            orders.setdefault(conv_id, (TOO_LONG, too_many_sessions(sessions, most)))
    return orders
