"""Journeys of two sessions whose answers teach most of a conversion type, so that one request can be enough.

Two sessions of one channel show both curves at their gap, whatever the channel's weights; two of different channels,
the weights of one against the other's.
"""

from collections.abc import Sequence

import numpy as np

from attribution_assets.ihc_service.model import Floats, Touchpoints

MOST_JOURNEYS = 100
FEWEST_JOURNEYS = 20
SHORTEST_HOURS, LONGEST_HOURS = 0.15, 330.0
OF_ONE_CHANNEL = 0.64
"""The part of the journeys that have one channel."""
BETWEEN_BOUNDS = 1 / 3
"""The part of these whose gaps lie between the bounds of the cut, where they are known."""
OTHERS_HOURS = (20.0, 92.0, 4.0)
"""Gaps of journeys with another channel, the most telling first: one is below most cuts, one where most curves rise."""


def probe(
    channels: Sequence[str], journeys: int = MOST_JOURNEYS, cut_between: tuple[float, float] | None = None
) -> Touchpoints:
    """The journeys of a probe; all their sessions are engaged.

    Args:
        channels: the account's channels, the most frequent first; as many as there is room for are compared with it.
        journeys: how many journeys, at least `FEWEST_JOURNEYS`.
        cut_between: the longest gap known not to restart a journey, and the shortest known to.
    """
    others = channels[1 : 1 + journeys - round(OF_ONE_CHANNEL * journeys)]
    room = journeys - round(OF_ONE_CHANNEL * journeys)
    each = min(room // len(others), len(OTHERS_HOURS)) if others else 0
    second = [number for number in range(1, 1 + len(others)) for _ in range(each)]
    hours = np.concatenate([_own_hours(journeys - len(second), cut_between), [*OTHERS_HOURS[:each]] * len(others)])
    channel = np.zeros((journeys, 2), dtype=np.int64)
    channel[journeys - len(second) :, 1] = second
    seconds = np.stack([-np.rint(hours * 3600), np.zeros(journeys)], axis=1).astype(np.int64)
    engaged = np.ones(2 * journeys, dtype=np.bool_)
    return Touchpoints(
        journey_start=np.arange(0, 2 * journeys, 2, dtype=np.int64),
        seconds=seconds.ravel(),
        channel=channel.ravel(),
        channels=[*channels[: 1 + len(others)]],
        holder_engagement=engaged,
        closer_engagement=engaged,
    )


def _own_hours(number: int, cut_between: tuple[float, float] | None) -> Floats:
    """Gaps of the journeys of one channel: even in logarithms, but for those between the bounds of the cut."""
    within = round(BETWEEN_BOUNDS * number) if cut_between and np.isfinite(cut_between).all() else 0
    spread = np.geomspace(SHORTEST_HOURS, LONGEST_HOURS, number - within)
    if not within or cut_between is None:
        return spread
    return np.concatenate([spread, np.linspace(*cut_between, within + 2)[1:-1]])
