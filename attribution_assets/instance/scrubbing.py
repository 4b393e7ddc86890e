"""Takes the id of a visitor out of what Dagster's history says in free texts: messages, descriptions, metadata.

Structure stays as it is: names of assets and steps, days, tags, numbers. Only a SQLite history lies in files that can
be written anew; in PostgreSQL the rows are changed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from attribution_assets.errors import RunFailedError
from attribution_assets.instance.dagster_internals import sqlite_history

ERASED = "(erased)"
_FREE = {"user_message", "message", "description", "text", "md_str", "stack", "records", "data", "skip_reason", "label"}
"""Names under which Dagster's events hold free texts."""

_MOST_BYTES_OF_A_LOG = 100 * 2**20


def scrub_history(instance: dg.DagsterInstance, user: str) -> None:
    """Take an id out of the free texts of the instance's history.

    Args:
        instance: The instance.
        user: The id.

    Raises:
        RunFailedError: The history cannot be written.
    """
    history = sqlite_history(instance)
    try:
        if history is None:
            if url := getattr(instance.run_storage, "postgres_url", None):
                _scrub(sa.create_engine(url, poolclass=sa.NullPool), user, compact=False)
            return
        base = Path(history.path_for_shard("index")).parent.parent.parent
        for file in sorted(base.rglob("*.db")):
            engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool, connect_args={"timeout": 30})
            _scrub(engine, user, compact=True)
        for log in (path for path in base.rglob("*") if path.suffix in {".out", ".err", ".log"} and path.is_file()):
            _scrub_log(log, user)
    except (DBAPIError, OSError) as error:
        reason = getattr(error, "orig", error)
        raise RunFailedError(f"Dagster's history cannot be cleared of the visitor's id: {reason}") from None


def scrubbed(text: str, user: str) -> str:
    """A text of the history without an id in its free texts; what is no JSON is free text as a whole."""
    pattern = re.compile(rf"(?<![0-9A-Za-z_]){re.escape(user)}(?![0-9A-Za-z_])")
    try:
        content = json.loads(text)
    except ValueError:
        return pattern.sub(ERASED, text)
    if not isinstance(content, dict | list):
        return text
    return json.dumps(_scrubbed(content, pattern, free=False))


def _scrubbed(content: Any, pattern: re.Pattern[str], *, free: bool) -> Any:  # noqa: ANN401 - as JSON has it
    if isinstance(content, dict):
        return {name: _scrubbed(value, pattern, free=free or name in _FREE) for name, value in content.items()}
    if isinstance(content, list):
        return [_scrubbed(value, pattern, free=free) for value in content]
    return pattern.sub(ERASED, content) if free and isinstance(content, str) else content


def _scrub(engine: sa.Engine, user: str, *, compact: bool) -> None:
    changed = False
    with engine.begin() as connection:
        for table in _tables(connection):
            texts = [column for column in table.columns if isinstance(column.type, sa.String)]
            keys = list(table.primary_key.columns)
            forms = {user, json.dumps(user)[1:-1], json.dumps(json.dumps(user)[1:-1])[1:-1]}
            for column in (column for column in texts if keys and column not in keys):
                is_in = sa.or_(*(column.contains(form, autoescape=True) for form in sorted(forms)))
                for *key, text in connection.execute(sa.select(*keys, column).where(is_in)).all():
                    if (without := scrubbed(text, user)) != text:
                        these = sa.and_(*(of == value for of, value in zip(keys, key, strict=True)))
                        connection.execute(sa.update(table).where(these).values({column.name: without}))
                        changed = True
    if compact and changed:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def _tables(connection: sa.Connection) -> Iterator[sa.Table]:
    found = sa.MetaData()
    found.reflect(connection)
    yield from found.tables.values()


def _scrub_log(log: Path, user: str) -> None:
    if log.stat().st_size > _MOST_BYTES_OF_A_LOG:
        return
    text = log.read_text(encoding="utf-8", errors="surrogateescape")
    if user in text:
        log.write_text(text.replace(user, ERASED), encoding="utf-8", errors="surrogateescape")
