"""SQL expressions for the columns of a source table, whatever their types and keys in SQLite, PostgreSQL or DuckDB.

Expressions only: whole statements belong in `statements`. Nothing here executes SQL, except to ask the database for
types and keys.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedIndex

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.database.database import SQLITE
from attribution_assets.attribution.database.duckdb_dialect import DUCKDB, OtherTimestamp
from attribution_assets.attribution.source.table_names import find_table

Value: TypeAlias = sa.ColumnElement[Any]

_ISO_DATE = (
    "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"
    "|^([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$"
)
# kinds of columns that hold ids
_TEXT, _NUMBER, _ANY, _INTEGER, _EXACT, _FLOAT = "text", "number", "any", "integer", "exact number", "float"
_UNTYPED = "untyped"  # the text of a CSV file, which may stand for a number
_MOST_WHOLE: Value = sa.literal_column("9223372036854775807")  # as a float 2^63: what is below it is a bigint
# the first and the last instant of the calendar, in a form that all of PostgreSQL's date types read
_FIRST_INSTANT: Value = sa.literal_column("'0001-01-01 00:00:00+00'")
_LAST_INSTANT: Value = sa.literal_column("'9999-12-31 23:59:59.999999+00'")


class SourceTable:
    """One source table: expressions that give its values the same form whatever types its columns have.

    A SQLite column can hold values of any type, so only their text form counts. In PostgreSQL and DuckDB the column's
    type is used, so that an index on a date column is used too. Columns are named as in `statements`; in the database
    their names and the table's may have capital letters.
    """

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._inspector = sa.inspect(connection)
        self.typed = connection.dialect.name != SQLITE
        self._in_duckdb = connection.dialect.name == DUCKDB
        found = find_table(connection, name)
        self._names = {column: each.name for column, each in found.columns.items()}
        self._types = {column: each.type for column, each in found.columns.items()}
        self.table = sa.table(found.name, *(sa.column(column) for column in self._names.values()))

    def __getitem__(self, column: str) -> Value:
        """The column itself."""
        itself: Value = self.table.c[self._names[column]]
        return sa.cast(itself, sa.DateTime) if isinstance(self._types[column], OtherTimestamp) else itself

    def text(self, column: str) -> Value:
        """The column as text; bytes stay bytes."""
        type_ = self._types[column]
        if isinstance(type_, sa.String) and not isinstance(type_, sa.CHAR):
            return self[column]
        if self.typed:
            return self[column] if isinstance(type_, sa.LargeBinary) else self._cast(column)
        return sa.case((sa.func.typeof(self[column]) == "blob", self[column]), else_=self._cast(column))

    def id(self, column: str, beside: "SourceTable | None" = None) -> Value:
        """The column as the text of an id: of a whole number, whatever its type, its digits.

        Args:
            column: the column.
            beside: the other table that has ids of the same kind in a column of this name. If both columns are text,
                `101.0` is another id than `101`; otherwise it is the same, as for the database's own join.
        """
        kinds = {table.kind(column) for table in (self, beside) if table is not None}
        if kinds == {_TEXT}:
            return self.text(column)
        return self._typed_id(column) if self.typed else _sqlite_id(self[column])

    def counted_by(self, column: str) -> Value:
        """What is the same in all rows with one id in a column: the column itself if the database can tell."""
        return self.id(column) if self.kind(column) == _UNTYPED else self[column]

    def joined(self, beside: "SourceTable", column: str) -> tuple[Value, Value, bool]:
        """What of this table and of the other one is compared to join them by a column, and whether it is the column.

        The columns themselves where the database compares them like their texts, so that their indexes are used.
        """
        kinds = {self.kind(column), beside.kind(column)}
        if kinds != {_UNTYPED} and (len(kinds) == 1 or kinds == {_INTEGER, _EXACT}):
            return self[column], beside[column], True
        ids = self.id(column, beside), beside.id(column, self)
        if self.typed:  # bytes are compared as text too
            ids = sa.cast(ids[0], sa.Text), sa.cast(ids[1], sa.Text)
        return *ids, False

    def kind(self, column: str) -> str:
        """Values of two columns of one kind are equal to the database if and only if they are one id."""
        type_ = self._types[column]
        if isinstance(type_, sa.String) and not isinstance(type_, sa.Enum):
            return _TEXT
        if not self.typed:
            return _ANY if isinstance(type_, sa.types.NullType | sa.LargeBinary) else _NUMBER
        kinds = (
            (sa.Integer, _INTEGER), (sa.Float, _FLOAT), (sa.Numeric, _EXACT), (sa.types.NullType, _UNTYPED),
        )  # fmt: skip
        return next((kind for of_kind, kind in kinds if isinstance(type_, of_kind)), repr(type_))

    def amount(self, column: str) -> Value:
        """The column; if it has a type, as a float if that is an exact number, as text if it is no number."""
        type_ = self._types[column]
        if self._in_duckdb and isinstance(type_, sa.REAL):  # as a float of 8 bytes, 0.1 would be 0.10000000149
            return sa.cast(self._cast(column), sa.Double)
        if not self.typed or isinstance(type_, sa.Float | sa.Integer):
            return self[column]
        return sa.cast(self[column], sa.Double) if isinstance(type_, sa.Numeric) else self._cast(column)

    def flag(self, column: str) -> Value:
        """The column; if it has a type that is neither a number nor boolean, as text."""
        plain = not self.typed or isinstance(self._types[column], sa.Numeric | sa.Integer | sa.Boolean)
        return self[column] if plain else self._cast(column)

    def time(self, column: str) -> Value:
        """The time as text; from a timestamp, its time of the day in UTC."""
        if self._is(sa.DateTime, column):
            return sa.cast(sa.cast(self._in_utc(column, self[column]), sa.Time), sa.Text)
        return self._cast(column) if self.typed else self.text(column)

    def day_value(self, column: str) -> Value:
        """The value by which days are compared and sorted: if possible the column itself, for its index."""
        comparable = not self.typed or self._is_date(column) or self._is(sa.String, column)
        return self[column] if comparable else self._cast(column)

    def date_text(self, column: str) -> Value:
        """The date as YYYY-MM-DD; a value that is not a date, unchanged."""
        if not self.typed:
            return self[column]
        if not self._is_date(column):
            return self._cast(column)
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
        return sa.case((value.in_(iso_dates), self._cast(column)), else_=day_before)

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

    def hash_of(self, value: Value) -> Value:
        """A number that differs where the value, which may be a row, differs; of a database that has types."""
        if self._in_duckdb:
            return sa.func.hash(value)
        return sa.func.hashtextextended(sa.cast(value, sa.Text), 0)

    def is_key(self, column: str) -> bool:
        """Whether the database keeps each value of the column in one row; of DuckDB it is not asked."""
        if self._in_duckdb:
            return False
        table, key = self.table.name, [self._names[column].lower()]
        indexes = self._inspector.get_indexes(table)
        return (
            _lower(self._inspector.get_pk_constraint(table)["constrained_columns"]) == key
            or any(_lower(each["column_names"]) == key for each in self._inspector.get_unique_constraints(table))
            or any(each["unique"] and _lower(each["column_names"]) == key and not _is_partial(each) for each in indexes)
        )

    def counted(self, key: Value, label: str, ids: sa.Select[Any], *columns: sa.Label[Any]) -> sa.Subquery:
        """One row per value of `key` among `ids`, named `id`; how many rows have it, named `label`; and aggregates."""
        counts = sa.select(key.label("id"), sa.func.count().label(label), *columns).select_from(self.table)
        return counts.where(key.in_(ids)).group_by(key).subquery()

    def _cast(self, column: str) -> Value:
        return sa.cast(self[column], sa.Text)

    def _typed_id(self, column: str) -> Value:
        text, kind = self.text(column), self.kind(column)
        if kind == _EXACT:
            return sa.case((sa.func.strpos(text, ".") > 0, _without_zeros(text)), else_=text)
        if kind == _FLOAT:
            whole = (sa.func.abs(self[column]) < _MOST_WHOLE) & (sa.func.trunc(self[column]) == self[column])
            return sa.case((whole, sa.cast(sa.cast(self[column], sa.BigInteger), sa.Text)), else_=text)
        return sa.func.regexp_replace(text, r"^(0|-?[1-9][0-9]*)\.0+$", r"\1") if kind in {_TEXT, _UNTYPED} else text

    def _iso_date(self, column: str) -> Value:
        return sa.cast(sa.cast(self._in_utc(column, self[column]), sa.Date), sa.Text)

    def _is(self, type_: type[sa.types.TypeEngine[Any]], column: str) -> bool:
        return self.typed and isinstance(self._types[column], type_)

    def _is_date(self, column: str) -> bool:
        return self._is(sa.Date, column) or self._is(sa.DateTime, column)

    def _has_zone(self, column: str) -> bool:
        return bool(getattr(self._types[column], "timezone", False))

    def _in_utc(self, column: str, value: Value) -> Value:
        return sa.func.timezone("UTC", value) if self._has_zone(column) else value


def _sqlite_id(value: Value) -> Value:
    whole = sa.cast(value, sa.Integer)
    digits, text, type_ = sa.cast(whole, sa.Text), sa.cast(value, sa.Text), sa.func.typeof(value)
    has_point = sa.func.instr(value, ".") > 0
    return sa.case(
        (type_ == "integer", text),
        (type_ == "blob", value),
        ((type_ == "real") & (value == whole), digits),
        ((type_ == "text") & has_point & (_without_zeros(value) == digits), digits),
        else_=text,
    )


def _without_zeros(number: Value) -> Value:
    return sa.func.rtrim(sa.func.rtrim(number, "0"), ".")


def _lower(names: Sequence[str | None]) -> list[str]:
    return [name.lower() for name in names if name is not None]


def _same(left: Value, right: Value) -> sa.ColumnElement[bool]:
    return left.op("IS", is_comparison=True, return_type=sa.Boolean())(right)


def _is_partial(index: ReflectedIndex) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))
