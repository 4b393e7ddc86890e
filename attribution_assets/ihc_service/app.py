"""The IHC API's HTTP contract as a FastAPI application: reading requests, ordering journeys, rejecting.

The arithmetic is in `model`, the running of the application in `server`. Each conversion type is answered with its own
parameters; one that is not known is rejected.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException as StarletteHTTPException

from attribution_assets.ihc_service.model import (
    SHIPPED,
    Direction,
    ModelParameters,
    PhaseRedistribution,
    Touchpoints,
    compute_ihc,
    recorded_parameters,
)

COMPUTE_IHC_PATH = "/v1/compute_ihc"
AFTER_CONVERSION = "Session/Impression excluded from customer journey since it occurs after the conversion event"
MOST_COMPLAINTS = 5  # in one message
DESCRIPTION = """\
Splits conversions over the sessions of their customer journeys, as the IHC API does, with a model restated from \
recorded answers of the API. It stands in where no API key is configured: its results are estimates."""


TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}( [+-][0-9]{2}:?[0-9]{2})?")


def _moment(timestamp: object) -> datetime:
    """The moment that a timestamp in one of the contract's two formats names."""
    if not isinstance(timestamp, str) or not TIMESTAMP.fullmatch(timestamp):
        raise PydanticCustomError("timestamp", "Input should be like 2023-09-07 10:00:22 or 2023-09-07 10:00:22 +0000")
    moment = datetime.fromisoformat(timestamp[:19] + timestamp[20:])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unicode(text: str) -> str:
    """The text, if it can be sent back: JSON may name halves of surrogate pairs, which UTF-8 cannot."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(_unicode)]
Flag = Literal[0, 1]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{TIMESTAMP.pattern}$",
            "examples": ["2023-09-07 10:00:22", "2023-09-07 10:00:22 +0000"],
            "description": "`%Y-%m-%d %H:%M:%S`, which is UTC, or `%Y-%m-%d %H:%M:%S %z`",
        }
    ),
]


class Session(BaseModel):
    """One session of one customer journey."""

    conversion_id: Text = Field(description="the customer journey")
    session_id: Text = Field(description="unique within the customer journey")
    timestamp: Timestamp
    channel_label: Text
    holder_engagement: Flag = Field(description="1 if the session counts for the holder phase")
    closer_engagement: Flag = Field(description="1 if the session counts for the closer phase")
    conversion: Flag = Field(description="1 for the session in which the conversion happened: one in each journey")
    impression_interaction: Flag | None = Field(
        default=None, description="an ad impression, not a click; has no influence"
    )


class RedistributionOfPhase(BaseModel):
    """Which credit of a phase is handed on, and to which sessions."""

    direction: Direction = Field(description="where the sessions that receive are, seen from the one that gives")
    receive_threshold: float = Field(
        ge=0, le=1, description="the smallest share of the phase with which a session receives"
    )
    redistribution_channel_labels: list[Text] = Field(description="the channels whose sessions give")


class RedistributionParameter(BaseModel):
    """By phase, the credit to hand on; a phase that is left out stays as it is, and an unknown one is an error."""

    model_config = ConfigDict(extra="forbid")

    initializer: RedistributionOfPhase | None = None
    holder: RedistributionOfPhase | None = None
    closer: RedistributionOfPhase | None = None

    def rules(self) -> dict[str, PhaseRedistribution]:
        """The rule of each phase that is named."""
        return {
            phase: PhaseRedistribution(
                rule.direction, rule.receive_threshold, frozenset(rule.redistribution_channel_labels)
            )
            for phase, rule in self
            if rule is not None
        }


class ComputeIhcRequest(BaseModel):
    """Whole customer journeys, flat: one row for each session of each journey, in any order."""

    customer_journeys: list[Session] = Field(min_length=1)
    redistribution_parameter: RedistributionParameter | None = None


class Credit(BaseModel):
    """A session's part in each phase and in the conversion."""

    conversion_id: str
    session_id: str
    initializer: float
    holder: float
    closer: float
    ihc: float


