"""Deletes a data set: its tables, reports, rows and settings; paid answers of the IHC API only if that is asked for."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from upath import UPath

from attribution_assets.api.data_set_files import DataSetFiles
from attribution_assets.attribution.database.database import Database, column_types
from attribution_assets.attribution.files.locations import local_path, location
from attribution_assets.attribution.ledger.tables import LedgerTables
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.command.erasure import compact_sqlite
from attribution_assets.data_sets import attributes_in, data_set_named, file_of
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

SOURCE_TABLES = ("session_sources", "session_costs", "conversions", "ad_spend")


def delete_data_set(name: str, *, forget_answers: bool) -> dict[str, Any]:
    """Delete a data set; its settings last, so that a deletion that was broken off can be repeated.

    What it was given a place for is deleted by its names alone: other things may lie there too.

    Args:
        name: The data set.
        forget_answers: Whether paid answers are deleted.

    Returns:
        What was deleted, as JSON.

    Raises:
        ConfigurationError: Its file cannot be used.
        DatabaseError: Its database cannot be written.
    """
    path, settings = file_of(name), data_set_named(name)
    if path is None or settings is None:
        return {"deleted": name, "answers_kept": not forget_answers}
    given = attributes_in(path)[0].keys()
    for place in ("storage", "reports", "conversion_types"):
        _delete_files(location(getattr(settings, place)), whole=place not in given)
    _delete_tables(settings, forget_answers=forget_answers, owned=not {"database_url", "source_url"} & given)
    DataSetFiles().remove(name)
    return {"deleted": name, "answers_kept": not forget_answers}


def _delete_files(root: UPath, *, whole: bool) -> None:
    local = local_path(root)
    if whole and local is not None:
        shutil.rmtree(local, ignore_errors=True)
        return
    for file in _own_files(root):
        with suppress(FileNotFoundError):
            file.unlink()


def _own_files(root: UPath) -> Iterator[UPath]:
    """The files of stored tables and reports under a root."""
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from root.glob("channel_reporting*.csv")
    for table in ARROW_SCHEMAS:
        with suppress(FileNotFoundError, NotADirectoryError):
            yield from (root / table).glob("*.parquet")
    yield root / "made_from.txt"


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
    if forget_answers:
        LedgerTables(settings.database_url, prefix).drop()
    if owned and database.path is not None:  # the environment's database, if it is a server's, has the rows of all
        with database.writing() as connection:
            for table in filter(lambda name: column_types(connection, name), SOURCE_TABLES):
                connection.execute(sa.schema.DropTable(sa.Table(table, sa.MetaData())))
        compact_sqlite(database.path)
