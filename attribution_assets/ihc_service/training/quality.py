"""How well parameters predict answers: errors per touchpoint, and what training leaves unseen by cross-validation."""

from collections.abc import Callable

import numpy as np

from attribution_assets.ihc_service.model import Flags, Floats, ModelParameters, compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys, Journeys
from attribution_assets.ihc_service.training.trained_type import Cut, Quality

FOLDS = 5
SEED = 1
MOST_TO_LEARN_FROM = 1_000
"""Journeys from which a fold is learned: more would change little. With more, one fold says enough."""


def quality(predicted: Floats, answered: AnsweredJourneys) -> Quality:
    """The errors of a prediction; zeros where no journey has several sessions.

    Args:
        predicted: ihc of each touchpoint of the answered journeys.
        answered: what the API answered.
    """
    several = answered.length[answered.index] > 1
    errors = np.abs(predicted - answered.credit[:, 3])[several]
    if not len(errors):
        return Quality(0.0, 0.0, 0)
    return Quality(float(errors.mean()), float(errors.max()), len(errors))


def cross_validated(
    answered: AnsweredJourneys, learn: Callable[[AnsweredJourneys], ModelParameters]
) -> tuple[Floats, AnsweredJourneys]:
    """Journeys of several sessions as predicted by what was learned from others: in turn, a fifth from the other four.

    Args:
        answered: journeys with answers.
        learn: gives parameters.

    Returns:
        Initializer, holder, closer and ihc of each touchpoint as predicted, and the journeys.

    Raises:
        TooFewAnswersError: as `learn` does.
    """
    dealt = np.random.default_rng(SEED).permutation(answered.several)
    folds = [dealt[fold::FOLDS] for fold in range(FOLDS)]
    left_out = folds if len(dealt) <= MOST_TO_LEARN_FROM else folds[:1]
    predicted = []
    for fold in left_out:
        others = dealt[~np.isin(dealt, fold)][:MOST_TO_LEARN_FROM]
        predicted.append(compute_ihc(answered.of(fold), learn(answered.some(np.sort(others)))))
    return np.concatenate(predicted), answered.some(np.concatenate(left_out))


def near_the_cut(journeys: Journeys, cut: Cut) -> Flags:
    """Whether a journey has a gap of which no answer says whether it restarts: between the bounds of the cut."""
    unsure = (journeys.gap_hours > cut.below) & (journeys.gap_hours < cut.above) & ~journeys.is_first
    near: Flags = np.logical_or.reduceat(unsure, journeys.touchpoints.journey_start)
    return near
