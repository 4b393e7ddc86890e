"""The progress of a run while it goes on: what has been written, and what the IHC API is about to be asked for.

`listening` registers a listener, which is told of all that happens in this process, in any thread, as long as the
context is open. Nothing here is stored, and no result depends on it.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class PlanOfType(NamedTuple):
    """What of a plan is for one conversion type: as for `RequestPlan`."""

    conv_type_id: str
    journeys: int
    touchpoints: int
    requests: int

    def __str__(self) -> str:
        """The same in words."""
        return f"{self.conv_type_id!r} {self.journeys:,} journeys in {self.requests:,} requests"


@dataclass(frozen=True)
class RequestPlan:
    """What the API will have to be asked for; its text says so in a line.

    Attributes:
        journeys: journeys to ask for.
        touchpoints: touchpoints of these journeys.
        requests: requests that hold them, if each is answered in full at its first try.
        reused: journeys that the ledger answers.
        budget: requests that may be made, each try counted; None for any number.
        types: the parts of it by conversion type, sorted, if there are several.
    """

    journeys: int
    touchpoints: int
    requests: int
    reused: int
    budget: int | None = None
    types: tuple[PlanOfType, ...] = ()

    def __str__(self) -> str:
        """The same in words."""
        asked = (
            f"{self.journeys:,} journeys with {self.touchpoints:,} touchpoints to ask for in {self.requests:,} requests"
        )
        if self.types:
            asked = f"{asked} (by conversion type: {', '.join(map(str, self.types))})"
        beyond = self.budget is not None and self.requests > self.budget
        return f"{asked}, {self.reused:,} journeys known from the ledger" + (
            f"; only {self.budget:,} requests may be made (IHC_MAX_REQUESTS_PER_RUN)" if beyond else ""
        )


class ProgressListener(Protocol):
    """Is told of a run's progress, by any of its threads; must return at once and not raise."""

    def day_written(self, asset: str, day: dt.date, rows: int) -> None:
        """A day of an asset has been stored, with so many rows."""

    def requests_planned(self, plan: RequestPlan) -> None:
        """The IHC API is about to be asked for this."""

    def rows_in_no_report(self, asset: str, lines: Sequence[str]) -> None:
        """What there is to say of source rows of the asset that no day can report, a line each."""


_listeners: tuple[ProgressListener, ...] = ()


@contextmanager
def listening(listener: ProgressListener) -> Iterator[None]:
    """Have the listener told of the progress of this process as long as the context is open."""
    global _listeners  # noqa: PLW0603 - replaced as a whole, so that a thread that goes through it meets no change
    _listeners = (*_listeners, listener)
    try:
        yield
    finally:
        _listeners = tuple(other for other in _listeners if other is not listener)


def tell_day_written(asset: str, day: dt.date, rows: int) -> None:
    """Tell the listeners, see `ProgressListener.day_written`."""
    for listener in _listeners:
        listener.day_written(asset, day, rows)


def tell_requests_planned(plan: RequestPlan) -> None:
    """Tell the listeners, see `ProgressListener.requests_planned`."""
    for listener in _listeners:
        listener.requests_planned(plan)


def tell_rows_in_no_report(asset: str, lines: Sequence[str]) -> None:
    """Tell the listeners, see `ProgressListener.rows_in_no_report`."""
    for listener in _listeners:
        listener.rows_in_no_report(asset, lines)
