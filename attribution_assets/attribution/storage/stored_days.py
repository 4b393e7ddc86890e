"""Days of an asset's table: one that has been made and is to be stored, and those that lie in storage.

Which days are stored, and the writing of them, is in `asset_storage.py`.
"""

import datetime as dt
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from attribution_assets.attribution.calendar.days import blocks, days_between, in_words
from attribution_assets.attribution.files.atomic_files import FileState, read_file, state_of
from attribution_assets.attribution.files.locations import local_path
from attribution_assets.attribution.sql.engine import ORDERS_PER_QUERY, SqlEngine
from attribution_assets.attribution.storage.stamps import (
    Stamp,
    remember_stamp,
    stamp_in,
    stamp_of,
    stamps_of,
)
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.attribution.tables.schemas import COMPANIONS, TABLES_BESIDE

MANY_ROWS = 10_000
"""From so many rows on, several threads take less time for a table than it takes to start them."""

_WORTH_OF_A_TABLE = 10
"""A table without rows takes as much memory as so many rows."""

SMALL_TABLE = 2_000
"""Tables with fewer rows are kept in memory: a month of larger ones would push each other out before they are read."""

MOST_ROWS_HELD = 200_000
"""Of the small tables that are kept in memory; a hundred MB at most."""


class DayTable(NamedTuple):
    """One day that an asset has made.

    Attributes:
        day: the day.
        frame: its table, in pandas or in Arrow.
        inputs: what it was made from: name -> version.
        beside: the tables that are stored together with it, by name (`schemas.TABLES_BESIDE`).
        settings: see `Stamp`.
        repeated: see `Stamp`.
        undated: see `Stamp`.
        conversion_types: see `Stamp`.
        summed: see `Stamp`.
    """

    day: dt.date
    frame: pd.DataFrame | pa.Table
    inputs: Mapping[str, str]
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({})
    settings: str | None = None
    repeated: int = 0
    undated: int = 0
    conversion_types: tuple[str, ...] = ()
    summed: int = 0


class StoredDay:
    """A day's table in memory, with its stamp, both of the same write.

    Attributes:
        table: the table in Arrow.
        stamp: its stamp.
    """

    def __init__(self, table: pa.Table, stamp: Stamp) -> None:
        self.table, self.stamp = table, stamp

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table in pandas, made when it is asked for first; whoever gets it must not change its values."""
        return _in_pandas(self.table)


class _SmallTables:
    """Small tables that were written or read last, by file and its state: the next asset and the checks read them."""

    def __init__(self) -> None:
        self._tables: OrderedDict[Hashable, StoredDay] = OrderedDict()
        self._rows, self._lock = 0, Lock()

    def get(self, key: Hashable) -> StoredDay | None:
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
            return self._tables.get(key)

    def put(self, key: Hashable, held: StoredDay) -> None:
        with self._lock:
            if key in self._tables:
                return
            self._tables[key] = held
            self._rows += _WORTH_OF_A_TABLE + len(held.table)
            while self._rows > MOST_ROWS_HELD:
                _, last = self._tables.popitem(last=False)
                self._rows -= _WORTH_OF_A_TABLE + len(last.table)


_SMALL_TABLES = _SmallTables()


def hold(file: UPath, state: FileState | None, table: pa.Table, stamp: Stamp) -> None:
    """Remember what has just been written to a file, so that it need not be read back.

    Args:
        file: The file.
        state: The state in which it was written (`replace_file`); None in an object store, of which nothing is kept.
        table: Its content as it is stored; kept if it is small.
        stamp: Its stamp.
    """
    if (local := local_path(file)) is None or state is None:
        return
    remember_stamp(local, state, stamp)
    if len(table) < SMALL_TABLE:
        _SMALL_TABLES.put((local, state), StoredDay(table, stamp))


class MissingDaysError(LookupError):
    """Days of an asset are needed that have never been materialized."""

    def __init__(self, asset: str, days: Sequence[dt.date]) -> None:
        super().__init__(f"{asset} was never materialized for {in_words(days)}: materialize these days of it first")


def companion_table(asset: str) -> str:
    """The name of the first table that is stored beside the asset's own, see `schemas.TABLES_BESIDE`."""
    return str(TABLES_BESIDE[asset][0].name)


def names_of(asset: str) -> list[str]:
    """The name of the asset's table, then those of the tables beside it."""
    return [asset, *(str(schema.name) for schema in TABLES_BESIDE.get(asset, ()))]


def versions_of(*tables: "StoredDays") -> dict[str, dict[dt.date, str]]:
    """The version of each stored day of each asset, by asset; when to take it is said at `StoredDays.stamps`."""
    return {table.asset: {day: stamp.version for day, stamp in table.stamps().items()} for table in tables}


