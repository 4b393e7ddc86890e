"""Uploaded bodies: spooled to a file while they come, and read from it as batches of rows, never whole.

NDJSON, CSV, Parquet, or a JSON array. What is no such body is refused as a whole (`Problem`). Which
rows can be used is not looked at here, but in `row_tables.py`.
"""

import codecs
import csv
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from itertools import chain
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
MOST_COLUMNS = 200

ROWS_PER_BATCH = 10_000
_BYTES_PER_BATCH = 8 * 10**6
_PIECE = 10**6
_BOM = b"\xef\xbb\xbf"
_COLUMN = re.compile(r"\w[\w .-]*")
_MOST_BYTES_OF_A_NAME = 63  # in PostgreSQL
_OF_POSTGRESQL = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_NO_VALUES = {dict, list, bytes}
_LONG = 19
"""Integers of so many digits may be too large for 64 bits."""
_LONG_INTEGER = re.compile(rb"\d{%d}" % _LONG)
_NO_BLANK = re.compile(r"[^ \t\r\n]")
_DECODER = json.JSONDecoder()


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
    yield from _batches_of_objects(_objects(file))


def _batches_of_objects(objects: Iterable[tuple[int, str | bytes]]) -> Iterator[Batch]:
    """Rows that stand as JSON objects on these lines."""
    rows, size, first = list[dict[str, Any]](), 0, 1
    for line, text in objects:
        rows.append(_row(text, line, first + len(rows)))
        size += len(text)
        if len(rows) == ROWS_PER_BATCH or size > _BYTES_PER_BATCH:
            yield _batch_of_objects(rows, first)
            first += len(rows)
            rows, size = [], 0
    if rows:
        yield _batch_of_objects(rows, first)


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


class _Array:
    """The text of a JSON array as it is read: a part of it is in memory at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        self.line = 1

    def more(self) -> bool:
        """Read on; whether there was more."""
        if self._ended:
            return False
        piece = self._file.read(_PIECE)
        self._ended = not piece
        try:
            text = self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError:
            raise unreadable("the body is no UTF-8") from None
        self._text, self._at = self._text[self._at :] + text, 0
        return True

    def next(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            found = _NO_BLANK.search(self._text, self._at)
            self._go_to(found.start() if found else len(self._text))
            if found or not self.more():
                return found[0] if found else ""

    def take(self) -> None:
        """Go past a character."""
        self._go_to(self._at + 1)

    def value(self, row: int) -> str:
        """Go past a value, which is an object: its text.

        Raises:
            Problem: it is too long, or no JSON.
        """
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise unreadable(f"line {self.line} is no JSON that can be read: it is nested too deep", row) from None
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MOST_BYTES_OF_A_LINE:
                    reason = f"row {row} is longer than {MOST_BYTES_OF_A_LINE:,} bytes, or no JSON: {error.msg}"
                    raise unreadable(reason, row) from None
                if not self.more():
                    raise self.no_json(error.msg, error.pos, row) from None
                continue
            text = self._text[self._at : end]
            self._go_to(end)
            return text

    def no_json(self, reason: str, at: int | None = None, row: int | None = None) -> Problem:
        """The answer to what is no JSON at a place of the text, or here."""
        before = self._text[self._at : at or self._at]
        number, column = self.line + before.count("\n"), len(before) - before.rfind("\n")
        return unreadable(f"line {number} is no JSON: {reason} at column {column}", row)

    def _go_to(self, place: int) -> None:
        self.line += self._text.count("\n", self._at, place)
        self._at = place


def _objects(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """The line and the text of each object of a JSON array."""
    array = _Array(file)
    if (first := array.next()) != "[":
        raise unreadable("line 1: the body is no JSON array of rows") if first else array.no_json("the body is empty")
    array.take()
    row = 1
    while array.next() != "]" or row > 1:
        if (character := array.next()) != "{":
            is_value = character and character in '["-0123456789tfn'
            raise unreadable(f"row {row} is no JSON object", row) if is_value else array.no_json("an object is missing")
        line = array.line
        yield line, array.value(row)
        row += 1
        if (character := array.next()) not in (",", "]") or not character:
            raise array.no_json("a comma or the end of the array is missing")
        if character == "]":
            break
        array.take()
    array.take()
    if array.next():
        raise array.no_json("something stands after the array")


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
        parquet = pq.ParquetFile(file, buffer_size=_PIECE, pre_buffer=False)
        names, first = _header(parquet.schema_arrow.names), 1
        for part in parquet.iter_batches(ROWS_PER_BATCH, use_threads=False):
            yield _checked(Batch(first, len(part), dict(zip(names, map(_values, part.columns), strict=True))))
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
