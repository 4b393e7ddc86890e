"""The whole of a training: parameters, how good they are, and what is written down with them."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from attribution_assets.ihc_service.model import Floats, compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys, Journeys
from attribution_assets.ihc_service.training.approximation import PHASE_WEIGHTS, from_journeys
from attribution_assets.ihc_service.training.calibration import calibrate, cut_bounds
from attribution_assets.ihc_service.training.quality import cross_validated, quality
from attribution_assets.ihc_service.training.trained_type import Cut, Method, TrainedType, Training


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of a training.

    Attributes:
        trained: the conversion type.
        predicted: ihc of touchpoints of journeys that were not learned from, as predicted; empty without answers.
        answered: the same as answered.
    """

    trained: TrainedType
    predicted: Floats
    answered: Floats


def learned(
    name: str, answered: AnsweredJourneys, source: str, at: dt.datetime, since: dt.date | None = None
) -> Learned:
    """A conversion type learned from answers.

    Args:
        name: the conversion type's id.
        answered: the answers; those that are not whole are left out.
        source: where they are from, in words.
        at: the time, with its zone.
        since: they are of orders of this day and later; None where that is not known.

    Raises:
        TooFewAnswersError: there are too few answered journeys of several sessions.
    """
    whole = answered.whole()
    found = calibrate(whole)
    predicted, held_out = cross_validated(whole, lambda some: calibrate(some).parameters)
    training = Training(
        Method.ANSWERS,
        at,
        source,
        answers=len(whole.length),
        several=len(whole.several),
        cut=found.cut,
        held_out=quality(predicted[:, 3], held_out),
        without_evidence=found.without_evidence,
        holder_engaged=float(whole.touchpoints.holder_engagement.mean()),
        closer_engaged=float(whole.touchpoints.closer_engagement.mean()),
        since=since,
    )
    return Learned(TrainedType(name, found.parameters, training), predicted[:, 3], held_out.credit[:, 3])


@dataclass(frozen=True)
class Transcript:
    """What the vendor's dashboard shows of a conversion type.

    Attributes:
        phase_weights: of initializer, holder and closer; they sum to 1.
        channel_weights: by channel, the factors of the three phases.
        cut_hours: where the initializer curve reaches 1; None if it was not read off.
    """

    phase_weights: tuple[float, float, float]
    channel_weights: dict[str, tuple[float, float, float]]
    cut_hours: float | None = None


def approximated(  # noqa: PLR0913 - what it is made from and measured with
    name: str,
    journeys: Journeys,
    source: str,
    at: dt.datetime,
    *,
    transcript: Transcript | None = None,
    answered: AnsweredJourneys | None = None,
) -> Learned:
    """A conversion type whose curves come from journeys: an approximation.

    Args:
        name: as for `learned`.
        journeys: the journeys.
        source: as for `learned`.
        at: as for `learned`.
        transcript: what the vendor's dashboard shows; without it, weights are those usual.
        answered: answers to measure it with, if there are any.

    Raises:
        TooFewAnswersError: there are too few journeys of several sessions.
    """
    shown = transcript or Transcript(PHASE_WEIGHTS, {})
    parameters = from_journeys(journeys, shown.phase_weights, shown.channel_weights, shown.cut_hours)
    cut = parameters.restart_gap_hours
    below, above = cut, cut
    predicted = truth = np.empty(0)
    measured = None
    if answered is not None and len(answered.several):
        below, above = cut_bounds(answered.some(answered.several))
        several = answered.some(answered.several)
        predicted, truth = compute_ihc(several.touchpoints, parameters)[:, 3], several.credit[:, 3]
        measured = quality(predicted, several)
    seen = {journeys.touchpoints.channels[number] for number in set(journeys.touchpoints.channel.tolist())}
    training = Training(
        Method.TRANSCRIPTION if transcript else Method.JOURNEYS,
        at,
        source,
        answers=0,
        several=int((journeys.length > 1).sum()),
        cut=Cut(cut, below, above),
        held_out=measured,
        without_evidence=tuple(sorted(seen - parameters.channel_weights.keys())),
        holder_engaged=float(journeys.touchpoints.holder_engagement.mean()),
        closer_engaged=float(journeys.touchpoints.closer_engagement.mean()),
    )
    return Learned(TrainedType(name, parameters, training), predicted, truth)
