"""SQLite's rows, a day at a time, most of them without a Python object for each value.

Of the plain rows (see `source_query.odd_rows_of_days`) SQLite itself makes one text per column and day, which becomes
an Arrow array as it is. The others are read one by one.

ADBC would give Arrow arrays too, but it brings a second SQLite into the process. Two of them do not see each other's
locks: the one would delete the -wal file that the other is writing to.

Nothing is judged here: each value comes as it is stored.
"""

import datetime as dt
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import count
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from attribution_assets.attribution.database.database import fetched_rows
from attribution_assets.attribution.source import statements as source_query
from attribution_assets.attribution.source.column_checks import whole_seconds
from attribution_assets.attribution.source.row_reader import RawDay, raw_days, several_costs
from attribution_assets.attribution.source.statements import COUNTS, FLAGS, DatedTable
from attribution_assets.attribution.source.usable_rows import CostRow, RawColumns

_NEWLINE = ord("\n")
_BY_TIME_THEN_KEY = [("time", "ascending"), ("key", "ascending")]

_Joined: TypeAlias = dict[str, Any]


class PlainRows(NamedTuple):
    """Some rows of one day, by time, then id, both as text sorts.

    Attributes:
        texts: the texts and the time.
        flags: their values, in the order of `DatedTable.flags`.
        amounts: the amounts and `cost`: float64 with NaN for NULL if each is a float or NULL, else as objects.
        counts: `id_rows` and `cost_rows`, where they are read.
    """

    texts: Mapping[str, pa.StringArray]
    flags: Sequence[npt.NDArray[np.uint8]]
    amounts: Mapping[str, npt.NDArray[Any]]
    counts: Mapping[str, npt.NDArray[np.object_]]

    def have_several(self, count: str) -> bool:
        """Whether a row's count, if it is read, says that there are several rows with its id."""
        return not set(self.counts.get(count, ())) <= {None, 1}

    def columns(self, table: DatedTable, day: dt.date) -> RawColumns:
        """The rows as `source_reading.RawDay` has them."""
        dates = [day.isoformat()] * len(self.texts[table.key])
        texts = {name: values.to_pylist() for name, values in self.texts.items()}
        flags = {name: values.tolist() for name, values in zip(table.flags, self.flags, strict=True)}
        amounts = {name: _objects(values).tolist() for name, values in self.amounts.items()}
        counts = {name: values.tolist() for name, values in self.counts.items()}
        return {table.date: dates} | texts | flags | amounts | counts


class SqliteDay(NamedTuple):
    """The rows that are filed with one day.

    Attributes:
        day: the day.
        plain: its plain rows; None if there are none, or if they cannot be told apart, as where a text holds a newline.
        odd: its other rows, as `source_reading.RawDay` has them.
        several_costs: the rows of session_costs of each session that has several.
    """

    day: dt.date
    plain: PlainRows | None
    odd: RawColumns
    several_costs: Sequence[CostRow]

    def columns(self, table: DatedTable) -> RawColumns:
        """All rows as `source_reading.RawDay` has them."""
        return _merged(table, self.day, self.plain, self.odd)


def characters(texts: pa.StringArray) -> memoryview:
    """The UTF-8 of all texts, one after the other."""
    _, offsets, data = texts.buffers()
    first, end = np.frombuffer(offsets, dtype=np.int32)[[texts.offset, texts.offset + len(texts)]]
    return memoryview(data or b"")[first:end]


def are_without_fraction(times: pa.StringArray) -> bool:
    """Whether all times are as long as HH:MM:SS."""
    return bool(pc.all(pc.equal(pc.binary_length(times), len("HH:MM:SS"))).as_py())


def sqlite_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], first_day: dt.date
) -> Iterator[SqliteDay]:
    """The rows of each of `days`, which are consecutive; with `first_day` those that have no day.

    Beside the day that it yields, it holds what SQLite has already made of the next one.
    """
    if connection.exec_driver_sql("PRAGMA encoding").scalar_one() != "UTF-8":
        for raw in raw_days(connection, table, days, first_day):
            yield SqliteDay(raw.day, None, raw.columns, raw.several_costs)
        return
    span = (connection, table, days[0], days[-1])
    query = source_query.odd_rows_of_days(*span)
    any_odd = bool(connection.scalar(source_query.any_odd_row(*span, first_day)))
    if any_odd:
        odd_days = raw_days(connection, table, days, first_day, query)
    else:
        names = [column.name for column in query.selected_columns]
        odd_days = (RawDay(day, dict.fromkeys(names, ()), (), None) for day in days)
    joined_days = _joined_days(connection, table, days, all_are_plain=not any_odd)
    with closing(joined_days):  # before the connection, if reading a day fails
        for odd in odd_days:
            yield _sqlite_day(connection, table, first_day, odd, next(joined_days))


