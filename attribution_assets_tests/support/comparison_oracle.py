"""What the comparisons of a shop's days must say: the plain and slow ones of `model_oracle`, order by order."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from attribution_assets_tests.support import model_oracle
from attribution_assets_tests.support.attributed_orders import Order
from attribution_assets_tests.support.oracle import Source, Truth


@dataclass(frozen=True)
class Comparisons:
    """What the comparisons must say.

    Attributes:
        models: orders and revenue by conversion date, model, channel and touch date.
        paths: orders and revenue by conversion date, path as JSON and whole days to conversion.
        roles: influenced orders, their revenue, assisted orders, their revenue by conversion date and channel.
        markov: removal effect, orders and revenue by channel, over all days.
    """

    models: Mapping[tuple[object, ...], Sequence[Fraction]]
    paths: Mapping[tuple[object, ...], Sequence[Fraction]]
    roles: Mapping[tuple[object, ...], Sequence[Fraction]]
    markov: Mapping[tuple[object, ...], Sequence[Fraction]]


@dataclass(frozen=True)
class _Credited(Order):
    ihc: tuple[float, ...] = ()

    @property
    def credit(self) -> list[tuple[float | None, ...]]:
        return [(0.0, 0.0, 0.0, share) for share in self.ihc]


def comparisons(source: Source, truth: Truth, *, days: Sequence[dt.date]) -> Comparisons:
    """The comparisons of all attributed orders of `truth`, which is that of `source`, on these days."""
    orders_of: dict[str, list[Order]] = defaultdict(list)
    for order in _orders(source, truth):
        orders_of[order.ordered.date().isoformat()].append(order)
    models, paths, roles = {}, {}, {}
    for day in days:
        orders = orders_of[str(day)]
        models |= {(str(day), *key): cell for key, cell in model_oracle.comparison(orders, ()).items()}
        paths |= {
            (str(day), json.dumps(path, ensure_ascii=False), lag): cell
            for (path, lag), cell in model_oracle.paths(orders).items()
        }
        roles |= {(str(day), channel): cell[:4] for channel, cell in model_oracle.roles(orders).items()}
    placed = [order for day in days for order in orders_of[str(day)]]
    effects = model_oracle.removal_effects(Counter(tuple(channel for channel, _ in order.visits) for order in placed))
    revenue = sum((Fraction(str(order.revenue)) for order in placed), Fraction(0))
    markov: dict[tuple[object, ...], Sequence[Fraction]] = {}
    for channel, effect in effects.items():
        share = effect / sum(effects.values())
        markov[channel,] = (effect, share * len(placed), share * revenue)
    return Comparisons(models, paths, roles, markov)


def _orders(source: Source, truth: Truth) -> list[Order]:
    visits = {row[0]: (row[4].strip(), _moment(row[2], row[3])) for row in source.sessions}
    ordered = {row[0]: _moment(row[2], row[3]) for row in source.orders}
    return [
        _Credited(
            ordered=ordered[order],
            revenue=float(truth.revenues[order]),
            visits=tuple(visits[session] for session in truth.journeys[order]),
            ihc=tuple(float(truth.credit[order, session]) for session in truth.journeys[order]),
        )
        for order, outcome in truth.outcomes.items()
        if outcome == "attributed"
    ]


def _moment(date: str, time: str) -> dt.datetime:
    return dt.datetime.strptime(f"{date} {time}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  all times are UTC, without a zone
