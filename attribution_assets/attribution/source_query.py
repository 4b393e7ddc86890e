"""The SQL that reads the source tables, for SQLite and PostgreSQL and for whatever types the columns have there.

Statements only: nothing here executes one except to ask the database for the types and keys of its columns.
"""

import datetime as dt
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedIndex

from attribution_assets.attribution.database import POSTGRESQL, column_types

Value: TypeAlias = sa.ColumnElement[Any]


class DatedTable(NamedTuple):
    """A source table with one row per id, each on a day."""

    name: str
    key: str
    date: str
    time: str
    texts: tuple[str, ...]
    flags: tuple[str, ...]
    amounts: tuple[str, ...]


SESSIONS = DatedTable(
    name="session_sources",
    key="session_id",
    date="event_date",
    time="event_time",
    texts=("session_id", "user_id", "channel_name"),
    flags=("holder_engagement", "closer_engagement", "impression_interaction"),
    amounts=(),
)
CONVERSIONS = DatedTable(
    name="conversions",
    key="conv_id",
    date="conv_date",
    time="conv_time",
    texts=("conv_id", "user_id"),
    flags=(),
    amounts=("revenue",),
)
COSTS = "session_costs"

SCHEMA = {
    **{t.name: (*t.texts, t.date, t.time, *t.flags, *t.amounts) for t in (SESSIONS, CONVERSIONS)},
    COSTS: ("session_id", "cost"),
}
"""Table -> the columns that are read of it."""


def rows_of_days(connection: sa.Connection, table: DatedTable, first: dt.date, last: dt.date) -> sa.Select[Any]:
    """The rows of the days from `first` to `last`, by date, sessions with their cost.

    Columns are those of the table, `cost`, and `id_rows`, `cost_rows` (NULL or the number of rows of this id in the
    table and in session_costs) where no key of the database keeps them at 1. Costs are joined so that they never
    multiply a session's row.
    """
    source = _Source(connection, table.name)
    columns = [
        *(source.text(column).label(column) for column in table.texts),
        source.date_text(table.date, source.day_value(table.date)).label(table.date),
        source.time(table.time).label(table.time),
        *(source[column] for column in table.flags),
        *(source.amount(column).label(column) for column in table.amounts),
    ]
    joined: sa.FromClause = source.table
    if not source.is_key(table.key):
        ids = source.counted(table.key, "id_rows")
        joined = joined.outerjoin(ids, ids.c.id == source[table.key])
        columns.append(ids.c.id_rows)
    if table is SESSIONS:
        costs = _Source(connection, COSTS)
        if costs.is_key("session_id"):
            joined = joined.outerjoin(costs.table, costs["session_id"] == source["session_id"])
            columns.append(costs.amount("cost").label("cost"))
        else:
            sums = costs.counted("session_id", "cost_rows", sa.func.max(costs.amount("cost")).label("cost"))
            joined = joined.outerjoin(sums, sums.c.id == source["session_id"])
            columns += [sums.c.cost, sums.c.cost_rows]
    return (
        sa.select(*columns)
        .select_from(joined)
        .where(source.in_days(table.date, first, last))
        .order_by(source.day_value(table.date))
    )


def dates_to_check(connection: sa.Connection, table: DatedTable) -> sa.Select[tuple[Any]]:
    """The distinct dates of the table as text; of a column with a date type, only those that are in no day."""
    source = _Source(connection, table.name)
    return sa.select(source.text(table.date)).where(source.may_be_no_date(table.date)).distinct()


def rows_by_date(connection: sa.Connection, table: DatedTable) -> sa.Select[tuple[Any, Any, int]]:
    """For each date of `dates_to_check`, by date: the date, the smallest key that has it, and how many rows have it."""
    source = _Source(connection, table.name)
    date = source.text(table.date)
    return (
        sa.select(date, sa.func.min(source.text(table.key)), sa.func.count())
        .where(source.may_be_no_date(table.date))
        .group_by(date)
        .order_by(date)
    )


