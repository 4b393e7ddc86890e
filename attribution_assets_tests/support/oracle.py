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
        details: why, of orders without sessions and of those that are too long.
        order_days: the day of each order, YYYY-MM-DD.
        revenues: the revenue of each order.
        credit: ihc by order and session, of attributed orders.
        report: cost, ihc and ihc_revenue by channel and date.
    """

    journeys: Mapping[str, Sequence[str]]
    outcomes: Mapping[str, str]
    details: Mapping[str, str]
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
    journey_end: str = "before",
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
        journey_end: `at` where sessions of the order's own second are in its journey, else `before`.
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

    journeys, outcomes, details, days, revenues, credit = {}, {}, {}, {}, {}, {}
    ihc: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    ihc_revenue: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for conv_id, user, date, clock, revenue in source.orders:
        day, ordered = dt.date.fromisoformat(date), _moment(date, clock)
        if not first <= day <= last or (order_days is not None and day not in order_days):
            continue
        earliest = ordered - dt.timedelta(days=lookback_days)
        end = ordered + dt.timedelta(seconds=journey_end == "at")  # the moments have no fractions
        journey = [session for session in sessions if user and session[2] == user and earliest <= session[0] < end]
        journeys[conv_id] = [session_id for _, session_id, _, _ in journey]
        days[conv_id], revenues[conv_id] = date, _exact(revenue)
        outcomes[conv_id] = _outcome(conv_id, len(journey), most_sessions, refused)
        if outcomes[conv_id] == "no_sessions":
            visits = [session[0] for session in sessions if session[2] == user]
            details[conv_id] = _elsewhere(ordered, visits, first, lookback_days)
        if outcomes[conv_id] == "too_long":
            details[conv_id] = f"{len(journey)} sessions, but a request may hold only {most_sessions}"
        if outcomes[conv_id] != "attributed":
            continue
        for (time, session_id, _, channel), numbers in zip(journey, credit_of(len(journey)), strict=True):
            share = Fraction(numbers[-1])
            credit[conv_id, session_id] = share
            ihc[channel, time.date().isoformat()] += share
            ihc_revenue[channel, time.date().isoformat()] += share * revenues[conv_id]
    report = {key: (cost[key], ihc[key], ihc_revenue[key]) for key in cost}
    return Truth(journeys, outcomes, details, days, revenues, credit, report)


def _outcome(conv_id: str, touchpoints: int, most_sessions: int, refused: Collection[str]) -> str:
    if touchpoints == 0:
        return "no_sessions"
    if touchpoints > most_sessions:
        return "too_long"
    return "refused" if conv_id in refused else "attributed"


def _elsewhere(ordered: dt.datetime, visits: Collection[dt.datetime], first: dt.date, lookback_days: int) -> str:
    """Where the visits are of the visitor of an order that has none in its lookback window."""
    if ordered in visits:
        return "a visit in the order's own second, which ATTRIBUTION_JOURNEY_END=at counts"
    since = max(first, ordered.date() - dt.timedelta(days=2 * lookback_days))
    until = ordered.date() + dt.timedelta(days=lookback_days)
    earlier = [visit.date() for visit in visits if visit < ordered and visit.date() >= since]
    later = [visit.date() for visit in visits if visit > ordered and visit.date() <= until]
    if earlier and later:
        return f"no visit in the lookback window: the last before it on {max(earlier)}, the first after on {min(later)}"
    if earlier:
        return f"all visits before the lookback window, the last on {max(earlier)}"
    if later:
        return f"all visits after the order, the first on {min(later)}"
    return "the visitor was never seen in the stored days, from two lookback windows before the order to one after it"


def _moment(date: str, time: str) -> dt.datetime:
    return dt.datetime.strptime(f"{date} {time}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  all times are UTC, without a zone


def _exact(amount: float) -> Fraction:
    return Fraction(str(amount))  # as it was written: 0.1 is a tenth
