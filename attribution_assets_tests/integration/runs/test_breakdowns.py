"""Breakdowns in whole runs: what is published, what a new dimension or value restates, and that nobody is asked."""

import csv

import pytest
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop

RANGE = ("2024-02-22", "2024-02-27")


@pytest.fixture
def shop_of_campaigns(any_shop: Shop) -> Shop:
    """Ann orders after visits of two campaigns, ben after one of none; spend is known by campaign."""
    any_shop.sql(
        "ALTER TABLE session_sources ADD COLUMN campaign text",
        "ALTER TABLE session_sources ADD COLUMN country text",
        "ALTER TABLE conversions ADD COLUMN market text",
        "CREATE TABLE ad_spend (date text, channel_name text, campaign text, cost double precision, clicks integer)",
    )
    sessions = [
        ("s1", "ann", "2024-02-22", "10:00:00", "Display", 1, 0, 0, "spring", "DE"),
        ("s2", "ann", "2024-02-24", "10:00:00", "Search", 1, 0, 0, "brand", "AT"),
        ("s3", "ben", "2024-02-24", "11:00:00", "Search", 1, 0, 0, None, "DE"),
    ]
    insert(any_shop.url, "session_sources", sessions, "campaign", "country")
    orders = [
        ("o1", "ann", "2024-02-24", "20:00:00", 90.0, "north"),
        ("o2", "ben", "2024-02-26", "09:00:00", 30.0, None),
    ]
    insert(any_shop.url, "conversions", orders, "market")
    spend = [("2024-02-24", "Search", "brand", 10.0, 7), ("2024-02-24", "Search", "other", 2.0, None)]
    insert(any_shop.url, "ad_spend", spend, "date", "channel_name", "campaign", "cost", "clicks")
    any_shop.set(ATTRIBUTION_DIMENSIONS="campaign", ATTRIBUTION_ORDER_DIMENSIONS="market")
    return any_shop


def published(shop: Shop, dimension: str) -> dict[object, tuple[object, ...]]:
    """Date, channel and value -> cost, ihc, ihc_revenue."""
    columns = "date, channel_name, value, dimension, cost, ihc, ihc_revenue"
    rows = shop.rows(f"(SELECT {columns} FROM channel_breakdown) b")  # noqa: S608  names from here
    return {row[:3]: row[4:] for row in rows if row[3] == dimension}


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def test_a_run_publishes_the_breakdown_and_shows_it_by_a_dimension(shop_of_campaigns: Shop) -> None:
    shop = shop_of_campaigns
    with IhcEndpoint() as endpoint:
        shop.asks(endpoint)
        result = shop.run(*RANGE, "--by", "Campaign")
    assert result.exit_code == 0, result.output
    assert published(shop, "campaign") == {
        ("2024-02-22", "Display", "spring"): (0.0, pytest.approx(1 / 3), pytest.approx(30)),
        ("2024-02-24", "Search", "brand"): (10.0, pytest.approx(2 / 3), pytest.approx(60)),
        ("2024-02-24", "Search", "other"): (2.0, 0.0, 0.0),
        ("2024-02-24", "Search", "(none)"): (0.0, 1.0, 30.0),
    }
    assert published(shop, "market") == {
        ("2024-02-22", "Display", "north"): (None, pytest.approx(1 / 3), pytest.approx(30)),
        ("2024-02-24", "Search", "north"): (None, pytest.approx(2 / 3), pytest.approx(60)),
        ("2024-02-24", "Search", "(none)"): (None, 1.0, 30.0),
    }
    assert "Search brand 10.00 0.67 60.00 15.00 6.000 Search other 2.00 0.00 0.00 0.000" in words(result.output)
    with (shop.folder / "data/reports/channel_breakdown.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["channel_name", "date", "dimension", "value", "cost", "ihc", "ihc_revenue", "clicks"]
    assert [row["clicks"] for row in rows if row["value"] == "brand"] == ["7.0"]
    of_day = (shop.folder / "data/reports/channel_breakdown_2024-02-22.csv").read_text().splitlines()
    assert of_day[0] == "channel_name,date,dimension,value,cost,ihc,ihc_revenue"
    assert len(of_day) == 3


def test_another_dimension_or_value_restates_the_breakdown_alone_and_asks_nobody(shop_of_campaigns: Shop) -> None:
    shop = shop_of_campaigns
    with IhcEndpoint() as endpoint:
        shop.asks(endpoint)
        shop.set(ATTRIBUTION_DIMENSIONS="", ATTRIBUTION_ORDER_DIMENSIONS="")
        assert shop.run(*RANGE).exit_code == 0
        asked, before = len(endpoint.received), shop.rows("attribution_day")
        assert {asset for asset, _, _ in before} == {"channel_reporting", "ihc_attributions"}

        shop.set(ATTRIBUTION_DIMENSIONS="campaign")
        assert shop.run(*RANGE).exit_code == 0
        assert set(before) < set(shop.rows("attribution_day"))
        assert {value for _, _, value in published(shop, "campaign")} == {"spring", "brand", "other", "(none)"}
        assert published(shop, "country") == {}

        shop.set(ATTRIBUTION_DIMENSIONS="campaign,country")
        assert shop.run(*RANGE).exit_code == 0
        assert published(shop, "country")["2024-02-24", "Search", "(none)"] == (12.0, 0.0, 0.0)
        assert published(shop, "country")["2024-02-24", "Search", "DE"] == (0.0, 1.0, 30.0)

        shop.sql("UPDATE session_sources SET campaign = 'summer' WHERE session_id = 's1'")
        assert shop.run("2024-02-24", "2024-02-24").exit_code == 0
        assert ("2024-02-22", "Display", "summer") in published(shop, "campaign")
        assert ("2024-02-22", "Display", "spring") not in published(shop, "campaign")
        assert "All days are up to date" in shop.run(*RANGE).output
        assert "Everything is up to date." in words(CliRunner().invoke(app, ["status"]).output)

        shop.set(ATTRIBUTION_DIMENSIONS="")
        assert shop.run(*RANGE).exit_code == 0
        assert "All days are up to date" in shop.run(*RANGE).output
        assert set(before) < set(shop.rows("attribution_day"))
        assert len(endpoint.received) == asked


@pytest.mark.parametrize(
    ("variables", "arguments", "said"),
    [
        (
            {"ATTRIBUTION_DIMENSIONS": "campaign,colour"},
            (),
            "ATTRIBUTION_DIMENSIONS names 'colour', which is no column of session_sources or ad_spend in the",
        ),
        (
            {"ATTRIBUTION_ORDER_DIMENSIONS": "campaign", "ATTRIBUTION_DIMENSIONS": ""},
            (),
            "ATTRIBUTION_ORDER_DIMENSIONS names 'campaign', which is no column of conversions in the",
        ),
        ({}, ("--by", "country"), "--by 'country' is no dimension: it takes, of ATTRIBUTION_DIMENSIONS and"),
    ],
)
def test_a_dimension_that_does_not_exist_is_one_line_and_nothing_is_written(
    shop_of_campaigns: Shop, variables: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    shop_of_campaigns.set(**variables)
    result = shop_of_campaigns.run(*RANGE, *arguments)
    assert result.exit_code == 2
    [line] = result.output.splitlines()
    assert line.startswith(f"Not possible: {said}")
    assert not (shop_of_campaigns.folder / "data").exists()
