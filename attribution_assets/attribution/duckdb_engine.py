"""DuckDB as the engine of `engine.py`: in this process, reading the Parquet files of the days in place."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from attribution_assets.attribution.atomic_files import local_path
from attribution_assets.attribution.engine import QueriedTable


@dataclass(frozen=True)
class DuckDb:
    """DuckDB, with a database in memory for each query."""

    def check(self) -> None:
        """Nothing to see to: it needs nothing but its library."""

    def query(self, sql: str, tables: Sequence[QueriedTable]) -> pa.Table:
        """See `SqlEngine`."""
        with duckdb.connect() as connection:
            for table in tables:
                _create_view(connection, table)
            return connection.sql(sql).to_arrow_table()


def _create_view(connection: duckdb.DuckDBPyConnection, table: QueriedTable) -> None:
    files = list(table.files.values())
    if not files:
        connection.register(table.asset, pa.Table.from_batches([], table.schema))
    elif local := [str(path) for file in files if (path := local_path(file))]:
        connection.read_parquet(local).create_view(table.asset)
    else:
        connection.register_filesystem(files[0].fs)
        connection.read_parquet([file.as_uri() for file in files]).create_view(table.asset)
