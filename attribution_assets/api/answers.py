"""Results as answers: pages of JSON, CSV or Parquet, as the header Accept asks for, with ETag and how final they are.

What the results are is in `results.py`. A result comes in parts, such as days, of which one is in memory at a time.
"""

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import IO, Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from attribution_assets.api.pages import Page, cursor_after, no_cursor, place_of
from attribution_assets.api.problems import Problem
from attribution_assets.api.uploads import CSV, JSON, PARQUET
from attribution_assets.attribution.reporting.csv_text import csv_text
from attribution_assets.attribution.storage.stamps import digest

FEW_ROWS, MOST_ROWS = 1_000, 10_000
"""Rows of a page of JSON: without a limit, and at most."""

_ARROW_TYPES = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    dt.datetime: pa.timestamp("us", "UTC"),
    list: pa.list_(pa.string()),
}
_CHUNK = 10**6

Row = TypeVar("Row", bound=BaseModel)


class ResultPage(Page[Row], Generic[Row]):
    """A page of a result."""

    final_through: dt.date | None = Field(
        description="the last day up to which orders still to come can change no report; null if there is none"
    )
    as_of: dt.datetime | None = Field(description="when a report was last written; null if there is none")


@dataclass(frozen=True)
class Standing:
    """How far the results of a data set have come.

    Attributes:
        final_through: see `ResultPage`.
        as_of: see `ResultPage`.
    """

    final_through: dt.date | None = None
    as_of: dt.datetime | None = None


@dataclass(frozen=True)
class Result:
    """A result that can be asked for.

    Attributes:
        row: describes a row; its fields are the columns.
        columns: those of the columns that there are, in their order.
        parts: each gives some of the rows, as a frame that has these columns.
        version: a text that is another one whenever the rows may be others.
    """

    row: type[BaseModel]
    columns: Sequence[str]
    parts: Sequence[Callable[[], pd.DataFrame]]
    version: str

    @classmethod
    def of(cls, row: type[BaseModel], frame: pd.DataFrame) -> "Result":
        """A small result that has been computed."""
        content = frame.to_json(orient="split", date_format="iso", double_precision=15)
        return cls(row, [*row.model_fields], [lambda: frame], digest({"content": content}))

    @property
    def schema(self) -> pa.Schema:
        """Its columns in Arrow."""
        fields = {name: self.row.model_fields[name].annotation for name in self.columns}
        return pa.schema([(name, _ARROW_TYPES[_plain_type(type_)]) for name, type_ in fields.items()])

    def frames(self) -> Iterator[pd.DataFrame]:
        """The rows, part by part."""
        for part in self.parts:
            yield part()[[*self.columns]]


