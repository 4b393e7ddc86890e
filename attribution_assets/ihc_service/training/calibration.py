"""The IHC model's parameters from answered journeys: cut, phase weights, and phase by phase the curves and weights.

An answer gives each session's initializer, holder and closer by itself, so the phases are learned one after another;
what they are made of is said in `model.compute_ihc`. Journeys of one session teach nothing.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from attribution_assets.ihc_service.model import Flags, Floats, Integers, ModelParameters, bases
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.phase_fit import (
    Belief,
    Readings,
    fit_phase,
    knots_at,
    smooth_like,
    steps_reached,
)
from attribution_assets.ihc_service.training.trained_type import Cut

FEWEST_JOURNEYS = 10
"""Answered journeys of several sessions below which no parameters are learned."""
MOST_JOURNEYS = 4_000
"""Journeys that curves and weights are learned from: more would change nothing that counts. The cut is of all."""
MOST_KNOTS = 60
HOLDER_ERROR = 2e-3
"""Standard error of a holder share that follows from learned curves."""
SURE, ALMOST_SURE, UNSURE = 1e-4, 1e-3, 0.5
"""Standard deviations of beliefs."""

INITIALIZER_POWER = 1.5
"""The expected initializer curve: hours over the cut to this power, between the curves of two known types."""
INITIALIZER_BEND, INITIALIZER_STRAY = 0.5, 0.3
NEAR = 1.5
"""How far beyond the longest gap, times it, a cut is believed that no answer shows."""

CLOSER_SHAPE = np.array(
    [
        [0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.076, 0.15, 0.228, 0.3, 0.425, 0.53, 0.647, 0.75, 0.86],
        [1.0, 0.75, 0.67, 0.61, 0.56, 0.50, 0.43, 0.37, 0.31, 0.25, 0.15, 0.1, 0.055, 0.03, 0.0],
    ]
)
"""The expected closer curve, over hours by the cut: between those of two known types, which end before it."""
CLOSER_BEND, CLOSER_STRAY = 0.1, 0.1
CLOSER_STEPS = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
"""Hours right after which the closer curve may fall at once: it is made of quantiles rounded to 0.1 h."""
CLOSER_STEP = 0.05
"""Standard deviation of such a fall."""
STRETCH_HOURS = 0.5
"""The closer curve is about equally smooth over log(1 + hours / this)."""


class TooFewAnswersError(Exception):
    """There are too few answered journeys of several sessions to learn from."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"{found} answered journeys of several sessions are too few to learn from:"
            f" {FEWEST_JOURNEYS - found} more are needed, and from 50 on a mean error of a thousandth can be expected"
        )
        self.found = found


@dataclass(frozen=True)
class Calibration:
    """What answers teach of a conversion type.

    Attributes:
        parameters: the model's parameters.
        cut: the cut, with its bounds.
        without_evidence: channels that share no credit with another channel in any journey: their weights stay at 1.
    """

    parameters: ModelParameters
    cut: Cut
    without_evidence: tuple[str, ...]


def calibrate(answered: AnsweredJourneys) -> Calibration:
    """Learn a conversion type's parameters.

    Args:
        answered: journeys whose answers are whole, answered without a redistribution parameter.

    Raises:
        TooFewAnswersError: fewer than `FEWEST_JOURNEYS` of them have several sessions.
    """
    several = answered.several
    if len(several) < FEWEST_JOURNEYS:
        raise TooFewAnswersError(len(several))
    below, above = cut_bounds(answered.some(several))
    of = answered.some(_telling(answered, several))
    touchpoints, channels = of.touchpoints, len(of.touchpoints.channels)
    counted = _counted(of, above)
    initializer, cut_hours, initializer_weights = _initializer(of, counted, below, above)
    closer, closer_weights = _closer(of, counted, cut_hours if np.isfinite(cut_hours) else initializer[0][-1])
    holder_base = bases(touchpoints, initializer, closer)[1]
    holder_weights = _holder(of, counted, holder_base)
    weights = np.stack([initializer_weights, holder_weights, closer_weights], axis=1)
    met = _met_others(of, counted)
    parameters = ModelParameters(
        initializer_curve=initializer,
        closer_curve=closer,
        restart_gap_hours=cut_hours,
        phase_weights=phase_weights(of),
        channel_weights={
            touchpoints.channels[number]: (float(w[0]), float(w[1]), float(w[2]))
            for number, w in enumerate(weights)
            if number in met
        },
    )
    seen = set(answered.touchpoints.channel.tolist())
    without = sorted(touchpoints.channels[number] for number in range(channels) if number in seen - met)
    return Calibration(parameters, Cut(cut_hours, below, above), tuple(without))


