"""A shop with all that a source may have: spend, dimensions, refunds, conversion types, a mapping of channel names.

Random histories of it, and what the tables must say, worked out the plain way on top of `oracle.py`.
"""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from attribution_assets_tests.support.databases import insert, rows_of
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint, Received, Reply, credit
from attribution_assets_tests.support.oracle import Source, Truth, truth
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import FIRST, LAST, LOOKBACK_DAYS

DAYS = [(FIRST + dt.timedelta(days=number)).isoformat() for number in range((LAST - FIRST).days + 1)]
CHANNELS = ("Search", "search", "Display", "TV")
CAMPAIGNS = ("spring", "brand", None)
MARKETS = ("north", None)
TYPES = ("new", "returning", None)
DEFAULT = "all others"
MEASURES = ("cost", "ihc", "ihc_revenue")

NOTHING = Fraction(0)

Cells = Mapping[tuple[str, ...], tuple[Fraction | None, ...]]
Spent = dict[tuple[str, str], dict[str, Fraction]]


@dataclass(frozen=True)
class Settings:
    """Settings that change between runs.

    Attributes:
        campaigns: whether visits and spend are broken down by campaign.
        markets: whether orders are broken down by market.
        one_search: whether the spellings of Search are mapped to one channel.
        types: conversion_type -> conversion type.
    """

    campaigns: bool
    markets: bool
    one_search: bool
    types: Mapping[str, str]

    def apply(self, shop: Shop) -> None:
        """Have the shop run with them from now on."""
        shop.set(
            ATTRIBUTION_DIMENSIONS="campaign" if self.campaigns else "",
            ATTRIBUTION_ORDER_DIMENSIONS="market" if self.markets else "",
            IHC_CONV_TYPE_ID=DEFAULT,
            IHC_CONVERSION_TYPES=json.dumps(self.types),
        )
        lines = ["name,channel", "search,Paid Search"] if self.one_search else ["name,channel"]
        (shop.folder / "channels.csv").write_text("\n".join(lines))
        shop.set(ATTRIBUTION_CHANNELS=str(shop.folder / "channels.csv"))

    def channel(self, name: str) -> str:
        """The channel that a name is reported as."""
        return "Paid Search" if self.one_search and name.lower() == "search" else name


@dataclass(frozen=True)
class Statement:
    """A change of rows, as SQL: nothing where no row is the one that is picked."""

    sql: str


@dataclass(frozen=True)
class Run:
    """The command runs over these days."""

    first: str
    last: str


def histories() -> st.SearchStrategy[tuple[Mapping[str, Sequence[tuple[Any, ...]]], Sequence[object], Settings]]:
    """The rows that are there at first, what happens then, and the settings of the last run."""
    days, amounts = st.sampled_from(DAYS), st.integers(0, 5000).map(lambda cents: cents / 100)
    clock = st.sampled_from(["00:00:00", "10:00:00", "23:59:59"])
    users = st.sampled_from(["ann", "ben"])
    session = st.tuples(users, days, clock, st.sampled_from(CHANNELS[:3]), st.sampled_from(CAMPAIGNS), amounts)
    order = st.tuples(users, days, clock, amounts, st.sampled_from(MARKETS), st.sampled_from(TYPES))
    spend = st.tuples(days, st.sampled_from(CHANNELS), st.sampled_from(CAMPAIGNS), amounts)
    settings = st.builds(
        Settings,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from([{"new": "N", "returning": "R"}, {"new": "N", "returning": "N"}]),
    )
    pick = st.integers(1, 8)

    def change(sql: str, where: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Statement]:
        return st.fixed_dictionaries({"pick": pick, **values}).map(
            lambda found: Statement(f"{sql} {where}".format(**{name: _sql(value) for name, value in found.items()}))
        )

    of_order, of_session = "WHERE conv_id = 'o' || {pick}", "WHERE session_id = 's' || {pick}"
    of_spend = "WHERE row = {pick}"
    shares = st.sampled_from([0, 0.5, 1])
    changes = st.one_of(
        change("UPDATE conversions SET refunded = round(revenue * {share}, 2)", of_order, share=shares),
        change("UPDATE conversions SET conversion_type = {to}", of_order, to=st.sampled_from(TYPES)),
        change("UPDATE conversions SET market = {to}", of_order, to=st.sampled_from(MARKETS)),
        change("UPDATE session_sources SET campaign = {to}", of_session, to=st.sampled_from(CAMPAIGNS)),
        change("UPDATE session_costs SET cost = {to}", of_session, to=amounts),
        change("UPDATE ad_spend SET cost = {to}", of_spend, to=amounts),
        change("UPDATE ad_spend SET date = {to}", of_spend, to=days),
        change("DELETE FROM ad_spend", of_spend),
    )
    runs = st.tuples(days, days).map(lambda pair: Run(*sorted(pair)))
    chapter = st.tuples(settings, st.lists(changes, max_size=4), runs).map(
        lambda parts: [parts[0], *parts[1], parts[2]]
    )
    rows = st.fixed_dictionaries(
        {
            "sessions": st.lists(session, min_size=5, max_size=12),
            "orders": st.lists(order, min_size=4, max_size=8),
            "spend": st.lists(spend, min_size=2, max_size=8),
        }
    )
    chapters = st.lists(chapter, min_size=1, max_size=2).map(lambda found: [step for part in found for step in part])
    steps = st.tuples(chapters, st.lists(changes, min_size=1, max_size=4)).map(lambda parts: [*parts[0], *parts[1]])
    return st.tuples(rows, steps, settings)


