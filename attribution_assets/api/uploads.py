"""Uploaded bodies: spooled to a file while they come, and read from it as batches of rows, never whole.

NDJSON, CSV, Parquet, or a JSON array of limited length. What is no such body is refused as a whole (`Problem`). Which
rows can be used is not looked at here, but in `row_tables.py`.
"""

import csv
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from attribution_assets.api.problems import Problem
from attribution_assets.attribution.source.rejected_rows import shown
from attribution_assets.attribution.tables.readable import quoted

NDJSON, CSV, PARQUET, JSON = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet", "application/json"

MOST_BYTES_OF_A_LINE = 10**6
MOST_BYTES_OF_AN_ARRAY = 16 * 10**6
"""A JSON array is read whole, which takes many times its length of memory."""
MOST_COLUMNS = 200

ROWS_PER_BATCH = 10_000
_BYTES_PER_BATCH = 8 * 10**6
_PIECE = 10**6
_BOM = b"\xef\xbb\xbf"
_COLUMN = re.compile(r"\w[\w .-]*")
_MOST_BYTES_OF_A_NAME = 63  # in PostgreSQL
_OF_POSTGRESQL = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_NO_VALUES = {dict, list, bytes}


@dataclass(frozen=True)
class Batch:
    """Some rows of a body.

    Attributes:
        first: the number of the first of them, counted from 1.
        rows: how many there are.
        columns: field name, in lower case -> the values; None where a row has none.
        refused: position of a row -> the field because of which it can be no row of a table, and why.
    """

    first: int
    rows: int
    columns: dict[str, list[Any]]
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)


def unreadable(reason: str, row: int | None = None) -> Problem:
    """The answer to a body that cannot be read.

    Args:
        reason: why, with the line where there are lines.
        row: the row at which reading ended.
    """
    errors = [] if row is None else [{"row": row, "detail": reason}]
    return Problem(400, "Unreadable body", f"{reason}; nothing is stored", errors)


@asynccontextmanager
async def spooled_body(request: Request) -> AsyncIterator[Path]:
    """The body of a request, bounded and decompressed before, as a file that is there as long as the context."""
    with tempfile.NamedTemporaryFile(prefix="attribution_upload_") as file:
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(file.flush)
        yield Path(file.name)


def batches_of(body: Path, content_type: str) -> Iterator[Batch]:
    """The rows of a body.

    Args:
        body: its file.
        content_type: as its header says.

    Raises:
        Problem: 415, it is of another type; 400, it cannot be read; 413, it is a JSON array that is too long.
    """
    header = Message()
    header["content-type"] = content_type
    type_, charset = header.get_content_type(), str(header.get_param("charset", "utf-8")).lower()
    if type_ not in _READERS or not content_type or charset not in ("utf-8", "utf8", "us-ascii"):
        named = quoted(content_type) if content_type else "missing"
        raise Problem(
            415, "Unsupported media type", f"Content-Type is {named}: it takes {', '.join(_READERS)}, in UTF-8"
        )
    with body.open("rb") as file:
        yield from _READERS[type_](file)


def _ndjson(file: IO[bytes]) -> Iterator[Batch]:
    rows, size, first = list[dict[str, Any]](), 0, 1
    for number, line in _lines(file):
        if line.isspace():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise unreadable(
                f"line {number} is no JSON: {error.msg} at column {error.colno}", first + len(rows)
            ) from None
        if type(row) is not dict:
            raise unreadable(f"line {number} is no JSON object", first + len(rows))
        rows.append(row)
        size += len(line)
        if len(rows) == ROWS_PER_BATCH or size > _BYTES_PER_BATCH:
            yield _batch_of_objects(rows, first)
            first += len(rows)
            rows, size = [], 0
    if rows:
        yield _batch_of_objects(rows, first)


