"""Whether the source has changed: a fingerprint of each day, which changes with its rows.

PostgreSQL and DuckDB hash the rows themselves, in one grouped query. Those of SQLite are read and hashed here. The
stamps of stored days hold these fingerprints: with another form of hashing, all stored days would be read again.

What is done about a change (which days are read again) does not belong here, but in `late_data`; the SQL of the rows
and of their hashes is in `statements`, the marker that says whether to look at all in `change_markers`.
"""

import datetime as dt
import hashlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from types import NoneType
from typing import Any

import numpy as np
import sqlalchemy as sa

from attribution_assets.attribution.database.database import SQLITE, fetched_rows
from attribution_assets.attribution.source import statements
from attribution_assets.attribution.source.channel_names import ChannelNames
from attribution_assets.attribution.source.column_checks import are_texts
from attribution_assets.attribution.source.repeated_rows import RawColumns
from attribution_assets.attribution.source.row_reader import RawDay, raw_days
from attribution_assets.attribution.source.statements import SESSIONS, DatedTable

_DAYS_PER_FETCH = 1_000
_HEX_DIGITS = 32
_COUNTS = ("id_rows", "cost_rows")  # the columns of `statements.rows_of_days` that count rows


def fingerprints_of_days(
    connection: sa.Connection, table: DatedTable, days: Sequence[dt.date], first_day: dt.date, channels: ChannelNames
) -> dict[dt.date, str]:
    """The fingerprint of each of `days`, which are consecutive; `first_day` includes the rows that have no day.

    What `channels` makes of the names of a day of sessions is a part of it.
    """
    names_count = "channel_name" in table.texts and bool(channels.channels)
    if connection.dialect.name == SQLITE:
        fingerprint = fingerprint_of_read_rows(connection, table, channels)
        return {raw.day: fingerprint(raw) for raw in raw_days(connection, table, days, first_day)}
    found: dict[str, tuple[int, int]] = {day.isoformat(): (0, 0) for day in days}
    queries = [statements.rows_of_days(connection, table, days[0], days[-1])]
    if days[0] <= first_day <= days[-1]:
        queries.append(statements.rows_without_a_day(connection, table, first_day))
    names: dict[str, set[object]] = {day: set() for day in found}
    for rows in queries:
        hashed = statements.fingerprints(rows, table, with_names=names_count)
        for date, count, hashes, *of_day in chain.from_iterable(fetched_rows(connection, hashed, _DAYS_PER_FETCH)):
            day = date if date in found else first_day.isoformat()
            count_before, hashes_before = found[day]
            found[day] = count_before + count, hashes_before + int(hashes)
            names[day].update(*of_day)
    return {
        day: _with_names("{} {}".format(*found[day.isoformat()]), table, channels.applied_to(names[day.isoformat()]))
        for day in days
    }


def fingerprint_of_read_rows(
    connection: sa.Connection, table: DatedTable, channels: ChannelNames
) -> Callable[[RawDay], str]:
    """A function that gives the fingerprint of a day of the table whose rows have been read through the connection.

    It is the fingerprint that `fingerprints_of_days` gives for the day.
    """
    if connection.dialect.name != SQLITE:
        of_rows: Callable[[RawDay], str] = _fingerprint_of_hashes
    else:
        encoding = connection.exec_driver_sql("PRAGMA encoding").scalar_one()
        of_rows = partial(_sqlite_fingerprint, table, hash_columns=encoding == "UTF-8")
    return lambda raw: _with_names(of_rows(raw), table, channels.applied_to(raw.columns.get("channel_name", ())))


def _with_names(fingerprint: str, table: DatedTable, applied: str) -> str:
    """The fingerprint, with what the mapping makes of the channel names if it maps any, and how columns are read."""
    dimensions = ("by", *table.dimensions) if table.dimensions else ()
    return " ".join([fingerprint, *filter(None, [applied]), *table.further, *dimensions])


def _fingerprint_of_hashes(raw: RawDay) -> str:
    hashes = raw.row_hashes or ()
    return f"{len(hashes)} {sum(hashes)}"


