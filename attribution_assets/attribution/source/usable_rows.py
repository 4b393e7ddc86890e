"""The source rows of one day, sorted into usable rows (a typed frame) and rejected rows, each with the reason.

Pure functions: reading the rows belongs in `row_reader`, the definition of a usable value in `schemas`.

Good data takes the fast path: `column_checks` looks at a whole column at once. Only a column that does not pass is
validated value by value against its schema, which gives the reasons.
"""

import decimal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.pandas import DataFrameSchema

from attribution_assets.attribution.source.column_checks import (
    are_in_order,
    are_plain_ids,
    are_texts,
    plain_amounts,
    plain_times,
    since_midnight,
)
from attribution_assets.attribution.source.rejected_rows import RejectedRow, rejected_frame, rejected_row, shown
from attribution_assets.attribution.source.repeated_rows import CostRow, RawColumns, distinct_costs, distinct_rows
from attribution_assets.attribution.source.schemas import CONVERSIONS, SESSION_COSTS, SESSION_SOURCES, reasons_of
from attribution_assets.attribution.source.value_forms import flag_of, number_of, plain_time, trimmed, visitor_of

_Reasons: TypeAlias = dict[int, str]  # position in the column -> the reason why the value there cannot be used
_NUMBERS = {float, int, decimal.Decimal}


