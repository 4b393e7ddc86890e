"""Rows that are equal in every column, as a loader that ran twice leaves them: one of them counts.

Different rows with one id do not belong here: `usable_rows` sets them aside.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

RawColumns: TypeAlias = Mapping[str, Sequence[object]]
"""Column name -> the values as the database driver gives them, all columns equally long."""

CostRow: TypeAlias = tuple[object, object]
"""A row of session_costs: session_id, cost."""


class DistinctRows(NamedTuple):
    """The rows of a table, of equal ones the first.

    Attributes:
        columns: their columns.
        copies: how many rows are equal to each, itself included; None if no row has an equal.
        repeated: how many rows are left out.
    """

    columns: RawColumns
    copies: Sequence[int] | None
    repeated: int


def distinct_rows(raw: RawColumns, compared: Iterable[str], key: str) -> DistinctRows:
    """The rows without those that repeat another one in every column of `compared`, which `key` is one of."""
    rows = len(raw[key])
    if len(set(raw[key])) == rows:
        return DistinctRows(raw, None, 0)
    copies: dict[tuple[object, ...], int] = {}
    first = []
    for position, row in enumerate(zip(*(raw[column] for column in compared), strict=True)):
        copies[row] = copies.get(row, 0) + 1
        if copies[row] == 1:
            first.append(position)
    columns = {name: [values[position] for position in first] for name, values in raw.items()}
    return DistinctRows(columns, list(copies.values()), rows - len(first))


def distinct_costs(costs: Collection[CostRow]) -> dict[object, list[object]]:
    """Session -> its different costs, in the order of the rows."""
    by_session: dict[object, dict[object, None]] = {}
    for session, cost in costs:
        by_session.setdefault(session, {})[cost] = None
    return {session: list(different) for session, different in by_session.items()}