class SessionReference(BaseModel):
    """The session that a partial failure is about."""

    conversion_id: str
    session_id: str


class PartialFailure(BaseModel):
    """A session that is not in `value`, and why."""

    trigger: SessionReference
    reason: str
    statusCode: Literal[206, 406] = Field(  # noqa: N815 - the contract's name
        description="206: left out, the rest of its journey is attributed; 406: its whole journey is refused"
    )


class Answer(BaseModel):
    """The envelope of an answer."""

    statusCode: Literal[200, 206] = Field(description="206 with partial failures")  # noqa: N815 - the contract's name
    value: list[Credit] = Field(description="in the order asked")
    partialFailureErrors: list[PartialFailure]  # noqa: N815 - the contract's name


class Rejection(BaseModel):
    """The envelope of a request that is not answered."""

    statusCode: int = Field(description="the HTTP status")  # noqa: N815 - the contract's name
    value: None = None
    partialFailureErrors: list[PartialFailure] = Field(max_length=0)  # noqa: N815 - the contract's name
    message: str = Field(description="what is wrong, and where")


def attribute(
    sessions: Sequence[Session],
    parameters: ModelParameters,
    redistribution: RedistributionParameter | None = None,
) -> dict[str, Any]:
    """Attribute the journeys of a request.

    A journey's order is time; of sessions with one timestamp the conversion's is last, and the others are as sent.
    Sessions later than the conversion's are left out: partial failures 206. A journey without exactly one session of
    `conversion` 1, or with a session id twice, is refused: a partial failure 406 for each of its rows.

    Args:
        sessions: the rows of the request.
        parameters: those of its conversion type.
        redistribution: the request's redistribution parameter.

    Returns:
        The envelope of the answer, in the form of `Answer`.
    """
    journeys: dict[str, list[int]] = {}
    for row, session in enumerate(sessions):
        journeys.setdefault(session.conversion_id, []).append(row)

    seconds = [int(session.timestamp.timestamp()) for session in sessions]
    failures: dict[int, tuple[int, str]] = {}
    order: list[int] = []
    starts: list[int] = []
    for rows in journeys.values():
        problem = _problem(sessions, rows)
        if problem:
            failures.update((row, (406, f"Customer journey refused since {problem}")) for row in rows)
            continue
        conversion_at = next(seconds[row] for row in rows if sessions[row].conversion)
        failures.update((row, (206, AFTER_CONVERSION)) for row in rows if seconds[row] > conversion_at)
        starts.append(len(order))
        order += sorted(
            (row for row in rows if seconds[row] <= conversion_at),
            key=lambda row: (seconds[row], sessions[row].conversion),
        )

    channels: dict[str, int] = {}
    touchpoints = Touchpoints(
        journey_start=np.array(starts, dtype=np.int64),
        seconds=np.array([seconds[row] for row in order], dtype=np.int64),
        channel=np.array([channels.setdefault(sessions[row].channel_label, len(channels)) for row in order], np.int64),
        channels=list(channels),
        holder_engagement=np.array([sessions[row].holder_engagement for row in order], dtype=np.bool_),
        closer_engagement=np.array([sessions[row].closer_engagement for row in order], dtype=np.bool_),
    )
    credit = compute_ihc(touchpoints, parameters, redistribution.rules() if redistribution else None)
    credit_of = dict(zip(order, credit.tolist(), strict=True))
    return {
        "statusCode": 206 if failures else 200,
        "value": [
            _reference(session) | dict(zip(("initializer", "holder", "closer", "ihc"), credit_of[row], strict=True))
            for row, session in enumerate(sessions)
            if row in credit_of
        ],
        "partialFailureErrors": [
            {"trigger": _reference(sessions[row]), "reason": reason, "statusCode": code}
            for row, (code, reason) in sorted(failures.items())
        ],
    }


