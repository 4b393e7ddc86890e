"""The figures of all chosen channels together, each with its change since the preceding period."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.results.order_results import placed_over, unattributed_over
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import orders_kind, total_of


@dataclass(frozen=True)
class Total:
    """A figure of all chosen channels, and the same figure of the preceding period.

    Attributes:
        name: Its displayed name.
        figure: Its value; None if undefined.
        kind: Its number format, see `tables.NUMBERS`.
        before: Its value in the preceding period; None if the periods cannot be compared.
        of: For a share, numerator and denominator in words; else empty.
        provisional: Whether orders still to come can change it.
    """

    name: str
    figure: float | None
    kind: str
    before: float | None = None
    of: str = ""
    provisional: bool = False

    @property
    def change(self) -> float | None:
        """The change since the preceding period, relative to its value.

        For a share it is in percentage points, and for a profit, which can be negative, an amount.
        """
        if self.figure is None or self.before is None or pd.isna(self.figure) or pd.isna(self.before):
            return None
        if self.kind == "share":
            return (self.figure - self.before) * 100
        if self.kind == "difference":
            return self.figure - self.before
        return None if self.before == 0 else self.figure / self.before - 1


def totals(
    results: pd.DataFrame, results_before: pd.DataFrame | None, choices: Choices, *, provisional: bool
) -> Iterator[Total]:
    """The figures of all chosen channels.

    Args:
        results: date, channel_name, cost, orders, revenue of the days shown.
        results_before: Those of the preceding period, at equal age; None if they cannot be compared.
        choices: The reader's choices.
        provisional: Whether orders still to come can change them.
    """
    now = total_of(results, choices.margin)
    before = {} if results_before is None else total_of(results_before, choices.margin)
    for column, name, kind in (
        ("cost", "Cost", "amount"),
        ("orders", "Attributed orders", orders_kind(choices.model)),
        ("revenue", "Attributed revenue", "amount"),
        ("profit", "Profit", "difference"),
        ("CPO", "CPO", "cpo"),
        ("ROAS", "ROAS", "ratio"),
    ):
        yield Total(name, now[column], kind, before.get(column), provisional=provisional and column != "cost")


def orders_without_credit(stored: StoredResults, choices: Choices, *, comparable: bool) -> Total:
    """The share of the orders placed that has no credit; `comparable`: all days of the period before have a report."""

    def count(first: dt.date, last: dt.date) -> tuple[int, int]:
        left = stored.ask(unattributed_over, first, last)
        return int(left["orders"].sum()), stored.ask(placed_over, first, last).orders

    left, placed = count(choices.first, choices.last)
    left_before, placed_before = count(*choices.before) if comparable else (0, 0)
    return Total(
        "Orders without credit",
        left / placed if placed else None,
        "share",
        left_before / placed_before if placed_before else None,
        f"{left:,} of {placed:,} orders placed",
    )
