"""The report with its ratios and totals, and as a CSV file that reads back as it was."""

import csv
import datetime as dt
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from attribution_assets.attribution.reporting.channel_report import by_channel
from attribution_assets.attribution.reporting.csv_text import csv_text
from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.attribution.reporting.report_file import write_report, write_stored_report
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.stamps import Stamp
from attribution_assets.attribution.storage.stored_days import StoredDays

Table = Callable[..., pd.DataFrame]


# Ratios and totals


def test_ratios_are_empty_where_their_denominator_is_zero_and_never_infinite(table: Table) -> None:
    report = table(
        "channel_reporting",
        {"channel_name": "both", "cost": 10.0, "ihc": 4.0, "ihc_revenue": 25.0},
        {"channel_name": "cost only", "cost": 10.0, "ihc": 0.0, "ihc_revenue": 0.0},
        {"channel_name": "credit only", "cost": 0.0, "ihc": 4.0, "ihc_revenue": 25.0},
        {"channel_name": "neither", "cost": 0.0, "ihc": 0.0, "ihc_revenue": 0.0},
        {"channel_name": "credit without revenue", "cost": 10.0, "ihc": 4.0, "ihc_revenue": 0.0},
    )
    ratios = with_ratios(report)
    assert list(ratios.columns) == ["channel_name", "date", "cost", "ihc", "ihc_revenue", "CPO", "ROAS"]
    np.testing.assert_array_equal(ratios["CPO"], [2.5, np.nan, 0.0, np.nan, 2.5])
    np.testing.assert_array_equal(ratios["ROAS"], [2.5, 0.0, np.nan, np.nan, 0.0])


def test_ratios_of_an_empty_report_are_empty_columns(table: Table) -> None:
    ratios = with_ratios(table("channel_reporting"))
    assert ratios[["CPO", "ROAS"]].dtypes.astype(str).tolist() == ["float64", "float64"]
    assert ratios.empty


def test_totals_by_channel_are_sums_over_days_by_falling_cost_then_name(table: Table) -> None:
    report = table(
        "channel_reporting",
        {"channel_name": "b", "date": "2024-02-26", "cost": 1.0, "ihc": 0.5, "ihc_revenue": 10.0},
        {"channel_name": "a", "date": "2024-02-26", "cost": 3.0, "ihc": 0.0, "ihc_revenue": 0.0},
        {"channel_name": "c", "date": "2024-02-26", "cost": 4.0, "ihc": 1.0, "ihc_revenue": 5.0},
        {"channel_name": "b", "date": "2024-02-27", "cost": 2.0, "ihc": 0.25, "ihc_revenue": 2.5},
    )
    assert list(by_channel(report).itertuples(index=False, name=None)) == [
        ("c", 4.0, 1.0, 5.0),
        ("a", 3.0, 0.0, 0.0),
        ("b", 3.0, 0.75, 12.5),
    ]


# The file


def guarded(name: str) -> str:
    """The name as a guarded file holds it."""
    [[cell]] = csv.reader(
        io.StringIO(csv_text(pd.DataFrame({"x": [name]}), guard=True).partition("\r\n")[2], newline="")
    )
    return cell


def read_back(path: UPath) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))


def test_the_file_holds_the_report_with_ratios_and_all_digits(table: Table, tmp_path: Path) -> None:
    report = table(
        "channel_reporting",
        {"channel_name": "SEA - Brand", "cost": 293876.849, "ihc": 1e-05, "ihc_revenue": 0.1},
        {"channel_name": 'Größe, "A"', "cost": 0.0, "ihc": 0.0, "ihc_revenue": 0.0},
    )
    path = UPath(tmp_path) / "reports" / "report.csv"
    write_report(report, path)
    assert path.read_bytes().decode() == (
        "channel_name,date,cost,ihc,ihc_revenue,CPO,ROAS\r\n"
        f"SEA - Brand,2024-02-26,293876.849,1e-05,0.1,{293876.849 / 1e-05!r},{0.1 / 293876.849!r}\r\n"
        '"Größe, ""A""",2024-02-26,0.0,0.0,0.0,,\r\n'
    )


def test_the_file_of_an_empty_report_is_its_header(table: Table, tmp_path: Path) -> None:
    write_report(table("channel_reporting"), UPath(tmp_path) / "report.csv")
    assert read_back(UPath(tmp_path) / "report.csv") == [
        ["channel_name", "date", "cost", "ihc", "ihc_revenue", "CPO", "ROAS"]
    ]


ANY_NAME = st.text(st.characters(codec="utf-8"), min_size=1)
ANY_AMOUNT = st.floats(0, 1e12).map(lambda amount: round(amount, 9))  # as many places as a report has


@settings(max_examples=50)
@given(st.lists(st.tuples(ANY_NAME, ANY_AMOUNT, ANY_AMOUNT, ANY_AMOUNT), max_size=5), st.booleans())
def test_any_report_is_read_back_as_it_is(
    table: Table,
    cells: list[tuple[str, float, float, float]],
    guard: bool,  # noqa: FBT001 - hypothesis draws it
) -> None:
    report = table(
        "channel_reporting",
        *(
            {"channel_name": name, "cost": cost, "ihc": ihc, "ihc_revenue": revenue}
            for name, cost, ihc, revenue in cells
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_report(report, UPath(folder) / "report.csv", guard=guard)
        rows = read_back(UPath(folder) / "report.csv")[1:]
    assert rows == [
        [
            guarded(name) if guard else name,
            "2024-02-26",
            *(repr(number) for number in (cost, ihc, revenue)),
            repr(cost / ihc) if ihc else "",
            repr(revenue / cost) if cost else "",
        ]
        for name, cost, ihc, revenue in cells
    ]


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", '"', ",", " a ", "=1+1", "\0", "nan", "None"])
def test_without_the_guard_any_channel_name_is_read_back_as_it_is(table: Table, tmp_path: Path, name: str) -> None:
    path = UPath(tmp_path) / "report.csv"
    write_report(table("channel_reporting", {"channel_name": name}), path, guard=False)
    assert read_back(path)[1:] == [[name, "2024-02-26", "1.0", "1.0", "100.0", "1.0", "100.0"]]


def test_a_report_that_is_replaced_while_its_file_is_written_is_written_again(table: Table, tmp_path: Path) -> None:
    costs = iter([1.0, 2.0, 2.0])  # another writer comes after the first time that the report is read

    class Reports(StoredDays):
        def stamped(self, day: dt.date) -> tuple[pd.DataFrame, Stamp]:  # noqa: ARG002  the only one there is
            cost = next(costs)
            return table("channel_reporting", {"cost": cost}), Stamp(f"version {cost:g}", "", None, 1)

    path = UPath(tmp_path / "report.csv")
    assert (
        write_stored_report(Reports("channel_reporting", {}, (), engine_named("duckdb")), dt.date(2024, 2, 26), path)
        == "version 2"
    )
    assert [row["cost"] for row in csv.DictReader(io.StringIO(path.read_text()))] == ["2.0"]
