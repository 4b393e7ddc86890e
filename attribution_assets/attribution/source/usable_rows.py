"""The source rows of one day, sorted into usable rows (a typed frame) and rejected rows, each with the reason.

Pure functions: reading the rows belongs in `row_reader`, the definition of a usable value in `schemas`.

Good data takes the fast path: `column_checks` looks at a whole column at once. Only a column that does not pass is
validated value by value against its schema, which gives the reasons.
"""

import decimal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
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
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES

_Reasons: TypeAlias = dict[int, str]  # position in the column -> the reason why the value there cannot be used
_NUMBERS = {float, int, decimal.Decimal}


class DayRows(NamedTuple):
    """The rows of one day.

    Attributes:
        frame: the usable ones.
        rejected: the others, one row each, see `RejectedRow`, by row_key, then row.
        repeated: how many rows are left out because they repeat another one in every column.
        undated: how many of the rejected ones have a date that is no day, so that they are of no day's share.
        beside: what further columns hold, as the tables that are stored beside the asset's own.
        refunded: how much was paid back of the usable ones' revenue; None where there is no such column.
        summed: how many more usable rows the source has, as they are summed to those of `frame`.
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame
    repeated: int
    undated: int
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({})
    refunded: float | None = None
    summed: int = 0


def session_rows(
    day: date, raw: RawColumns, several_costs: Sequence[CostRow] = (), dimensions: Sequence[str] = ()
) -> DayRows:
    """The sessions of one day.

    A cost that cannot be used is set aside alone: its session stays, with an empty cost. If a session is set aside, its
    cost is not checked, but set aside with it.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of session_sources and `cost`; also, where no key of the tables allows only one row per
            session, `id_rows` and `cost_rows` (its number of rows in session_sources and session_costs).
        several_costs: the rows of session_costs of each session that has several.
        dimensions: columns that are read besides, if the table has them.

    Returns:
        The usable rows (session_id, user_id, session_time, channel_name, holder_engagement, closer_engagement,
        impression_interaction, cost) by session_time, then session_id, with None for a visitor who is not known; and
        the rows of session_sources and of session_costs that are set aside. Beside them `session_dimensions`, if there
        is any dimension.
    """
    further = [name for name in dimensions if name in raw]
    rows = Rows(raw, SESSION_SOURCES, key="session_id", further=further)
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
    usable = rows.usable(frame | {name: rows.labels(name) for name in further}, by="session_time")
    beside = {"session_dimensions": dimension_values(usable, "session_id", further, day)} if further else {}
    sessions = usable[list(frame)] if further else usable
    return DayRows(sessions, rejected_frame(rejected), rows.repeated, rows.undated, beside)


def conversion_rows(day: date, raw: RawColumns, dimensions: Sequence[str] = ()) -> DayRows:
    """The orders of one day.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of conversions, `conversion_type` and `refunded` if it has them; also, where no key of the
            table allows only one row per order, `id_rows` (its number of rows).
        dimensions: columns that are read besides, if the table has them.

    Returns:
        The usable rows (conv_id, user_id, conversion_time, revenue: what remains once refunds are taken off) by
        conversion_time, then conv_id, with None for a visitor who is not known; and those that are set aside. Beside
        them `order_types`, the conversion types of orders that name one, and `order_dimensions`, if there is any.
    """
    labels = [name for name in dimensions if name in raw]
    others = [name for name in labels if name not in CONVERSIONS.columns]
    rows = Rows(raw, CONVERSIONS, key="conv_id", further=others)
    frame = {
        "conv_id": rows.ids("conv_id"),
        "user_id": rows.visitors("user_id"),
        "conversion_time": rows.times("conv_date", "conv_time", day),
        "revenue": rows.known_amounts("revenue"),
    }
    further: dict[str, npt.NDArray[Any]] = {}
    if "refunded" in raw:
        further["refunded"] = rows.refunds("refunded", frame["revenue"])
    if "conversion_type" in raw:
        further["conversion_type"] = rows.types("conversion_type")
    further |= {name: rows.labels(name) for name in others}
    rows.require_single()
    usable = rows.usable(frame | further, by="conversion_time")
    orders, rejected = usable[list(frame)], rejected_frame(rows.rejected("revenue"))
    beside, refunded = {}, None
    if "refunded" in further:
        refunded = float(usable["refunded"].sum())
        orders = orders.assign(revenue=less_refunds(orders["revenue"], usable["refunded"]))
    if "conversion_type" in further:
        typed = usable[usable["conversion_type"].notna()]
        beside["order_types"] = typed[["conv_id", "conversion_type"]].reset_index(drop=True)
    if labels:
        beside["order_dimensions"] = dimension_values(usable, "conv_id", labels, day)
    return DayRows(orders, rejected, rows.repeated, rows.undated, beside, refunded)


def dimension_values(rows: pd.DataFrame, key: str, dimensions: Iterable[str], day: date) -> pd.DataFrame:
    """The values of columns in long form: key, date, dimension, value; by dimension, then as the rows; none without."""
    parts = [rows.loc[rows[name].notna(), [key, name]].rename(columns={name: "value"}) for name in sorted(dimensions)]
    values = pd.concat(parts, keys=sorted(dimensions), names=["dimension"]).reset_index("dimension")
    return values.assign(date=day.isoformat())[[key, "date", "dimension", "value"]].reset_index(drop=True)


def less_refunds(revenue: "pd.Series[float]", refunded: "pd.Series[float]") -> "pd.Series[float]":
    """What remains of each order's revenue, to 9 decimals; where nothing was paid back, the revenue as it is."""
    remaining: pd.Series[float] = revenue.where(refunded == 0, (revenue - refunded).round(AMOUNT_PLACES))
    return remaining


