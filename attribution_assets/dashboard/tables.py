"""Tables of the pages: columns, number formats, totals, and the same rows as a CSV file with all digits.

The rows of each table are computed in `overview.py`, `journeys_page.py` and `health_page.py`; the HTML is in
`templates/parts.html`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.reporting.channel_report import with_ratios

NUMBERS = {"amount": "{:,.2f}", "count": "{:,.0f}", "share": "{:.1%}", "difference": "{:+,.2f}"}
"""Kind of column -> its number format; columns of kind `text` have none."""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: Its name in the frame and in the CSV file.
        heading: Its heading on the page.
        kind: `text` or a key of `NUMBERS`.
    """

    name: str
    heading: str
    kind: str = "amount"


RESULT_COLUMNS = (
    Column("cost", "Cost"),
    Column("orders", "Orders"),
    Column("revenue", "Revenue"),
    Column("CPO", "CPO"),
    Column("ROAS", "ROAS"),
)


@dataclass(frozen=True)
class Table:
    """A table of a page, which can be downloaded as CSV.

    Attributes:
        name: Its name in URLs and file names.
        caption: Its heading in words.
        columns: Its columns; the first is the heading of each row.
        frame: Its rows, with at least these columns.
        total: Column -> figure in the row of totals; without any, the table has no such row.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    frame: pd.DataFrame
    total: Mapping[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> Iterator[list[str]]:
        """The cells of each row as shown on the page."""
        for row in self.frame[[column.name for column in self.columns]].itertuples(index=False):
            yield [written(value, column.kind) for value, column in zip(row, self.columns, strict=True)]

    @property
    def last_row(self) -> list[str]:
        """The cells of the row of totals; empty if there is no such row."""
        figures = [written(self.total.get(column.name), column.kind) for column in self.columns[1:]]
        return ["Total", *figures] if self.total else []

    def csv(self) -> str:
        """The rows as CSV by RFC 4180, with a header of column names; an undefined figure is an empty field.

        Text that a spreadsheet would take for a formula, such as a channel `=1+1`, gets an apostrophe before it.
        """
        rows = self.frame[[column.name for column in self.columns]]
        texts = [column.name for column in self.columns if column.kind == "text"]
        safe = {name: rows[name].astype(str).str.replace(r"^(?=[=+\-@\t\r])", "'", regex=True) for name in texts}
        return rows.assign(**safe).to_csv(index=False, lineterminator="\r\n")


def written(value: Any, kind: str) -> str:  # noqa: ANN401 - a cell of any table
    """A value as shown on the page, in the number format of its `kind`; empty if undefined."""
    if value is None or pd.isna(value):
        return ""
    if kind not in NUMBERS:
        return str(value)
    text = NUMBERS[kind].format(value)
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


def spoken(days: Iterable[dt.date]) -> str:
    """The days as ranges in words, as shown on the page: `2023-09-01 to 2023-09-03, 2023-09-07`."""
    return in_words(days).replace("..", " to ")


def with_cpo_and_roas(results: pd.DataFrame) -> pd.DataFrame:
    """Add CPO and ROAS to results (cost, orders, revenue), as defined in `channel_report.with_ratios`."""
    ratios = with_ratios(results.rename(columns={"orders": "ihc", "revenue": "ihc_revenue"}))
    return results.assign(CPO=ratios["CPO"], ROAS=ratios["ROAS"])


def summed(results: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sum results (cost, orders, revenue) by one of their columns; CPO and ROAS are ratios of the sums."""
    return with_cpo_and_roas(results.groupby(by, as_index=False, sort=True)[["cost", "orders", "revenue"]].sum())


def total_of(results: pd.DataFrame) -> dict[str, float]:
    """The sums of cost, orders and revenue over all rows; CPO and ROAS are ratios of the sums."""
    sums = results[["cost", "orders", "revenue"]].sum().to_frame().T
    return {str(name): float(figure) for name, figure in with_cpo_and_roas(sums).iloc[0].items()}
