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
from collections.abc import Sequence
from zlib import crc32

import sqlalchemy as sa

from attribution_assets.attribution.database.database import (
    Database,
    DatabaseError,
    column_types,
    missing_parts,
)
from attribution_assets.attribution.database.own_tables import OwnTables
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.publication import Publication
from attribution_assets.attribution.storage.published_tables import (
    BREAKDOWN,
    DAY,
    PUBLISHED_TABLES,
    REPORT,
    TOO_LONG_ORDERS,
    UNATTRIBUTED,
    breakdown_with,
    published_version,
    tables_with,
)
from attribution_assets.attribution.storage.stored_days import companion_table
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS

_OPTIONAL_COLUMNS = ("impressions", "clicks")

_ADVISORY_LOCK = 4_972_036_115


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
        self._columns = {name: tuple(table.columns.keys()) for name, table in tables_with(prefix).tables.items()}
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
            publication = Publication(connection, self._prefix)
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
        table = breakdown_with(self._prefix)
        there = column_types(connection, table.name)
        if not there:
            table.create(connection)
            days = tables_with(self._prefix).tables[self._prefix + DAY]
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
            tables_with(self._prefix).drop_all(connection)
            breakdown_with(self._prefix).drop(connection, checkfirst=True)

    def published(self) -> dict[str, dict[dt.date, str]]:
        """Asset -> day -> the version that was published last, see `published_version`; none where a table is gone.

        Raises:
            ResultTablesError: the database cannot be read.
        """
        published: dict[str, dict[dt.date, str]] = {asset: {} for asset in PUBLISHED_TABLES}
        with self._database.reading() as connection:
            if all(column_types(connection, table) for table in self._columns):
                for asset, date, version in connection.execute(
                    sa.select(tables_with(self._prefix).tables[self._prefix + DAY])
                ):
                    published[asset][dt.date.fromisoformat(date)] = version
            if published[BREAKDOWN] and not column_types(connection, self._prefix + BREAKDOWN):
                published[BREAKDOWN] = {}
        return published

    def _make_tables(self, connection: sa.Connection) -> None:
        tables, day = tables_with(self._prefix), self._prefix + DAY
        there = {table for table in self._columns if column_types(connection, table)}
        tables.create_all(connection)
        if day in there and len(there) < len(self._columns):
            connection.execute(sa.delete(tables.tables[day]))  # a table that was taken away holds no published day
