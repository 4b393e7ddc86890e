"""DuckDB as the engine of `engine.py`: in this process, reading the Parquet files of the days in place."""

import functools
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from threading import Lock

import duckdb
import pyarrow as pa

from attribution_assets.attribution.database.duckdb_dialect import duckdb_settings
from attribution_assets.attribution.files.atomic_files import FileState, state_of
from attribution_assets.attribution.files.locations import local_path
from attribution_assets.attribution.files.object_store import local_copies
from attribution_assets.attribution.sql.engine import QueriedTable

ROWS_PER_BATCH = 50_000
MOST_TRIES = 10

LARGE_FILES = 1 << 24
"""Bytes of files from which on a query is a large one."""


@dataclass(frozen=True)
class DuckDb:
    """DuckDB, with one database in memory, as making one takes longer than a small query.

    After a large query it is closed once no other is under way: its allocator would keep hundreds of MB.
    """

    def check(self) -> None:
        """Nothing to see to: it needs nothing but its library."""

    @contextmanager
    def query(self, sql: str, tables: Sequence[QueriedTable]) -> Iterator[pa.RecordBatchReader]:
        """See `SqlEngine`."""
        with ExitStack() as opened:
            opened.push(_given_up_after_an_error)
            files = [opened.enter_context(_readable(table)) for table in tables]
            opened.enter_context(_under_way(sum(size for _, _, size in filter(None, _states(files))) >= LARGE_FILES))
            yield opened.enter_context(_begun(sql, tables, files, opened))


def _begun(
    sql: str, tables: Sequence[QueriedTable], files: Sequence[list[str]], opened: ExitStack
) -> pa.RecordBatchReader:
    """The result of a query, once its first rows are there; begun again if a file was replaced before.

    DuckDB asks for the size of a file before it opens it, so that it can take the end of the old one for that of the
    new one.
    """
    for tries_left in reversed(range(MOST_TRIES)):
        before = _states(files)
        try:
            connection = opened.enter_context(_database().cursor())
            for table, of_table in zip(tables, files, strict=True):
                _create_view(connection, table, of_table)
            rows = opened.enter_context(connection.sql(sql).to_arrow_reader(ROWS_PER_BATCH))
            first = list(islice(rows, 1))
        except duckdb.Error:
            _database.cache_clear()
            if not tries_left or _states(files) == before:
                raise
        else:
            return pa.RecordBatchReader.from_batches(rows.schema, chain(first, rows))
    raise AssertionError


def _states(files: Sequence[list[str]]) -> list[FileState | None]:
    """The state of each file; None where it is gone."""
    found: list[FileState | None] = []
    for path in (path for of_table in files for path in of_table):
        try:
            found.append(state_of(path))
        except FileNotFoundError:
            found.append(None)
    return found


class _UnderWay:
    """Of the process: its queries under way, and whether there was a large one since there were none."""

    lock = Lock()
    queries = 0
    large = False


@contextmanager
def _under_way(large: bool) -> Iterator[None]:  # noqa: FBT001 - the one thing that it is told
    with _UnderWay.lock:
        _UnderWay.queries += 1
        _UnderWay.large |= large
    try:
        yield
    finally:
        with _UnderWay.lock:
            _UnderWay.queries -= 1
            if _UnderWay.large and not _UnderWay.queries:
                _UnderWay.large = False
                _database.cache_clear()


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """The database, which holds nothing but what queries are at work on."""
    return duckdb.connect(config=duckdb_settings(uuid.uuid4().hex))


def _given_up_after_an_error(kind: type[BaseException] | None, *_: object) -> None:
    """Have the next query begin with a new database: after some errors one refuses all that follows."""
    if kind is not None:
        _database.cache_clear()


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
    """A view that only this connection sees."""
    if files:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        connection.execute(f"CREATE TEMP VIEW {table.asset} AS SELECT * FROM read_parquet([{listed}])")  # noqa: S608  # quoted
    else:
        connection.register(table.asset, pa.Table.from_batches([], table.schema))
