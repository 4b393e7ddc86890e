"""One phase's parameters from answered shares: a curve over hours, and a weight per channel.

A session's share is its base times its channel's weight, divided by the sum of these over its journey. The base is
known, or is the curve at the session's hours. Between knots the curve is straight, so it is linear in its parts: the
steps from knot to knot. Parts are not negative, which makes the curve monotone.

The fit is the most probable one, by Gauss-Newton steps with bounds (`scipy.optimize.lsq_linear`). What is believed
before any answer are rows that are linear in the parts, and log weights that are mostly 0: their penalty is their
absolute value, by reweighting.
"""

from dataclasses import dataclass

import numpy as np

from attribution_assets.ihc_service.model import Floats, Integers

SHARE_ERROR = 1e-4
"""How far a share may be from the model: rounding, and curves that are not quite straight between knots."""
WEIGHT_SCALE = 0.02
"""How far from 0 a channel's log weight is expected to be, in the scale of a Laplace distribution."""
SMALLEST_WEIGHT = 1e-3
"""A log weight below this is as good as 0."""
CLOSEST = 1e-4
"""Knots are at least this part of themselves apart."""
MOST_TURNS = 25
SETTLED = 1e-5
SHORTEST_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class Readings:
    """The sessions that share the phase, journeys adjacent.

    Attributes:
        journey: the number of each session's journey, ascending.
        channel: the number of each session's channel.
        base: the known part of each session's base.
        parts: a row per session: how much of each part of the curve is in its base.
        share: what was answered.
    """

    journey: Integers
    channel: Integers
    base: Floats
    parts: Floats
    share: Floats


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed of the curve before any answer: `rows` times its parts is about `values`.

    Attributes:
        rows: a row per belief, divided by its standard deviation.
        values: the value of each, divided alike.
        start: the parts to start from.
    """

    rows: Floats
    values: Floats
    start: Floats


def fit_phase(readings: Readings, belief: Belief, channels: int, error: float = SHARE_ERROR) -> tuple[Floats, Floats]:
    """The most probable parts of the curve, and the weight of each channel.

    Args:
        readings: the answered shares.
        belief: of the curve.
        channels: how many channels there are; one without a reading has weight 1.
        error: standard error of a share.
    """
    fit = _Fit(readings, belief, channels, error)
    parts, logs = belief.start, np.zeros(channels)
    variance = np.full(channels, WEIGHT_SCALE * 0.1)
    for _ in range(MOST_TURNS):
        to_parts, to_logs = fit.step(parts, logs, variance)
        before, length = fit.cost(parts, logs, variance), 1.0
        while length > SHORTEST_STEP:
            trial = parts + length * (to_parts - parts), logs + length * (to_logs - logs)
            if fit.cost(*trial, variance) <= before:
                break
            length /= 2
        else:
            break
        moved = max(np.abs(trial[0] - parts).max(initial=0.0), np.abs(trial[1] - logs).max(initial=0.0))
        parts, logs = trial
        variance = WEIGHT_SCALE * np.maximum(np.abs(logs), SMALLEST_WEIGHT)
        if moved < SETTLED:
            break
    weights: Floats = np.exp(logs)
    return parts, weights


class _Fit:
    """The fit's cost, and the step to its least value as if shares were linear in parts and log weights."""

    def __init__(self, readings: Readings, belief: Belief, channels: int, error: float) -> None:
        self._of, self._belief, self._error, self._channels = readings, belief, error, channels
        from scipy.optimize import lsq_linear  # noqa: PLC0415  # half a second that only training needs

        self._least_squares = lsq_linear
        begins = np.diff(readings.journey, prepend=-1) != 0
        self._start, self._group = np.flatnonzero(begins), np.cumsum(begins) - 1

    def cost(self, parts: Floats, logs: Floats, variance: Floats) -> float:
        missed = (self._shares(parts, logs)[0] - self._of.share) / self._error
        surprise = self._belief.rows @ parts - self._belief.values
        return float(missed @ missed + surprise @ surprise + logs @ (logs / variance))

    def step(self, parts: Floats, logs: Floats, variance: Floats) -> tuple[Floats, Floats]:
        count = len(parts)
        share, per_base = self._shares(parts, logs)
        of_channel = np.zeros((len(share), self._channels))
        of_channel[np.arange(len(share)), self._of.channel] = share
        slopes = np.hstack([per_base[:, None] * self._of.parts, of_channel])
        slopes = (slopes - share[:, None] * np.add.reduceat(slopes, self._start)[self._group]) / self._error
        here = np.concatenate([parts, logs])
        matrix, target = slopes.T @ slopes, slopes.T @ ((self._of.share - share) / self._error + slopes @ here)
        matrix[:count, :count] += self._belief.rows.T @ self._belief.rows
        target[:count] += self._belief.rows.T @ self._belief.values
        matrix[range(count, len(here)), range(count, len(here))] += 1 / variance
        scale = 1 / np.sqrt(matrix.diagonal())
        root = np.linalg.cholesky(matrix * np.outer(scale, scale) + 1e-11 * np.eye(len(here))).T
        lowest = np.where(np.arange(len(here)) < count, 0.0, -np.inf)
        there = (
            self._least_squares(root, np.linalg.solve(root.T, target * scale), (lowest, np.inf), method="bvls").x
            * scale
        )
        return there[:count], there[count:]

    def _shares(self, parts: Floats, logs: Floats) -> tuple[Floats, Floats]:
        """Each session's share, and what it would gain from one more of base if the sum stayed."""
        weight = np.exp(logs)[self._of.channel]
        weighted = (self._of.base + self._of.parts @ parts) * weight
        total = np.add.reduceat(weighted, self._start)[self._group]
        return weighted / total, weight / total


def steps_reached(at: Floats, knots: Floats) -> Floats:
    """How much of each step between neighbouring knots lies before each place: 0 to 1; a row per place.

    Past the last knot, more than 1 of the last step: the curve goes on straight.
    """
    step = np.clip(np.searchsorted(knots, at) - 1, 0, len(knots) - 2)
    reached = (np.arange(len(knots) - 1) < step[:, None]).astype(np.float64)
    reached[np.arange(len(at)), step] = (at - knots[step]) / (knots[step + 1] - knots[step])
    return reached


def smooth_like(expected: Floats, knots: Floats, bend: float, stray: float) -> tuple[Floats, Floats]:
    """Belief that a curve's steps are those of an expected one, plus a slope that changes little from knot to knot.

    Args:
        expected: the expected steps.
        knots: places of the knots.
        bend: standard deviation of a change of the slope over a length of 1; over others it grows with the root.
        stray: standard deviation of the slope from knot to knot, for a step of the whole length.

    Returns:
        `rows` and `values` of a `Belief`.
    """
    length = np.diff(knots)
    slopes = np.diag(1 / length)
    changes = np.diff(slopes, axis=0) / (bend * np.sqrt((length[1:] + length[:-1]) / 2))[:, None]
    strays = slopes / (stray * np.sqrt(length.sum() / length))[:, None]
    rows = np.vstack([changes, strays])
    return rows, rows @ expected


def knots_at(hours: Floats, most: int, *also: float) -> Floats:
    """Knots where there are readings, ascending: each distinct place, or as many quantiles of them; and `also`."""
    places = np.unique(hours)
    if len(places) > most:
        places = np.quantile(places, np.linspace(0, 1, most))
    places = np.unique(np.concatenate([places, also]))
    knots: Floats = places[np.concatenate([[True], np.diff(places) > CLOSEST * places[1:]])]
    return knots
