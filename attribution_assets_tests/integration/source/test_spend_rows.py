"""Spend as it is read from the source: by channel and campaign, duplicates set aside, absent without a table."""

import datetime as dt
from typing import Any

import pytest

from attribution_assets.attribution.source.channel_names import ChannelNames
from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase, SourceSchemaError
from attribution_assets_tests.support.databases import execute, insert
from attribution_assets_tests.support.source_tables import DAYS, FIRST, create_unkeyed_tables, order, session

COLUMNS = ("date", "channel_name", "cost", "campaign", "impressions", "clicks", "country")


def with_spend(url: str, *rows: tuple[Any, ...]) -> None:
    """Source tables with such a table of spend, the amounts being numbers where the database has types."""
    create_unkeyed_tables(url)
    amount = "double precision" if url.startswith("postgresql") else ""
    numbers = {"cost", "impressions", "clicks"}
    columns = ", ".join(f"{name} {amount if name in numbers else 'text'}" for name in COLUMNS)
    execute(url, f"CREATE TABLE ad_spend ({columns})")
    insert(url, "ad_spend", rows, *COLUMNS)


def spent(
    channel: str | None = "Search", cost: object = 1.0, campaign: str | None = "a", **changed: object
) -> tuple[Any, ...]:
    """A row of ad_spend."""
    row = {"date": "2024-02-28", "channel": channel, "cost": cost, "campaign": campaign}
    return tuple((row | {"impressions": None, "clicks": None, "country": "DE"} | changed).values())


def read(url: str, channels: ChannelNames | None = None) -> dict[dt.date, ExtractedDay]:
    """The spend by day, whose fingerprints are those that come alone."""
    source = SourceDatabase(url, FIRST, channels)
    found = {extracted.day: extracted for extracted in source.spend(DAYS)}
    assert {day: extracted.fingerprint for day, extracted in found.items()} == source.fingerprints("spend", DAYS)
    return found


def rows(extracted: ExtractedDay) -> list[list[object]]:
    frame = extracted.frame.astype(object).where(extracted.frame.notna(), None)
    return frame.drop(columns="date").to_numpy().tolist()


def test_spend_is_summed_by_channel_and_campaign(database_url: str) -> None:
    with_spend(
        database_url,
        spent(" Search ", 1.5, impressions=100.0, clicks=3.0),
        spent("Search", 2.25, country="AT", impressions=50.0),
        spent("Search", 0.5, None),
        spent("Display", 4.0, "  "),
        spent("Search", 9.0, date="2024-02-29"),
    )
    found = read(database_url)
    assert rows(found[DAYS[0]]) == [
        ["Display", None, 4.0, None, None],
        ["Search", None, 0.5, None, None],
        ["Search", "a", 3.75, 150.0, 3.0],
    ]
    assert rows(found[DAYS[1]]) == [["Search", "a", 9.0, None, None]]
    assert (rows(found[DAYS[2]]), list(found[DAYS[2]].frame["date"])) == ([], [])


def test_columns_with_names_of_what_is_read_besides_are_left_alone(database_url: str) -> None:
    create_unkeyed_tables(database_url)
    execute(database_url, "CREATE TABLE ad_spend (date text, channel_name text, cost text, row_hash text, filed text)")
    columns = ("date", "channel_name", "cost", "row_hash", "filed")
    insert(database_url, "ad_spend", [("2024-02-28", "Search", "1.5", "x", "y")], *columns)
    assert rows(read(database_url)[FIRST]) == [["Search", None, 1.5, None, None]]


