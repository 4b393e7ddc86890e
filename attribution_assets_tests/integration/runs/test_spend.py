"""Spend in whole runs: it is the cost where it is given, comes late without a request, and is held against visits."""

import dagster as dg
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets.instance.opening import dagster_instance
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop

RANGE = ("2024-02-22", "2024-02-27")
SPEND = ("date", "channel_name", "campaign", "cost")


def a_shop_with_spend(shop: Shop, *spend: tuple[object, ...]) -> None:
    """Two visitors, of whom one orders, and what was spent."""
    shop.session("s1", "ann", "2024-02-22 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-24 10:00:00", "Search", 0.5)
    shop.session("s3", "ben", "2024-02-25 11:00:00", "Search", None)
    shop.order("o1", "ann", "2024-02-24 20:00:00", 90.0)
    if spend:
        shop.sql("CREATE TABLE ad_spend (date text, channel_name text, campaign text, cost double precision)")
        insert(shop.url, "ad_spend", spend, *SPEND)


def costs(shop: Shop) -> dict[object, object]:
    return {(date, channel): cost for channel, date, cost, _, _ in shop.rows("channel_reporting")}


def warnings(check: str) -> dict[str, str]:
    """Day -> the first problem of the latest evaluation of a check of the report."""
    with dagster_instance() as instance:
        key = dg.AssetCheckKey(dg.AssetKey("channel_reporting"), check)
        record = instance.get_latest_asset_check_evaluation_record(key)
        assert record is not None
        evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    records = evaluation.metadata["problems"].value.records if "problems" in evaluation.metadata else []
    return {record.data["day"]: record.data["problem"] for record in records}


def test_a_share_of_rows_set_aside_is_of_the_rows_of_the_source_not_of_their_sums(shop: Shop) -> None:
    """One unusable row among 300 of one campaign is less than 1 %."""
    keywords = [("2024-02-24", "Search", "brand", 0.5, f"word {number}") for number in range(300)]
    a_shop_with_spend(shop)
    shop.sql("CREATE TABLE ad_spend (date text, channel_name text, campaign text, cost double precision, keyword text)")
    insert(shop.url, "ad_spend", [*keywords, ("2024-02-24", "Search", "brand", -1.0, "word")], *SPEND, "keyword")
    result = shop.run()
    assert result.exit_code == 0, result.output
    assert costs(shop)["2024-02-24", "Search"] == 150.0
    looked = CliRunner().invoke(app, ["source"])
    assert "300 of ad_spend can be used" in looked.output


def status() -> str:
    return " ".join(CliRunner().invoke(app, ["status"]).output.split())


def test_spend_is_the_cost_where_there_is_a_row_of_it_and_days_without_visits_keep_theirs(any_shop: Shop) -> None:
    a_shop_with_spend(
        any_shop,
        ("2024-02-24", "Search", "brand", 10.0),
        ("2024-02-24", "Search", None, 5.0),
        ("2024-02-27", "TV", None, 40.0),
    )
    result = any_shop.run()
    assert result.exit_code == 0, result.output
    assert costs(any_shop) == {
        ("2024-02-22", "Display"): 2.0,
        ("2024-02-24", "Search"): 15.0,
        ("2024-02-25", "Search"): 0.0,
        ("2024-02-27", "TV"): 40.0,
    }
    assert [(row["channel_name"], row["date"]) for row in any_shop.report()][-1] == ("TV", "2024-02-27")
    assert warnings("spend_goes_with_visits") == {
        "2024-02-24": "Search: spend gives a cost of 15.00, its visits 0.50: spend counts",
        "2024-02-25": "Search: no spend, but 1 visit; it had spend in the days before",
        "2024-02-27": "TV: spend of 40.00, but no visit",
    }
    assert "Everything is up to date." in status()


def test_late_spend_restates_its_days_and_asks_nobody(any_shop: Shop) -> None:
    a_shop_with_spend(any_shop)
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        assert any_shop.run(*RANGE).exit_code == 0
        assert costs(any_shop)["2024-02-24", "Search"] == 0.5
        asked = len(endpoint.received)

        any_shop.sql("CREATE TABLE ad_spend (date text, channel_name text, campaign text, cost double precision)")
        insert(any_shop.url, "ad_spend", [("2024-02-24", "Search", "a", 3.0), ("2024-02-22", "TV", "a", 1.0)], *SPEND)
        assert "│ spend │ 2024-02-20..2024-02- │ │ 2024-02-20..2024-02- │" in status()
        assert any_shop.run("2024-02-24", "2024-02-24").exit_code == 0
        assert costs(any_shop)["2024-02-24", "Search"] == 3.0
        assert costs(any_shop)["2024-02-22", "TV"] == 1.0
        assert "Everything is up to date." in status()

        any_shop.sql("UPDATE ad_spend SET cost = 4 WHERE channel_name = 'TV'")
        assert any_shop.run("2024-02-25", "2024-02-27").exit_code == 0
        assert costs(any_shop)["2024-02-22", "TV"] == 4.0

        any_shop.sql("DROP TABLE ad_spend")
        assert any_shop.run(*RANGE).exit_code == 0
        assert costs(any_shop) == {
            ("2024-02-22", "Display"): 2.0,
            ("2024-02-24", "Search"): 0.5,
            ("2024-02-25", "Search"): 0.0,
        }
        assert len(endpoint.received) == asked


def test_spend_that_is_there_twice_stops_the_report_of_its_day_alone(shop: Shop) -> None:
    a_shop_with_spend(
        shop,
        ("2024-02-24", "Search", "brand", 10.0),
        ("2024-02-24", "Search", "brand", 11.0),
        ("2024-02-25", "Search", "brand", 5.0),
    )
    result = shop.run(*RANGE)
    assert result.exit_code == 1
    assert "2 of 2 source rows of spend of 2024-02-24 were set aside" in " ".join(result.output.split())
    assert "not made because of this: channel_reporting of 2024-02-24" in " ".join(result.output.split())
    assert ("2024-02-24", "Search") not in costs(shop)
    assert costs(shop)["2024-02-25", "Search"] == 5.0
    assert "2 of spend with a cost of 21.00" in " ".join(result.output.split())
