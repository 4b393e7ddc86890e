"""The source rows as the database gives them, streamed a day at a time in one pass over a range of days."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution import source_query
from attribution_assets.attribution.database import fetched_rows
from attribution_assets.attribution.source_query import FILED, DatedTable
from attribution_assets.attribution.source_rows import CostRow, RawColumns

_ROWS_PER_FETCH = 1_000


class RawDay(NamedTuple):
    """The rows that are filed with one day.

    Attributes:
        day: the day.
        columns: as `source_query.rows_of_days` gives them, without `filed`.
        several_costs: the rows of session_costs of each session that has several.
    """

    day: dt.date
    columns: RawColumns
    several_costs: Sequence[CostRow]


def raw_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], first_day: dt.date
) -> Iterator[RawDay]:
    """The rows of each of `days`, which are consecutive; with `first_day` those that have no day."""
    query = source_query.rows_of_days(connection, table, days[0], days[-1])
    names = [column.name for column in query.selected_columns]
    without_a_day: list[list[object]] = [[] for _ in names]
    if days[0] <= first_day <= days[-1]:
        stray = source_query.rows_without_a_day(connection, table, first_day)
        for rows in fetched_rows(connection, stray, _ROWS_PER_FETCH):
            _extend(without_a_day, rows)
    by_day = _columns_by_day(
        fetched_rows(connection, query, _ROWS_PER_FETCH), names.index(FILED if FILED in names else table.date), days
    )
    day_found, found = next(by_day, (None, []))
    for day in days:
        values: list[list[object]] = [[] for _ in names]
        if day == day_found:
            values = found
            day_found, found = next(by_day, (None, []))
        if day == first_day:
            values = [[*column, *more] for column, more in zip(values, without_a_day, strict=True)]
        columns = dict(zip(names, values, strict=True))
        columns.pop(FILED, None)
        yield RawDay(day, columns, _several_costs(connection, day, columns, first_day))


def _several_costs(
    connection: sa.Connection, day: dt.date, columns: RawColumns, first_day: dt.date
) -> Sequence[CostRow]:
    counts = columns.get("cost_rows", ())
    if not set(counts) - {None, 1}:
        return ()
    several = {session for session, rows in zip(columns["session_id"], counts, strict=True) if rows not in (None, 1)}
    costs = connection.execute(source_query.costs_of_sessions(connection, day, first_day))
    return [(session, cost) for session, cost in costs if session in several]


def _columns_by_day(
    fetches: Iterable[list[tuple[Any, ...]]], filed_position: int, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, list[list[object]]]]:
    known = {day.isoformat(): day for day in days}
    dates = list(known)
    current = None
    columns: list[list[object]] = []
    for rows in fetches:
        # into columns fetch by fetch: keeping a day's rows as tuples costs a quarter more time, in garbage collection
        for filed, same_day in groupby(rows, key=itemgetter(filed_position)):
            day = known.get(filed) or known[dates[bisect_right(dates, filed) - 1]]
            if day != current:
                if current is not None:
                    yield current, columns
                current, columns = day, [[] for _ in columns or range(len(rows[0]))]
            _extend(columns, same_day)
    if current is not None:
        yield current, columns


def _extend(columns: Sequence[list[object]], rows: Iterable[tuple[Any, ...]]) -> None:
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        column.extend(values)
