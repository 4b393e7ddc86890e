"""The result tables: where people query what was attributed, in the database that also holds the source tables.

What is written comes from the assets and says exactly what they say; nothing here computes credit.

    attribution_customer_journey(conv_id, session_id, ihc)          one row per touchpoint of an attributed order
    attribution_order(conv_id, date, outcome, reason)               one row per order that has a journey: attributed,
                                                                    too_long or refused, with the reason
    channel_reporting(channel_name, date, cost, ihc, ihc_revenue)   one row per channel and day

A day is replaced in one transaction. Which journeys belong to a day is known from attribution_order, so that an order
that moved to another day, vanished, or lost its attribution leaves nothing behind, in whatever order days are replaced.
Tables that exist are used as they are (column types included), the others are created.

    DatabaseError
    └── ResultTablesError     the database cannot be written, or a table lacks a column
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import sqlalchemy as sa

from attribution_assets.attribution.database import (
    POSTGRESQL,
    REAL,
    Database,
    DatabaseError,
    insert_rows,
    missing_parts,
)

JOURNEY = "attribution_customer_journey"
ORDER = "attribution_order"
REPORT = "channel_reporting"

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
    sa.Column("date", sa.Text, nullable=False, index=True),
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
_COLUMNS = {name: tuple(table.columns.keys()) for name, table in _TABLES.tables.items()}

# any number will do, as long as it is always the same: writers of PostgreSQL queue behind it, as SQLite's do by nature
_ADVISORY_LOCK = 4_972_036_115

# `date` without a type, so that PostgreSQL takes it for whatever the column is
_FORGET_JOURNEYS = sa.text(
    "DELETE FROM attribution_customer_journey WHERE conv_id IN"
    " (SELECT conv_id FROM attribution_order WHERE date = :date UNION SELECT conv_id FROM replaced_order)"
)
_FORGET_ORDERS = sa.text(
    "DELETE FROM attribution_order WHERE date = :date OR conv_id IN (SELECT conv_id FROM replaced_order)"
)
_FORGET_REPORT = sa.text("DELETE FROM channel_reporting WHERE date = :date")


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
        self._tables_are_there = False

    def __repr__(self) -> str:
        """Which database it is, without user and password."""
        return f"ResultTables({self._database})"

    def replace_attributions(self, day: dt.date, attributions: pd.DataFrame) -> None:
        """Make attribution_order and attribution_customer_journey say of one day's orders what this frame says.

        Args:
            day: the day on which the orders were placed.
            attributions: their touchpoints: conv_id, session_id, ihc, outcome (the same for all touchpoints of an
                order), reason.

        Raises:
            ResultTablesError: the tables cannot be written, or one lacks a column; they are as they were.
        """
        orders = attributions.drop_duplicates("conv_id").assign(date=day.isoformat())
        attributed = attributions[attributions["outcome"] == "attributed"]
        with self._writing() as connection:
            connection.exec_driver_sql("CREATE TEMPORARY TABLE replaced_order (conv_id text)")
            insert_rows(connection, "replaced_order", ["conv_id"], zip(orders["conv_id"].tolist(), strict=True))
            connection.execute(_FORGET_JOURNEYS, {"date": day.isoformat()})
            connection.execute(_FORGET_ORDERS, {"date": day.isoformat()})
            insert_rows(connection, ORDER, _COLUMNS[ORDER], _rows(orders, ORDER))
            insert_rows(connection, JOURNEY, _COLUMNS[JOURNEY], _rows(attributed, JOURNEY))
            connection.exec_driver_sql("DROP TABLE replaced_order")

    def replace_channel_reporting(self, day: dt.date, report: pd.DataFrame) -> None:
        """Make channel_reporting say of one day what this frame says.

        Args:
            day: the day.
            report: channel_name, date (YYYY-MM-DD, `day` in every row), cost, ihc, ihc_revenue.

        Raises:
            ValueError: a row is of another day.
            ResultTablesError: the table cannot be written, or lacks a column; it is as it was.
        """
        if not (report["date"] == day.isoformat()).all():
            raise ValueError(f"rows that are not of {day} in its report")
        with self._writing() as connection:
            connection.execute(_FORGET_REPORT, {"date": day.isoformat()})
            insert_rows(connection, REPORT, _COLUMNS[REPORT], _rows(report, REPORT))

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._database.writing() as connection:
            if connection.dialect.name == POSTGRESQL:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            if not self._tables_are_there:
                _TABLES.create_all(connection)
                missing = missing_parts(connection, _COLUMNS)
                if missing:
                    raise ResultTablesError(
                        f"The {self._database} lacks {', '.join(missing)}. Add it, or rename that table away: a new one"
                        " is made then."
                    )
            yield connection
        self._tables_are_there = True


def _rows(frame: pd.DataFrame, table: str) -> Iterator[tuple[object, ...]]:
    columns = [frame[column].astype(object).where(frame[column].notna(), None).tolist() for column in _COLUMNS[table]]
    return zip(*columns, strict=True)