@dataclass(frozen=True)
class StoredDays:
    """Some days of one asset's table as they lie in storage; nothing is read until it is asked for.

    Attributes:
        asset: The asset's name.
        files: The Parquet file of each day that has been materialized, in calendar order.
        missing: The days that have not.
        engine: What runs SQL over them.
    """

    asset: str
    files: Mapping[dt.date, UPath]
    missing: Sequence[dt.date]
    engine: SqlEngine

    @property
    def schema(self) -> pa.Schema:
        """The Parquet columns."""
        return ARROW_SCHEMAS[self.asset]

    def frame(self, day: dt.date, *columns: str) -> pd.DataFrame:
        """The table of one day, or some of its columns; of a companion without rows if it has no file.

        Raises:
            MissingDaysError: The day has not been materialized.
        """
        if self._is_without_file(day):
            frame = _empty_frame(self.asset)
            return frame[[*columns]] if columns else frame.copy(deep=False)
        held = self._read(day, *columns)
        return held.frame[[*columns]] if columns else held.frame.copy(deep=False)

    def table(self, day: dt.date, *columns: str) -> pa.Table:
        """The same in Arrow."""
        if self._is_without_file(day):
            return self.schema.empty_table().select(columns or self.schema.names)
        held = self._read(day, *columns)
        return held.table.select(columns) if columns else held.table

    def together(self, days: Iterable[dt.date]) -> pd.DataFrame:
        """The tables of these days below each other; errors as for `frame`."""
        return _in_pandas(pa.concat_tables([self.table(day) for day in days]))

    def _is_without_file(self, day: dt.date) -> bool:
        """Whether the day has no file as it has no rows, in a table beside an asset's own."""
        return day not in self.files and self.asset in COMPANIONS

    def day(self, day: dt.date) -> StoredDay:
        """The table of one day and its stamp; errors as for `frame`."""
        return self._read(day)

    def stamped(self, day: dt.date) -> tuple[pd.DataFrame, Stamp]:
        """The same, the table in pandas; errors as for `frame`."""
        held = self._read(day)
        return held.frame.copy(deep=False), held.stamp

    def _read(self, day: dt.date, *columns: str) -> StoredDay:
        """At least these columns and the stamp, from memory where the table is small, local and known."""
        if day not in self.files:
            raise MissingDaysError(self.asset, [day])
        local = local_path(self.files[day])
        key = local and (local, state_of(local))
        held = _SMALL_TABLES.get(key)
        if held is None:
            parquet = pq.ParquetFile(pa.BufferReader(read_file(self.files[day])))
            rows, stamp = parquet.metadata.num_rows, stamp_in(parquet.metadata)
            if key is None or rows >= SMALL_TABLE:
                return StoredDay(parquet.read([*columns] or None, use_threads=rows >= MANY_ROWS), stamp)
            held = StoredDay(parquet.read(use_threads=False), stamp)
            _SMALL_TABLES.put(key, held)
        return held

    def stamp(self, day: dt.date) -> Stamp:
        """The stamp of one day; only its file's footer is read. Errors as for `frame`."""
        if day not in self.files:
            raise MissingDaysError(self.asset, [day])
        return stamp_of(self.files[day])

    def stamps(self) -> dict[dt.date, Stamp]:
        """The stamp of each materialized day; only the files' footers are read.

        Take them before the tables are read: what is replaced in between then counts as not yet read.
        """
        return stamps_of(self.files)

    def frames(self) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        """Each materialized day with its table, one at a time, in calendar order."""
        for day in self.files:
            yield day, self.frame(day)

    def tables(self) -> Iterator[tuple[dt.date, pa.Table]]:
        """The same in Arrow."""
        for day in self.files:
            yield day, self.table(day)

    def within(self, first: dt.date, last: dt.date) -> "StoredDays":
        """The days from `first` to `last`, both included."""
        return self.among(set(days_between(first, last)))

    def among(self, days: Collection[dt.date]) -> "StoredDays":
        """Those of the days that are in `days`."""
        stored = {day: file for day, file in self.files.items() if day in days}
        return replace(self, files=stored, missing=[day for day in self.missing if day in days])


@cache
def _empty_frame(asset: str) -> pd.DataFrame:
    return _in_pandas(ARROW_SCHEMAS[asset].empty_table())


def _in_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(use_threads=len(table) >= MANY_ROWS)
    return frame


def query_batches(conversions: StoredDays, days: Iterable[dt.date] | None = None) -> Iterator[Sequence[dt.date]]:
    """The days in turn, as many at a time as one query may serve: see `ORDERS_PER_QUERY`.

    Args:
        conversions: The orders.
        days: In calendar order; without them, those of `conversions`.
    """
    rows = {day: stamp.rows for day, stamp in conversions.stamps().items()}
    return blocks(rows if days is None else days, rows, ORDERS_PER_QUERY)
