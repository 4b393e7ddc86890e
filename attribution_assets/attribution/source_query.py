"""The SQL that reads the source tables, for SQLite and PostgreSQL and for whatever types the columns have there.

Statements only: nothing here executes one except to ask the database for the types and keys of its columns.
"""

import datetime as dt
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedIndex

from attribution_assets.attribution.database import POSTGRESQL, column_types
from attribution_assets.attribution.days import days_between

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
FILED = "filed"
ROW_HASH = "row_hash"

SCHEMA = {
    **{t.name: (*t.texts, t.date, t.time, *t.flags, *t.amounts) for t in (SESSIONS, CONVERSIONS)},
    COSTS: ("session_id", "cost"),
}
"""Table -> the columns that are read of it."""

_ISO_DATE = (
    "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"
    "|^([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$"
)
# of PostgreSQL's date types: its first and its last instant, in a form that all of them read; nothing lies between days
_FIRST_INSTANT: Value = sa.literal_column("'0001-01-01 00:00:00+00'")
_LAST_INSTANT: Value = sa.literal_column("'9999-12-31 23:59:59.999999+00'")


def rows_of_days(connection: sa.Connection, table: DatedTable, first: dt.date, last: dt.date) -> sa.Select[Any]:
    """The rows that are filed with the days from `first` to `last`, by day, sessions with their cost.

    A row whose date is no day of the calendar is filed with the day in whose range its text falls, as text sorts in
    the database: "2024-02-30" with 2024-02-29.

    Columns are those of the table, `cost`, and `id_rows`, `cost_rows` (NULL or the number of rows of this id in the
    table and in session_costs) where no key of the database keeps them at 1; then `cost` is the largest of them. Costs
    are joined so that they never multiply a session's row. Where the date does not say the day by itself, `filed` does:
    of text in PostgreSQL, which may sort otherwise than in Python. On PostgreSQL `row_hash` is a hash of all of them.

    SQLite also sorts the rows of a day, by time and id as Python sorts them: it costs less there.
    """
    source = _Source(connection, table.name)
    rows = _rows(
        connection, source, table, source.in_days(table.date, first, last), source.filed(table.date, first, last)
    )
    within_day = [] if source.typed else [source[table.time], sa.collate(source[table.key], "BINARY")]
    return rows.order_by(source.day_value(table.date), *within_day)


def rows_without_a_day(connection: sa.Connection, table: DatedTable, first_day: dt.date) -> sa.Select[Any]:
    """The rows whose date has no place among the days from `first_day` on, with the columns of `rows_of_days`.

    That is a date that is NULL, or that is no day of the calendar and sorts before `first_day` or after 2099-12-31:
    "", "0000-00-00", "20.02.2024", "garbage"; of a date type, one before 0001-01-01 or after 9999-12-31.
    """
    source = _Source(connection, table.name)
    filed = sa.literal(first_day.isoformat()) if source.files_otherwise(table.date) else None
    return _rows(connection, source, table, source.without_a_day(table.date, first_day), filed)


def count_without_a_day(connection: sa.Connection, table: DatedTable, first_day: dt.date) -> sa.Select[Any]:
    """One value: how many rows `rows_without_a_day` are."""
    source = _Source(connection, table.name)
    return sa.select(sa.func.count()).select_from(source.table).where(source.without_a_day(table.date, first_day))


def fingerprints(rows: sa.Select[Any], table: DatedTable) -> sa.Select[Any]:
    """For each day of `rows`, on PostgreSQL: the day, the number of its rows and the sum of the rows' hashes."""
    each = rows.order_by(None).subquery()
    day = each.c[FILED if FILED in each.c else table.date]
    return sa.select(day, sa.func.count(), sa.func.sum(sa.cast(each.c[ROW_HASH], sa.Numeric))).group_by(day)


def costs_of_sessions(connection: sa.Connection, day: dt.date, first_day: dt.date) -> sa.Select[tuple[Any, Any]]:
    """The rows of session_costs, session_id and cost, of the sessions that are filed with one day."""
    sessions, costs = _Source(connection, SESSIONS.name), _Source(connection, COSTS)
    of_day = sessions.in_days(SESSIONS.date, day, day)
    if day == first_day:
        of_day |= sessions.without_a_day(SESSIONS.date, first_day)
    ids = sa.select(sessions["session_id"]).where(of_day)
    return sa.select(costs.text("session_id"), costs.amount("cost")).where(costs["session_id"].in_(ids))


def first_and_last_date(connection: sa.Connection, table: DatedTable) -> sa.Select[tuple[Any, Any]]:
    """One row: the smallest and the largest date that is a day of the calendar, as text; NULL if there is none."""
    source = _Source(connection, table.name)
    value = source.day_value(table.date)
    dates = sa.select(source.date_text(table.date)).where(source.is_calendar_day(table.date))
    # each from one end of an index on the date, as far as the first row that counts
    first, last = (dates.order_by(order).limit(1).scalar_subquery() for order in (value.asc(), value.desc()))
    return sa.select(first, last)


