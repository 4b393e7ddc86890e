"""The tables that rows can be sent to, and which of the rows of a batch can be stored, in which form.

What a usable row is stands in `attribution/source/`; how bodies are read in `uploads.py`, and how rows are stored in
`source_store.py`.
"""

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pandera.pandas import DataFrameSchema

from attribution_assets.api.batches import Batch
from attribution_assets.attribution.source.plain_rows import is_amount, is_flag, plain_rows
from attribution_assets.attribution.source.rejected_rows import shown
from attribution_assets.attribution.source.schemas import AD_SPEND, CONVERSIONS, SESSION_COSTS, SESSION_SOURCES

_IDS = {"session_id", "user_id", "conv_id"}
_EXACT = 2.0**53
"""Below it, a float can be each integer."""

TIMESTAMP = "timestamp"
"""The field that may stand in place of date and time."""


@dataclass(frozen=True)
class RowTable:
    """A table that rows can be sent to.

    Attributes:
        schema: of the source table.
        key: the columns by which a row replaces another one.
        date: the column of dates; empty if there is none.
        time: the column of times; empty if there is none.
        where: what stands at the end of a reason, where the pipeline says which table the row is of.
    """

    schema: DataFrameSchema
    key: tuple[str, ...]
    date: str = ""
    time: str = ""
    where: str = ""

    @property
    def name(self) -> str:
        """The source table's name."""
        return str(self.schema.name)

    @property
    def required(self) -> list[str]:
        """The columns that each row needs."""
        return [name for name, column in self.schema.columns.items() if column.required]

    @property
    def fields(self) -> dict[str, str]:
        """The fields of a row -> what each is, in words."""
        words = {name: str(column.description) for name, column in self.schema.columns.items()}
        if self.time:
            words |= {TIMESTAMP: f"in place of {self.date} and {self.time}: date and time with an offset"}
        return words

    def key_of(self, row_id: str) -> tuple[str | None, ...] | None:
        """The values of the key's columns in a row's id; None if it cannot be one."""
        if len(self.key) == 1:
            return (row_id,)
        try:
            [values] = csv.reader([row_id], strict=True)
        except (csv.Error, ValueError):
            return None
        missing = len(self.key) - len(values)
        return tuple(value or None for value in [*values, *[""] * missing]) if missing in (0, 1) else None

    def id_of(self, values: Sequence[Any]) -> str | None:
        """The id of a row: its key, or, where this has several columns, these as a line of CSV."""
        if len(self.key) == 1:
            [value] = values
            return value if value is None or isinstance(value, str) else str(value)
        texts = ["" if value is None else str(value) for value in values]
        while texts and not texts[-1]:
            texts.pop()
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(texts)
        return line.getvalue() or None


ROW_TABLES: Mapping[str, RowTable] = {
    "sessions": RowTable(SESSION_SOURCES, ("session_id",), "event_date", "event_time"),
    "costs": RowTable(SESSION_COSTS, ("session_id",), where=", in its row of session_costs"),
    "conversions": RowTable(CONVERSIONS, ("conv_id",), "conv_date", "conv_time"),
    "spend": RowTable(AD_SPEND, ("date", "channel_name", "campaign"), "date"),
}
"""The tables by their names in addresses."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be stored.

    Attributes:
        row: its number in the body, counted from 1.
        id: its id; None where it has none.
        field: the first field that cannot be used.
        reason: all that is wrong with it, as the pipeline says it of rows that it sets aside.
    """

    row: int
    id: str | None
    field: str
    reason: str


@dataclass(frozen=True)
class SortedBatch:
    """A batch, sorted out.

    Attributes:
        columns: the columns of the rows to store, in plain form.
        refused: the others, in their order.
    """

    columns: dict[str, list[Any]]
    refused: Sequence[RefusedRow]


