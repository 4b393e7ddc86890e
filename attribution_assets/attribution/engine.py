"""Runs SQL over stored tables: DuckDB reads the Parquet files of the days in place.

The SQL itself stands with what it computes: `journeys.py`, `channel_report.py`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import duckdb
import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.asset_storage import ARROW_SCHEMAS, StoredDays
from attribution_assets.attribution.locations import local_path
from attribution_assets.attribution.object_store import local_copies

DAYS_PER_QUERY = 10
"""Neighbouring days share most of their window, so a query serves several; more of them would only take more memory."""


def run_sql(sql: str, *tables: StoredDays, **parameters: object) -> pd.DataFrame:
    """The result of one query.

    Args:
        sql: A SELECT over tables named like the assets, with `$name` parameters.
        tables: The days of each asset that the query may see; an asset without any stored day is an empty table.
        parameters: Values for the query's parameters.
    """
    with ExitStack() as opened:
        connection = opened.enter_context(duckdb.connect())
        for table in tables:
            _create_view(connection, table, opened.enter_context(_readable(table)))
        return connection.execute(sql, parameters).df()


@contextmanager
def _readable(table: StoredDays) -> Iterator[list[str]]:
    """The paths on this machine under which the days can be read, in place or copied from an object store.

    DuckDB reads a file in many parts, which of an object could be parts of several versions.
    """
    files = list(table.files.values())
    local = [str(path) for file in files if (path := local_path(file))]
    if len(local) == len(files):
        yield local
    else:
        with local_copies(files) as copies:
            yield [str(path) for path in copies]


def _create_view(connection: duckdb.DuckDBPyConnection, table: StoredDays, files: list[str]) -> None:
    if files:
        connection.read_parquet(files).create_view(table.asset)
    else:
        connection.register(table.asset, pa.Table.from_batches([], ARROW_SCHEMAS[table.asset]))
