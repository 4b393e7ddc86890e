"""A table of the page, and how its numbers are written.

What stands in each table is put together in `overview.py` and `journeys_page.py`; as files they are in `downloads.py`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pandas as pd

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.attribution.tables.readable import LONGEST, readable

NUMBERS = {
    "amount": "{:,.2f}",
    "ratio": "{:,.2f}",
    "cpo": "{:,.2f}",
    "count": "{:,.0f}",
    "share": "{:.1%}",
    "difference": "{:+,.2f}",
}
"""How each kind of column is written; columns of kind `text` are written as they are. `amount`, `difference` and `cpo`
are in the source's currency; a `cpo` of 0, that of a channel without cost, is written as none."""

PLACES = 9
"""Decimal places of numbers in downloads, from which those on the page are rounded: more than any amount has, and fewer
than floating point makes up."""

NONE = "-"
"""What stands where there is no number."""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: Its name in the frame and in the CSV file.
        heading: Its heading on the page.
        kind: `text`, or one of `NUMBERS`.
    """

    name: str
    heading: str
    kind: str = "amount"


WHOLE_ORDERS = ("first_touch", "last_touch", "last_non_direct")
"""The models that give an order to one channel: their orders are written without decimal places."""


def result_columns(model: str) -> tuple[Column, ...]:
    """The columns of results by an attribution model."""
    return (
        Column("cost", "Cost"),
        Column("orders", "Orders", orders_kind(model)),
        Column("revenue", "Revenue"),
        Column("profit", "Profit"),
        Column("CPO", "CPO", "cpo"),
        Column("ROAS", "ROAS", "ratio"),
    )


def orders_kind(model: str) -> str:
    """How attributed orders of a model are written."""
    return "count" if model in WHOLE_ORDERS else "ratio"


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: What it is called in addresses and file names.
        caption: What it shows.
        columns: Its columns; the first names the row.
        frame: Its rows, with these columns at least.
        total: The figures of its last row, by column; without any, it has none.
        links: Text of a cell -> the address that it links to.
        longest: The most characters of a cell on the page; None for any number.
        about: What its downloads say otherwise than the reader's choices do: model, date_basis, provisional. None: they
            hold its columns only, for programs.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    frame: pd.DataFrame
    total: Mapping[str, float] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    longest: int | None = LONGEST
    about: Mapping[str, str] | None = field(default_factory=dict)

    @property
    def of_known(self) -> "Table":
        """The table without columns that have no number in any row, as costs have none where only some orders count."""
        known = [column for column in self.columns if column.kind == "text" or self.frame[column.name].notna().any()]
        return replace(self, columns=known)

    @property
    def rows(self) -> Iterator[list[str]]:
        """Each row as it is written on the page: long names shortened, see `readable`."""
        for row in self.frame[[column.name for column in self.columns]].itertuples(index=False):
            cells = zip(row, self.columns, strict=True)
            yield [readable(written(value, column.kind), self.longest) for value, column in cells]

    @property
    def last_row(self) -> list[str]:
        """The row of totals; none is empty."""
        figures = [written(self.total.get(column.name), column.kind) for column in self.columns[1:]]
        return ["Total", *figures] if self.total else []


def written(value: Any, kind: str) -> str:  # noqa: ANN401 - a cell of any table
    """A cell as it is written on the page; `NONE` where there is no number."""
    if value is None or pd.isna(value) or (kind == "cpo" and value == 0):
        return NONE if kind in NUMBERS else ""
    if kind not in NUMBERS:
        return str(value)
    text = NUMBERS[kind].format(round(value, PLACES))
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


OF_ORDERS = {"model": "", "date_basis": "conversion_date"}
"""What downloads say about tables of orders: no model is in them, and they count on the day of the order."""


def spoken(days: Iterable[dt.date]) -> str:
    """The days as they are written on the page."""
    return in_words(days).replace("..", " to ")


def with_figures(results: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Results (cost, orders, revenue) with what follows from them: profit, and CPO and ROAS, see `with_ratios`.

    Args:
        results: Results, in one currency.
        margin: Percentage of revenue that remains before marketing's cost; profit is revenue x margin - cost.
    """
    profit = (results["revenue"] * (margin / 100) - results["cost"]).round(9)
    return with_ratios(results.assign(profit=profit), "orders", "revenue")


def knows_cost(results: pd.DataFrame) -> bool:
    """Whether results have their cost: that of single orders, such as those of a market, is not known (NaN)."""
    return results.empty or bool(results["cost"].notna().any())


def cost_as_in(results: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """Sums of results, with a cost only where that of the results is known."""
    return sums if knows_cost(results) else sums.assign(cost=float("nan"))


def total_of(results: pd.DataFrame, margin: float) -> dict[str, float]:
    """cost, orders and revenue of all rows, see `with_figures`: ratios are those of the sums."""
    sums = cost_as_in(results, results[["cost", "orders", "revenue"]].sum().to_frame().T)
    return {str(name): float(figure) for name, figure in with_figures(sums, margin).iloc[0].items()}