def _problem(sessions: Sequence[Session], rows: Sequence[int]) -> str | None:
    """Why a journey cannot be attributed, if it cannot."""
    conversions = sum(sessions[row].conversion for row in rows)
    if conversions != 1:
        return f"conversion is 1 in {conversions} of its sessions and not in exactly one"
    if len({sessions[row].session_id for row in rows}) < len(rows):
        return "it has a session_id more than once"
    return None


def _reference(session: Session) -> dict[str, Any]:
    return {"conversion_id": session.conversion_id, "session_id": session.session_id}


def create_app(
    max_journeys_per_request: int = 100,
    max_sessions_per_request: int = 200,
    api_key: str | None = None,
    conversion_types: Mapping[str, ModelParameters] | None = None,
) -> FastAPI:
    """The service, answering POST `/v1/compute_ihc`; `/docs` and `/openapi.json` describe it.

    Args:
        max_journeys_per_request: a request with more conversion ids is rejected with 400.
        max_sessions_per_request: a request with more rows is rejected with 400.
        api_key: if set, a request whose `x-api-key` header is not this is rejected with 403.
        conversion_types: parameters by conversion type; a request for another is rejected with 400. Without them, only
            the shipped one, `default`, is known.
    """
    known = {SHIPPED: recorded_parameters()} if conversion_types is None else conversion_types
    app = FastAPI(title="Embedded IHC service", description=DESCRIPTION, version="1")

    async def check_key(key: Annotated[str | None, Depends(APIKeyHeader(name="x-api-key", auto_error=False))]) -> None:
        if not secrets.compare_digest((key or "").encode(), (api_key or "").encode()):
            raise HTTPException(403, "Forbidden")

    @app.post(
        COMPUTE_IHC_PATH,
        dependencies=[Depends(check_key)] if api_key else [],
        response_model=Answer,
        responses={"4XX": {"model": Rejection, "description": "Not answered"}},
        summary="Attribute customer journeys",
    )
    async def compute_ihc_of_request(
        body: ComputeIhcRequest,
        conv_type_id: Annotated[str, Query(min_length=1, description="the conversion type")],
    ) -> JSONResponse:
        """Split each conversion over the sessions of its customer journey."""
        if conv_type_id not in known:
            raise HTTPException(400, unknown_type(conv_type_id, known))
        sessions = body.customer_journeys
        journeys = len({session.conversion_id for session in sessions})
        for count, limit, name in (
            (journeys, max_journeys_per_request, "journeys"),
            (len(sessions), max_sessions_per_request, "sessions"),
        ):
            if count > limit:
                raise HTTPException(400, f"{count} {name} in one request: at most {limit} are allowed")
        return JSONResponse(attribute(sessions, known[conv_type_id], body.redistribution_parameter))

    @app.exception_handler(StarletteHTTPException)
    async def reject(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return _rejection(error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def reject_malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return _rejection(400, "; ".join(_complaint(each) for each in error.errors()[:MOST_COMPLAINTS]))

    return app


def unknown_type(name: str, known: Iterable[str]) -> str:
    """That a conversion type is not known, and which are."""
    return f"the conversion type {name!r} is not known here: known are {', '.join(map(repr, sorted(known)))}"


def _rejection(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A request that is not answered, in the envelope."""
    envelope: dict[str, Any] = {"statusCode": status, "value": None, "partialFailureErrors": [], "message": message}
    return JSONResponse(envelope, status, headers)


def _complaint(error: Mapping[str, Any]) -> str:
    """Where in a request an error is, and what it is: `customer_journeys[3].timestamp: Field required`."""
    if error["type"] == "json_invalid":
        return f"body: not JSON at character {error['loc'][1]}: {error['ctx']['error']}"
    where, *names = error["loc"]
    place = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names).removeprefix(".")
    return f"{place or where}: {error['msg']}"
