"""The command `compare`: the comparisons of stored days as files, and one line where they cannot be written."""

import datetime as dt
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.command.cli import app
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.stored_results import Order, Visit, store_results

FIRST, NEXT, LAST = (dt.date(2024, 2, number) for number in (26, 27, 28))
FILES = {"model_comparison.csv", "conversion_paths.csv", "channel_roles.csv", "markov_comparison.csv"}


@pytest.fixture
def compared(shop: Shop) -> Shop:
    """An order on each of two days, and a third day without any, all stored."""
    search, formula = Visit(FIRST, "Search", 1.0), Visit(FIRST, "=Mail", 1.0)
    orders = [Order(FIRST, 30.0, (formula, search), (0.25, 0.75)), Order(NEXT, 10.0, (search,), (1.0,))]
    store_results(AssetStorage(str(shop.folder / "data/assets")), [FIRST, NEXT, LAST], orders)
    return shop


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def in_range(first: dt.date, last: dt.date) -> tuple[object, ...]:
    return "--start-date", first, "--end-date", last


def lines(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text(encoding="utf-8").splitlines()


def test_each_table_of_the_range_is_a_file_and_the_markov_chain_is_of_all_its_days(compared: Shop) -> None:
    result = compare(*in_range(FIRST, NEXT), "--output", "out/of it")
    folder = compared.folder / "out/of it"
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Comparisons of 2024-02-26..2024-02-27: ")
    assert {file.name for file in folder.iterdir()} == FILES
    assert lines(folder, "conversion_paths.csv") == [
        "path,days_to_conversion,conversion_date,touchpoints,orders,revenue",
        "'=Mail > Search,0,2024-02-26,2,1,30.0",
        "Search,1,2024-02-27,1,1,10.0",
    ]
    assert [row for row in lines(folder, "model_comparison.csv") if row.startswith(("model,", "ihc", "first"))] == [
        "model,channel_name,touch_date,conversion_date,orders,revenue",
        "first_touch,'=Mail,2024-02-26,2024-02-26,1.0,30.0",
        "ihc,'=Mail,2024-02-26,2024-02-26,0.25,7.5",
        "ihc,Search,2024-02-26,2024-02-26,0.75,22.5",
        "first_touch,Search,2024-02-26,2024-02-27,1.0,10.0",
        "ihc,Search,2024-02-26,2024-02-27,1.0,10.0",
    ]
    assert lines(folder, "channel_roles.csv")[1:] == [
        "'=Mail,2024-02-26,1,30.0,1,30.0,0.25,0.25,0.25",
        "Search,2024-02-26,1,30.0,0,0.0,0.75,0.75,0.75",
        "Search,2024-02-27,1,10.0,0,0.0,1.0,1.0,1.0",
    ]
    # all orders pass Search, half of them =Mail
    assert lines(folder, "markov_comparison.csv") == [
        "channel_name,first_date,last_date,removal_effect,orders,revenue",
        "'=Mail,2024-02-26,2024-02-27,0.5,0.666666666667,13.333333333",
        "Search,2024-02-26,2024-02-27,1.0,1.333333333333,26.666666667",
    ]


def test_without_dates_and_folder_all_stored_days_go_to_the_reports(compared: Shop) -> None:
    compared.set(ATTRIBUTION_CSV_GUARD="off")
    result = compare()
    folder = compared.folder / "data/reports"
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Comparisons of 2024-02-26..2024-02-28: ")
    assert {file.name for file in folder.iterdir()} == FILES
    assert lines(folder, "conversion_paths.csv")[1] == "=Mail > Search,0,2024-02-26,2,1,30.0"


def test_days_without_orders_are_files_without_rows(compared: Shop) -> None:
    assert compare(*in_range(LAST, LAST)).exit_code == 0
    assert {len(lines(compared.folder / "data/reports", name)) for name in FILES} == {1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            in_range(dt.date(2024, 2, 24), dt.date(2024, 3, 1)),
            "the comparisons of 2024-02-24..2024-02-25, 2024-02-29..2024-03-01 are not stored: run these days first",
        ),
        (in_range(NEXT, FIRST), "the range ends on 2024-02-26, before it starts on 2024-02-27"),
        (("--output", "shop.db"), "--output shop.db cannot be written: "),
        (("--output", "ftp://host/folder"), "--output ftp://host/folder cannot be written: it takes a folder"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_nothing_is_written(
    compared: Shop, arguments: tuple[object, ...], said: str
) -> None:
    before = sorted(map(str, compared.folder.rglob("*")))
    result = compare(*arguments)
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert result.output.startswith(f"Not possible: {said}")
    assert sorted(map(str, compared.folder.rglob("*"))) == before


def test_a_day_that_is_not_stored_is_named(compared: Shop) -> None:
    (compared.folder / f"data/assets/model_comparison/{NEXT}.parquet").unlink()
    result = compare()
    assert result.output == ("Not possible: the comparisons of 2024-02-27 are not stored: run these days first\n")
    assert compare(*in_range(FIRST, FIRST)).exit_code == 0


def test_an_empty_storage_and_that_of_another_database_are_one_line(shop: Shop) -> None:
    assert compare().output == "Not possible: no comparisons are stored: run days first\n"
    AssetStorage(str(shop.folder / "data/assets")).claim("database of others")
    result = compare()
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert "holds what was made from the database of others" in result.output
