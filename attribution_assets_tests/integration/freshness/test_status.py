"""The command `status` from end to end: what it says of a shop, with which exit code, and that it writes nothing."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.command.cli import app
from attribution_assets_tests.support.made_shop import REPORTS, SOURCES, MadeShop

ALL = "2024-02-20..2024-02-28"
RUN_THEM = "Run these days to bring them up to date."
UP_TO_DATE = "Everything is up to date."
FINAL = "Final, unless rows arrive late: 2024-02-20..2024-02-23."
PROVISIONAL = "Provisional, until all orders that can credit them are attributed: 2024-02-24..2024-02-28."


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the table stay on one line."""
    monkeypatch.setenv("COLUMNS", "200")


def ask() -> Result:
    return CliRunner().invoke(app, ["status"])


def said(result: Result) -> tuple[dict[str, list[str]], list[str]]:
    """The table's cells (stored, missing, stale) by asset, and the lines after it; fails if the command did."""
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    end = next(number for number, line in enumerate(lines) if line.startswith("└"))
    return {asset: cells for asset, *cells in rows}, lines[end + 1 :]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("made_shop")
def test_a_shop_that_is_up_to_date_is_said_to_be() -> None:
    assert said(ask()) == ({asset: [ALL, "", ""] for asset in always_in_use()}, [FINAL, PROVISIONAL, UP_TO_DATE])


def test_days_with_data_that_were_never_made_are_missing(made_shop: MadeShop) -> None:
    made_shop.session("s9", "eve", "2024-03-02 10:00:00")
    assert made_shop.make(SOURCES, 29).success
    table, lines = said(ask())
    assert table["sessions"] == ["2024-02-20..2024-02-29", "2024-03-01..2024-03-02", ""]
    assert table["journeys"] == [ALL, "2024-02-29..2024-03-02", "2024-02-29"]
    assert table["channel_reporting_csv"] == [ALL, "2024-02-29..2024-03-02", ""]
    assert lines == [FINAL, PROVISIONAL, RUN_THEM]


def test_of_a_shop_where_nothing_was_made_all_days_with_data_are_missing(any_made_shop: MadeShop) -> None:
    for path in (any_made_shop.folder / "data/assets").rglob("*.parquet"):
        path.unlink()
    table, lines = said(ask())
    assert table == {asset: ["", "2024-02-22..2024-02-27", ""] for asset in always_in_use()}
    assert lines == [RUN_THEM]


def test_without_any_data_there_is_nothing_to_do(any_made_shop: MadeShop) -> None:
    any_made_shop.sql("DELETE FROM session_sources", "DELETE FROM conversions", "DELETE FROM session_costs")
    for path in (any_made_shop.folder / "data/assets").rglob("*.parquet"):
        path.unlink()
    assert said(ask()) == ({asset: ["", "", ""] for asset in always_in_use()}, [UP_TO_DATE])


def test_stale_days_are_named_by_asset(made_shop: MadeShop) -> None:
    made_shop.session("a3", "ann", "2024-02-23 09:00:00")
    assert made_shop.make(["sessions"], 23).success
    made_shop.file("channel_reporting_csv", 21).unlink()
    table, lines = said(ask())
    assert {asset: cells[2] for asset, cells in table.items() if cells[2]} == {
        "journeys": "2024-02-24",
        "channel_reporting": "2024-02-23",
        "channel_reporting_csv": "2024-02-21",
    }
    assert lines[-1] == RUN_THEM


def test_days_that_have_changed_in_the_source_are_stale_of_the_tables_that_are_read(any_made_shop: MadeShop) -> None:
    any_made_shop.session("f1", "fay", "2024-02-21 09:00:00")
    any_made_shop.sql("DELETE FROM conversions WHERE conv_id = 'o1'")
    table, lines = said(ask())
    assert {asset: cells[2] for asset, cells in table.items()} == dict.fromkeys(always_in_use(), "") | {
        "sessions": "2024-02-21",
        "conversions": "2024-02-24",
    }
    assert lines == [FINAL, PROVISIONAL, RUN_THEM]


def test_once_later_orders_are_attributed_days_are_final(made_shop: MadeShop) -> None:
    made_shop.session("z1", "zoe", "2024-03-01 10:00:00")  # its data ended on the 27th before
    assert made_shop.make(always_in_use(), 29, 30).success
    _, lines = said(ask())
    assert lines[:2] == [
        "Final, unless rows arrive late: 2024-02-20..2024-02-26.",
        "Provisional, until all orders that can credit them are attributed: 2024-02-27..2024-03-01.",
    ]


