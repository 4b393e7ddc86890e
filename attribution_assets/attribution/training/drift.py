"""Whether the API still answers as a conversion type was learned: what has changed, in words.

What a day's answers are is in `stored_answers.py`.
"""

import pandas as pd

from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.stored_answers import answers_of
from attribution_assets.ihc_service.model import compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.calibration import cut_bounds
from attribution_assets.ihc_service.training.quality import near_the_cut, quality
from attribution_assets.ihc_service.training.trained_type import TrainedType

SMALLEST_DRIFT = 0.005
"""Mean error of a day below which nothing is said, however well the type was learned."""
TIMES_HELD_OUT = 5
"""Times the error on journeys that were not learned from, above which the day's is said to have changed."""
SMALLEST_SHIFT, STANDARD_ERRORS = 0.1, 5
"""A share of engaged sessions has changed if it differs by this much, and by so many standard errors."""


def drift_problems(touchpoints: pd.DataFrame, trained: TrainedType) -> list[str]:
    """How the answers of a day differ from what was learned; nothing where no error was measured in training.

    Journeys with a gap of which no answer said whether it restarts the journey are left out of the errors.

    Args:
        touchpoints: as `stored_answers.answered_touchpoints` gives them.
        trained: the conversion type.
    """
    if trained.training.held_out is None or touchpoints.empty:
        return []
    answered = answers_of(touchpoints)
    return [*_of_errors(answered, trained), *_of_channels(answered, trained), *_of_flags(touchpoints, trained)]


def _of_errors(answered: AnsweredJourneys, trained: TrainedType) -> list[str]:
    held_out, cut = trained.training.held_out, trained.training.cut
    certain = answered.some((~near_the_cut(answered, cut)).nonzero()[0])
    if held_out is None or not len(certain.several):
        return []
    errors = quality(compute_ihc(certain.touchpoints, trained.parameters)[:, 3], certain)
    if errors.mean_error <= max(SMALLEST_DRIFT, TIMES_HELD_OUT * held_out.mean_error):
        return []
    changed = (
        f"the model has changed: the API's answers differ from what was learned by {errors.mean_error:.4f} a touchpoint"
        f" ({errors.worst_error:.4f} at worst, of {errors.touchpoints:,}), in training by {held_out.mean_error:.4f}."
        f" Train {quoted(trained.name)} again from answers since then"
    )
    found = [changed]
    below, above = cut_bounds(certain.some(certain.several))
    if above < cut.below:
        found.append(f"a gap of {above:.1f} h restarted a journey, where one of {cut.below:.1f} h did not")
    if below > cut.above:
        found.append(f"a gap of {below:.1f} h restarted no journey, where one of {cut.above:.1f} h did")
    return found


def _of_channels(answered: AnsweredJourneys, trained: TrainedType) -> list[str]:
    known = {*trained.parameters.channel_weights, *trained.training.without_evidence}
    new = sorted(set(answered.touchpoints.channels) - known)
    return [f"channel {quoted(name)} was not there in training: its weights are taken as 1" for name in new]


def _of_flags(touchpoints: pd.DataFrame, trained: TrainedType) -> list[str]:
    found = []
    for flag, usual in (
        ("holder_engagement", trained.training.holder_engaged),
        ("closer_engagement", trained.training.closer_engaged),
    ):
        share = float(touchpoints[flag].mean())
        spread = max(usual * (1 - usual), 0.01) / len(touchpoints)
        if abs(share - usual) > max(SMALLEST_SHIFT, STANDARD_ERRORS * spread**0.5):
            found.append(
                f"{flag} is 1 in {share:.0%} of the touchpoints, in training in {usual:.0%}: tracking changed?"
            )
    return found
