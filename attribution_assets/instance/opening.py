"""The Dagster instance in which the command records its runs: the one that `dagster dev` shows from the same folder.

What is run there is in `runs.py`. The settings here hold for the command's own process alone.
"""

import logging
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from pathlib import Path
from textwrap import shorten
from urllib.parse import quote

import dagster as dg
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.exc import ArgumentError, DBAPIError

from attribution_assets.errors import RunFailedError, RunRejectedError
from attribution_assets.instance.dagster_internals import (
    NO_COMPUTE_LOGS,
    InvalidValueError,
    SqliteHistory,
    close_pooled_connections,
    connected_by,
    create_tables,
    lock_of,
    remember_tables,
    sqlite_history,
)
from attribution_assets.instance.runs import end_killed_runs

IN_PROCESS = {
    # What runs here prints to this terminal: a copy in Dagster's log files would take two more processes a run.
    "compute_logs": NO_COMPUTE_LOGS,
    "telemetry": {"enabled": False},
}
MOST_CHARACTERS = 400  # of what Dagster says of its settings, which can be all settings that there could be

POSTGRESQL_DRIVER = "psycopg2"
"""What Dagster's PostgreSQL storage is written for; SQLAlchemy takes another where the URL does not name it."""

CONNECTION_SECONDS = 60
"""How old a kept connection to a PostgreSQL history may become: networks cut those that idle for minutes."""


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, else of this folder if it has a dagster.yaml, else of data/dagster.

    Raises:
        RunRejectedError: Its dagster.yaml cannot be used.
        RunFailedError: Its databases cannot be read or written.
    """
    with _opened_alone() as instance:
        end_killed_runs(instance)
        remember_tables(instance)
        with _connections(instance, _kept_connections):
            yield instance


@contextmanager
def history_to_read() -> Iterator[dg.DagsterInstance]:
    """The same instance for who only reads its history: nothing is written into it, and no writer has to wait.

    Raises:
        RunRejectedError: Its dagster.yaml cannot be used.
        RunFailedError: Its databases cannot be read.
    """
    with _opened_alone() as instance, _connections(instance, _read_only_connections):
        yield instance


def _connections(
    instance: dg.DagsterInstance, of_sqlite: Callable[[SqliteHistory], AbstractContextManager[None]]
) -> AbstractContextManager[None]:
    """Have Dagster reach its history over such connections if it is in SQLite, else over pooled ones."""
    history = sqlite_history(instance)
    return of_sqlite(history) if history else _pooled_connections(instance)


@contextmanager
def _opened_alone() -> Iterator[dg.DagsterInstance]:
    home = Path(os.environ.get("DAGSTER_HOME") or ("." if Path("dagster.yaml").exists() else "data/dagster")).absolute()
    home.mkdir(parents=True, exist_ok=True)
    logging.getLogger("dagster").setLevel(logging.ERROR)  # it warns of a home without settings, which is fine here
    root = logging.getLogger()
    root.addFilter(_says_more_than_that_it_tries_again)
    try:
        with history_errors_told(home), _first_opened_alone(home) as instance:
            yield instance
    finally:
        root.removeFilter(_says_more_than_that_it_tries_again)


@contextmanager
def history_errors_told(home: Path | str) -> Iterator[None]:
    """Tell in a line of what the history's database refuses.

    Raises:
        RunFailedError: The history cannot be used.
    """
    try:
        yield
    except _refusals() as error:
        raise RunFailedError(f"Dagster's history in {home} cannot be used: {_in_words(error)}") from None


@contextmanager
def _first_opened_alone(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance, whose databases are made by one process at a time: several at once would spoil them."""
    lock = (
        Path(tempfile.gettempdir())
        / f"attribution_assets_{os.getuid()}_{blake2b(str(home).encode(), digest_size=8).hexdigest()}.lock"
    )
    with FileLock(lock):
        instance = _opened(home)
        instance.get_runs_count()
        instance.all_asset_keys()
        instance.all_instigator_state()
    with instance:
        yield instance


