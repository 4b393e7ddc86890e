"""Where the assets' tables lie: one Parquet file per asset and day, in a folder or under a URL.

Only writing and reading days belongs here: what the tables mean is in `schemas.py`, how Dagster reaches them in
`io_managers.py`, what follows when a day's inputs have changed in `staleness.py`.

Each file carries a stamp, see `stamps.py`.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from attribution_assets.attribution.calendar.days import blocks, days_between, in_words
from attribution_assets.attribution.files.atomic_files import read_file, replace_file
from attribution_assets.attribution.files.locations import local_path, location
from attribution_assets.attribution.files.object_store import list_objects
from attribution_assets.attribution.sql.engine import ORDERS_PER_QUERY, SqlEngine, engine_named
from attribution_assets.attribution.storage.stamps import (
    Stamp,
    digest,
    file_versions,
    stamp_in,
    stamp_of,
    stamps_of,
    written_with_stamp,
)
from attribution_assets.attribution.tables.schemas import STORED_TABLES, TABLES_BESIDE

days_written = logging.getLogger("attribution_assets.days_written")
"""Says at level INFO which asset's day has been written; a record's arguments are asset, day, rows."""

ARROW_TYPES = {"str": pa.string(), "datetime64[ns]": pa.timestamp("us"), "int64": pa.int64(), "float64": pa.float64()}
ARROW_SCHEMAS = {
    asset: pa.schema([(name, ARROW_TYPES[str(column.dtype)]) for name, column in table.columns.items()])
    for asset, table in STORED_TABLES.items()
}
"""The Parquet columns of each stored table: the same on every day, so that days without rows keep their types."""

_VERSION_DIGITS = 32

NOT_STORED = "not stored"
"""Stands for the version of a day that has never been materialized."""


class DayTable(NamedTuple):
    """One day that an asset has made.

    Attributes:
        day: the day.
        frame: its table, in pandas or in Arrow.
        inputs: what it was made from: name -> version.
        beside: the table that is stored together with it, of an asset that has one (`schemas.TABLES_BESIDE`).
        settings: see `Stamp`.
    """

    day: dt.date
    frame: pd.DataFrame | pa.Table
    inputs: Mapping[str, str]
    beside: pd.DataFrame | None = None
    settings: str | None = None


class MissingDaysError(LookupError):
    """Days of an asset are needed that have never been materialized."""

    def __init__(self, asset: str, days: Sequence[dt.date]) -> None:
        super().__init__(f"{asset} was never materialized for {in_words(days)}: materialize these days of it first")


class ForeignStorageError(Exception):
    """The storage holds the tables of another database."""


def name_beside(asset: str) -> str:
    """The name of the table that is stored beside the asset's."""
    return str(TABLES_BESIDE[asset].name)


def names_of(asset: str) -> list[str]:
    """The name of the asset's table, and that of the table beside it if there is one."""
    return [asset, name_beside(asset)] if asset in TABLES_BESIDE else [asset]


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


def order_blocks(conversions: StoredDays, days: Iterable[dt.date] | None = None) -> Iterator[Sequence[dt.date]]:
    """The days that one query serves, in turn: see `ORDERS_PER_QUERY`.

    Args:
        conversions: The orders.
        days: In calendar order; without them, those of `conversions`.
    """
    rows = {day: stamp.rows for day, stamp in conversions.stamps().items()}
    return blocks(rows if days is None else days, rows, ORDERS_PER_QUERY)


