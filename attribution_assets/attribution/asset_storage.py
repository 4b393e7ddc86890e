"""Where the assets' tables lie: one Parquet file per asset and day, in a folder or under a URL.

Only writing and reading days belongs here: what the tables mean is in `schemas.py`, how Dagster reaches them in
`io_managers.py`.
"""

import datetime as dt
import io
import logging
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from attribution_assets.attribution.days import days_between, in_words
from attribution_assets.schemas import STORED_TABLES

days_written = logging.getLogger("attribution_assets.days_written")
"""Says at level INFO which asset's day has been written; a record's arguments are asset, day, rows."""

ARROW_TYPES = {"str": pa.string(), "datetime64[ns]": pa.timestamp("us"), "int64": pa.int64(), "float64": pa.float64()}
ARROW_SCHEMAS = {
    asset: pa.schema([(name, ARROW_TYPES[str(column.dtype)]) for name, column in table.columns.items()])
    for asset, table in STORED_TABLES.items()
}
"""The Parquet columns of each table: the same on every day, so that days without rows keep their types."""


class MissingDaysError(LookupError):
    """Days of an asset are needed that have never been materialized."""

    def __init__(self, asset: str, days: Sequence[dt.date]) -> None:
        super().__init__(f"{asset} was never materialized for {in_words(days)}: materialize these days of it first")


class ForeignStorageError(Exception):
    """The storage holds the tables of another database."""


def local_path(path: UPath) -> Path | None:
    """The path in this machine's file system, however its URL is written; None if it lies in an object store."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def replace_file(path: UPath, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, never a part.

    In a folder the content is written beside the file and renamed over it; in an object store one upload does it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    local = local_path(path)
    if local is None:
        path.write_bytes(content)
        return
    beside = local.with_name(f".{local.name}.{uuid.uuid4().hex}")
    try:
        beside.write_bytes(content)
        beside.replace(local)
    finally:
        beside.unlink(missing_ok=True)


@dataclass(frozen=True)
class StoredDays:
    """Some days of one asset's table as they lie in storage; nothing is read until it is asked for.

    Attributes:
        asset: The asset's name.
        files: The Parquet file of each day that has been materialized, in calendar order.
        missing: The days that have not.
    """

    asset: str
    files: Mapping[dt.date, UPath]
    missing: Sequence[dt.date] = ()

    def frame(self, day: dt.date) -> pd.DataFrame:
        """The table of one day, with the columns of the asset's schema.

        Raises:
            MissingDaysError: The day has not been materialized.
        """
        if day not in self.files:
            raise MissingDaysError(self.asset, [day])
        with self.files[day].open("rb") as file:
            frame: pd.DataFrame = pq.ParquetFile(file).read().to_pandas()
        return frame

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
        return StoredDays(self.asset, stored, [day for day in self.missing if day in days])


class AssetStorage:
    """The tables of all assets under one root.

    Args:
        root: A folder, or a URL such as `s3://bucket/prefix`.
    """

    def __init__(self, root: str) -> None:
        self._root = UPath(root)
        self._owner = self._root / "made_from.txt"

    def require(self, source: str) -> None:
        """See that the stored tables, if there are any, were made from this source.

        Args:
            source: The database in words, without secrets.

        Raises:
            ForeignStorageError: They were made from another one.
        """
        if self._owner.exists() and (owner := self._owner.read_text(encoding="utf-8")) != source:
            raise ForeignStorageError(
                f"{self._root} holds what was made from the {owner}: set ATTRIBUTION_STORAGE to another place for the "
                f"{source}. If both are the same database under two names, delete {self._owner}."
            )

    def claim(self, source: str) -> None:
        """Have the tables that will be stored here belong to this source; arguments and errors as for `require`."""
        self.require(source)
        if not self._owner.exists():
            replace_file(self._owner, source.encode())

    def write(self, asset: str, day: dt.date, frame: pd.DataFrame) -> None:
        """Replace the asset's table of one day.

        What was stored stays if the frame cannot be.

        Raises:
            ValueError: The frame has other columns than the asset's schema.
            pa.ArrowException: A column's values are not of the schema's type.
        """
        schema = ARROW_SCHEMAS[asset]
        if list(frame.columns) != schema.names:
            raise ValueError(f"{asset} has the columns {schema.names}, not {list(frame.columns)}")
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False), buffer)
        replace_file(self._file(asset, day), buffer.getvalue())
        days_written.info("%s %s: %d rows", asset, day, len(frame))

    def days(self, asset: str, days: Iterable[dt.date]) -> StoredDays:
        """The given days of one asset: which of them are stored, and where."""
        files = {day: self._file(asset, day) for day in sorted(days)}
        stored = {day: file for day, file in files.items() if file.exists()}
        return StoredDays(asset, stored, [day for day in files if day not in stored])

    def stored_days(self, asset: str) -> list[dt.date]:
        """All days of one asset that are stored, in calendar order."""
        return sorted(dt.date.fromisoformat(file.stem) for file in (self._root / asset).glob("*.parquet"))

    def _file(self, asset: str, day: dt.date) -> UPath:
        return self._root / asset / f"{day}.parquet"
