"""The API's own database: keys, operations, webhooks, answers kept for idempotency. A SQLite file in a folder."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import api_home

BUSY_SECONDS = 30
FILE = "api.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS api_keys (
    name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, data_sets TEXT NOT NULL, scopes TEXT NOT NULL,
    created TEXT NOT NULL, revoked TEXT
);
CREATE TABLE IF NOT EXISTS operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, data_set TEXT NOT NULL, kind TEXT NOT NULL,
    parameters TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL, started TEXT, ended TEXT,
    progress TEXT NOT NULL, run_ids TEXT NOT NULL, result TEXT, error TEXT,
    lease TEXT, leased REAL, process TEXT, attempts INTEGER NOT NULL, leases INTEGER NOT NULL,
    cancel INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS operations_by_state ON operations (state, number);
CREATE TABLE IF NOT EXISTS first_answers (
    key TEXT NOT NULL, path TEXT NOT NULL, idempotency_key TEXT NOT NULL, request TEXT NOT NULL,
    at REAL NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (key, path, idempotency_key)
);
CREATE TABLE IF NOT EXISTS webhooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, data_set TEXT NOT NULL, url TEXT NOT NULL,
    events TEXT NOT NULL, secret TEXT NOT NULL, created TEXT NOT NULL, removed TEXT
);
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, webhook TEXT NOT NULL, event TEXT NOT NULL,
    body TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL, ended TEXT, tries INTEGER NOT NULL,
    due REAL NOT NULL, status INTEGER, error TEXT
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_by_state ON webhook_deliveries (state, due);
CREATE TABLE IF NOT EXISTS reported_days (data_set TEXT PRIMARY KEY, versions TEXT NOT NULL);
"""


class Home:
    """The folder and the database in it.

    Args:
        folder: The folder; it is made, readable only by its owner.

    Raises:
        ConfigurationError: It cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._file = folder, folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.database() as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.executescript(_SCHEMA)
            self._file.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"ATTRIBUTION_API_HOME is {str(folder)!r}: it cannot be used ({error})") from None

    @classmethod
    def from_environment(cls) -> "Home":
        """The folder that ATTRIBUTION_API_HOME names, or data/api."""
        return cls(api_home())

    @classmethod
    def if_there(cls) -> "Home | None":
        """The same, if an API has ever been used here; nothing is made."""
        return cls(api_home()) if (api_home() / FILE).exists() else None

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """A connection; what is not in a `changes` block is committed at once."""
        with closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)) as database:
            database.row_factory = sqlite3.Row
            database.execute("PRAGMA secure_delete = ON")  # what is erased is in no free page of the file
            yield database

    def compact(self) -> None:
        """Leave nothing of what was changed or deleted in the database's write-ahead log."""
        with self.database() as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def changes(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction that nobody else writes beside; rolled back if the block raises."""
        with self.database() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def now() -> str:
    """The time, as the database holds it (UTC)."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
