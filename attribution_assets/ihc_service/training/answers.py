"""Answered journeys, as parameters are learned from them; how their touchpoints lie in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from attribution_assets.ihc_service.model import Flags, Floats, Integers, Touchpoints

SUM_ERROR = 5e-4
"""How far the sum of a journey's shares may be from 1: the API rounds to 4 decimals."""


@dataclass(frozen=True, eq=False)
class Journeys:
    """Customer journeys without their answers.

    Attributes:
        touchpoints: the touchpoints; a journey's in time order.
    """

    touchpoints: Touchpoints

    @cached_property
    def length(self) -> Integers:
        """Touchpoints of each journey."""
        return np.diff(self.touchpoints.journey_start, append=len(self.touchpoints.seconds))

    @cached_property
    def index(self) -> Integers:
        """The number of each touchpoint's journey."""
        return np.repeat(np.arange(len(self.length)), self.length)

    @cached_property
    def is_first(self) -> Flags:
        """Whether a touchpoint is its journey's first."""
        first = np.zeros(len(self.index), dtype=np.bool_)
        first[self.touchpoints.journey_start] = True
        return first

    @cached_property
    def is_last(self) -> Flags:
        """Whether a touchpoint is its journey's last."""
        last = np.zeros(len(self.index), dtype=np.bool_)
        last[self.touchpoints.journey_start + self.length - 1] = True
        return last

    @cached_property
    def gap_hours(self) -> Floats:
        """Hours since the journey's previous touchpoint; 0 for the first."""
        hours: Floats = np.diff(self.touchpoints.seconds, prepend=self.touchpoints.seconds[:1]) / 3600.0
        hours[self.is_first] = 0.0
        return hours

    @cached_property
    def age_hours(self) -> Floats:
        """Hours before the journey's last touchpoint."""
        last = self.touchpoints.seconds[self.is_last][self.index]
        hours: Floats = (last - self.touchpoints.seconds) / 3600.0
        return hours

    def of(self, journeys: Integers) -> Touchpoints:
        """The touchpoints of some journeys, by their numbers."""
        rows, ends = self.rows(journeys), np.cumsum(self.length[journeys])
        return Touchpoints(
            journey_start=(ends - self.length[journeys]).astype(np.int64),
            seconds=self.touchpoints.seconds[rows],
            channel=self.touchpoints.channel[rows],
            channels=self.touchpoints.channels,
            holder_engagement=self.touchpoints.holder_engagement[rows],
            closer_engagement=self.touchpoints.closer_engagement[rows],
        )

    def rows(self, journeys: Integers) -> Integers:
        """The places of the touchpoints of some journeys."""
        start, length = self.touchpoints.journey_start[journeys], self.length[journeys]
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        rows: Integers = np.repeat(start, length) + within
        return rows


@dataclass(frozen=True, eq=False)
class AnsweredJourneys(Journeys):
    """Customer journeys with the API's answers.

    Attributes:
        credit: initializer, holder, closer and ihc of each touchpoint.
    """

    credit: Floats

    def some(self, journeys: Sequence[int] | Integers) -> "AnsweredJourneys":
        """Some of the journeys, by their numbers."""
        numbers = np.asarray(journeys, dtype=np.int64)
        return AnsweredJourneys(self.of(numbers), self.credit[self.rows(numbers)])

    @property
    def several(self) -> Integers:
        """The numbers of the journeys with two or more touchpoints."""
        return np.flatnonzero(self.length > 1)

    def whole(self) -> "AnsweredJourneys":
        """The journeys whose answer is whole: initializer, closer and ihc sum to 1, holder to 1 or 0."""
        sums = np.add.reduceat(self.credit, self.touchpoints.journey_start) if len(self.credit) else self.credit
        whole = (np.abs(sums[:, [0, 2, 3]] - 1) < SUM_ERROR).all(axis=1)
        whole &= (np.abs(sums[:, 1] - 1) < SUM_ERROR) | (sums[:, 1] == 0)
        return self.some(np.flatnonzero(whole))
