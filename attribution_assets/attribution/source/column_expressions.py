"""SQL expressions for the columns of one source table, in SQLite or PostgreSQL, whatever their types and keys there.

Expressions only: whole statements belong in `statements`. Nothing here executes SQL, except to ask the database for
types and keys.
"""

import datetime as dt
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedIndex

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.database.database import POSTGRESQL, column_types

Value: TypeAlias = sa.ColumnElement[Any]

_ISO_DATE = (
    "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"
    "|^([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$"
)
# the first and the last instant of the calendar, in a form that all of PostgreSQL's date types read
_FIRST_INSTANT: Value = sa.literal_column("'0001-01-01 00:00:00+00'")
_LAST_INSTANT: Value = sa.literal_column("'9999-12-31 23:59:59.999999+00'")


class SourceTable:
    """One source table: expressions that give its values the same form whatever types its columns have.

    A SQLite column can hold values of any type, so only their text form counts. In PostgreSQL the column's type is
    used, so that an index on a date column is used too.
    """

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._inspector = sa.inspect(connection)
        self._types = column_types(connection, name)
        self.typed = connection.dialect.name == POSTGRESQL
        self.table = sa.table(name, *(sa.column(column) for column in self._types))

    def __getitem__(self, column: str) -> Value:
        """The column itself."""
        return self.table.c[column]

    def text(self, column: str) -> Value:
        """The column as text."""
        type_ = self._types[column]
        is_text = isinstance(type_, sa.String) and not isinstance(type_, sa.CHAR)
        return self[column] if is_text else sa.cast(self[column], sa.Text)

    def amount(self, column: str) -> Value:
        """The column, converted to a float if its type is an exact number of PostgreSQL."""
        type_ = self._types[column]
        exact = self.typed and isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float)
        return sa.cast(self[column], sa.Double) if exact else self[column]

    def time(self, column: str) -> Value:
        """The time as text; from a timestamp, its time of the day in UTC."""
        if self._is(sa.DateTime, column):
            return sa.cast(sa.cast(self._in_utc(column, self[column]), sa.Time), sa.Text)
        return self.text(column)

    def day_value(self, column: str) -> Value:
        """The value by which days are compared and sorted: if possible the column itself, for its index."""
        comparable = not self.typed or self._is_date(column) or self._is(sa.String, column)
        return self[column] if comparable else self.text(column)

    def date_text(self, column: str) -> Value:
        """The date as YYYY-MM-DD; a value that is not a date, unchanged."""
        if not self.typed:
            return self[column]
        if not self._is_date(column):
            return self.text(column)
        is_day = self[column].between(_FIRST_INSTANT, _LAST_INSTANT)
        return sa.case((is_day, self._iso_date(column)), else_=sa.cast(self[column], sa.Text))

    def files_otherwise(self, column: str) -> bool:
        """Whether `filed` is needed: the date as it is read does not always say with which day the row is filed."""
        return self.typed and not self._is_date(column)

    def filed(self, column: str, first: dt.date, last: dt.date) -> Value | None:
        """The day as YYYY-MM-DD with which a row of the days from `first` to `last` is filed; None if not needed."""
        if not self.files_otherwise(column):
            return None
        value = self.day_value(column)
        iso_dates = [day.isoformat() for day in days_between(first, last)]
        days = sa.values(sa.column("day", sa.Text), name="days").data([(date,) for date in iso_dates])
        day_before = sa.select(sa.func.max(days.c.day)).where(days.c.day <= value).scalar_subquery()
        return sa.case((value.in_(iso_dates), self.text(column)), else_=day_before)

    def in_days(self, column: str, first: dt.date, last: dt.date) -> sa.ColumnElement[bool]:
        """Whether the date falls, or its text sorts, into the days from `first` to `last`."""
        value, end = self.day_value(column), last + dt.timedelta(days=1)
        if not self._is_date(column):
            return (value >= first.isoformat()) & (value < end.isoformat())
        if self._is(sa.Date, column):
            return value.between(first, last)
        zone = dt.UTC if self._has_zone(column) else None
        midnights = (
            sa.literal(dt.datetime.combine(day, dt.time(), zone), sa.DateTime(timezone=zone is not None))
            for day in (first, end)
        )
        return (value >= next(midnights)) & (value < next(midnights))

    def is_before(self, column: str, day: dt.date) -> sa.ColumnElement[bool]:
        """Whether the date, which is a day of the calendar, is before this day."""
        value = self.day_value(column)
        if not self._is_date(column) or self._is(sa.Date, column):
            return value < (day if self._is_date(column) else day.isoformat())
        zone = dt.UTC if self._has_zone(column) else None
        midnight = dt.datetime.combine(day, dt.time(), zone)
        return value < sa.literal(midnight, sa.DateTime(timezone=zone is not None))

    def is_calendar_day(self, column: str) -> sa.ColumnElement[bool]:
        """Whether the date is a day of the calendar, from 0001-01-01 to 9999-12-31."""
        value = self.day_value(column)
        if self._is_date(column):
            return value.between(_FIRST_INSTANT, _LAST_INSTANT)
        in_calendar = value.between("0001-01-01", "9999-12-31")
        if self.typed:
            return in_calendar & value.regexp_match(_ISO_DATE)
        return in_calendar & _same(sa.func.date(value, "+0 days"), value)  # 2024-02-30 would be 2024-03-01

    def without_a_day(self, column: str, first_day: dt.date) -> sa.ColumnElement[bool]:
        """True for the rows of `rows_without_a_day`; ranges of the column each, for its index to answer."""
        value, no_date = self.day_value(column), ~self.is_calendar_day(column)
        if self._is_date(column):
            return value.is_(None) | (value < _FIRST_INSTANT) | (value > _LAST_INSTANT)
        # SQLite reads the whole table for `x IS NULL OR ...` of an x that is declared NOT NULL, but not for +NULL
        null: Value = sa.null() if self.typed else sa.literal_column("+NULL")
        too_early, too_late = value < first_day.isoformat(), value > "2099-12-31"
        return _same(value, null) | (too_early & no_date) | (too_late & no_date)

    def is_key(self, column: str) -> bool:
        """Whether the database keeps each value of the column in one row."""
        name = self.table.name
        indexes = self._inspector.get_indexes(name)
        return (
            self._inspector.get_pk_constraint(name)["constrained_columns"] == [column]
            or any(unique["column_names"] == [column] for unique in self._inspector.get_unique_constraints(name))
            or any(
                index["unique"] and index["column_names"] == [column] and not _is_partial(index) for index in indexes
            )
        )

    def counted(self, key: str, label: str, ids: sa.Select[Any], *columns: sa.Label[Any]) -> sa.Subquery:
        """One row per value of `key` among `ids`, named `id`; how many rows have it, named `label`; and aggregates."""
        counts = sa.select(self[key].label("id"), sa.func.count().label(label), *columns)
        return counts.where(self[key].in_(ids)).group_by(self[key]).subquery()

    def _iso_date(self, column: str) -> Value:
        return sa.func.to_char(self._in_utc(column, self[column]), "YYYY-MM-DD")

    def _is(self, type_: type[sa.types.TypeEngine[Any]], column: str) -> bool:
        return self.typed and isinstance(self._types[column], type_)

    def _is_date(self, column: str) -> bool:
        return self._is(sa.Date, column) or self._is(sa.DateTime, column)

    def _has_zone(self, column: str) -> bool:
        return bool(getattr(self._types[column], "timezone", False))

    def _in_utc(self, column: str, value: Value) -> Value:
        return sa.func.timezone("UTC", value) if self._has_zone(column) else value


def _same(left: Value, right: Value) -> sa.ColumnElement[bool]:
    return left.op("IS", is_comparison=True, return_type=sa.Boolean())(right)


def _is_partial(index: ReflectedIndex) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))
