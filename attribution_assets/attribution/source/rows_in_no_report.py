"""How many rows of the source tables are in no report, whatever days are run, with what they carry and an example.

Their date is no day of the calendar, or they are costs of sessions that do not exist. The rows of a day are checked
when they are read, see `usable_rows`. Here the whole table is looked at: such rows are filed with other days than those
that are reported, or with none.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution.database.database import fetched_rows
from attribution_assets.attribution.source.column_expressions import SourceTable
from attribution_assets.attribution.source.rejected_rows import shown
from attribution_assets.attribution.source.statements import COSTS, SESSIONS, SPEND, DatedTable, costs_without_session
from attribution_assets.attribution.source.value_forms import number_of
from attribution_assets.attribution.tables.set_aside import money_in_words

_ROWS_PER_FETCH = 1_000


class CostsWithoutSession(NamedTuple):
    """The rows of session_costs whose session does not exist.

    Attributes:
        rows: how many there are.
        amounts: their costs, where they can be read.
        example: the first of their ids, as `session_id 's1'`; empty if there is none.
    """

    rows: int = 0
    amounts: tuple[float, ...] = ()
    example: str = ""


class RowsInNoReport(NamedTuple):
    """The rows of one source table that are in no report.

    Attributes:
        table: the table.
        column: its column of dates.
        rows: how many rows it has.
        unusable: how many of them have a date that is no day of the calendar written YYYY-MM-DD.
        amounts: what these carry: revenue of orders, cost of sessions or spent, as the database gives it.
        example: one of these, as `session_id 's1' with event_date '20240301'`; empty if there is none.
        too_early: how many rows are of days before the calendar's first.
        too_late: how many are of days after its last, or still to come.
        costs: of sessions, costs that belong to none.
    """

    table: str
    column: str
    rows: int
    unusable: int
    amounts: tuple[float, ...]
    example: str
    too_early: int
    too_late: int
    costs: CostsWithoutSession = CostsWithoutSession()

    @property
    def asset(self) -> str:
        """The asset whose rows these would be."""
        return {SESSIONS.name: "sessions", SPEND.name: "spend"}.get(self.table, "conversions")


def in_words(found: Iterable[RowsInNoReport]) -> list[str]:
    """What there is to say of each table, a line each; none where all rows can be reported."""
    lines = []
    for table in found:
        rows = f"rows of {table.table}"
        if table.unusable:
            lines.append(
                f"{table.unusable} of {table.rows} {rows}{_with_money(table.asset, table.amounts)} are in no report:"
                f" their {table.column} is no date written YYYY-MM-DD, such as {table.example}."
            )
        for count, where in (
            (table.too_early, "before ATTRIBUTION_START_DATE"),
            (table.too_late, "after ATTRIBUTION_END_DATE or still to come"),
        ):
            if count:
                lines.append(f"{count} of {table.rows} {rows} are in no report: their {table.column} is {where}.")
        if table.costs.rows:
            lines.append(
                f"{table.costs.rows} rows of {COSTS}{_with_money(table.asset, table.costs.amounts)} are in no report:"
                f" {table.table} has no row of their session, such as {table.costs.example}."
            )
    return lines


def rows_in_no_report(
    connection: sa.Connection, table: DatedTable, first_day: dt.date, last_day: dt.date
) -> RowsInNoReport:
    """What there is of such rows: one pass over the table, and for sessions one over their costs.

    Args:
        connection: of a read transaction.
        table: the table.
        first_day: the first day of the calendar.
        last_day: the last day of the calendar, or today.
    """
    source = SourceTable(connection, table.name)
    value, is_day = source.day_value(table.date), source.is_calendar_day(table.date)
    usable = sa.func.coalesce(is_day, sa.false())
    counts = sa.select(
        sa.func.count(),
        _count_of(~usable),
        _count_of(source.is_before(table.date, first_day) & usable),
        _count_of(~source.is_before(table.date, last_day + dt.timedelta(days=1)) & usable),
    ).select_from(source.table)
    rows, unusable, too_early, too_late = connection.execute(counts).one()
    example, amounts = "", tuple[float, ...]()
    if unusable:
        amounts = tuple(_amounts(connection, source, table, ~usable))
        named = table.key or table.texts[0]
        first = sa.select(source.text(named), source.date_text(table.date)).where(~usable).order_by(value).limit(1)
        key, date = connection.execute(first).one()
        example = f"{named} {shown(key)} with {table.date} {shown(date)}"
    costs = _costs_without_session(connection) if table.name == SESSIONS.name else CostsWithoutSession()
    return RowsInNoReport(table.name, table.date, rows, unusable, amounts, example, too_early, too_late, costs)


def _costs_without_session(connection: sa.Connection) -> CostsWithoutSession:
    rows, amounts, example = 0, list[float](), ""
    for fetched in fetched_rows(connection, costs_without_session(connection), _ROWS_PER_FETCH):
        rows += len(fetched)
        amounts += _readable(cost for _, cost in fetched)
        first = min(f"session_id {shown(session)}" for session, _ in fetched)
        example = min(example or first, first)
    return CostsWithoutSession(rows, tuple(amounts), example)


def _amounts(
    connection: sa.Connection, source: SourceTable, table: DatedTable, where: sa.ColumnElement[bool]
) -> Iterator[float]:
    """The amounts that rows carry, where they can be read."""
    if table.name == SESSIONS.name:
        costs = SourceTable(connection, COSTS)
        session, of_cost, _ = source.joined(costs, "session_id")
        amounts = sa.select(costs.amount("cost")).select_from(source.table.join(costs.table, of_cost == session))
    else:
        amounts = sa.select(*(source.amount(column) for column in table.amounts))
    return _readable(amount for (amount,) in connection.execute(amounts.where(where)))


def _readable(amounts: Iterable[object]) -> Iterator[float]:
    for number in map(number_of, amounts):
        if isinstance(number, int | float | Decimal) and math.isfinite(number):
            yield float(number)


def _with_money(asset: str, amounts: Iterable[float]) -> str:
    money = money_in_words(asset, amounts)
    return f" with {money}" if money else ""


def _count_of(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)
