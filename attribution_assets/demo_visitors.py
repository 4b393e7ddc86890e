"""The made-up visitors of the demo: who comes when, over which channels, at what cost, and what they order.

The figures are plausible, not anybody's. How they get into a database is in `demo.py`.
"""

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.demo_campaigns import SPEND_CHANNELS, spend_of, with_campaigns, with_customers


class Channel(NamedTuple):
    """How a channel behaves.

    Attributes:
        first: its share of first visits (relative weight).
        later: its share of returning visits (relative weight).
        cost_per_click: typical cost of a session, in the currency of the revenue; 0 for channels that are not paid for.
        buys: how readily its sessions end in an order, 1 being usual.
        impressions: the share of its sessions that are ad impressions.
    """

    name: str
    first: float
    later: float
    cost_per_click: float
    buys: float
    impressions: float


CHANNELS = (
    Channel("Affiliate", 4, 4, 0.60, 1.2, 0.0),
    Channel("Direct Traffic", 6, 22, 0.0, 1.4, 0.0),
    Channel("Display", 9, 8, 0.62, 0.2, 0.5),
    Channel("Newsletter", 1, 15, 0.0, 1.1, 0.0),
    Channel("Paid Search Brand", 8, 13, 0.31, 1.7, 0.0),
    Channel("Paid Search Non Brand", 15, 6, 0.82, 1.0, 0.0),
    Channel("Paid Social", 15, 8, 0.52, 0.6, 0.2),
    Channel("Price Comparison", 5, 3, 0.55, 1.2, 0.0),
    Channel("Referral", 3, 3, 0.0, 0.8, 0.0),
    Channel("SEO", 18, 11, 0.0, 1.0, 0.0),
    Channel("Shopping Ads", 12, 6, 0.53, 1.1, 0.0),
    Channel("Video", 4, 1, 0.45, 0.2, 0.6),
)

_VISITORS_PER_DAY = 1_080
_LONGEST_VISIT_DAYS = 31  # how long after their first visit visitors can return
_MOST_VISITS = 40
_VISITS_TAIL = 1.6  # P(at least n visits) = n ** -tail
_ORDERS_PER_CLICK = 0.031
_ORDERS_WITHOUT_SESSIONS = 0.03
_SESSIONS_WITHOUT_COST_ROW = 0.01
_COST_PER_IMPRESSION = 0.006
_TYPICAL_REVENUE = 46.0
_WEEKDAYS = np.array([1.0, 0.97, 0.95, 0.93, 0.86, 0.78, 0.96])  # Monday first
_HOURS = np.array([4, 2, 1, 1, 1, 2, 5, 9, 12, 14, 15, 15, 16, 15, 14, 14, 15, 17, 19, 22, 24, 22, 16, 9], dtype=float)
_DAY_SECONDS = 86_400
_SEASON = 0.2
_BUSIEST = (1 + _SEASON) * _WEEKDAYS.max()

_Integers = npt.NDArray[np.int64]


