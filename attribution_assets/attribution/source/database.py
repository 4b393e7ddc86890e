"""The source tables: sessions with their cost, and orders, read a day at a time.

What a usable row is belongs in `schemas` and `usable_rows`, SQL in `statements`, where the tables are in `places`.
Nothing here writes: connections are read-only.

    session_sources(session_id, user_id, event_date, event_time, channel_name,
                    holder_engagement, closer_engagement, impression_interaction)
    session_costs(session_id, cost)
    conversions(conv_id, user_id, conv_date, conv_time, revenue [, conversion_type] [, refunded])
    ad_spend(date, channel_name, cost [, campaign] [, impressions] [, clicks] [, others]), if there is one

Dates are `YYYY-MM-DD`, times `H:MM:SS` with or without a fraction, in UTC or with an offset that leaves them on their
day; numbers and flags may be text. Except on SQLite dates and times may also be date, time or timestamp columns,
amounts numeric, flags boolean, and ids of any type that has a text form. Ids join whatever their types in two tables.

    DatabaseError
    └── SourceDatabaseError
        ├── SourceUnreachableError     no database there, no connection, locked, no rights
        └── SourceSchemaError          a table or a column is missing

A row that cannot be used is no error: it is set aside, with the reason.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd
import sqlalchemy as sa

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.database.database import POSTGRESQL, DatabaseError
from attribution_assets.attribution.source import statements
from attribution_assets.attribution.source.channel_names import ChannelNames
from attribution_assets.attribution.source.fingerprints import fingerprint_of_read_rows, fingerprints_of_days
from attribution_assets.attribution.source.places import place_of
from attribution_assets.attribution.source.rejected_rows import NO_ROWS
from attribution_assets.attribution.source.row_reader import RawDay, raw_days
from attribution_assets.attribution.source.rows_in_no_report import RowsInNoReport, rows_in_no_report
from attribution_assets.attribution.source.spend_rows import NO_SPEND, spend_rows
from attribution_assets.attribution.source.statements import (
    CONVERSIONS,
    OPTIONAL_SCHEMA,
    SCHEMA,
    SESSIONS,
    SPEND,
    DatedTable,
    with_further_columns,
)
from attribution_assets.attribution.source.table_names import find_table, missing_from
from attribution_assets.attribution.source.usable_rows import conversion_rows, session_rows
from attribution_assets.attribution.source.value_forms import trimmed

_PLAIN_TEXT_FORMS = (
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1;"
    " SET LOCAL bytea_output = 'hex'"
)

_DATED_TABLES: Mapping[str, DatedTable] = {"sessions": SESSIONS, "conversions": CONVERSIONS, "spend": SPEND}
_NO_TABLE = "no table"
"""The fingerprint of each day of a table that the database lacks."""


class SourceDatabaseError(DatabaseError):
    """The source tables cannot be read."""


class SourceUnreachableError(SourceDatabaseError):
    """The database cannot be reached or read at all."""


class SourceSchemaError(SourceDatabaseError):
    """A table or a column is missing."""


class ExtractedDay(NamedTuple):
    """What the source tables hold of one day, all read in one transaction.

    Attributes:
        day: the day.
        frame: its usable rows: an Arrow table of a day of SQLite of which nothing is set aside, else in pandas.
        rejected: the rows that are set aside, see `rejected_rows.RejectedRow`, by row_key, then row.
        fingerprint: as `SourceDatabase.fingerprints` gives it.
        repeated: how many of its rows, those of session_costs included, repeat another one in every column, so that
            they do not count.
        undated: how many of the rejected rows have a date that is no day, so that they are of no day's share.
        beside: what further columns hold, by the name of the table that is stored of it beside the asset's own.
        refunded: how much was paid back of the orders' revenue; None where the table has no such column.
        summed: how many more usable rows the source has, as they are summed to those of `frame`.
    """

    day: dt.date
    frame: pd.DataFrame
    rejected: pd.DataFrame
    fingerprint: str
    repeated: int
    undated: int
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({})
    refunded: float | None = None
    summed: int = 0


class SourceDatabase:
    """The source tables in one place. The constructor does not connect; each method connects and disconnects.

    Args:
        url: as for `places.place_of`.
        first_day: the first day that is ever read; rows whose date has no place in the calendar are filed with it.
        last_day: the last day of the calendar; None if it goes on.
        channels: which channel each channel name is reported as.
        variable: the environment variable that holds the URL, for messages.
        dimensions: further columns of session_sources and ad_spend that are read.
        order_dimensions: further columns of conversions that are read.

    Raises:
        DatabaseUrlError: the URL names no kind of source.
    """

    def __init__(  # noqa: PLR0913 - what is read, and how
        self,
        url: str,
        first_day: dt.date,
        channels: ChannelNames | None = None,
        last_day: dt.date | None = None,
        variable: str = "ATTRIBUTION_DATABASE_URL",
        *,
        dimensions: Sequence[str] = (),
        order_dimensions: Sequence[str] = (),
    ) -> None:
        self.place = place_of(url, variable, SourceUnreachableError)
        self._first_day, self._last_day = first_day, last_day or dt.date.max
        self.channels = channels or ChannelNames()
        self._dimensions = {"sessions": dimensions, "spend": dimensions, "conversions": order_dimensions}

    @property
    def first_day(self) -> dt.date:
        """The first day of the calendar, with which rows are filed whose date has no place in it."""
        return self._first_day

    @property
    def dimensions(self) -> Mapping[str, Sequence[str]]:
        """The name of a source table -> the further columns that are read of it, if it has them."""
        return {_DATED_TABLES[asset].name: names for asset, names in self._dimensions.items()}

    def __str__(self) -> str:
        """The database in words, without user and password."""
        return str(self.place.database)

    def __repr__(self) -> str:
        """Which database it is, without user and password."""
        return f"SourceDatabase({self})"

    def check(self) -> None:
        """Check that the database is there and has every table and column.

        Raises:
            SourceUnreachableError: it is not there, or refuses the connection.
            SourceSchemaError: a table or a column is missing.
        """
        with self._reading():
            pass

    def sessions(self, days: Sequence[dt.date]) -> Iterator[ExtractedDay]:
        """The sessions of each day with their cost, in one pass over the tables.

        Rows that cannot be used are set aside: a session whole; a cost without its session, which stays with an empty
        cost; of an id that has several different rows, or costs, all of them. Of equal rows one counts. A row whose
        date is no day of the calendar is filed with the day in whose range its text falls as text sorts ("2024-02-30"
        with 2024-02-29), and with the first day if it has no place there (NULL, "", "garbage").

        The read transaction lasts until the last day is taken or the iterator is closed; on SQLite outside WAL mode,
        nothing can be written to the database meanwhile.

        Args:
            days: consecutive days in ascending order.

        Yields:
            Each day of `days` in order, days without sessions included. Its frame: session_id, user_id (None where
            the visitor is not known), channel_name (str), session_time (in microseconds, UTC), holder_engagement,
            closer_engagement, impression_interaction (int64), cost (float64; NaN where there is no usable cost), by
            session_time, then session_id.

        Raises:
            ValueError: the days are not consecutive.
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        return self._extracted("sessions", _consecutive(days)) if days else iter(())

    def conversions(self, days: Sequence[dt.date]) -> Iterator[ExtractedDay]:
        """The orders of each day, in one pass over the table; transaction, arguments and errors as for `sessions`.

        Yields:
            Each day of `days` in order, days without orders included. Its frame: conv_id, user_id (str; None as above),
            conversion_time (in microseconds, UTC), revenue (float64; without what was refunded), by conversion_time,
            then conv_id. Beside it `order_types`, if the table has the column.
        """
        return self._extracted("conversions", _consecutive(days)) if days else iter(())

    def spend(self, days: Sequence[dt.date]) -> Iterator[ExtractedDay]:
        """What was spent on each day, in one pass over the table; transaction, arguments and errors as for `sessions`.

        Different rows that agree in all columns but the amounts are set aside, all of them; of equal rows one counts.

        Yields:
            Each day of `days` in order, days without spend included, and all days if the database has no such table.
            Its frame: see `spend_rows.spend_rows`.
        """
        return self._extracted("spend", _consecutive(days)) if days else iter(())

    def fingerprints(self, table: str, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """The fingerprint of each day: a short text that changes when any value changes that is read for the day.

        Any row of the day that is added, removed or changed changes it, and so does a cost, another row with an id of
        the day, or a row without a day (of the first day). The order of rows and columns, the time zone and other
        settings of the connection do not. Those of other kinds of databases
        are others.

        Args:
            table: "sessions", "conversions" or "spend".
            days: any days.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        found: dict[dt.date, str] = {}
        with self._reading() as connection:
            if not _has(connection, _DATED_TABLES[table]):
                return dict.fromkeys(days, _NO_TABLE)
            for first, last in adjacent_ranges(days):
                adjacent = days_between(first, last)
                found |= fingerprints_of_days(
                    connection, self._as_read(connection, table), adjacent, self._first_day, self.channels
                )
        return found

    def change_marker(self) -> str:
        """A text that differs from an earlier one whenever the tables or how they are read may have changed.

        It is cheap to get, and may differ although nothing has changed. Take it before reading the rows or the
        fingerprints that it stands for. On PostgreSQL it is made of the server's statistics, which appear a second
        after a commit, or up to ten seconds while the writing session stays open: only the notice of a change is
        delayed. Where there are no statistics (of a view, a foreign table, or with track_counts off), and of a DuckDB
        file with views, it is different every time.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
        """
        dimensions = sorted({name for names in self._dimensions.values() for name in names})
        mapping = " ".join([self.channels.applied_to(self.channels.channels), *dimensions])
        return f"{self.place.change_marker()} {mapping}".rstrip()

    def conversion_types(self, first: dt.date, last: dt.date) -> dict[str, str]:
        """What the orders from `first` to `last` name as their conversion type -> one such order.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        with self._reading() as connection:
            if "conversion_type" not in self._as_read(connection, "conversions").further:
                return {}
            rows = connection.execute(statements.conversion_types(connection, first, last)).all()
        named = ((trimmed(value), order) for value, order in rows)
        return {value: str(order) for value, order in named if isinstance(value, str) and value}

    def days_with_data(self, within: tuple[dt.date, dt.date] | None = None) -> tuple[dt.date, dt.date] | None:
        """The first and the last day that has a session, an order or spend; None if there is none at all.

        Rows whose date is no day do not count.

        Args:
            within: the first and the last day that is looked at; None: all days.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        found: list[dt.date] = []
        with self._reading() as connection:
            for table in _dated_tables(connection):
                dates = connection.execute(statements.first_and_last_date(connection, table, within)).one()
                found += [dt.date.fromisoformat(date) for date in dates if date is not None]
        return (min(found), max(found)) if found else None

    def rows_by_day(self, table: str) -> dict[dt.date, int]:
        """How many rows each day has, of days with rows; arguments and errors as for `rows_in_no_report`."""
        with self._reading() as connection:
            if not _has(connection, _DATED_TABLES[table]):
                return {}
            rows = connection.execute(statements.rows_by_day(connection, _DATED_TABLES[table])).all()
        return {dt.date.fromisoformat(day): count for day, count in sorted(rows)}

    def rows_in_no_report(self, table: str) -> RowsInNoReport:
        """The rows with a date that is no day of the calendar, and costs without session; the whole table is read.

        Args:
            table: "sessions", "conversions" or "spend".

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        with self._reading() as connection:
            dated = _DATED_TABLES[table]
            if not _has(connection, dated):
                return RowsInNoReport(dated.name, dated.date, 0, 0, (), "", 0, 0)
            today = dt.datetime.now(dt.UTC).date()
            return rows_in_no_report(connection, dated, self._first_day, min(today, self._last_day))

    def holds_data(self, first: dt.date, last: dt.date, *, usable: bool = False) -> bool:
        """Whether any session, order or spend falls in the days from `first` to `last`, both inclusive.

        Args:
            first: first day.
            last: last day.
            usable: whether only rows count whose date is a day of the calendar.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        with self._reading() as connection:
            return any(
                connection.scalar(statements.any_row(connection, table, first, last, usable=usable))
                for table in _dated_tables(connection)
            )

    def _as_read(self, connection: sa.Connection, table: str) -> DatedTable:
        """The table with the further columns that are read of it."""
        return with_further_columns(connection, _DATED_TABLES[table], self._dimensions[table])

    def _extracted(self, name: str, days: Sequence[dt.date]) -> Iterator[ExtractedDay]:
        with self._reading() as connection:
            if not _has(connection, _DATED_TABLES[name]):
                yield from (ExtractedDay(day, NO_SPEND, NO_ROWS, _NO_TABLE, 0, 0) for day in days)
                return
            table = self._as_read(connection, name)
            fingerprint = fingerprint_of_read_rows(connection, table, self.channels)
            # by map, which keeps no day while the next one is read
            yield from map(
                partial(_extracted_day, table, fingerprint, self.channels),
                raw_days(connection, table, days, self._first_day),
            )

    def _require_dimensions(self, connection: sa.Connection) -> None:
        for variable, asset, tables in (
            ("ATTRIBUTION_DIMENSIONS", "sessions", (SESSIONS, SPEND)),
            ("ATTRIBUTION_ORDER_DIMENSIONS", "conversions", (CONVERSIONS,)),
        ):
            if not (named := self._dimensions[asset]):
                continue
            there = _columns(connection, *tables)
            if unknown := [name for name in named if name not in there]:
                where = " or ".join(table.name for table in tables)
                raise SourceSchemaError(f"{variable} names {unknown[0]!r}, which is no column of {where} in the {self}")

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self.place.database.reading() as connection:
            there = {table.name for table in _dated_tables(connection)}
            optional = {name: columns for name, columns in OPTIONAL_SCHEMA.items() if name in there}
            missing = missing_from(connection, SCHEMA | optional)
            if missing:
                raise SourceSchemaError(f"The {self} lacks {', '.join(missing)}. {self.place.how_to_add}")
            self._require_dimensions(connection)
            if connection.dialect.name == POSTGRESQL:
                connection.exec_driver_sql(_PLAIN_TEXT_FORMS)
            yield connection


def _columns(connection: sa.Connection, *tables: DatedTable) -> set[str]:
    return {column for table in tables for column in find_table(connection, table.name).columns}


def _has(connection: sa.Connection, table: DatedTable) -> bool:
    return table.name not in OPTIONAL_SCHEMA or bool(find_table(connection, table.name).columns)


def _dated_tables(connection: sa.Connection) -> list[DatedTable]:
    """Those that the database has; some have to be there."""
    return [table for table in _DATED_TABLES.values() if _has(connection, table)]


def _extracted_day(
    table: DatedTable,
    fingerprint: Callable[[RawDay], str],
    channels: ChannelNames,
    raw: RawDay,
) -> ExtractedDay:
    if table.name == SESSIONS.name:
        rows = session_rows(raw.day, raw.columns, raw.several_costs, table.dimensions)
        rows = rows._replace(frame=channels.reported(rows.frame))
    elif table.name == SPEND.name:
        rows = spend_rows(raw.day, raw.columns, table.further_texts, channels, table.dimensions)
    else:
        rows = conversion_rows(raw.day, raw.columns, table.dimensions)
    return ExtractedDay(
        raw.day,
        rows.frame,
        rows.rejected,
        fingerprint(raw),
        rows.repeated,
        rows.undated,
        rows.beside,
        rows.refunded,
        rows.summed,
    )


def _consecutive(days: Sequence[dt.date]) -> Sequence[dt.date]:
    if any(later - earlier != dt.timedelta(days=1) for earlier, later in pairwise(days)):
        raise ValueError(f"not consecutive days: {', '.join(map(str, days))}")
    return days