def answer(
    request: Request, result: Result, standing: Standing, *, limit: int, cursor: str | None, guard: bool
) -> Response:
    """A result in the form that a request accepts; 304 if the client has it.

    Args:
        request: the request.
        result: what it asks for.
        standing: how far the results have come.
        limit: rows of a page of JSON.
        cursor: where the page begins; None at the beginning.
        guard: whether names in CSV are guarded, see `csv_text`.

    Raises:
        Problem: 406, it accepts no form that there is; 409, the results have changed since the cursor was given; 422,
            it is none.
    """
    type_ = _accepted(",".join(request.headers.getlist("accept")))
    query = {name: value for name, value in request.query_params.items() if name not in ("limit", "cursor")}
    result = replace(result, version=digest({"result": result.version, "path": request.url.path, **query}))
    form = {"type": type_, "standing": str(standing), "guard": str(guard)}
    page = {"limit": str(limit), "cursor": str(cursor)} if type_ == JSON else {}
    etag = f'"{digest({"result": result.version, **form, **page})}"'
    headers = {"ETag": etag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if standing.final_through:
        headers["Final-Through"] = standing.final_through.isoformat()
    if standing.as_of:
        headers["As-Of"] = _moment(standing.as_of)
    if _is_known(etag, ",".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=304, headers=headers)
    if type_ == CSV:
        return StreamingResponse(_csv(result, guard=guard), media_type="text/csv; charset=utf-8", headers=headers)
    if type_ == PARQUET:
        return StreamingResponse(_pieces(_parquet(result)), media_type=PARQUET, headers=headers)
    return Response(_page(result, standing, limit, cursor), media_type=JSON, headers=headers)


def _accepted(accept: str) -> str:
    """The form that a header Accept prefers: of each form counts what is said of it most exactly (RFC 9110, 12.5.1)."""
    said: dict[str, float] = {}
    for each in accept.split(",") if accept.strip() else ["*/*"]:
        type_, *parameters = (part.strip().lower() for part in each.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            said[type_] = float(weight)
        except ValueError:
            said[type_] = 0.0

    def wish(offered: str) -> tuple[float, int]:
        ranges = (offered, f"{offered.partition('/')[0]}/*", "*/*")
        return next(((said[each], -place) for place, each in enumerate(ranges) if each in said), (0.0, 0))

    preferred = max((JSON, CSV, PARQUET), key=wish)
    if wish(preferred)[0] > 0:
        return preferred
    raise Problem(406, "Not acceptable", f"the results come as {JSON}, {CSV} or {PARQUET}: name one of them in Accept")


def _is_known(etag: str, if_none_match: str) -> bool:
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in known or known == ["*"]


def _page(result: Result, standing: Standing, limit: int, cursor: str | None) -> bytes:
    part, offset = _place(cursor, result)
    rows: list[dict[str, Any]] = []
    following = None
    for number in range(part, len(result.parts)):
        frame = result.parts[number]()[[*result.columns]].iloc[offset if number == part else 0 :]
        taken = frame.iloc[: limit - len(rows)]
        if len(taken) < len(frame):
            begins = offset if number == part else 0
            rows += _records(taken)
            following = _cursor(result, number, begins + len(taken))
            break
        rows += _records(taken)
    return orjson.dumps(
        {
            "data": rows,
            "next": following,
            "final_through": standing.final_through,
            "as_of": standing.as_of and _moment(standing.as_of),
        }
    )


def _cursor(result: Result, part: int, offset: int) -> str:
    return cursor_after(json.dumps([result.version, part, offset]))


def _place(cursor: str | None, result: Result) -> tuple[int, int]:
    """Part and row where a page begins."""
    if cursor is None:
        return 0, 0
    try:
        version, part, offset = json.loads(place_of(cursor))
        place = int(part), int(offset)
    except (ValueError, TypeError):
        raise no_cursor() from None
    if version != result.version or min(place) < 0:
        raise Problem(409, "Results changed", "the results are others than on the page before: begin without a cursor")
    return place


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = [str(name) for name in frame]
    columns = [_plain_values(frame[name]) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain_values(column: "pd.Series[Any]") -> list[Any]:
    """The values for JSON, None where there is none."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(value) else _moment(value) for value in column]
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(object).where(column.notna(), None).tolist()
    return [None if not isinstance(value, list) and pd.isna(value) else value for value in column]


def _moment(value: dt.datetime) -> str:
    """A time in UTC."""
    in_utc = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return f"{in_utc.isoformat()}Z"


def _csv(result: Result, *, guard: bool) -> Iterator[bytes]:
    heading = True
    for frame in result.frames() if result.parts else [pd.DataFrame(columns=[*result.columns])]:
        text = csv_text(frame.apply(_in_text) if len(frame) else frame, guard=guard)
        yield (text if heading else text.partition("\r\n")[2]).encode()
        heading = False


def _in_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_bool_dtype(column):
        return column.map({True: "true", False: "false"})
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.Series(_plain_values(column), index=column.index, dtype=object)
    return column.map(" ".join) if isinstance(column.iloc[0], list) else column


def _parquet(result: Result) -> IO[bytes]:
    schema = result.schema
    file = tempfile.TemporaryFile(prefix="attribution_result_")  # noqa: SIM115  closed once it has been sent
    with pq.ParquetWriter(file, schema) as writer:
        for frame in result.frames():
            moments = {
                name: frame[name].dt.tz_localize("UTC")
                for name in result.columns
                if pd.api.types.is_datetime64_dtype(frame[name])
            }
            writer.write_table(pa.Table.from_pandas(frame.assign(**moments), schema, preserve_index=False))
    file.seek(0)
    return file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def _plain_type(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    """The type without None, without what describes it, and without what is in a list."""
    if get_origin(annotation) in (Union, UnionType):
        [annotation] = [each for each in get_args(annotation) if each is not type(None)]
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) or annotation
