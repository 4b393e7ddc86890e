"""Runs SQL over stored tables: DuckDB reads the Parquet files of the days in place.

The SQL itself stands with what it computes: `journeys.py`, `channel_report.py`.
"""

import duckdb
import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.asset_storage import ARROW_SCHEMAS, StoredDays
from attribution_assets.attribution.atomic_files import local_path

DAYS_PER_QUERY = 10
"""Neighbouring days share most of their window, so a query serves several; more of them would only take more memory."""


def run_sql(sql: str, *tables: StoredDays, **parameters: object) -> pd.DataFrame:
    """The result of one query.

    Args:
        sql: A SELECT over tables named like the assets, with `$name` parameters.
        tables: The days of each asset that the query may see; an asset without any stored day is an empty table.
        parameters: Values for the query's parameters.
    """
    with duckdb.connect() as connection:
        for table in tables:
            _create_view(connection, table)
        return connection.execute(sql, parameters).df()


def _create_view(connection: duckdb.DuckDBPyConnection, table: StoredDays) -> None:
    files = list(table.files.values())
    if not files:
        connection.register(table.asset, pa.Table.from_batches([], ARROW_SCHEMAS[table.asset]))
    elif local := [str(path) for file in files if (path := local_path(file))]:
        connection.read_parquet(local).create_view(table.asset)
    else:
        connection.register_filesystem(files[0].fs)
        connection.read_parquet([file.as_uri() for file in files]).create_view(table.asset)
