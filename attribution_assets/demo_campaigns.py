"""What the demo's shop knows beyond visits and orders: campaigns, spend, countries, markets, customers, refunds.

It follows from the rows that `demo_visitors.py` makes, each by a hash of its own id, so that a day has the same rows
whenever it is made. The figures are plausible, not anybody's.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Row = tuple[Any, ...]

CAMPAIGNS: Mapping[str, Sequence[str]] = {
    "Display": ("Prospecting", "Retargeting"),
    "Newsletter": ("Offers", "Weekly"),
    "Paid Search Brand": ("Brand Exact", "Brand Broad"),
    "Paid Search Non Brand": ("Shoes", "Jackets", "Bags", "Sale"),
    "Paid Social": ("Lookalikes", "Retargeting", "Video Views"),
    "Shopping Ads": ("All Products", "Bestsellers"),
    "Video": ("Spring Spot", "How-to"),
}
"""The campaigns of the channels that have any."""

SPEND_CHANNELS = frozenset({"Display", "Paid Social", "Video"})
"""What these cost is known by day and campaign (`ad_spend`), and not by visit."""

COUNTRIES = ("DE", "DE", "DE", "AT", "CH")
REFUNDED_PER_THOUSAND, PART_REFUNDED_PER_THOUSAND = 30, 20
CONVERSION_TYPES = {"new": "default", "returning": "default"}
"""What `conversions.conversion_type` holds, and the conversion type that splits such orders where nothing else is said:
the only one that comes with the package."""

_ADS_PER_CLICK = 60


def with_campaigns(sessions: Iterable[Row]) -> list[Row]:
    """Rows of session_sources with `campaign` and `country`: of the channel, and of the visitor."""
    return [(*row, _campaign(row[4], row[0]), _country(row[1])) for row in sessions]


def with_customers(orders: Iterable[Row], conversion_types: Collection[str]) -> list[Row]:
    """Rows of conversions with `market`, `customer_type`, `conversion_type` and `refunded`.

    Args:
        orders: the rows.
        conversion_types: those that are given; other orders have none.
    """
    found = []
    for row in orders:
        chance = _number(row[0])
        customer = "new" if _number(row[1]) % 100 < 55 else "returning"  # noqa: PLR2004 - a share
        market = {"DE": "Germany", "AT": "Austria", "CH": "Switzerland"}[_country(row[1])]
        conversion_type = customer if customer in conversion_types else None
        found.append((*row, market, customer, conversion_type, _refunded(row[4], chance)))
    return found


def spend_of(sessions: Iterable[Row], costs: Mapping[str, float]) -> list[Row]:
    """Rows of ad_spend (date, channel_name, campaign, cost, impressions, clicks) of the channels that have such.

    Args:
        sessions: rows of session_sources as `with_campaigns` gives them.
        costs: what each visit cost.
    """
    sums: dict[tuple[str, str, str], list[float]] = {}
    for row in sessions:
        if row[4] in SPEND_CHANNELS:
            of_campaign = sums.setdefault((row[2], row[4], row[8]), [0.0, 0, 0])
            of_campaign[0] += costs.get(row[0], 0.0)
            of_campaign[1] += 1 if row[7] else _ADS_PER_CLICK
            of_campaign[2] += 0 if row[7] else 1
    return [(*key, round(cost, 2), seen, clicks) for key, (cost, seen, clicks) in sorted(sums.items())]


def _campaign(channel: str, session_id: str) -> str | None:
    campaigns = CAMPAIGNS.get(channel)
    return campaigns[_number(session_id) % len(campaigns)] if campaigns else None


def _country(visitor: str) -> str:
    return COUNTRIES[_number(visitor) % len(COUNTRIES)]


def _refunded(revenue: float, chance: int) -> float | None:
    place = chance % 1000
    if place < REFUNDED_PER_THOUSAND:
        return revenue
    return round(revenue / 2, 2) if place < REFUNDED_PER_THOUSAND + PART_REFUNDED_PER_THOUSAND else None


def _number(text: str) -> int:
    """A number that follows from a text, evenly spread."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())
