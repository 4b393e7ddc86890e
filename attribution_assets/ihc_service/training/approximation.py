"""Curves and cut from journeys alone, where there are no answers: an approximation, to be called one.

The vendor trains from journeys by arithmetic that is not published. What stands here was found to come near it on two
known types: a mean error of about 0.015 a touchpoint, 0.008 if the cut is known; equal split misses by 0.115.
"""

import numpy as np

from attribution_assets.ihc_service.model import Flags, Floats, ModelParameters
from attribution_assets.ihc_service.training.answers import Journeys
from attribution_assets.ihc_service.training.calibration import FEWEST_JOURNEYS, TooFewAnswersError

PHASE_WEIGHTS = (0.334, 0.377, 0.289)
"""The mean of two known types: how these follow from journeys is not known."""
CUT_PERCENTILE = 80
FIRST_PERCENTILE, LAST_PERCENTILE = 5, 85
BEND = 0.34


def from_journeys(
    journeys: Journeys,
    phase_weights: tuple[float, float, float] = PHASE_WEIGHTS,
    channel_weights: dict[str, tuple[float, float, float]] | None = None,
    cut_hours: float | None = None,
) -> ModelParameters:
    """Parameters whose curves, and cut if it is not given, come from journeys.

    - cut: the 80th percentile of the longest gap of each journey of several sessions.
    - closer curve: 1 at the 5th percentile, 0 at the 85th, straight in percentiles between, of the hours before the
      last session of closer-engaged sessions, rounded to 0.1 h.
    - initializer curve: 1.34 hours / cut - 0.34 F, with F the distribution of gaps between 1 h and the cut.

    Args:
        journeys: the journeys.
        phase_weights: as the vendor's dashboard shows them.
        channel_weights: likewise; without them 1.
        cut_hours: likewise.

    Raises:
        TooFewAnswersError: fewer than `FEWEST_JOURNEYS` have several sessions.
    """
    several = journeys.length > 1
    if several.sum() < FEWEST_JOURNEYS:
        raise TooFewAnswersError(int(several.sum()))
    longest = np.maximum.reduceat(journeys.gap_hours, journeys.touchpoints.journey_start)[several]
    cut = float(np.percentile(longest, CUT_PERCENTILE)) if cut_hours is None else cut_hours
    return ModelParameters(
        initializer_curve=_initializer(journeys, cut),
        closer_curve=_closer(journeys, _after_cut(journeys, cut), cut),
        restart_gap_hours=cut,
        phase_weights=phase_weights,
        channel_weights=channel_weights or {},
    )


def _after_cut(journeys: Journeys, cut: float) -> Flags:
    place = np.arange(len(journeys.index))
    begin = np.where((journeys.gap_hours > cut) | journeys.is_first, place, 0)
    after: Flags = place >= np.maximum.reduceat(begin, journeys.touchpoints.journey_start)[journeys.index]
    return after


def _initializer(journeys: Journeys, cut: float) -> tuple[Floats, Floats]:
    gaps = np.sort(journeys.gap_hours[(journeys.gap_hours > 1) & (journeys.gap_hours <= cut)])
    hours = np.linspace(0, cut, 101)
    share = np.searchsorted(gaps, hours, side="right") / max(len(gaps), 1)
    curve = np.maximum.accumulate(np.clip((1 + BEND) * hours / cut - BEND * share, 0, 1))
    curve[-1] = 1.0
    return hours, curve


def _closer(journeys: Journeys, after: Flags, cut: float) -> tuple[Floats, Floats]:
    ages = journeys.age_hours[after & journeys.touchpoints.closer_engagement & ~journeys.is_last]
    percentiles = np.arange(FIRST_PERCENTILE, LAST_PERCENTILE + 1)
    hours = np.round(np.percentile(ages, percentiles), 1) if len(ages) else np.linspace(0, cut, len(percentiles))
    return np.maximum.accumulate(hours), np.linspace(1, 0, len(percentiles))
