"""The removal effects of a Markov chain's channels: the probability of passing each on the way from start to order.

With the chain's fundamental matrix N, where N[a, c] is the mean number of visits to c from a on, it is
N[start, c] / N[c, c]. Only sums, products and quotients of single numbers in a fixed order are used, so that the result
is the same on every machine. Counting the steps of journeys does not belong here (`markov.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from attribution_assets.attribution.comparison.rule_models import Floats

MOST_IN_ONE_MATRIX = 256
"""With more channels, the rare ones are taken out of the chain one by one before the others are made a matrix."""

MOST_NEW_STEPS = 2_000
"""A channel is rare while so many pairs of states, at most, lead to it and on from it."""

Probabilities = list[dict[int, float]]
"""By state, the probability of a step to each channel that it leads to. The last state is the start."""


@dataclass(frozen=True)
class _Removed:
    """A channel that was taken out of the chain: all steps around it go on without it.

    Attributes:
        channel: its number.
        stays: its visits in a row, on average.
        comes_from: by state, the probability of a step to it, times `stays`.
        leads_to: by channel, the probability of going on there when it is left.
    """

    channel: int
    stays: float
    comes_from: Mapping[int, float]
    leads_to: Mapping[int, float]


def removal_effects(steps: Probabilities) -> Floats:
    """The removal effect of each channel, 0 to 1.

    With more than `MOST_IN_ONE_MATRIX` channels, the rare ones are taken out one by one, the least connected first. The
    rest are eliminated as a matrix, whose work grows with the cube of their number. The former follow in reverse.

    Args:
        steps: The chain. Each channel is on some path from the start to the order, where the rest of a state's
            probability leads.
    """
    rare = _take_out_rare(steps) if len(steps) - 1 > MOST_IN_ONE_MATRIX else []
    taken = {removed.channel for removed in rare}
    states = [state for state in range(len(steps)) if state not in taken]
    visits = _Visits(states, _visits_between(steps, states))
    for removed in reversed(rare):
        visits.add(removed)
    start = len(steps) - 1
    return np.array([visits[start, channel] / visits[channel, channel] for channel in range(start)], dtype=float)


def _take_out_rare(steps: Probabilities) -> list[_Removed]:
    """Take rare channels out of the chain, in place, the least connected first."""
    origins: list[dict[int, None]] = [{} for _ in steps]  # in place of a set, for its order
    for state, onward in enumerate(steps):
        for channel in onward:
            origins[channel][state] = None

    def new_steps(channel: int) -> int:
        return len(origins[channel]) * len(steps[channel])

    removed: list[_Removed] = []
    left = set(range(len(steps) - 1))
    waiting = [(new_steps(channel), channel) for channel in left]
    heapify(waiting)
    while waiting:
        count, channel = heappop(waiting)
        if channel not in left or count != new_steps(channel):
            continue
        if count > MOST_NEW_STEPS:
            break
        left.remove(channel)
        removed.append(_take_out(steps, origins, channel))
        for state in sorted({*removed[-1].comes_from, *removed[-1].leads_to} & left):
            heappush(waiting, (new_steps(state), state))
    return removed


def _take_out(steps: Probabilities, origins: list[dict[int, None]], channel: int) -> _Removed:
    stays = 1 / (1 - steps[channel].pop(channel, 0.0))
    origins[channel].pop(channel, None)
    onward = {target: chance * stays for target, chance in steps[channel].items()}
    comes_from = {}
    for state in origins[channel]:
        chance = steps[state].pop(channel)
        comes_from[state] = chance * stays
        for target, on in onward.items():
            steps[state][target] = steps[state].get(target, 0.0) + chance * on
            origins[target][state] = None
    for target in onward:
        origins[target].pop(channel)
    steps[channel], origins[channel] = {}, {}
    return _Removed(channel, stays, comes_from, onward)


def _visits_between(steps: Probabilities, states: Sequence[int]) -> Floats:
    """The mean visits between these states, of which the last is the start, by Gauss-Jordan elimination."""
    place = {state: number for number, state in enumerate(states)}
    passes: Floats = np.zeros((len(states), len(states)))
    for state in states:
        for channel, chance in steps[state].items():
            passes[place[state], place[channel]] = chance
    channels = range(len(states) - 1)
    for channel in channels:
        passes += np.outer(passes[:, channel], passes[channel] / (1 - passes[channel, channel]))
    passes[channels, channels] += 1
    return passes


class _Visits:
    """The mean visits from a state to a channel: of a matrix, and of channels that were taken out before.

    Args:
        states: The states of the matrix.
        matrix: The mean visits between them.
    """

    def __init__(self, states: Sequence[int], matrix: Floats) -> None:
        self._place = {state: number for number, state in enumerate(states)}
        self._matrix = matrix
        self._added: dict[tuple[int, int], float] = {}

    def __getitem__(self, pair: tuple[int, int]) -> float:
        found = self._added.get(pair)
        return float(self._matrix[self._place[pair[0]], self._place[pair[1]]]) if found is None else found

    def add(self, removed: _Removed) -> None:
        """Add a channel: its visits from the start, from where it leads to, and from it to where it comes from."""
        channel, start = removed.channel, max(self._place)
        before = {state: chance for state, chance in removed.comes_from.items() if state != start}
        at_once = removed.comes_from.get(start, 0.0)
        self._added[start, channel] = at_once + sum(self[start, state] * chance for state, chance in before.items())
        for target in removed.leads_to:
            self._added[target, channel] = sum(self[target, state] * chance for state, chance in before.items())
        for state in before:
            self._added[channel, state] = sum(self[target, state] * on for target, on in removed.leads_to.items())
        back = sum(on * self[target, channel] for target, on in removed.leads_to.items())
        self._added[channel, channel] = removed.stays + back