def first_and_last_date(connection: sa.Connection, table: DatedTable) -> sa.Select[tuple[Any, Any]]:
    """One row: the smallest and the largest date as text, NULL if the table is empty."""
    source = _Source(connection, table.name)
    # two subqueries, because SQLite answers one min or max from an index, but not both at once
    first, last = (
        sa.select(source.date_text(table.date, end(source.day_value(table.date)))).scalar_subquery()
        for end in (sa.func.min, sa.func.max)
    )
    return sa.select(first, last)


def any_row(connection: sa.Connection, table: DatedTable, first: dt.date, last: dt.date) -> sa.Select[tuple[bool]]:
    """One value: whether a row falls in the days from `first` to `last`."""
    source = _Source(connection, table.name)
    return sa.select(sa.select(sa.literal(1)).where(source.in_days(table.date, first, last)).exists())


class _Source:
    """A source table as it is in the database: expressions that give its values one form whatever its columns' types.

    SQLite columns hold what was put there whatever their type, so only their text form counts; PostgreSQL's types are
    used, so that an index on a date column is too.
    """

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._inspector = sa.inspect(connection)
        self._types = column_types(connection, name)
        self._typed = connection.dialect.name == POSTGRESQL
        self.table = sa.table(name, *(sa.column(column) for column in self._types))

    def __getitem__(self, column: str) -> Value:
        return self.table.c[column]

    def text(self, column: str) -> Value:
        type_ = self._types[column]
        is_text = isinstance(type_, sa.String) and not isinstance(type_, sa.CHAR)
        return self[column] if is_text else sa.cast(self[column], sa.Text)

    def amount(self, column: str) -> Value:
        type_ = self._types[column]
        exact = self._typed and isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float)
        return sa.cast(self[column], sa.Double) if exact else self[column]

    def time(self, column: str) -> Value:
        if self._is(sa.DateTime, column):
            return sa.cast(sa.cast(self._in_utc(column, self[column]), sa.Time), sa.Text)
        return self.text(column)

    def day_value(self, column: str) -> Value:
        """What days are compared and sorted by."""
        return self[column] if self._is_date(column) else self.text(column)

    def date_text(self, column: str, value: Value) -> Value:
        """`value`, which is of the type of `day_value(column)`, as YYYY-MM-DD."""
        return sa.func.to_char(self._in_utc(column, value), "YYYY-MM-DD") if self._is_date(column) else value

    def in_days(self, column: str, first: dt.date, last: dt.date) -> sa.ColumnElement[bool]:
        value = self.day_value(column)
        if not self._is_date(column):
            return value.between(first.isoformat(), last.isoformat())
        if self._is(sa.Date, column):
            return value.between(first, last)
        zone = dt.UTC if self._has_zone(column) else None
        start, end = (
            sa.literal(dt.datetime.combine(day, dt.time(), zone), sa.DateTime(timezone=zone is not None))
            for day in (first, last + dt.timedelta(days=1))
        )
        return (value >= start) & (value < end)

    def may_be_no_date(self, column: str) -> sa.ColumnElement[bool]:
        """True for every row whose date is none: of text all rows, of a date type NULL and the infinities."""
        if not self._is_date(column):
            return sa.true()
        infinities: list[Value] = [sa.literal_column(f"'{value}'") for value in ("infinity", "-infinity")]
        return self[column].is_(None) | self[column].in_(infinities)

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

    def counted(self, key: str, label: str, *columns: sa.Label[Any]) -> sa.Subquery:
        """One row per value of `key`, named `id`, with how many rows have it, named `label`, and aggregates."""
        return sa.select(self[key].label("id"), sa.func.count().label(label), *columns).group_by(self[key]).subquery()

    def _is(self, type_: type[sa.types.TypeEngine[Any]], column: str) -> bool:
        return self._typed and isinstance(self._types[column], type_)

    def _is_date(self, column: str) -> bool:
        return self._is(sa.Date, column) or self._is(sa.DateTime, column)

    def _has_zone(self, column: str) -> bool:
        return bool(getattr(self._types[column], "timezone", False))

    def _in_utc(self, column: str, value: Value) -> Value:
        return sa.func.timezone("UTC", value) if self._has_zone(column) else value


def _is_partial(index: ReflectedIndex) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))
