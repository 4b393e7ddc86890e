"""Where the source tables are: a database of SQLite, PostgreSQL or DuckDB, or a folder of files.

Reading the tables does not belong here, but in `database`.
"""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from attribution_assets.attribution.database.database import Database, DatabaseError, DatabaseUrlError
from attribution_assets.attribution.database.duckdb_dialect import DUCKDB
from attribution_assets.attribution.database.duckdb_file import DuckDbFile
from attribution_assets.attribution.source.change_markers import companion, marker_of_files, postgresql_marker
from attribution_assets.attribution.source.export_folder import ExportFolder
from attribution_assets.attribution.source.schemas import SOURCE_TABLES
from attribution_assets.attribution.source.table_names import table_names

_FILES = "files"


class ReadDatabase(Protocol):
    """What can be read of."""

    @property
    def address(self) -> str:
        """Its URL without user, password and options: what may be shown and recorded."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection that cannot change anything."""


class Place(NamedTuple):
    """Where source tables are.

    Attributes:
        database: what they are read of; its `str` says which one it is.
        change_marker: gives a text that differs from an earlier one whenever the tables may have changed.
        how_to_add: what to do where tables are missing.
        names: what lies there that may be a table, as it is called there; given a connection to it.
    """

    database: ReadDatabase
    change_marker: Callable[[], str]
    how_to_add: str
    names: Callable[[sa.Connection], Sequence[str]] = table_names


def place_of(url: str, variable: str, error: type[DatabaseError]) -> Place:
    """The place that a URL names.

    Args:
        url: as for `database.Database`; or `duckdb:///relative/path.duckdb`, `duckdb:////absolute/path.duckdb`; or
            `files:///absolute/folder`, `files://relative/folder`.
        variable: the environment variable that holds the URL, for messages.
        error: the class that reading and `change_marker` raise for errors.

    Raises:
        DatabaseUrlError: the URL is none of these.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == DUCKDB:
        path = rest.removeprefix("/")
        if not rest.startswith("/") or not path or path == ":memory:" or "?" in path:
            raise DatabaseUrlError(
                "A DuckDB URL names one file and nothing else: duckdb:///relative/path.duckdb or"
                " duckdb:////absolute/path.duckdb."
            )
        return _duckdb_place(DuckDbFile(Path(path), variable, error), error)
    if separator and scheme == _FILES:
        if not rest or "?" in rest:
            raise DatabaseUrlError(
                "A URL of files names one folder: files:///absolute/folder or files://relative/folder."
            )
        return _folder_place(ExportFolder(Path(rest), _COLUMNS, variable, error))
    return _sql_place(Database(url, error=error, variable=variable), variable, error)


_COLUMNS = {table: tuple(schema.columns) for table, schema in SOURCE_TABLES.items()}


def _sql_place(database: Database, variable: str, error: type[DatabaseError]) -> Place:
    def marker() -> str:
        if (path := database.path) is None:
            with database.reading() as connection:
                return postgresql_marker(connection)
        return _marker_of(path, "-wal", str(database), variable, error)

    return Place(
        database,
        marker,
        f"Add what is missing, or set {variable} to the database that has the source tables (`attribution-assets demo`"
        " makes one to look at).",
    )


def _duckdb_place(file: DuckDbFile, error: type[DatabaseError]) -> Place:
    def marker() -> str:
        with file.reading() as connection:
            views = connection.exec_driver_sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").scalar_one()
        if views:  # they may show files
            return uuid.uuid4().hex
        return _marker_of(file.path, ".wal", str(file), file.variable, error)

    return Place(
        file, marker, f"Add what is missing as tables or views, or set {file.variable} to the database that has them."
    )


def _folder_place(folder: ExportFolder) -> Place:
    return Place(
        folder,
        folder.change_marker,
        "Each table is a file such as session_costs.csv or session_costs.parquet, or a folder session_costs of such"
        f" files; the folder has {', '.join(folder.names()) or 'none'}. Add what is missing, or a views.sql that makes"
        " it.",
        names=lambda _: folder.names(),
    )


def _marker_of(path: Path, suffix: str, words: str, variable: str, error: type[DatabaseError]) -> str:
    try:
        return marker_of_files([path.resolve()], [companion(path, suffix)])
    except OSError as problem:
        raise error(f"The {words} cannot be read: {problem.strerror}. Check {variable}.") from None
