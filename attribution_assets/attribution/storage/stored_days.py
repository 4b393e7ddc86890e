"""Days of an asset's table: one that has been made and is to be stored, and those that lie in storage.

Which days are stored, and the writing of them, is in `asset_storage.py`.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from attribution_assets.attribution.calendar.days import blocks, days_between, in_words
from attribution_assets.attribution.files.atomic_files import read_file
from attribution_assets.attribution.sql.engine import ORDERS_PER_QUERY, SqlEngine
from attribution_assets.attribution.storage.stamps import Stamp, stamp_in, stamp_of, stamps_of
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.attribution.tables.schemas import TABLES_BESIDE

NOT_STORED = "not stored"
"""Stands for the version of a day that has never been materialized."""


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
    """

    day: dt.date
    frame: pd.DataFrame | pa.Table
    inputs: Mapping[str, str]
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({})
    settings: str | None = None
    repeated: int = 0
    undated: int = 0


class MissingDaysError(LookupError):
    """Days of an asset are needed that have never been materialized."""

    def __init__(self, asset: str, days: Sequence[dt.date]) -> None:
        super().__init__(f"{asset} was never materialized for {in_words(days)}: materialize these days of it first")


def companion_table(asset: str) -> str:
    """The name of the one table that is stored beside the asset's own, see `schemas.TABLES_BESIDE`."""
    (schema,) = TABLES_BESIDE[asset]
    return str(schema.name)


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
        """The table of one day, or some of its columns.

        Raises:
            MissingDaysError: The day has not been materialized.
        """
        frame: pd.DataFrame = self._parquet(day).read([*columns] or None).to_pandas()
        return frame

    def stamped(self, day: dt.date) -> tuple[pd.DataFrame, Stamp]:
        """The table of one day and its stamp, both of the same write; errors as for `frame`."""
        parquet = self._parquet(day)
        return parquet.read().to_pandas(), stamp_in(parquet.metadata)

    def _parquet(self, day: dt.date) -> pq.ParquetFile:
        if day not in self.files:
            raise MissingDaysError(self.asset, [day])
        return pq.ParquetFile(pa.BufferReader(read_file(self.files[day])))

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

    def within(self, first: dt.date, last: dt.date) -> "StoredDays":
        """The days from `first` to `last`, both included."""
        return self.among(set(days_between(first, last)))

    def among(self, days: Collection[dt.date]) -> "StoredDays":
        """Those of the days that are in `days`."""
        stored = {day: file for day, file in self.files.items() if day in days}
        return replace(self, files=stored, missing=[day for day in self.missing if day in days])


def query_batches(conversions: StoredDays, days: Iterable[dt.date] | None = None) -> Iterator[Sequence[dt.date]]:
    """The days in turn, as many at a time as one query may serve: see `ORDERS_PER_QUERY`.

    Args:
        conversions: The orders.
        days: In calendar order; without them, those of `conversions`.
    """
    rows = {day: stamp.rows for day, stamp in conversions.stamps().items()}
    return blocks(rows if days is None else days, rows, ORDERS_PER_QUERY)