def _json(file: IO[bytes]) -> Iterator[Batch]:
    text = file.read(MOST_BYTES_OF_AN_ARRAY + 1)
    if len(text) > MOST_BYTES_OF_AN_ARRAY:
        raise Problem(
            413,
            "Body too long",
            f"a JSON array takes up to {MOST_BYTES_OF_AN_ARRAY:,} bytes: send the rows as {NDJSON}, one on each line",
        )
    try:
        rows = orjson.loads(text.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise unreadable(f"line {error.lineno} is no JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(rows, list):
        raise unreadable("line 1: the body is no JSON array of rows")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise unreadable(f"row {number} is no JSON object", number)
    for start in range(0, len(rows), ROWS_PER_BATCH):
        yield _batch_of_objects(rows[start : start + ROWS_PER_BATCH], start + 1)


def _csv(file: IO[bytes]) -> Iterator[Batch]:
    reader = csv.reader(_texts(file), strict=True)
    first, rows, size, header = 1, list[list[str]](), 0, list[str]()
    try:
        header = next(reader, [])
        names = _header(header)
        for row in reader:
            if len(row) != len(names):
                if not row:
                    continue
                raise unreadable(
                    f"line {reader.line_num} has {len(row)} fields, and the header {len(names)}", first + len(rows)
                )
            rows.append(row)
            size += sum(map(len, row))
            if len(rows) == ROWS_PER_BATCH or size > _BYTES_PER_BATCH:
                yield _batch_of_fields(names, rows, first)
                first += len(rows)
                rows, size = [], 0
    except csv.Error as error:
        raise unreadable(f"line {max(reader.line_num, 1)} is no CSV: {error}", first + len(rows)) from None
    if rows:
        yield _batch_of_fields(names, rows, first)


def _parquet(file: IO[bytes]) -> Iterator[Batch]:
    try:
        parquet = pq.ParquetFile(file.name, buffer_size=_PIECE, pre_buffer=False)
        names, first = _header(parquet.schema_arrow.names), 1
        for part in parquet.iter_batches(ROWS_PER_BATCH, use_threads=False):
            yield _checked(Batch(first, len(part), dict(zip(names, map(_values, part.columns), strict=True))))
            first += len(part)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        said = str(error).replace(file.name, "the body").splitlines()[0]
        raise unreadable(f"the body is no Parquet file that can be read: {said}") from None


_READERS: Mapping[str, Callable[[IO[bytes]], Iterator[Batch]]] = {
    NDJSON: _ndjson,
    CSV: _csv,
    PARQUET: _parquet,
    JSON: _json,
}


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(iter(partial(file.readline, MOST_BYTES_OF_A_LINE + 1), b""), 1):
        if len(line) > MOST_BYTES_OF_A_LINE:
            raise unreadable(f"line {number} is longer than {MOST_BYTES_OF_A_LINE:,} bytes")
        yield number, line.removeprefix(_BOM) if number == 1 else line


def _texts(file: IO[bytes]) -> Iterator[str]:
    for number, line in _lines(file):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise unreadable(f"line {number} is no UTF-8: byte {error.start + 1}") from None


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _header(names: Sequence[str]) -> list[str]:
    """The column names in lower case.

    Raises:
        Problem: There are none, or one cannot be the name of a column.
    """
    lower = [name.strip().lower() for name in names]
    if not any(lower):
        raise unreadable("line 1: there is no header with the names of the columns")
    if len(lower) > MOST_COLUMNS:
        raise unreadable(f"line 1: there are more than {MOST_COLUMNS} columns")
    for name in lower:
        if not is_column_name(name):
            raise unreadable(f"line 1: {quoted(name)} {NO_COLUMN}")
        if lower.count(name) > 1:
            raise unreadable(f"line 1: the column {name} is there twice")
    return lower


NO_COLUMN = "cannot be the name of a column: take letters and digits, with blanks or _ . - between"


def is_column_name(name: str) -> bool:
    """Whether a table can have a column of this name, given in lower case."""
    is_short = len(name.encode()) <= _MOST_BYTES_OF_A_NAME
    return is_short and _COLUMN.fullmatch(name) is not None and name not in _OF_POSTGRESQL


def _batch_of_fields(names: Sequence[str], rows: Sequence[Sequence[str]], first: int) -> Batch:
    columns = ([value or None for value in values] for values in zip(*rows, strict=True))
    return Batch(first, len(rows), dict(zip(names, columns, strict=True)))


def _batch_of_objects(rows: list[dict[str, Any]], first: int) -> Batch:
    refused: dict[int, tuple[str, str]] = {}
    fields = set(chain.from_iterable(set(map(tuple, rows))))
    if not all(name == name.lower() and is_column_name(name) for name in fields) or len(fields) > MOST_COLUMNS:
        rows = [_in_lower_case(row, position, refused) for position, row in enumerate(rows)]
        fields = set(chain.from_iterable(rows))
        if len(fields) > MOST_COLUMNS:
            raise unreadable(f"there are more than {MOST_COLUMNS} different fields in the rows from {first} on", first)
    columns = {name: [row.get(name) for row in rows] for name in sorted(fields)}
    return _checked(Batch(first, len(rows), columns, refused))


def _in_lower_case(row: dict[str, Any], position: int, refused: dict[int, tuple[str, str]]) -> dict[str, Any]:
    lower = {name.lower(): value for name, value in row.items()}
    if len(lower) < len(row):
        refused[position] = ("", "two of its fields have the same name, but for capital letters")
    for name in [*lower]:
        if not is_column_name(name):
            refused[position] = (name[:64], f"{shown(name)} {NO_COLUMN}")
            del lower[name]
    return lower


def _checked(batch: Batch) -> Batch:
    """The batch without lists, objects and bytes as values."""
    for name, values in batch.columns.items():
        if not _NO_VALUES.isdisjoint(map(type, values)):
            for position, value in enumerate(values):
                if type(value) in _NO_VALUES:
                    said = "is not text" if isinstance(value, bytes) else "is no single value"
                    batch.refused[position] = (name, f"{name} {shown(value)} {said}")
                    values[position] = None
    return batch
