"""What is kept of an operation of the API. How it is kept and changed is in `store.py`."""

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
