"""What the tables of source rows set aside say of the money that they carry, in words and figures."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

MONEY = {"sessions": "cost", "conversions": "revenue", "spend": "cost"}
"""Asset that is read from the source -> the money that its rows carry."""


class SetAside(NamedTuple):
    """Source rows that do not count.

    Attributes:
        rows: how many are set aside.
        money: what they carry, as `money_in_words` says it.
        repeated: how many repeat another one in every column.
    """

    rows: int
    money: str
    repeated: int


def too_many(rejected: int, kept: int, largest_share: float) -> bool:
    """Whether so many of a day's source rows were set aside that nothing may be made of them.

    Args:
        rejected: How many were set aside; rows whose date is no day are of no day's share, and not counted.
        kept: How many were not.
        largest_share: The share of them that may be set aside.
    """
    return rejected > largest_share * (rejected + kept)


def amounts_set_aside(rejected: pd.DataFrame) -> list[float]:
    """The amounts that rows set aside carry, where they can be read.

    Args:
        rejected: The table of the asset's rejected rows; a day that was stored before amounts were has none.
    """
    return list(rejected["amount"].dropna()) if len(rejected) and "amount" in rejected else []


def money_in_words(asset: str, amounts: Iterable[float]) -> str:
    """Such as "a cost of 1,234.50", those below zero by themselves; empty if there is none."""
    known = list(amounts)
    sums = [sum(each for each in known if each > 0), sum(each for each in known if each < 0)]
    found = " and ".join(f"{total:,.2f}" for total in sums if total)
    return f"a {MONEY[asset]} of {found}" if found else ""
