"""Downloads say what they are, hold no number made up by floating point, and no text that a spreadsheet would run."""

import datetime as dt
import io
from dataclasses import replace

import pandas as pd
from openpyxl import load_workbook

from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.downloads import csv_file, file_name, xlsx_file
from attribution_assets.dashboard.tables import OF_ORDERS, Column, Table

CHOICES = Choices(dt.date(2024, 3, 1), dt.date(2024, 3, 7), None, model="linear")
NAMES = ["=1+1", "+1", "-1", "@sum", "Search = 1", "\x00A"]
COLUMNS = [Column("channel_name", "Channel", "text"), Column("cost", "Cost")]


def table(**more: dict[str, str]) -> Table:
    frame = pd.DataFrame({"channel_name": NAMES, "cost": [0.1 + 0.2, -1.0, float("nan"), -1e-15, 5e14 + 0.25, 1.0]})
    return Table("t", "T", COLUMNS, frame, **more)  # type: ignore[arg-type] # about


def test_text_that_a_spreadsheet_would_run_is_downloaded_as_text_and_numbers_without_noise() -> None:
    head, *lines = csv_file(table(), CHOICES, "embedded", guard=True).splitlines()
    assert head == "model,date_basis,first_day,last_day,provisional,attributed_by,channel_name,cost"
    about = "linear,touch_date,2024-03-01,2024-03-07,no,embedded"
    assert lines == [
        f"{about},'=1+1,0.3",
        f"{about},'+1,-1.0",
        f"{about},'-1,",
        f"{about},'@sum,0.0",
        f"{about},Search = 1,500000000000000.25",
        f"{about},\\x00A,1.0",
    ]


def test_a_spreadsheet_has_numbers_as_numbers_and_names_as_text() -> None:
    sheet = load_workbook(io.BytesIO(xlsx_file([table()], CHOICES, "embedded")))["t"]
    cells = [(row[6].value, row[6].data_type, row[7].value) for row in sheet.iter_rows(min_row=2)]
    assert cells[:4] == [("=1+1", "s", 0.3), ("+1", "s", -1), ("-1", "s", None), ("@sum", "s", 0)]
    assert cells[5][0] == "\N{REPLACEMENT CHARACTER}A"


def test_a_file_is_called_by_what_it_holds() -> None:
    provisional = table(about={"provisional": "yes"})
    assert file_name(provisional, CHOICES, "https://api.test, embedded", "csv") == (
        "t_linear_touch_date_2024-03-01_2024-03-07_provisional_embedded.csv"
    )
    of_markets = replace(CHOICES, orders=(("market", "\u65e5\u672c"), ("size", "a/b \xdc")))
    assert file_name(table(), of_markets, "", "csv") == "t_linear_touch_date_2024-03-01_2024-03-07_-_a-b-.csv"
    of_orders = table(about=OF_ORDERS)
    assert file_name(of_orders, CHOICES, "https://api.test", "xlsx") == "t_conversion_date_2024-03-01_2024-03-07.xlsx"
