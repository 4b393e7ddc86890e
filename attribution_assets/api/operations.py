"""The routes of operations: asking for one, looking at it, canceling it. Who carries them out is in `workers.py`."""

import sqlite3
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from attribution_assets.api.access import Reader, Runner, data_set_of, require_data_set
from attribution_assets.api.keys import Key
from attribution_assets.api.pages import Cursor, Limit, Page, cursor_after, number_of
from attribution_assets.api.problems import Problem, ProblemDetails, refusal
from attribution_assets.api.startable import require_startable
from attribution_assets.operations.first_answers import IdempotentRequest, first_answer
from attribution_assets.operations.records import ENDED, KeptOperation, State
from attribution_assets.operations.store import OperationStore
from attribution_assets.settings import Settings

ACCEPTED = 202
RETRY_AFTER = {"Retry-After": "2"}
PRINTABLE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
"""Of a text that is not blank and has no control characters."""

Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"})]
"""A day in a body."""


class Attribute(BaseModel):
    """Bring days up to date: journeys, credit of the IHC API, reports. Paid answers are kept, and never paid twice."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["attribute"]
    first_day: Day | None = Field(None, description="Without it, the first day that holds data")
    last_day: Day | None = Field(None, description="Without it, the last day that holds data")
    dry_run: bool = Field(
        default=False, description="Only say what it would ask for and change; nothing is asked or written"
    )


class Train(BaseModel):
    """Learn a conversion type's parameters from kept answers, with which the embedded service can answer it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["train"]
    conversion_type: str = Field(min_length=1, max_length=200, pattern=PRINTABLE, examples=["new"])


class EraseUser(BaseModel):
    """Delete all that is kept of a visitor, and make anew the days that this touches."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["erase_user"]
    user_id: str = Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$", examples=["u42"])


NewOperation = Annotated[Attribute | Train | EraseUser, Field(discriminator="kind")]


class Progress(BaseModel):
    """How far an operation is."""

    stage: str = Field(description="What is under way", examples=["journeys 2024-02-01..2024-02-29"])
    done: int = Field(description="How much of the stage is done")
    of: int | None = Field(description="How much there is; null if that is not known")


class Operation(BaseModel):
    """Something that takes longer than a request may."""

    id: str = Field(examples=["0b6cbf1c-7a0e-4f2b-9ad3-4f7c5f0b6f9e"])
    data_set: str = Field(examples=["shop_de"])
    kind: Literal["attribute", "train", "erase_user", "delete_data_set"]
    state: State
    progress: Progress
    created: str = Field(description="When it was asked for (UTC)", examples=["2024-03-01T08:00:00.000Z"])
    started: str | None = Field(description="When it was begun")
    ended: str | None = Field(description="When it ended")
    run_ids: list[str] = Field(description="Its runs in Dagster, as the UI shows them")
    result: dict[str, Any] | None = Field(description="What it came to; of a dry run, the plan")
    error: ProblemDetails | None = Field(description="Why it failed")


class OperationPage(Page[Operation]):
    """Operations, the latest first."""


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Sent again with the same body within 24 hours of its being accepted, it gives the first answer and"
        " starts nothing",
    ),
]
OperationId = Annotated[str, Path(alias="id", description="The operation's id", max_length=100)]


def store_of(request: Request) -> OperationStore:
    """The store of operations of the application that answers a request."""
    store: OperationStore = request.app.state.operations
    return store


def accepted(operation: KeptOperation, response: Response) -> dict[str, Any]:
    """The answer that an operation is queued."""
    response.headers.update({"Location": f"/v1/operations/{operation.id}", **RETRY_AFTER})
    return operation.content


_routes = APIRouter(prefix="/v1", tags=["Operations"])


def router() -> APIRouter:
    """The routes of operations."""
    return _routes


@_routes.post(
    "/data-sets/{name}/operations",
    status_code=ACCEPTED,
    summary="Ask for an operation",
    response_model=Operation,
    responses={
        409: refusal("It cannot start: the detail says why."),
        422: refusal("A part of the body cannot be used, or the Idempotency-Key came with another body before."),
    },
)
def create_operation(
    request: Request,
    response: Response,
    body: NewOperation,
    settings: Annotated[Settings, Depends(data_set_of("run"))],
    key: Runner,
    idempotency_key: IdempotencyKey = None,
) -> Any:  # noqa: ANN401 - the operation, or the first answer again
    """Queue an operation. What cannot start is refused at once; what was accepted is at its Location."""
    store, asked = store_of(request), body.model_dump(mode="json")
    again = IdempotentRequest(key.name, request.url.path, idempotency_key, asked) if idempotency_key else None
    if again and (first := _answer_again(store, again)):
        return first
    require_startable(settings, asked, store)
    parameters = {name: value for name, value in asked.items() if name != "kind"}
    try:
        return accepted(store.add(settings.data_set, body.kind, parameters, key.name, again), response)
    except sqlite3.IntegrityError:  # the same was asked for at the same time
        if again and (first := _answer_again(store, again)):
            return first
        raise


@_routes.get("/operations", summary="List operations", response_model=OperationPage)
def list_operations(
    request: Request,
    key: Reader,
    data_set: Annotated[str | None, Query(description="Those of this data set", max_length=200)] = None,
    state: Annotated[State | None, Query(description="Those in this state")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Operations of the data sets that the key is for, the latest first."""
    if data_set is not None:
        require_data_set(key, data_set)
    of = [data_set] if data_set is not None else (list(key.data_sets) or None)
    found = store_of(request).some(of, state, number_of(cursor), limit + 1)
    following = cursor_after(str(found[limit - 1].number)) if len(found) > limit else None
    return {"data": [operation.content for operation in found[:limit]], "next": following}