def _telling(answered: AnsweredJourneys, several: Integers) -> Integers:
    """At most `MOST_JOURNEYS` of the journeys: half of them with the rarest channels, the others evenly chosen."""
    if len(several) <= MOST_JOURNEYS:
        return several
    channel = answered.touchpoints.channel
    rarest = np.minimum.reduceat(np.bincount(channel)[channel], answered.touchpoints.journey_start)[several]
    rare_first = several[np.argsort(rarest, kind="stable")]
    evenly = np.linspace(0, len(several) - 1, MOST_JOURNEYS // 2).astype(np.int64)
    return np.union1d(rare_first[: MOST_JOURNEYS // 2], several[evenly])


def cut_bounds(of: AnsweredJourneys) -> tuple[float, float]:
    """The longest gap that did not restart a journey (0 if there is none), and the shortest that did (inf if none)."""
    place = np.arange(len(of.index))
    none = len(place)
    first = np.minimum.reduceat(np.where(of.credit[:, 0] > 0, place, none), of.touchpoints.journey_start)[of.index]
    restarts = of.gap_hours[(place == first) & ~of.is_first]
    above = float(restarts.min(initial=np.inf))
    kept = of.gap_hours[place > first]
    return float(kept[kept < above].max(initial=0.0)), above


def phase_weights(of: AnsweredJourneys) -> tuple[float, float, float]:
    """What initializer, holder and closer count for in ihc: least squares where the holder has credit; sum 1.

    Thirds where it never has.
    """
    holder = np.add.reduceat(of.credit[:, 1], of.touchpoints.journey_start)[of.index] > 0
    if not holder.any():
        return 1 / 3, 1 / 3, 1 / 3
    found = np.clip(np.linalg.lstsq(of.credit[holder, :3], of.credit[holder, 3], rcond=None)[0], 0, None)
    initializer, middle, closer = (found / found.sum()).tolist()
    return initializer, middle, closer


def _counted(of: AnsweredJourneys, above: float) -> Flags:
    """Whether a session is not before the last restart of its journey."""
    place = np.arange(len(of.index))
    restart = np.where((of.gap_hours >= above) | of.is_first, place, 0)
    begin = np.maximum.reduceat(restart, of.touchpoints.journey_start)[of.index]
    counted: Flags = place >= begin
    return counted


def _sharing(of: AnsweredJourneys, sessions: Flags) -> Flags:
    """Those of the sessions whose journey has another of them."""
    together = np.add.reduceat(sessions.astype(np.int64), of.touchpoints.journey_start)[of.index]
    sharing: Flags = sessions & (together > 1)
    return sharing


def _readings(of: AnsweredJourneys, sessions: Flags, base: Floats, parts: Floats, phase: int) -> Readings:
    return Readings(of.index[sessions], of.touchpoints.channel[sessions], base, parts, of.credit[sessions, phase])


def _initializer(
    of: AnsweredJourneys, counted: Flags, below: float, above: float
) -> tuple[tuple[Floats, Floats], float, Floats]:
    """The initializer curve, the cut in hours, and the channels' weights.

    The cut is where the curve, learned without it and drawn on from the longest gap that did not restart, reaches 1. If
    no gap restarted, that counts only where it is near.
    """
    seen = np.isfinite(above)
    guess = min((below + above) / 2, 1.3 * below) if seen and below else above if seen else max(1.5 * below, 1.0)
    sharing = _sharing(of, counted)
    if not sharing.any():
        return _power_curve(guess), guess if seen else np.inf, np.ones(len(of.touchpoints.channels))
    curve, weights = _initializer_curve(of, counted, sharing, guess, UNSURE if not seen else None)
    near = 0.8 * below
    rise = (np.interp(below, *curve) - np.interp(near, *curve)) / max(below - near, SURE)
    at_one = float(below + (1 - np.interp(below, *curve)) / max(rise, SURE))
    if not seen and at_one > NEAR * below:
        return _to_one(curve), np.inf, weights
    cut = float(np.clip(at_one, below, above))
    cut = min(cut, np.nextafter(above, 0))  # the model restarts at gaps longer than the cut
    curve, weights = _initializer_curve(of, counted, sharing, max(cut, SURE), SURE)
    return curve, cut, weights


def _initializer_curve(
    of: AnsweredJourneys, counted: Flags, sharing: Flags, cut: float, end: float | None
) -> tuple[tuple[Floats, Floats], Floats]:
    """The curve up to the cut, and the channels' weights; `end`: how sure it is that the curve is 1 there."""
    gap = of.gap_hours[sharing]
    opening = (counted & (of.is_first | ~np.roll(counted, 1)))[sharing]
    knots = knots_at(gap[~opening & (gap <= cut)] if end == SURE else gap[~opening], MOST_KNOTS, 0.0, cut)
    parts = steps_reached(gap, knots)
    parts[opening] = 0.0
    expected = np.diff(np.minimum(knots / cut, 1) ** INITIALIZER_POWER)
    rows, values = smooth_like(expected, knots / cut, INITIALIZER_BEND, INITIALIZER_STRAY)
    if end is not None:
        rows, values = np.vstack([rows, np.full(len(expected), 1 / end)]), np.append(values, 1 / end)
    readings = _readings(of, sharing, opening.astype(np.float64), parts, 0)
    found, weights = fit_phase(readings, Belief(rows, values, expected), len(of.touchpoints.channels))
    heights: Floats = np.minimum(np.concatenate([[0.0], np.cumsum(found)]), 1.0)
    return (knots, heights), weights


def _to_one(curve: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The curve, drawn on to 1 with its last slope."""
    knots, heights = curve
    rise = (heights[-1] - heights[-2]) / (knots[-1] - knots[-2])
    if heights[-1] >= 1 or rise <= 0:
        return curve
    return np.append(knots, knots[-1] + (1 - heights[-1]) / rise), np.append(heights, 1.0)


def _power_curve(cut: float) -> tuple[Floats, Floats]:
    knots = np.linspace(0, cut, 40)
    return knots, (knots / cut) ** INITIALIZER_POWER


def _closer(of: AnsweredJourneys, counted: Flags, cut: float) -> tuple[tuple[Floats, Floats], Floats]:
    """The closer curve, and the channels' weights."""
    sharing = _sharing(of, counted & (of.touchpoints.closer_engagement | of.is_last))
    closing, age = of.is_last[sharing], of.age_hours[sharing]
    flat = _stretched(np.array(CLOSER_STEPS[0]))
    knots = knots_at(_stretched(age[~closing]), MOST_KNOTS, 0.0, float(flat))
    end = max(knots[-1], float(_stretched(np.array(CLOSER_SHAPE[0, -1] * cut))))
    knots = knots_at(knots, len(knots), *np.linspace(knots[-1], end, 4)[1:])
    expected = -np.diff(np.interp(_hours(knots), CLOSER_SHAPE[0] * cut, CLOSER_SHAPE[1]))
    count, jumps = len(expected), len(CLOSER_STEPS)
    if not sharing.any():
        found, weights = np.concatenate([expected, np.zeros(jumps + 1)]), np.ones(len(of.touchpoints.channels))
    else:
        # What is left of the curve is the sum of the falls that are still to come, and of what never falls.
        jumped = age[:, None] > CLOSER_STEPS + SETTLED_HOURS
        parts = np.hstack([1 - steps_reached(_stretched(age), knots), ~jumped, np.ones((len(age), 1))])
        parts[closing] = 0.0
        rows, values = smooth_like(expected, knots, CLOSER_BEND, CLOSER_STRAY)
        level = np.flatnonzero(knots < flat)
        rows = np.vstack(
            [
                np.hstack([rows, np.zeros((len(rows), jumps + 1))]),
                np.eye(count + jumps + 1)[count:] / CLOSER_STEP,
                np.eye(count + jumps + 1)[level] / ALMOST_SURE,
                np.full((1, count + jumps + 1), 1 / (SURE * SURE**0.5)),
            ]
        )
        values = np.concatenate([values, np.zeros(jumps + 1 + len(level)), rows[-1, :1]])
        start = np.concatenate([expected, np.zeros(jumps), [1 - expected.sum()]])
        readings = _readings(of, sharing, closing.astype(np.float64), parts, 2)
        found, weights = fit_phase(readings, Belief(rows, values, start), len(of.touchpoints.channels))
    return _closer_curve(knots, found[:count], found[count : count + jumps]), weights


SETTLED_HOURS = 1e-6


def _closer_curve(knots: Floats, falls: Floats, jumps: Floats) -> tuple[Floats, Floats]:
    """The curve over hours: straight lines that follow it closely; a jump is a line within a second."""
    fine = np.unique(np.concatenate([knots, np.linspace(0, knots[-1], 60)]))
    hours = np.unique(np.concatenate([_hours(fine), CLOSER_STEPS, CLOSER_STEPS + 1 / 3600]))
    fallen = np.interp(_stretched(hours), knots, np.concatenate([[0.0], np.cumsum(falls)]))
    jumped = (hours[:, None] > CLOSER_STEPS + SETTLED_HOURS) @ jumps
    heights = np.clip(1 - fallen - jumped, 0, 1)
    end = int(np.argmax(heights == heights[-1])) + 1  # from there on it is level
    return hours[:end], heights[:end]


def _stretched(hours: Floats) -> Floats:
    stretched: Floats = np.log1p(hours / STRETCH_HOURS)
    return stretched


def _hours(stretched: Floats) -> Floats:
    hours: Floats = STRETCH_HOURS * np.expm1(stretched)
    return hours


def _holder(of: AnsweredJourneys, counted: Flags, base: Floats) -> Floats:
    """The channels' weights in the holder phase, whose base is known once both curves are."""
    sharing, channels = _sharing(of, counted & (base > HOLDER_ERROR)), len(of.touchpoints.channels)
    if not sharing.any():
        return np.ones(channels)
    readings = _readings(of, sharing, base[sharing], np.zeros((int(sharing.sum()), 0)), 1)
    nothing = Belief(np.zeros((0, 0)), np.zeros(0), np.zeros(0))
    return fit_phase(readings, nothing, channels, HOLDER_ERROR)[1]


def _met_others(of: AnsweredJourneys, counted: Flags) -> set[int]:
    """The numbers of channels that share a journey's credit with another channel."""
    pairs = set(zip(of.index[counted].tolist(), of.touchpoints.channel[counted].tolist(), strict=True))
    in_journey = Counter(journey for journey, _ in pairs)
    return {channel for journey, channel in pairs if in_journey[journey] > 1}
