"""The IHC model restated in NumPy: the credit of every touchpoint of a request, and nothing of HTTP.

The arithmetic was read off recorded answers of the IHC API for one trained conversion type; its curves, weights and
restart gap are the parameters in `model_parameters.toml`, thinned so that straight lines between their points stay
within 0.0035 of the recorded curves. Touchpoints are flat arrays with journeys adjacent; every step works on all
journeys at once.

Three details, as far as the recorded answers settle them:

- No recorded gap lies between 52.64 and 53.01 hours, so what a gap of exactly the restart gap does is unknown: here it
  does not restart.
- The API takes a session's IHC value from the phases as rounded: from these it follows to all 4 decimals in 310 of the
  313 recorded journeys of several sessions. So it is here.
- To make rounded values sum to 1 the API adds the whole difference to the largest one (in 12 of 13 recorded journeys
  that have a difference). On 150 equal sessions that would take 0.0050 of one session's 0.0067, so here the largest
  remainders are rounded up instead: no value is then further than 0.0001 from the one before rounding.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Direction: TypeAlias = Literal["earlier_sessions_only", "any_session", "later_sessions_only"]

PHASES = ("initializer", "holder", "closer")
SHIPPED = "default"
"""The conversion type whose parameters come with the package."""
UNITS = 10_000  # credit is given in units of the fourth decimal
REMAINDER_STEPS = 2**20  # remainders that are equal in steps of one unit by this many are ties


@dataclass(frozen=True)
class ModelParameters:
    """The trained parameters of one conversion type.

    Attributes:
        initializer_curve: hours since the previous session, ascending, and the weight at each; straight lines between.
        closer_curve: hours before the last session, ascending, and the weight at each; straight lines between.
        restart_gap_hours: a gap between two sessions longer than this restarts the journey.
        phase_weights: the weight of initializer, holder and closer in a session's IHC value.
        channel_weights: by channel label, the factors of initializer, holder and closer credit; 1 if not named.
    """

    initializer_curve: tuple[Floats, Floats]
    closer_curve: tuple[Floats, Floats]
    restart_gap_hours: float
    phase_weights: tuple[float, float, float]
    channel_weights: Mapping[str, tuple[float, float, float]]

    @classmethod
    def from_toml(cls, text: str) -> "ModelParameters":
        """Read parameters written as in `model_parameters.toml`.

        Raises:
            tomllib.TOMLDecodeError: if the text is not TOML.
            KeyError: if a parameter is missing.
        """
        content = tomllib.loads(text)
        initializer, closer = (
            np.array(content[name], dtype=np.float64).T for name in ("initializer_curve", "closer_curve")
        )
        return cls(
            initializer_curve=(initializer[0], initializer[1]),
            closer_curve=(closer[0], closer[1]),
            restart_gap_hours=float(content["restart_gap_hours"]),
            phase_weights=_by_phase(content["phase_weights"]),
            channel_weights={channel: _by_phase(weights) for channel, weights in content["channel_weights"].items()},
        )

    def check(self) -> None:
        """See that the parameters can be computed with.

        Raises:
            ValueError: they cannot; the message names the parameter.
        """
        curves = {"initializer_curve": self.initializer_curve, "closer_curve": self.closer_curve}
        for name, (hours, weights) in curves.items():
            if not (np.isfinite(hours).all() and (np.diff(hours) >= 0).all() and hours[0] >= 0):
                raise ValueError(f"{name}: its hours must be 0 or more, and ascend")
            if not ((weights >= 0) & (weights <= 1)).all():
                raise ValueError(f"{name}: its weights must be from 0 to 1")
        if not self.restart_gap_hours > 0:
            raise ValueError("restart_gap_hours must be more than 0")
        if not (min(self.phase_weights) >= 0 and abs(sum(self.phase_weights) - 1) < 1 / 100):
            raise ValueError("phase_weights must be 0 or more, and sum to 1")
        for channel, factors in self.channel_weights.items():
            if not all(0 < factor < np.inf for factor in factors):
                raise ValueError(f"channel_weights: those of {channel!r} must be more than 0")


def _by_phase(weights: Mapping[str, float]) -> tuple[float, float, float]:
    return weights["initializer"], weights["holder"], weights["closer"]


@cache
def recorded_parameters() -> ModelParameters:
    """The parameters of the recorded conversion type, read from the package at the first call."""
    return ModelParameters.from_toml(resources.files(__package__).joinpath("model_parameters.toml").read_text("utf-8"))


def version(parameters: ModelParameters) -> str:
    """What the service's answers depend on beside the request, as 12 hex digits: the parameters and its arithmetic."""
    digest = _version_of_the_arithmetic().copy()
    curves = (*parameters.initializer_curve, *parameters.closer_curve)
    digest.update(repr([curve.tolist() for curve in curves]).encode())
    others = (parameters.restart_gap_hours, parameters.phase_weights, sorted(parameters.channel_weights.items()))
    digest.update(repr(others).encode())
    return digest.hexdigest()[:12]


