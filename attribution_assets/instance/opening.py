"""Opens the Dagster instance in which the command records its runs, the one that `dg dev` shows there.

The settings and connections made here hold for the process of the command only. What the history says of runs does not
belong here (`runs.py`), nor does access to private parts of Dagster (`dagster_internals.py`).
"""

import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from textwrap import shorten
from urllib.parse import quote

import dagster as dg
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.exc import ArgumentError, DBAPIError
from upath import UPath

from attribution_assets.attribution.files.locations import LocationError, require_writable_folder
from attribution_assets.environment import without_secrets
from attribution_assets.errors import RunFailedError, RunRejectedError
from attribution_assets.instance.dagster_internals import (
    NO_COMPUTE_LOGS,
    InvalidValueError,
    SqliteHistory,
    close_pooled_connections,
    connected_by,
    create_tables,
    lock_of,
    remember_all_partitions,
    remember_schema_revisions,
    remember_tables,
    show_new_runs_in,
    sqlite_history,
    store_batches_at_once,
)
from attribution_assets.instance.runs import end_killed_runs

IN_PROCESS = {
    # Runs print to this terminal. A copy in Dagster's log files would take two more processes for each run.
    "compute_logs": NO_COMPUTE_LOGS,
    "telemetry": {"enabled": False},
}
LOCATION, MODULE = "attribution_assets", "attribution_assets.definitions"
"""The code location in `workspace.yaml` and pyproject.toml, of which the command's runs are."""
EVENTS_PER_BATCH = "DAGSTER_EVENT_BATCH_SIZE", "1000"
"""Dagster's variable for how many events of a step its storage is given at once, where there are so many."""
LOCK = ".attribution_assets.lock"
"""The lock's file. It lies in DAGSTER_HOME, where nobody else can take it."""

MOST_CHARACTERS = 400
"""Where Dagster's message about wrong settings is cut: it can list all settings that there are."""

POSTGRESQL_DRIVER = "psycopg2"
"""The driver that Dagster's PostgreSQL storage needs. SQLAlchemy uses another one if the URL does not name it."""

CONNECTION_SECONDS = 60
"""The greatest age of a pooled connection to a PostgreSQL history: networks cut connections that idle for minutes."""


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance to run in: of DAGSTER_HOME, else of this folder if it has a dagster.yaml, else of data/dagster.

    Runs whose process was killed are marked as failed.

    Raises:
        RunRejectedError: Its dagster.yaml cannot be used.
        RunFailedError: Its databases cannot be read or written.
    """
    with _opened() as instance:
        end_killed_runs(instance)
        remember_tables(instance)
        remember_all_partitions()
        show_new_runs_in(instance, LOCATION, MODULE)
        os.environ.setdefault(*EVENTS_PER_BATCH)
        with _connections(instance, _kept_connections):
            yield instance


@contextmanager
def history_to_read() -> Iterator[dg.DagsterInstance]:
    """The same instance for reading its history: a SQLite history cannot be written, and no writer has to wait.

    Raises:
        RunRejectedError: Its dagster.yaml cannot be used.
        RunFailedError: Its databases cannot be read.
    """
    with _opened() as instance, _connections(instance, _read_only_connections):
        yield instance


def _connections(
    instance: dg.DagsterInstance, of_sqlite: Callable[[SqliteHistory], AbstractContextManager[None]]
) -> AbstractContextManager[None]:
    """Make Dagster use the connections of `of_sqlite` for a SQLite history, and pooled connections otherwise."""
    history = sqlite_history(instance)
    return of_sqlite(history) if history else _pooled_connections(instance)


def require_writable_home() -> None:
    """See that Dagster's history can be written where it is to lie.

    Raises:
        RunRejectedError: It cannot.
    """
    home = _home()
    try:
        require_writable_folder(UPath(home))
    except LocationError as error:
        raise RunRejectedError(f"Dagster's history cannot lie in {home} (DAGSTER_HOME): {error}") from None


def _home() -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or ("." if Path("dagster.yaml").exists() else "data/dagster")).absolute()


@contextmanager
def _opened() -> Iterator[dg.DagsterInstance]:
    home = _home()
    with suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
    if not home.is_dir():
        raise RunRejectedError(f"Dagster's history cannot lie in {home} (DAGSTER_HOME): it is no folder")
    remember_schema_revisions()
    logging.getLogger("dagster").setLevel(logging.ERROR)  # it warns if there is no dagster.yaml, which is allowed here
    root = logging.getLogger()
    root.addFilter(_is_not_about_a_retry)
    try:
        with history_errors_as_failed_run(home), _created_by_one_process(home) as instance:
            yield instance
    finally:
        root.removeFilter(_is_not_about_a_retry)


@contextmanager
def history_errors_as_failed_run(home: Path | str) -> Iterator[None]:
    """Turn errors of the history's database into an error of one line.

    Raises:
        RunFailedError: The history's database cannot be read or written.
    """
    try:
        yield
    except _database_errors() as error:
        raise RunFailedError(without_secrets(f"Dagster's history in {home} cannot be used: {_reason(error)}")) from None


@contextmanager
def _created_by_one_process(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance. Its databases are created under a lock: several processes that create them at once corrupt them.

    Where the folder cannot be written, there is nothing to create, and no lock.
    """
    with FileLock(home / LOCK) if os.access(home, os.W_OK) else nullcontext():
        instance = _instance_of(home)
        instance.get_runs_count()
        instance.all_asset_keys()
        instance.all_instigator_state()
    with instance:
        yield instance


