"""Whether stored tables match their schema, looked at as Arrow columns: a fraction of pandera's time where all is well.

It never takes a table for sound that pandera would not. What is wrong with one that does not match, pandera says: see
`schema_problems` in `attribution.py`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pandera.pandas import Check, DataFrameSchema

from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.attribution.tables.credit import ATTRIBUTED
from attribution_assets.attribution.tables.schemas import STORED_TABLES

_OF_VALUES: Final[Mapping[str, Callable[[pa.ChunkedArray, dict[str, Any]], pa.ChunkedArray]]] = {
    "greater_than_or_equal_to": lambda column, given: pc.greater_equal(column, given["min_value"]),
    "less_than": lambda column, given: pc.less(column, given["max_value"]),
    "in_range": lambda column, given: pc.and_(
        (pc.greater_equal if given["include_min"] else pc.greater)(column, given["min_value"]),
        (pc.less_equal if given["include_max"] else pc.less)(column, given["max_value"]),
    ),
    "isin": lambda column, given: pc.is_in(column, pa.array(given["allowed_values"], column.type)),
    "str_matches": lambda column, given: pc.match_substring_regex(column, f"^(?:{given['pattern']})"),
}
"""Pandera's checks of a column's values, by name: whether each value passes, of values that are there."""


def _of_second(times: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    seconds: npt.NDArray[np.int64] = times.to_numpy().astype("datetime64[us]").astype(np.int64) // 1_000_000
    return seconds


_OF_ROWS: Final[Mapping[str, Callable[[pa.Table], bool]]] = {
    "touchpoint_precedes_order": lambda table: bool(
        (_of_second(table["session_time"]) <= _of_second(table["conversion_time"])).all()
    ),
    "credit_where_attributed": lambda table: pc.is_valid(table["ihc"]).equals(pc.equal(table["outcome"], ATTRIBUTED)),
}
"""The checks of whole rows in `schemas.py`, by name: whether all rows pass, of tables without a missing time."""


def match_schema(name: str, days: pa.Table, of_day: npt.NDArray[np.integer[Any]]) -> bool:
    """Whether the rows of one or several days match the schema of the stored table `name`.

    Args:
        name: The table's name.
        days: Its rows, day after day.
        of_day: The number of each row's day; what is unique is so within a day.
    """
    schema = STORED_TABLES[name]
    if not days.schema.remove_metadata().equals(ARROW_SCHEMAS[name]):
        return False
    if not len(days):
        return True
    columns = ((days[name], column.nullable, column.checks) for name, column in schema.columns.items())
    return (
        all(_has_values(values, nullable=nullable) for values, nullable, _ in columns)
        and all(_passes(days[name], check) for name, column in schema.columns.items() for check in column.checks)
        and all(check.name in _OF_ROWS and _OF_ROWS[check.name](days) for check in schema.checks)
        and _are_unique(schema, days, of_day)
    )


def _has_values(column: pa.ChunkedArray, *, nullable: bool) -> bool:
    return nullable or not pc.any(pc.is_null(column, nan_is_null=True)).as_py()


def _passes(column: pa.ChunkedArray, check: Check) -> bool:
    passes = _OF_VALUES.get(str(check.name))
    return passes is not None and pc.all(passes(column.drop_null(), check.statistics or {})).as_py() is not False


def _are_unique(schema: DataFrameSchema, days: pa.Table, of_day: npt.NDArray[np.integer[Any]]) -> bool:
    unique = schema.unique or [name for name, column in schema.columns.items() if column.unique]
    if not unique:
        return True
    keys = pa.table([pa.array(of_day), *(days[name] for name in unique)], names=["of_day", *unique])
    return len(keys.group_by(keys.column_names).aggregate([])) == len(days)
