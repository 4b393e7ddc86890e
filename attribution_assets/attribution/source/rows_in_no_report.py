"""How many rows of the source tables have a date that no day of the calendar is read from, with an example of each.

The rows of a day are checked when they are read, see `usable_rows`. Here the whole table is looked at: such rows are
filed with other days than those that are reported, or with none.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution.source.column_expressions import SourceTable
from attribution_assets.attribution.source.rejected_rows import shown
from attribution_assets.attribution.source.statements import COSTS, SESSIONS, DatedTable
from attribution_assets.attribution.source.value_forms import number_of
from attribution_assets.attribution.tables.set_aside import money_in_words


class UnusableDates(NamedTuple):
    """What the dates of one source table cannot be used for.

    Attributes:
        table: the table.
        column: its column of dates.
        rows: how many rows it has.
        unusable: how many of them have a date that is no day of the calendar written YYYY-MM-DD.
        amounts: what these carry: revenue of orders, cost of sessions, as the database gives it.
        example: one of these, as `session_id 's1' with event_date '20240301'`; empty if there is none.
        too_early: how many rows are of days before the calendar's first.
        too_late: how many are of days after its last, or still to come.
    """

    table: str
    column: str
    rows: int
    unusable: int
    amounts: tuple[float, ...]
    example: str
    too_early: int
    too_late: int

    @property
    def asset(self) -> str:
        """The asset whose rows these would be."""
        return "sessions" if self.table == SESSIONS.name else "conversions"


def in_words(found: Iterable[UnusableDates]) -> list[str]:
    """What there is to say of each table, a line each; none where all dates are days of the calendar."""
    lines = []
    for dates in found:
        if dates.unusable:
            money = money_in_words(dates.asset, dates.amounts)
            lines.append(
                f"{dates.unusable} of {dates.rows} rows of {dates.table}{f' with {money}' if money else ''} are in no"
                f" report: their {dates.column} is no date written YYYY-MM-DD, such as {dates.example}."
            )
        for count, where in (
            (dates.too_early, "before ATTRIBUTION_START_DATE"),
            (dates.too_late, "after ATTRIBUTION_END_DATE or still to come"),
        ):
            if count:
                lines.append(
                    f"{count} of {dates.rows} rows of {dates.table} are in no report: their {dates.column} is {where}."
                )
    return lines


def unusable_dates(
    connection: sa.Connection, table: DatedTable, first_day: dt.date, last_day: dt.date
) -> UnusableDates:
    """What there is of such rows, in one pass over the table.

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
        first = sa.select(source.text(table.key), source.date_text(table.date)).where(~usable).order_by(value).limit(1)
        key, date = connection.execute(first).one()
        example = f"{table.key} {shown(key)} with {table.date} {shown(date)}"
    return UnusableDates(table.name, table.date, rows, unusable, amounts, example, too_early, too_late)


def _amounts(
    connection: sa.Connection, source: SourceTable, table: DatedTable, where: sa.ColumnElement[bool]
) -> Iterator[float]:
    """The amounts that rows carry, where they can be read."""
    if table is SESSIONS:
        costs = SourceTable(connection, COSTS)
        session, of_cost, _ = source.joined(costs, "session_id")
        amounts = sa.select(costs.amount("cost")).select_from(source.table.join(costs.table, of_cost == session))
    else:
        amounts = sa.select(*(source.amount(column) for column in table.amounts))
    for (amount,) in connection.execute(amounts.where(where)):
        number = number_of(amount)
        if isinstance(number, int | float | Decimal) and math.isfinite(number):
            yield float(number)


def _count_of(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)