def begin(shop: Shop, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
    """Insert the rows that are there at first; each row of spend has a number, which makes it unlike others."""
    shop.sql(
        "ALTER TABLE session_sources ADD COLUMN campaign text",
        "ALTER TABLE conversions ADD COLUMN refunded real",
        "ALTER TABLE conversions ADD COLUMN conversion_type text",
        "ALTER TABLE conversions ADD COLUMN market text",
        "CREATE TABLE ad_spend (row integer, date text, channel_name text, campaign text, cost real)",
    )
    sessions = [(f"s{number}", *row[:4], 1, 0, 0, row[4]) for number, row in enumerate(rows["sessions"], 1)]
    insert(shop.url, "session_sources", sessions, "campaign")
    insert(shop.url, "session_costs", [(f"s{number}", row[5]) for number, row in enumerate(rows["sessions"], 1)])
    orders = [(f"o{number}", *row) for number, row in enumerate(rows["orders"], 1)]
    insert(shop.url, "conversions", orders, "market", "conversion_type")
    spend = [(number, *row) for number, row in enumerate(rows["spend"], 1)]
    insert(shop.url, "ad_spend", spend, "row", "date", "channel_name", "campaign", "cost")


class TypedEndpoint(IhcEndpoint):
    """An endpoint that keeps account of the journeys of each conversion type that it has answered."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init__(*arguments, **settings)
        self.paid: Counter[tuple[str, str]] = Counter()

    def reply_to(self, received: Received) -> Reply:
        """Answer, and count."""
        [conv_type_id] = received.parameters["conv_type_id"]
        journeys: dict[str, list[str]] = {}
        for touchpoint in received.body["customer_journeys"]:
            journeys.setdefault(touchpoint["conversion_id"], []).append(json.dumps(touchpoint, sort_keys=True))
        self.paid.update((conv_type_id, "\n".join(journey)) for journey in journeys.values())
        return super().reply_to(received)

    def types_asked(self, conv_id: str, session_ids: Sequence[str]) -> set[str]:
        """The conversion types for which this journey was asked for."""
        return {
            request.parameters["conv_type_id"][0]
            for request in self.received
            if request.journeys.get(conv_id) == list(session_ids)
        }


@dataclass(frozen=True)
class WholeTruth:
    """What the tables must say.

    Attributes:
        orders: journeys, outcomes and credit.
        report: cost, ihc and ihc_revenue by channel and date.
        breakdown: the same by dimension, channel, date and value.
    """

    orders: Truth
    report: Cells
    breakdown: Cells


def truth_of(shop: Shop, settings: Settings) -> WholeTruth:
    """What one run over all days must make of the shop's source tables as they are now."""
    sessions = [(*row[:4], settings.channel(row[4]), *row[5:]) for row in rows_of(shop.url, "session_sources")]
    costs, placed = rows_of(shop.url, "session_costs"), rows_of(shop.url, "conversions")
    remaining = [(*row[:4], float(exact_amount(row[4]) - exact_amount(row[5] or 0))) for row in placed]
    orders = truth(Source(sessions, costs, remaining), credit, first=FIRST, last=LAST, lookback_days=LOOKBACK_DAYS)
    spent: Spent = defaultdict(lambda: defaultdict(Fraction))
    for _, date, channel, campaign, cost in rows_of(shop.url, "ad_spend"):
        spent[settings.channel(channel), date][campaign or "(none)"] += exact_amount(cost)
    report = dict(orders.report)
    for key, campaigns in spent.items():
        _, ihc, revenue = orders.report.get(key, (NOTHING,) * 3)
        report[key] = (sum(campaigns.values(), NOTHING), ihc, revenue)
    breakdown: dict[tuple[str, ...], list[Fraction]] = defaultdict(lambda: [NOTHING] * 3)
    of_session = {row[0]: (row[4], row[2], row[8] or "(none)") for row in sessions}
    if settings.campaigns:
        _by_campaign(breakdown, orders, of_session, spent, {session: exact_amount(cost) for session, cost in costs})
    if settings.markets:
        markets = {row[0]: row[7] or "(none)" for row in placed}
        _by_market(breakdown, orders, of_session, report, markets)
    cells = {key: (None if key[0] == "market" else cost, *rest) for key, (cost, *rest) in breakdown.items()}
    return WholeTruth(orders, report, cells)


def _by_campaign(
    breakdown: dict[tuple[str, ...], list[Fraction]],
    orders: Truth,
    of_session: Mapping[str, tuple[str, str, str]],
    spent: Spent,
    costs: Mapping[str, Fraction],
) -> None:
    for session, cell in of_session.items():
        breakdown["campaign", *cell][0] += NOTHING  # it has a row
        if cell[:2] not in spent:
            breakdown["campaign", *cell][0] += costs[session]
    for key, campaigns in spent.items():
        for campaign, cost in campaigns.items():
            breakdown["campaign", *key, campaign][0] += cost
    for (order, session), share in orders.credit.items():
        cell = breakdown["campaign", *of_session[session]]
        cell[1:] = cell[1] + share, cell[2] + share * orders.revenues[order]


def _by_market(
    breakdown: dict[tuple[str, ...], list[Fraction]],
    orders: Truth,
    of_session: Mapping[str, tuple[str, str, str]],
    report: Cells,
    markets: Mapping[str, str],
) -> None:
    credited = set()
    for (order, session), share in orders.credit.items():
        key = of_session[session][:2]
        credited.add(key)
        cell = breakdown["market", *key, markets[order]]
        cell[1:] = cell[1] + share, cell[2] + share * orders.revenues[order]
    for key in report.keys() - credited:
        breakdown["market", *key, "(none)"][0] += NOTHING  # it has a row


def exact_amount(amount: float) -> Fraction:
    """The amount as it was written."""
    return Fraction(str(amount))


def _sql(value: object) -> str:
    return "NULL" if value is None else repr(value)
