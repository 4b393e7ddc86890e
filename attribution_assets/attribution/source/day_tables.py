"""A day of SQLite's rows as an Arrow table, if every one of them can be used: a look at whole columns says so.

A day with a row that cannot be used, or that may be one, is no matter of this module but of `source_rows`, which looks
at each value. What a usable value is stands in `source_schemas`.
"""

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution_assets.attribution.source.column_checks import is_printable, plain_times, whole_seconds
from attribution_assets.attribution.source.plain_rows import PlainRows, SqliteDay, are_without_fraction, characters
from attribution_assets.attribution.source.schemas import MAX_ID_LENGTH, MOST_AMOUNT
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS


def session_table(read: SqliteDay) -> pa.Table | None:
    """The sessions of the day, with the columns and in the order of `source_rows.session_rows`.

    None if there may be a row, or a cost, that is to be set aside.
    """
    rows = read.plain
    if rows is None or not _is_whole(read, rows):
        return None
    cost = rows.amounts["cost"]
    if not (_are_names(rows.texts["channel_name"]) and _are_amounts(cost, nullable=True)):
        return None
    holder, closer, impression = (flag.astype(np.int64) for flag in rows.flags)
    columns = {
        "session_id": rows.texts["session_id"],
        "user_id": rows.texts["user_id"],
        "channel_name": rows.texts["channel_name"],
        "holder_engagement": holder,
        "closer_engagement": closer,
        "impression_interaction": impression,
        "cost": cost,
    }
    by = ("session_time", "session_id")
    return _table(ARROW_SCHEMAS["sessions"], read.day, columns, rows.texts["event_time"], by=by)


def conversion_table(read: SqliteDay) -> pa.Table | None:
    """The orders of the day, with the columns and in the order of `source_rows.conversion_rows`.

    None if there may be a row that is to be set aside.
    """
    rows = read.plain
    if rows is None or not _is_whole(read, rows) or not _are_amounts(rows.amounts["revenue"], nullable=False):
        return None
    columns = {name: rows.texts[name] for name in ("conv_id", "user_id")} | {"revenue": rows.amounts["revenue"]}
    by = ("conversion_time", "conv_id")
    return _table(ARROW_SCHEMAS["conversions"], read.day, columns, rows.texts["conv_time"], by=by)


def _is_whole(read: SqliteDay, rows: PlainRows) -> bool:
    """Whether the plain rows are all rows of the day, and each the only one with its id, as far as the counts say."""
    return not any(map(len, read.odd.values())) and not any(map(rows.have_several, rows.counts))


def _table(
    schema: pa.Schema, day: dt.date, columns: dict[str, Any], times: pa.StringArray, *, by: tuple[str, str]
) -> pa.Table | None:
    time, key = by
    ids = columns[key]
    if not (_are_plain_ids(ids) and _are_plain_ids(columns["user_id"]) and pc.count_distinct(ids).as_py() == len(ids)):
        return None
    whole = are_without_fraction(times)
    in_day = whole_seconds(characters(times)) if whole else plain_times(times.to_pylist())
    if in_day is None:
        return None
    columns[time] = np.datetime64(day, "us") + in_day
    if not whole:  # the same time can be written in several ways, which sort otherwise
        order = pc.sort_indices(pa.table([columns[time], ids], list(by)), [(name, "ascending") for name in by])
        columns = {name: _taken(values, order) for name, values in columns.items()}
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema]  # NaN becomes null
    return pa.table(arrays, schema)


def _taken(values: pa.StringArray | npt.NDArray[Any], order: pa.Array) -> pa.StringArray | npt.NDArray[Any]:
    return values.take(order) if isinstance(values, pa.Array) else values[order.to_numpy()]


def _are_plain_ids(values: pa.StringArray) -> bool:
    lengths = pc.min_max(pc.utf8_length(values)).as_py()
    return lengths["min"] >= 1 and lengths["max"] <= MAX_ID_LENGTH and is_printable(characters(values))


def _are_names(values: pa.StringArray) -> bool:
    return bool(pc.min(pc.binary_length(values)).as_py() >= 1)


def _are_amounts(values: npt.NDArray[Any], *, nullable: bool) -> bool:
    if values.dtype == object:
        return False
    usable = (values >= 0) & (values < MOST_AMOUNT)
    return bool((usable | np.isnan(values)).all() if nullable else usable.all())
