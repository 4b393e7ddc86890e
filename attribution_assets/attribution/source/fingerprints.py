"""Whether the source has changed: a short text per day that changes with its rows, and a marker of the whole.

PostgreSQL hashes the rows where they are, in one grouped query. SQLite works in this process anyway, so there the rows
are hashed as they are read.
"""

import datetime as dt
import hashlib
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from attribution_assets.attribution.database.database import POSTGRESQL, fetched_rows
from attribution_assets.attribution.source import statements as source_query
from attribution_assets.attribution.source.plain_rows import PlainRows, SqliteDay, characters, sqlite_days
from attribution_assets.attribution.source.row_reader import RawDay
from attribution_assets.attribution.source.statements import SCHEMA, DatedTable
from attribution_assets.attribution.source.usable_rows import RawColumns

_DAYS_PER_FETCH = 1_000
_HEX_DIGITS = 32
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


def fingerprints_of_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], first_day: dt.date
) -> dict[dt.date, str]:
    """The fingerprint of each of `days`, which are consecutive; `first_day` includes the rows that have no day."""
    if connection.dialect.name != POSTGRESQL:
        return {read.day: sqlite_fingerprint(table, read) for read in sqlite_days(connection, table, days, first_day)}
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


def postgresql_fingerprint(raw: RawDay) -> str:
    """The fingerprint of a day whose rows have been read from PostgreSQL."""
    hashes = raw.row_hashes or ()
    return f"{len(hashes)} {sum(hashes)}"


def sqlite_fingerprint(table: DatedTable, read: SqliteDay) -> str:
    """The fingerprint of a day whose rows have been read from SQLite, whatever their order."""
    digest = hashlib.sha256()  # with a processor's own instructions for it twice as fast as blake2b
    odd = _rows(read.odd)
    rows, parts = len(odd), [*odd, *sorted(map(repr, read.several_costs))]
    if read.plain is not None:
        rows += len(read.plain.texts[table.key])
        if _have_one_order(read.plain.texts[table.time], read.plain.texts[table.key]):
            for part in _buffers(read.plain):
                digest.update(b"%d:" % len(part))
                digest.update(part)
        else:
            parts += ["plain", *_rows(read.plain.columns(table, read.day))]
    digest.update(repr(parts).encode(errors="surrogatepass"))
    return f"{rows} {digest.hexdigest()[:_HEX_DIGITS]}"


def _rows(columns: RawColumns) -> list[str]:
    return sorted(map(repr, zip(*columns.values(), strict=True)))  # repr tells NULL, 1, 1.0 and "1" apart


def _have_one_order(times: pa.StringArray, keys: pa.StringArray) -> bool:
    """Whether no two rows, sorted by time and key, have the same of both, and could come in another order."""
    same = pc.and_(pc.equal(times[1:], times[:-1]), pc.equal(keys[1:], keys[:-1]))
    return not pc.any(same).as_py()


def _buffers(plain: PlainRows) -> Iterator[bytes | memoryview]:
    """Bytes that are different for different rows in this order."""
    for texts in plain.texts.values():
        yield pc.binary_length(texts).to_numpy().tobytes()
        yield characters(texts)
    for values in (*plain.flags, *plain.amounts.values(), *plain.counts.values()):
        yield repr(values.tolist()).encode() if values.dtype == object else values.tobytes()


def sqlite_marker(path: Path) -> str:
    """The change marker of a SQLite file: size and time of it and its -wal file; another one each time while new.

    The files are not opened: closing them again would end all locks that this process holds on them (SQLite, "How To
    Corrupt An SQLite Database File", 2.2).

    Raises:
        OSError: there is no such file, or it cannot be asked for.
    """
    path = path.resolve()  # where the -wal file is
    states = [path.stat()]
    with suppress(FileNotFoundError):
        states.append(path.with_name(f"{path.name}-wal").stat())
    changed = max(state.st_mtime for state in states)
    new = uuid.uuid4().hex if time.time() - changed < _SETTLED_SECONDS else ""
    return " ".join([*(f"{state.st_ino},{state.st_size},{state.st_mtime_ns}" for state in states), new])


def postgresql_marker(connection: sa.Connection) -> str:
    """The change marker of PostgreSQL: how many rows have ever been written, by table and partition.

    On a standby, which has no such statistics, how far it has replayed its primary's log.
    """
    tables = [connection.dialect.identifier_preparer.quote(table) for table in SCHEMA]
    found = connection.execute(_POSTGRESQL_STATISTICS, {"tables": tables}).one()
    if found.replayed:
        return str(found.replayed)
    return f"{found.counts} {found.reset} {found.started}" if found.usable else uuid.uuid4().hex
