"""What the comparisons must say of the attributed orders, worked out the plain and slow way, one order at a time.

Nothing here shares code with the package.
"""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from oracle import Source, Truth


class Touch(NamedTuple):
    """A touchpoint of an order's journey."""

    time: dt.datetime
    channel: str


@dataclass(frozen=True)
class Comparisons:
    """What the comparisons must say.

    Attributes:
        models: orders and revenue by model, channel, touch date and conversion date.
        paths: orders and revenue by conversion date, path as JSON and whole days to conversion.
        influenced: influenced orders, their revenue, assisted orders, their revenue by conversion date and channel.
        markov: removal effect, orders and revenue by last day of the window and channel.
    """

    models: Mapping[tuple[str, str, str, str], tuple[Fraction, Fraction]]
    paths: Mapping[tuple[str, str, int], tuple[int, Fraction]]
    influenced: Mapping[tuple[str, str], tuple[int, Fraction, int, Fraction]]
    markov: Mapping[tuple[str, str], tuple[Fraction, Fraction, Fraction]]


def comparisons(
    source: Source, truth: Truth, *, days: Sequence[dt.date], lookback_days: int, direct: Sequence[str] = ()
) -> Comparisons:
    """The comparisons of all attributed orders of `truth`, which is that of `source`, on these days."""
    touches = {row[0]: Touch(_moment(row[2], row[3]), row[4]) for row in source.sessions}
    ordered = {row[0]: _moment(row[2], row[3]) for row in source.orders}
    models: dict[tuple[str, str, str, str], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 2)
    paths: dict[tuple[str, str, int], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 2)
    influenced: dict[tuple[str, str], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 4)
    journeys_of_day: dict[str, list[tuple[list[str], Fraction]]] = defaultdict(list)
    for order, outcome in truth.outcomes.items():
        if outcome != "attributed":
            continue
        day, revenue = truth.order_days[order], truth.revenues[order]
        journey = [touches[session] for session in truth.journeys[order]]
        shares = {name: rule(journey) for name, rule in rules(direct).items()}
        shares["ihc"] = [truth.credit[order, session] for session in truth.journeys[order]]
        for model, credit in shares.items():
            for touch, share in zip(journey, credit, strict=True):
                if share:
                    sums = models[model, touch.channel, touch.time.date().isoformat(), day]
                    sums[0] += share
                    sums[1] += share * revenue
        channels = [touch.channel for touch in journey]
        path = paths[day, json.dumps(channels, ensure_ascii=False), (ordered[order] - journey[0].time).days]
        path[0] += 1
        path[1] += revenue
        for channel in set(channels):
            assists = channel in channels[:-1]
            sums = influenced[day, channel]
            for place, amount in enumerate((1, revenue, assists, revenue * assists)):
                sums[place] += amount
        journeys_of_day[day].append((channels, revenue))
    return Comparisons(
        {key: (orders, revenue) for key, (orders, revenue) in models.items()},
        {key: (int(orders), revenue) for key, (orders, revenue) in paths.items()},
        {key: (int(sums[0]), sums[1], int(sums[2]), sums[3]) for key, sums in influenced.items()},
        _markov(journeys_of_day, lookback_days, days),
    )


def rules(direct: Sequence[str]) -> Mapping[str, Callable[[Sequence[Touch]], Sequence[Fraction]]]:
    """The rule models: each splits an order over the touchpoints of its journey."""

    def only(place: int, length: int) -> list[Fraction]:
        return [Fraction(number == place) for number in range(length)]

    def last_non_direct(journey: Sequence[Touch]) -> list[Fraction]:
        others = [place for place, touch in enumerate(journey) if touch.channel not in direct]
        return only(others[-1] if others else len(journey) - 1, len(journey))

    def position_based(journey: Sequence[Touch]) -> list[Fraction]:
        between = len(journey) - 2
        if between <= 0:
            return [Fraction(1, len(journey))] * len(journey)
        return [Fraction(2, 5), *[Fraction(1, 5 * between)] * between, Fraction(2, 5)]

    def time_decay(journey: Sequence[Touch]) -> list[Fraction]:
        ages = [(journey[-1].time - touch.time) / dt.timedelta(days=7) for touch in journey]
        weights = [Fraction(2.0**-age) for age in ages]
        return [weight / sum(weights) for weight in weights]

    return {
        "first_touch": lambda journey: only(0, len(journey)),
        "last_touch": lambda journey: only(len(journey) - 1, len(journey)),
        "last_non_direct": last_non_direct,
        "linear": lambda journey: [Fraction(1, len(journey))] * len(journey),
        "position_based": position_based,
        "time_decay": time_decay,
    }


def _markov(
    journeys_of_day: Mapping[str, Sequence[tuple[list[str], Fraction]]], lookback_days: int, days: Sequence[dt.date]
) -> dict[tuple[str, str], tuple[Fraction, Fraction, Fraction]]:
    found = {}
    for day in days:
        earliest = day - dt.timedelta(days=lookback_days)
        window = [str(other) for other in days if earliest <= other <= day]
        journeys = [each for other in window for each in journeys_of_day.get(other, ())]
        effects = removal_effects([channels for channels, _ in journeys])
        revenue = sum((amount for _, amount in journeys), Fraction(0))
        for channel, effect in effects.items():
            share = effect / sum(effects.values())
            found[str(day), channel] = (effect, share * len(journeys), share * revenue)
    return found


def removal_effects(journeys: Sequence[Sequence[str]]) -> dict[str, Fraction]:
    """The share of conversions lost without each channel, in the first-order chain of these converting journeys."""
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for channels in journeys:
        states = ["(start)", *(f"={channel}" for channel in channels), "(conversion)"]
        for state, following in pairwise(states):
            steps[state][following] += 1
    return {
        channel: 1 - _converting(steps, f"={channel}")
        for channel in sorted({channel for channels in journeys for channel in channels})
    }


def _converting(steps: Mapping[str, Counter[str]], removed: str) -> Fraction:
    """The probability to convert from the start if whoever comes to `removed` is lost, by Gaussian elimination."""
    states = [state for state in steps if state != removed]
    rows = []
    for state in states:
        total = sum(steps[state].values())
        row = [Fraction(state == other) - Fraction(steps[state][other], total) for other in states]
        rows.append([*row, Fraction(steps[state]["(conversion)"], total)])
    for place in range(len(rows)):
        pivot = next(number for number in range(place, len(rows)) if rows[number][place])
        rows[place], rows[pivot] = rows[pivot], rows[place]
        rows[place] = [value / rows[place][place] for value in rows[place]]
        for number, row in enumerate(rows):
            if number != place and row[place]:
                rows[number] = [value - row[place] * own for value, own in zip(row, rows[place], strict=True)]
    return rows[states.index("(start)")][-1]


def _moment(date: str, time: str) -> dt.datetime:
    return dt.datetime.strptime(f"{date} {time}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  all times are UTC, without a zone