def _instance_of(home: Path) -> dg.DagsterInstance:
    try:
        instance = dg.DagsterInstance.local_temp(str(home), overrides=IN_PROCESS)  # persistent, despite the name
    except (dg.DagsterInvalidConfigError, ArgumentError, InvalidValueError) as error:
        first = error.errors[0].message if isinstance(error, dg.DagsterInvalidConfigError) else str(error)
        words = shorten(without_secrets(first.partition("Stack Trace:")[0]), MOST_CHARACTERS, placeholder=" ...")
        missing = isinstance(error.__context__, ImportError)
        hint = ". Its storage needs a package: pip install 'attribution-assets[postgres]'" if missing else ""
        raise RunRejectedError(f"{home / 'dagster.yaml'} cannot be used: {words}{hint}") from None
    except ValueError:  # its message is not shown, as it quotes a part of the URL, possibly of the password
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


def _database_errors() -> tuple[type[Exception], ...]:
    """The errors of the history's database. For PostgreSQL, Dagster has an exception of its own."""
    postgres = sys.modules.get("dagster_postgres.utils")
    return (DBAPIError, postgres.DagsterPostgresException) if postgres else (DBAPIError,)


def _reason(error: Exception) -> str:
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    reason = getattr(cause, "orig", cause)
    return f"{reason}. Is the disk full?" if isinstance(reason, sqlite3.Error) else f"{reason}"


def _is_not_about_a_retry(record: logging.LogRecord) -> bool:
    """False for Dagster's messages that it tries again to connect to PostgreSQL, of which it writes up to six."""
    return not str(record.msg).startswith("Retrying failed database connection")


@contextmanager
def _kept_connections(history: SqliteHistory) -> Iterator[None]:
    """Make Dagster write its SQLite history over one connection per file, without waiting for the disk.

    By default Dagster opens two connections for each of the hundreds of events of a run, and waits until each event is
    on the disk, which takes more than half of a small run's time. The write-ahead log stays intact when the process
    dies; after a power failure the history may lack its last moments.
    """
    engines: dict[str, sa.Engine] = {}

    @contextmanager
    def connect(shard: str) -> Iterator[sa.Connection]:
        with lock_of(history):  # as Dagster does, except that the connection is kept
            if shard not in engines:
                engine = _engine(history.conn_string_for_shard(shard))
                create_tables(history, engine)
                engines[shard] = engine
            with engines[shard].begin() as connection:
                yield connection

    store_batches_at_once(history)
    try:
        with connected_by(history, connect):
            yield
    finally:
        for engine in engines.values():
            engine.dispose()


@contextmanager
def _read_only_connections(history: SqliteHistory) -> Iterator[None]:
    """Make Dagster read its SQLite history over connections that can neither write nor create a file.

    By default Dagster creates the file of a run when it reads that run, possibly while the run creates the file itself.
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
    """Make Dagster use a pool of connections to its PostgreSQL history, as its webserver does.

    By default Dagster opens a connection for each of the hundreds of events of a run, which takes as long as the run.
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
