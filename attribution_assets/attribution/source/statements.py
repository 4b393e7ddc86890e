"""The SQL that reads the source tables, in SQLite, PostgreSQL or DuckDB, whatever types the columns have there.

Statements only: nothing here executes one. The expressions for single columns are in `column_expressions`.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution.source.column_expressions import SourceTable, Value
from attribution_assets.attribution.source.table_names import find_table


class DatedTable(NamedTuple):
    """A source table whose rows are each of a day.

    Attributes:
        key: the column of ids, of which each has one row; empty where rows have none.
        time: the column of times; empty where there is none.
        further_texts: columns that it may lack, read as the text of ids: see `with_further_columns`.
        further_amounts: the same of amounts.
        is_read_whole: whether all its other columns are read too, as `further_texts`.
        dimensions: those of `further_texts` by which the report is broken down.
    """

    name: str
    key: str
    date: str
    time: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    flags: tuple[str, ...]
    amounts: tuple[str, ...]
    further_texts: tuple[str, ...] = ()
    further_amounts: tuple[str, ...] = ()
    is_read_whole: bool = False
    dimensions: tuple[str, ...] = ()

    @property
    def further(self) -> tuple[str, ...]:
        """The columns that are read although the table may lack them."""
        return (*self.further_texts, *self.further_amounts)


SESSIONS = DatedTable(
    name="session_sources",
    key="session_id",
    date="event_date",
    time="event_time",
    ids=("session_id", "user_id"),
    texts=("channel_name",),
    flags=("holder_engagement", "closer_engagement", "impression_interaction"),
    amounts=(),
)
CONVERSIONS = DatedTable(
    name="conversions",
    key="conv_id",
    date="conv_date",
    time="conv_time",
    ids=("conv_id", "user_id"),
    texts=(),
    flags=(),
    amounts=("revenue",),
    further_texts=("conversion_type",),
    further_amounts=("refunded",),
)
SPEND = DatedTable(
    name="ad_spend",
    key="",
    date="date",
    time="",
    ids=(),
    texts=("channel_name",),
    flags=(),
    amounts=("cost",),
    further_texts=("campaign",),
    further_amounts=("impressions", "clicks"),
    is_read_whole=True,
)
COSTS = "session_costs"
_BESIDE = {SESSIONS.name: CONVERSIONS.name, CONVERSIONS.name: SESSIONS.name}  # whose visitors are the same
FILED = "filed"
ROW_HASH = "row_hash"

SCHEMA = {
    **{t.name: (*t.ids, *t.texts, t.date, t.time, *t.flags, *t.amounts) for t in (SESSIONS, CONVERSIONS)},
    COSTS: ("session_id", "cost"),
}
"""Table -> the columns that are read from it."""
OPTIONAL_SCHEMA = {SPEND.name: (*SPEND.texts, SPEND.date, *SPEND.amounts)}
"""The same of tables that a database may lack."""


def with_further_columns(connection: sa.Connection, table: DatedTable, dimensions: Iterable[str] = ()) -> DatedTable:
    """The table with those of its further columns, and of these dimensions, that it has in the database.

    Columns of the names `filed` and `row_hash` are left out: what is read beside the table's columns is named so.
    """
    there = find_table(connection, table.name).columns
    needed = {*table.ids, *table.texts, table.date, table.time, *table.flags, *table.amounts, *table.further_amounts}
    others = sorted(there.keys() - needed - {FILED, ROW_HASH}) if table.is_read_whole else ()
    texts = dict.fromkeys([*table.further_texts, *dimensions, *others])
    return table._replace(
        further_texts=tuple(column for column in texts if column in there),
        further_amounts=tuple(column for column in table.further_amounts if column in there),
        dimensions=tuple(sorted(column for column in dimensions if column in there)),
    )


def rows_of_days(connection: sa.Connection, table: DatedTable, first: dt.date, last: dt.date) -> sa.Select[Any]:
    """The rows that are filed with the days from `first` to `last`, by day, sessions with their cost.

    A row whose date is no day of the calendar is filed with the day in whose range its text falls, as text sorts in
    the database: "2024-02-30" with 2024-02-29.

    Columns are those of the table, `cost`, and `id_rows`, `cost_rows` (NULL or the number of rows of this id in the
    table and in session_costs) where no key of the database keeps them at 1; then `cost` is the largest of them. Costs
    are joined so that they never multiply a session's row. Dates that are text in PostgreSQL, which may sort it
    otherwise than Python, have the day beside them as `filed`, and in DuckDB too. Except on SQLite, `row_hash` is a
    hash of all columns.

    SQLite also sorts the rows of a day, by time and id as Python sorts them: it costs less there.
    """
    source = SourceTable(connection, table.name)
    return _by_day(connection, source, table, source.in_days(table.date, first, last), (first, last))


def rows_without_a_day(connection: sa.Connection, table: DatedTable, first_day: dt.date) -> sa.Select[Any]:
    """The rows whose date has no place among the days from `first_day` on, with the columns of `rows_of_days`.

    That is a date that is NULL, or that is no day of the calendar and sorts before `first_day` or after 2099-12-31:
    "", "0000-00-00", "20.02.2024", "garbage"; of a date type, one before 0001-01-01 or after 9999-12-31.
    """
    source = SourceTable(connection, table.name)
    filed = sa.literal(first_day.isoformat()) if source.files_otherwise(table.date) else None
    return _rows(connection, source, table, source.without_a_day(table.date, first_day), filed)


def fingerprints(rows: sa.Select[Any], table: DatedTable, *, with_names: bool) -> sa.Select[Any]:
    """For each day of `rows`, except on SQLite: the day, the number of its rows and the sum of the rows' hashes.

    If asked for, the day's channel names too, as an array.
    """
    each = rows.order_by(None).subquery()
    day = each.c[FILED if FILED in each.c else table.date]
    names = [sa.func.array_agg(sa.distinct(each.c.channel_name))] if with_names else []
    return sa.select(day, sa.func.count(), sa.func.sum(each.c[ROW_HASH]), *names).group_by(day)


def costs_of_sessions(connection: sa.Connection, day: dt.date, first_day: dt.date) -> sa.Select[tuple[Any, Any]]:
    """The rows of session_costs, session_id and cost, of the sessions that are filed with one day."""
    sessions, costs = SourceTable(connection, SESSIONS.name), SourceTable(connection, COSTS)
    of_day = sessions.in_days(SESSIONS.date, day, day)
    if day == first_day:
        of_day |= sessions.without_a_day(SESSIONS.date, first_day)
    session, of_cost, _ = sessions.joined(costs, "session_id")
    ids = sa.select(session).where(of_day)
    return sa.select(costs.id("session_id", sessions), costs.amount("cost")).where(of_cost.in_(ids))


def costs_without_session(connection: sa.Connection) -> sa.Select[tuple[Any, Any]]:
    """The rows of session_costs, session_id and cost, for whose session session_sources has no row."""
    sessions, costs = SourceTable(connection, SESSIONS.name), SourceTable(connection, COSTS)
    session, of_cost, _ = sessions.joined(costs, "session_id")
    # SQLite goes through the two indexes side by side; in a join it would look up the session of each cost
    ids, of_sessions = (sa.select(each.label("id")).correlate(None) for each in (of_cost, session))
    unknown = ids.except_(of_sessions).order_by("id")
    rows = sa.select(costs.id("session_id", sessions), costs.amount("cost")).select_from(costs.table)
    return rows.where(of_cost.in_(unknown) | of_cost.is_(None))


def first_and_last_date(
    connection: sa.Connection, table: DatedTable, within: tuple[dt.date, dt.date] | None = None
) -> sa.Select[tuple[Any, Any]]:
    """One row: the smallest and the largest date that is a day, if given `within` two days, as text; else NULL."""
    source = SourceTable(connection, table.name)
    value = source.day_value(table.date)
    dates = sa.select(source.date_text(table.date)).where(source.is_calendar_day(table.date))
    if within:
        dates = dates.where(source.in_days(table.date, *within))
    # each from one end of an index on the date, as far as the first row that counts
    first, last = (dates.order_by(order).limit(1).scalar_subquery() for order in (value.asc(), value.desc()))
    return sa.select(first, last)


def conversion_types(connection: sa.Connection, first: dt.date, last: dt.date) -> sa.Select[tuple[Any, Any]]:
    """The different conversion types of the orders that are filed with these days, each with one of its orders."""
    source = SourceTable(connection, CONVERSIONS.name)
    named = sa.select(source.id("conversion_type").label("named"), source.id(CONVERSIONS.key).label("conv_id"))
    # grouped outside: an expression with parameters is not known again in a GROUP BY
    orders = named.select_from(source.table).where(source.in_days(CONVERSIONS.date, first, last)).subquery()
    return sa.select(orders.c.named, sa.func.min(orders.c.conv_id)).group_by(orders.c.named)


def rows_by_day(connection: sa.Connection, table: DatedTable) -> sa.Select[Any, int]:
    """The days of the calendar that rows are of, as text, and how many rows each has."""
    source = SourceTable(connection, table.name)
    dates = sa.select(source.date_text(table.date).label("day")).select_from(source.table)
    days = dates.where(source.is_calendar_day(table.date)).subquery()  # as for `conversion_types`
    counted: sa.Select[Any, int] = sa.select(days.c.day, sa.cast(sa.func.count(), sa.Integer)).group_by(days.c.day)
    return counted


def any_row(
    connection: sa.Connection, table: DatedTable, first: dt.date, last: dt.date, *, usable: bool = False
) -> sa.Select[tuple[bool]]:
    """One value: whether a row is filed with the days from `first` to `last`, if `usable` by a date."""
    source = SourceTable(connection, table.name)
    filed = source.in_days(table.date, first, last)
    where = filed & source.is_calendar_day(table.date) if usable else filed
    return sa.select(sa.select(sa.literal(1)).where(where).exists())


def _by_day(
    connection: sa.Connection,
    source: SourceTable,
    table: DatedTable,
    where: sa.ColumnElement[bool],
    days: tuple[dt.date, dt.date],
) -> sa.Select[Any]:
    rows = _rows(connection, source, table, where, source.filed(table.date, *days))
    sorts = table.key and not source.typed
    within_day = [source[table.time], sa.collate(source[table.key], "BINARY")] if sorts else []
    return rows.order_by(source.day_value(table.date), *within_day)


def _rows(
    connection: sa.Connection,
    source: SourceTable,
    table: DatedTable,
    where: sa.ColumnElement[bool],
    filed: Value | None,
) -> sa.Select[Any]:
    costs = SourceTable(connection, COSTS)
    others = {"session_id": costs}
    if table.name in _BESIDE:
        others["user_id"] = SourceTable(connection, _BESIDE[table.name])
    columns: list[Value] = [
        *(source.id(column, others.get(column)).label(column) for column in table.ids),
        *(source.text(column).label(column) for column in table.texts),
        source.date_text(table.date).label(table.date),
        *([] if filed is None else [filed.label(FILED)]),
        *([source.time(table.time).label(table.time)] if table.time else []),
        *(source.flag(column).label(column) for column in table.flags),
        *(source.amount(column).label(column) for column in (*table.amounts, *table.further_amounts)),
        *(source.id(column).label(column) for column in table.further_texts),
    ]
    joined: sa.FromClause = source.table
    if table.key and not source.is_key(table.key):
        key = source.counted_by(table.key)
        ids = source.counted(key, "id_rows", sa.select(key).where(where).correlate(None))
        joined = joined.outerjoin(ids, ids.c.id == key)
        columns.append(ids.c.id_rows)
    if table.name == SESSIONS.name:
        session, of_cost, is_column = source.joined(costs, "session_id")
        cost = costs.amount("cost")
        if is_column and costs.is_key("session_id"):
            joined = joined.outerjoin(costs.table, of_cost == session)
            columns.append(cost.label("cost"))
        else:
            digest = [sa.func.sum(costs.hash_of(cost)).label("cost_digest")] if costs.typed else []
            of_days = sa.select(session).where(where).correlate(None)
            sums = costs.counted(of_cost, "cost_rows", of_days, sa.func.max(cost).label("cost"), *digest)
            joined = joined.outerjoin(sums, sums.c.id == session)
            columns += [column for column in sums.c if column.name != "id"]
    if source.typed:
        row = sa.func.row(*(column for column in columns if column.name != FILED))
        columns.append(source.hash_of(row).label(ROW_HASH))
    return sa.select(*columns).select_from(joined).where(where)
