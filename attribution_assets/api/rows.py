"""Rows in: `POST` and `DELETE` of `/v1/data-sets/{name}/rows/{table}`."""

import json
from collections.abc import Callable
from functools import partial
from typing import IO, Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from attribution_assets.api.access import data_set_of, require_kept
from attribution_assets.api.problems import Problem, refusal
from attribution_assets.api.row_tables import ROW_TABLES, RefusedRow, RowTable, sorted_out
from attribution_assets.api.source_store import SourceStore, StagedRows
from attribution_assets.api.uploads import CSV, JSON, NDJSON, PARQUET, batches_of, spooled_body
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.settings import Settings

MOST_REJECTED_LISTED = 1_000


def row_table(
    table: Annotated[
        str, Path(description="which rows", examples=["sessions"], json_schema_extra={"enum": [*ROW_TABLES]})
    ],
) -> RowTable:
    """The table of an address.

    Raises:
        Problem: 404, there is none of this name.
    """
    if table not in ROW_TABLES:
        raise Problem(404, "Not found", f"there is no table {quoted(table)}: there are {', '.join(ROW_TABLES)}")
    return ROW_TABLES[table]


NamedTable = Annotated[RowTable, Depends(row_table)]


class RejectedRow(BaseModel):
    """A row that cannot be used."""

    row: int = Field(description="its number in the body, counted from 1")
    id: str | None = Field(description="its key; null where it has none")
    field: str = Field(description="the first field that cannot be used")
    reason: str = Field(description="all that is wrong with it, as it is said of rows that a run sets aside")


class RowsTaken(BaseModel):
    """What became of the rows of a body."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "received": 3,
                    "stored": 2,
                    "unchanged": 0,
                    "rejected": [
                        {
                            "row": 2,
                            "id": "s2",
                            "field": "event_time",
                            "reason": "event_time '25:00:00' is not a time HH:MM:SS",
                        }
                    ],
                    "rejected_count": 1,
                }
            ]
        }
    )

    received: int = Field(description="rows in the body")
    stored: int = Field(description="rows that are new, or different from what was stored")
    unchanged: int = Field(description="rows that changed nothing; also those that a later one of the body replaces")
    rejected: list[RejectedRow] = Field(description=f"rows that cannot be used: the first {MOST_REJECTED_LISTED:,}")
    rejected_count: int = Field(description="how many cannot be used in all")


_SESSION = {
    "session_id": "s1",
    "user_id": "u1",
    "timestamp": "2024-02-01T12:00:00+01:00",
    "channel_name": "Search",
    "holder_engagement": 1,
    "closer_engagement": 0,
    "impression_interaction": 0,
}
_EXAMPLES = {
    NDJSON: f"{json.dumps(_SESSION)}\n",
    JSON: [_SESSION],
    CSV: "conv_id,user_id,conv_date,conv_time,revenue\no1,u1,2024-02-03,18:30:00,99.50\n",
}
_FIELDS = "\n\n".join(
    f"`{name}`: {', '.join(f'`{field}` ({words})' for field, words in table.fields.items())}."
    for name, table in ROW_TABLES.items()
)
_BODY = {
    "required": True,
    "description": f"The rows, one after the other; gzip with `Content-Encoding: gzip`.\n\n{_FIELDS}",
    "content": {
        NDJSON: {"schema": {"type": "string"}, "example": _EXAMPLES[NDJSON]},
        CSV: {"schema": {"type": "string"}, "example": _EXAMPLES[CSV]},
        PARQUET: {"schema": {"type": "string", "format": "binary"}},
        JSON: {"schema": {"type": "array", "items": {"type": "object"}}, "example": _EXAMPLES[JSON]},
    },
}


def router() -> APIRouter:
    """The routes of rows."""
    routes = APIRouter(tags=["Rows in"])
    routes.add_api_route(
        "/v1/data-sets/{name}/rows/{table}",
        put_rows,
        methods=["POST"],
        response_model=RowsTaken,
        summary="Send rows",
        responses={
            400: refusal("The body cannot be read; nothing is stored."),
            404: refusal("There is no such table."),
            409: refusal("The data set's rows come from a source of its own, or it has no database of its own."),
            413: refusal("The body is too long."),
            415: refusal("The body is of another type."),
            422: refusal("With `strict`: a row cannot be used; nothing is stored."),
        },
        openapi_extra={"requestBody": _BODY},
    )
    routes.add_api_route(
        "/v1/data-sets/{name}/rows/{table}/{id:path}",
        delete_row,
        methods=["DELETE"],
        status_code=204,
        summary="Delete a row",
        responses={
            404: refusal("There is no such row or table."),
            409: refusal("The data set's rows come from a source of its own, or it has no database of its own."),
        },
    )
    return routes


async def put_rows(
    request: Request,
    settings: Annotated[Settings, Depends(data_set_of("write"))],
    table: NamedTable,
    strict: Annotated[bool, Query(description="Store nothing if any row cannot be used.")] = False,  # noqa: FBT002  # FastAPI's form
) -> RowsTaken:
    """Store rows in place of those with the same key, so that sending them again changes nothing.

    The key is session_id, conv_id, or date, channel_name and campaign. A row that cannot be used is left out and listed
    with its reason; the others are stored. Fields beyond those of the source tables become columns of their own.
    """
    store = SourceStore(settings)
    async with spooled_body(request) as body:
        content_type = request.headers.get("content-type", "")
        still_there = partial(require_kept, request, settings.data_set)
        return await run_in_threadpool(_put, store, table, body, content_type, still_there, strict=strict)


def _put(
    store: SourceStore,
    table: RowTable,
    body: IO[bytes],
    content_type: str,
    still_there: Callable[[], None],
    *,
    strict: bool,
) -> RowsTaken:
    received, rejected, rejected_count = 0, list[RefusedRow](), 0
    with StagedRows() as staged:
        for batch in batches_of(body, content_type):
            received += batch.rows
            found = sorted_out(table, batch)
            staged.add(found.columns)
            rejected_count += len(found.refused)
            rejected += found.refused[: MOST_REJECTED_LISTED - len(rejected)]
        if strict and rejected_count:
            raise Problem(
                422,
                "Unusable rows",
                f"{rejected_count} of {received} rows cannot be used, and nothing is stored: {rejected[0].reason} (row"
                f" {rejected[0].row})",
                [{"row": each.row, "id": each.id, "field": each.field, "detail": each.reason} for each in rejected],
            )
        still_there()  # a body can take its time, and a deletion is not to be followed by its rows
        stored = store.replace(table, staged) if staged.rows else 0
    return RowsTaken(
        received=received,
        stored=stored,
        unchanged=received - rejected_count - stored,
        rejected=[RejectedRow(row=each.row, id=each.id, field=each.field, reason=each.reason) for each in rejected],
        rejected_count=rejected_count,
    )


def delete_row(
    settings: Annotated[Settings, Depends(data_set_of("write"))],
    table: NamedTable,
    row_id: Annotated[
        str,
        Path(
            alias="id",
            description="The row's key; of `spend`, date, channel and campaign as a line of CSV.",
            examples=["s1"],
        ),
    ],
) -> Response:
    """Delete a row, of which the next run takes notice as of any other change."""
    key = table.key_of(row_id)
    if key is None or not SourceStore(settings).delete(table, key):
        raise Problem(404, "Not found", f"there is no row {quoted(row_id)} in {table.name}")
    return Response(status_code=204)
