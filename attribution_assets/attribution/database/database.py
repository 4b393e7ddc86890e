"""One SQL database, SQLite or PostgreSQL: its URL, connections, error messages, streamed reads and bulk inserts.

No table is named here: the source tables belong in `source/database`, the result tables in `storage/published_tables`.

    DatabaseError                  everything that `attribution` raises about a database
    └── DatabaseUrlError           the URL is no SQLite or PostgreSQL URL

No error, `str` or `repr` of this module shows a password.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError

from attribution_assets.attribution.masking import masked

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
SQLITE_BUSY_TIMEOUT_SECONDS = 30.0
_SQLITE_CACHE_KB = 32_768
"""With SQLite's own 2 MB, nearly each row that is looked up or added by an id reads from the file."""

_STEP_SECONDS = 0.2
_PRIMARY_CODE = 0xFF
"""The bits of SQLite's error codes that say what it is."""
_GIVEN_UP = "given_up"
"""Execution option of a connection: what ends its waiting for the write lock."""
POSTGRESQL_CONNECT_TIMEOUT_SECONDS = 10

REAL: sa.types.TypeEngine[float] = sa.REAL().with_variant(sa.DOUBLE_PRECISION(), POSTGRESQL)
"""A float of 8 bytes: what SQLite calls real, and PostgreSQL double precision."""


class DatabaseError(Exception):
    """A problem with a database that the user has to solve."""


class DatabaseUrlError(DatabaseError):
    """The URL cannot be parsed, or names neither SQLite nor PostgreSQL."""