def sorted_out(table: RowTable, batch: Batch) -> SortedBatch:
    """Which rows of a batch can be stored, in which form, and what is wrong with the others."""
    nothing = [None] * batch.rows
    columns = {name: batch.columns.get(name, nothing) for name in table.required} | batch.columns
    columns = {name: _as_texts(table, name, values) for name, values in columns.items()}
    early = _with_nul(columns) | _with_lost_digits(batch) | batch.refused
    if table.time and TIMESTAMP in columns:
        columns, refused = _with_date_and_time(table, columns)
        early = refused | early
    usable = [i for i in range(batch.rows) if i not in early] if early else range(batch.rows)
    if early:
        columns = {name: [values[i] for i in usable] for name, values in columns.items()}
    plain = plain_rows(table.schema, columns)
    found = {i: (field, reason) for i, (field, reason) in early.items()}
    for position, defects in plain.defects.items():
        where = table.where if defects[0][0] not in table.key else ""
        found[usable[position]] = (defects[0][0], "; ".join(reason for _, reason in defects) + where)
    key = [batch.columns.get(name, nothing) for name in table.key]
    refused_rows = [
        RefusedRow(batch.first + i, table.id_of([values[i] for values in key]), *found[i]) for i in sorted(found)
    ]
    return SortedBatch(plain.columns, refused_rows)


def _as_texts(table: RowTable, name: str, values: list[Any]) -> list[Any]:
    """The values, numbers as texts and days and times as the table has them, where the column does not hold numbers."""
    kinds = set(map(type, values)) - {str, type(None)}
    if not kinds or is_amount(table.schema, name) or is_flag(table.schema, name) or (name == TIMESTAMP and table.time):
        return values
    text = partial(_text, of_day=name == table.date, of_time=name == table.time, is_label=name not in table.required)
    return [value if value is None or isinstance(value, str) else text(value) for value in values]


def _with_lost_digits(batch: Batch) -> dict[int, tuple[str, str]]:
    """The rows with an id that came as a float so large that it stands for several integers, by position."""
    found: dict[int, tuple[str, str]] = {}
    for name in _IDS & batch.columns.keys():
        for i, value in enumerate(batch.columns[name]):
            if type(value) is float and abs(value) >= _EXACT:
                found[i] = (name, f"{name} {shown(value)} is a number that may have lost digits: send it as a text")
    return found


def _with_nul(columns: Mapping[str, list[Any]]) -> dict[int, tuple[str, str]]:
    """The rows with a text that no PostgreSQL database can hold, by position."""
    found: dict[int, tuple[str, str]] = {}
    for name, values in columns.items():
        if "\0" in "".join(value for value in values if isinstance(value, str)):
            for i, value in enumerate(values):
                if isinstance(value, str) and "\0" in value:
                    found.setdefault(i, (name, f"{name} {shown(value)} holds a control character"))
    return found


def _text(value: object, *, of_day: bool, of_time: bool, is_label: bool) -> object:
    if isinstance(value, bool):
        return str(value).lower() if is_label else value  # which is no text
    if isinstance(value, dt.datetime) and (of_day or of_time):
        in_utc = value.astimezone(dt.UTC) if value.tzinfo else value
        return (in_utc.date() if of_day else in_utc.time()).isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _with_date_and_time(
    table: RowTable, columns: Mapping[str, list[Any]]
) -> tuple[dict[str, list[Any]], dict[int, tuple[str, str]]]:
    """The columns with date and time in place of timestamps; and the rows whose timestamp is none, by position."""
    refused: dict[int, tuple[str, str]] = {}
    dates, times = [*columns[table.date]], [*columns[table.time]]
    for i, value in enumerate(columns[TIMESTAMP]):
        if value is None:
            continue
        found = _in_utc(value)
        if found is None:
            refused[i] = (TIMESTAMP, f"timestamp {shown(value)} is not a timestamp with an offset: {_EXAMPLE}")
        elif dates[i] is not None or times[i] is not None:
            reason = f"timestamp {shown(value)} stands beside {table.date} or {table.time}: leave these out"
            refused[i] = (TIMESTAMP, reason)
        else:
            dates[i], times[i] = found
    others = {name: values for name, values in columns.items() if name != TIMESTAMP}
    return others | {table.date: dates, table.time: times}, refused


_EXAMPLE = "write it as 2024-02-01T12:00:00+01:00"


def _in_utc(value: object) -> tuple[str, str] | None:
    """Date and time in UTC of a timestamp; None if it is none, or without an offset."""
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, dt.datetime) or moment.tzinfo is None:
            return None
        in_utc = moment.astimezone(dt.UTC).isoformat()
    except (ValueError, OverflowError):
        return None
    return in_utc[:10], in_utc[11:-6]
