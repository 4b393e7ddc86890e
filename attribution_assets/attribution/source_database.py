"""The source tables: sessions with their cost, and orders, read a day at a time from SQLite or PostgreSQL.

What a usable row is stands in `source_rows`; connections in `database`. Nothing here writes: connections are read-only.

    session_sources(session_id, user_id, event_date, event_time, channel_name,
                    holder_engagement, closer_engagement, impression_interaction)
    session_costs(session_id, cost)
    conversions(conv_id, user_id, conv_date, conv_time, revenue)

Dates are `YYYY-MM-DD`, times `HH:MM:SS` with or without a fraction, both UTC. On PostgreSQL they may also be date, time
or timestamp columns, amounts numeric, flags boolean, and ids of any type that has a text form.

    DatabaseError
    └── SourceDatabaseError
        ├── SourceUnreachableError     no database there, no connection, locked, no rights
        ├── SourceSchemaError          a table or a column is missing
        └── SourceDataError            rows that cannot be used, named one by one
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, TypeAlias

import pandas as pd
import sqlalchemy as sa

from attribution_assets.attribution import source_query
from attribution_assets.attribution.database import Database, DatabaseError, fetched_rows, missing_parts
from attribution_assets.attribution.source_query import CONVERSIONS, SCHEMA, SESSIONS, DatedTable
from attribution_assets.attribution.source_rows import (
    RawColumns,
    UnusableValue,
    conversion_rows,
    is_iso_date,
    session_rows,
)

_ROWS_PER_FETCH = 1_000
_NAMED_ROWS = 5
_SHOWN_CHARACTERS = 60

_ToFrame: TypeAlias = Callable[[dt.date, RawColumns], tuple[pd.DataFrame, list[UnusableValue]]]


class SourceDatabaseError(DatabaseError):
    """The source tables cannot be read."""


class SourceUnreachableError(SourceDatabaseError):
    """The database cannot be reached or read at all."""


class SourceSchemaError(SourceDatabaseError):
    """A table or a column is missing."""


class SourceDataError(SourceDatabaseError):
    """Rows that cannot be used.

    Attributes:
        unusable: what is wrong, one entry per value; a row may have several.
    """

    def __init__(self, message: str, unusable: Sequence[UnusableValue]) -> None:
        super().__init__(message)
        self.unusable = list(unusable)


class SourceDatabase:
    """The source tables of one database. Making one connects to nothing; each method connects and lets go again.

    Args:
        url: as for `database.Database`.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, error=SourceUnreachableError)

    def __str__(self) -> str:
        """The database in words, without user and password."""
        return str(self._database)

    def __repr__(self) -> str:
        """Which database it is, without user and password."""
        return f"SourceDatabase({self._database})"

    def check(self) -> None:
        """See that the database is there and has every table and column.

        Raises:
            SourceUnreachableError: it is not there, or lets nobody in.
            SourceSchemaError: a table or a column is missing.
        """
        with self._database.reading() as connection:
            self._require_tables(connection)

    def sessions(self, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        """The sessions of each day with their cost, in one pass over the tables.

        The read transaction lasts until the last day is taken or the iterator is closed; on SQLite outside WAL mode,
        nothing can be written to the database meanwhile.

        Args:
            days: consecutive days in ascending order.

        Yields:
            Each day of `days` in order, days without sessions included, and its frame: session_id, user_id,
            channel_name (str), session_time (datetime64[us], UTC), holder_engagement, closer_engagement,
            impression_interaction (int64), cost (float64, NaN where there is no cost row or its cost is NULL),
            by session_time, then session_id.

        Raises:
            ValueError: the days are not consecutive.
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
            SourceDataError: a session of the day is unusable, or one of the table has no usable date.
        """
        return self._days(SESSIONS, days, session_rows)

    def conversions(self, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        """The orders of each day, in one pass over the table; transaction, arguments and errors as for `sessions`.

        Yields:
            Each day of `days` in order, days without orders included, and its frame: conv_id, user_id (str),
            conversion_time (datetime64[us], UTC), revenue (float64), by conversion_time, then conv_id.
        """
        return self._days(CONVERSIONS, days, conversion_rows)

    def days_with_data(self) -> tuple[dt.date, dt.date] | None:
        """The first and the last day that has a session or an order; None if there is none at all.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
            SourceDataError: the first or the last date of a table is no date.
        """
        found: list[dt.date] = []
        with self._database.reading() as connection:
            self._require_tables(connection)
            for table in (SESSIONS, CONVERSIONS):
                dates = connection.execute(source_query.first_and_last_date(connection, table)).one()
                if not all(date is None or is_iso_date(date) for date in dates):
                    self._require_dates(connection, table)
                found += [dt.date.fromisoformat(date) for date in dates if date is not None]
        return (min(found), max(found)) if found else None

    def holds_data(self, first: dt.date, last: dt.date) -> bool:
        """Whether any session or order falls in the days from `first` to `last`, both inclusive.

        Raises:
            SourceUnreachableError: the database cannot be reached or read.
            SourceSchemaError: a table or a column is missing.
        """
        with self._database.reading() as connection:
            self._require_tables(connection)
            return any(
                connection.scalar(source_query.any_row(connection, table, first, last))
                for table in (SESSIONS, CONVERSIONS)
            )

    def _days(
        self, table: DatedTable, days: Sequence[dt.date], to_frame: _ToFrame
    ) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        if any(later - earlier != dt.timedelta(days=1) for earlier, later in pairwise(days)):
            raise ValueError(f"not consecutive days: {', '.join(map(str, days))}")
        return self._frames(table, days, to_frame) if days else iter(())

    def _frames(
        self, table: DatedTable, days: Sequence[dt.date], to_frame: _ToFrame
    ) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        with self._database.reading() as connection:
            self._require_tables(connection)
            self._require_dates(connection, table)
            for day, raw in _raw_days(connection, table, days):
                frame, unusable = to_frame(day, raw)
                if unusable:
                    raise self._data_error(table, unusable, rows=len({value.position for value in unusable}))
                yield day, frame

    def _require_tables(self, connection: sa.Connection) -> None:
        missing = missing_parts(connection, SCHEMA)
        if missing:
            raise SourceSchemaError(
                f"The {self._database} lacks {', '.join(missing)}. Add what is missing, or set ATTRIBUTION_DATABASE_URL"
                " to the database that has the source tables (`attribution-assets demo` makes one to look at)."
            )

    def _require_dates(self, connection: sa.Connection, table: DatedTable) -> None:
        # a row whose date is no date is in no day: reading days alone would lose it in silence
        dates = connection.scalars(source_query.dates_to_check(connection, table))
        if all(is_iso_date(date) for date in dates):
            return
        unusable, rows = [], 0
        for date, key, count in connection.execute(source_query.rows_by_date(connection, table)):
            if not is_iso_date(date):
                unusable.append(UnusableValue(-1, key, table.date, date, "is not a date YYYY-MM-DD"))
                rows += count
        raise self._data_error(table, unusable, rows)

    def _data_error(self, table: DatedTable, unusable: Sequence[UnusableValue], rows: int) -> SourceDataError:
        named = "; ".join(
            f"{table.key} {_shown(bad.key)}: {bad.column} {_shown(bad.value)} {bad.reason}"
            for bad in unusable[:_NAMED_ROWS]
        )
        more = "; ..." if len(unusable) > _NAMED_ROWS else ""
        return SourceDataError(
            f"Table {table.name} of the {self._database} has {rows} unusable row{'s' * (rows > 1)}: {named}{more}."
            " Correct or delete such rows there, then run the days again.",
            unusable,
        )


def _raw_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, RawColumns]]:
    query = source_query.rows_of_days(connection, table, days[0], days[-1])
    columns = [column.name for column in query.selected_columns]
    fetches = fetched_rows(connection, query, _ROWS_PER_FETCH)
    by_date = _columns_by_date(fetches, columns.index(table.date), len(columns))
    date, values = next(by_date, (None, []))
    for day in days:
        if date == day.isoformat():
            yield day, dict(zip(columns, values, strict=True))
            date, values = next(by_date, (None, []))
        else:
            yield day, {column: [] for column in columns}


def _columns_by_date(
    fetches: Iterable[list[tuple[Any, ...]]], date_position: int, width: int
) -> Iterator[tuple[object, list[list[object]]]]:
    current = None
    columns: list[list[object]] = []
    for rows in fetches:
        # into columns fetch by fetch: keeping a day's rows as tuples costs a quarter more time, in garbage collection
        for date, same_date in groupby(rows, key=itemgetter(date_position)):
            if date != current:
                if current is not None:
                    yield current, columns
                current, columns = date, [[] for _ in range(width)]
            for column, values in zip(columns, zip(*same_date, strict=True), strict=True):
                column.extend(values)
    if current is not None:
        yield current, columns


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
