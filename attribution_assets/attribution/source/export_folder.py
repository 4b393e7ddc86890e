"""A folder of exported files as a source: Parquet or CSV files named after the tables, which DuckDB reads in place.

    session_sources.parquet      a table in one file: NAME.parquet, NAME.csv or NAME.csv.gz, in any case
    session_costs/               a table in several files of one kind: all those in the folder NAME and its folders
        2024-01.csv
        2024-02.csv
    views.sql                    if there: CREATE VIEW statements, which go before files of the same names

Views may name files of the folder as they stand: `FROM 'orders.csv'`, or `FROM 'raw/orders.csv'` with the folder's name
written out. Other folders below are not looked at. Nothing in the folder is written.
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import sqlalchemy as sa

from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.database.duckdb_dialect import duckdb_reading, duckdb_settings
from attribution_assets.attribution.source import csv_files
from attribution_assets.attribution.source.change_markers import marker_of_files, state_of_files
from attribution_assets.attribution.source.csv_files import CsvFileError, as_literal

VIEWS = "views.sql"

_MOST_NAMES = 20
_PARQUET = (".parquet",)
_KINDS = (*_PARQUET, *csv_files.SUFFIXES)


class ExportFolder:
    """A folder of exported files; each block of `reading` looks at it anew.

    Args:
        path: the folder.
        tables: the tables that are looked for, and the columns that each has to have, in lower case.
        variable: the environment variable that names it, for messages.
        error: the class that `reading` raises for errors.
    """

    def __init__(
        self,
        path: Path,
        tables: Mapping[str, Sequence[str]],
        variable: str,
        error: type[DatabaseError] = DatabaseError,
    ) -> None:
        self.path, self._tables, self._variable, self._error = path, tables, variable, error

    def __str__(self) -> str:
        """Which folder it is."""
        return f"folder of files {self.path.resolve()}"

    @property
    def address(self) -> str:
        """Its URL."""
        return f"files://{self.path.absolute()}"

    def change_marker(self) -> str:
        """A text that differs from an earlier one whenever a file may have changed.

        Raises:
            DatabaseError: of the class `error`: the folder cannot be read.
        """
        self._require()
        try:
            return marker_of_files(self._all_files())
        except OSError as error:
            raise self._unreadable(error) from None

    def names(self) -> list[str]:
        """The first names of what lies in the folder."""
        try:
            names = sorted(path.name for path in self.path.iterdir() if not _is_hidden(path, self.path))
        except OSError:
            return []
        return [*names[:_MOST_NAMES], "..."] if len(names) > _MOST_NAMES else names

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to a database in memory that shows the files as tables.

        Raises:
            DatabaseError: of the class `error`: the folder or a file cannot be read, or a file has changed since.
        """
        self._require()
        before = self._state()
        views = self._views()
        tables = self._found([table for table in self._tables if table not in views])
        untyped = {table for table, files in tables.items() if not files[0].name.lower().endswith(_PARQUET)}
        with duckdb_reading(lambda: self._connect(tables, views.values()), self._as_error, untyped) as connection:
            yield connection
            if self._state() != before:
                raise self._error(f"A file in {self.path.absolute()} has changed while it was read: run again.")

    def _require(self) -> None:
        if not self.path.is_dir():
            raise self._error(
                f"There is no folder {self.path.absolute()}: set {self._variable} to one with a file for each table,"
                f" such as {next(iter(self._tables))}.csv (files:///absolute/path or files://relative/path)."
            )

    def _all_files(self) -> list[Path]:
        """The files of tables, and those that views may name; no others, which may change meanwhile."""
        views = self.path / VIEWS
        text = views.read_text(encoding="utf-8-sig", errors="replace") if views.is_file() else ""
        found: list[Path] = []
        for path in self.path.iterdir():
            is_table = _table_of(path) in self._tables
            if path.is_dir():
                if is_table or f"{path.name}/" in text:
                    found += (file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
            elif is_table or (views.is_file() and not _is_hidden(path, self.path)):
                found.append(path)
        return sorted(found)

    def _state(self) -> list[str]:
        try:
            return state_of_files(self._all_files())
        except OSError as error:
            raise self._unreadable(error) from None

    def _views(self) -> dict[str, str]:
        """The statements of `views.sql`, by the name of the view in lower case.

        Raises:
            DatabaseError: it cannot be read, or holds other statements.
        """
        path = self.path / VIEWS
        if not path.is_file():
            return {}
        try:
            statements = [each.query for each in duckdb.extract_statements(path.read_text(encoding="utf-8-sig"))]
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise self._unusable_views(error) from None
        views = {found[1].lower(): each for each in statements if (found := _CREATE_VIEW.match(each))}
        if len(views) < len(statements):
            raise self._error(f"{path}: it may hold CREATE VIEW statements only, each of another view.")
        return views

    def _found(self, tables: Iterable[str]) -> dict[str, list[Path]]:
        """The files of each of these tables that has some.

        Raises:
            DatabaseError: a table has several files beside each other, or files of two kinds.
        """
        found: dict[str, list[Path]] = {}
        try:
            beside = sorted(self.path.iterdir())
        except OSError as error:
            raise self._unreadable(error) from None
        for table in tables:
            named = [path for path in beside if _table_of(path) == table]
            if len(named) > 1:
                names = " and ".join(path.name for path in named)
                raise self._error(f"{self.path.absolute()} holds {names}: leave one of them for the table {table}.")
            files = [file for path in named for file in ([path] if path.is_file() else self._within(path))]
            kinds = {file.name.lower().endswith(_PARQUET) for file in files}
            if len(kinds) > 1:
                raise self._error(f"{named[0].absolute()} holds CSV and Parquet files: leave those of one kind.")
            if files:
                found[table] = files
        return found

    def _within(self, folder: Path) -> list[Path]:
        files = (path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
        return sorted(path for path in files if path.name.lower().endswith(_KINDS))

    def _connect(self, tables: Mapping[str, Sequence[Path]], views: Iterable[str]) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=duckdb_settings(uuid.uuid4().hex))
        try:
            for table, files in tables.items():
                connection.execute(f'CREATE VIEW "{table}" AS {self._select(table, files)}')
            connection.execute(f"SET GLOBAL file_search_path = {as_literal(str(self.path.absolute()))}")
            self._create_views(connection, views)
        except (CsvFileError, OSError, EOFError) as error:
            connection.close()
            raise self._error(str(error)) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _create_views(self, connection: duckdb.DuckDBPyConnection, views: Iterable[str]) -> None:
        try:
            for view in views:
                connection.execute(view)
        except duckdb.Error as error:
            raise self._unusable_views(error) from None

    def _unusable_views(self, error: Exception) -> DatabaseError:
        said = csv_files.problem(str(error)) or " ".join(str(error).split())
        return self._error(f"{self.path / VIEWS} cannot be used: {said}")

    def _select(self, table: str, files: Sequence[Path]) -> str:
        if files[0].name.lower().endswith(_PARQUET):
            paths = ", ".join(as_literal(_pattern(file)) for file in files)
            return f"SELECT * FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"  # noqa: S608  all quoted
        headers = ((_pattern(file), csv_files.read_header(file, self._tables[table])) for file in files)
        return csv_files.select_from(headers)

    def _as_error(self, words: str) -> DatabaseError:
        said = csv_files.problem(words)
        if parquet := re.search(r"'([^'\n]*\.parquet)'", words, re.IGNORECASE):
            what = " ".join(words.splitlines()[0].split()).rstrip(".")
            said = f"{parquet[1]} cannot be read: {what}. Export it again."
        return self._error(said or f"The {self} cannot be read: {' '.join(words.split()).rstrip('.')}.")

    def _unreadable(self, error: OSError) -> DatabaseError:
        return self._error(f"The {self} cannot be read: {error.strerror}. Check {self._variable}.")


_CREATE_VIEW = re.compile(
    r"""(?:\s|--[^\n]*\n|/\*.*?\*/)*CREATE\s+(?:OR\s+REPLACE\s+)?VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)"?""",
    re.IGNORECASE | re.DOTALL,
)


def _table_of(path: Path) -> str:
    """The table that a file or a folder is named after, if it is one of these, in lower case."""
    name = path.name.lower()
    if path.is_dir():
        return name
    return next((name.removesuffix(kind) for kind in reversed(_KINDS) if name.endswith(kind)), "")


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _pattern(path: Path) -> str:
    """The path as a pattern of DuckDB that no other file fits."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path.absolute()))