@cache
def _version_of_the_arithmetic() -> "hashlib._Hash":
    digest = hashlib.sha256()
    for file in ("model.py", "app.py"):
        digest.update(resources.files(__package__).joinpath(file).read_bytes())
    return digest


@dataclass(frozen=True)
class Touchpoints:
    """Sessions of customer journeys: journeys adjacent, each in time order, none empty.

    Attributes:
        journey_start: index of each journey's first touchpoint, ascending from 0.
        seconds: time of each touchpoint, in seconds from any one moment.
        channel: index of each touchpoint's channel in `channels`.
        channels: the channel labels.
        holder_engagement: whether each touchpoint counts for the holder phase.
        closer_engagement: whether each touchpoint counts for the closer phase; a journey's last one always does.
    """

    journey_start: Integers
    seconds: Integers
    channel: Integers
    channels: Sequence[str]
    holder_engagement: Flags
    closer_engagement: Flags


@dataclass(frozen=True)
class PhaseRedistribution:
    """Which credit of a phase is handed on, and to which sessions.

    Attributes:
        direction: where in the journey the sessions that receive are, seen from the one that gives.
        receive_threshold: the smallest share of the phase with which a session receives, 0 to 1.
        channels: labels of the channels whose sessions give.
    """

    direction: Direction
    receive_threshold: float
    channels: frozenset[str]


class _Journeys:
    """Operations within each journey, on flat arrays with one element per touchpoint."""

    def __init__(self, start: Integers, touchpoints: int) -> None:
        self.start = start
        self.length = np.diff(start, append=touchpoints)
        self.last = start + self.length - 1
        self.index = np.repeat(np.arange(len(start)), self.length)
        self.position = np.arange(touchpoints) - start[self.index]

    def total(self, values: Floats) -> Floats:
        """Each touchpoint's journey's sum."""
        totals: Floats = np.add.reduceat(values, self.start)[self.index]
        return totals

    def normalised(self, values: Floats) -> Floats:
        """Each touchpoint's part of its journey's sum; 0 where the sum is 0."""
        return _ratio(values, self.total(values))

    def running_total(self, values: Floats) -> Floats:
        """Each touchpoint's sum of its own and all earlier values, free of other journeys' rounding errors."""
        total, step, longest = values.copy(), 1, self.length.max()
        while step < longest:
            total[step:] += np.where(self.position[step:] >= step, total[:-step], 0.0)
            step *= 2
        return total

    def remaining_total(self, values: Floats) -> Floats:
        """Each touchpoint's sum of its own and all later values, free of other journeys' rounding errors."""
        after = self.last[self.index] - np.arange(len(values))
        total, step, longest = values.copy(), 1, self.length.max()
        while step < longest:
            total[:-step] += np.where(after[:-step] >= step, total[step:], 0.0)
            step *= 2
        return total


def _ratio(dividend: Floats, divisor: Floats) -> Floats:
    """The quotient where the divisor is positive, else 0."""
    return np.divide(dividend, divisor, out=np.zeros_like(dividend), where=divisor > 0)


def compute_ihc(
    touchpoints: Touchpoints,
    parameters: ModelParameters,
    redistribution: Mapping[str, PhaseRedistribution] | None = None,
) -> Floats:
    """Split each conversion over the touchpoints of its journey.

    With g the hours since the previous session and a the hours before the last one, within each journey:

    1. initializer base: 1 for the first session, initializer curve at g for each later one; normalised.
    2. closer base: 1 for the last session, closer_engagement x closer curve at a for each earlier one; normalised.
    3. holder: holder_engagement x 1/2 ((q + p) / 2 + 2qp / (q + p)) with q = 1 - initializer base and p = 1 - closer
       base, that is the mean of their arithmetic and harmonic means.
    4. Each phase times the channel's weight for it; 0 before the last gap longer than the restart gap; normalised.
    5. The redistribution, if there is one.
    6. ihc: the phases by their weights, rescaled to sum to 1 where the holder phase has no credit.

    The redistribution's arithmetic is not published. The reading here: in each phase that it names, the credit of each
    session of the giving channels goes to those sessions of other channels that are in its direction and whose share
    of the phase, before any redistribution, is positive and at least the threshold, in proportion to these shares.
    Where there is none, it stays.

    Args:
        touchpoints: all touchpoints of a request.
        parameters: the conversion type's parameters.
        redistribution: by phase name; a phase that is not named stays as it is.

    Returns:
        One row per touchpoint with initializer, holder, closer and ihc, each a multiple of 0.0001 in 0..1. For each
        journey initializer, closer and ihc sum to 1, holder to 1 or 0.
    """
    if not len(touchpoints.seconds):
        return np.empty((0, 4))
    journeys = _Journeys(touchpoints.journey_start, len(touchpoints.seconds))
    shares = _phase_shares(touchpoints, journeys, parameters)
    for phase, rule in (redistribution or {}).items():
        row = PHASES.index(phase)
        gives = np.array([channel in rule.channels for channel in touchpoints.channels])[touchpoints.channel]
        shares[row] = _redistributed(shares[row], gives, rule, journeys)
    initializer, holder, closer = (_rounded(share, journeys) for share in shares)
    of_initializer, of_holder, of_closer = parameters.phase_weights
    weighted = of_initializer * initializer + of_holder * holder + of_closer * closer
    ihc = _rounded(journeys.normalised(weighted), journeys)
    return np.stack((initializer, holder, closer, ihc), axis=1) / UNITS


