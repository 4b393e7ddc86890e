"""The schema of the IHC API's HTTP contract: what a request and an answer hold, and which values are accepted.

Only the form of each value is looked at here. Which requests and journeys are rejected, and how the others are
answered, is in `app`.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from attribution_assets.ihc_service.model import Direction, PhaseRedistribution

COMPUTE_IHC_PATH = "/v1/compute_ihc"

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
