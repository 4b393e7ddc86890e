"""What is found when a source is looked at: tables, columns, rows by day, rows set aside, visits of orders.

Facts only, for people to judge. How they are found is in `survey.py`; what is said of them, and what to do, belongs in
`command/source_report` and `command/source_advice`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from attribution_assets.attribution.source.rows_in_no_report import RowsInNoReport


class SurveyedTable(NamedTuple):
    """A source table as it is.

    Attributes:
        name: its name.
        is_optional: whether a run does without it.
        columns: the columns that are used of it, by name, with their types in words; none if there is no such table.
        missing: the columns that a run needs and it lacks.
        without: the columns that it may have, and does not.
        others: its columns that nothing uses, as they are spelled.
        rows: how many rows it has; None if they cannot be counted.
    """

    name: str
    is_optional: bool
    columns: Mapping[str, str]
    missing: Sequence[str]
    without: Sequence[str]
    others: Sequence[str]
    rows: int | None

    @property
    def is_there(self) -> bool:
        """Whether there is such a table."""
        return bool(self.columns or self.others)


class SetAsideRows(NamedTuple):
    """Rows that are set aside for one reason.

    Attributes:
        column: the column of the value that cannot be used.
        defect: what is wrong with it, such as "is not a number".
        rows: how many rows.
        example: the reason of one of them, with its id, or what it was spent on.
    """

    column: str
    defect: str
    rows: int
    example: str


class OrdersWithVisits(NamedTuple):
    """How many usable orders have a visit in their lookback window, and what is known of the others.

    Attributes:
        orders: the orders whose whole window was looked at.
        with_visit: those with a visit.
        without_user: those whose visitor is not known.
        unknown_user: those of users who have no visit at all.
        example: such an order, as `conv_id 'o1' of user_id 'u1'`; empty if there is none.
        other_example: a user who has visits, to compare.
        other_time: those of users whose visits are all later, or earlier than the window.
    """

    orders: int
    with_visit: int
    without_user: int
    unknown_user: int
    example: str
    other_example: str
    other_time: int


@dataclass
class Survey:
    """What a source holds.

    Attributes:
        source: which source it is, in words.
        tables: its tables.
        named: what lies there that may be a table, as it is called there.
        unreadable: what cannot be read, a line each.
        rows_by_day: asset -> day -> rows with this date, of its table.
        in_no_report: rows that no day can report, by table.
        looked_at: the first and the last day whose rows were looked at one by one; None if none were.
        set_aside: asset -> what is set aside of these days.
        usable: asset -> how many rows of these days can be used.
        repeated: how many of their rows repeat others.
        channels: channel -> its visits, and its cost: on days with a row of ad_spend what that says, else theirs.
        visits: of orders; None if there are no visits to look at.
    """

    source: str
    tables: list[SurveyedTable] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    rows_by_day: dict[str, dict[dt.date, int]] = field(default_factory=dict)
    in_no_report: list[RowsInNoReport] = field(default_factory=list)
    looked_at: tuple[dt.date, dt.date] | None = None
    set_aside: dict[str, list[SetAsideRows]] = field(default_factory=dict)
    usable: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    channels: dict[str, tuple[int, float]] = field(default_factory=dict)
    visits: OrdersWithVisits | None = None

    @property
    def lacks(self) -> list[SurveyedTable]:
        """The tables that lack something without which no run can start."""
        return [table for table in self.tables if table.missing or not (table.is_there or table.is_optional)]
