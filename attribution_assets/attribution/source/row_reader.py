"""The source rows as the database gives them, streamed a day at a time in one pass over a range of days.

Reading only: the SQL belongs in `statements`, and which rows are usable is decided in `usable_rows`.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution.database.database import fetched_rows
from attribution_assets.attribution.source import statements
from attribution_assets.attribution.source.repeated_rows import CostRow, RawColumns
from attribution_assets.attribution.source.statements import FILED, ROW_HASH, DatedTable

_ROWS_PER_FETCH = 1_000

_Columns = list[list[Any]]


class RawDay(NamedTuple):
    """The rows that are filed with one day.

    Attributes:
        day: the day.
        columns: as `statements.rows_of_days` gives them, without `filed` and `row_hash`.
        several_costs: the rows of session_costs of each session that has several.
        row_hashes: PostgreSQL's hash of each row; None of SQLite.
    """

    day: dt.date
    columns: RawColumns
    several_costs: Sequence[CostRow]
    row_hashes: Sequence[int] | None


def raw_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], first_day: dt.date
) -> Iterator[RawDay]:
    """The rows of each of `days`, which are consecutive. Rows without a usable date come with those of `first_day`.

    Memory holds the day that is yielded and one fetch of rows.

    Args:
        connection: of a read transaction.
        table: the table.
        days: the days.
        first_day: the day with which rows without a day are filed.
    """
    query = statements.rows_of_days(connection, table, days[0], days[-1])
    names = [column.name for column in query.selected_columns]
    without_a_day: _Columns = [[] for _ in names]
    if days[0] <= first_day <= days[-1]:
        stray = statements.rows_without_a_day(connection, table, first_day)
        for rows in fetched_rows(connection, stray, _ROWS_PER_FETCH):
            _extend(without_a_day, _columns(rows))
    parts = _parts_by_day(
        fetched_rows(connection, query, _ROWS_PER_FETCH), names.index(FILED if FILED in names else table.date), days
    )
    part_day, part = next(parts, (None, []))
    for day in days:
        columns: _Columns = [[] for _ in names]
        while part_day == day:
            _extend(columns, part)
            part_day, part = next(parts, (None, []))
        if day == first_day:
            _extend(columns, without_a_day)
        named = dict(zip(names, columns, strict=True))
        del columns
        named.pop(FILED, None)
        yield _raw_day(connection, day, named, first_day)
        del named


def _raw_day(connection: sa.Connection, day: dt.date, columns: dict[str, list[Any]], first_day: dt.date) -> RawDay:
    row_hashes = columns.pop(ROW_HASH, None)
    return RawDay(day, columns, _several_costs(connection, day, columns, first_day), row_hashes)


def _several_costs(
    connection: sa.Connection, day: dt.date, columns: RawColumns, first_day: dt.date
) -> Sequence[CostRow]:
    """The rows of session_costs of each session of the day that has several, by its `cost_rows`, if there is such."""
    counts = columns.get("cost_rows", ())
    if not set(counts) - {None, 1}:
        return ()
    several = {session for session, rows in zip(columns["session_id"], counts, strict=True) if rows not in (None, 1)}
    costs = connection.execute(statements.costs_of_sessions(connection, day, first_day))
    return [(session, cost) for session, cost in costs if session in several]


def _parts_by_day(
    fetches: Iterable[list[tuple[Any, ...]]], filed_position: int, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, _Columns]]:
    """Each fetch, whose rows are sorted by day, cut into days."""
    known = {day.isoformat(): day for day in days}
    dates = list(known)

    def day_of(filed: str) -> dt.date:
        return known.get(filed) or known[dates[bisect_right(dates, filed) - 1]]

    for rows in fetches:
        columns = _columns(rows)
        filed = columns[filed_position]
        start = 0
        while start < len(rows):
            day = day_of(filed[start])
            end = bisect_right(filed, day, lo=start, key=day_of)
            yield day, [column[start:end] for column in columns]
            start = end


def _columns(rows: Sequence[tuple[Any, ...]]) -> _Columns:
    # fetch by fetch: keeping a day's rows as tuples costs a quarter more time, in garbage collection; and by slices
    # of all values, which takes half the time of zip
    values = list(chain.from_iterable(rows))
    width = len(rows[0])
    return [values[position::width] for position in range(width)]


def _extend(columns: _Columns, more: _Columns) -> None:
    for column, values in zip(columns, more, strict=True):
        column.extend(values)
