"""The command `source`: what it says of a source before a run, and what to do about it."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase
from attribution_assets.command.cli import app
from attribution_assets_tests.support.copied_sources import Rows, make_source, write_csv
from attribution_assets_tests.support.source_tables import order, session

DAYS = [str(dt.date(2024, 2, 24) + dt.timedelta(days=number)) for number in range(4)]
GOOD: Rows = {
    "session_sources": [
        session(f"s{number}", user=f"u{number}", date=day, channel="Search" if number % 2 else "Mail")
        for number, day in enumerate(DAYS)
    ],
    "session_costs": [("s1", 2.5), ("s3", 1.5)],
    "conversions": [
        order(f"o{number}", user=f"u{number}", date=day, time="13:00:00") for number, day in enumerate(DAYS)
    ],
}


def changed(table: str, change: Callable[[tuple[object, ...]], tuple[object, ...]]) -> Rows:
    """The good rows, all of one table changed."""
    return GOOD | {table: [change(row) for row in GOOD[table]]}


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the source."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.setenv("ATTRIBUTION_SOURCE_URL", f"files://{folder}")
    return folder


def looked(folder: Path) -> Result:
    """What the command says; it has written nothing."""
    before = sorted(map(str, folder.parent.rglob("*")))
    result = CliRunner().invoke(app, ["source"])
    assert sorted(map(str, folder.parent.rglob("*"))) == before
    return result


def to_do(folder: Path) -> list[str]:
    """What there is to do, line by line."""
    lines = looked(folder).output.replace(str(folder), "FOLDER").splitlines()
    return [line.removeprefix("To do: ") for line in lines if line.startswith("To do: ")]


def test_a_good_source_is_described_and_nothing_is_to_do(exports: Path) -> None:
    write_csv(exports, GOOD)
    result = looked(exports)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"Source: folder of files {exports}",
        "session_sources: 4 rows, 2024-02-24..2024-02-27 (4 days with rows, 1 to 1 a day)",
        (
            "  columns: session_id (text), user_id (text), event_date (text), event_time (text), channel_name (text),"
            " holder_engagement (text), closer_engagement (text), impression_interaction (text)"
        ),
        "session_costs: 2 rows",
        "  columns: session_id (text), cost (text)",
        "conversions: 4 rows, 2024-02-24..2024-02-27 (4 days with rows, 1 to 1 a day)",
        "  columns: conv_id (text), user_id (text), conv_date (text), conv_time (text), revenue (text)",
        "  not there, and not needed: conversion_type, refunded",
        "ad_spend: there is no such table (a run does without it).",
        (
            "Rows of 2024-02-24..2024-02-27, looked at one by one: 4 of session_sources can be used, 4 of conversions"
            " can be used."
        ),
        "Orders with a visit of their user in the 4 days before: 4 of 4 (100%).",
        "Channels with a cost: Search (2 visits, 4.00)",
        "Channels without: Mail (2 visits)",
        "",
        "A run can start: attribution-assets run",
    ]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "duckdb"])
def test_databases_are_described_too(
    request: pytest.FixtureRequest, exports: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    url = make_source(str(request.getfixturevalue(f"{kind}_url")), GOOD, text=False)
    monkeypatch.setenv("ATTRIBUTION_SOURCE_URL", url)
    result = looked(exports)
    assert result.exit_code == 0
    assert "conversions: 4 rows, 2024-02-24..2024-02-27 (4 days with rows" in result.output
    assert "Orders with a visit of their user in the 4 days before: 4 of 4 (100%)." in result.output


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (
            changed("conversions", lambda row: (*row[:2], "28.02.2024", row[3], "1.234,50 €")),
            [
                (
                    "conv_date of conversions: write dates as YYYY-MM-DD, such as 2024-02-29, without a time (such as"
                    " conv_id 'o0' with conv_date '28.02.2024')."
                ),
                (
                    "revenue of conversions, in 4 rows: write numbers as 1234.50: a point, no thousands separator, no"
                    " currency, no blanks."
                ),
                "a day is stopped while more than 1% of its rows are set aside.",
            ],
        ),
        (
            changed("conversions", lambda row: (row[0], "x" + str(row[1]), *row[2:])),
            [
                (
                    "write user_id alike in session_sources and conversions: there is conv_id 'o0' of user_id 'xu0',"
                    " and user_id 'u0' among the visits."
                ),
            ],
        ),
        (
            changed("conversions", lambda row: (row[0], None, *row[2:])),
            ["fill user_id of conversions, which 4 of 4 orders lack: without it no order finds its visits."],
        ),
        (
            GOOD | {"conversions": [*GOOD["conversions"][:3], order("o3", user=None, date=DAYS[3], time="13:00:00")]},
            ["fill user_id of conversions, which 1 of 4 orders lack: without it no order finds its visits."],
        ),
        (
            changed("session_sources", lambda row: ("1.70877E+12", *row[1:])) | {"session_costs": [("1.70877E+12", 1)]},
            [
                (
                    "session_id of session_sources, in 4 rows: export the ids as text: a spreadsheet has shortened"
                    " them, so that different ones look alike."
                ),
                "a day is stopped while more than 1% of its rows are set aside.",
            ],
        ),
        (
            changed("session_sources", lambda row: (*row[:3], "23:00:00", *row[4:])),
            [
                (
                    "see that both tables have their times in UTC, and that the visits of the 4 days before the"
                    " orders are there: users have visits, but later or earlier ones."
                ),
            ],
        ),
        (
            changed("session_costs", lambda row: (f"x{row[0]}", row[1])),
            [
                (
                    "session_costs: 2 costs belong to no row of session_sources, such as session_id 'xs1': add the"
                    " rows, or write session_id alike in both."
                ),
                "no channel has a cost: fill session_costs or ad_spend, or CPO and ROAS stay empty.",
            ],
        ),
        (
            GOOD | {"session_sources": [GOOD["session_sources"][0], *GOOD["session_sources"][2:]]},
            [
                (
                    "session_costs: 1 costs belong to no row of session_sources, such as session_id 's1': add the"
                    " rows, or write session_id alike in both."
                ),
                "session_sources has no rows on 2024-02-25: see whether a file or a load is missing.",
            ],
        ),
        (
            changed("session_sources", lambda row: (*row[:2], str(row[2]).replace("2024", "2019"), *row[3:])),
            [
                (
                    "rows of 2019-02-24..2019-02-27 are before the first day, 2024-02-20: set ATTRIBUTION_START_DATE to"
                    " 2019-02-24, or leave them out."
                ),
            ],
        ),
    ],
)
def test_what_is_wrong_with_rows_is_named_with_what_to_do(exports: Path, rows: Rows, lines: list[str]) -> None:
    write_csv(exports, rows)
    assert to_do(exports) == lines


def test_few_rows_of_long_ago_are_rather_a_wrong_date_and_make_no_gap(exports: Path) -> None:
    many = [session(f"m{number}", user="u0", date=DAYS[0], channel="Mail") for number in range(200)]
    clock = session("clock", user="u0", date="1970-01-01", channel="Mail")
    write_csv(exports, GOOD | {"session_sources": [*GOOD["session_sources"], *many, clock]})
    assert to_do(exports) == [
        (
            "correct the dates of 1 row of 1970-01-01, before the first day, 2024-02-20, or leave them out: they are in"
            " no report. If they are right, set ATTRIBUTION_START_DATE to 1970-01-01."
        )
    ]


@pytest.mark.parametrize("day", ["1970-01-01", "2090-01-01"])
def test_only_days_of_the_calendar_with_rows_are_read(exports: Path, monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    """A row far off is counted, and no day between it and the others is read."""
    read: list[dt.date] = []
    original = SourceDatabase.sessions

    def sessions(source: SourceDatabase, days: Sequence[dt.date]) -> Iterator[ExtractedDay]:
        read.extend(days)
        return original(source, days)

    monkeypatch.setattr(SourceDatabase, "sessions", sessions)
    far = session("far", user="u0", date=day, channel="Mail")
    write_csv(exports, GOOD | {"session_sources": [*GOOD["session_sources"], far]})
    result = looked(exports)
    assert result.exit_code == 0
    assert "Orders with a visit of their user in the 4 days before: 4 of 4 (100%)." in result.output
    assert list(map(str, read)) == DAYS


def test_rows_whose_date_alone_is_wrong_are_named_once(exports: Path) -> None:
    write_csv(exports, changed("conversions", lambda row: (*row[:2], "28.02.2024", *row[3:])))
    lines = looked(exports).output.splitlines()
    assert [line for line in lines if "conv_date" in line and not line.startswith("  columns")] == [
        (
            "4 of 4 rows of conversions with a revenue of 40.00 are in no report: their conv_date is no date written"
            " YYYY-MM-DD, such as conv_id 'o0' with conv_date '28.02.2024'."
        ),
        (
            "To do: conv_date of conversions: write dates as YYYY-MM-DD, such as 2024-02-29, without a time (such as"
            " conv_id 'o0' with conv_date '28.02.2024')."
        ),
    ]
    assert any(line.endswith("0 of conversions can be used.") for line in lines)


def test_names_that_are_like_the_missing_ones_are_named(exports: Path) -> None:
    write_csv(exports, GOOD)
    (exports / "session_sources.csv").rename(exports / "Sessions.csv")
    (exports / "conversions.csv").write_text("conv_id,userid,conv_date,time,revenue\n")
    assert to_do(exports) == [
        "add the table session_sources (is it Sessions.csv?).",
        "add the column user_id to conversions (is it userid?).",
        "add the column conv_time to conversions (is it time?).",
        "what is there is Sessions.csv, conversions.csv, session_costs.csv: rename it, or make a view of the name.",
    ]
    assert looked(exports).exit_code == 2


def test_what_is_not_there_is_named_with_its_columns_or_with_the_file_that_it_may_be(exports: Path) -> None:
    write_csv(exports, GOOD)
    (exports / "conversions.csv").rename(exports / "orders.csv")
    (exports / "session_costs.csv").rename(exports / "session_costs.xlsx")
    (exports / "session_sources.csv").unlink()
    assert to_do(exports)[:3] == [
        (
            "add the table session_sources, with the columns session_id, user_id, event_date, event_time, channel_name,"
            " holder_engagement, closer_engagement, impression_interaction."
        ),
        "save session_costs.xlsx as CSV or Parquet: in this form it is not read.",
        "add the table conversions (is it orders.csv?).",
    ]


def test_spend_on_channels_that_no_visit_names_is_named_with_the_channels_that_lack_it(exports: Path) -> None:
    write_csv(exports, GOOD | {"session_costs": []})
    (exports / "ad_spend.csv").write_text(f"date,channel_name,cost\n{DAYS[1]},google,10\n")
    assert to_do(exports) == [
        (
            "spell channels alike in ad_spend and session_sources, or map their spellings with ATTRIBUTION_CHANNELS:"
            " there is most of the cost without visits (google), and there are visits without cost (Mail, Search)."
        )
    ]


def test_a_file_that_cannot_be_read_is_named_beside_what_can(exports: Path) -> None:
    write_csv(exports, GOOD)
    with (exports / "conversions.csv").open("a") as file:
        file.write("o9,u9\r\n")
    result = looked(exports)
    assert result.exit_code == 2
    assert "conversions: it cannot be read" in result.output
    assert "session_costs: 2 rows" in result.output
    assert to_do(exports) == [
        (
            "FOLDER/conversions.csv, line 6: it has 2 values where the first line names 5 columns: mend the line (a"
            ' value that holds the separator stands in "double quotes").'
        )
    ]


def test_what_cannot_be_reached_is_one_line(exports: Path) -> None:
    exports.rmdir()
    result = CliRunner().invoke(app, ["source"])
    assert result.exit_code == 2
    assert result.output.startswith(f"Not possible: There is no folder {exports}: set ATTRIBUTION_SOURCE_URL")


def test_without_a_usable_row_no_run_can_start(exports: Path) -> None:
    write_csv(exports, changed("session_sources", lambda row: (*row[:5], "yes", "no", "")))
    result = looked(exports)
    assert result.exit_code == 2
    assert "holder_engagement 'yes' is neither 0 nor 1 (the column holds text), in the row 's0'" in result.output
    assert "No run can start before this is done." in result.output


def test_without_rows_of_the_calendar_no_run_can_start(exports: Path) -> None:
    write_csv(exports, {table: [] for table in GOOD})
    result = looked(exports)
    assert result.exit_code == 2
    assert to_do(exports) == ["session_sources has no row with a date.", "conversions has no row with a date."]


def test_spend_is_the_cost_of_its_channels_on_its_days(exports: Path) -> None:
    write_csv(exports, GOOD | {"session_costs": [("s1", 2.5), ("s3", 1.5)]})
    (exports / "ad_spend.csv").write_text(f"date,channel_name,cost\n{DAYS[1]},Search,10\n{DAYS[1]},TV,7\n")
    assert "Channels with a cost: Search (2 visits, 11.50), TV (0 visits, 7.00)" in looked(exports).output
    (exports / "session_costs.csv").write_text("session_id,cost\n")
    assert to_do(exports) == []


def test_dimensions_are_among_the_columns_that_are_used(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_ORDER_DIMENSIONS", "market")
    write_csv(exports, GOOD)
    lines = (exports / "conversions.csv").read_text().splitlines()
    (exports / "conversions.csv").write_text(
        "\n".join([f"{lines[0]},Market,note", *(f"{each},DE,x" for each in lines[1:])])
    )
    output = looked(exports).output
    assert "revenue (text), market (text)" in output
    assert "  not used: note" in output


def test_what_to_do_about_spend_and_refunds_is_their_own(exports: Path) -> None:
    write_csv(exports, GOOD)
    (exports / "ad_spend.csv").write_text(
        "date,channel_name,cost,campaign\n"
        + "".join(f"{DAYS[0]},{row}\n" for row in ("Search,1,a", "Search,2,a", "Mail,-3,b", "Mail,1,c"))
    )
    lines = (exports / "conversions.csv").read_text().splitlines()
    refunds = ["refunded", "-1", "99", "98", ""]
    (exports / "conversions.csv").write_text("\n".join(map(",".join, zip(lines, refunds, strict=True))))
    stopped = "a day is stopped while more than 1% of its rows are set aside."
    assert to_do(exports) == [
        "refunded of conversions, in 2 rows: write no more than the revenue of the order.",
        "refunded of conversions, in 1 row: write what was paid back as a positive number.",
        stopped,
        (
            "channel_name of ad_spend, in 2 rows: leave one of the rows that differ in their amounts alone, or add a"
            " column that tells them apart."
        ),
        "cost of ad_spend, in 1 row: write what was spent, without credit notes.",
        stopped,
    ]
    assert f"negative, in the row date '{DAYS[0]}', channel_name 'Mail', campaign 'b'" in looked(exports).output
