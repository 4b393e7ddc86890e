"""DuckDB for SQLAlchemy: what reading the source tables needs of a dialect, and no more.

Of the packages that offer one, duckdb-engine cannot read a table's columns with SQLAlchemy 2.1, and duckdb-sqlalchemy
does not admit DuckDB 2. DuckDB's SQL is close to PostgreSQL's, so PostgreSQL's compiler writes it. Nothing is written
through it: transactions are none.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGIdentifierPreparer, PGTypeCompiler
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError

DUCKDB = "duckdb"

MEMORY_LIMIT = "700MB"
"""What the queries of one database hold at once. What does not fit goes to a temporary folder, until the query ends."""

MOST_THREADS = 8
"""More of them would share the memory in parts too small to sort in."""


class OtherTimestamp(sa.DateTime):
    """A timestamp of another precision than microseconds, which DuckDB compares with its own kind only."""


class OtherType(sa.types.UserDefinedType[Any]):
    """A type of DuckDB that has no meaning of its own here."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __repr__(self) -> str:
        """The type as DuckDB writes it."""
        return self.name


_TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "VARCHAR": sa.Text(),
    "BLOB": sa.LargeBinary(),
    "BOOLEAN": sa.Boolean(),
    "DATE": sa.Date(),
    "TIME": sa.Time(),
    "TIMESTAMP": sa.DateTime(),
    "TIMESTAMP WITH TIME ZONE": sa.DateTime(timezone=True),
    **dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), OtherTimestamp()),
    "FLOAT": sa.REAL(),
    "DOUBLE": sa.Double(),
    **dict.fromkeys(
        (f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")), sa.BigInteger()
    ),
    **dict.fromkeys(("INTEGER", "UINTEGER"), sa.BigInteger()),
}


class DuckDbDialect(DefaultDialect):
    """DuckDB's dialect.

    Args:
        untyped: tables whose columns of text have no type, as they are those of CSV files.
        options: those of `DefaultDialect`.
    """

    name = DUCKDB
    driver = "attribution_assets"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    statement_compiler = PGCompiler
    type_compiler_cls = PGTypeCompiler
    preparer = PGIdentifierPreparer
    default_schema_name = "main"
    _backslash_escapes = False  # what PostgreSQL's compiler asks its dialect

    def __init__(self, untyped: Collection[str] = (), **options: Any) -> None:  # noqa: ANN401  as SQLAlchemy hands them on
        super().__init__(**options)
        self._untyped = frozenset(untyped)

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The driver."""
        return duckdb

    def initialize(self, connection: sa.Connection) -> None:
        """Ask DuckDB for nothing."""

    def do_rollback(self, dbapi_connection: object) -> None:
        """There is no transaction."""

    def do_commit(self, dbapi_connection: object) -> None:
        """There is no transaction."""

    def get_columns(  # type: ignore[override]  # what is read of the columns is their names and types
        self,
        connection: sa.Connection,
        table_name: str,
        schema: str | None = None,  # noqa: ARG002
        **_: object,
    ) -> list[dict[str, Any]]:
        """The columns of a table or view of the main schema; none if there is no such table."""
        columns = connection.exec_driver_sql(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?"
            " AND database_name = current_database() AND schema_name = current_schema() ORDER BY column_index",
            (table_name,),
        )
        return [{"name": name, "type": self._type(table_name, type_)} for name, type_ in columns]

    def _type(self, table: str, type_: str) -> sa.types.TypeEngine[Any]:
        if type_ == "VARCHAR" and table in self._untyped:
            return sa.types.NullType()
        if type_.startswith("DECIMAL"):
            return sa.Numeric()
        return _TYPES.get(type_) or OtherType(type_)


registry.register(f"{DUCKDB}.{DuckDbDialect.driver}", __name__, DuckDbDialect.__name__)


def duckdb_settings(place: str) -> dict[str, Any]:
    """How a database of DuckDB works: its memory, threads, and where it puts what does not fit into memory.

    Args:
        place: a text of its own for each database that is open at once.
    """
    return {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(Path(tempfile.gettempdir()) / f"attribution_assets_{os.getpid()}_{place}"),
        "threads": min(os.cpu_count() or 1, MOST_THREADS),
        "enable_external_file_cache": False,  # a file may be replaced by one of the same size within the same tick
        "autoinstall_known_extensions": False,
    }


@contextmanager
def duckdb_reading(
    connect: Callable[[], duckdb.DuckDBPyConnection],
    as_error: Callable[[str], Exception],
    untyped: Collection[str] = (),
) -> Iterator[sa.Connection]:
    """A connection that is opened for the block and closed at its end.

    Args:
        connect: opens it.
        as_error: the error that is raised for one of DuckDB's, given its words.
        untyped: see `DuckDbDialect`.
    """

    def prepared() -> duckdb.DuckDBPyConnection:
        opened = connect()
        opened.execute("SET GLOBAL TimeZone = 'UTC'")
        return opened

    engine = sa.create_engine(
        f"{DUCKDB}+{DuckDbDialect.driver}://", creator=prepared, poolclass=sa.NullPool, untyped=untyped
    )
    try:
        with engine.connect() as connection:
            connection.detach()  # else the pool closes it under a generator that the garbage collector finds
            yield connection
    except (DBAPIError, duckdb.Error) as error:
        raise as_error(str(getattr(error, "orig", error))) from None