class DayRows(NamedTuple):
    """The rows of one day.

    Attributes:
        frame: the usable ones.
        rejected: the others, one row each, see `RejectedRow`, by row_key, then row.
        repeated: how many rows are left out because they repeat another one in every column.
        undated: how many of the rejected ones have a date that is no day, so that they are of no day's share.
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame
    repeated: int
    undated: int


def session_rows(day: date, raw: RawColumns, several_costs: Sequence[CostRow] = ()) -> DayRows:
    """The sessions of one day.

    A cost that cannot be used is set aside alone: its session stays, with an empty cost. If a session is set aside, its
    cost is not checked, but set aside with it.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of session_sources and `cost`; also, where no key of the tables allows only one row per
            session, `id_rows` and `cost_rows` (its number of rows in session_sources and session_costs).
        several_costs: the rows of session_costs of each session that has several.

    Returns:
        The usable rows (session_id, user_id, session_time, channel_name, holder_engagement, closer_engagement,
        impression_interaction, cost) by session_time, then session_id, with None for a visitor who is not known; and
        the rows of session_sources and of session_costs that are set aside.
    """
    rows = _Rows(raw, SESSION_SOURCES, key="session_id")
    frame = {
        "session_id": rows.ids("session_id"),
        "user_id": rows.visitors("user_id"),
        "session_time": rows.times("event_date", "event_time", day),
        "channel_name": rows.names("channel_name"),
        "holder_engagement": rows.flags("holder_engagement"),
        "closer_engagement": rows.flags("closer_engagement"),
        "impression_interaction": rows.flags("impression_interaction"),
    }
    rows.require_single()
    frame["cost"], rejected = rows.costs(several_costs)
    return DayRows(rows.usable(frame, by="session_time"), rejected_frame(rejected), rows.repeated, rows.undated)


def conversion_rows(day: date, raw: RawColumns) -> DayRows:
    """The orders of one day.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of conversions; also, where no key of the table allows only one row per order, `id_rows` (its
            number of rows).

    Returns:
        The usable rows (conv_id, user_id, conversion_time, revenue) by conversion_time, then conv_id, with None for a
        visitor who is not known; and those that are set aside.
    """
    rows = _Rows(raw, CONVERSIONS, key="conv_id")
    frame = {
        "conv_id": rows.ids("conv_id"),
        "user_id": rows.visitors("user_id"),
        "conversion_time": rows.times("conv_date", "conv_time", day),
        "revenue": rows.revenues("revenue"),
    }
    rows.require_single()
    rejected = rejected_frame(rows.rejected_orders())
    return DayRows(rows.usable(frame, by="conversion_time"), rejected, rows.repeated, rows.undated)


class _Rows:
    """The raw columns of a table, turned into arrays one by one; defects of rows are collected by position."""

    def __init__(self, raw: RawColumns, schema: DataFrameSchema, key: str) -> None:
        self._raw, self._copies, self.repeated = distinct_rows(raw, schema.columns, key)
        self._schema = schema
        self._key = key
        self._defects: dict[int, list[str]] = {}
        self.undated = 0

    def ids(self, column: str) -> npt.NDArray[np.object_]:
        values = self._raw[column]
        if not are_plain_ids(values):
            self._note(column, self._reasons(column))
        return np.array(values, dtype=object)

    def visitors(self, column: str) -> npt.NDArray[np.object_]:
        values = self._raw[column]
        known = [value for value in values if value is not None] if None in values else values
        if not (are_plain_ids(known) and all(map(str.strip, known))):
            values = [visitor_of(value) for value in values]
            self._note(column, reasons_of(self._schema, column, values))
        return np.array(values, dtype=object)

    def names(self, column: str) -> npt.NDArray[np.object_]:
        values, forms = _in_forms(self._raw[column], trimmed)
        if not (are_texts([*forms]) and all(forms)):
            self._note(column, self._reasons(column))
        return np.array(values, dtype=object)

    def times(self, dates: str, times: str, day: date) -> npt.NDArray[np.datetime64]:
        if not set(self._raw[dates]) <= {day.isoformat()}:
            reasons = self._reasons(dates)
            self._note(dates, reasons)
            self.undated = len(reasons)
        values = self._raw[times]
        in_day = plain_times(values)
        if in_day is None:
            values, _ = _in_forms(values, plain_time)
            in_day = plain_times(values)
        if in_day is None:
            reasons = self._reasons(times)
            self._note(times, reasons)
            in_day = since_midnight(_replaced(values, reasons, "00:00:00"))
        at: npt.NDArray[np.datetime64] = np.datetime64(day, "us") + in_day
        return at

    def flags(self, column: str) -> npt.NDArray[np.int64]:
        values = self._raw[column]
        if not set(values) <= {0, 1}:
            values, forms = _in_forms(values, flag_of)
            if not forms <= {0, 1}:
                reasons = self._reasons(column)
                self._note(column, reasons)
                values = _replaced(values, reasons, 0)
        return np.array(values, dtype=np.int64)

    def revenues(self, column: str) -> npt.NDArray[np.float64]:
        values, amounts = _amounts(self._raw[column], _NUMBERS)
        if amounts is None:
            reasons = self._reasons(column)
            self._note(column, reasons)
            amounts = np.array(_replaced(values, reasons, None), dtype=np.float64)
        return amounts

    def require_single(self) -> None:
        ids = self._raw[self._key]
        copies = self._copies or [1] * len(ids)
        counts = self._raw.get("id_rows", ())
        several = {i for i, rows in enumerate(counts) if rows not in (None, 1) and rows > copies[i]}  # type: ignore[operator]  # a number
        if len(set(ids)) < len(ids):  # ids of different types can have the same text
            times = Counter(ids)
            several |= {i for i, value in enumerate(ids) if value is not None and times[value] > 1}
        self._note(self._key, dict.fromkeys(sorted(several), f"has several rows in {self._schema.name}"))

    def costs(self, several_costs: Sequence[CostRow]) -> tuple[npt.NDArray[np.float64], list[RejectedRow]]:
        sessions, read = self._raw["session_id"], self._raw["cost"]
        different = distinct_costs(several_costs)
        self.repeated += len(several_costs) - sum(map(len, different.values()))
        if different:
            costs = [different.get(session, [cost]) for session, cost in zip(sessions, read, strict=True)]
            read = [each[0] if len(each) == 1 else None for each in costs]
        values, amounts = _amounts(read, {*_NUMBERS, type(None)})
        reasons: _Reasons = {}
        if amounts is None:
            reasons = reasons_of(SESSION_COSTS, "cost", read)
            amounts = np.array(_replaced(values, reasons, None), dtype=np.float64)
        by_row = sorted(self._defects, key=lambda i: repr(self._row(i)), reverse=True)
        first = {sessions[i]: i for i in by_row}  # of several rows the first alone: a session was paid once
        rejected = self._rejected({i: different.get(session, [read[i]]) for session, i in first.items()})
        alone = [
            (sessions[i], read[i], f"cost {shown(read[i])} {reason}, in its row of session_costs")
            for i, reason in reasons.items()
        ]
        alone += [
            (session, cost, f"session_id {shown(session)} has several rows in session_costs, this is one")
            for session, each in different.items()
            for cost in each
            if len(each) > 1
        ]
        rejected += [
            rejected_row(session, [defect], {"session_id": session, "cost": cost}, [cost])
            for session, cost, defect in alone
            if session not in first
        ]
        return amounts, rejected

    def usable(self, columns: dict[str, npt.NDArray[Any]], by: str) -> pd.DataFrame:
        if self._defects or not are_in_order(columns[by], self._raw[self._key]):
            ids, times = columns[self._key].tolist(), columns[by]
            by_id = sorted((i for i in range(len(ids)) if i not in self._defects), key=ids.__getitem__)
            order = np.array(by_id, dtype=np.intp)
            order = order[np.argsort(times[order], kind="stable")]
            columns = {name: values[order] for name, values in columns.items()}
        return pd.DataFrame(columns)

    def rejected_orders(self) -> list[RejectedRow]:
        return self._rejected({i: [self._raw["revenue"][i]] for i in self._defects})

    def _rejected(self, amounts: Mapping[int, Iterable[object]]) -> list[RejectedRow]:
        keys = self._raw[self._key]
        return [
            rejected_row(keys[i], defects, self._row(i), amounts.get(i, ())) for i, defects in self._defects.items()
        ]

    def _row(self, i: int) -> dict[str, object]:
        return {column: self._raw[column][i] for column in self._schema.columns}

    def _reasons(self, column: str) -> _Reasons:
        return reasons_of(self._schema, column, self._raw[column])

    def _note(self, column: str, reasons: _Reasons) -> None:
        values = self._raw[column]
        for i, reason in reasons.items():
            self._defects.setdefault(i, []).append(f"{column} {shown(values[i])} {reason}")


def _in_forms(values: Sequence[Any], form: Callable[[object], Any]) -> tuple[Sequence[Any], set[Any]]:
    """The values, each in the form that the function gives it; and the different ones."""
    forms = {value: form(value) for value in set(values)}
    if all(value is plain for value, plain in forms.items()):
        return values, set(forms)
    return [forms[value] for value in values], set(forms.values())


def _amounts(values: Sequence[Any], types: set[type]) -> tuple[Sequence[Any], npt.NDArray[np.float64] | None]:
    """The values, numbers where they are text; and as `plain_amounts` gives them."""
    amounts = plain_amounts(values, types)
    if amounts is None and str in set(map(type, values)):
        values = [number_of(value) for value in values]
        amounts = plain_amounts(values, types)
    return values, amounts


def _replaced(values: Sequence[object], positions: Iterable[int], replacement: object) -> list[Any]:
    replaced = list(values)
    for i in positions:
        replaced[i] = replacement
    return replaced