class Database:
    """A database by its URL; each transaction opens a connection and closes it at its end.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, or `postgresql://user:password@host/database`
            (`postgresql+psycopg://` is the same: psycopg 3 is used for both).
        error: the class that `reading` and `writing` raise for errors of the database or its driver.
        variable: the environment variable that holds the URL, for messages.
        makes_file: whether a SQLite file that is missing is read as an empty database, and made by what writes to it.

    Raises:
        DatabaseUrlError: the URL is none of these.
    """

    def __init__(
        self,
        url: str,
        error: type[DatabaseError] = DatabaseError,
        variable: str = "ATTRIBUTION_DATABASE_URL",
        *,
        makes_file: bool = False,
    ) -> None:
        self._url = _parsed(url)
        self._error, self._variable, self._makes_file = error, variable, makes_file
        self.path = Path(str(self._url.database)) if self._url.drivername == SQLITE else None

    def __str__(self) -> str:
        """Which database it is, without user and password."""
        if self.path is not None:
            return f"SQLite database {self.path.resolve()}"
        host = self._url.host or self._url.query.get("host") or "the default host"
        port = f":{self._url.port}" if self._url.port else ""
        return f"PostgreSQL database {self._url.database or '(default)'} at {host}{port}"

    def __repr__(self) -> str:
        """The same, marked as an object."""
        return f"<{self}>"

    @property
    def address(self) -> str:
        """Its URL without user, password and options: what may be shown and recorded."""
        if self.path is not None:
            return f"sqlite:///{self.path.absolute()}"
        host = self._url.host or self._url.query.get("host")
        named = host if isinstance(host, str) and "/" not in host else None  # else a socket's folder, or several
        return sa.URL.create(
            POSTGRESQL, host=named, port=self._url.port, database=self._url.database
        ).render_as_string()

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A read-only transaction: all its queries see one state of the tables, and none can change them.

        On SQLite outside WAL mode (see `writing`), writers wait until the transaction ends.
        """
        if self._makes_file and self.path is not None and not self.path.exists():
            return self._transaction(sa.create_engine("sqlite://"))
        return self._transaction(self._reader)

    def writing(self, given_up: Event | None = None) -> AbstractContextManager[sa.Connection]:
        """A transaction that is committed at its end and rolled back when the block raises.

        On SQLite it holds the write lock from its start, so that writers queue (up to 30 s) and none fails in the
        middle. It switches the file to WAL mode for good, where readers and the writer do not wait for each other; a
        file that is being read in its old mode, or that cannot have a WAL where it lies, stays as it is. A missing
        SQLite file is an error, not a new database, except with `makes_file`.

        Args:
            given_up: ends the waiting for SQLite's write lock soon after it is set, as if the 30 s were over.
        """
        if self._makes_file and self.path is not None and not self.path.exists():
            self._make_file(self.path)
        return self._transaction(self._writer, given_up)

    def _make_file(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise self._error(
                f"The {self} cannot be made: {error.strerror}. Set {self._variable} to where it can."
            ) from None

    @cached_property
    def _reader(self) -> sa.Engine:
        if self.path is not None:
            return _sqlite_engine(self.path, begin="BEGIN", prepare=_let_only_read)
        return self._postgresql_engine(
            isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}
        )

    @cached_property
    def _writer(self) -> sa.Engine:
        if self.path is not None:
            return _sqlite_engine(self.path, begin="BEGIN IMMEDIATE", prepare=_switch_to_wal)
        return self._postgresql_engine(isolation_level="READ COMMITTED")

    def _postgresql_engine(self, **options: Any) -> sa.Engine:  # noqa: ANN401  create_engine types its options so
        timeout = (
            {} if "connect_timeout" in self._url.query else {"connect_timeout": POSTGRESQL_CONNECT_TIMEOUT_SECONDS}
        )
        return sa.create_engine(self._url, poolclass=sa.NullPool, connect_args=timeout, **options)

    @contextmanager
    def _transaction(self, engine: sa.Engine, given_up: Event | None = None) -> Iterator[sa.Connection]:
        # bulk inserts and large reads talk to the driver itself, whose errors SQLAlchemy does not wrap
        try:
            with engine.connect().execution_options(**{_GIVEN_UP: given_up}) as connection:
                connection.detach()  # else the pool closes it under a generator that the garbage collector finds
                with connection.begin():
                    yield connection
        except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
            raise self._error(self._in_words(getattr(error, "orig", error))) from None

    def _in_words(self, error: Exception) -> str:
        words = " ".join(masked(str(error), [str(self._url.password or "")]).split()).rstrip(".")
        if self.path is not None and not self.path.exists():
            return (
                f"There is no database at {self.path.absolute()}: set {self._variable} to the one that is to"
                " be read, or make one with `attribution-assets demo`."
            )
        if self.path is not None and "locked" in words:
            return (
                f"The {self} was kept locked by another program for {SQLITE_BUSY_TIMEOUT_SECONDS:.0f} s: try again"
                " when that program is done."
            )
        if "disk" in words:
            return f"The {self} cannot be read or written: {words}. Is the disk, or that of temporary files, full?"
        return f"The {self} cannot be used: {words}. Check {self._variable}, and that the database lets you in."


def column_types(connection: sa.Connection, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
    """The columns of a table or view and their types; empty if there is no such table."""
    with suppress(NoSuchTableError):
        return {column["name"]: column["type"] for column in sa.inspect(connection).get_columns(table)}
    return {}


def missing_parts(connection: sa.Connection, needed: Mapping[str, Sequence[str]]) -> list[str]:
    """The parts of `needed` (table -> columns) that are missing, as "the table t" or "the column c of table t"."""
    missing = []
    for table, columns in needed.items():
        types = column_types(connection, table)
        if not types:
            missing.append(f"the table {table}")
        else:
            missing += [f"the column {column} of table {table}" for column in columns if column not in types]
    return missing


def fetched_rows(
    connection: sa.Connection, query: sa.Select[Any], rows_per_fetch: int
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a large result as the driver gives them, `rows_per_fetch` at a time; the rest stays in the database.

    SQLAlchemy's own rows would take a fifth more time (measured on 300,000 sessions in SQLite).
    """
    statement = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.dbapi_connection
    on_server = connection.dialect.name == POSTGRESQL
    with closing(driver.cursor("fetched_rows") if on_server else driver.cursor()) as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(rows_per_fetch):
            yield rows


