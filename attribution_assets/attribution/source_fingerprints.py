"""Whether the source has changed: a short text per day that changes with its rows, and a marker of the whole.

PostgreSQL hashes the rows where they are, in one grouped query. SQLite works in this process anyway, so there the rows
are hashed as they are read.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from itertools import chain, islice
from operator import lt
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import sqlalchemy as sa

from attribution_assets.attribution import source_query
from attribution_assets.attribution.database import POSTGRESQL, fetched_rows
from attribution_assets.attribution.source_columns import are_texts
from attribution_assets.attribution.source_query import SCHEMA, DatedTable
from attribution_assets.attribution.source_reading import RawDay, raw_days

_DAYS_PER_FETCH = 1_000
_HEX_DIGITS = 32
_SQLITE_HEADER_BYTES = 100  # of the file: with its change counter
_WAL_INDEX_HEADER_BYTES = 48  # of the -shm file: with the number of transactions and of the last frame

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


def fingerprints_of_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], first_day: dt.date
) -> dict[dt.date, str]:
    """The fingerprint of each of `days`, which are consecutive; `first_day` includes the rows that have no day."""
    if connection.dialect.name != POSTGRESQL:
        return {raw.day: fingerprint(table, raw) for raw in raw_days(connection, table, days, first_day)}
    found: dict[str, tuple[int, int]] = {day.isoformat(): (0, 0) for day in days}
    queries = [source_query.rows_of_days(connection, table, days[0], days[-1])]
    if days[0] <= first_day <= days[-1]:
        queries.append(source_query.rows_without_a_day(connection, table, first_day))
    for rows in queries:
        hashed = source_query.fingerprints(rows, table)
        for date, count, hashes in chain.from_iterable(fetched_rows(connection, hashed, _DAYS_PER_FETCH)):
            day = date if date in found else first_day.isoformat()
            count_before, hashes_before = found[day]
            found[day] = count_before + count, hashes_before + int(hashes)
    return {day: "{} {}".format(*found[day.isoformat()]) for day in days}


def fingerprint(table: DatedTable, raw: RawDay) -> str:
    """The fingerprint of a day whose rows have been read, whatever their order."""
    if raw.row_hashes is not None:
        return f"{len(raw.row_hashes)} {sum(raw.row_hashes)}"
    columns = raw.columns.values()
    if not raw.several_costs and _have_one_order(raw.columns[table.time], raw.columns[table.key]):
        parts = map(_column_bytes, columns)
    else:
        rows = sorted(map(repr, zip(*columns, strict=True)))  # repr tells NULL, 1, 1.0 and "1" apart
        parts = map(str.encode, [*rows, *sorted(map(repr, raw.several_costs))])
    digest = hashlib.sha256()  # with a processor's own instructions for it twice as fast as blake2b
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return f"{len(raw.columns[table.key])} {digest.hexdigest()[:_HEX_DIGITS]}"


def _have_one_order(times: Sequence[Any], keys: Sequence[Any]) -> bool:
    """Whether each row comes after the one before it, so that the same rows cannot come in another order."""
    if not (are_texts(times) and are_texts(keys)):
        return False
    return all(map(lt, zip(times, keys, strict=True), islice(zip(times, keys, strict=True), 1, None)))


def _column_bytes(values: Sequence[Any]) -> bytes:
    """Different for different values; of a column that holds one type, many times faster than `repr`."""
    types = set(map(type, values))
    if types == {str}:
        text = "\n".join(values)
        if text.count("\n") == len(values) - 1:
            return b"text" + text.encode()
    elif types == {int}:  # SQLite's are of 8 bytes
        return b"int" + np.array(values, dtype=np.int64).tobytes()
    elif types in ({float}, {float, NoneType}):  # NULL becomes NaN, which SQLite has not
        return b"float" + np.array(values, dtype=np.float64).tobytes()
    return repr(values).encode()


def sqlite_marker(path: Path) -> str:
    """The change marker of a SQLite file: its size, time and header, and those of its -wal and -shm files.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    marks = [_file_marks(path, _SQLITE_HEADER_BYTES)]
    for suffix, header in (("-wal", 0), ("-shm", _WAL_INDEX_HEADER_BYTES)):
        beside = path.with_name(path.name + suffix)
        marks.append(_file_marks(beside, header) if beside.exists() else "")
    return " ".join(marks)


def postgresql_marker(connection: sa.Connection) -> str:
    """The change marker of PostgreSQL: how many rows have ever been written, by table and partition.

    On a standby, which has no such statistics, how far it has replayed its primary's log.
    """
    tables = [connection.dialect.identifier_preparer.quote(table) for table in SCHEMA]
    found = connection.execute(_POSTGRESQL_STATISTICS, {"tables": tables}).one()
    if found.replayed:
        return str(found.replayed)
    return f"{found.counts} {found.reset} {found.started}" if found.usable else uuid.uuid4().hex


def _file_marks(path: Path, header_bytes: int) -> str:
    stat = path.stat()
    with path.open("rb") as file:
        header = hashlib.blake2b(file.read(header_bytes), digest_size=8).hexdigest()
    return f"{stat.st_size},{stat.st_mtime_ns},{header}"
