"""What the model and path reports must say of some orders, worked out the plain and slow way.

Only the standard library, one order at a time, fractions instead of floats; nothing here shares code with the package.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from attribution_assets_tests.support.attributed_orders import Order

Shares = Sequence[Fraction]


def _last_non_direct(order: Order, direct: Collection[str]) -> Shares:
    places = [place for place, (channel, _) in enumerate(order.visits) if channel not in direct]
    return _all_to(places[-1] if places else len(order.visits) - 1, order)


def _position_based(order: Order, _: Collection[str]) -> Shares:
    size = len(order.visits)
    if size <= 2:
        return [Fraction(1, size)] * size
    return [Fraction(2, 5), *[Fraction(1, 5) / (size - 2)] * (size - 2), Fraction(2, 5)]


def _time_decay(order: Order, _: Collection[str]) -> Shares:
    weeks = [(order.ordered - time).total_seconds() / (7 * 24 * 3600) for _, time in order.visits]
    weights = [Fraction(2.0**-age) for age in weeks]
    return [weight / sum(weights) for weight in weights]


def _all_to(place: int, order: Order) -> Shares:
    return [Fraction(number == place) for number in range(len(order.visits))]


SHARES: Mapping[str, Callable[[Order, Collection[str]], Shares]] = {
    "ihc": lambda order, _: [Fraction(ihc) for *_, ihc in order.credit],
    "first_touch": lambda order, _: _all_to(0, order),
    "last_touch": lambda order, _: _all_to(len(order.visits) - 1, order),
    "last_non_direct": _last_non_direct,
    "linear": lambda order, _: [Fraction(1, len(order.visits))] * len(order.visits),
    "position_based": _position_based,
    "time_decay": _time_decay,
}
"""The share of each touchpoint of an order, by model; the second argument are the direct channels."""


def comparison(orders: Iterable[Order], direct: Collection[str]) -> dict[tuple[str, str, str], list[Fraction]]:
    """Orders and revenue by model, channel and touch date."""
    credited: dict[tuple[str, str, str], list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
    for order in _attributed(orders):
        for model, shares in SHARES.items():
            for (channel, time), share in zip(order.visits, shares(order, direct), strict=True):
                cell = credited[model, channel, time.date().isoformat()]
                cell[0] += share
                cell[1] += share * Fraction(str(order.revenue))
    return {key: cell for key, cell in credited.items() if any(cell)}


def paths(orders: Iterable[Order]) -> dict[tuple[tuple[str, ...], int], tuple[int, Fraction]]:
    """Orders and revenue by path and days to conversion."""
    found: dict[tuple[tuple[str, ...], int], tuple[int, Fraction]] = {}
    for order in _attributed(orders):
        key = tuple(channel for channel, _ in order.visits), (order.ordered - order.visits[0][1]).days
        count, revenue = found.get(key, (0, Fraction(0)))
        found[key] = count + 1, revenue + Fraction(str(order.revenue))
    return found


def roles(orders: Iterable[Order]) -> dict[str, list[Fraction]]:
    """Orders and revenue influenced, orders and revenue assisted, initializer, holder and closer, by channel."""
    found: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 7)
    for order in _attributed(orders):
        revenue = Fraction(str(order.revenue))
        for channel in {channel for channel, _ in order.visits}:
            assists = channel in {earlier for earlier, _ in order.visits[:-1]}
            phases = [
                [Fraction(share) for share in credit[:3]]
                for (visited, _), credit in zip(order.visits, order.credit, strict=True)
                if visited == channel
            ]
            added = [1, revenue, assists, assists * revenue, *(sum(shares) for shares in zip(*phases, strict=True))]
            found[channel] = [have + more for have, more in zip(found[channel], added, strict=True)]
    return dict(found)


def removal_effects(orders_of_path: Mapping[tuple[str, ...], int]) -> dict[str, Fraction]:
    """The removal effect of each channel: 1 - the probability to reach an order when the channel leads nowhere."""
    steps: Counter[tuple[str, str]] = Counter()
    for path, orders in orders_of_path.items():
        for step in pairwise(["(start)", *path, "(order)"]):
            steps[step] += orders
    leaving: Counter[str] = Counter()
    for (origin, _), times in steps.items():
        leaving[origin] += times
    probability = {step: Fraction(times, leaving[step[0]]) for step, times in steps.items()}
    channels = {channel for path in orders_of_path for channel in path}
    return {channel: 1 - _chance_of_an_order(probability, channels - {channel}) for channel in channels}


def _chance_of_an_order(probability: Mapping[tuple[str, str], Fraction], channels: Collection[str]) -> Fraction:
    """The chance to come from the start to an order through these channels only, by solving for all their chances."""
    states = ["(start)", *sorted(channels)]
    rows = [
        [Fraction(state == other) - probability.get((state, other), Fraction(0)) for other in states]
        + [probability.get((state, "(order)"), Fraction(0))]
        for state in states
    ]
    for place in range(len(states)):
        pivot = next(row for row in range(place, len(rows)) if rows[row][place])
        rows[place], rows[pivot] = rows[pivot], rows[place]
        rows[place] = [value / rows[place][place] for value in rows[place]]
        for number, row in enumerate(rows):
            if number != place and row[place]:
                rows[number] = [value - row[place] * taken for value, taken in zip(row, rows[place], strict=True)]
    return rows[0][-1]


def _attributed(orders: Iterable[Order]) -> Iterable[Order]:
    return (order for order in orders if order.outcome == "attributed")