def _sqlite_day(
    connection: sa.Connection, table: DatedTable, first_day: dt.date, odd: RawDay, joined: _Joined | None
) -> SqliteDay:
    if joined is None:
        return SqliteDay(odd.day, None, odd.columns, odd.several_costs)
    plain = _plain_rows(table, joined)
    if plain is None:
        [all_rows] = raw_days(connection, table, [odd.day], first_day)
        return SqliteDay(odd.day, None, all_rows.columns, all_rows.several_costs)
    costs = odd.several_costs
    if plain.have_several("cost_rows"):
        costs = several_costs(connection, odd.day, _merged(table, odd.day, plain, odd.columns), first_day)
    return SqliteDay(odd.day, plain, odd.columns, costs)


def _merged(table: DatedTable, day: dt.date, plain: PlainRows | None, odd: RawColumns) -> RawColumns:
    if plain is None:
        return odd
    columns = plain.columns(table, day)
    return {name: [*columns[name], *values] for name, values in odd.items()}


def _joined_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], *, all_are_plain: bool
) -> Generator[_Joined | None]:
    """The row of `source_query.plain_rows_of_days` of each day, None of a day without plain rows; to be emptied."""
    gathered: dict[int, list[Any]] = {}
    numbers = count()

    class Gathered:
        def __init__(self) -> None:
            self._values: list[Any] = []
            self.step = self._values.append

        def finalize(self) -> int:
            number = next(numbers)
            gathered[number] = self._values
            return number

    driver: Any = connection.connection.dbapi_connection
    driver.create_aggregate("gathered", 1, Gathered)
    query = source_query.plain_rows_of_days(connection, table, days[0], days[-1], all_are_plain=all_are_plain)
    names = [column.name for column in query.selected_columns]
    are_gathered = set(names) - {table.date, *table.texts, table.time, FLAGS}
    fetches = fetched_rows(connection, query, 1)

    def next_row() -> _Joined | None:
        fetched = next(fetches, None)
        return dict(zip(names, fetched.pop(), strict=True)) if fetched else None  # popped: a fetch lives until the next

    row = next_row()
    for day in days:
        if row is None or row[table.date] != day.isoformat():
            yield None
            continue
        row |= {name: gathered.pop(row[name]) for name in are_gathered}
        yield row
        row = next_row()
    if row is not None:
        raise ValueError(f"rows of {row[table.date]!r} were read with {days[0]}..{days[-1]}, and are of none of these")


def _plain_rows(table: DatedTable, joined: _Joined) -> PlainRows | None:
    """What is joined, which is let go of on the way; None if its rows cannot be told apart, or are not UTF-8."""
    amounts = {name: joined.pop(name) for name in (*table.amounts, "cost") if name in joined}
    counts = {name: joined.pop(name) for name in COUNTS if name in joined}
    rows = len(next(iter(amounts.values())))
    texts = {}
    for name in (*table.texts, table.time):
        split = _split(joined.pop(name), rows)
        if split is None:
            return None
        texts[name] = split
        del split
    digits = np.frombuffer(joined.get(FLAGS, b""), dtype=np.uint8) - ord("0")
    if table.flags and len(digits) != rows:
        return None
    order = _order(texts[table.time], texts[table.key])
    positions = order.to_numpy()
    return PlainRows(
        {name: texts.pop(name).take(order) for name in list(texts)},
        [digits[positions] >> bit & 1 for bit in range(len(table.flags))],
        {name: _amounts(values)[positions] for name, values in amounts.items()},
        {name: _array(values)[positions] for name, values in counts.items()},
    )


def _order(times: pa.StringArray, keys: pa.StringArray) -> pa.Array:
    seconds = whole_seconds(characters(times)) if are_without_fraction(times) else None
    by_time = times if seconds is None else pa.array(seconds.astype(np.int64))  # numbers sort in half the time
    return pc.sort_indices(pa.table([by_time, keys], ["time", "key"]), _BY_TIME_THEN_KEY)


def _split(joined: bytes | None, rows: int) -> pa.StringArray | None:
    """The texts between the newlines; None if they are not as many as rows, or not UTF-8."""
    characters = np.frombuffer(joined or b"", dtype=np.uint8)  # SQLite makes NULL of a single empty text
    is_newline = characters == _NEWLINE
    ends = np.append(np.flatnonzero(is_newline), len(characters))
    if len(ends) != rows:
        return None
    offsets = np.append(0, ends - np.arange(rows)).astype(np.int32)
    texts = pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(characters[~is_newline]))
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return texts


def _amounts(values: Sequence[Any]) -> npt.NDArray[Any]:
    return np.array(values, dtype=np.float64) if set(map(type, values)) <= {float, NoneType} else _array(values)


def _array(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects


def _objects(amounts: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    objects: npt.NDArray[np.object_] = amounts.astype(object)
    if amounts.dtype != object:
        objects[np.isnan(amounts)] = None
    return objects