def test_days_attributed_with_other_settings_are_named_and_are_no_less_up_to_date(made_shop: MadeShop) -> None:
    made_shop.set(IHC_CONV_TYPE_ID="new customers")
    assert said(ask())[1][2:] == [
        f"Attributed with other settings than now, run again to use these: {ALL}.",
        UP_TO_DATE,
    ]


@pytest.mark.parametrize(
    "setting",
    [
        {"IHC_REDISTRIBUTION_PARAMETER": "{}"},
        {"IHC_API_URL": "http://127.0.0.1:9/compute_ihc"},
        {"IHC_API_KEY": ""},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_each_setting_that_credit_depends_on_is_told_apart(made_shop: MadeShop, setting: dict[str, str]) -> None:
    made_shop.set(**setting)
    assert said(ask())[1][2].startswith("Attributed with other settings than now")


def test_days_that_wait_for_corrections_are_named(made_shop: MadeShop) -> None:
    made_shop.order("o4", "ann", "2024-02-25 10:00:00")
    made_shop.order("o5", "ann", "2024-02-25 11:00:00", -1.0)
    made_shop.make(["conversions"], 25)
    table, lines = said(ask())
    assert [cells[2] for cells in table.values()] == [""] * len(always_in_use())
    why = (
        "1 of 2 source rows of conversions of 2024-02-25 were set aside, more than ATTRIBUTION_MAX_REJECTED_SHARE=0.01"
    )
    assert lines[2:] == [f"Waiting until rejected rows are corrected in the source: 2024-02-25 ({why} allows)."]


def test_days_that_could_only_be_made_of_those_that_wait_are_not_to_be_run(made_shop: MadeShop) -> None:
    made_shop.order("o5", "ann", "2024-02-28 11:00:00", -1.0)
    for asset in always_in_use():
        made_shop.file(asset, 28).unlink()
    made_shop.make(always_in_use(), 28)
    table, lines = said(ask())
    assert (table["ihc_attributions"][1], table["channel_reporting_csv"][1]) == ("2024-02-28", "2024-02-28")
    assert lines[-1].startswith("Waiting until rejected rows are corrected in the source: 2024-02-28")


def test_dropped_result_tables_are_to_be_made_anew(any_made_shop: MadeShop) -> None:
    any_made_shop.sql("DROP TABLE attribution_day")
    table, _ = said(ask())
    assert {asset: cells[2] for asset, cells in table.items() if cells[2]} == {
        "ihc_attributions": ALL,
        "channel_reporting": ALL,
    }


def test_nothing_is_written(made_shop: MadeShop) -> None:
    made_shop.session("f1", "fay", "2024-02-21 09:00:00")
    made_shop.file("channel_reporting", 21).unlink()
    before = files_in(made_shop.folder)
    assert ask().exit_code == 0
    assert files_in(made_shop.folder) == before
    assert "home" not in {path.name for path in made_shop.folder.iterdir()}


def test_what_cannot_be_asked_is_refused_in_a_line(made_shop: MadeShop) -> None:
    for file in made_shop.file("channel_reporting", 21).parent.glob("*"):
        file.unlink()
    made_shop.sql("DROP TABLE session_costs")
    without_table = ask()
    made_shop.set(ATTRIBUTION_DATABASE_URL=f"sqlite:///{made_shop.folder}/nowhere.db")
    without_database = ask()
    (made_shop.folder / "data/assets/made_from.txt").write_text("SQLite database /elsewhere.db")
    made_shop.set(ATTRIBUTION_DATABASE_URL=made_shop.url)
    of_another = ask()
    assert [result.exit_code for result in (without_table, without_database, of_another)] == [2, 2, 2]
    assert "lacks the table session_costs" in without_table.output
    assert "There is no database at" in without_database.output
    assert "holds what was made from the SQLite database /elsewhere.db" in of_another.output
    assert all(result.output.count("\n") == 1 for result in (without_table, without_database, of_another))


def test_a_run_over_what_status_names_brings_everything_up_to_date(any_made_shop: MadeShop) -> None:
    any_made_shop.session("a3", "ann", "2024-02-23 09:00:00")
    any_made_shop.order("o4", "fay", "2024-02-21 10:00:00")
    for name in REPORTS:
        any_made_shop.file(name, 26).unlink()
    assert said(ask())[1][-1] == RUN_THEM
    result = any_made_shop.run("2024-02-20", "2024-02-28")
    assert result.exit_code == 0, result.output
    assert said(ask())[1][-1] == UP_TO_DATE