def demo_rows(
    first_day: dt.date, last_day: dt.date, seed: int, conversion_types: Collection[str] = ()
) -> dict[str, list[tuple[Any, ...]]]:
    """Table -> its rows of these days, by time: those of all visitors whose visits can fall on them.

    Args:
        first_day: the first day.
        last_day: the last day.
        seed: chooses the rows.
        conversion_types: see `demo_campaigns.with_customers`.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {"session_sources": [], "session_costs": [], "conversions": []}
    all_costs: dict[str, float] = {}
    for day in days_between(first_day - dt.timedelta(days=_LONGEST_VISIT_DAYS), last_day):
        sessions, costs, orders = _rows_of_visitors(day, seed)
        inside = [session for session in sessions if str(first_day) <= session[2] <= str(last_day)]
        all_costs |= costs
        rows["session_sources"] += with_campaigns(inside)
        rows["session_costs"] += [
            (session[0], costs[session[0]])
            for session in inside
            if session[0] in costs and session[4] not in SPEND_CHANNELS
        ]
        placed = [order for order in orders if str(first_day) <= order[2] <= str(last_day)]
        rows["conversions"] += with_customers(placed, conversion_types)
    rows["session_sources"].sort(key=lambda session: session[2:4] + session[:1])
    rows["conversions"].sort(key=lambda order: order[2:4] + order[:1])
    rows["ad_spend"] = spend_of(rows["session_sources"], all_costs)
    return rows


def day_weights(first_day: dt.date, days: int) -> npt.NDArray[np.float64]:
    """How busy each day is compared to the others: by weekday, and by season with its peak in December.

    Args:
        first_day: the first day.
        days: how many days.

    Returns:
        One positive weight per day.
    """
    number = np.arange(days)
    season = 1 + _SEASON * np.cos(2 * np.pi * (first_day.timetuple().tm_yday + number - 345) / 365.25)
    weights: npt.NDArray[np.float64] = season * _WEEKDAYS[(first_day.weekday() + number) % 7]
    return weights


def _rows_of_visitors(
    first_visit: dt.date, seed: int
) -> tuple[list[tuple[Any, ...]], dict[str, float], list[tuple[Any, ...]]]:
    """The sessions, their costs and the orders of all who first came on a day, whenever they come again."""
    rng = np.random.Generator(np.random.PCG64([seed, first_visit.toordinal()]))
    visitor, second, returning = _visits(rng, first_visit)
    channel = _channels(rng, returning)
    impression = rng.random(len(visitor)) < np.array([c.impressions for c in CHANNELS])[channel]
    engaged = np.where(impression, 0.1, 0.75)
    holder = (rng.random(len(visitor)) < engaged).astype(int)
    closer = (rng.random(len(visitor)) < engaged * np.where(returning, 0.6, 0.3)).astype(int)
    cost = np.array([c.cost_per_click for c in CHANNELS])[channel] * np.exp(0.35 * rng.standard_normal(len(visitor)))
    cost = np.where(impression, _COST_PER_IMPRESSION, cost).round(3)
    cost_row = rng.random(len(visitor)) >= _SESSIONS_WITHOUT_COST_ROW

    buys = np.array([c.buys for c in CHANNELS])[channel] * ~impression * np.where(returning, 1.1, 0.8)
    buying = rng.random(len(visitor)) < _ORDERS_PER_CLICK * buys
    ordered_at = (second + rng.integers(120, 1500, len(visitor)))[buying]
    strangers = int(rng.binomial(len(ordered_at), _ORDERS_WITHOUT_SESSIONS))
    buyer = np.concatenate([visitor[buying], _VISITORS_PER_DAY + np.arange(strangers)])
    ordered_at = np.concatenate([ordered_at, rng.integers(0, _DAY_SECONDS, strangers)])
    revenue = (_TYPICAL_REVENUE * np.exp(0.6 * rng.standard_normal(len(buyer)))).round(2)

    users, sessions = _ids(rng, _VISITORS_PER_DAY + strangers), _ids(rng, len(visitor))
    names = [CHANNELS[c].name for c in channel.tolist()]
    flags = (holder.tolist(), closer.tolist(), impression.astype(int).tolist())
    user_ids, buyer_ids = [users[v] for v in visitor.tolist()], [users[v] for v in buyer.tolist()]
    return (
        list(zip(sessions, user_ids, *_clock(first_visit, second), names, *flags, strict=True)),
        {
            session: amount
            for session, amount, row in zip(sessions, cost.tolist(), cost_row.tolist(), strict=True)
            if row
        },
        list(zip(_ids(rng, len(buyer)), buyer_ids, *_clock(first_visit, ordered_at), revenue.tolist(), strict=True)),
    )


def _visits(rng: np.random.Generator, first_visit: dt.date) -> tuple[_Integers, _Integers, npt.NDArray[np.bool_]]:
    """Visits of all who first came on a day: the visitor's number, the second since its midnight, whether returning."""
    visits = np.minimum(_MOST_VISITS, (1 - rng.random(_VISITORS_PER_DAY)) ** (-1 / _VISITS_TAIL)).astype(int)
    visitor = np.repeat(np.arange(_VISITORS_PER_DAY), visits)
    first = np.r_[0, np.cumsum(visits)[:-1]]
    gap = -np.log1p(-rng.random(len(visitor))) * np.minimum(3.0, 14.0 / visits)[visitor]
    gap[first] = rng.random(_VISITORS_PER_DAY)
    elapsed = np.cumsum(gap)
    day = np.floor(elapsed - (elapsed - gap)[first][visitor]).astype(int)
    hour = np.searchsorted(np.cumsum(_HOURS) / _HOURS.sum(), rng.random(len(visitor)), side="right")
    second = day * _DAY_SECONDS + hour * 3600 + rng.integers(0, 3600, len(visitor))

    share = day_weights(first_visit, _LONGEST_VISIT_DAYS) / _BUSIEST
    kept = (day < _LONGEST_VISIT_DAYS) & (rng.random(len(visitor)) < share[np.minimum(day, _LONGEST_VISIT_DAYS - 1)])
    visitor, second = visitor[kept], second[kept]
    by_visitor = np.lexsort((second, visitor))
    returning = np.zeros(len(visitor), dtype=bool)
    returning[by_visitor[1:]] = visitor[by_visitor[1:]] == visitor[by_visitor[:-1]]
    return visitor, second, returning


def _channels(rng: np.random.Generator, returning: npt.NDArray[np.bool_]) -> _Integers:
    draw = rng.random(len(returning))
    first, later = (
        np.searchsorted(np.cumsum(shares) / np.sum(shares), draw, side="right")
        for shares in ([c.first for c in CHANNELS], [c.later for c in CHANNELS])
    )
    return np.where(returning, later, first)


def _ids(rng: np.random.Generator, count: int) -> list[str]:
    text = rng.bytes(16 * count).hex()
    return [text[start : start + 32] for start in range(0, len(text), 32)]


def _clock(first_day: dt.date, second: _Integers) -> tuple[list[str], list[str]]:
    """Dates and times of day of seconds since the first day's midnight."""
    stamps = np.datetime_as_string(np.datetime64(first_day, "s") + second.astype("timedelta64[s]")).tolist()
    return [stamp[:10] for stamp in stamps], [stamp[11:] for stamp in stamps]
