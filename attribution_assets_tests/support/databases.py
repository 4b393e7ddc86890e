"""Fixtures: fresh databases, on SQLite, on a real PostgreSQL server and in DuckDB, and how tests write to them.

The server is Debian's package, started once per session as an unprivileged user, on a loopback port, asking for a
password that needs percent-encoding. Tests of it are skipped where PostgreSQL is not installed.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.schema import CreateTable

from attribution_assets.attribution.database.database import Database, insert_rows
from attribution_assets.attribution.database.duckdb_dialect import DuckDbDialect
from attribution_assets.demo import SOURCE_TABLES
from attribution_assets_tests.support.ports import free_port

PASSWORD = "s3cret/@:word"  # noqa: S105  of a server that lives as long as the tests

NewDatabase = Callable[..., str]

_START_SECONDS = 180
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a running server's database."""
    with running_postgresql() as url:
        yield url


@contextmanager
def running_postgresql() -> Iterator[str]:
    """The URL of a database of a server that runs as long as the context; skips a test where none is installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="attribution_pg_"))  # not pytest's: another user has to get into it
    server = None
    try:
        server, url = _start_server(programs[-1], folder)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # a fast shutdown
            server.wait()
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, emptied after the test (which fails if it still has it open)."""
    yield postgresql_server
    with psycopg.connect(postgresql_server) as connection:
        connection.execute("SET lock_timeout = '60s'")
        schemas = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        for (schema,) in schemas.fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        connection.execute("CREATE SCHEMA public")
        connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")


@contextmanager
def new_databases(server: str) -> Iterator[NewDatabase]:
    """`new(template="template0")`: the URL of a new database of the server, empty or a copy of another one.

    They are dropped in the end, which fails if one is still open.
    """
    made: list[str] = []

    def new(template: str = "template0") -> str:
        made.append(f"attribution_{next(_NUMBERS)}")
        copied = (sql.Identifier(made[-1]), sql.Identifier(template.rpartition("/")[2]))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(*copied))
        return f"{server.rpartition('/')[0]}/{made[-1]}"

    with psycopg.connect(server, autocommit=True) as connection:
        yield new
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture
def new_database(postgresql_server: str) -> Iterator[NewDatabase]:
    """New PostgreSQL databases of one test, see `new_databases`."""
    with new_databases(postgresql_server) as new:
        yield new


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty SQLite database."""
    path = tmp_path / "source.db"
    path.touch()
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database: the test runs once with each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    """The URL of an empty database of DuckDB, which can be a source."""
    path = tmp_path / "source.duckdb"
    duckdb.connect(str(path)).close()
    return f"duckdb:///{path}"


@pytest.fixture(params=["sqlite", "postgresql", "duckdb"])
def source_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database that can be a source: the test runs once with each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@contextmanager
def in_duckdb(url: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that can write to a database of DuckDB, in one transaction."""
    with duckdb.connect(url.removeprefix("duckdb:///")) as connection:
        connection.begin()
        yield connection
        connection.commit()


def execute(url: str, *statements: str) -> None:
    """Run statements in one transaction."""
    if url.startswith("duckdb"):
        with in_duckdb(url) as writer:
            for statement in statements:
                writer.execute(statement)
        return
    with Database(url).writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def insert(url: str, table: str, rows: Iterable[tuple[Any, ...]], *further: str) -> None:
    """Insert rows of a source table, each with all its columns in the order of `SOURCE_TABLES`, then further ones."""
    needed = SOURCE_TABLES.tables[table].columns.keys() if table in SOURCE_TABLES.tables else []
    columns = [*needed, *further]
    if url.startswith("duckdb"):
        values = f"({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})"
        with in_duckdb(url) as writer:
            if some := list(rows):
                writer.executemany(f"INSERT INTO {table} {values}", some)
        return
    with Database(url).writing() as connection:
        insert_rows(connection, table, columns, rows)


def rows_of(url: str, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table, sorted."""
    if url.startswith("duckdb"):
        with in_duckdb(url) as reader:
            return sorted(reader.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608  the tests' own names
    with Database(url).reading() as connection:
        return sorted(tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}"))  # noqa: S608  the tests' own names


def create_source_tables(url: str) -> None:
    """The three source tables, empty."""
    if url.startswith("duckdb"):
        tables = SOURCE_TABLES.sorted_tables
        execute(url, *(str(CreateTable(table).compile(dialect=DuckDbDialect())) for table in tables))
        return
    with Database(url).writing() as connection:
        SOURCE_TABLES.create_all(connection)


def _start_server(program: Path, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    user = "postgres" if os.geteuid() == 0 else None  # initdb and postgres refuse to run as root
    if user:
        shutil.chown(folder, user)
    as_user: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    data = folder / "data"
    login = ("-U", "tester", "-A", "scram-sha-256", "--pwfile", str(password_file))
    form = ("-E", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
    subprocess.run(  # noqa: S603  a program of the system, with arguments from here
        [str(program.parent / "initdb"), "-D", str(data), *login, *form],
        check=True,
        capture_output=True,
        cwd=folder,
        **as_user,
    )
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off"}
    settings |= {"full_page_writes": "off", "synchronous_commit": "off", "max_connections": 60}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  the same
            [program, "-D", data, *options], stdout=log, stderr=log, cwd=folder, **as_user
        )
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with closing(socket.socket()) as probe:
            if "ready to accept connections" in (folder / "log").read_text() and not probe.connect_ex(
                ("127.0.0.1", port)
            ):
                return server, f"postgresql://tester:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            server.wait()
            raise RuntimeError((folder / "log").read_text())
        time.sleep(0.05)