class Rows:
    """The raw columns of a table, turned into arrays one by one; defects of rows are collected by position."""

    def __init__(self, raw: RawColumns, schema: DataFrameSchema, key: str, further: Iterable[str] = ()) -> None:
        self._columns = [*(column for column in schema.columns if column in raw), *further]
        self._raw, self._copies, self.repeated = distinct_rows(raw, self._columns, key)
        self._schema = schema
        self._key = key
        self._defects: dict[int, list[str]] = {}
        self.undated = 0

    def ids(self, column: str) -> npt.NDArray[np.object_]:
        """Ids, which have to be there."""
        values = self._raw[column]
        if not are_plain_ids(values):
            self._note(column, self._reasons(column))
        return np.array(values, dtype=object)

    def visitors(self, column: str) -> npt.NDArray[np.object_]:
        """Ids; None where there is none."""
        values = self._raw[column]
        known = [value for value in values if value is not None] if None in values else values
        if not (are_plain_ids(known) and all(map(str.strip, known))):
            values = [visitor_of(value) for value in values]
            self._note(column, reasons_of(self._schema, column, values))
        return np.array(values, dtype=object)

    def names(self, column: str) -> npt.NDArray[np.object_]:
        """Names without blanks around them, which have to be there."""
        values, forms = _in_forms(self._raw[column], trimmed)
        if not (are_texts([*forms]) and all(forms)):
            self._note(column, self._reasons(column))
        return np.array(values, dtype=object)

    def dates(self, column: str, day: date) -> Sequence[object]:
        """The dates as they are read; those that are no day are defects."""
        values = self._raw[column]
        if not set(values) <= {day.isoformat()}:
            reasons = self._reasons(column)
            self._note(column, reasons)
            self.undated = len(reasons)
        return values

    def times(self, dates: str, times: str, day: date) -> npt.NDArray[np.datetime64]:
        """Times of the day, UTC, with its date."""
        self.dates(dates, day)
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
        """0 or 1."""
        values = self._raw[column]
        if not set(values) <= {0, 1}:
            values, forms = _in_forms(values, flag_of)
            if not forms <= {0, 1}:
                reasons = self._reasons(column)
                self._note(column, reasons)
                values = _replaced(values, reasons, 0)
        return np.array(values, dtype=np.int64)

    def known_amounts(self, column: str) -> npt.NDArray[np.float64]:
        """Amounts, which have to be there."""
        values, amounts = _amounts(self._raw[column], _NUMBERS)
        if amounts is None:
            reasons = self._reasons(column)
            self._note(column, reasons)
            amounts = np.array(_replaced(values, reasons, None), dtype=np.float64)
        return amounts

    def refunds(self, column: str, revenues: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """What was paid back of each revenue, which it cannot be more than; 0 where nothing is known."""
        amounts = self.amounts(column)
        more = np.flatnonzero(amounts > revenues).tolist()
        self._note(column, {i: f"is more than the revenue, {revenues[i]:g}" for i in more})
        return np.nan_to_num(amounts)

    def amounts(self, column: str) -> npt.NDArray[np.float64]:
        """Amounts that may be missing: NaN then."""
        values, amounts = _amounts(self._raw[column], {*_NUMBERS, type(None)})
        if amounts is None:
            reasons = self._reasons(column)
            self._note(column, reasons)
            amounts = np.array(_replaced(values, reasons, None), dtype=np.float64)
        return amounts

    def labels(self, column: str) -> npt.NDArray[np.object_]:
        """Values of a dimension: texts without blanks around them; None where there is none."""
        return np.array(_in_forms(self._raw[column], _label)[0], dtype=object)

    def types(self, column: str) -> npt.NDArray[np.object_]:
        """Texts without blanks around them, which have to be usable as ids; None where there is none."""
        values, _ = _in_forms(self._raw[column], lambda value: trimmed(value) or None)
        if not are_plain_ids([value for value in values if value is not None]):
            self._note(column, reasons_of(self._schema, column, values))
        return np.array(values, dtype=object)

    def require_different(self, columns: Sequence[Sequence[object]], reason: str) -> None:
        """Set aside all rows that have the same values in all of these columns."""
        keys = list(zip(*columns, strict=True))
        times = Counter(keys)
        self._note(self._key, {i: reason for i, key in enumerate(keys) if times[key] > 1})

    def require_single(self) -> None:
        """Set aside all rows of an id that has different ones."""
        ids = self._raw[self._key]
        copies = self._copies or [1] * len(ids)
        counts = self._raw.get("id_rows", ())
        several = {i for i, rows in enumerate(counts) if rows not in (None, 1) and rows > copies[i]}  # type: ignore[operator]  # a number
        if len(set(ids)) < len(ids):  # ids of different types can have the same text
            times = Counter(ids)
            several |= {i for i, value in enumerate(ids) if value is not None and times[value] > 1}
        self._note(self._key, dict.fromkeys(sorted(several), f"has several rows in {self._schema.name}"))

    def costs(self, several_costs: Sequence[CostRow]) -> tuple[npt.NDArray[np.float64], list[RejectedRow]]:
        """Costs, NaN where none is known; and what is set aside, of sessions and of their costs."""
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
        """The rows without defects, by this column, then by id."""
        if self._defects or not are_in_order(columns[by], self._raw[self._key]):
            ids, times = columns[self._key].tolist(), columns[by]
            by_id = sorted((i for i in range(len(ids)) if i not in self._defects), key=ids.__getitem__)
            order = np.array(by_id, dtype=np.intp)
            order = order[np.argsort(times[order], kind="stable")]
            columns = {name: values[order] for name, values in columns.items()}
        return pd.DataFrame(columns)

    def rejected(self, amount: str) -> list[RejectedRow]:
        """The rows with defects, with what they carry in the column `amount`."""
        return self._rejected({i: [self._raw[amount][i]] for i in self._defects})

    def without_defects(self, columns: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
        """The rows of these columns that have none."""
        kept = [i for i in range(len(self._raw[self._key])) if i not in self._defects]
        return pd.DataFrame({name: values[kept] for name, values in columns.items()})

    def _rejected(self, amounts: Mapping[int, Iterable[object]]) -> list[RejectedRow]:
        keys = self._raw[self._key]
        return [
            rejected_row(keys[i], defects, self._row(i), amounts.get(i, ())) for i, defects in self._defects.items()
        ]

    def _row(self, i: int) -> dict[str, object]:
        return {column: self._raw[column][i] for column in self._columns}

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


def _label(value: object) -> str | None:
    return trimmed(value) or None if isinstance(value, str) else None


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
