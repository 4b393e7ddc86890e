"""What the tables must say, worked out from the source tables the plain and slow way.

Only the standard library, one order at a time, fractions instead of floats; nothing here shares code with the package.
Rows are those of the source tables, with all their columns.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Row = tuple[Any, ...]
Credit = Callable[[int], Sequence[tuple[float, ...]]]


@dataclass(frozen=True)
class Source:
    """The rows of `session_sources`, `session_costs` and `conversions`."""

    sessions: Iterable[Row]
    costs: Iterable[Row]
    orders: Iterable[Row]


@dataclass(frozen=True)
class Truth:
    """What the tables must say.

    Attributes:
        journeys: the session ids of each order's journey, in order; an order without sessions has an empty one.
        outcomes: what became of each order: attributed, no_sessions, too_long or refused.
        order_days: the day of each order, YYYY-MM-DD.
        revenues: the revenue of each order.
        credit: ihc by order and session, of attributed orders.
        report: cost, ihc and ihc_revenue by channel and date.
    """

    journeys: Mapping[str, Sequence[str]]
    outcomes: Mapping[str, str]
    order_days: Mapping[str, str]
    revenues: Mapping[str, Fraction]
    credit: Mapping[tuple[str, str], Fraction]
    report: Mapping[tuple[str, str], tuple[Fraction, Fraction, Fraction]]


def truth(  # noqa: PLR0913 - each is a fact of its own
    source: Source,
    credit_of: Credit,
    *,
    first: dt.date,
    last: dt.date,
    lookback_days: int,
    most_sessions: int = 200,
    refused: Collection[str] = (),
    order_days: Collection[dt.date] | None = None,
) -> Truth:
    """What one run over all days from `first` to `last` must make of the source tables.

    Sessions and orders of other days do not exist for it: `first` is the first day of the calendar, so an order of
    that day has no lookback window before it.

    Args:
        source: the source tables.
        credit_of: initializer, holder, closer and ihc of each touchpoint of a journey of so many touchpoints.
        first: the first day.
        last: the last day.
        lookback_days: length of the lookback window.
        most_sessions: journeys with more touchpoints are too long.
        refused: orders that the API refuses.
        order_days: only orders of these days have been attributed; all, if it is None.
    """
    sessions = sorted(
        (_moment(date, time), session_id, user, channel.strip())
        for session_id, user, date, time, channel, *_ in source.sessions
        if first <= dt.date.fromisoformat(date) <= last
    )
    costs = {session_id: _exact(cost) for session_id, cost in source.costs if cost is not None}
    cost: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for time, session_id, _, channel in sessions:
        cost[channel, time.date().isoformat()] += costs.get(session_id, 0)

    journeys, outcomes, days, revenues, credit = {}, {}, {}, {}, {}
    ihc: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    ihc_revenue: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for conv_id, user, date, clock, revenue in source.orders:
        day, ordered = dt.date.fromisoformat(date), _moment(date, clock)
        if not first <= day <= last or (order_days is not None and day not in order_days):
            continue
        earliest = ordered - dt.timedelta(days=lookback_days)
        journey = [session for session in sessions if user and session[2] == user and earliest <= session[0] < ordered]
        journeys[conv_id] = [session_id for _, session_id, _, _ in journey]
        days[conv_id], revenues[conv_id] = date, _exact(revenue)
        outcomes[conv_id] = _outcome(conv_id, len(journey), most_sessions, refused)
        if outcomes[conv_id] != "attributed":
            continue
        for (time, session_id, _, channel), numbers in zip(journey, credit_of(len(journey)), strict=True):
            share = Fraction(numbers[-1])
            credit[conv_id, session_id] = share
            ihc[channel, time.date().isoformat()] += share
            ihc_revenue[channel, time.date().isoformat()] += share * revenues[conv_id]
    report = {key: (cost[key], ihc[key], ihc_revenue[key]) for key in cost}
    return Truth(journeys, outcomes, days, revenues, credit, report)


def _outcome(conv_id: str, touchpoints: int, most_sessions: int, refused: Collection[str]) -> str:
    if touchpoints == 0:
        return "no_sessions"
    if touchpoints > most_sessions:
        return "too_long"
    return "refused" if conv_id in refused else "attributed"


def _moment(date: str, time: str) -> dt.datetime:
    return dt.datetime.strptime(f"{date} {time}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  all times are UTC, without a zone


def _exact(amount: float) -> Fraction:
    return Fraction(str(amount))  # as it was written: 0.1 is a tenth
