"""The Dagster instance in which the command records its runs: the one that `dagster dev` shows from the same folder.

What is run there is in `runs.py`. The settings here hold for the command's own process alone.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from filelock import FileLock
from sqlalchemy.exc import DBAPIError

from attribution_assets.errors import RunFailedError
from attribution_assets.run_history import end_killed_runs

IN_PROCESS = {
    # What runs here prints to this terminal: a copy in Dagster's log files would take two more processes a run.
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"},
    "telemetry": {"enabled": False},
}


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, else of this folder if it has a dagster.yaml, else of data/dagster.

    Raises:
        RunFailedError: Its databases cannot be read or written.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or ("." if Path("dagster.yaml").exists() else "data/dagster")).absolute()
    home.mkdir(parents=True, exist_ok=True)
    logging.getLogger("dagster").setLevel(logging.ERROR)  # it warns of a home without settings, which is fine here
    try:
        with _first_opened_alone(home) as instance:
            end_killed_runs(instance)
            history = instance.event_log_storage
            kept = _kept_connections(history) if isinstance(history, SqliteEventLogStorage) else nullcontext()
            with kept:
                yield instance
    except DBAPIError as error:
        raise RunFailedError(f"Dagster's history in {home} cannot be used: {error.orig}. Is the disk full?") from None


@contextmanager
def _first_opened_alone(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance, whose databases are made by one process at a time: several at once would spoil them."""
    lock = (
        Path(tempfile.gettempdir())
        / f"attribution_assets_{os.getuid()}_{blake2b(str(home).encode(), digest_size=8).hexdigest()}.lock"
    )
    with FileLock(lock):
        instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=IN_PROCESS))
        instance.get_runs_count()
        instance.all_asset_keys()
        instance.all_instigator_state()
    with instance:
        yield instance


@contextmanager
def _kept_connections(history: SqliteEventLogStorage) -> Iterator[None]:
    """Have Dagster write its SQLite history over one connection per file, without waiting for the disk.

    By itself it opens two connections for each of the hundreds of events of a run, and waits until the disk has each of
    them: more than half of a small run's time. Its write-ahead log stays whole when the process dies; a power failure
    costs the history no more than its last moments.
    """
    engines: dict[str, sa.Engine] = {}

    @contextmanager
    def connect(shard: str) -> Iterator[sa.Connection]:
        with history._db_lock:  # noqa: SLF001  # what Dagster does here itself, but for the new connection
            if shard not in engines:
                engines[shard] = _engine(history.conn_string_for_shard(shard))
                history._initdb(engines[shard])  # noqa: SLF001  # the same
            with engines[shard].begin() as connection:
                yield connection

    history._connect = connect  # type: ignore[method-assign]  # noqa: SLF001  # the one place all its connections come from
    try:
        yield
    finally:
        del history._connect  # noqa: SLF001  # the class's own is back
        for engine in engines.values():
            engine.dispose()


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": 60, "check_same_thread": False})
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    return engine