def _opened(home: Path) -> dg.DagsterInstance:
    try:
        instance = dg.DagsterInstance.local_temp(str(home), overrides=IN_PROCESS)  # one that stays, despite its name
    except (dg.DagsterInvalidConfigError, ArgumentError, InvalidValueError) as error:
        first = error.errors[0].message if isinstance(error, dg.DagsterInvalidConfigError) else str(error)
        words = shorten(first.partition("Stack Trace:")[0], MOST_CHARACTERS, placeholder=" ...")
        missing = isinstance(error.__context__, ImportError)
        hint = ". Its storage needs a package: pip install 'attribution-assets[postgres]'" if missing else ""
        raise RunRejectedError(f"{home / 'dagster.yaml'} cannot be used: {words}{hint}") from None
    except ValueError:  # whose words quote a part of the URL, which may be of the password
        raise RunRejectedError(
            f"{home / 'dagster.yaml'} cannot be used: the URL of its database cannot be read. Percent-encode what is"
            " special in a password: / @ : ? # %"
        ) from None
    url = getattr(instance.run_storage, "postgres_url", None)
    if url and sa.make_url(url).get_dialect().driver != POSTGRESQL_DRIVER:
        raise RunRejectedError(
            f"The PostgreSQL URL of Dagster's history has to name its driver, {POSTGRESQL_DRIVER}: write"
            f" postgresql+{POSTGRESQL_DRIVER}://..., or the scheme postgresql+{POSTGRESQL_DRIVER} under postgres_db"
        )
    return instance


def _refusals() -> tuple[type[Exception], ...]:
    """What is raised where the history's database refuses: for PostgreSQL, Dagster has an exception of its own."""
    postgres = sys.modules.get("dagster_postgres.utils")
    return (DBAPIError, postgres.DagsterPostgresException) if postgres else (DBAPIError,)


def _in_words(error: Exception) -> str:
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    reason = getattr(cause, "orig", cause)
    return f"{reason}. Is the disk full?" if isinstance(reason, sqlite3.Error) else f"{reason}"


def _says_more_than_that_it_tries_again(record: logging.LogRecord) -> bool:
    """Whether a message is more than one of Dagster's tries to connect to PostgreSQL, of which it makes six."""
    return not str(record.msg).startswith("Retrying failed database connection")


@contextmanager
def _kept_connections(history: SqliteHistory) -> Iterator[None]:
    """Have Dagster write its SQLite history over one connection per file, without waiting for the disk.

    By itself it opens two connections for each of the hundreds of events of a run, and waits until the disk has each of
    them: more than half of a small run's time. Its write-ahead log stays whole when the process dies; a power failure
    costs the history no more than its last moments.
    """
    engines: dict[str, sa.Engine] = {}

    @contextmanager
    def connect(shard: str) -> Iterator[sa.Connection]:
        with lock_of(history):  # what Dagster does here itself, but for the new connection
            if shard not in engines:
                engine = _engine(history.conn_string_for_shard(shard))
                create_tables(history, engine)
                engines[shard] = engine
            with engines[shard].begin() as connection:
                yield connection

    try:
        with connected_by(history, connect):
            yield
    finally:
        for engine in engines.values():
            engine.dispose()


@contextmanager
def _read_only_connections(history: SqliteHistory) -> Iterator[None]:
    """Have Dagster read its SQLite history over connections that can neither write nor make a file.

    By itself it makes the file of a run that it asks for, which can be the moment at which the run makes it.
    """

    @contextmanager
    def connect(shard: str) -> Iterator[sa.Connection]:
        path = quote(history.path_for_shard(shard))
        engine = sa.create_engine(f"sqlite:///file:{path}?mode=rw&uri=true", poolclass=sa.NullPool)
        sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        with engine.connect() as connection:
            yield connection

    with connected_by(history, connect):
        yield


@contextmanager
def _pooled_connections(instance: dg.DagsterInstance) -> Iterator[None]:
    """Have Dagster write its PostgreSQL history over a few connections, as its webserver does.

    By itself it opens one for each of the hundreds of events of a run, which takes as long as the run.
    """
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=CONNECTION_SECONDS, max_overflow=-1)
    try:
        yield
    finally:
        close_pooled_connections(instance)


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": 60, "check_same_thread": False})
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    return engine