def _sqlite_fingerprint(table: DatedTable, raw: RawDay, *, hash_columns: bool) -> str:
    """The fingerprint of a day whose rows have been read from SQLite; the order of the rows does not matter.

    Args:
        table: the table of the rows.
        raw: the rows.
        hash_columns: whether to hash plain rows (see `_split`) column by column, which is faster; else each row is
            hashed as text.
    """
    digest = hashlib.sha256()  # with a processor's own instructions for it twice as fast as blake2b
    plain, others = _split(table, raw) if hash_columns and table.key else (None, raw.columns)
    parts = [*_row_texts(others), *sorted(map(repr, raw.several_costs))]
    if plain is not None:
        in_order = _by_time_and_key(table, plain)
        if in_order is None:
            parts += ["plain", *_row_texts(plain)]
        else:
            for part in _column_bytes(table, in_order):
                digest.update(b"%d:" % len(part))
                digest.update(part)
    digest.update(repr(parts).encode(errors="surrogatepass"))
    return f"{len(raw.columns[table.date])} {digest.hexdigest()[:_HEX_DIGITS]}"


def _row_texts(columns: RawColumns) -> list[str]:
    return sorted(map(repr, zip(*columns.values(), strict=True)))  # repr tells NULL, 1, 1.0 and "1" apart


def _split(table: DatedTable, raw: RawDay) -> tuple[RawColumns | None, RawColumns]:
    """The plain rows and the others; None and all rows if there is no plain row, or if a plain row cannot be hashed so.

    A row is plain if its date is the day, its texts and its time are text, and its flags equal 0 or 1. Rows are hashed
    column by column only if no text holds a newline and every flag is an integer.
    """
    columns = raw.columns
    odd = _odd_positions(table, raw)
    plain_names = (table.date, *_texts(table), *table.flags, *_amounts(table), *table.further, *_COUNTS)
    plain = {name: _without(columns[name], odd) for name in plain_names if name in columns}
    has_newline = any("\n" in "".join(plain[name]) for name in _texts(table))
    if not plain[table.key] or has_newline or any(set(map(type, plain[flag])) != {int} for flag in table.flags):
        return None, columns
    return plain, {name: [values[i] for i in odd] for name, values in columns.items()}


def _odd_positions(table: DatedTable, raw: RawDay) -> set[int]:
    """The positions of the rows that are not plain."""
    columns, day = raw.columns, raw.day.isoformat()
    odd, plain_values = set[int](), {table.date: {day}} | {flag: {0, 1} for flag in table.flags}
    for name, plain in plain_values.items():
        if not set(columns[name]) <= plain:
            odd |= {i for i, value in enumerate(columns[name]) if value not in plain}
    for name in _texts(table):
        if not are_texts(columns[name]):
            odd |= {i for i, text in enumerate(columns[name]) if not isinstance(text, str)}
    return odd


def _without(values: Sequence[Any], positions: set[int]) -> Sequence[Any]:
    return [value for i, value in enumerate(values) if i not in positions] if positions else values


def _by_time_and_key(table: DatedTable, plain: RawColumns) -> RawColumns | None:
    """The rows by time, then key; None if two rows have both in common, so that they have no certain order."""
    rows = list(zip(plain[table.time], plain[table.key], strict=True))
    if all(map(operator.lt, rows, rows[1:])):
        return plain
    if len(set(rows)) < len(rows):
        return None
    order = sorted(range(len(rows)), key=rows.__getitem__)
    return {name: [values[i] for i in order] for name, values in plain.items()}


def _column_bytes(table: DatedTable, plain: RawColumns) -> Iterator[bytes]:
    """Bytes that differ if the rows, in this order, differ."""
    columns: Mapping[str, Sequence[Any]] = plain
    for name in _texts(table):
        texts = columns[name]
        together = "".join(texts)  # in one piece it takes a sixth of the time
        lengths = map(len, texts) if together.isascii() else (len(text.encode()) for text in texts)
        yield np.fromiter(lengths, np.int32, len(texts)).tobytes()
        yield together.encode()
    for name in table.flags:
        yield bytes(columns[name])
    for name in _amounts(table):
        amounts = columns[name]
        are_floats = set(map(type, amounts)) <= {float, NoneType}
        yield np.array(amounts, dtype=np.float64).tobytes() if are_floats else repr(list(amounts)).encode()
    for name in (*table.further, *_COUNTS):
        if name in columns:
            yield repr(list(columns[name])).encode(errors="surrogatepass")


def _texts(table: DatedTable) -> tuple[str, ...]:
    return (*table.ids, *table.texts, table.time)


def _amounts(table: DatedTable) -> tuple[str, ...]:
    return (*table.amounts, "cost") if table.name == SESSIONS.name else table.amounts
