"""Whether the API still answers as conversion types were learned: what has changed, since when, in figures and words.

What a day's answers are is in `answered_days.py`; which channels it moves, in `channel_shares.py`.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.answered_days import AnsweredDays
from attribution_assets.attribution.training.stored_answers import answers_of
from attribution_assets.ihc_service.model import compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.calibration import cut_bounds
from attribution_assets.ihc_service.training.quality import near_the_cut, quality
from attribution_assets.ihc_service.training.trained_type import Quality, TrainedType

SMALLEST_DRIFT = 0.005
"""Mean error of a day below which nothing is said, however well the type was learned."""
TIMES_HELD_OUT = 5
"""Times the error on journeys that were not learned from, above which the day's is said to have changed."""
SMALLEST_SHIFT, STANDARD_ERRORS = 0.1, 5
"""A share of engaged sessions has changed if it differs by this much, and by so many standard errors."""


@dataclass(frozen=True)
class Drift:
    """How the answers of a day differ from what was learned of a conversion type.

    Attributes:
        errors: of journeys of which it is known whether each of their gaps restarts them.
        near_the_cut: of the other journeys: a gap of theirs lies where no answer had said whether it restarts.
        changed: whether the model has changed; None where the day has no `errors`, or none were measured in training.
        cut: what the day's answers say against the cut that was learned.
        others: what else has changed: channels, flags.
    """

    errors: Quality
    near_the_cut: Quality
    changed: bool | None
    cut: Sequence[str]
    others: Sequence[str]


def drift(touchpoints: pd.DataFrame, trained: TrainedType) -> Drift:
    """How the answers of a day differ from what was learned.

    Args:
        touchpoints: as `stored_answers.answered_touchpoints` gives them; at least one.
        trained: the conversion type.
    """
    answered, measured = answers_of(touchpoints), trained.training.held_out is not None
    near = near_the_cut(answered, trained.training.cut)
    certain, uncertain = (answered.some(np.flatnonzero(chosen)) for chosen in (~near, near))
    errors, changed = _errors(certain, trained), None
    if measured and errors.touchpoints:
        changed = errors.mean_error > largest_usual_error(trained)
    others = [*_of_channels(answered, trained), *_of_flags(touchpoints, trained)] if measured else []
    return Drift(errors, _errors(uncertain, trained), changed, _of_cut(certain, trained) if changed else (), others)


def largest_usual_error(trained: TrainedType) -> float:
    """The mean error of a day up to which nothing has changed; inf if no error was measured in training."""
    held_out = trained.training.held_out
    return max(SMALLEST_DRIFT, TIMES_HELD_OUT * held_out.mean_error) if held_out else math.inf


def _errors(answered: AnsweredJourneys, trained: TrainedType) -> Quality:
    return quality(compute_ihc(answered.touchpoints, trained.parameters)[:, 3], answered)


def _of_cut(certain: AnsweredJourneys, trained: TrainedType) -> list[str]:
    (below, above), cut = cut_bounds(certain.some(certain.several)), trained.training.cut
    found = []
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


class Watch:
    """Compares the answers of stored days with the trained conversion types; each day once.

    Days before the ones that a type was learned from are not compared: the model may have been another one then.

    Args:
        days: the days.
    """

    def __init__(self, days: AnsweredDays) -> None:
        self._days = days
        self._known: dict[dt.date, dict[str, tuple[TrainedType, Drift]]] = {}

    def drifts(self, day: dt.date) -> list[tuple[TrainedType, Drift]]:
        """How a day's answers differ from each trained type that split orders of it."""
        return [*self._of(day).values()]

    def since(self, name: str, day: dt.date) -> dt.date:
        """The first of the days, up to a day of a changed model, on which it was so already."""
        first = day
        for earlier in reversed(self._days.before(day)):
            found = self._of(earlier).get(name)
            changed = found[1].changed if found else None
            if changed is False:
                break
            first = earlier if changed else first
        return first

    def problems(self, day: dt.date) -> list[str]:
        """What has changed on a day, in words."""
        found = list[str]()
        for trained, of_type in self.drifts(day):
            if of_type.changed:
                found += [_model_in_words(trained, of_type, self.since(trained.name, day)), *of_type.cut]
            found += of_type.others
        return found

    def _of(self, day: dt.date) -> dict[str, tuple[TrainedType, Drift]]:
        if day not in self._known:
            self._known[day] = {
                trained.name: (trained, drift(touchpoints, trained))
                for trained, touchpoints in self._days.answers(day)
                if trained.training.since is None or day >= trained.training.since
            }
        return self._known[day]


def _model_in_words(trained: TrainedType, found: Drift, since: dt.date) -> str:
    errors, held_out, near = found.errors, trained.training.held_out, found.near_the_cut
    usual = f", in training by {held_out.mean_error:.4f}" if held_out else ""
    apart = f"; near the cut by {near.mean_error:.4f} ({near.touchpoints:,})" if near.touchpoints else ""
    return (
        f"the model has changed, since {since}: the API's answers differ from what was learned by"
        f" {errors.mean_error:.4f} a touchpoint ({errors.worst_error:.4f} at worst, of {errors.touchpoints:,})"
        f"{usual}{apart}. Train {quoted(trained.name)} again with --since {since}"
    )