def insert_rows(connection: sa.Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert many rows fast: COPY on PostgreSQL, one prepared statement on SQLite.

    Values go in untyped, so that an existing table may have, say, a date column where this project uses text.
    """
    quote = connection.dialect.identifier_preparer.quote
    target = f"{quote(table)} ({', '.join(quote(column) for column in columns)})"
    if connection.dialect.name == POSTGRESQL:
        driver: Any = connection.connection.dbapi_connection  # psycopg's own: SQLAlchemy knows no COPY
        with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    elif some := list(rows):
        values = ", ".join("?" for _ in columns)
        connection.exec_driver_sql(f"INSERT INTO {target} VALUES ({values})", some)  # noqa: S608  the names are quoted


def url_of_schema(url: str, schema: str) -> str:
    """The URL of a schema of a PostgreSQL database, in which names of tables are looked for there alone.

    Raises:
        DatabaseUrlError: the URL is none of PostgreSQL's.
    """
    parsed = _parsed(url)
    if parsed.drivername == SQLITE:
        raise DatabaseUrlError("A schema can be had in a PostgreSQL database only.")
    given = parsed.query.get("options", ())
    options = [*((given,) if isinstance(given, str) else given), f"-csearch_path={schema}"]
    return parsed.update_query_dict({"options": " ".join(options)}).render_as_string(hide_password=False)


def may_make_schemas(connection: sa.Connection) -> bool:
    """Whether the user of a PostgreSQL database may make schemas in it."""
    return bool(connection.scalar(sa.select(sa.func.has_database_privilege(sa.func.current_database(), "CREATE"))))


def _parsed(url: str) -> sa.URL:
    parsed = None
    with suppress(ArgumentError, ValueError):  # their messages may quote a part of the password
        parsed = sa.make_url(url)
    if parsed is None or any("@" in str(part) for part in (parsed.host, parsed.database) if part and parsed.host):
        raise DatabaseUrlError(
            "The database URL cannot be read: write sqlite:///path/to/file.db or"
            " postgresql://user:password@host:5432/database, with / @ : ? # % in a password percent-encoded."
        )
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        password = parsed.query.get("password")
        if isinstance(password, str):
            parsed = parsed.set(password=password).difference_update_query(["password"])
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseUrlError(
            f"The database URL begins with {parsed.drivername}://, but only sqlite:///path/to/file.db and"
            " postgresql://user:password@host:5432/database are supported, and as"
            " ATTRIBUTION_SOURCE_URL, which is only read, duckdb:///path/to/file.duckdb and files:///folder."
        )
    if (
        parsed.host
        or parsed.query
        or parsed.database in (None, "", ":memory:")
        or str(parsed.database).startswith("file:")
    ):
        raise DatabaseUrlError(
            "A SQLite URL names one file and nothing else: sqlite:///relative/path.db or sqlite:////absolute/path.db."
        )
    return parsed.set(drivername=SQLITE)


def _sqlite_engine(path: Path, begin: str, prepare: Callable[[sqlite3.Connection], None]) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=0,  # `prepare` does not wait for locks
            isolation_level=None,  # sqlite3 would begin no transaction before a SELECT: `begin` below does
            check_same_thread=False,
        )
        prepare(connection)
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    sa.event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _begin(connection: sa.Connection, statement: str) -> None:
    """Begin, and wait for a lock in short steps: an interrupt could not break off SQLite's own waiting."""
    given_up = connection.get_execution_options().get(_GIVEN_UP)
    deadline = time.monotonic() + SQLITE_BUSY_TIMEOUT_SECONDS
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout = {_STEP_SECONDS * 1000:.0f}")
    while True:
        last = time.monotonic() >= deadline - _STEP_SECONDS or (given_up is not None and given_up.is_set())
        try:
            driver.execute(statement)
            break
        except sqlite3.OperationalError as error:
            if last or error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                raise
    driver.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_SECONDS * 1000:.0f}")
    driver.execute(f"PRAGMA cache_size = -{_SQLITE_CACHE_KB}")  # not before: it reads the schema


def _let_only_read(connection: sqlite3.Connection) -> None:
    """Make the connection refuse every change to the database.

    A connection opened with `mode=ro` would refuse them too, but could not clean up: the -wal and -shm files that
    reading in WAL mode makes would stay, and after a writer was killed its journal would prevent all reading.
    """
    connection.execute("PRAGMA query_only = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):  # locked now, or impossible there: the mode stays as it is
        connection.execute("PRAGMA journal_mode = WAL")