def test_rows_that_differ_in_their_amounts_alone_are_set_aside_and_of_equal_ones_one_counts(database_url: str) -> None:
    with_spend(
        database_url,
        spent("Search", 1.0),
        spent("Search ", 2.0),
        spent("Search", 4.0, "b"),
        spent("Search", 4.0, "b"),
        spent("Display", 1.0, clicks=1.0),
        spent("Display", 1.0, clicks=2.0),
    )
    found = read(database_url)[DAYS[0]]
    assert (rows(found), found.repeated) == ([["Search", "b", 4.0, None, None]], 1)
    assert found.rejected[["row_key", "amount"]].to_numpy().tolist() == [
        ["Display", 1.0], ["Display", 1.0], ["Search", 1.0], ["Search ", 2.0],
    ]  # fmt: skip
    assert found.rejected["reason"][2] == (
        "channel_name 'Search' has several rows with the same date, channel_name, campaign, country, but other amounts"
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"cost": None}, "cost None is missing"),
        ({"cost": -1.0}, "cost -1.0 is negative"),
        ({"channel": None}, "channel_name None is missing"),
        ({"channel": " "}, "channel_name ' ' is empty"),
        ({"impressions": -5.0}, "impressions -5.0 is negative"),
        ({"date": "2024-02-30"}, "date '2024-02-30' is not a date YYYY-MM-DD"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside(database_url: str, changed: dict[str, object], reason: str) -> None:
    with_spend(database_url, spent("Display"), spent(**changed))
    found = read(database_url)
    kept = [row for extracted in found.values() for row in rows(extracted)]
    set_aside = [extracted for extracted in found.values() if len(extracted.rejected)]
    assert kept == [["Display", "a", 1.0, None, None]]
    assert [each.rejected["reason"].tolist() for each in set_aside] == [[reason]]
    assert set_aside[0].undated == ("date" in changed)


def test_the_mapping_of_channel_names_joins_spellings(sqlite_url: str) -> None:
    with_spend(sqlite_url, spent("GoogleAds"), spent("google ads"), spent("Display"))
    plain = read(sqlite_url)
    found = read(sqlite_url, ChannelNames({"googleads": "Paid", "google ads": "Paid"}))
    assert [row[:3] for row in rows(found[DAYS[0]])] == [["Display", "a", 1.0], ["Paid", "a", 2.0]]
    assert found[DAYS[0]].fingerprint != plain[DAYS[0]].fingerprint


def test_each_value_counts_in_the_fingerprint_of_its_day_and_the_order_of_rows_does_not(database_url: str) -> None:
    some = [spent("Search"), spent("Display"), spent("TV", date="2024-02-29")]
    with_spend(database_url, *some)
    before = {day: extracted.fingerprint for day, extracted in read(database_url).items()}
    execute(database_url, "DELETE FROM ad_spend")
    insert(database_url, "ad_spend", some[::-1], *COLUMNS)
    assert {day: extracted.fingerprint for day, extracted in read(database_url).items()} == before
    for column in COLUMNS[2:]:
        execute(database_url, f"UPDATE ad_spend SET {column} = '5' WHERE channel_name = 'TV'")  # noqa: S608  names from here
        after = {day: extracted.fingerprint for day, extracted in read(database_url).items()}
        assert [day for day in DAYS if after[day] != before[day]] == DAYS[1:2]
        before = after


def test_without_the_table_there_is_no_spend_and_with_it_its_days_hold_data(database_url: str) -> None:
    create_unkeyed_tables(database_url)
    insert(database_url, "session_sources", [session("s")])
    insert(database_url, "conversions", [order("c")])
    source = SourceDatabase(database_url, FIRST)
    without = source.fingerprints("spend", DAYS)
    assert [rows(extracted) for extracted in source.spend(DAYS)] == [[], [], [], []]
    assert source.days_with_data() == (DAYS[0], DAYS[0])
    assert source.rows_in_no_report("spend").rows == 0

    execute(database_url, "CREATE TABLE ad_spend (date text, channel_name text, cost double precision)")
    empty = source.fingerprints("spend", DAYS)
    assert all(empty[day] != without[day] for day in DAYS)
    values = [("2024-03-02", "TV", 3.0), ("02.03.2024", "TV", 4.0), ("2024-02-27", "TV", 5.0)]
    insert(database_url, "ad_spend", values, "date", "channel_name", "cost")
    assert source.days_with_data() == (DAYS[0] - dt.timedelta(days=1), DAYS[3])
    assert source.holds_data(DAYS[3], DAYS[3])
    found = source.rows_in_no_report("spend")
    assert (found.rows, found.unusable, found.amounts, found.too_early) == (3, 1, (4.0,), 1)
    assert found.example == "channel_name 'TV' with date '02.03.2024'"


def test_a_table_of_spend_without_its_columns_is_an_error_that_names_them(sqlite_url: str) -> None:
    create_unkeyed_tables(sqlite_url)
    execute(sqlite_url, "CREATE TABLE ad_spend (day text, channel_name text, amount real)")
    with pytest.raises(SourceSchemaError, match="lacks the column date of table ad_spend, the col"):
        SourceDatabase(sqlite_url, FIRST).check()
