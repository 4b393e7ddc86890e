"""Downloads: the tables of a page as CSV and XLSX files that say what they are.

Each row begins with what it was made with, so that a file still says so when it is copied into another one.
"""

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from attribution_assets.attribution.reporting.csv_text import csv_text
from attribution_assets.attribution.tables.credit import EMBEDDED
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.tables import PLACES, Table

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def described(table: Table, choices: Choices, answered_by: str) -> pd.DataFrame:
    """The rows of a table, numbers rounded to `PLACES`, after the columns that say what they are.

    Args:
        table: A table of a page.
        choices: What it was made with.
        answered_by: The services that attributed the orders.

    Returns:
        model, date_basis, first_day, last_day, provisional (yes or no), attributed_by, of_orders if orders are chosen,
        of_channels if channels stand in groups, then the table's columns; of a table whose `about` is None, these only.
    """
    rows = table.frame[[column.name for column in table.columns]].copy()
    if table.about is not None:
        for place, (name, value) in enumerate(_about(table, choices, answered_by).items()):
            rows.insert(place, name, value)
    if "provisional" in table.frame:
        rows["provisional"] = table.frame["provisional"]  # of each row
    numbers = rows.select_dtypes("float")
    return rows.assign(**numbers.round(PLACES).add(0.0))


def csv_file(table: Table, choices: Choices, answered_by: str, *, guard: bool) -> str:
    """The table as the text of a CSV file, names whole and guarded as in `csv_text`."""
    return csv_text(described(table, choices, answered_by), guard=guard)


def xlsx_file(tables: Iterable[Table], choices: Choices, answered_by: str) -> bytes:
    """Tables as an XLSX file with a sheet for each; names stand whole, as text."""
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.name)
        rows = described(table, choices, answered_by)
        sheet.freeze_panes = "A2"
        heads = [_cell(sheet, name) for name in rows]
        for head in heads:
            head.font = Font(bold=True)
        sheet.append(heads)
        for row in rows.itertuples(index=False):
            sheet.append([_cell(sheet, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def file_name(table: Table, choices: Choices, answered_by: str, suffix: str) -> str:
    """What a download is called: what it holds, how it was made, its days, and whether it is preliminary."""
    about = _about(table, choices, answered_by)
    made_with = [] if table.about is None else [about["model"], about["date_basis"]]
    parts = [table.name, *made_with, about["first_day"], about["last_day"]]
    parts += ["provisional"] * (about["provisional"] == "yes")
    values = [re.sub(r"\W+", "-", value, flags=re.ASCII) for _, value in choices.orders]  # as headers take no others
    parts += values + ["groups"] * choices.grouped
    parts += ["embedded"] * (EMBEDDED in answered_by.split(", "))
    return f"{'_'.join(filter(None, parts))}.{suffix}"


def _about(table: Table, choices: Choices, answered_by: str) -> Mapping[str, str]:
    about = {
        "model": choices.model,
        "date_basis": str(choices.basis),
        "first_day": str(choices.first),
        "last_day": str(choices.last),
        "provisional": "no",
        "attributed_by": answered_by,
    }
    about |= {"of_orders": " and ".join(f"{name}={value}" for name, value in choices.orders)} if choices.orders else {}
    about |= {"of_channels": "groups"} if choices.grouped else {}
    return {**about, **(table.about or {})}


def _cell(sheet: Any, value: Any) -> WriteOnlyCell:  # noqa: ANN401 - of any table
    """A cell with a number or a text; text stays text also where it begins like a formula."""
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, value=_ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", value))
        cell.data_type = "s"
        return cell
    return WriteOnlyCell(sheet, value=None if pd.isna(value) else value)
