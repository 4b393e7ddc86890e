"""What is kept of an operation of the API, and of the first answer to a request with an idempotency key."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DELETE_DATA_SET, ERASE_USER = "delete_data_set", "erase_user"


class State(StrEnum):
    """How far an operation is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELED)


@dataclass(frozen=True)
class KeptOperation:
    """An operation as it is kept.

    Attributes:
        number: its place in the order in which operations came.
        id: its id.
        data_set: its data set.
        kind: what it does.
        parameters: what it was asked for, without its kind.
        state: how far it is.
        progress: stage, done, of.
        created: when it was asked for; started: when its first worker began; ended: when it ended (UTC).
        run_ids: Dagster's runs.
        result: what it came to.
        error: the problem that it failed with.
        cancel: whether it is to be canceled.
    """

    number: int
    id: str
    data_set: str
    kind: str
    parameters: Mapping[str, Any]
    state: State
    progress: Mapping[str, Any]
    created: str
    started: str | None
    ended: str | None
    run_ids: tuple[str, ...]
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    cancel: bool

    @property
    def content(self) -> dict[str, Any]:
        """What everybody may see of it: not what it was asked for, which can be the id of a visitor."""
        names = (
            "id",
            "data_set",
            "kind",
            "state",
            "progress",
            "created",
            "started",
            "ended",
            "run_ids",
            "result",
            "error",
        )
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class FirstAnswer:
    """What was answered to the first request with an idempotency key that was accepted.

    Attributes:
        same_request: whether that request was the same as this one.
        answer: the body.
    """

    same_request: bool
    answer: Any


@dataclass(frozen=True)
class IdempotentRequest:
    """A request with an idempotency key.

    Attributes:
        key: the name of the API key.
        path: the request's path.
        idempotency_key: the header.
        body: its body as JSON.
    """

    key: str
    path: str
    idempotency_key: str
    body: Any

    @property
    def digest(self) -> str:
        """What stands for the body: no id of a visitor can be read from it."""
        text = json.dumps([self.key, self.path, self.idempotency_key, self.body], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
