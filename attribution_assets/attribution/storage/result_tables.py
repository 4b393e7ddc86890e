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

Days are replaced in one transaction, which reads the storage after it has begun: whoever of several writers of a day
publishes last publishes what the last of them stored. Which journeys belong to a day is known from attribution_order,
so that an order that moved to another day, vanished, or lost its attribution leaves nothing behind, in whatever order
days are published. Tables that exist are used as they are (column types included), the others are created.

    DatabaseError
    └── ResultTablesError     the database cannot be written, or a table lacks a column
"""

import datetime as dt
from collections.abc import Iterator, Sequence

import pandas as pd
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

_TABLES = sa.MetaData()
sa.Table(
    JOURNEY,
    _TABLES,
    sa.Column("conv_id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("ihc", REAL),
)
sa.Table(
    ORDER,
    _TABLES,
    sa.Column("conv_id", sa.Text, primary_key=True),
    sa.Column("date", sa.Text, primary_key=True, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
)
sa.Table(
    REPORT,
    _TABLES,
    sa.Column("channel_name", sa.Text, primary_key=True),
    sa.Column("date", sa.Text, primary_key=True),
    sa.Column("cost", REAL),
    sa.Column("ihc", REAL),
    sa.Column("ihc_revenue", REAL),
)
sa.Table(
    UNATTRIBUTED,
    _TABLES,
    sa.Column("conv_id", sa.Text, primary_key=True),
    sa.Column("date", sa.Text, primary_key=True, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text),
    sa.Column("revenue", REAL),
)
sa.Table(
    DAY,
    _TABLES,
    sa.Column("asset", sa.Text, primary_key=True),
    sa.Column("date", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
)
_COLUMNS = {name: tuple(table.columns.keys()) for name, table in _TABLES.tables.items()}
_BREAKDOWN = sa.Table(
    BREAKDOWN,
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
"""Made when the first breakdown is published: most shops have none."""
_OPTIONAL_COLUMNS = ("impressions", "clicks")

_ADVISORY_LOCK = 4_972_036_115

# `date` without a type, so that PostgreSQL takes it for whatever the column is
_CLAIMED_BY_OTHER_DAYS = sa.text(
    "SELECT o.conv_id, o.date FROM attribution_order o WHERE o.date <> :date"
    " AND o.conv_id IN (SELECT conv_id FROM attribution_order WHERE date = :date) ORDER BY o.date"
)
_FORGET_JOURNEYS = sa.text(
    "DELETE FROM attribution_customer_journey WHERE conv_id IN"
    " (SELECT conv_id FROM attribution_order WHERE date = :date UNION SELECT conv_id FROM published_order)"
)


class ResultTablesError(DatabaseError):
    """The result tables cannot be written."""


class ResultTables:
    """The result tables of one database. Making one connects to nothing; each method connects and lets go again.

    Args:
        url: as for `database.Database`.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, error=ResultTablesError)
        self._tables = OwnTables(
            self._database, _COLUMNS, _make_tables, advisory_lock=_ADVISORY_LOCK, error=ResultTablesError
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
            stored = [storage.days(name, days) for name in PUBLISHED_TABLES[asset]]
            for day in days:
                # days made before orders were counted have no table of those that are too long
                there = {of.asset: of.stamped(day) for of in stored if of.asset == asset or day in of.files}
                frames = {name: frame for name, (frame, _) in there.items()}
                if asset == BREAKDOWN:
                    _replace_breakdown(connection, day, frames[asset], self._breakdown_columns(connection))
                elif asset == "ihc_attributions":
                    _publish_attributions(connection, day, frames[asset], frames.get(TOO_LONG_ORDERS), storage)
                else:
                    _replace_day(connection, REPORT, day, frames[asset])
                    unattributed = frames[companion_table(asset)]
                    _replace_day(connection, UNATTRIBUTED, day, unattributed.assign(date=day.isoformat()))
                _record(connection, asset, day, published_version(*(stamp.version for _, stamp in there.values())))

    def _breakdown_columns(self, connection: sa.Connection) -> list[str]:
        """The columns of the breakdown's table, which is made if there is none."""
        there = column_types(connection, BREAKDOWN)
        if not there:
            _BREAKDOWN.create(connection)
            days = _TABLES.tables[DAY]
            connection.execute(sa.delete(days).where(days.c.asset == BREAKDOWN))  # a table that was taken away
            return _BREAKDOWN.columns.keys()
        columns = [name for name in _BREAKDOWN.columns.keys() if name in there or name not in _OPTIONAL_COLUMNS]  # noqa: SIM118 - not a mapping
        if missing := missing_parts(connection, {BREAKDOWN: columns}):
            raise ResultTablesError(
                f"The {self._database} lacks {', '.join(missing)}. Add it, or rename that table away: a new one is made"
                " then."
            )
        return columns

    def published(self) -> dict[str, dict[dt.date, str]]:
        """Asset -> day -> the version that was published last, see `published_version`; none where a table is gone.

        Raises:
            ResultTablesError: the database cannot be read.
        """
        published: dict[str, dict[dt.date, str]] = {asset: {} for asset in PUBLISHED_TABLES}
        with self._database.reading() as connection:
            if all(column_types(connection, table) for table in _COLUMNS):
                for asset, date, version in connection.execute(sa.select(_TABLES.tables[DAY])):
                    published[asset][dt.date.fromisoformat(date)] = version
            if published[BREAKDOWN] and not column_types(connection, BREAKDOWN):
                published[BREAKDOWN] = {}
        return published


def published_version(*versions: str) -> str:
    """The version of a published day: those of the stored tables that it is published from."""
    return " ".join(versions)


def _make_tables(connection: sa.Connection) -> None:
    there = {table for table in _COLUMNS if column_types(connection, table)}
    _TABLES.create_all(connection)
    if DAY in there and len(there) < len(_COLUMNS):
        connection.execute(sa.delete(_TABLES.tables[DAY]))  # a table that was taken away holds no published day


def _publish_attributions(
    connection: sa.Connection,
    day: dt.date,
    attributions: pd.DataFrame,
    too_long: pd.DataFrame | None,
    storage: AssetStorage,
) -> None:
    orders = _orders_with_sessions(attributions, too_long).assign(date=day.isoformat())
    published = set(orders["conv_id"])
    claimed_by = {  # an order that other days claim too is the latest one's
        conv_id: dt.date.fromisoformat(str(date))
        for conv_id, date in connection.execute(_CLAIMED_BY_OTHER_DAYS, {"date": day.isoformat()})
        if conv_id not in published
    }
    released: dict[dt.date, set[str]] = {}
    for conv_id, other in claimed_by.items():
        released.setdefault(other, set()).add(conv_id)
    connection.exec_driver_sql("CREATE TEMPORARY TABLE published_order (conv_id text)")
    insert_rows(connection, "published_order", ["conv_id"], zip(orders["conv_id"].tolist(), strict=True))
    connection.execute(_FORGET_JOURNEYS, {"date": day.isoformat()})
    connection.exec_driver_sql("DROP TABLE published_order")
    _replace_day(connection, ORDER, day, orders)
    _insert(connection, JOURNEY, attributions[attributions["outcome"] == ATTRIBUTED])
    # an order that has moved is the other day's now, whichever of the two was published last
    for other, conv_ids in released.items():
        stored = storage.days("ihc_attributions", [other])
        if other in stored.files:
            theirs = stored.frame(other)
            kept = theirs["conv_id"].isin(conv_ids) & (theirs["outcome"] == ATTRIBUTED)
            _insert(connection, JOURNEY, theirs[kept])


def _orders_with_sessions(attributions: pd.DataFrame, too_long: pd.DataFrame | None) -> pd.DataFrame:
    """What became of the day's orders that have sessions: conv_id, outcome, reason."""
    with_journey = attributions.drop_duplicates("conv_id")[["conv_id", "outcome", "reason"]]
    if too_long is None or too_long.empty:
        return with_journey
    counted = too_long[~too_long["conv_id"].isin(with_journey["conv_id"])]
    limits = zip(counted["sessions"], counted["most_sessions"], strict=True)
    reasons = [too_many_sessions(sessions, most) for sessions, most in limits]
    without = counted[["conv_id"]].assign(
        outcome=TOO_LONG, reason=pd.Series(reasons, index=counted.index, dtype=object)
    )
    return pd.concat([with_journey, without], ignore_index=True)


def _replace_day(connection: sa.Connection, table: str, day: dt.date, frame: pd.DataFrame) -> None:
    connection.execute(sa.text(f"DELETE FROM {table} WHERE date = :date"), {"date": day.isoformat()})  # noqa: S608  a name of this module
    _insert(connection, table, frame)


def _replace_breakdown(connection: sa.Connection, day: dt.date, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    connection.execute(sa.delete(_BREAKDOWN).where(_BREAKDOWN.c.date == day.isoformat()))
    rows = zip(*(_values(frame[column]) for column in columns), strict=True)
    insert_rows(connection, BREAKDOWN, columns, rows)


def _insert(connection: sa.Connection, table: str, frame: pd.DataFrame) -> None:
    insert_rows(connection, table, _COLUMNS[table], _rows(frame, table))


def _record(connection: sa.Connection, asset: str, day: dt.date, version: str) -> None:
    days = _TABLES.tables[DAY]
    connection.execute(sa.delete(days).where(days.c.asset == asset, days.c.date == day.isoformat()))
    connection.execute(sa.insert(days).values(asset=asset, date=day.isoformat(), version=version))


def _rows(frame: pd.DataFrame, table: str) -> Iterator[tuple[object, ...]]:
    return zip(*(_values(frame[column]) for column in _COLUMNS[table]), strict=True)


def _values(column: "pd.Series[float]") -> Sequence[object]:
    """The values for the database, None where one is missing."""
    values = column.tolist()
    if not column.hasnans:
        return values
    return [None if is_missing else value for value, is_missing in zip(values, column.isna(), strict=True)]
