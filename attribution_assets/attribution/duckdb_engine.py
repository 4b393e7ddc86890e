"""DuckDB as the engine of `engine.py`: in this process, reading the Parquet files of the days in place."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from attribution_assets.attribution.engine import QueriedTable
from attribution_assets.attribution.locations import local_path
from attribution_assets.attribution.object_store import local_copies

MEMORY_LIMIT = "700MB"
"""What does not fit goes to a temporary folder of the machine, until the query ends."""

MOST_THREADS = 8
"""More of them would share the memory in parts too small to sort in."""

ROWS_PER_BATCH = 50_000


@dataclass(frozen=True)
class DuckDb:
    """DuckDB, with a database in memory for each query."""

    def check(self) -> None:
        """Nothing to see to: it needs nothing but its library."""

    @contextmanager
    def query(self, sql: str, tables: Sequence[QueriedTable]) -> Iterator[pa.RecordBatchReader]:
        """See `SqlEngine`."""
        with ExitStack() as opened:
            spilled = opened.enter_context(TemporaryDirectory(prefix="attribution_assets_"))
            connection = opened.enter_context(
                duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": spilled, "threads": _threads()})
            )
            for table in tables:
                _create_view(connection, table, opened.enter_context(_readable(table)))
            yield connection.sql(sql).to_arrow_reader(ROWS_PER_BATCH)


def _threads() -> int:
    return min(os.cpu_count() or 1, MOST_THREADS)


@contextmanager
def _readable(table: QueriedTable) -> Iterator[list[str]]:
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


def _create_view(connection: duckdb.DuckDBPyConnection, table: QueriedTable, files: list[str]) -> None:
    if files:
        connection.read_parquet(files).create_view(table.asset)
    else:
        connection.register(table.asset, pa.Table.from_batches([], table.schema))