def _phase_shares(touchpoints: Touchpoints, journeys: _Journeys, parameters: ModelParameters) -> list[Floats]:
    """Each touchpoint's share of the three phases: steps 1 to 4."""
    gap_hours = _gap_hours(touchpoints, journeys)
    initializer, holder, closer = _bases(touchpoints, journeys, parameters.initializer_curve, parameters.closer_curve)
    restarts = np.where(gap_hours > parameters.restart_gap_hours, journeys.position, 0)
    counts = journeys.position >= np.maximum.reduceat(restarts, journeys.start)[journeys.index]
    weights = np.array([parameters.channel_weights.get(channel, (1.0, 1.0, 1.0)) for channel in touchpoints.channels]).T
    return [
        journeys.normalised(base * weight[touchpoints.channel] * counts)
        for base, weight in zip((initializer, holder, closer), weights, strict=True)
    ]


def _gap_hours(touchpoints: Touchpoints, journeys: _Journeys) -> Floats:
    hours = np.diff(touchpoints.seconds, prepend=touchpoints.seconds[:1]) / 3600.0
    hours[journeys.position == 0] = 0.0
    return hours


def _bases(
    touchpoints: Touchpoints,
    journeys: _Journeys,
    initializer_curve: tuple[Floats, Floats],
    closer_curve: tuple[Floats, Floats],
) -> tuple[Floats, Floats, Floats]:
    """Each touchpoint's base in the three phases: steps 1 to 3."""
    seconds = touchpoints.seconds
    initializer = np.interp(_gap_hours(touchpoints, journeys), *initializer_curve)
    initializer[journeys.start] = 1.0
    initializer = journeys.normalised(initializer)

    hours_before_last = (seconds[journeys.last][journeys.index] - seconds) / 3600.0
    closer = np.interp(hours_before_last, *closer_curve) * touchpoints.closer_engagement
    closer[journeys.last] = 1.0
    closer = journeys.normalised(closer)

    q, p = 1.0 - initializer, 1.0 - closer
    holder: Floats = touchpoints.holder_engagement * 0.5 * ((q + p) / 2.0 + _ratio(2.0 * q * p, q + p))
    return initializer, holder, closer


def bases(
    touchpoints: Touchpoints, initializer_curve: tuple[Floats, Floats], closer_curve: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Each touchpoint's base in initializer, holder and closer, before channels' weights and the restart gap."""
    journeys = _Journeys(touchpoints.journey_start, len(touchpoints.seconds))
    return _bases(touchpoints, journeys, initializer_curve, closer_curve)


def _redistributed(share: Floats, gives: Flags, rule: PhaseRedistribution, journeys: _Journeys) -> Floats:
    """One phase after its redistribution: step 5."""
    receiving = np.where(~gives & (share >= rule.receive_threshold), share, 0.0)
    within_reach, from_givers = {
        "earlier_sessions_only": (journeys.running_total, journeys.remaining_total),
        "any_session": (journeys.total, journeys.total),
        "later_sessions_only": (journeys.remaining_total, journeys.running_total),
    }[rule.direction]
    available = within_reach(receiving)
    given_per_share = _ratio(np.where(gives, share, 0.0), available)
    kept = np.where(gives & (available > 0), 0.0, share)
    received: Floats = receiving * from_givers(given_per_share)
    return kept + received


def _rounded(share: Floats, journeys: _Journeys) -> Floats:
    """Shares in whole units of the fourth decimal, rounded by largest remainder so that each journey's sum is kept.

    Of equal remainders the earlier touchpoint's is rounded up.
    """
    units = share * UNITS
    whole: Floats = np.floor(units)
    missing = np.rint(journeys.total(units) - journeys.total(whole))
    uneven = np.flatnonzero(missing > 0)
    steps = np.rint((units[uneven] - whole[uneven]) * REMAINDER_STEPS).astype(np.int64)
    # Ascending by journey, then by descending remainder: the journeys stay where they are, so positions become ranks.
    ranked = uneven[np.argsort(journeys.index[uneven] * (2 * REMAINDER_STEPS) - steps, kind="stable")]
    whole[ranked[journeys.position[uneven] < missing[uneven]]] += 1.0
    return whole
