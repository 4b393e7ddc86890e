"""Deletes a data set: its tables, reports, rows and settings; paid answers of the IHC API only if that is asked for."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from upath import UPath

from attribution_assets.api.data_set_files import DataSetFiles, identity_of
from attribution_assets.attribution.database.database import Database, column_types
from attribution_assets.attribution.files.locations import local_path, location
from attribution_assets.attribution.ledger.tables import LedgerTables
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.command.erasure import compact_sqlite
from attribution_assets.command.fresh_days import CSV_ASSETS
from attribution_assets.dashboard.saved import SavedThings
from attribution_assets.data_set_attributes import attributes_in
from attribution_assets.data_sets import data_set_named, file_of, owns_database
from attribution_assets.errors import ConfigurationError, RunRejectedError
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings

SOURCE_TABLES = ("session_sources", "session_costs", "conversions", "ad_spend")


def delete_data_set(name: str, file: str, *, forget_answers: bool) -> dict[str, Any]:
    """Delete a data set; its settings last, so that a deletion that was broken off can be repeated.

    What it was given a place for is deleted by its names alone: other things may lie there too. Of a file that cannot
    be read, nothing but the file is known.

    Args:
        name: The data set.
        file: Which file was to be deleted, see `data_set_files.identity_of`.
        forget_answers: Whether paid answers are deleted.

    Returns:
        What was deleted, as JSON.

    Raises:
        RunRejectedError: It is another one by now, or where its data lies is not known.
        ForeignStorageError: Its storage holds the tables of another database; nothing has been deleted.
        ConfigurationError: Its file cannot be used.
        DatabaseError: Its database cannot be written.
    """
    path = file_of(name)
    if path is None:
        return {"deleted": name, "answers_kept": not forget_answers}
    if identity_of(path) != file:
        raise RunRejectedError("the data set was changed, or made anew, after its deletion was asked for: ask again")
    settings = require_deletable(path)
    if settings is None:
        DataSetFiles().remove(name)
        return {"deleted": name, "answers_kept": True}
    given = attributes_in(path)[0].keys()
    resources = resources_of(settings)
    storage = resources.storage.tables()
    storage.require(str(resources.database.source()))
    _delete_files(location(settings.reports), _reports_named_in(storage), whole="reports" not in given)
    _delete_files(location(settings.storage), _own_files(location(settings.storage)), whole="storage" not in given)
    _delete_files(location(settings.conversion_types), (), whole="conversion_types" not in given)
    _delete_tables(settings, forget_answers=forget_answers, owned=owns_database(name))
    DataSetFiles().remove(name)
    return {"deleted": name, "answers_kept": not forget_answers}


def require_deletable(path: Path) -> Settings | None:
    """The settings of a data set's file by which its data is found; None if the file cannot be read at all.

    Raises:
        RunRejectedError: The settings cannot be used, so that where the data lies is not known.
    """
    try:
        attributes_in(path)
    except ConfigurationError:
        return None
    try:
        settings = data_set_named(path.stem)
    except ConfigurationError as error:
        raise RunRejectedError(f"{error}. Repair this: until then, where its data lies is not known") from None
    if settings is None or settings.missing:
        missing = settings.missing if settings else "the data set is gone"
        raise RunRejectedError(f"{missing}. Repair this: until then, where its data lies is not known")
    return settings


def _delete_files(root: UPath, own: Iterable[UPath], *, whole: bool) -> None:
    """Delete a folder as a whole, if it is one of the data set's own, else the files in it that are."""
    local = local_path(root)
    if whole and local is not None:
        shutil.rmtree(local, ignore_errors=True)
        return
    for file in _files_under(root) if whole else own:
        with suppress(FileNotFoundError):
            file.unlink()


def _files_under(root: UPath) -> list[UPath]:
    """All files under a root in an object store; none if it holds none."""
    try:
        return [path for path in root.rglob("*") if path.is_file()]
    except FileNotFoundError:
        return []


def _own_files(root: UPath) -> Iterator[UPath]:
    """The files of stored tables under a root."""
    for table in ARROW_SCHEMAS:
        with suppress(FileNotFoundError, NotADirectoryError):
            yield from (root / table).glob("*.parquet")
    yield root / "made_from.txt"


def _reports_named_in(storage: AssetStorage) -> Iterator[UPath]:
    """The CSV files that the stored tables say were written."""
    for asset in CSV_ASSETS:
        for _, table in storage.all_days(asset).tables():
            yield from map(location, table["path"].to_pylist())


def _delete_tables(settings: Settings, *, forget_answers: bool, owned: bool) -> None:
    database = Database(settings.database_url)
    if database.path is not None and not database.path.exists():
        return
    if owned and forget_answers and database.path is not None:
        for end in ("", "-wal", "-shm"):
            Path(f"{database.path}{end}").unlink(missing_ok=True)
        return
    prefix = DataSetNames(settings.data_set).of("")
    ResultTables(settings.database_url, prefix).drop()
    SavedThings(settings.database_url, prefix).drop()
    if forget_answers:
        LedgerTables(settings.database_url, prefix).drop()
    if owned:
        with database.writing() as connection:
            for table in filter(lambda name: column_types(connection, name), SOURCE_TABLES):
                connection.execute(sa.schema.DropTable(sa.Table(table, sa.MetaData())))
    if owned and database.path is not None:
        compact_sqlite(database.path)
