"""Where the assets' tables lie: one Parquet file per asset and day, in a folder or under a URL.

Only writing and finding days belongs here: reading them is in `stored_days.py`, their form in `tables/`, how Dagster
reaches them in `defs/io_managers.py`, what follows when a day's inputs have changed in `freshness/staleness.py`.

Each file carries a stamp, see `stamps.py`.
"""

import datetime as dt
import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pyarrow as pa
from upath import UPath

from attribution_assets.attribution.calendar.finality import has_ended
from attribution_assets.attribution.files.atomic_files import names_in, read_file, replace_file
from attribution_assets.attribution.files.locations import local_path, location
from attribution_assets.attribution.progress import tell_day_written
from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.stamps import (
    Stamp,
    digest,
    file_versions,
    written_with_stamp,
)
from attribution_assets.attribution.storage.stored_days import MANY_ROWS, DayTable, StoredDays, hold, names_of
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS, content_version, stored_form

_WITHOUT_ROWS = pd.DataFrame()

MANY_DAYS = 30
"""From so many days on, a list of all that are stored takes less time than looking for each."""


class ForeignStorageError(Exception):
    """The storage holds the tables of another database."""


SOURCE_TABLES = tuple(name for asset in ("sessions", "conversions") for name in names_of(asset))
"""The tables that hold the sessions and orders of the source, those that were set aside included; spend may come before
them, and says nothing of how far they have come."""


class AssetStorage:
    """The tables of all assets under one root.

    Args:
        root: A folder, or a URL such as `s3://bucket/prefix`.
        engine: What runs SQL over the stored days; DuckDB without it.
        last_day: The last day of the calendar: what was stored of later days before it was set is kept, but not given
            out. None: the calendar goes on.

    Raises:
        LocationError: The root can be neither.
    """

    def __init__(self, root: str, engine: SqlEngine | None = None, last_day: dt.date | None = None) -> None:
        place = location(root)
        # where it is local, a path of the standard library does the same in a fraction of the time
        self._root: UPath = local_path(place) or place  # type: ignore[assignment]
        self.engine = engine or engine_named("duckdb")
        self._last_day = last_day or dt.date.max
        self._owner = self._root / "made_from.txt"
        self._listed: dict[str, set[dt.date]] = {}

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
        """Replace the asset's table of one day, and the tables beside it.

        What was stored stays if the frame cannot be. The tables beside it come first: a crash or another writer in
        between leaves the asset's own with a stamp that does not fit them, which shows it as stale.

        Raises:
            ValueError: A frame has other columns than its schema.
            pa.ArrowException: A column's values are not of the schema's type.
        """
        beside = dict[str, str]()
        for name in names_of(asset)[1:]:
            frame = table.beside.get(name, _WITHOUT_ROWS)
            if len(frame) or self._is_stored(name, table.day):
                beside[name] = self._write_beside(name, table.day, frame)
        self._write(asset, table._replace(inputs={**table.inputs, **beside}))
        tell_day_written(asset, table.day, len(table.frame))

    def _is_stored(self, name: str, day: dt.date) -> bool:
        """Whether a day of a table beside an asset's has a file; those in an object store are listed once."""
        folder = self._root / name
        if local_path(folder) is not None:
            return (folder / _file_name(day)).exists()
        if name not in self._listed:
            self._listed[name] = set(self.stored_days(name))
        return day in self._listed[name]

    def _write_beside(self, name: str, day: dt.date, frame: pd.DataFrame) -> str:
        if len(frame):
            self._listed.get(name, set()).add(day)
            return self._write(name, DayTable(day, frame, {}))
        content, stamp, file = _without_rows(name)
        self._put(name, day, content, stamp, file)
        return stamp.version

    def _write(self, name: str, table: DayTable) -> str:
        content, made_from = stored_form(name, table.frame), digest(table.inputs)
        if len(content) < MANY_ROWS:
            stamp = _stamp(table, content_version(content), made_from)
            file = written_with_stamp(content, lambda: stamp)
        else:
            with ThreadPoolExecutor(1) as meanwhile:
                found = meanwhile.submit(content_version, content)
                file = written_with_stamp(content, lambda: _stamp(table, found.result(), made_from))
            stamp = _stamp(table, found.result(), made_from)
        self._put(name, table.day, content, stamp, file)
        return stamp.version

    def _put(self, name: str, day: dt.date, content: pa.Table, stamp: Stamp, file: bytes) -> None:
        path = self._root / name / _file_name(day)
        hold(path, replace_file(path, file), content, stamp)

    def days(self, asset: str, days: Iterable[dt.date]) -> StoredDays:
        """The given days of one asset: which of them are stored, and where."""
        asked, folder = sorted(days), self._root / asset
        names = {day: _file_name(day) for day in asked if day <= self._last_day}
        if local_path(folder) is None or len(asked) >= MANY_DAYS:
            there = set(names_in(folder))  # one request, where looking for each day would take as many
            stored = {day: folder / name for day, name in names.items() if name in there}
        else:
            stored = {day: file for day, name in names.items() if (file := folder / name).exists()}
        return StoredDays(asset, stored, [day for day in asked if day not in stored], self.engine)

    def all_days(self, asset: str) -> StoredDays:
        """All days of one asset that are stored."""
        folder = self._root / asset
        stored = {day: folder / _file_name(day) for day in self.stored_days(asset)}
        return StoredDays(asset, stored, (), self.engine)

    def stored_days(self, asset: str) -> list[dt.date]:
        """All days of one asset that are stored, in calendar order."""
        names = names_in(self._root / asset)
        days = (dt.date.fromisoformat(name.removesuffix(".parquet")) for name in names if name.endswith(".parquet"))
        return sorted(day for day in days if day <= self._last_day)

    def empty_at_the_end(self, last_day: dt.date | None = None) -> set[dt.date]:
        """The stored days after the last one for which the source had any row, if only one that was set aside.

        They were run before their rows arrived: nothing is known of them yet. In a calendar that has ended there are
        none: no row is to arrive.

        Args:
            last_day: The last day of the calendar; None if it goes on.
        """
        if has_ended(last_day):
            return set()
        stored = {name: set(self.stored_days(name)) for name in SOURCE_TABLES}
        empty = set[dt.date]()
        for day in sorted(set().union(*stored.values()), reverse=True):
            if any(self.days(name, [day]).stamps()[day].rows for name, days in stored.items() if day in days):
                break
            empty.add(day)
        return empty

    def state_of(self, *names: str) -> str:
        """A fingerprint that changes whenever a stored day of one of these tables changes; opens no file."""
        return digest(
            {f"{name}/{file}": version for name in names for file, version in file_versions(self._root / name).items()}
        )


@functools.cache
def _without_rows(name: str) -> tuple[pa.Table, Stamp, bytes]:
    """A table beside an asset's own on a day that has no rows any more: its content, stamp and file."""
    content = ARROW_SCHEMAS[name].empty_table()
    stamp = Stamp(content_version(content), digest({}), None, 0)
    return content, stamp, written_with_stamp(content, lambda: stamp)


def _stamp(table: DayTable, version: str, made_from: str) -> Stamp:
    return Stamp(
        version,
        made_from,
        table.settings,
        len(table.frame),
        table.repeated,
        table.undated,
        table.conversion_types,
        table.summed,
    )


def _file_name(day: dt.date) -> str:
    return f"{day}.parquet"
