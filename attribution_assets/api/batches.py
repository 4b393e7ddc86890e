"""Batches of rows, as they come from a body: names of columns, and values that a column can hold.

What holds in every format belongs here, and `unreadable`, the answer to a body that cannot be read. How each format is
read is in `uploads.py` and `json_array.py`; which rows can be used is looked at in `row_tables.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from attribution_assets.api.problems import Problem
from attribution_assets.attribution.source.rejected_rows import shown
from attribution_assets.attribution.tables.readable import quoted

MOST_BYTES_OF_A_LINE = 10**6
MOST_COLUMNS = 200
BYTES_AT_A_TIME = 10**6
"""So much of a body is read at once."""

_COLUMN = re.compile(r"\w[\w .-]*")
_MOST_BYTES_OF_A_NAME = 63  # in PostgreSQL
_OF_POSTGRESQL = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_NO_VALUES = {dict, list, bytes}


@dataclass(frozen=True)
class Batch:
    """Some rows of a body.

    Attributes:
        first: the number of the first of them, counted from 1.
        rows: how many there are.
        columns: field name, in lower case -> the values; None where a row has none.
        refused: position of a row -> the field because of which it can be no row of a table, and why.
    """

    first: int
    rows: int
    columns: dict[str, list[Any]]
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)


def unreadable(reason: str, row: int | None = None) -> Problem:
    """The answer to a body that cannot be read.

    Args:
        reason: why, with the line where there are lines.
        row: the row at which reading ended.
    """
    errors = [] if row is None else [{"row": row, "detail": reason}]
    return Problem(400, "Unreadable body", f"{reason}; nothing is stored", errors)


def column_names(names: Sequence[str]) -> list[str]:
    """The column names of a header in lower case.

    Raises:
        Problem: There are none, or one cannot be the name of a column.
    """
    lower = [name.strip().lower() for name in names]
    if not any(lower):
        raise unreadable("line 1: there is no header with the names of the columns")
    if len(lower) > MOST_COLUMNS:
        raise unreadable(f"line 1: there are more than {MOST_COLUMNS} columns")
    for name in lower:
        if not is_column_name(name):
            raise unreadable(f"line 1: {quoted(name)} {NO_COLUMN}")
        if lower.count(name) > 1:
            raise unreadable(f"line 1: the column {name} is there twice")
    return lower


NO_COLUMN = "cannot be the name of a column: take letters and digits, with blanks or _ . - between"


def is_column_name(name: str) -> bool:
    """Whether a table can have a column of this name, given in lower case."""
    is_short = len(name.encode()) <= _MOST_BYTES_OF_A_NAME
    return is_short and _COLUMN.fullmatch(name) is not None and name not in _OF_POSTGRESQL


def batch_of_fields(names: Sequence[str], rows: Sequence[Sequence[str]], first: int) -> Batch:
    """A batch of rows of texts, of which an empty one is no value.

    Args:
        names: the columns, as `column_names` gives them.
        rows: as many texts each.
        first: the number of the first row, counted from 1.
    """
    columns = ([value or None for value in values] for values in zip(*rows, strict=True))
    return Batch(first, len(rows), dict(zip(names, columns, strict=True)))


def batch_of_objects(rows: list[dict[str, Any]], first: int) -> Batch:
    """A batch of rows of any fields; names that cannot be those of columns are refused.

    Args:
        rows: field name -> value.
        first: the number of the first row, counted from 1.

    Raises:
        Problem: They have too many different fields.
    """
    refused: dict[int, tuple[str, str]] = {}
    fields = set(chain.from_iterable(set(map(tuple, rows))))
    if not all(name == name.lower() and is_column_name(name) for name in fields) or len(fields) > MOST_COLUMNS:
        rows = [_in_lower_case(row, position, refused) for position, row in enumerate(rows)]
        fields = set(chain.from_iterable(rows))
        if len(fields) > MOST_COLUMNS:
            raise unreadable(f"there are more than {MOST_COLUMNS} different fields in the rows from {first} on", first)
    columns = {name: [row.get(name) for row in rows] for name in sorted(fields)}
    return with_single_values(Batch(first, len(rows), columns, refused))


def _in_lower_case(row: dict[str, Any], position: int, refused: dict[int, tuple[str, str]]) -> dict[str, Any]:
    lower = {name.lower(): value for name, value in row.items()}
    if len(lower) < len(row):
        refused[position] = ("", "two of its fields have the same name, but for capital letters")
    for name in [*lower]:
        if not is_column_name(name):
            refused[position] = (name[:64], f"{shown(name)} {NO_COLUMN}")
            del lower[name]
    return lower


def with_single_values(batch: Batch) -> Batch:
    """The batch without lists, objects and bytes as values; rows with such a value are refused."""
    for name, values in batch.columns.items():
        if not _NO_VALUES.isdisjoint(map(type, values)):
            for position, value in enumerate(values):
                if type(value) in _NO_VALUES:
                    said = "is not text" if isinstance(value, bytes) else "is no single value"
                    batch.refused[position] = (name, f"{name} {shown(value)} {said}")
                    values[position] = None
    return batch
