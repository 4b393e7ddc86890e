"""Uploaded bodies: spooled to a file while they come, and read from it as batches of rows, never whole.

NDJSON, CSV, Parquet, or a JSON array (`json_array.py`). What is no such body is refused as a whole (`Problem`). What a
batch can hold is in `batches.py`; which rows can be used is not looked at here, but in `row_tables.py`.
"""

import csv
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from email.message import Message
from functools import partial
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from attribution_assets.api.batches import (
    BYTES_AT_A_TIME,
    MOST_BYTES_OF_A_LINE,
    Batch,
    batch_of_fields,
    batch_of_objects,
    column_names,
    unreadable,
    with_single_values,
)
from attribution_assets.api.json_array import objects_of
from attribution_assets.api.problems import Problem
from attribution_assets.attribution.tables.readable import quoted

NDJSON, CSV, PARQUET, JSON = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet", "application/json"

ROWS_PER_BATCH = 10_000
_BYTES_PER_BATCH = 8 * 10**6
_BOM = b"\xef\xbb\xbf"
_LONG = 19
"""Integers of so many digits may be too large for 64 bits."""
_LONG_INTEGER = re.compile(rb"\d{%d}" % _LONG)


@asynccontextmanager
async def spooled_body(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body of a request, bounded and decompressed before, as a file that no kill leaves behind."""
    with tempfile.TemporaryFile(prefix="attribution_upload_") as file:
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(file.seek, 0)
        yield file


def batches_of(body: IO[bytes], content_type: str) -> Iterator[Batch]:
    """The rows of a body.

    Args:
        body: its file, at its beginning.
        content_type: as its header says.

    Raises:
        Problem: 415, it is of another type; 400, it cannot be read.
    """
    header = Message()
    header["content-type"] = content_type
    type_, charset = header.get_content_type(), str(header.get_param("charset", "utf-8")).lower()
    if type_ not in _READERS or not content_type or charset not in ("utf-8", "utf8", "us-ascii"):
        named = quoted(content_type) if content_type else "missing"
        raise Problem(
            415, "Unsupported media type", f"Content-Type is {named}: it takes {', '.join(_READERS)}, in UTF-8"
        )
    yield from _READERS[type_](body)


def _ndjson(file: IO[bytes]) -> Iterator[Batch]:
    yield from _batches_of_objects((number, line) for number, line in _lines(file) if not line.isspace())


def _json(file: IO[bytes]) -> Iterator[Batch]:
    yield from _batches_of_objects(objects_of(file))


def _batches_of_objects(objects: Iterable[tuple[int, str | bytes]]) -> Iterator[Batch]:
    """Rows that stand as JSON objects on these lines."""
    rows, size, first = list[dict[str, Any]](), 0, 1
    for line, text in objects:
        rows.append(_row(text, line, first + len(rows)))
        size += len(text)
        if len(rows) == ROWS_PER_BATCH or size > _BYTES_PER_BATCH:
            yield batch_of_objects(rows, first)
            first += len(rows)
            rows, size = [], 0
    if rows:
        yield batch_of_objects(rows, first)


def _row(text: str | bytes, line: int, row: int) -> dict[str, Any]:
    """The JSON object of a row, in which a long integer is the text of its digits.

    Raises:
        Problem: It is none.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        number = line + error.lineno - 1
        raise unreadable(f"line {number} is no JSON: {error.msg} at column {error.colno}", row) from None
    if type(found) is not dict:
        raise unreadable(f"line {line} is no JSON object", row)
    if _LONG_INTEGER.search(text if isinstance(text, bytes) else text.encode()):  # of which orjson makes a float
        whole: dict[str, Any] = json.loads(text, parse_int=_integer)
        return whole
    return found


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < _LONG else digits


def _csv(file: IO[bytes]) -> Iterator[Batch]:
    reader = csv.reader(_texts(file), strict=True)
    first, rows, size, header = 1, list[list[str]](), 0, list[str]()
    try:
        header = next(reader, [])
        names = column_names(header)
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
                yield batch_of_fields(names, rows, first)
                first += len(rows)
                rows, size = [], 0
    except csv.Error as error:
        raise unreadable(f"line {max(reader.line_num, 1)} is no CSV: {error}", first + len(rows)) from None
    if rows:
        yield batch_of_fields(names, rows, first)


def _parquet(file: IO[bytes]) -> Iterator[Batch]:
    try:
        parquet = pq.ParquetFile(file, buffer_size=BYTES_AT_A_TIME, pre_buffer=False)
        names, first = column_names(parquet.schema_arrow.names), 1
        for part in parquet.iter_batches(ROWS_PER_BATCH, use_threads=False):
            yield with_single_values(Batch(first, len(part), dict(zip(names, map(_values, part.columns), strict=True))))
            first += len(part)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise unreadable(f"the body is no Parquet file that can be read: {str(error).splitlines()[0]}") from None


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