class AssetStorage:
    """The tables of all assets under one root.

    Args:
        root: A folder, or a URL such as `s3://bucket/prefix`.
        engine: What runs SQL over the stored days; DuckDB without it.

    Raises:
        LocationError: The root can be neither.
    """

    def __init__(self, root: str, engine: SqlEngine | None = None) -> None:
        self._root, self.engine = location(root), engine or engine_named("duckdb")
        self._owner = self._root / "made_from.txt"

    def require(self, source: str) -> None:
        """See that the stored tables, if there are any, were made from this source.

        Args:
            source: The database in words, without secrets.

        Raises:
            ForeignStorageError: They were made from another one.
        """
        if (owner := self._read_owner()) not in (None, source):
            raise ForeignStorageError(
                f"{self._root} holds what was made from the {owner}: set ATTRIBUTION_STORAGE to another place for the "
                f"{source}. If both are the same database under two names, delete {self._owner}."
            )

    def claim(self, source: str) -> None:
        """Have the tables that will be stored here belong to this source; arguments and errors as for `require`."""
        self.require(source)
        if self._read_owner() is None:
            replace_file(self._owner, source.encode())

    def _read_owner(self) -> str | None:
        try:
            return read_file(self._owner).decode()
        except FileNotFoundError:
            return None

    def write(self, asset: str, table: DayTable) -> None:
        """Replace the asset's table of one day, and the table beside it.

        What was stored stays if the frame cannot be. The table beside it comes first: a crash or another writer in
        between leaves the asset's own with a stamp that does not fit it, which shows it as stale.

        Raises:
            ValueError: A frame has other columns than its schema.
            pa.ArrowException: A column's values are not of the schema's type.
        """
        inputs = dict(table.inputs)
        if table.beside is not None:
            beside = name_beside(asset)
            inputs[beside] = self._write(beside, table.day, table.beside, {}, None)
        self._write(asset, table.day, table.frame, inputs, table.settings)
        days_written.info("%s %s: %d rows", asset, table.day, len(table.frame))

    def _write(
        self,
        name: str,
        day: dt.date,
        frame: pd.DataFrame | pa.Table,
        inputs: Mapping[str, str],
        settings: str | None,
    ) -> str:
        content = _content(name, frame)
        with ThreadPoolExecutor(1) as meanwhile:
            version = meanwhile.submit(_version, content)
            file = written_with_stamp(content, lambda: Stamp(version.result(), digest(inputs), settings, len(frame)))
        replace_file(self._root / name / _file_name(day), file)
        return version.result()

    def days(self, asset: str, days: Iterable[dt.date]) -> StoredDays:
        """The given days of one asset: which of them are stored, and where."""
        asked, folder = sorted(days), self._root / asset
        if local_path(folder) is None:
            there = set(self.stored_days(asset))  # one request, where looking for each day would take as many
            stored = {day: folder / _file_name(day) for day in asked if day in there}
        else:
            stored = {day: file for day in asked if (file := folder / _file_name(day)).exists()}
        return StoredDays(asset, stored, [day for day in asked if day not in stored], self.engine)

    def all_days(self, asset: str) -> StoredDays:
        """All days of one asset that are stored."""
        folder = self._root / asset
        stored = {day: folder / _file_name(day) for day in self.stored_days(asset)}
        return StoredDays(asset, stored, (), self.engine)

    def stored_days(self, asset: str) -> list[dt.date]:
        """All days of one asset that are stored, in calendar order."""
        folder = self._root / asset
        local = local_path(folder)
        names = list_objects(folder) if local is None else [file.name for file in local.glob("*")]
        days = (name.removesuffix(".parquet") for name in names if name.endswith(".parquet"))
        return sorted(map(dt.date.fromisoformat, days))

    def state_of(self, *names: str) -> str:
        """What is another one once a day of one of these tables has changed; no file is opened."""
        return digest(
            {f"{name}/{file}": version for name in names for file, version in file_versions(self._root / name).items()}
        )


def _file_name(day: dt.date) -> str:
    return f"{day}.parquet"


def version_of(name: str, frame: pd.DataFrame | pa.Table) -> str:
    """The version under which `frame` would be stored as a day of `name`; errors as for `AssetStorage.write`."""
    return _version(_content(name, frame))


def _content(name: str, frame: pd.DataFrame | pa.Table) -> pa.Table:
    schema = ARROW_SCHEMAS[name]
    columns = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    if columns != schema.names:
        raise ValueError(f"{name} has the columns {schema.names}, not {columns}")
    if isinstance(frame, pa.Table):
        return pa.Table.from_arrays([_compact(column) for column in frame.cast(schema).columns], schema=schema)
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def _compact(column: pa.ChunkedArray) -> pa.Array:
    """The column in buffers that hold its values and nothing else, so that equal columns are equal bytes."""
    return pa.concat_arrays([*column.chunks, pa.array([], column.type)])


def _version(content: pa.Table) -> str:
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, content.schema.remove_metadata()) as writer:
        writer.write_table(content.replace_schema_metadata(None))
    return sha256(stream.getvalue()).hexdigest()[:_VERSION_DIGITS]
