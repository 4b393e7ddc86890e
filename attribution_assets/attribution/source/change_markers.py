"""Markers of change: texts that differ from an earlier one whenever the source tables may have changed.

They are cheap to get. What has changed, by day, is said by `fingerprints`.
"""

import os
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from attribution_assets.attribution.source.statements import OPTIONAL_SCHEMA, SCHEMA
from attribution_assets.attribution.source.table_names import find_table

_SETTLED_SECONDS = 1  # more than any file system's times are apart: a later change shows in the time

_POSTGRESQL_STATISTICS = sa.text("""
    WITH RECURSIVE part AS (
        SELECT to_regclass(name)::oid AS id FROM unnest(CAST(:tables AS text[])) AS name
        UNION
        SELECT inhrelid FROM pg_inherits JOIN part ON inhparent = id
    )
    SELECT
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END AS replayed,
        current_setting('track_counts')::boolean
            AND bool_and(coalesce(relkind = 'p' OR relkind = 'r' AND relid IS NOT NULL, false)) AS usable,
        string_agg(
            concat_ws(',', id, relfilenode, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup), ' ' ORDER BY id
        ) AS counts,
        (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database())::text AS reset,
        pg_postmaster_start_time()::text AS started
    FROM part LEFT JOIN pg_class ON oid = id LEFT JOIN pg_stat_all_tables ON relid = id
""")


def marker_of_files(paths: Iterable[Path], companions: Iterable[Path] = ()) -> str:
    """The marker of files: name, size and time of each; another one each time while one is new.

    The files are not opened. For those of SQLite that matters: closing them again would end all locks that this
    process holds on them (SQLite, "How To Corrupt An SQLite Database File", 2.2).

    Args:
        paths: files.
        companions: files that may be there or not, such as the one that holds a database's latest changes.

    Raises:
        OSError: one of `paths` is not there, or cannot be asked for.
    """
    states = [(path, path.stat()) for path in paths]
    for path in companions:
        with suppress(FileNotFoundError):
            states.append((path, path.stat()))
    changed = max((state.st_mtime for _, state in states), default=0)
    new = [uuid.uuid4().hex] if time.time() - changed < _SETTLED_SECONDS else []
    return " ".join([*(_in_words(path, state) for path, state in states), *new])


def state_of_files(paths: Iterable[Path]) -> list[str]:
    """The name, size and time of each file; arguments and errors as for `marker_of_files`."""
    return [_in_words(path, path.stat()) for path in paths]


def _in_words(path: Path, state: os.stat_result) -> str:
    return f"{path.name},{state.st_ino},{state.st_size},{state.st_mtime_ns}"


def companion(path: Path, suffix: str) -> Path:
    """The file beside a database's file, which may be there or not, that holds its latest changes."""
    path = path.resolve()
    return path.with_name(f"{path.name}{suffix}")


def postgresql_marker(connection: sa.Connection) -> str:
    """The marker of PostgreSQL: how many rows have ever been written, by table and partition.

    On a standby, which has no such statistics, how far it has replayed its primary's log.
    """
    found = (find_table(connection, table) for table in (*SCHEMA, *OPTIONAL_SCHEMA))
    names = [table.name for table in found if table.columns]
    tables = [connection.dialect.identifier_preparer.quote(name) for name in names]
    state = connection.execute(_POSTGRESQL_STATISTICS, {"tables": tables}).one()
    if state.replayed:
        return str(state.replayed)
    return f"{state.counts} {state.reset} {state.started}" if state.usable else uuid.uuid4().hex