@_routes.get(
    "/operations/{id}",  # noqa: FAST003 - its alias
    summary="Show an operation",
    response_model=Operation,
    responses={200: {"headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}}},
)
def get_operation(request: Request, response: Response, id_: OperationId, key: Reader) -> dict[str, Any]:
    """How far an operation is, and what it came to."""
    operation = _operation(store_of(request), id_, key)
    if operation.state not in ENDED:
        response.headers.update(RETRY_AFTER)
    return operation.content


@_routes.post(
    "/operations/{id}/cancel",  # noqa: FAST003 - the same
    status_code=ACCEPTED,
    summary="Cancel an operation",
    response_model=Operation,
    responses={409: refusal("It has ended already.")},
)
def cancel_operation(request: Request, response: Response, id_: OperationId, key: Runner) -> dict[str, Any]:
    """End an operation: at once if it is queued, else within seconds. What it has finished is kept."""
    operation = _operation(store_of(request), id_, key)
    if operation.state in {State.SUCCEEDED, State.FAILED}:
        raise Problem(409, "Operation ended", f"the operation has {operation.state} already")
    return accepted(store_of(request).cancel(operation.id) or operation, response)


def _answer_again(store: OperationStore, request: IdempotentRequest) -> JSONResponse | None:
    first = first_answer(store.home, request)
    if first is None:
        return None
    if not first.same_request:
        detail = "this Idempotency-Key came with another body before: take a new one for another operation"
        raise Problem(422, "Idempotency key used", detail)
    headers = {"Location": f"/v1/operations/{first.answer['id']}", **RETRY_AFTER}
    return JSONResponse(first.answer, ACCEPTED, headers)


def _operation(store: OperationStore, id_: str, key: Key) -> KeptOperation:
    operation = store.get(id_)
    if operation is None and not key.data_sets:
        raise Problem(404, "Not found", "there is no operation of this id")
    if operation is None or not key.knows(operation.data_set):  # which of both is not for this key to know
        raise Problem(403, "Forbidden", "this key is for no operation of this id")
    return operation