def any_row(connection: sa.Connection, table: DatedTable, first: dt.date, last: dt.date) -> sa.Select[tuple[bool]]:
    """One value: whether a row is filed with the days from `first` to `last`."""
    source = _Source(connection, table.name)
    return sa.select(sa.select(sa.literal(1)).where(source.in_days(table.date, first, last)).exists())


def _rows(
    connection: sa.Connection, source: "_Source", table: DatedTable, where: sa.ColumnElement[bool], filed: Value | None
) -> sa.Select[Any]:
    columns = [
        *(source.text(column).label(column) for column in table.texts),
        source.date_text(table.date).label(table.date),
        *([] if filed is None else [filed.label(FILED)]),
        source.time(table.time).label(table.time),
        *(source[column] for column in table.flags),
        *(source.amount(column).label(column) for column in table.amounts),
    ]
    joined: sa.FromClause = source.table
    of_days = sa.select(source[table.key]).where(where).correlate(None)
    if not source.is_key(table.key):
        ids = source.counted(table.key, "id_rows", of_days)
        joined = joined.outerjoin(ids, ids.c.id == source[table.key])
        columns.append(ids.c.id_rows)
    if table is SESSIONS:
        costs = _Source(connection, COSTS)
        if costs.is_key("session_id"):
            joined = joined.outerjoin(costs.table, costs["session_id"] == source["session_id"])
            columns.append(costs.amount("cost").label("cost"))
        else:
            cost = costs.amount("cost")
            digest = (
                [sa.func.sum(sa.cast(_hash(sa.cast(cost, sa.Text)), sa.Numeric)).label("cost_digest")]
                if costs.typed
                else []
            )
            sums = costs.counted("session_id", "cost_rows", of_days, sa.func.max(cost).label("cost"), *digest)
            joined = joined.outerjoin(sums, sums.c.id == source["session_id"])
            columns += [column for column in sums.c if column.name != "id"]
    if source.typed:
        row = sa.func.row(*(column for column in columns if column.name != FILED))
        columns.append(_hash(sa.cast(row, sa.Text)).label(ROW_HASH))
    return sa.select(*columns).select_from(joined).where(where)


def _hash(text: Value) -> Value:
    return sa.func.hashtextextended(text, 0)


class _Source:
    """A source table as it is in the database: expressions that give its values one form whatever its columns' types.

    SQLite columns hold what was put there whatever their type, so only their text form counts; PostgreSQL's types are
    used, so that an index on a date column is too.
    """

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._inspector = sa.inspect(connection)
        self._types = column_types(connection, name)
        self.typed = connection.dialect.name == POSTGRESQL
        self.table = sa.table(name, *(sa.column(column) for column in self._types))

    def __getitem__(self, column: str) -> Value:
        return self.table.c[column]

    def text(self, column: str) -> Value:
        type_ = self._types[column]
        is_text = isinstance(type_, sa.String) and not isinstance(type_, sa.CHAR)
        return self[column] if is_text else sa.cast(self[column], sa.Text)

    def amount(self, column: str) -> Value:
        type_ = self._types[column]
        exact = self.typed and isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float)
        return sa.cast(self[column], sa.Double) if exact else self[column]

    def time(self, column: str) -> Value:
        if self._is(sa.DateTime, column):
            return sa.cast(sa.cast(self._in_utc(column, self[column]), sa.Time), sa.Text)
        return self.text(column)

    def day_value(self, column: str) -> Value:
        """What days are compared and sorted by: the column itself, so that its index is used, where that works."""
        comparable = not self.typed or self._is_date(column) or self._is(sa.String, column)
        return self[column] if comparable else self.text(column)

    def date_text(self, column: str) -> Value:
        """The date as YYYY-MM-DD; what is none as it stands there."""
        if not self.typed:
            return self[column]
        if not self._is_date(column):
            return self.text(column)
        is_day = self[column].between(_FIRST_INSTANT, _LAST_INSTANT)
        return sa.case((is_day, self._iso_date(column)), else_=sa.cast(self[column], sa.Text))

    def files_otherwise(self, column: str) -> bool:
        """Whether the day of a row cannot be told from its date as it is read."""
        return self.typed and not self._is_date(column)

    def filed(self, column: str, first: dt.date, last: dt.date) -> Value | None:
        """The day as YYYY-MM-DD with which a row of the days from `first` to `last` is filed; None if its date says."""
        if not self.files_otherwise(column):
            return None
        value = self.day_value(column)
        iso_dates = [day.isoformat() for day in days_between(first, last)]
        days = sa.values(sa.column("day", sa.Text), name="days").data([(date,) for date in iso_dates])
        day_before = sa.select(sa.func.max(days.c.day)).where(days.c.day <= value).scalar_subquery()
        return sa.case((value.in_(iso_dates), self.text(column)), else_=day_before)

    def in_days(self, column: str, first: dt.date, last: dt.date) -> sa.ColumnElement[bool]:
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
