"""What a usable row of the source tables is: raw values of one day in, a typed frame and the unusable rows out.

Pure functions. How the values are read is in `source_database`, and so is what happens when a row is unusable.

Ids (session, order, user) are text of 1 to 256 characters without control characters; a channel is any text that is
not empty; flags are 0 or 1; cost and revenue are not negative and below 1e15 (cost may be NULL); a time is
`HH:MM:SS`, or `HH:MM:SS.f` with up to six digits, kept to the microsecond; an id has one row, and one cost at most.
"""

import datetime as dt
import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

RawColumns: TypeAlias = Mapping[str, Sequence[object]]
"""Column name -> the values as the database driver gives them, all columns equally long."""

_Defects: TypeAlias = dict[int, str]  # position in the column -> what is wrong with the value there

MOST_AMOUNT = 1e15
"""No single cost or revenue is larger; what is would not sum exactly."""

_MAX_ID_LENGTH = 256
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ID_LENGTHS = frozenset(range(1, _MAX_ID_LENGTH + 1))
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_TIMES = re.compile(rf"(?:{_TIME}\n)*+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# microseconds that a digit is worth at each place of HH:MM:SS.ffffff
_MICROSECONDS = np.array(
    [36 * 10**9, 36 * 10**8, 0, 6 * 10**8, 6 * 10**7, 0, 10**7, 10**6, 0, 10**5, 10**4, 10**3, 100, 10, 1]
)


class UnusableValue(NamedTuple):
    """A value that makes its row unusable.

    Attributes:
        position: of the row among the raw rows that were given; -1 where the row is in no day.
        key: the row's session_id or conv_id.
        column: as named in the source table.
        value: as the driver gave it.
        reason: completes "<column> <value> ...".
    """

    position: int
    key: object
    column: str
    value: object
    reason: str


def session_rows(day: dt.date, raw: RawColumns) -> tuple[pd.DataFrame, list[UnusableValue]]:
    """The sessions of one day.

    Args:
        day: the day that all rows carry.
        raw: the columns of session_sources without its date, `cost`, and where no key of the tables rules several rows
            out: `id_rows`, `cost_rows` (how many rows the session has in session_sources and session_costs).

    Returns:
        The usable rows (session_id, user_id, session_time, channel_name, holder_engagement, closer_engagement,
        impression_interaction, cost) by session_time, then session_id; and what is wrong with each other row.
    """
    columns = _Columns(raw, key="session_id")
    frame = {
        "session_id": columns.ids("session_id"),
        "user_id": columns.ids("user_id"),
        "session_time": columns.times("event_time", day),
        "channel_name": columns.names("channel_name"),
        "holder_engagement": columns.flags("holder_engagement"),
        "closer_engagement": columns.flags("closer_engagement"),
        "impression_interaction": columns.flags("impression_interaction"),
        "cost": columns.amounts("cost", optional=True),
    }
    columns.single("id_rows", column="session_id", reason="has several rows in session_sources")
    columns.single("cost_rows", column="session_id", reason="has several rows in session_costs")
    return _usable(frame, columns.unusable, by="session_time", then="session_id"), columns.unusable


def conversion_rows(day: dt.date, raw: RawColumns) -> tuple[pd.DataFrame, list[UnusableValue]]:
    """The orders of one day.

    Args:
        day: the day that all rows carry.
        raw: the columns of conversions without its date, and where no key of the table rules several rows out:
            `id_rows` (how many rows the order has).

    Returns:
        The usable rows (conv_id, user_id, conversion_time, revenue) by conversion_time, then conv_id; and what is wrong
        with each other row.
    """
    columns = _Columns(raw, key="conv_id")
    frame = {
        "conv_id": columns.ids("conv_id"),
        "user_id": columns.ids("user_id"),
        "conversion_time": columns.times("conv_time", day),
        "revenue": columns.amounts("revenue", optional=False),
    }
    columns.single("id_rows", column="conv_id", reason="has several rows in conversions")
    return _usable(frame, columns.unusable, by="conversion_time", then="conv_id"), columns.unusable


def is_iso_date(value: object) -> bool:
    """Whether the value is text that names a day of the calendar as YYYY-MM-DD."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


class _Columns:
    """The raw columns, read one by one into arrays; what cannot be read is noted in `unusable`."""

    def __init__(self, raw: RawColumns, key: str) -> None:
        self._raw = raw
        self._key = key
        self.unusable: list[UnusableValue] = []

    def ids(self, column: str) -> npt.NDArray[np.object_]:
        values = self._raw[column]
        if not _are_plain_ids(values):
            self._note(column, {i: reason for i, value in enumerate(values) if (reason := _id_defect(value))})
        return np.array(values, dtype=object)

    def names(self, column: str) -> npt.NDArray[np.object_]:
        values = self._raw[column]
        if not (set(map(type, values)) <= {str} and all(values)):
            self._note(column, {i: reason for i, value in enumerate(values) if (reason := _text_defect(value))})
        return np.array(values, dtype=object)

    def times(self, column: str, day: dt.date) -> npt.NDArray[np.datetime64]:
        values = self._raw[column]
        if not _each_matches(_TIMES, values):
            defects = {i: "is not a time HH:MM:SS" for i, value in enumerate(values) if not _is_time(value)}
            self._note(column, defects)
            values = ["00:00:00" if i in defects else value for i, value in enumerate(values)]
        places = len(_MICROSECONDS)
        digits = np.array(values, dtype=f"S{places}").view(np.uint8).reshape(len(values), places).astype(np.int64)
        microseconds = (digits - ord("0")).clip(min=0) @ _MICROSECONDS
        times: npt.NDArray[np.datetime64] = np.datetime64(day, "us") + microseconds.astype("timedelta64[us]")
        return times

    def flags(self, column: str) -> npt.NDArray[np.int64]:
        values = self._raw[column]
        if not set(values) <= {0, 1}:
            defects = {i: "is neither 0 nor 1" for i, value in enumerate(values) if value not in (0, 1)}
            self._note(column, defects)
            values = [0 if i in defects else value for i, value in enumerate(values)]
        return np.array(values, dtype=np.int64)

    def amounts(self, column: str, *, optional: bool) -> npt.NDArray[np.float64]:
        values: Any = self._raw[column]
        numbers_or_null = {float, int, decimal.Decimal} | ({type(None)} if optional else set())
        if set(map(type, values)) <= numbers_or_null:
            amounts = np.array(values, dtype=np.float64)
            if ((amounts >= 0) & (amounts < MOST_AMOUNT)).sum() == len(values) - values.count(None):
                return amounts
        defects = {i: reason for i, v in enumerate(values) if (reason := _amount_defect(v, optional=optional))}
        self._note(column, defects)
        return np.array([None if i in defects else value for i, value in enumerate(values)], dtype=np.float64)

    def single(self, count: str, *, column: str, reason: str) -> None:
        self._note(column, {i: reason for i, rows in enumerate(self._raw.get(count, ())) if rows not in (None, 1)})

    def _note(self, column: str, defects: _Defects) -> None:
        keys, values = self._raw[self._key], self._raw[column]
        self.unusable += [UnusableValue(i, keys[i], column, values[i], reason) for i, reason in defects.items()]


def _usable(
    columns: dict[str, npt.NDArray[Any]], unusable: Sequence[UnusableValue], by: str, then: str
) -> pd.DataFrame:
    left_out = {value.position for value in unusable}
    ids = columns[then]
    by_id = sorted((i for i in range(len(ids)) if i not in left_out), key=ids.tolist().__getitem__)
    order = np.array(by_id, dtype=np.intp)
    order = order[np.argsort(columns[by][order], kind="stable")]
    return pd.DataFrame({name: values[order] for name, values in columns.items()})


def _are_plain_ids(values: Sequence[object]) -> bool:
    # a look at all values at once, many times faster than at each; False only means that each has to be looked at
    if not set(map(type, values)) <= {str}:
        return False
    lengths = set(map(len, values))  # type: ignore[arg-type]  # all are text by now
    return lengths <= _ID_LENGTHS and "".join(values).isprintable()  # type: ignore[arg-type]  # the same


def _each_matches(lines: re.Pattern[str], values: Sequence[object]) -> bool:
    # one match over all values joined by newlines, which no value may hold: many times faster than one match each
    try:
        text = "\n".join([*values, ""])  # type: ignore[list-item]  # values of another type are what TypeError is for
    except TypeError:
        return False
    return text.count("\n") == len(values) and lines.fullmatch(text) is not None


def _is_time(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_TIME, value) is not None


def _text_defect(value: object) -> str | None:
    if value is None:
        return "is missing"
    if not isinstance(value, str):
        return "is not text"
    return None if value else "is empty"


def _id_defect(value: object) -> str | None:
    defect = _text_defect(value)
    if defect or not isinstance(value, str):
        return defect
    if len(value) > _MAX_ID_LENGTH:
        return f"is longer than {_MAX_ID_LENGTH} characters"
    return "holds a control character" if _CONTROL_CHARACTER.search(value) else None


def _amount_defect(value: object, *, optional: bool) -> str | None:
    if value is None:
        return None if optional else "is missing"
    if isinstance(value, bool) or not isinstance(value, float | int | decimal.Decimal):
        return "is not a number"
    if not math.isfinite(value):
        return "is not finite"
    if value >= MOST_AMOUNT:
        return f"is not below {MOST_AMOUNT:g}"
    return "is negative" if value < 0 else None
