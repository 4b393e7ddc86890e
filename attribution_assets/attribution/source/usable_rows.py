"""The source rows of one day, sorted into usable rows (a typed frame) and rejected rows, each with the reason.

Pure functions: reading the rows belongs in `row_reader`, the definition of a usable value in `schemas`.

Good data takes the fast path: `column_checks` looks at a whole column at once. Only a column that does not pass is
validated value by value against its schema, which gives the reasons.
"""

import decimal
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.errors import SchemaErrors
from pandera.pandas import DataFrameSchema

from attribution_assets.attribution.source.column_checks import (
    are_in_order,
    are_plain_ids,
    are_texts,
    plain_amounts,
    plain_times,
    since_midnight,
)
from attribution_assets.attribution.source.schemas import CONVERSIONS, SESSION_COSTS, SESSION_SOURCES

RawColumns: TypeAlias = Mapping[str, Sequence[object]]
"""Column name -> the values as the database driver gives them, all columns equally long."""

CostRow: TypeAlias = tuple[object, object]
"""A row of session_costs: session_id, cost."""

_Reasons: TypeAlias = dict[int, str]  # position in the column -> the reason why the value there cannot be used

REJECTED = ("row_key", "reason", "row")

_SHOWN_CHARACTERS = 60


class DayRows(NamedTuple):
    """The rows of one day.

    Attributes:
        frame: the usable ones.
        rejected: the others, one row each: `row_key` (the id as text, None where it is NULL), `reason` (all defects,
            joined by "; ", each as column, value and defect) and `row` (its values by column as JSON, long ones
            shortened), by row_key, then row.
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame


def session_rows(day: date, raw: RawColumns, several_costs: Iterable[CostRow] = ()) -> DayRows:
    """The sessions of one day.

    A cost that cannot be used is set aside alone: its session stays, with an empty cost. If a session is set aside, its
    cost is not checked.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of session_sources and `cost`; also, where no key of the tables allows only one row per
            session, `id_rows` and `cost_rows` (its number of rows in session_sources and session_costs).
        several_costs: the rows of session_costs of each session that has several.

    Returns:
        The usable rows (session_id, user_id, session_time, channel_name, holder_engagement, closer_engagement,
        impression_interaction, cost) by session_time, then session_id; and the rows of session_sources and of
        session_costs that are set aside.
    """
    rows = _Rows(raw, SESSION_SOURCES, key="session_id")
    frame = {
        "session_id": rows.ids("session_id"),
        "user_id": rows.ids("user_id"),
        "session_time": rows.times("event_date", "event_time", day),
        "channel_name": rows.names("channel_name"),
        "holder_engagement": rows.flags("holder_engagement"),
        "closer_engagement": rows.flags("closer_engagement"),
        "impression_interaction": rows.flags("impression_interaction"),
    }
    rows.require_single()
    frame["cost"], rejected_costs = rows.costs(several_costs)
    return DayRows(rows.usable(frame, by="session_time"), _rejected_frame([*rows.rejected(), *rejected_costs]))


def conversion_rows(day: date, raw: RawColumns) -> DayRows:
    """The orders of one day.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of conversions; also, where no key of the table allows only one row per order, `id_rows` (its
            number of rows).

    Returns:
        The usable rows (conv_id, user_id, conversion_time, revenue) by conversion_time, then conv_id; and those that
        are set aside.
    """
    rows = _Rows(raw, CONVERSIONS, key="conv_id")
    frame = {
        "conv_id": rows.ids("conv_id"),
        "user_id": rows.ids("user_id"),
        "conversion_time": rows.times("conv_date", "conv_time", day),
        "revenue": rows.revenues("revenue"),
    }
    rows.require_single()
    return DayRows(rows.usable(frame, by="conversion_time"), _rejected_frame(rows.rejected()))


class _Rows:
    """The raw columns of a table, turned into arrays one by one; defects of rows are collected by position."""

    def __init__(self, raw: RawColumns, schema: DataFrameSchema, key: str) -> None:
        self._raw = raw
        self._schema = schema
        self._key = key
        self._defects: dict[int, list[str]] = {}

    def ids(self, column: str) -> npt.NDArray[np.object_]:
        values = self._raw[column]
        if not are_plain_ids(values):
            self._note(column, _reasons(self._schema, column, values))
        return np.array(values, dtype=object)

    def names(self, column: str) -> npt.NDArray[np.object_]:
        values = self._raw[column]
        if not (are_texts(values) and all(values)):
            self._note(column, _reasons(self._schema, column, values))
        return np.array(values, dtype=object)

    def times(self, dates: str, times: str, day: date) -> npt.NDArray[np.datetime64]:
        if not set(self._raw[dates]) <= {day.isoformat()}:
            self._note(dates, _reasons(self._schema, dates, self._raw[dates]))
        values = self._raw[times]
        in_day = plain_times(values)
        if in_day is None:
            reasons = _reasons(self._schema, times, values)
            self._note(times, reasons)
            in_day = since_midnight(_replaced(values, reasons, "00:00:00"))
        at: npt.NDArray[np.datetime64] = np.datetime64(day, "us") + in_day
        return at

    def flags(self, column: str) -> npt.NDArray[np.int64]:
        values = self._raw[column]
        if not set(values) <= {0, 1}:
            reasons = _reasons(self._schema, column, values)
            self._note(column, reasons)
            values = _replaced(values, reasons, 0)
        return np.array(values, dtype=np.int64)

    def revenues(self, column: str) -> npt.NDArray[np.float64]:
        values = self._raw[column]
        amounts = plain_amounts(values, {float, int, decimal.Decimal})
        if amounts is None:
            reasons = _reasons(self._schema, column, values)
            self._note(column, reasons)
            amounts = np.array(_replaced(values, reasons, None), dtype=np.float64)
        return amounts

    def require_single(self) -> None:
        ids = self._raw[self._key]
        several = {i for i, rows in enumerate(self._raw.get("id_rows", ())) if rows not in (None, 1)}
        if len(set(ids)) < len(ids):  # ids of different types can have the same text
            times = Counter(ids)
            several |= {i for i, value in enumerate(ids) if value is not None and times[value] > 1}
        self._note(self._key, dict.fromkeys(sorted(several), f"has several rows in {self._schema.name}"))

    def costs(self, several_costs: Iterable[CostRow]) -> tuple[npt.NDArray[np.float64], list[tuple[Any, ...]]]:
        values = self._raw["cost"]
        amounts = plain_amounts(values, {float, int, decimal.Decimal, type(None)})
        reasons = {} if amounts is not None else _reasons(SESSION_COSTS, "cost", values)
        several = {i for i, rows in enumerate(self._raw.get("cost_rows", ())) if rows not in (None, 1)}
        if amounts is None or several:
            amounts = np.array(_replaced(values, reasons.keys() | several, None), dtype=np.float64)
        sessions = self._raw["session_id"]
        usable = [i for i in sorted(reasons.keys() - several) if i not in self._defects]
        rejected = [
            _rejected_row(
                sessions[i],
                [f"cost {_shown(values[i])} {reasons[i]}, in its row of session_costs"],
                {"session_id": sessions[i], "cost": values[i]},
            )
            for i in usable
        ]
        with_several = {sessions[i] for i in several if i not in self._defects}
        rejected += [
            _rejected_row(
                session,
                [f"session_id {_shown(session)} has several rows in session_costs, this is one"],
                {"session_id": session, "cost": cost},
            )
            for session, cost in several_costs
            if session in with_several
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

    def rejected(self) -> list[tuple[Any, ...]]:
        keys = self._raw[self._key]
        return [
            _rejected_row(keys[i], defects, {column: self._raw[column][i] for column in self._schema.columns})
            for i, defects in self._defects.items()
        ]

    def _note(self, column: str, reasons: _Reasons) -> None:
        values = self._raw[column]
        for i, reason in reasons.items():
            self._defects.setdefault(i, []).append(f"{column} {_shown(values[i])} {reason}")


def _reasons(schema: DataFrameSchema, column: str, values: Sequence[object]) -> _Reasons:
    """The reasons of the values that fail the checks of the column's schema, by position."""
    frame = pd.DataFrame({column: pd.Series(list(values), dtype=object)})
    try:
        schema.columns[column].validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.sort_values("index", kind="stable")
        return {int(case.index): str(case.check) for case in cases.itertuples(index=False)}
    return {}


def _rejected_row(key: object, defects: Sequence[str], values: Mapping[str, object]) -> tuple[Any, ...]:
    row = json.dumps({column: _json_value(value) for column, value in values.items()}, ensure_ascii=False)
    return (key if key is None or isinstance(key, str) else repr(key), "; ".join(defects), row)


def _rejected_frame(rejected: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """The frame `DayRows.rejected`, made of its rows."""
    rows = sorted(rejected, key=lambda row: (row[0] is not None, row[0] or "", row[2], row[1]))
    return pd.DataFrame(rows, columns=list(REJECTED), dtype=object)


def _json_value(value: object) -> object:
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else repr(value)
    return _shortened(text)


def _shown(value: object) -> str:
    return _shortened(repr(value[: _SHOWN_CHARACTERS + 1] if isinstance(value, str | bytes) else value))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _replaced(values: Sequence[object], positions: Iterable[int], replacement: object) -> list[Any]:
    replaced = list(values)
    for i in positions:
        replaced[i] = replacement
    return replaced
